"""The entry types of the forwarding model.

Services compile into these, drivers realise them, :mod:`lazulite.analysis` answers from them; this file knows none
of the three. Names are stable identities (they survive an edit of what they name), and entries refer to each
other by name: an access list can change without its users changing. ``origin`` is the resource, rule or route
of the user an entry came from, so that an answer, a counter or an error can quote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias, TypeVar

import msgspec

from lazulite.values import ALL_PORTS, Direction, Flow, IPAddress, IPNetwork, PortRange, Protocol

EntryKey: TypeAlias = tuple[str, str]
"""Entry type and name."""


class Entry(msgspec.Struct, frozen=True, tag=True):
    """Base of all entries. ``name`` is unique among entries of one type."""

    name: str

    @property
    def key(self) -> EntryKey:
        return type(self).__name__, self.name


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


class ProbeProtocol(StrEnum):
    TCP = "Tcp"
    HTTP = "Http"
    HTTPS = "Https"


class Probe(msgspec.Struct, frozen=True):
    """How the health of a backend is found. ``threshold`` equal results in a row turn it, either way."""

    protocol: ProbeProtocol
    port: int
    path: str = ""
    interval_s: int = 15
    threshold: int = 1
    recovery: int = 0
    """How many good results in a row turn it up; 0: as many as turn it down."""
    timeout_s: int = 0
    """How long an answer may take; 0: an interval, and no more than the prober's own bound."""
    statuses: tuple[tuple[int, int], ...] = ()
    """First and last of ranges of HTTP statuses that are a success; none: 200 alone."""
    trusting: bool = False
    """Whether members are taken for healthy until probes have said otherwise."""
    origin: str = ""


class AdminState(StrEnum):
    """What the user says of a backend, over its probe. ``DOWN`` takes no new flow."""

    NONE = "None"
    UP = "Up"
    DOWN = "Down"


class Member(msgspec.Struct, frozen=True):
    """A backend: an address of the pool's VRF. ``name`` stays the same while the pool changes around it."""

    name: str
    address: IPAddress
    admin: AdminState = AdminState.NONE
    origin: str = ""


class Pool(Entry, frozen=True):
    """Backends that a balancer chooses from.

    With a ``probe``, which members are healthy is a dynamic set: the agent fills the :class:`Contents` of this name,
    and until it does none is. Without one all are. ``revive`` has flows go on to all members when none is healthy.
    """

    label: str
    vrf: str
    members: tuple[Member, ...]
    probe: Probe | None = None
    revive: bool = False
    origin: str = ""


class Watched(msgspec.Struct, frozen=True):
    """Something on the Internet whose health is watched: an ``address``, or what the name ``host`` leads to.

    ``host`` and ``headers`` are what HTTP requests carry.
    """

    name: str
    address: IPAddress | None
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    origin: str = ""


class Watch(Entry, frozen=True):
    """Members that are probed from the Internet host ``site``. Which are healthy is a dynamic set of this name; until
    it is filled, nobody has been judged."""

    label: str
    site: str
    members: tuple[Watched, ...]
    probe: Probe
    resolver: IPAddress | None = None
    """Who knows the addresses of members that have a name alone."""
    origin: str = ""


class Place(Entry, frozen=True):
    """Where the addresses of a prefix are: ``codes`` of geographic regions from the narrowest on, and milliseconds to
    Azure's regions by name."""

    prefix: IPNetwork
    codes: tuple[str, ...]
    latencies: tuple[tuple[str, float], ...] = ()
    origin: str = ""


class Contents(Entry, frozen=True):
    """What a dynamic set holds: names of members, since when (ISO 8601, UTC) and who says so.

    Never compiled: the agent fills it and goes on doing so with no controller. The name is that of the entry that
    declares the set.
    """

    members: tuple[str, ...]
    producer: str = ""
    since: str = ""


class Frontend(Entry, frozen=True):
    """An address of a balancer: ``public``, or a private one of the VRF. Nothing passes but what rules on it let."""

    label: str
    vrf: str
    address: IPAddress
    public: bool = False
    origin: str = ""
    detour: str = ""
    """Name of the :class:`Detour` that packets of a public one make."""


