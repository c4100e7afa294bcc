"""ICMP errors that belong to a known flow, and routers that show no hop: rules only netlink can express.

An error quotes the packet it is about. Into host a's closed in-chain it passes when the quoted packet is one a's flow
state knows; out of a's closed out-chain when it quotes a packet that was let in to a.
"""

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import nft_netlink as rule
from flow_facts import Fact, rewired, ruleset
from headers import IPV4, IPV6, SYN, TCP, UDP, Family, Packet, checksum, echo, error, icmp, tcp, udp
from lab import address, arrival, inside, lab, listing, nft, passes, sh, stream_socket
from nft_netlink import NETWORK, REGISTER, TRANSPORT

PROTOCOLS = {TCP: "flow_tcp", UDP: "flow_udp"}
SCRATCH = 23
"""A register no key of ours reaches: the longest (IPv6) takes 14 from 8 on."""
BEHIND = {IPV4: "10.0.9.9", IPV6: "fd00:0:9::9"}


@dataclass(frozen=True)
class SocketOptions:
    """Numbers of ``linux/in.h`` and ``linux/in6.h`` that :mod:`socket` does not name."""

    level: int
    errors: int
    discovery: int
    lifetime: int


SOCKET_OPTIONS = {
    IPV4: SocketOptions(socket.IPPROTO_IP, errors=11, discovery=10, lifetime=socket.IP_TTL),
    IPV6: SocketOptions(socket.IPPROTO_IPV6, errors=25, discovery=23, lifetime=socket.IPV6_UNICAST_HOPS),
}


def quoted_key(family: Family, interface: int, *, swapped: bool) -> list[bytes]:
    """Load the five fields of the quoted packet; *swapped* when it was on its way to the host the state is kept for."""
    words, length = family.address_length // 4, family.address_length
    fields = [(family.inner + family.source, length, words), (family.inner + family.header, 2, 1)]
    fields += [(family.inner + family.source + length, length, words), (family.inner + family.header + 2, 2, 1)]
    loaded, register = [rule.meta(interface, REGISTER)], REGISTER + 4
    for offset, size, taken in fields[2:] + fields[:2] if swapped else fields:
        loaded.append(rule.payload(NETWORK, offset, size, register))
        register += taken
    return loaded


def error_rule(family: Family, kind: int, protocol: int, interface: int, *, swapped: bool) -> list[bytes]:
    """Accept the ICMP error *kind* when it quotes the first fragment of a packet of a known flow."""
    return [
        *_byte_is(NETWORK, family.protocol, family.icmp),
        *_byte_is(TRANSPORT, 0, kind),
        *_byte_is(NETWORK, family.inner + family.protocol, protocol),
        *(_quotes_no_options() if family is IPV4 else ()),
        *quoted_key(family, interface, swapped=swapped),
        rule.contained(PROTOCOLS[protocol], REGISTER),
        rule.counter(),
        rule.verdict(rule.ACCEPT),
    ]


def _byte_is(base: int, offset: int, value: int) -> list[bytes]:
    return [rule.payload(base, offset, 1, SCRATCH), rule.equal(SCRATCH, bytes([value]))]


def _quotes_no_options() -> list[bytes]:
    """Both headers are 20 bytes and the quoted packet starts with its ports: the offsets below depend on it."""
    inner_offset = [rule.payload(NETWORK, IPV4.inner + 6, 2, SCRATCH), rule.masked(SCRATCH, b"\x1f\xff")]
    lengths = _byte_is(NETWORK, 0, 0x45) + _byte_is(NETWORK, IPV4.inner, 0x45)
    return [*lengths, *inner_offset, rule.equal(SCRATCH, b"\0\0")]


def error_rules(family: Family) -> None:
    with inside("r"):
        for kind in family.errors.values():
            for protocol in PROTOCOLS:
                into = error_rule(family, kind, protocol, rule.OIFNAME, swapped=False)
                out = error_rule(family, kind, protocol, rule.IIFNAME, swapped=True)
                rule.append_rule(family.name, "probe", "errors_in", into)
                rule.append_rule(family.name, "probe", "errors_out", out)


def lifetime_rule(family: Family) -> None:
    """Undo in prerouting what forwarding is about to do. 255 has no successor and stays."""
    field = {IPV4: "ip ttl", IPV6: "ip6 hoplimit"}[family]
    steps = ", ".join(f"{value} : {value + 1}" for value in range(1, 255))
    nft(f"add map {family.name} probe successor {{ typeof {field} : {field}; elements = {{ {steps} }}; }}\n")
    kind, place = (rule.INTERNET_CHECKSUM, 10) if family is IPV4 else (rule.NO_CHECKSUM, 0)
    expressions = [
        rule.payload(NETWORK, family.lifetime, 1, REGISTER),
        rule.mapped("successor", REGISTER, REGISTER + 1),
        rule.payload_write(NETWORK, family.lifetime, 1, REGISTER + 1, kind, place),
        rule.counter(),
    ]
    with inside("r"):
        rule.append_rule(family.name, "probe", "lifetime", expressions)
    nft(f"insert rule {family.name} probe pre jump lifetime\n")


OPEN = "add chain {family} probe open\nadd rule {family} probe open accept\n"
"""A chain that lets everything through and keeps no state: what is then refused, the other host's chain refused."""


def error_facts(family: Family) -> Iterator[Fact]:
    with lab():
        nft(ruleset(family) + OPEN.format(family=family.name))
        error_rules(family)
        yield "rules written by netlink load, and nft lists them", "errors_in" in listing("list ruleset"), ""
        nft(rewired(family, "nb", "open", "allow_in"))
        yield from errors_into(family)
        nft(rewired(family, "nb", "open", "open") + rewired(family, "na", "deny_out", "allow_in"))
        yield from errors_out_of(family)
    with lab():
        nft(ruleset(family))
        error_rules(family)
        lifetime_rule(family)
        yield from real_errors(family)


