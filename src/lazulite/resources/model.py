"""How a resource type's properties are declared, and the resource that carries them.

A model is a frozen ``msgspec.Struct`` with ``rename="camel"``; each field's type says what is legal, and a
marker in ``Annotated`` says what happens to it::

    class Subnet(Properties):
        address_prefix: IPNetwork | None = None
        route_table: Ref | None = None
        purpose: Annotated[str | None, READ_ONLY] = None
        delegations: Annotated[tuple[Child[Delegation], ...], INERT] = ()
        flow_timeout: Annotated[int, Bounds(4, 30)] = 4

Field types: ``str int float bool``, ``Literal`` (compared without case, canonical case kept), ``IPAddress``,
``IPNetwork``, ``Ref``, ``Link``, another model, ``Child[model]``, ``tuple[X, ...]``, ``dict[str, Any]``, ``Any`` and
``X | None``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from lazulite.resources.ids import ResourceId

P = TypeVar("P", covariant=True)


class Properties(msgspec.Struct, frozen=True, rename="camel"):
    """Base of every model of ``properties``. Give acronyms their wire name with ``msgspec.field(name=...)``."""


class Marker(msgspec.Struct, frozen=True):
    """How the service treats a property."""

    name: str


READ_ONLY = Marker("read-only")
"""The service computes it; what a client sends is ignored, as Azure does for echoed bodies."""
ASSIGNED = Marker("assigned")
"""The service chooses and stores it (``assign`` of the service); what a client sends is ignored."""
INERT = Marker("inert")
"""Stored and echoed, without effect on the network. The documentation lists these."""
IMMUTABLE = Marker("immutable")
"""Set at creation; another value later is ``PropertyChangeNotAllowed``."""
SECRET = Marker("secret")
"""Stored, never returned."""
UNSUPPORTED = Marker("unsupported")
"""Azure acts on it, the lab does not, and to accept it in silence would lie about packets: any value but the
default is refused by name."""

FALLS = Marker("falls")
"""On a weak ``Link`` or ``Ref``: the resource that has it goes when its target does."""

OMITTED_WHEN_EMPTY = Marker("omitted when empty")
"""A list that the answer leaves out while nothing is in it. Read-only lists always are."""


class Bounds(msgspec.Struct, frozen=True):
    """Inclusive limits of a number, or of the length of a string or list."""

    low: int
    high: int


class Code(msgspec.Struct, frozen=True):
    """The error code Azure gives when this property's value has the wrong form."""

    code: str


class Targets(msgspec.Struct, frozen=True):
    """On a ``Ref`` or a list of them: the type its target must have, ``Microsoft.Network/routeTables``."""

    kind: str


class WeakRef(msgspec.Struct, frozen=True):
    """On a ``Ref``: the target may be deleted while this reference exists (it need only exist when written)."""


class Ref(msgspec.Struct, frozen=True):
    """``{"id": "…"}``: how one resource points at another. ``id`` keeps the case the client sent."""

    id: str

    @property
    def target(self) -> ResourceId:
        return ResourceId(self.id)


class Link(Ref, frozen=True):
    """A reference that the wire spells as a plain string, as ``networkProfile.networkInterfaces[].id`` does."""


class Child(msgspec.Struct, Generic[P], frozen=True, rename="camel"):
    """A named part of a resource. It is also a resource of its own, at ``{parent}/{property}/{name}``."""

    name: str
    properties: P
    zones: tuple[str, ...] = ()


class Sku(msgspec.Struct, frozen=True, rename="camel"):
    """``sku`` of the envelope."""

    name: str | None = None
    tier: str | None = None
    capacity: int | None = None
    family: str | None = None


class Principal(Properties, frozen=True):
    """Base of the model of a resource that is a principal of the directory: the protocol makes one for it, which comes
    and goes with the resource, and fills in who that is. Other resources have it by ``identity`` of their envelope."""

    tenant_id: Annotated[str | None, READ_ONLY] = None
    principal_id: Annotated[str | None, READ_ONLY] = None
    client_id: Annotated[str | None, READ_ONLY] = None