class Tunnel(msgspec.Struct, frozen=True):
    """A VXLAN tunnel: the UDP port that both ends receive on, and the network identifier."""

    port: int
    identifier: int


class Detour(Entry, frozen=True):
    """Packets of public addresses that name it pass an appliance between the Internet and the edge of their network.

    From ``address`` in ``vrf`` they are sent to a member of ``pool``: what comes from the Internet by the ``external``
    tunnel, what goes there by the ``internal`` one. It comes back by the other one, and goes on as it came. Both
    directions of a flow meet one member; with none that may get flows it is dropped.
    """

    label: str
    vrf: str
    address: IPAddress
    pool: str
    internal: Tunnel
    external: Tunnel
    origin: str = ""


class Distribution(StrEnum):
    """What of a new flow chooses its backend; see :mod:`lazulite.forwarding.balancing`."""

    FLOW = "Default"
    SOURCE = "SourceIP"
    SOURCE_PROTOCOL = "SourceIPProtocol"


class BalancingRule(Entry, frozen=True):
    """New flows to a port of a frontend go to a member of the pool. Port 0 is every port, and so is protocol ``None``
    (of TCP and UDP); backend port 0 keeps the port. A ``floating`` rule leaves the destination address alone."""

    label: str
    frontend: str
    pool: str
    protocol: Protocol | None
    port: int
    backend_port: int
    distribution: Distribution = Distribution.FLOW
    floating: bool = False
    idle_timeout_s: int = 240
    resets: bool = False
    """Whether both ends of a TCP flow that idled too long are told so."""
    origin: str = ""


class GlobalMember(msgspec.Struct, frozen=True, order=True):
    """A balancing rule on a public frontend that a global rule may lead to, and the region where it is."""

    rule: str
    region: str


class GlobalRule(Entry, frozen=True):
    """New flows to a port of an address of several regions go to the nearest one that can serve them.

    A member can while its pool has somebody for new flows. Each source has its order of regions (:class:`Nearness`);
    members of one region share its flows by hash. The flow keeps its addresses up to the edge of the member's network,
    where the member's rule takes the ``address`` as it takes its own frontend's.
    """

    label: str
    address: IPAddress
    protocol: Protocol
    port: int
    members: tuple[GlobalMember, ...]
    distribution: Distribution = Distribution.FLOW
    idle_timeout_s: int = 240
    origin: str = ""


class Nearness(Entry, frozen=True):
    """The regions from the nearest on, for what an Internet host of this name sends, or the edge of a VRF of it."""

    regions: tuple[str, ...]
    origin: str = ""


class PortForward(Entry, frozen=True):
    """One port of a frontend that leads to one port of one backend."""

    label: str
    frontend: str
    protocol: Protocol
    port: int
    target: IPAddress
    target_port: int
    floating: bool = False
    idle_timeout_s: int = 240
    resets: bool = False
    origin: str = ""


class PortBlock(msgspec.Struct, frozen=True, order=True):
    """Ports of a public address that one private address may use."""

    private: IPAddress
    public: IPAddress
    ports: PortRange


class SourceNat(Entry, frozen=True):
    """Public addresses that flows of several ports of a VRF leave from, and share.

    A gateway serves whatever comes from its ``prefixes``, before any address of a port's own, and gives out all ports
    on demand. A balancer serves the private addresses of its ``blocks``, after public addresses of their own, each
    within its blocks. Other protocols than ``protocols`` are not served.
    """

    label: str
    vrf: str
    addresses: tuple[IPAddress, ...]
    protocols: tuple[Protocol, ...] = (Protocol.TCP, Protocol.UDP)
    prefixes: tuple[IPNetwork, ...] = ()
    blocks: tuple[PortBlock, ...] = ()
    tcp_idle_s: int = 240
    udp_idle_s: int = 240
    resets: bool = True
    origin: str = ""

    @property
    def is_gateway(self) -> bool:
        return bool(self.prefixes)


class Zone(Entry, frozen=True):
    """A table of names. ``fqdn`` is lower case, without the last dot; the records are :class:`RecordSet` entries.

    ``servers`` is the number of the set of name servers that serves it on the Internet; where a name has several
    zones, the lowest set is the one that is delegated to. A private zone (0) is seen through :class:`ZoneLink`.
    """

    fqdn: str
    servers: int = 0
    origin: str = ""


