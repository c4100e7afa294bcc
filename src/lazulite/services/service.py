"""What a service is: pure functions over resources, and the ARM types they own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec

from lazulite.forwarding.model import Contents, ForwardingModel, Route
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Kind, Resource, Violation
from lazulite.resources.view import View
from lazulite.values import Direction, Flow, IPAddress


class Directory(Protocol):
    """Who managed identities are, and what roles give: for services that act as one of them."""

    def principal(self, identity: Resource[Any]) -> str:
        """Object id of the managed identity that a resource is; empty where it is none."""

    def holders(self, principal: str) -> Collection[str]:
        """The object ids by which a principal has rights: its own, and those of its groups."""

    def may(self, principal: str, action: str, scope: str) -> bool:
        """Whether roles give the principal the data action *action* on *scope*."""


class _Nobody:
    """A directory without roles, where a resource's id is its principal's."""

    def principal(self, identity: Resource[Any]) -> str:
        return identity.guid

    def holders(self, principal: str) -> Collection[str]:
        return (principal,)

    def may(self, principal: str, action: str, scope: str) -> bool:
        return False


NOBODY: Directory = _Nobody()


class Lab(msgspec.Struct, frozen=True):
    """What a service may know of where it runs; values, so that services stay pure."""

    public_pool: tuple[str, ...] = ("198.18.0.0/15", "2001:2::/48")
    """Prefixes that public addresses come from."""
    dns_suffix: str = "cloudapp.azure.com"
    regions: tuple[str, ...] = ()
    tenants: Mapping[str, str] = {}
    """The tenant of each subscription, by its folded id."""
    secret: str = ""
    """What nobody outside knows: what a service derives from it, nobody can guess."""
    directory: Directory = NOBODY


class Observations(msgspec.Struct, frozen=True):
    """What the agent last reported, by entry name."""

    guests: Mapping[str, str] = {}
    """Guest name to ``running`` or an error sentence."""
    scripts: Mapping[str, tuple[int, str, str]] = {}
    """Script name to exit code, standard output and standard error, once it has ended."""
    health: Mapping[str, Contents] = {}
    """Pool name to its healthy members, once its prober has said anything."""
    reasons: Mapping[str, Mapping[str, str]] = {}
    """Pool name to why the last probe of a member failed, in a few words; members whose last one succeeded are not
    there."""
    reports: Mapping[str, Mapping[str, Any]] = {}
    """By entry name, what whoever works for a capture, a monitor, a log or a store says of it: JSON."""


class Reply(msgspec.Struct, frozen=True):
    """An action's answer to the client. ``slow`` answers 202 with a Location, as Azure does for this verb."""

    body: Any = None
    slow: bool = False


class Write(msgspec.Struct, frozen=True):
    """An action that stores a new version of the resource. Clients poll until the network follows; with a ``body`` the
    answer itself waits for that."""

    resource: Resource[Any]
    body: Any = None


class Run(msgspec.Struct, frozen=True):
    """An action that runs a script in a guest; ``reply`` shapes (exit code, stdout, stderr) into the answer."""

    guest: str
    script: str
    reply: Callable[[int, str, str], Any]


class Analysis(Protocol):
    """What the forwarding model answers, for verbs that ask it. Ports are names of entries."""

    def ip_flow(self, port: str, direction: Direction, flow: Flow) -> tuple[bool, str]:
        """Whether the lists of *port* let a first packet pass, and the origin of the rule that decided; no origin where
        it has no list. Flows towards the port are as it sees them, after translation."""

    def next_hop(self, port: str, destination: IPAddress) -> Route | None:
        """The route that *port* uses; ``None`` when it has none."""

    def exit(self, guest: str, destination: IPAddress) -> str:
        """The port that a guest's own routes choose; empty when it has none."""

    def conversation(self, port: str, flow: Flow) -> Mapping[str, Any]:
        """A first packet and the answer to it: ``forward``, ``reply`` (``None`` where nobody answers) and ``passes``;
        both ways are traces as the lab's own API tells them. Empty for an unknown port."""


