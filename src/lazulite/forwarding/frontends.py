"""Entries about addresses that stand for others: balancers, their pools and who is healthy, translation by ports.
:mod:`lazulite.forwarding.model` has all entries."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from lazulite.forwarding.entry import Entry
from lazulite.values import IPAddress, IPNetwork, PortRange, Protocol


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
    body: str = ""
    """What the body of an HTTP answer has to contain."""
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
    """Members that are probed from ``sites``: guests or hosts on the Internet. Each finds out on its own, and the
    majority decides. Which members are healthy is a dynamic set of this name; until it is filled, nobody has been
    judged."""

    label: str
    sites: tuple[str, ...]
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
