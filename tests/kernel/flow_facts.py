"""Flow state without connection tracking: replies pass by a set of five fields, and changes of a map lose nothing."""

import re
import socket
from collections.abc import Iterator
from functools import partial

from headers import ACK, IPV6, SYN, Family, Packet, echo, tcp, udp
from lab import address, lab, listing, nft, passes, stream_socket

Fact = tuple[str, bool, str]
"""What is claimed, whether it was seen, and a figure or the reason."""

SERVER_PORT, CLIENT_PORT = 8080, 40000


def ruleset(family: Family) -> str:
    """Host a may send and host b may receive; both are closed the other way, so replies need the flow's state."""
    ip, icmp = family.name, family.icmp_name
    neighbours = "icmpv6 type { 133, 134, 135, 136 } accept" if family is IPV6 else ""
    own, local = partial(outbound_key, family), partial(inbound_key, family)
    echo_out, echo_in = (
        f"iifname . {ip} saddr . {ip} daddr . {icmp} id",
        f"oifname . {ip} daddr . {ip} saddr . {icmp} id",
    )
    settled = "tcp flags & (syn | ack) != syn"
    return f"""
table {ip} probe {{
  set flow_tcp {{ typeof {own("tcp")}; flags dynamic,timeout; timeout 4m; size 65535; }}
  set flow_udp {{ typeof {own("udp")}; flags dynamic,timeout; timeout 4m; size 65535; }}
  set flow_echo {{ typeof {echo_out}; flags dynamic,timeout; timeout 4m; size 65535; }}
  map way_out {{ type ifname : verdict; }}
  map way_in {{ type ifname : verdict; }}
  counter refused_out {{ }}
  counter refused_in {{ }}
  chain allow_out {{
    meta l4proto tcp update @flow_tcp {{ {own("tcp")} timeout 4m }} accept
    meta l4proto udp update @flow_udp {{ {own("udp")} timeout 4m }} accept
    {icmp} type echo-request update @flow_echo {{ {echo_out} timeout 4m }} accept
  }}
  chain allow_in {{
    meta l4proto tcp update @flow_tcp {{ {local("tcp")} timeout 4m }} accept
    meta l4proto udp update @flow_udp {{ {local("udp")} timeout 4m }} accept
    {icmp} type echo-request update @flow_echo {{ {echo_in} timeout 4m }} accept
  }}
  chain deny_out {{ counter name refused_out drop; }}
  chain deny_in {{ counter name refused_in drop; }}
  chain errors_out {{ }}
  chain errors_in {{ }}
  chain lifetime {{ }}
  chain pre {{
    type filter hook prerouting priority -450; policy drop;
    meta l4proto 253 accept
    {neighbours}
    {settled} {own("tcp")} @flow_tcp update @flow_tcp {{ {own("tcp")} timeout 4m }} accept
    {own("udp")} @flow_udp update @flow_udp {{ {own("udp")} timeout 4m }} accept
    {icmp} type echo-reply {echo_out} @flow_echo accept
    jump errors_out
    iifname vmap @way_out
  }}
  chain post {{
    type filter hook postrouting priority 300; policy drop;
    meta l4proto 253 accept
    {neighbours}
    {settled} {local("tcp")} @flow_tcp update @flow_tcp {{ {local("tcp")} timeout 4m }} accept
    {local("udp")} @flow_udp update @flow_udp {{ {local("udp")} timeout 4m }} accept
    {icmp} type echo-reply {echo_in} @flow_echo accept
    jump errors_in
    oifname vmap @way_in
  }}
}}
{chains(family, "na", "allow_out", "deny_in")}
{chains(family, "nb", "deny_out", "allow_in")}
"""


def outbound_key(family: Family, protocol: str) -> str:
    """The flow a packet belongs to when it leaves the host it is kept for."""
    ip = family.name
    return f"iifname . {ip} saddr . {protocol} sport . {ip} daddr . {protocol} dport"


def inbound_key(family: Family, protocol: str) -> str:
    """The same flow seen from a packet that arrives at that host."""
    ip = family.name
    return f"oifname . {ip} daddr . {protocol} dport . {ip} saddr . {protocol} sport"


def chains(family: Family, interface: str, outbound: str, inbound: str) -> str:
    """Elements that send *interface* to its two chains."""
    return (
        f"add element {family.name} probe way_out {{ {interface} : jump {outbound} }}\n"
        f"add element {family.name} probe way_in {{ {interface} : jump {inbound} }}\n"
    )


def rewired(family: Family, interface: str, outbound: str, inbound: str) -> str:
    gone = "".join(f"delete element {family.name} probe way_{way} {{ {interface} }}\n" for way in ("out", "in"))
    return gone + chains(family, interface, outbound, inbound)


def flow_facts(family: Family) -> Iterator[Fact]:
    with lab():
        nft(ruleset(family))
        yield "a TCP connection passes a deny-all in-chain by its state", *connected(family)
        yield from tcp_facts(family)
        yield from datagram_facts(family)
        yield from echo_facts(family)
        yield from lifetime_of_state_facts(family)