class Resource(msgspec.Struct, Generic[P], frozen=True, rename="camel"):
    """A stored resource: who it is, and its typed ``properties``.

    ``guid`` is new with every creation and so tells one incarnation of a name from the next; ``revision`` is
    the store's revision of the last write. Children carry their parent's envelope values.
    """

    id: ResourceId
    properties: P
    location: str | None = None
    tags: dict[str, str] | None = None
    """``None`` when none were ever sent. An empty object is echoed, as Azure does: az edits tags in place."""
    sku: Sku | None = None
    zones: tuple[str, ...] = ()
    envelope: dict[str, Any] = {}
    """Further top-level members the type allows (``identity``, ``plan``, ``kind`` …), as sent."""
    guid: str = ""
    revision: int = 0
    created: str = ""
    """When the store first wrote it, and when last; ISO 8601, UTC. Children have none."""
    changed: str = ""

    @property
    def assigned(self) -> tuple[Ref, ...]:
        """The principals of the directory that it has by ``identity.userAssignedIdentities``."""
        identity = self.envelope.get("identity")
        named = identity.get("userAssignedIdentities") if isinstance(identity, dict) else None
        return tuple(map(Ref, named)) if isinstance(named, dict) else ()

    @property
    def etag(self) -> str:
        """As Azure prints it; changes with every write of the resource or one of its children."""
        return f'W/"{self.guid[:-12]}{self.revision:012x}"'


class Violation(msgspec.Struct, frozen=True):
    """Why a request is refused, in ARM's words: ``code`` is Azure's, ``target`` a JSON path."""

    code: str
    message: str
    target: str = ""


class Quota(msgspec.Struct, frozen=True):
    """How many resources of a type a subscription may have in one region, and the code of the refusal of another."""

    limit: int
    code: str


class Kind(msgspec.Struct, frozen=True):
    """What the protocol has to know of one resource type."""

    name: str
    """``Microsoft.Network/virtualNetworks``: the canonical spelling."""
    model: type
    in_use: tuple[str, str] | None = None
    """Code and message of the refusal to delete it while it is referenced. ``{id}``, ``{name}`` and ``{users}``
    (ids, joined with commas) are filled in. ``None``: the generic code of ARM."""
    envelope: frozenset[str] = frozenset()
    """Top-level members beyond id, name, type, location, tags, etag and properties: ``sku zones identity …``."""
    located: bool = True
    """Whether ``location`` is required."""
    tracked: bool = True
    """Shown in lists of all resources; extensions and nested types of others are not."""
    name_pattern: str = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?"
    creatable_children: frozenset[str] = frozenset()
    """Wire names of the ``Child`` properties that can be written at a path of their own (``subnets`` yes,
    ``ipConfigurations`` no: those are read there, and written through the parent)."""
    removable_children: frozenset[str] = frozenset()
    """Wire names of the ``Child`` properties that the service writes, and whose members a client may only delete."""
    children_kept_since: Mapping[str, str] = {}
    """The api-version, by wire name, from which on a write that does not mention these children leaves them alone.
    An older one, like an empty list, deletes them."""
    child_defaults: bool = True
    default_sku: Sku | None = None
    of_subscription: bool = False
    """Whether it is a subscription's own: it stands in no resource group."""
    updated_status: int = 200
    """HTTP status of every write but the one that creates it."""
    updated_child_status: int = 200
    """The same of its children."""
    asynchronous: bool = True
    """Whether writes answer with an operation to poll."""
    bodiless: bool = False
    """Whether a write can come without a body: there is nothing to say of such a resource but that it is to be."""
    created_status: int = 201
    """HTTP status of the write that creates it; clients of some types know no other than 200."""
    deleted_status: int = 200
    """HTTP status of a delete that is over at once; clients of some types know 202 and 204 alone."""
    deleted: Any = None
    """Body of the answer to a delete, where clients expect one."""
    quota: Quota | None = None
    inward: Callable[[Mapping[str, Any]], tuple[dict[str, Any], list[Violation]]] | None = None
    """From the ``properties`` that clients send to those that are declared, where the two differ in shape."""
    outward: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    """The other way round."""
