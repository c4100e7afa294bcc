"""The entry types of the forwarding model.

Services compile into these, drivers realise them, :mod:`lazulite.analysis` answers from them; this file knows none
of the three. Names are stable identities (they survive an edit of what they name), and entries refer to each
other by name: an access list can change without its users changing. ``origin`` is the resource, rule or route
of the user an entry came from, so that an answer, a counter or an error can quote it.

Entries about balancing stand in :mod:`frontends`, about names in :mod:`naming`, about what is seen in
:mod:`observing`; this file has them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias, TypeVar

import msgspec

from lazulite.forwarding.entry import Entry, EntryKey
from lazulite.forwarding.firewalling import (
    WafBody,
    WafBot,
    WafBots,
    WafCondition,
    WafExclusion,
    WafLimit,
    WafManaged,
    WafPolicy,
    WafRule,
    WafScrub,
    WafTarget,
)
from lazulite.forwarding.frontends import (
    AdminState,
    BalancingRule,
    Contents,
    Detour,
    Distribution,
    Frontend,
    GlobalMember,
    GlobalRule,
    Member,
    Nearness,
    Place,
    Pool,
    PortBlock,
    PortForward,
    Probe,
    ProbeProtocol,
    SourceNat,
    Tunnel,
    Watch,
    Watched,
)
from lazulite.forwarding.naming import (
    AnswerPolicy,
    Choice,
    Countries,
    Country,
    ForwardRule,
    ForwardRuleset,
    NameServer,
    PlatformResolver,
    RecordSet,
    ResolverEndpoint,
    Upstream,
    Zone,
    ZoneLink,
)
from lazulite.forwarding.observing import (
    Capture,
    CaptureFilter,
    Check,
    Doorway,
    Fault,
    FlowLog,
    FlowLogFormat,
    Monitor,
    ObjectStore,
    Sink,
    Tap,
    TapSource,
)
from lazulite.forwarding.proxying import (
    Certificate,
    ClientTls,
    Condition,
    HeaderChange,
    HttpBackend,
    HttpProxy,
    HttpRule,
    Redirect,
    Rewrite,
    Server,
    ServerTls,
    Site,
    ValueMatch,
)
from lazulite.values import ALL_PORTS, Direction, Flow, IPAddress, IPNetwork, PortRange, Protocol

__all__ = [
    "AccessList",
    "Action",
    "AddressSet",
    "AdminState",
    "AnswerPolicy",
    "AnyEntry",
    "BalancingRule",
    "Capture",
    "CaptureFilter",
    "Certificate",
    "Check",
    "Choice",
    "ClientTls",
    "Condition",
    "Contents",
    "Countries",
    "Country",
    "Detour",
    "Distribution",
    "Doorway",
    "Entry",
    "EntryKey",
    "Fault",
    "FlowLog",
    "FlowLogFormat",
    "ForwardRule",
    "ForwardRuleset",
    "ForwardingModel",
    "Frontend",
    "GlobalMember",
    "GlobalRule",
    "Guest",
    "HeaderChange",
    "HttpBackend",
    "HttpProxy",
    "HttpRule",
    "InternetHost",
    "Member",
    "Monitor",
    "NameServer",
    "Nearness",
    "NextHop",
    "ObjectStore",
    "Peering",
    "Place",
    "PlatformResolver",
    "Pool",
    "Port",
    "PortBlock",
    "PortForward",
    "Probe",
    "ProbeProtocol",
    "PublicAddress",
    "RecordSet",
    "Redirect",
    "ResolverEndpoint",
    "Rewrite",
    "Route",
    "RouteSource",
    "RouteTable",
    "Rule",
    "Script",
    "Server",
    "ServerTls",
    "Sink",
    "Site",
    "SourceNat",
    "Tap",
    "TapSource",
    "Tunnel",
    "Upstream",
    "ValueMatch",
    "Vrf",
    "WafBody",
    "WafBot",
    "WafBots",
    "WafCondition",
    "WafExclusion",
    "WafLimit",
    "WafManaged",
    "WafPolicy",
    "WafRule",
    "WafScrub",
    "WafTarget",
    "Watch",
    "Watched",
    "Zone",
    "ZoneLink",
]


class Action(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


class Vrf(Entry, frozen=True):
    """A routing domain: one virtual network. Addresses of different VRFs may overlap.

    ``default_snat`` is the public address that flows leave from when their source has none of its own.
    """

    label: str
    prefixes: tuple[IPNetwork, ...]
    flow_timeout_s: int = 240
    default_snat: IPAddress | None = None
    origin: str = ""


class PublicAddress(msgspec.Struct, frozen=True, order=True):
    """A one-to-one translation between an address of a port and a public one."""

    private: IPAddress
    public: IPAddress
    origin: str = ""
    detour: str = ""
    """Name of the :class:`Detour` that its packets make."""


class Port(Entry, frozen=True):
    """Where a workload meets its VRF: a network interface.

    ``egress`` and ``ingress`` name the access lists a flow must pass, in the order they are asked. A port with no
    running ``guest`` owns its addresses and carries nothing. ``guid`` tells one incarnation of a name from the
    next: flow state never passes between them.
    """

    label: str
    guid: str
    vrf: str
    mac: str
    addresses: tuple[IPAddress, ...]
    gateways: tuple[IPNetwork, ...]
    """Per address, its subnet: the guest's prefix length and first-hop address follow from it."""
    guest: str | None = None
    slot: int = 0
    """Order among the ports of the guest; 0 is the primary, which alone gets a default route."""
    forwards: bool = False
    """Whether it may send from, and be sent, addresses that are not its own."""
    egress: tuple[str, ...] = ()
    ingress: tuple[str, ...] = ()
    own_list: bool = False
    """Whether one of the lists is the port's own, asked first on the way out and last on the way in; the other one is
    its subnet's."""
    routes: str = ""
    """Name of the route table for what the workload sends."""
    public: tuple[PublicAddress, ...] = ()
    default_outbound: bool = True
    origin: str = ""


