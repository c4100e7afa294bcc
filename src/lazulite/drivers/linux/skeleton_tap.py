"""What a router has beside its fixed ruleset when collectors of copies are in its network: rendering, no I/O.

Whoever copies a port's packets has a tunnel of its own, known by the source address and the port that it writes, which
are nobody's on the wire: map ``copy_sources`` leads to what they become. The source port becomes a hash of the flow
inside, the same for both directions of it, which balancers of collectors go by. It is over the addresses and, of whole TCP
and UDP packets, the ports: fragments have none. Offsets are in bits from the outer UDP header: 8 bytes of it, 8 of VXLAN,
14 of Ethernet, then what is inside. The first hop's MAC address tells that a packet came to the port, so that the far
side is first.
"""

# ruff: noqa: E501 -- the ruleset is easier to check as the lines that nft lists
from __future__ import annotations

from collections.abc import Iterator

from lazulite.drivers.linux import names
from lazulite.drivers.linux.state import Chain, Declared
from lazulite.forwarding import copying

NOBODY = 0xF0000000
"""Network of the addresses that tunnels write, of which Azure and the Internet have none. Source: RFC 1112, section 4
(class E)."""
PRIVATE_PORT = 0x7000
"""First of 256 ports that tunnels write: below those that the kernel gives to whoever asks for any."""

_SPAN, _FIRST = copying.PORTS << 16, copying.FIRST_PORT << 16
"""The hash is in the upper half of its four bytes, which is the one that is written."""
_WHOLE = "@th,240,8 0x45 @th,288,16 & 0x3fff == 0 @th,312,8 { 6, 17 } goto"
_FROM_GATEWAY = f"@th,176,48 0x{names.GATEWAY_MAC.replace(':', '')}"


def _hash(*fields: str) -> tuple[str, ...]:
    key = " . ".join(fields)
    return (f"@th,0,16 set jhash {key} mod {_SPAN} seed {copying.SEED} offset {_FIRST}",)


def _kinds(way: str) -> tuple[str, ...]:
    ports = f"@th,0,16 set {copying.FIRST_PORT}"
    return f"@th,224,16 0x0800 goto copy_{way}_ip", f"@th,224,16 0x86dd goto copy_{way}_ip6", ports


_CHAINS: dict[str, Chain] = {
    "copy_sent_ports": Chain(_hash("@th,336,32", "@th,368,32", "@th,400,16", "@th,416,16")),
    "copy_got_ports": Chain(_hash("@th,368,32", "@th,336,32", "@th,416,16", "@th,400,16")),
    "copy_sent_ip6": Chain(_hash("@th,304,128", "@th,432,128")),
    "copy_got_ip6": Chain(_hash("@th,432,128", "@th,304,128")),
    "copy_sent_ip": Chain((f"{_WHOLE} copy_sent_ports", *_hash("@th,336,32", "@th,368,32"))),
    "copy_got_ip": Chain((f"{_WHOLE} copy_got_ports", *_hash("@th,368,32", "@th,336,32"))),
    "copy_got": Chain(_kinds("got")),
    "copy_sent": Chain((f"{_FROM_GATEWAY} goto copy_got", *_kinds("sent"))),
    "copy_out": Chain(
        (
            "ip saddr != 240.0.0.0/4 accept",
            "jump copy_sent",
            "ip saddr . udp dport vmap @copy_sources",
            "drop",
        ),
        "filter hook output priority 0",
    ),
    # Nobody but the tunnels of this driver may write to its sockets.
    "copy_guard": Chain((f"udp dport {PRIVATE_PORT}-{PRIVATE_PORT + 255} drop",), "filter hook input priority 0"),
    # What a frontend balances comes back by the end of the link that nothing else comes by.
    "copy_balanced": Chain(
        (f'iifname "{names.LOOP_OUT}" meta mark set {names.COPY}',), "filter hook postrouting priority 320"
    ),
    # An error about a copy would be copied, and its copy be in error; who is named as the sender never sent it.
    "copy_errors": Chain(
        ("icmp type destination-unreachable ip daddr vmap @copy_senders",), "filter hook prerouting priority -460"
    ),
}
"""What is neither IPv4 nor IPv6 has the first port."""


def ruleset() -> Iterator[tuple[str, Declared | Chain]]:
    """Names and objects of IP version 4: copies are of either, their datagrams are not."""
    yield "copy_sources", Declared("map { type ipv4_addr . inet_service : verdict; }")
    yield "copy_senders", Declared("map { type ipv4_addr : verdict; }")
    yield from _CHAINS.items()


def about(identifier: int) -> tuple[str, Chain]:
    """What an error meets that is for the sender of copies: it ends when it quotes one.

    The offsets are in bits from the header of the error, which quotes headers of IPv4, UDP and VXLAN.
    """
    quoted = f"@th,64,8 0x45 @th,136,8 17 @th,288,8 0x08 @th,320,24 {identifier:#x} drop"
    return f"copy_error_{identifier}", Chain((quoted,))
