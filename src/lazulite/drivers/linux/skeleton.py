"""The fixed part of each namespace's ruleset: rendering, no I/O. What varies hangs on its sets, maps and chains.

One text for both IP versions, with the few words that differ filled in. A packet of a workload passes ``out`` in the
prerouting hook of its router, a packet to one passes ``in`` in the postrouting hook; both are before and after any
address translation, because translation happens in another namespace. The flow tables hold *(interface, local,
remote)*, so state belongs to the interface although one set serves the whole router: a packet that crosses an
appliance meets, and needs, an entry of each interface it passes. Interfaces stand there by index, which the kernel
does not use again, so a new link never finds the flows of an old one. A packet of a known flow is the first thing
either hook looks for; a SYN is never one, so a closed connection lets no one back in.
"""

# ruff: noqa: E501 -- the ruleset is easier to check as the lines that nft lists
from __future__ import annotations

import re

from lazulite.drivers.linux import names, nfnetlink
from lazulite.drivers.linux.names import ARP_TABLE, BALANCED, INSIDE, OUTSIDE
from lazulite.drivers.linux.skeleton_detour import BESIDE_DETOUR, DETOUR, DETOUR_6
from lazulite.drivers.linux.skeleton_edge import COUNTING, EDGE

TABLE = "lz"
VERSION = "3"
"""Part of what is read back: a restarted agent of another version rebuilds the table."""
CLOSING_TIMEOUT_S = 30
"""How long a TCP flow stays known after a FIN or RST; long enough for the last acknowledgements."""
FRAGMENT_TIMEOUT_S = 5
FLOWS = 1 << 19
"""Entries a flow table holds, near Azure's 500,000 flows an interface.
Source: facts/virtual-network.md, "Published limits" (azure-virtual-network-limits)."""

_RAW_CHAINS = {"raise_hops", "related_out", "related_in"}
"""Filled by :func:`router_rules`."""

DYNAMIC_SETS = frozenset(
    {"tcp_flows", "tcp_closing", "udp_flows", "echo_sent", "echo_received", "other_flows"}
    | {"fragments_out", "fragments_in", "hops"}
)
"""Filled by packets (and, for ``hops``, by this file)."""

WORDS = {
    4: {
        "ip": "ip",
        "type": "ipv4_addr",
        "icmp": "icmp",
        "fragment": "ip frag-off & 0x1fff != 0",
        "first": "ip frag-off & 0x3fff == 0x2000",
        "any_fragment": "ip frag-off & 0x3fff != 0",
        "fragment_key": "ip id",  # with a fifth field nft 1.0.6 aborts when it lists the set; reassembly compares protocols
        "errors": "destination-unreachable, time-exceeded, parameter-problem",
        "hop": "ip ttl",
    },
    6: {
        "ip": "ip6",
        "type": "ipv6_addr",
        "icmp": "icmpv6",
        "fragment": "frag frag-off != 0",
        "first": "frag frag-off 0 frag more-fragments 1",
        "any_fragment": "exthdr frag exists",
        "fragment_key": "frag id",
        "errors": "destination-unreachable, packet-too-big, time-exceeded, parameter-problem",
        "hop": "ip6 hoplimit",
    },
}