class AddressSet(Entry, frozen=True):
    """Addresses that rules name together and that come and go by themselves: an application security group."""

    members: tuple[IPAddress, ...]
    origin: str = ""


class Rule(msgspec.Struct, frozen=True):
    """One line of an access list. Empty tuples match everything; prefixes and sets of one side are alternatives."""

    priority: int
    action: Action
    sources: tuple[IPNetwork, ...] = ()
    destinations: tuple[IPNetwork, ...] = ()
    source_sets: tuple[str, ...] = ()
    destination_sets: tuple[str, ...] = ()
    protocol: Protocol | None = None
    source_ports: tuple[PortRange, ...] = ()
    destination_ports: tuple[PortRange, ...] = ()
    origin: str = ""

    @property
    def needs_ports(self) -> bool:
        """Whether only flows that have ports can match."""
        return any(r != ALL_PORTS for r in self.source_ports + self.destination_ports)

    def matches(self, flow: Flow, members: Mapping[str, frozenset[IPAddress]]) -> bool:
        """Whether the rule decides *flow*; *members* resolves the address sets."""
        if self.protocol is not None and self.protocol != flow.protocol:
            return False
        if self.needs_ports and not flow.protocol.has_ports:
            return False
        return (
            _on_side(flow.src, self.sources, self.source_sets, members)
            and _on_side(flow.dst, self.destinations, self.destination_sets, members)
            and _in_ranges(flow.src_port, self.source_ports, flow)
            and _in_ranges(flow.dst_port, self.destination_ports, flow)
        )


def _on_side(
    address: IPAddress,
    prefixes: tuple[IPNetwork, ...],
    sets: tuple[str, ...],
    members: Mapping[str, frozenset[IPAddress]],
) -> bool:
    if not prefixes and not sets:
        return True
    return any(address in p for p in prefixes) or any(address in members.get(s, ()) for s in sets)


def _in_ranges(port: int, ranges: tuple[PortRange, ...], flow: Flow) -> bool:
    return not ranges or not flow.protocol.has_ports or any(port in r for r in ranges)


class AccessList(Entry, frozen=True):
    """Rules in the order they are asked; the first match decides, and no match is a deny."""

    label: str
    direction: Direction
    rules: tuple[Rule, ...]
    origin: str = ""


class NextHop(StrEnum):
    LOCAL = "VnetLocal"
    PEERING = "VNetPeering"
    GLOBAL_PEERING = "VNetGlobalPeering"
    APPLIANCE = "VirtualAppliance"
    INTERNET = "Internet"
    GATEWAY = "VirtualNetworkGateway"
    NONE = "None"