class _Silence:
    """Nobody to ask."""

    def ip_flow(self, port: str, direction: Direction, flow: Flow) -> tuple[bool, str]:
        return False, ""

    def next_hop(self, port: str, destination: IPAddress) -> Route | None:
        return None

    def exit(self, guest: str, destination: IPAddress) -> str:
        return ""

    def conversation(self, port: str, flow: Flow) -> Mapping[str, Any]:
        return {}


SILENCE: Analysis = _Silence()


class Context(msgspec.Struct, frozen=True):
    """What an action is given beside the resource."""

    view: View
    model: ForwardingModel
    lab: Lab
    now: str
    """ISO 8601, UTC."""
    body: Any = None
    query: Mapping[str, str] = {}
    observations: Observations = Observations()
    analysis: Analysis = SILENCE


Action: TypeAlias = Callable[[Resource[Any], Context], Reply | Write | Run | Iterable[Violation]]


class Service(msgspec.Struct, frozen=True):
    """One row of the service table in :mod:`lazulite.services`."""

    name: str
    kinds: tuple[Kind, ...]
    assign: Callable[[Resource[Any], Resource[Any] | None, View, Lab], Resource[Any]] = lambda new, old, view, lab: new
    """Fill in what the service chooses (addresses, MACs, names), keeping what *old* had. Runs after decoding,
    before :attr:`validate`; must not refuse anything: what cannot be assigned is left for validate to report."""
    validate: Callable[[Resource[Any], View, Lab], Iterable[Violation]] = lambda resource, view, lab: ()
    """Refuse a write before anything is stored. Yields every violation, never raises. References that dangle and
    immutable properties are checked by the protocol layer, from the declarations."""
    since: Callable[[Resource[Any], Resource[Any] | None, str], Iterable[Violation]] = lambda new, old, version: ()
    """Refuse what the client's API version no longer allows, or not yet: by what is new, what was there, and the
    version, empty where nobody says one. What one version let in is not refused where it stays as it was."""
    companions: Callable[[Resource[Any], View, Lab], Iterable[Resource[Any]]] = lambda resource, view, lab: ()
    """What is born with a new resource: documents below its id, which go when it does."""
    brings: Mapping[type, Callable[[Resource[Any], View, Lab], Iterable[Resource[Any]]]] = {}
    """Per model, other rooms' too: what the platform makes of its own accord when such a resource is written. Their
    groups are made where they are missing."""
    derived: Callable[[ResourceId, str, View], Iterable[dict[str, Any]]] = lambda holder, kind, view: ()
    """What clients find below a resource although no document holds it, by the holder's id and the full type: bodies
    with ``id`` and ``name``, shown in lists and on their own until somebody writes a document there."""
    deletable: Callable[[Resource[Any], View], Iterable[Violation]] = lambda resource, view: ()
    """Refuse a delete for reasons beyond being referenced."""
    compile: Mapping[type, Callable[[Resource[Any], View], Iterable[Any]]] = {}
    """Per model, the entries of each resource (or child) of it. Total: a dangling reference compiles to the
    closed behaviour, never to an exception."""
    status: Mapping[type, Callable[[Resource[Any], View, Observations], Mapping[str, Any]]] = {}
    """Per model (children too), the read-only properties: wire name to JSON value."""
    beside: Mapping[type, Callable[[Resource[Any], View, Observations], Mapping[str, Any]]] = {}
    """Per model of a child, the members that stand beside its ``properties``."""
    progress: Callable[[View, Observations, Lab], Iterable[Write]] | None = None
    """What the service goes on to write by itself, given what it sees: asked again after whatever changes either."""
    actions: Mapping[str, Action] = {}
    """POST verbs (and GET sub-paths that are none of the children), as ``{type}/{verb}``, folded. A sub-path can have
    two parts: ``{type}/heatmaps/default``."""
    template_actions: Mapping[str, Action] = {}
    """Verbs that deployments of templates use themselves, and no client; each wants the caller's right to it."""
    collection_actions: Mapping[str, Callable[[Context, Mapping[str, str]], Any]] = {}
    """Verbs at subscription scope: what follows ``/subscriptions/{subscription}/providers/``, namespace included, as
    in ``Microsoft.Network/locations/{location}/usages``. Its placeholders and ``subscription`` come as a map."""
    tenant_actions: Mapping[str, Callable[[Context, Mapping[str, str]], Any]] = {}
    """The same of the tenant: what follows ``/providers/``."""