class RecordSet(Entry, frozen=True):
    """All records of one name and type. ``owner`` is relative and lower case, empty at the apex.

    ``records`` is RDATA in wire form, names uncompressed. Where ``policy`` names an :class:`AnswerPolicy`, the
    answer is computed at each query and ``records`` is empty; a set with neither is a name without such records.
    """

    zone: str
    owner: str
    rtype: str
    ttl: int
    records: tuple[bytes, ...] = ()
    policy: str = ""
    origin: str = ""


class Choice(msgspec.Struct, frozen=True):
    """One of the targets a policy chooses among: a domain name, an address, or another policy (``nested``).

    ``name`` is its identity in the dynamic set of those that can be chosen. A ``nested`` policy counts as up while it
    has ``minimum`` choices that are, among them ``minimum_4`` and ``minimum_6`` of the two IP versions.
    """

    name: str
    target: str = ""
    address: IPAddress | None = None
    nested: str = ""
    minimum: int = 1
    minimum_4: int = 0
    minimum_6: int = 0
    priority: int = 1
    weight: int = 1
    location: str = ""
    places: tuple[str, ...] = ()
    """Codes of the geographic regions that are sent here."""
    subnets: tuple[IPNetwork, ...] = ()
    fixed: bool = False
    """Whether it can be chosen whatever the dynamic set says."""
    origin: str = ""


class AnswerPolicy(Entry, frozen=True):
    """How a name chooses its answer: ``method`` over those ``choices`` that the dynamic set ``available`` names.

    Who fills the set reports every choice it knows as up or down; one that it has not spoken of counts as up. When
    none is up, all are chosen among. A choice without target, address or policy can be found by its place, and has no
    answer. ``limit`` bounds how many addresses one answer has.
    """

    label: str
    method: str
    ttl: int
    choices: tuple[Choice, ...]
    available: str = ""
    limit: int = 1
    origin: str = ""


class ZoneLink(Entry, frozen=True):
    """A VRF that sees a zone. ``fallback``: what the zone has no name for is asked of the Internet."""

    vrf: str
    zone: str
    fallback: bool = False
    origin: str = ""


class PlatformResolver(Entry, frozen=True):
    """Where a VRF's workloads ask for names: ``address`` answers in the VRF's router, in every subnet.

    ``seen_as`` is the public address by which policies and servers outside see its queries.
    """

    vrf: str
    address: IPAddress
    seen_as: IPAddress | None = None
    origin: str = ""


class NameServer(Entry, frozen=True):
    """Addresses of the Internet host ``host`` that answer on port 53.

    ``role``: ``root``, ``registry`` (of every top-level domain), ``authority`` (for the zones whose set is
    ``servers``) or ``resolver`` (recursive, for anybody). The addresses of the n-th of ``names`` are the n-th and, for
    each further IP version, those as many places further as there are names.
    """

    host: str
    role: str
    addresses: tuple[IPAddress, ...]
    names: tuple[str, ...] = ()
    servers: int = 0
    origin: str = ""


class ResolverEndpoint(Entry, frozen=True):
    """A resolver with an interface in a subnet: ``guest`` has a :class:`Port`, and answers on or asks from it.

    An inbound one answers on ``address`` what the platform resolver of ``vrf`` would.
    """

    guest: str
    vrf: str
    inbound: bool
    address: IPAddress | None = None
    guid: str = ""
    origin: str = ""


class Upstream(msgspec.Struct, frozen=True):
    """A name server of somebody else's."""

    address: IPAddress
    port: int = 53


class ForwardRule(msgspec.Struct, frozen=True):
    """Names at or below ``domain`` (empty: all) are asked of ``targets``, in order."""

    domain: str
    targets: tuple[Upstream, ...]
    enabled: bool = True
    origin: str = ""


class ForwardRuleset(Entry, frozen=True):
    """Rules for names that others answer, asked from the outbound endpoints ``via``, for the ``vrfs`` it is linked to.

    The longest domain decides; a disabled rule takes its domain out.
    """

    rules: tuple[ForwardRule, ...]
    via: tuple[str, ...]
    vrfs: tuple[str, ...]
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
    | NameServer
    | ResolverEndpoint
    | ForwardRuleset
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