class RouteSource(StrEnum):
    """In order of preference between routes of one prefix."""

    USER = "User"
    GATEWAY = "VirtualNetworkGateway"
    DEFAULT = "Default"


class Route(msgspec.Struct, frozen=True):
    """One row of a route table. Inactive rows lost to a preferred one of the same prefix and carry nothing.

    ``via`` is an appliance's address, ``target`` the VRF where it, or the destination of a peering, is found;
    an appliance with no ``target`` is unreachable and its traffic is dropped.
    """

    prefix: IPNetwork
    next_hop: NextHop
    source: RouteSource = RouteSource.DEFAULT
    active: bool = True
    via: IPAddress | None = None
    target: str | None = None
    origin: str = ""


class RouteTable(Entry, frozen=True):
    """Routes for what the workloads of a subnet send; the longest active prefix decides. None matching: dropped."""

    vrf: str
    routes: tuple[Route, ...]
    origin: str = ""


class Peering(Entry, frozen=True):
    """The end of a peering link in ``vrf``: what may come in from ``remote``.

    A packet from one of ``prefixes`` (the remote's own space) needs ``access``; any other needs ``forwarded``.
    """

    vrf: str
    remote: str
    prefixes: tuple[IPNetwork, ...]
    access: bool = True
    forwarded: bool = False
    origin: str = ""


class Guest(Entry, frozen=True):
    """A running workload: a namespace with its own hostname, resolver, processes and root."""

    label: str
    hostname: str
    nameservers: tuple[IPAddress, ...] = ()
    search: str = ""
    startup: str = ""
    """Base64 of a script to run once per ``guid`` (customData)."""
    guid: str = ""
    platform: bool = False
    """Whether it is the platform's: an endpoint of a service, not a machine of the user's."""
    origin: str = ""


class Script(Entry, frozen=True):
    """Something to run once in a guest after it started: once per ``guid`` of the script and of the guest."""

    label: str
    guest: str
    body: str
    """Base64 of what ``/bin/sh`` is to run."""
    guid: str = ""
    origin: str = ""


class InternetHost(Entry, frozen=True):
    """A host on the simulated Internet."""

    label: str
    guid: str
    addresses: tuple[IPAddress, ...]
    country: str = ""
    nameservers: tuple[IPAddress, ...] = ()
    platform: bool = False
    """Whether it is the platform's, not a client of the user's."""
    origin: str = ""


AnyEntry: TypeAlias = (
    Vrf
    | Port
    | AddressSet
    | AccessList
    | RouteTable
    | Peering
    | Guest
    | Script
    | InternetHost
    | Pool
    | Contents
    | Frontend
    | Detour
    | BalancingRule
    | GlobalRule
    | Nearness
    | PortForward
    | SourceNat
    | Zone
    | RecordSet
    | AnswerPolicy
    | ZoneLink
    | PlatformResolver
    | Watch
    | Place
    | Countries
    | NameServer
    | ResolverEndpoint
    | ForwardRuleset
    | Tap
    | TapSource
    | ObjectStore
    | Doorway
    | FlowLog
    | Capture
    | Monitor
    | Fault
    | Certificate
    | HttpBackend
    | HttpProxy
    | WafPolicy
)
E = TypeVar("E", bound=Entry)


class ForwardingModel:
    """All entries of one revision, by type and name. Read-only for everyone but its owner."""

    empty: ClassVar[ForwardingModel]

    def __init__(self, entries: Iterable[Any] = ()) -> None:
        self._kinds: dict[type, dict[str, Any]] = {}
        self.put(entries)

    def put(self, entries: Iterable[Any]) -> None:
        for entry in entries:
            self._kinds.setdefault(type(entry), {})[entry.name] = entry

    def drop(self, entries: Iterable[Any]) -> None:
        for entry in entries:
            del self._kinds[type(entry)][entry.name]

    def get(self, kind: type[E], name: str) -> E | None:
        return self._kinds.get(kind, {}).get(name)

    def all(self, kind: type[E]) -> Mapping[str, E]:
        return self._kinds.get(kind, {})

    def __iter__(self) -> Any:
        return (e for kind in self._kinds.values() for e in kind.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ForwardingModel) and {e.key: e for e in self} == {e.key: e for e in other}

    __hash__ = None  # type: ignore[assignment]


ForwardingModel.empty = ForwardingModel()
