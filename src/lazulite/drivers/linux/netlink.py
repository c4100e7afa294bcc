"""Raw rtnetlink: one socket a namespace, explicit messages, many in one send. Constants from ``linux/rtnetlink.h``.

A library per message costs twenty times the kernel's own work here (measured), hence our own encoder of the dozen
messages the driver needs.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TypeAlias

import msgspec

Message: TypeAlias = bytes
"""A whole netlink message with sequence 0; :class:`Socket` numbers it."""

NEWLINK, DELLINK, GETLINK = 16, 17, 18
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, DELROUTE, GETROUTE = 24, 25, 26
NEWNEIGH, DELNEIGH, GETNEIGH = 28, 29, 30
NEWRULE, DELRULE, GETRULE = 32, 33, 34
NEWQDISC, DELQDISC, GETQDISC = 36, 37, 38
SETNEIGHTBL = 67
NEWSTATS, GETSTATS = 92, 94
_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_REPLACE, _EXCLUSIVE, _CREATE = 0x100, 0x200, 0x400
ROUTE_UNICAST, ROUTE_BLACKHOLE, ROUTE_THROW = 1, 6, 9
MAIN = 254
PROTOCOL = 76
"""Route protocol number that marks a route as ours."""
UP, _NOARP = 1, 0x80
_UNIVERSE, _LINK, HOST, _NOWHERE = 0, 253, 254, 255
PERMANENT = 0x80
_ROUTE_TYPE, _LOCAL = 7, 2
"""Place of the type in a route's header, and the type of a route to the namespace itself."""
_OPERSTATE_UP = b"\x06"
_FALLBACK_DEVICES = 15
"""Interface indexes that stay free for the loopback and for what tunnel modules put in every new namespace."""
_WITHOUT_STATISTICS = 1 << 3
_LINK_64 = 1
_AS_IN_TABLE = 0x2000
_NODAD, _NOPREFIXROUTE = 0x02, 0x200
_CONF = {"forwarding": 1, "proxy_arp": 3, "send_redirects": 6, "rp_filter": 8, "promote_secondaries": 20}
_PROXY_DELAY = 13


def attribute(kind: int, value: bytes | str | int) -> bytes:
    if isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, int):
        value = struct.pack("I", value)
    length = 4 + len(value)
    return struct.pack("HH", length, kind) + value + b"\0" * (-length % 4)


def nest(kind: int, *parts: bytes) -> bytes:
    return attribute(kind | 0x8000, b"".join(parts))


def _message(kind: int, body: bytes, flags: int = 0) -> Message:
    return struct.pack("IHHII", 16 + len(body), kind, _REQUEST | flags, 0, 0) + body