_ROUTER = """\
table {ip} lz {{
  comment "{version}"
  set own {{ type ifname . {type}; }}
  set nics {{ type ifname; }}
  set forwarders {{ type ifname; }}
  map marks {{ type ifname : mark; }}
  map links {{ type ifname : verdict; }}
  map egress_nic {{ type ifname : verdict; }}
  map egress_subnet {{ type ifname : verdict; }}
  map ingress_subnet {{ type ifname : verdict; }}
  map ingress_nic {{ type ifname : verdict; }}
  map hops {{ typeof {hop} : {hop}; elements = {{ {hops} }}; }}
{tables}
  counter drop_source {{ }}
  counter drop_destination {{ }}
  counter drop_fragment {{ }}
  counter drop_link {{ }}
  counter drop_peering_access {{ }}
  counter drop_peering_forwarded {{ }}
  chain raise_hops {{ }}
  chain related_out {{ }}
  chain related_in {{ }}
  chain list_missing {{ drop; }}
{out}
{into}
  chain prerouting {{
    type filter hook prerouting priority -450; policy drop;
    meta l4proto tcp tcp flags & (fin | syn | rst) == 0 {tcp_out} @tcp_flows goto tcp_known_out
    meta l4proto udp {udp_out} @udp_flows goto udp_known_out
    jump raise_hops
    iifname @nics goto out
    iifname vmap @links
    iifname "lo" accept
    counter name drop_link drop
  }}
  chain postrouting {{
    type filter hook postrouting priority 300; policy accept;
    meta l4proto tcp tcp flags & (fin | syn | rst) == 0 {tcp_in} @tcp_flows goto tcp_known_in
    meta l4proto udp {udp_in} @udp_flows goto udp_known_in
    oifname @nics goto in
  }}
}}
"""

_TABLES = """\
  set tcp_flows {{ typeof meta iif . {ip} saddr . tcp sport . {ip} daddr . tcp dport; flags dynamic,timeout; timeout 240s; size {flows}; }}
  set tcp_closing {{ typeof meta iif . {ip} saddr . tcp sport . {ip} daddr . tcp dport; flags dynamic,timeout; timeout {closing}s; size {flows}; }}
  set udp_flows {{ typeof meta iif . {ip} saddr . udp sport . {ip} daddr . udp dport; flags dynamic,timeout; timeout 240s; size {flows}; }}
  set echo_sent {{ typeof meta iif . {ip} saddr . {ip} daddr . {icmp} id; flags dynamic,timeout; timeout 240s; size {flows}; }}
  set echo_received {{ typeof meta iif . {ip} saddr . {ip} daddr . {icmp} id; flags dynamic,timeout; timeout 240s; size {flows}; }}
  set other_flows {{ typeof meta iif . {ip} saddr . {ip} daddr . meta l4proto; flags dynamic,timeout; timeout 240s; size {flows}; }}
  set fragments_out {{ typeof meta iif . {ip} saddr . {ip} daddr . {fragment_key}; flags dynamic,timeout; timeout {fragments}s; size {flows}; }}
  set fragments_in {{ typeof meta iif . {ip} saddr . {ip} daddr . {fragment_key}; flags dynamic,timeout; timeout {fragments}s; size {flows}; }}
"""

_DIRECTION = """\
  chain accepted_{way} {{
    {first} update @fragments_{way} {{ {if} . {ip} saddr . {ip} daddr . {fragment_key} }}
    accept
  }}
  chain tcp_known_{way} {{
{known}    update @tcp_flows {{ {tcp} timeout {idle}s }}
    goto accepted_{way}
  }}
  chain udp_known_{way} {{
{known}    update @udp_flows {{ {udp} timeout {idle}s }}
    goto accepted_{way}
  }}
  chain tcp_close_{way} {{
    update @tcp_closing {{ {tcp} }}
    delete @tcp_flows {{ {tcp} }}
    goto accepted_{way}
  }}
  chain tcp_open_{way} {{
    tcp flags & (fin | rst) != 0 goto tcp_close_{way}
    update @tcp_flows {{ {tcp} timeout {idle}s }}
    goto accepted_{way}
  }}
  chain tcp_closing_{way} {{
    update @tcp_closing {{ {tcp} }}
    goto accepted_{way}
  }}
  chain tcp_{way} {{
    tcp flags & (syn | ack) == syn return
    {tcp} @tcp_flows goto tcp_open_{way}
    {tcp} @tcp_closing goto tcp_closing_{way}
  }}
  chain icmp_{way} {{
    {icmp} type echo-request {echo} @echo_{requests} update @echo_{requests} {{ {echo} timeout {idle}s }} goto accepted_{way}
    {icmp} type echo-reply {echo} @echo_{replies} update @echo_{replies} {{ {echo} timeout {idle}s }} goto accepted_{way}
    {icmp} type {{ {errors} }} jump related_{way}
  }}
  chain other_{way} {{
    {other} @other_flows update @other_flows {{ {other} timeout {idle}s }} goto accepted_{way}
  }}
  chain admit_tcp_{way} {{
    update @tcp_flows {{ {tcp} timeout {idle}s }}
    goto accepted_{way}
  }}
  chain admit_udp_{way} {{
    update @udp_flows {{ {udp} timeout {idle}s }}
    goto accepted_{way}
  }}
  chain admit_icmp_{way} {{
    {icmp} type echo-request update @echo_{requests} {{ {echo} timeout {idle}s }}
    goto accepted_{way}
  }}
  chain admit_{way} {{
    meta l4proto vmap {{ tcp : goto admit_tcp_{way}, udp : goto admit_udp_{way}, {l4icmp} : goto admit_icmp_{way} }}
    update @other_flows {{ {other} timeout {idle}s }}
    goto accepted_{way}
  }}
  chain fragment_{way} {{
    {if} . {ip} saddr . {ip} daddr . {fragment_key} @fragments_{way} accept
    counter name drop_fragment drop
  }}
  chain {way} {{
    {name} . {ip} {local} != @own {name} != @forwarders counter name drop_{local_check} drop
{mark}    {fragment} goto fragment_{way}
    meta l4proto vmap {{ tcp : jump tcp_{way}, {l4icmp} : jump icmp_{way} }}
    meta l4proto != {{ tcp, udp, {l4icmp} }} jump other_{way}
    {name} vmap @{lists[0]}
    {name} vmap @{lists[1]}
    goto admit_{way}
  }}
"""

