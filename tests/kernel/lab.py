"""Hosts and the routers between them, each a network namespace, and a way to ask whether a packet gets through.

Everything lives in a mount and a network namespace of the probe's own, so it is gone when the process is.
"""

import contextlib
import ctypes
import ipaddress
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from headers import FENCE, IPV4, IPV6, Family, Packet

NAMESPACES = Path("/run/netns")
HOSTS = {"a": 1, "b": 2, "c": 3}
"""The number of each host's subnet. a and b are always there."""
PREFIX = {IPV4: ("10.0", 24), IPV6: ("fd00:0", 64)}
PATIENCE_S = 20.0
"""Bound for what must happen; nothing is concluded from its passing except that the lab itself is broken."""
_CLONE_NEWNET = 0x40000000
_IPV6_HDRINCL = 36
_SETTINGS = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv4/icmp_ratelimit": "0",
    "ipv6/icmp/ratelimit": "0",
}
_libc = ctypes.CDLL(None, use_errno=True)


def isolate() -> None:
    """Start this process again in namespaces of its own, once, on one processor.

    One processor: packets of one sender then stay in order across veth, so a packet that has not arrived before one
    sent after it never will.
    """
    if os.environ.get("PROBE_ISOLATED") is None:
        os.environ["PROBE_ISOLATED"] = "1"
        user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
        os.execvp("unshare", ["unshare", *user, "--net", "--mount", sys.executable, *sys.argv])
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def sh(command: str, text: str | None = None) -> str:
    """Run *command* with *text* on its input. Raises ``RuntimeError`` with what it said when it fails."""
    done = subprocess.run(command.split(), input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr[:400].strip() or done.returncode}")
    return done.stdout


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Sockets made and commands started in this block belong to *namespace*."""
    with open("/proc/thread-self/ns/net") as before, (NAMESPACES / namespace).open() as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def nft(text: str, namespace: str = "r") -> str:
    """Apply one transaction."""
    with inside(namespace):
        return sh("nft -f -", text)


def listing(command: str, namespace: str = "r") -> str:
    with inside(namespace):
        return sh(f"nft {command}")


def configure(namespace: str, **values: str) -> None:
    """Write sysctls below ``net`` (``__`` for a slash) in *namespace*."""
    with inside(namespace):
        for name, value in values.items():
            Path("/proc/sys/net", name.replace("__", "/")).write_text(value)


def address(family: Family, host: str) -> str:
    """``10.0.1.4`` for host a, ``10.0.2.4`` for host b."""
    start, _ = PREFIX[family]
    return f"{start}.{HOSTS[host]}.4" if family is IPV4 else f"{start}:{HOSTS[host]}::4"


def gateway(family: Family, host: str) -> str:
    return address(family, host)[:-1] + "1"


@contextlib.contextmanager
def lab() -> Iterator[None]:
    """Router ``r`` with interface ``na`` to host ``a`` and ``nb`` to host ``b``; the hosts' interface is ``eth0``."""
    for namespace in ("r", "a", "b"):
        add_namespace(namespace)
    try:
        for host in ("a", "b"):
            attach(host, "r")
        for family in (IPV4, IPV6):
            warm_up(family)
        yield
    finally:
        for namespace in sorted(path.name for path in NAMESPACES.iterdir()):
            sh(f"ip netns del {namespace}")


def add_namespace(name: str) -> None:
    sh(f"ip netns add {name}")
    configure(name, **{key.replace("/", "__"): value for key, value in _SETTINGS.items()})
    sh(f"ip -n {name} link set lo up")


def attach(host: str, router: str) -> None:
    """Join *host* to *router*: interface ``eth0`` there, ``n`` and the host's name here, addresses of both versions."""
    sh(f"ip -n {router} link add n{host} type veth peer name eth0 netns {host}")
    sh(f"ip -n {router} link set n{host} up")
    sh(f"ip -n {host} link set eth0 up")
    for family, (_, length) in PREFIX.items():
        sh(f"ip -n {router} addr add {gateway(family, host)}/{length} dev n{host}")
        sh(f"ip -n {host} addr add {address(family, host)}/{length} dev eth0")
        sh(f"ip -n {host} route add default via {gateway(family, host)}")


def subnet(family: Family, host: str) -> str:
    return str(ipaddress.ip_network(f"{address(family, host)}/{PREFIX[family][1]}", strict=False))


def warm_up(family: Family) -> None:
    """Let the neighbours find each other before any rule is there."""
    for sender, receiver in (("a", "b"), ("b", "a")):
        if arrival(_fence(family, sender, receiver), sender, receiver) is None:
            raise RuntimeError(f"no way from {sender} to {receiver} over {family.name}")


def arrival(packet: Packet, sender: str, receiver: str) -> bytes | None:
    """Send *packet* from one host; what arrives of it at the other host's interface, or None when it was dropped."""
    with _sniffer(packet.family, receiver) as heard, _sender(packet.family, sender) as out:
        for each in (packet, _fence(packet.family, sender, receiver)):
            out.sendto(each.encode(), (each.destination, 0))
        return _before_the_fence(heard, packet)


def passes(packet: Packet, sender: str = "a", receiver: str = "b") -> bool:
    return arrival(packet, sender, receiver) is not None


def _fence(family: Family, sender: str, receiver: str) -> Packet:
    return Packet(family, address(family, sender), address(family, receiver), FENCE, b"fence")


def _before_the_fence(heard: socket.socket, wanted: Packet) -> bytes | None:
    found = None
    while True:
        octets, (_, _, kind, *_) = heard.recvfrom(65536)
        if kind == socket.PACKET_OUTGOING:
            continue
        if octets[wanted.family.protocol] == FENCE:
            return octets if wanted.protocol == FENCE else found
        if _is(octets, wanted):
            found = octets


def _is(octets: bytes, wanted: Packet) -> bool:
    """The same addresses and the same content; what routers may change is left out."""
    family, sent = wanted.family, wanted.encode()
    return octets[family.source :] == sent[family.source :]


def _sniffer(family: Family, host: str) -> socket.socket:
    ethertype = 0x0800 if family is IPV4 else 0x86DD
    with inside(host):
        heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ethertype))
    heard.bind(("eth0", ethertype))
    heard.settimeout(PATIENCE_S)
    return heard


def _sender(family: Family, host: str) -> socket.socket:
    with inside(host):
        out = socket.socket(family.domain, socket.SOCK_RAW, socket.IPPROTO_RAW)
    if family is IPV6:
        out.setsockopt(socket.IPPROTO_IPV6, _IPV6_HDRINCL, 1)
    return out


def stream_socket(family: Family, host: str, kind: int) -> socket.socket:
    with inside(host):
        made = socket.socket(family.domain, kind)
    made.settimeout(PATIENCE_S)
    return made