def _link(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("BBHiII", 0, 0, 0, index, flags, change)


@lru_cache(maxsize=4096)
def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", "").replace("-", ""))


@lru_cache(maxsize=1 << 16)
def _packed(address: str) -> tuple[int, bytes]:
    parsed = ip_address(address)
    return (socket.AF_INET if parsed.version == 4 else socket.AF_INET6), parsed.packed


@lru_cache(maxsize=1 << 16)
def _prefix(prefix: str) -> tuple[int, bytes, int]:
    parsed = ip_network(prefix)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    return family, parsed.network_address.packed, parsed.prefixlen


class End(msgspec.Struct, frozen=True):
    """One end of a link."""

    name: str
    index: int
    mac: str


def veth(near_end: End, far_end: End, far_namespace: int, mtu: int) -> Message:
    """A pair with one queue each: one end here, the other in the namespace of that descriptor."""
    queues = attribute(31, 1) + attribute(32, 1)
    far = (
        _link(far_end.index)
        + attribute(3, far_end.name)
        + attribute(28, far_namespace)
        + attribute(4, mtu)
        + attribute(1, mac_bytes(far_end.mac))
        + queues
    )
    near = attribute(3, near_end.name) + attribute(4, mtu) + attribute(1, mac_bytes(near_end.mac)) + queues
    kind = nest(18, attribute(1, b"veth"), nest(2, attribute(1 | 0x8000, far)))
    return _message(NEWLINK, _link(near_end.index) + near + kind, _CREATE | _EXCLUSIVE)


def get_link(name: str) -> Message:
    """Ask for one interface, without its statistics."""
    return _message(GETLINK, _link() + attribute(3, name) + attribute(29, _WITHOUT_STATISTICS))


def delete_link(name: str) -> Message:
    return _message(DELLINK, _link() + attribute(3, name))


def set_up(name: str, *, noarp: bool = False) -> Message:
    flags = UP | (_NOARP if noarp else 0)
    return _message(NEWLINK, _link(0, flags, flags) + attribute(3, name))


def configure(name: str, alias: str = "", **ipv4: int) -> Message:
    """Per-interface IPv4 settings without a trip to /proc; no IPv6 link-local address of its own.

    The numbers are the kernel's ``IPV4_DEVCONF_*`` (``linux/ip.h``).
    """
    inet = nest(2, nest(1, *[attribute(_CONF[k], v) for k, v in ipv4.items()]))
    inet6 = nest(10, attribute(8, b"\x01"))
    label = attribute(20, alias[:255]) if alias else b""
    return _message(NEWLINK, _link() + attribute(3, name) + label + nest(26, inet, inet6))


def no_proxy_delay(index: int) -> Message:
    """Answer proxied ARP at once; the kernel's default holds the first answer up to 0.8 s."""
    body = struct.pack("BBH", socket.AF_INET, 0, 0) + attribute(1, "arp_cache")
    return _message(SETNEIGHTBL, body + nest(6, attribute(1, index), attribute(_PROXY_DELAY, struct.pack("Q", 0))))


def address(index: int, prefixed: str, *, hidden: bool = False) -> Message:
    """``10.0.0.4/24`` on the interface: no route for the prefix (the fabric has no layer 2), no duplicate check."""
    text, _, length = prefixed.partition("/")
    family, raw = _packed(text)
    head = struct.pack("BBBBI", family, int(length), 0, HOST if hidden else _UNIVERSE, index)
    flags = attribute(8, _NODAD | _NOPREFIXROUTE)
    return _message(NEWADDR, head + attribute(2, raw) + attribute(1, raw) + flags, _CREATE | _REPLACE)


def delete_address(index: int, prefixed: str) -> Message:
    text, _, length = prefixed.partition("/")
    family, raw = _packed(text)
    head = struct.pack("BBBBI", family, int(length), 0, 0, index)
    return _message(DELADDR, head + attribute(2, raw) + attribute(1, raw))


def route(prefix: str, table: int, kind: int, index: int = 0, via: str = "", mtu: int = 0) -> Message:
    scope = _LINK if index and not via and ":" not in prefix else _UNIVERSE
    # On-link: the next hop need not be reachable by another route.
    body = _route(prefix, table, kind, scope, 4 if via else 0)
    if index:
        body += attribute(4, index)
    if via:
        body += attribute(5, _packed(via)[1])
    if mtu:
        body += nest(8, attribute(2, mtu))
    return _message(NEWROUTE, body, _CREATE | _REPLACE)


def delete_route(prefix: str, table: int, kind: int) -> Message:
    """Whatever way it leads."""
    return _message(DELROUTE, _route(prefix, table, kind, _NOWHERE, 0))


def _route(prefix: str, table: int, kind: int, scope: int, flags: int) -> bytes:
    family, raw, length = _prefix(prefix)
    number = table if table < 256 else 0
    body = struct.pack("BBBBBBBBI", family, length, 0, 0, number, PROTOCOL, scope, kind, flags)
    return body + (attribute(1, raw) if length else b"") + attribute(15, table)


def rule(family: int, mark: int, table: int, priority: int) -> Message:
    return _message(NEWRULE, _rule(family, mark, table) + attribute(6, priority), _CREATE | _EXCLUSIVE)


def delete_rule(family: int, mark: int, table: int) -> Message:
    """Of whatever priority: another hand may have made it."""
    return _message(DELRULE, _rule(family, mark, table))


def _rule(family: int, mark: int, table: int) -> bytes:
    head = struct.pack("BBBBBBBBI", family, 0, 0, 0, table if table < 256 else 0, 0, 0, 1, 0)
    return head + attribute(15, table) + attribute(10, mark) + attribute(16, 0xFFFFFFFF)


def way_rule(family: int, interface: str, source: str, table: int, priority: int) -> Message:
    """For what comes in by *interface*, from the prefix *source* when there is one."""
    return _message(NEWRULE, _way(family, interface, source, table) + attribute(6, priority), _CREATE | _EXCLUSIVE)


def delete_way_rule(family: int, interface: str, source: str, table: int) -> Message:
    return _message(DELRULE, _way(family, interface, source, table))


def _way(family: int, interface: str, source: str, table: int) -> bytes:
    _, raw, length = _prefix(source) if source else (family, b"", 0)
    head = struct.pack("BBBBBBBBI", family, 0, length, 0, table if table < 256 else 0, 0, 0, 1, 0)
    return head + attribute(15, table) + attribute(3, interface) + (attribute(2, raw) if length else b"")


def vxlan(
    name: str, index: int, port: int, identifier: int, local: str, mtu: int, remote: str = "", into: int = -1
) -> Message:
    """A tunnel of IPv4. Frames go to *remote*, else their way is taken from their MAC address (:func:`tunnel_end`).

    It is put into the namespace of the descriptor *into*; its datagrams leave from the one that gets the message. They
    have no checksum, as RFC 7348 wants it of VXLAN, where frames go to one *remote*.
    """
    said = (
        attribute(1, identifier)
        + attribute(4, _packed(local)[1])
        + attribute(7, b"\0")
        + attribute(15, struct.pack(">H", port))
    )
    if remote:
        said += attribute(2, _packed(remote)[1]) + attribute(18, b"\0")
    there = attribute(28, into) if into >= 0 else b""
    size = attribute(41, _LONGEST_INSIDE) if remote else b""
    kind = nest(18, attribute(1, b"vxlan"), nest(2, said))
    body = _link(index) + attribute(3, name) + attribute(4, mtu) + there + size + kind
    return _message(NEWLINK, body, _CREATE | _EXCLUSIVE)


_LONGEST_INSIDE = 65500
"""Bytes of a frame that is not cut yet, so that it fits into a datagram with all that is put around it."""


def redirect(name: str, remote: str) -> Message:
    """Another way for the frames of a tunnel that go to one."""
    kind = nest(18, attribute(1, b"vxlan"), nest(2, attribute(2, _packed(remote)[1])))
    return _message(NEWLINK, _link() + attribute(3, name) + kind)


def resize(name: str, mtu: int, alias: str = "") -> Message:
    """Another MTU for an interface that stands, and what it tells of itself."""
    label = attribute(20, alias[:255]) if alias else b""
    return _message(NEWLINK, _link() + attribute(3, name) + attribute(4, mtu) + label)


_BRIDGE, _SELF = 7, 2
_STATIC = PERMANENT | 0x40


def tunnel_end(index: int, mac: str, address: str) -> Message:
    """Where frames of a tunnel to *mac* are sent."""
    head = struct.pack("BBHiHBB", _BRIDGE, 0, 0, index, _STATIC, _SELF, 0)
    body = head + attribute(2, mac_bytes(mac)) + attribute(1, _packed(address)[1])
    return _message(NEWNEIGH, body, _CREATE | _REPLACE)


def delete_tunnel_end(index: int, mac: str) -> Message:
    head = struct.pack("BBHiHBB", _BRIDGE, 0, 0, index, 0, _SELF, 0)
    return _message(DELNEIGH, head + attribute(2, mac_bytes(mac)))


_ROOT = 0xFFFFFFFF
_WAITING = 100_000
"""Packets that may wait at an interface."""


def delay(index: int, microseconds: int) -> Message:
    """Have packets wait before they leave by an interface (``sch_netem``; constants from ``linux/pkt_sched.h``)."""
    options = struct.pack("6I", 0, _WAITING, 0, 0, 0, 0) + attribute(10, struct.pack("q", microseconds * 1000))
    body = struct.pack("BBHiIII", 0, 0, 0, index, 0, _ROOT, 0) + attribute(1, "netem") + attribute(2, options)
    return _message(NEWQDISC, body, _CREATE | _REPLACE)


def delete_delay(index: int) -> Message:
    return _message(DELQDISC, struct.pack("BBHiIII", 0, 0, 0, index, 0, _ROOT, 0))


def neighbour(index: int, ip: str, mac: str) -> Message:
    """A permanent neighbour: never asked for, never counted against the kernel's global neighbour limit."""
    family, raw = _packed(ip)
    head = struct.pack("BBHiHBB", family, 0, 0, index, PERMANENT, 0, 0)
    return _message(NEWNEIGH, head + attribute(1, raw) + attribute(2, mac_bytes(mac)), _CREATE | _REPLACE)


def delete_neighbour(index: int, ip: str) -> Message:
    family, raw = _packed(ip)
    return _message(DELNEIGH, struct.pack("BBHiHBB", family, 0, 0, index, 0, 0, 0) + attribute(1, raw))


_HIGH = 1024


def open_socket(protocol: int) -> socket.socket:
    """A netlink socket with a descriptor that ``select()`` users cannot collide with (libnftables is one)."""
    low = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    with low:
        high = socket.socket(fileno=fcntl.fcntl(low.fileno(), fcntl.F_DUPFD_CLOEXEC, _HIGH))
    high.bind((0, 0))
    return high


def get_neighbour(index: int, ip: str) -> Message:
    family, raw = _packed(ip)
    return _message(GETNEIGH, struct.pack("BBHiHBB", family, 0, 0, index, 0, 0, 0) + attribute(1, raw))


def get_route(ip: str) -> Message:
    """Ask for the route by which the namespace sends to an address, as it stands in its table."""
    family, raw = _packed(ip)
    head = struct.pack("BBBBBBBBI", family, 8 * len(raw), 0, 0, 0, 0, 0, 0, _AS_IN_TABLE)
    return _message(GETROUTE, head + attribute(1, raw))


class Socket:
    """An rtnetlink socket of the namespace that the calling thread is in when it is made."""

    def __init__(self, *, new: bool = False) -> None:
        """*new* says that nobody made an interface in the namespace yet."""
        self._socket = open_socket(socket.NETLINK_ROUTE)
        self._indexes: dict[str, int] = {"lo": 1} if new else {}
        self._highest = _FALLBACK_DEVICES if new else 0

    def close(self) -> None:
        self._socket.close()

    def send(self, messages: Sequence[Message], at_once: int = 64) -> list[OSError | None]:
        """Have the kernel take *messages* in order; per message ``None`` or what it answered. Errors stop nothing."""
        results: list[OSError | None] = []
        for start in range(0, len(messages), at_once):
            results += self._send(messages[start : start + at_once])
        return results

    def _send(self, messages: Sequence[Message]) -> list[OSError | None]:
        results: list[OSError | None] = [None] * len(messages)
        last = len(messages) - 1
        # Only the last message asks for an acknowledgement; errors of the others come unasked.
        numbered = [
            m[:6] + struct.pack("=HI", m[6] | m[7] << 8 | (_ACK if i == last else 0), i + 1) + m[12:]
            for i, m in enumerate(messages)
        ]
        self._socket.send(b"".join(numbered))
        while True:
            for kind, sequence, payload in _split(self._socket.recv(1 << 18)):
                if kind == _ERROR:
                    code = -struct.unpack_from("i", payload)[0]
                    results[sequence - 1] = OSError(code, os.strerror(code)) if code else None
                    if sequence == len(messages):
                        return results

    def dump(self, kind: int, family: int = 0) -> Iterator[bytes]:
        """The payload of every object of that kind."""
        head = _link() + attribute(29, _WITHOUT_STATISTICS) if kind == GETLINK else b""
        if kind == GETSTATS:
            head = struct.pack("BBHII", 0, 0, 0, 0, 1 << _LINK_64 - 1)
        body = head or struct.pack("B", family) + b"\0" * (19 if kind == GETQDISC else 11)
        self._socket.send(_message(kind, body, _DUMP))
        while True:
            for answer, _, payload in _split(self._socket.recv(1 << 18)):
                if answer == _DONE:
                    return
                if answer == _ERROR:
                    code = -struct.unpack_from("i", payload)[0]
                    raise OSError(code, os.strerror(code))
                yield payload

    def link_counts(self) -> dict[int, tuple[int, int, int, int]]:
        """By interface index, bytes that came in and that went out, and packets: ``struct if_stats_msg``, and of what
        may follow it the ``struct rtnl_link_stats64`` alone, which begins with the packets."""
        found: dict[int, tuple[int, int, int, int]] = {}
        for payload in self.dump(GETSTATS):
            counted = attributes(payload, 12).get(_LINK_64)
            if counted is not None:
                packets_in, packets_out, bytes_in, bytes_out = struct.unpack_from("4Q", counted)
                found[struct.unpack_from("I", payload, 4)[0]] = bytes_in, bytes_out, packets_in, packets_out
        return found

    def ask(self, requests: Sequence[Message], at_once: int = 24) -> list[bytes | None]:
        """Per request for one object its payload, or ``None`` where the kernel has none. The receive buffer holds
        the answers of *at_once* requests."""
        answers: list[bytes | None] = []
        for start in range(0, len(requests), at_once):
            part = requests[start : start + at_once]
            self._socket.send(b"".join(m[:8] + struct.pack("=I", i) + m[12:] for i, m in enumerate(part)))
            found: dict[int, bytes | None] = {}
            while len(found) < len(part):
                for kind, sequence, payload in _split(self._socket.recv(1 << 16)):
                    found[sequence] = None if kind == _ERROR else payload
            answers += [found[i] for i in range(len(part))]
        return answers

    def index(self, name: str) -> int:
        """Interface index of *name*; raises ``OSError`` (ENODEV) when there is none. Remembered until forgotten."""
        if name not in self._indexes:
            found = self.ask([get_link(name)])[0]
            if found is None:
                raise OSError(errno.ENODEV, f"no interface {name}")
            self._indexes[name] = struct.unpack_from("i", found, 4)[0]
        return self._indexes[name]

    def interfaces(self) -> dict[int, str]:
        """Interface names by index."""
        self._look()
        return {index: name for name, index in self._indexes.items()}

    def _look(self) -> None:
        """Learn, the first time, which interfaces there are."""
        if not self._highest:
            found = names(self.dump(GETLINK))
            self._indexes.update({text: index for index, (text, _) in found.items()})
            self._highest = max(found)

    def are_up(self, interfaces: Sequence[str]) -> list[bool]:
        """Of each interface whether it passes packets: up, with the far end up, and the kernel done with both."""
        found = self.ask([get_link(name) for name in interfaces])
        return [f is not None and attributes(f, 16).get(16) == _OPERSTATE_UP for f in found]

    def are_local(self, addresses: Sequence[str]) -> list[bool]:
        """Of each address, with or without a prefix length, whether the namespace takes packets to it for its own."""
        found = self.ask([get_route(a.partition("/")[0]) for a in addresses])
        return [f is not None and f[_ROUTE_TYPE] == _LOCAL for f in found]

    def is_up(self, name: str) -> bool:
        """The same of one."""
        return self.are_up([name])[0]

    def has(self, name: str) -> bool:
        """Whether there is an interface of that name."""
        try:
            return bool(self.index(name))
        except OSError:
            return False

    def highest(self) -> int:
        """No interface here has a higher index."""
        self._look()
        return self._highest

    def reserve(self, name: str, unlike: int = 0, above: int = 0) -> int:
        """An interface index no one has here, for a link about to be made under *name*.

        It is never *unlike*, the index of the other end: the kernel takes links whose ends have the same index for
        loops of an interface to itself, and is up to a second late to let them pass packets.
        """
        self._highest = max(self.highest(), above)
        self._highest += 2 if self._highest + 1 == unlike else 1
        self._indexes[name] = self._highest
        return self._highest

    def forget(self, name: str) -> None:
        self._indexes.pop(name, None)


def _split(packet: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset < len(packet):
        length, kind, _, sequence, _ = struct.unpack_from("IHHII", packet, offset)
        yield kind, sequence, packet[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def attributes(payload: bytes, offset: int) -> dict[int, bytes]:
    """The attributes of a dumped object, after its fixed header of *offset* bytes."""
    found = {}
    while offset + 4 <= len(payload):
        length, kind = struct.unpack_from("HH", payload, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = payload[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def names(links: Iterable[bytes]) -> dict[int, tuple[str, bytes]]:
    """Interface index to name and MAC, of dumped links."""
    found = {}
    for payload in links:
        parts = attributes(payload, 16)
        found[struct.unpack_from("i", payload, 4)[0]] = (parts[3].rstrip(b"\0").decode(), parts.get(1, b""))
    return found