def connected(family: Family) -> tuple[bool, str]:
    """Carry a line each way over a real connection of a to b."""
    with (
        stream_socket(family, "b", socket.SOCK_STREAM) as listener,
        stream_socket(family, "a", socket.SOCK_STREAM) as client,
    ):
        listener.bind((address(family, "b"), SERVER_PORT))
        listener.listen()
        client.connect((address(family, "b"), SERVER_PORT))
        server, _ = listener.accept()
        with server:
            server.settimeout(client.gettimeout())
            client.sendall(b"ping")
            server.sendall(server.recv(4) + b"pong")
            heard = b"".join(client.recv(4) for _ in range(2))
    return heard == b"pingpong", ""


def tcp_facts(family: Family) -> Iterator[Fact]:
    a, b = address(family, "a"), address(family, "b")
    opening = tcp(family, a, CLIENT_PORT, b, SERVER_PORT, SYN)
    answer = tcp(family, b, SERVER_PORT, a, CLIENT_PORT, SYN | ACK)
    yield "a SYN+ACK of an unknown flow is refused", not passes(answer, "b", "a"), ""
    yield "an allowed SYN inserts the flow", passes(opening), ""
    yield "its SYN+ACK passes", passes(answer, "b", "a"), ""
    yield "its later ACK passes", passes(tcp(family, b, SERVER_PORT, a, CLIENT_PORT, ACK), "b", "a"), ""
    other = tcp(family, b, SERVER_PORT, a, CLIENT_PORT + 1, ACK)
    yield "an ACK to the next port is refused", not passes(other, "b", "a"), ""
    nft(rewired(family, "nb", "allow_out", "allow_in"))
    mirrored = tcp(family, b, SERVER_PORT, a, CLIENT_PORT, SYN)
    yield "a new SYN on the mirrored ports is refused", not passes(mirrored, "b", "a"), ""
    nft(rewired(family, "nb", "deny_out", "allow_in"))
    yield "an ACK on those ports still passes after it", passes(answer, "b", "a"), ""


def datagram_facts(family: Family) -> Iterator[Fact]:
    a, b = address(family, "a"), address(family, "b")
    reply = udp(family, b, 53, a, CLIENT_PORT)
    yield "a UDP datagram of an unknown flow is refused", not passes(reply, "b", "a"), ""
    yield "an allowed UDP datagram inserts the flow", passes(udp(family, a, CLIENT_PORT, b, 53)), ""
    yield "its UDP reply passes", passes(reply, "b", "a"), ""
    yield "a reply from another port is refused", not passes(udp(family, b, 54, a, CLIENT_PORT), "b", "a"), ""


def echo_facts(family: Family) -> Iterator[Fact]:
    a, b = address(family, "a"), address(family, "b")
    reply = echo(family, b, a, 7, reply=True)
    yield "an echo reply nobody asked for is refused", not passes(reply, "b", "a"), ""
    yield "an allowed echo request inserts its identifier", passes(echo(family, a, b, 7)), ""
    yield "its echo reply passes", passes(reply, "b", "a"), ""
    yield "a reply of another identifier is refused", not passes(echo(family, b, a, 8, reply=True), "b", "a"), ""
    yield "an echo request back is refused", not passes(echo(family, b, a, 7), "b", "a"), ""


def lifetime_of_state_facts(family: Family) -> Iterator[Fact]:
    a, b = address(family, "a"), address(family, "b")
    key = f'"na" . {a} . 5000 . {b} . 5001'
    nft(f"add element {family.name} probe flow_tcp {{ {key} timeout 1h expires 30s }}")
    before = remaining_s(family, 5000)
    passed = passes(tcp(family, a, 5000, b, 5001, ACK))
    after = remaining_s(family, 5000)
    yield (
        "a packet of the flow renews it for 4 minutes",
        passed and before <= 30 < 120 < after,
        f"{before} s to {after} s",
    )
    full = (
        f"add set {family.name} probe few {{ typeof {family.name} saddr; flags dynamic,timeout; timeout 4m; size 1; }}"
    )
    nft(f"""{full}
add counter {family.name} probe reached
add element {family.name} probe few {{ {b} }}
insert rule {family.name} probe pre meta l4proto 254 update @few {{ {family.name} saddr }} counter name reached accept
""")
    passes(Packet(family, a, b, 254, b"full"))
    passes(Packet(family, b, a, 254, b"known"), "b", "a")
    reached = counted(f"{family.name} probe reached")
    yield "a full set ends the rule that would insert (it fails closed)", reached == 1, f"{reached} of 2 went on"


def counted(counter: str, namespace: str = "r") -> int:
    """Packets a named counter has seen."""
    words = listing(f"list counter {counter}", namespace).split()
    return int(words[words.index("packets") + 1])


def remaining_s(family: Family, port: int) -> int:
    """Seconds the flow of the local *port* has left."""
    text = listing(f"list set {family.name} probe flow_tcp")
    span = re.search(rf" \. {port} \. \S+ \. \d+ .*?expires (?:(\d+)m)?(?:(\d+)s)?", text)
    minutes, seconds = span.groups(default="0") if span else ("0", "0")
    return int(minutes) * 60 + int(seconds)
