"""Names of kernel objects: pure functions of entry names, so that a restarted agent computes the same ones.

A name starts with what it is and ends with a digest; interface names fit the kernel's 15 characters.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2s

INTERNET = "internet"
"""Namespace of the simulated Internet."""
EDGE_LINK = "edge"
"""In a router: the link to its edge. In an edge: ``inside`` and ``outside``."""
INSIDE, OUTSIDE = "inside", "outside"
LOOP_OUT, LOOP_IN = "loopout", "loopin"
"""In a router with private frontends: a link to itself. What takes a frontend for its next hop leaves by the one end
and comes back by the other; a frontend's own route leads to the latter, as a sign, and as a way for copies alone."""
NORTH, SOUTH, PROVIDER = "north", "south", "provider"
"""In a detour: towards the Internet, towards the edges, towards the router of the appliances."""
COPY = 7
"""In a router: mark of the copies of a TAP, once they are routed."""
USUAL_MTU, JUMBO_MTU = 1500, 1600
"""Of a link that workloads use, and of one that copies of its packets cross, with 50 bytes more and some to spare."""
RETURN_NORTH, RETURN_SOUTH = 5, 6
"""In a detour: marks and tables of packets that came back."""
BALANCED = 0x40000000
"""Of a binding's mark in an edge: a rule or a source translation made it."""
GATEWAY_MAC = "12:34:56:78:9a:bc"
"""The one MAC address that Azure's fabric answers every ARP request with."""
GATEWAY_6 = "fe80::1234:5678:9abc"
"""First hop of every subnet for IPv6: Azure's router advertises itself under this link-local address."""
PLATFORM = "168.63.129.16"
"""Where platform services of every network answer, and where health probes come from.
Source: facts/load-balancer.md, "Probes" (what-is-ip-address-168-63-129-16)."""
ARP_TABLE = 2
"""Route table in which every address lies elsewhere, so that proxy ARP answers for all of them."""


@lru_cache(maxsize=1 << 17)
def digest(text: str, length: int = 10) -> str:
    return blake2s(text.encode()).hexdigest()[:length]


@lru_cache(maxsize=1 << 17)
def _namespace(prefix: str, name: str) -> str:
    label = re.sub(r"[^A-Za-z0-9-]", "-", name.rsplit("/", 1)[-1])[:24]
    return f"{prefix}.{label}.{digest(name)}"


def router(vrf: str) -> str:
    """Namespace of the router of a VRF."""
    return _namespace("router", vrf)


def edge(vrf: str) -> str:
    """Namespace where the addresses of a VRF are translated to public ones."""
    return _namespace("edge", vrf)


def guest(name: str) -> str:
    """Namespace of a guest or of a host on the Internet."""
    return _namespace("guest", name)


def nic(guid: str) -> str:
    """Router-side interface of a port; a new incarnation of a port has a new one."""
    return f"n{digest(guid)}"


def peer(remote_vrf: str) -> str:
    """Interface of a router towards the router of a peered VRF."""
    return f"p{digest(remote_vrf)}"


def uplink(vrf: str) -> str:
    """Interface of the Internet towards an edge."""
    return f"e{digest(vrf)}"


def uplink_of(edge_namespace: str) -> str:
    """The same from the name of the edge."""
    return f"e{edge_namespace.rpartition('.')[2]}"


def detour(name: str) -> str:
    """Namespace where packets leave for the appliances of a detour, and come back."""
    return _namespace("detour", name)


def north(name: str) -> str:
    """Interface of the Internet towards a detour: what comes from anybody."""
    return f"x{digest(name)}"


def south(name: str) -> str:
    """The same for what the networks behind the detour send, and for what is to reach them."""
    return f"y{digest(name)}"


def detour_link(name: str) -> str:
    """Interface of the router of the appliances towards the detour."""
    return f"v{digest(name)}"


def tunnel(side: str, port: int, identifier: int, address: str) -> str:
    """A tunnel, ``i`` for the internal or ``e`` for the external one; another specification is another interface."""
    return f"{side}{digest(f'{port} {identifier} {address}')}"


def mirror(guid: str) -> str:
    """Interface of a router that copies of a port's packets are put into."""
    return f"m{digest(guid)}"


@lru_cache(maxsize=1 << 16)
def detour_table(name: str, way: str) -> int:
    """Tables of the Internet: ``out`` to a detour, ``back`` from it to the edges."""
    return 0x6000000 | int(digest(f"{way} {name}", 6), 16)


@lru_cache(maxsize=1 << 16)
def appliance(name: str, address: str) -> int:
    """Mark and table of an appliance of a detour: even to its external tunnel, the next one to its internal one."""
    return 0x8000000 | int(digest(f"{name} {address}", 6), 16) << 1


def client(guid: str) -> str:
    """Interface of the Internet towards a host on it."""
    return f"c{digest(guid)}"


@lru_cache(maxsize=1 << 16)
def table(name: str) -> int:
    """Kernel table number, and packet mark, of a route table: 24 bits above the reserved numbers."""
    return 0x1000000 | int(digest(name, 6), 16)


@lru_cache(maxsize=1 << 16)
def steering_table(vrf: str, address: str) -> int:
    """Table and mark of an appliance that is a next hop for peered VRFs."""
    return 0x2000000 | int(digest(f"{vrf} {address}", 6), 16)


def region_table(vrf: str) -> int:
    """Of the Internet: table and mark of what goes to a global address and by the edge of that VRF."""
    return 0x3000000 | int(digest(f"region {vrf}", 6), 16)


def place(regions: tuple[str, ...]) -> int:
    """Of the Internet: mark of what comes from where the regions are in this order."""
    return 0x4000000 | int(digest(" ".join(regions), 6), 16)


def steering_mac(vrf: str, address: str) -> str:
    """Destination MAC by which a packet on a peering link says which appliance it goes to."""
    raw = digest(f"{vrf} {address}", 10)
    return "06:" + ":".join(raw[i : i + 2] for i in range(0, 10, 2))


def access_list(name: str) -> str:
    return f"a{digest(name)}"


def noted_list(name: str, *, last: bool) -> str:
    """The same list for recorded interfaces, where it is asked last or first."""
    return f"{access_list(name)}_{'last' if last else 'first'}"


def filled_map(shape: str, name: str) -> str:
    """A map of that shape (see :mod:`filled`), which its name tells."""
    return f"{shape}{digest(name)}"


def address_set(name: str) -> str:
    return f"s{digest(name)}"


def counter(origin: str) -> str:
    return f"k{digest(origin, 16)}"


def told(counter_name: str) -> str:
    """What a counter of the fixed rulesets is told as."""
    return re.sub(r"^(drop_|lb_)", lambda m: "drop:" if m[1] == "drop_" else "drop:balancer_", counter_name)


def flow_counter(what: str, origin: str) -> str:
    """Of the flows of a rule or a source translation: ``what`` is the prefix they are told under."""
    return counter(f"{what}:{origin}")


@lru_cache(maxsize=1 << 16)
def flow_mark(name: str) -> int:
    """Mark of the bindings that a rule or a source translation made: odd, in 31 bits, and no small number."""
    return BALANCED | int(digest(name, 8), 16) & 0x3FFFFFFF | 1