def errors_into(family: Family) -> Iterator[Fact]:
    a, b = address(family, "a"), address(family, "b")
    for name, make in DATAGRAMS.items():
        known, unknown = make(family, a, 41000, b, 81), make(family, a, 41001, b, 81)
        passes(known)
        for what, kind in family.errors.items():
            yield f"{what} of a known {name} flow passes", passes(error(known, b, kind), "b", "a"), ""
            yield f"{what} of an unknown {name} flow is refused", not passes(error(unknown, b, kind), "b", "a"), ""
        backwards = make(family, b, 81, a, 41000).encode()
        stranger = icmp(family, b, a, family.errors["destination unreachable"], 0, bytes(4) + backwards)
        yield f"an error that quotes the known {name} flow backwards is refused", not passes(stranger, "b", "a"), ""


def errors_out_of(family: Family) -> Iterator[Fact]:
    a, b = address(family, "a"), address(family, "b")
    for name, make in DATAGRAMS.items():
        known, unknown = make(family, b, 42000, a, 82), make(family, b, 42001, a, 82)
        passes(known, "b", "a")
        kind = family.errors["destination unreachable"]
        yield f"an error about a {name} packet that was let in goes out", passes(error(known, a, kind)), ""
        yield f"an error about a {name} packet that was not is refused", not passes(error(unknown, a, kind)), ""


def _opening(family: Family, source: str, sport: int, destination: str, dport: int) -> Packet:
    return tcp(family, source, sport, destination, dport, SYN)


DATAGRAMS: dict[str, Callable[[Family, str, int, str, int], Packet]] = {"TCP": _opening, "UDP": udp}


def real_errors(family: Family) -> Iterator[Fact]:
    """Errors the kernels themselves write, as a program in host a sees them through its closed in-chain."""
    length = {IPV4: 24, IPV6: 64}[family]
    sh("ip -n b link add far mtu 1300 type veth peer name beyond")
    sh("ip -n b link set far up")
    sh(f"ip -n b route add {network(BEHIND[family], length)} dev far")
    sh(f"ip -n r route add {network(BEHIND[family], length)} via {address(family, 'b')}")
    refused = complaint(family, address(family, "b"), b"x")
    yield "port unreachable from the kernel reaches the program", refused == errno.ECONNREFUSED, name_of(refused)
    exceeded = complaint(family, BEHIND[family], b"x", lifetime=1)
    yield "time exceeded from the second hop reaches the program", exceeded == errno.EHOSTUNREACH, name_of(exceeded)
    too_big = complaint(family, BEHIND[family], bytes(1400))
    yield "fragmentation needed reaches the program", too_big == errno.EMSGSIZE, name_of(too_big)


def network(inner: str, length: int) -> str:
    return str(ipaddress.ip_network(f"{inner}/{length}", strict=False))


def name_of(number: int) -> str:
    return errno.errorcode.get(number, str(number))


def complaint(family: Family, destination: str, content: bytes, lifetime: int = 64) -> int:
    """The error number a connected UDP socket of host a gets for what it sent."""
    options = SOCKET_OPTIONS[family]
    with stream_socket(family, "a", socket.SOCK_DGRAM) as sender:
        for option, value in ((options.errors, 1), (options.discovery, 2), (options.lifetime, lifetime)):
            sender.setsockopt(options.level, option, value)
        sender.connect((destination, 9))
        sender.send(content)
        try:
            sender.recv(1)
        except OSError as told:
            return told.errno or 0
    return 0


def lifetime_facts(family: Family) -> Iterator[Fact]:
    field = {IPV4: "ip ttl", IPV6: "ip6 hoplimit"}[family]
    a, b = address(family, "a"), address(family, "b")
    with lab():
        nft(ruleset(family))
        yield (
            "without the rule a lifetime of 1 ends at the router",
            not passes(replace(echo(family, a, b, 1), lifetime=1)),
            "",
        )
        lifetime_rule(family)
        for value in (1, 2, 64, 128, 254):
            yield f"a lifetime of {value} arrives as it was sent", *arrives(family, value, value)
        yield "a lifetime of 255 arrives as 254", *arrives(family, 255, 254)
        nft(
            f"insert rule {family.name} probe lifetime {field} 255 meta mark set 0x80000000\n"
            f"insert rule {family.name} probe post meta mark 0x80000000 {field} set 255\n"
        )
        yield "a lifetime of 255 arrives as it was sent when a mark carries it", *arrives(family, 255, 255)
        yield "a lifetime of 254 beside it", *arrives(family, 254, 254)
        yield "a datagram of a program with lifetime 1 reaches a program", delivered(family), ""


def arrives(family: Family, sent: int, expected: int) -> tuple[bool, str]:
    packet = replace(echo(family, address(family, "a"), address(family, "b"), sent), lifetime=sent)
    octets = arrival(packet, "a", "b")
    if octets is None:
        return False, "dropped"
    right = family is IPV6 or checksum(octets[: IPV4.header]) == 0
    seen = octets[family.lifetime]
    return right and seen == expected, f"{seen}, checksum {'right' if right else 'wrong'}"


def delivered(family: Family) -> bool:
    options = SOCKET_OPTIONS[family]
    with (
        stream_socket(family, "a", socket.SOCK_DGRAM) as sender,
        stream_socket(family, "b", socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind((address(family, "b"), 7))
        sender.setsockopt(options.level, options.lifetime, 1)
        sender.sendto(b"one hop", (address(family, "b"), 7))
        return receiver.recv(16) == b"one hop"