_ARP = f"""\
table arp lz {{
  set own {{ type ifname . ipv4_addr; }}
  chain input {{
    type filter hook input priority 0; policy accept;
    iifname . arp daddr ip @own drop
    meta mark set {ARP_TABLE}
  }}
}}
"""


def _hops() -> str:
    """Each TTL to the next one; 255 stays, so a loop through routers still ends."""
    return ", ".join(f"{n} : {n + 1}" for n in range(1, 255))


def router(version: int, idle_s: int) -> str:
    """The table of one IP version in a router; *idle_s* is the flow timeout of the virtual network."""
    words = WORDS[version]
    sizes = {"closing": CLOSING_TIMEOUT_S, "fragments": FRAGMENT_TIMEOUT_S, "flows": FLOWS}
    return _ROUTER.format(
        **words,
        version=VERSION,
        hops=_hops(),
        tables=_TABLES.format(**words, **sizes),
        out=_direction(version, idle_s, "out"),
        into=_direction(version, idle_s, "in"),
        **{f"{p}_{w}": _flow(words["ip"], p, w) for p in ("tcp", "udp") for w in ("out", "in")},
    )


def _flow(ip: str, protocol: str, way: str) -> str:
    """The key of a TCP or UDP flow table: interface, local side, remote side."""
    if way == "out":
        return f"meta iif . {ip} saddr . {protocol} sport . {ip} daddr . {protocol} dport"
    return f"meta oif . {ip} daddr . {protocol} dport . {ip} saddr . {protocol} sport"


def _direction(version: int, idle_s: int, way: str) -> str:
    words, sent = WORDS[version], way == "out"
    ip, icmp = words["ip"], words["icmp"]
    local, remote = ("saddr", "daddr") if sent else ("daddr", "saddr")
    interface = "meta iif" if sent else "meta oif"
    mark = "    meta mark set iifname map @marks\n" if sent else ""
    return _DIRECTION.format(
        **words,
        **{"if": interface},
        way=way,
        idle=idle_s,
        name="iifname" if sent else "oifname",
        local=local,
        local_check="source" if sent else "destination",
        tcp=_flow(ip, "tcp", way),
        udp=_flow(ip, "udp", way),
        echo=f"{interface} . {ip} {local} . {ip} {remote} . {icmp} id",
        other=f"{interface} . {ip} {local} . {ip} {remote} . meta l4proto",
        requests="sent" if sent else "received",
        replies="received" if sent else "sent",
        l4icmp="icmp" if version == 4 else "ipv6-icmp",
        lists=("egress_nic", "egress_subnet") if sent else ("ingress_subnet", "ingress_nic"),
        mark=mark,
        known="    jump raise_hops\n" + mark if sent else "",
    )


