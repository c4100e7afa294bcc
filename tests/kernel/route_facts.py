"""Routing by marks, and links between routers without neighbours, steered by destination MAC."""

from collections.abc import Iterator

from flow_facts import Fact
from headers import IPV4, IPV6, Family, Packet, udp
from lab import add_namespace, address, attach, lab, nft, passes, sh, subnet

LINK_MAC = "02:00:00:00:00:01"
STEERED_MAC = "02:00:00:00:00:63"
BEYOND = {IPV4: "10.0.9.4", IPV6: "fd00:0:9::4"}
"""An address behind host c."""
APPLIANCE = {IPV4: "10.0.99.1", IPV6: "fd00:0:99::1"}
"""The next hop r writes in its route; no interface has it."""
FLAG = {IPV4: "-4", IPV6: "-6"}


def mark_facts(family: Family) -> Iterator[Fact]:
    """Table 101 sends b's prefix nowhere, or throws it to the table behind; only marked packets ask it."""
    flag, prefix = FLAG[family], wide(family)
    to_b = udp(family, address(family, "a"), 1, address(family, "b"), 2)
    with lab():
        nft(MARKS.format(family=family.name))
        sh(f"ip {flag} -n r rule add fwmark 0x65 lookup 101 priority 100")
        sh(f"ip {flag} -n r route add blackhole {prefix} table 101")
        yield "an interface outside the map is routed by the main table", passes(to_b), ""
        nft(f"add element {family.name} marks by {{ na : 0x65 }}\n")
        yield "the mark of its interface sends a packet to table 101", not passes(to_b), ""
        yield "the other interface is not marked", passes(reverse(to_b), "b", "a"), ""
        sh(f"ip {flag} -n r route add throw {exact(address(family, 'b'), family)} table 101")
        yield "a throw route of table 101 goes on to the next rule", passes(to_b), ""
        sh(f"ip {flag} -n r rule add fwmark 0x65 lookup 102 priority 101")
        sh(f"ip {flag} -n r route add blackhole {prefix} table 102")
        yield "which is the next by priority, not main", not passes(to_b), ""


MARKS = """
table {family} marks {{
  map by {{ type ifname : mark; }}
  chain pre {{
    type filter hook prerouting priority -450; policy accept;
    meta l4proto 253 accept
    meta mark set iifname map @by
  }}
}}
"""


def wide(family: Family) -> str:
    return {IPV4: "10.0.0.0/16", IPV6: "fd00::/32"}[family]


def exact(inner: str, family: Family) -> str:
    return f"{inner}/{family.bits}"


def reverse(packet: Packet) -> Packet:
    return udp(packet.family, packet.destination, 2, packet.source, 1)


def link_facts(family: Family) -> Iterator[Fact]:
    """Host a, router r, router q, host c: the two routers are joined by a link that knows no neighbours."""
    to_c = udp(family, address(family, "a"), 1, address(family, "c"), 2)
    with lab():
        join(family)
        yield "a link without ARP and with equal MACs carries routed packets", passes(to_c, "a", "c"), ""
        yield "and their answers", passes(reverse(to_c), "c", "a"), ""
        neighbours = sh("ip -n r neigh show dev pq") + sh("ip -n q neigh show dev pr")
        silent = sh("ip -n r neigh show nud noarp dev pq").count("NOARP")
        yield "with no neighbour resolved at either end", neighbours == "", f"{silent} NOARP entries in the cache of r"
        yield from steer_facts(family)


def join(family: Family) -> None:
    flag = FLAG[family]
    for namespace in ("q", "c"):
        add_namespace(namespace)
    attach("c", "q")
    sh(f"ip -n r link add pq address {LINK_MAC} type veth peer name pr address {LINK_MAC} netns q")
    sh("ip -n r link set pq arp off up")
    sh("ip -n q link set pr arp off up")
    sh(f"ip {flag} -n r route add {subnet(family, 'c')} dev pq")
    sh(f"ip {flag} -n q route add {subnet(family, 'a')} dev pr")


def steer_facts(family: Family) -> Iterator[Fact]:
    """r names the next hop inside q by a MAC; only q's table of that mark knows the way on, by host c."""
    flag, appliance = FLAG[family], APPLIANCE[family]
    there = udp(family, address(family, "a"), 1, BEYOND[family], 2)
    sh(f"ip {flag} -n q route add blackhole {exact(BEYOND[family], family)}")
    sh(f"ip {flag} -n q route add {exact(BEYOND[family], family)} via {address(family, 'c')} table 119")
    sh(f"ip {flag} -n q rule add fwmark 0x77 lookup 119 priority 100")
    sh(f"ip {flag} -n r route add {exact(BEYOND[family], family)} dev pq")
    nft(STEER, "q")
    yield "a packet with the link's own MAC is routed without a mark", not passes(there, "a", "c"), ""
    sh(f"ip {flag} -n r neigh add {appliance} lladdr {STEERED_MAC} nud permanent dev pq")
    sh(f"ip {flag} -n r route replace {exact(BEYOND[family], family)} via {appliance} dev pq onlink")
    yield "a permanent neighbour's MAC gives it the mark and the table", passes(there, "a", "c"), ""
    nft("flush chain netdev steer pr\n", "q")
    yield "without the ingress rule that MAC is nobody's", not passes(there, "a", "c"), ""


STEER = f"""
table netdev steer {{
  chain pr {{
    type filter hook ingress device "pr" priority 0; policy accept;
    ether daddr {STEERED_MAC} meta mark set 0x77 meta pkttype set host
  }}
}}
"""