def router_again(version: int, idle_s: int) -> str:
    """The same for a router that stands: its rules are replaced at once, its sets and their elements stay."""
    text = router(version, idle_s)
    ip = WORDS[version]["ip"]
    chains = [c for c in re.findall(r"^  chain (\w+) \{", text, re.MULTILINE) if c not in _RAW_CHAINS]
    return "\n".join(f"flush chain {ip} {TABLE} {c}" for c in chains) + "\n" + text


def edge(version: int) -> str:
    """The table of one IP version in an edge."""
    return EDGE.format(
        **WORDS[version], balanced=hex(BALANCED), version=VERSION, hops=_hops(), inside=INSIDE, outside=OUTSIDE
    )


def detour(version: int) -> str:
    """The table of one IP version in a detour; of version 6 there is no way through."""
    text = DETOUR if version == 4 else DETOUR_6
    sides = {"north": names.NORTH, "south": names.SOUTH, "provider": names.PROVIDER}
    returns = {"return_north": names.RETURN_NORTH, "return_south": names.RETURN_SOUTH}
    return text.format(**WORDS[version], **sides, **returns, version=VERSION, hops=_hops())


def fixed(role: str, version: int, idle_s: int) -> str:
    """The table of one IP version in a namespace of that role."""
    if role == "router":
        return router(version, idle_s)
    return detour(version) if role == "detour" else edge(version)


def beside(role: str) -> str:
    """The tables of a namespace of that role that are of no IP version."""
    if role == "router":
        return arp() + steering()
    return BESIDE_DETOUR if role == "detour" else counting()


def arp() -> str:
    """Answer every ARP request of a workload but those for its own addresses."""
    return _ARP


def steering() -> str:
    """Where a packet on a peering link that names an appliance gets the mark of that appliance."""
    return "table netdev lz {\n  map steer { type ether_addr : mark; }\n}\n"


def internet() -> str:
    """The tables of the simulated Internet: empty while nothing there is chosen by more than an address."""
    tables = (f'table {words["ip"]} lz {{\n  comment "{VERSION}"\n}}\n' for words in WORDS.values())
    return "".join(tables) + "table netdev lz {\n}\n"


def counting() -> str:
    """Where an edge counts what really left: after the kernel has confirmed a flow, or refused to."""
    return COUNTING


def router_rules(version: int) -> list[bytes]:
    """The router's rules that the nft language cannot say."""
    family = nfnetlink.FAMILY_4 if version == 4 else nfnetlink.FAMILY_6
    rules = [nfnetlink.raise_hop_limit(family, TABLE, "raise_hops", "hops")]
    for way in ("out", "in"):
        sent = way == "out"
        for protocol, table in ((6, "tcp_flows"), (6, "tcp_closing"), (17, "udp_flows")):
            rules.append(nfnetlink.quoted_flow(family, TABLE, f"related_{way}", protocol, table, sent=sent))
        echo = "echo_received" if sent else "echo_sent"
        rules.append(nfnetlink.quoted_echo(family, TABLE, f"related_{way}", echo, sent=sent))
    return rules


def edge_rules(version: int) -> list[bytes]:
    family = nfnetlink.FAMILY_4 if version == 4 else nfnetlink.FAMILY_6
    return [nfnetlink.raise_hop_limit(family, TABLE, "raise_hops", "hops")]


def _declared(word: str) -> frozenset[str]:
    texts = [router(4, 240), edge(4), detour(4), detour(6), BESIDE_DETOUR, arp(), steering(), counting()]
    return frozenset(n for text in texts for n in re.findall(rf"^  {word} (\w+) \{{", text, re.MULTILINE))


FIXED_CHAINS = _declared("chain")
FIXED_SETS = _declared("(?:set|map)")
