"""Netlink payloads as items: what one object that the kernel tells about is in the driver's own terms. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import TypeAlias

from msgspec.structs import replace

from lazulite.drivers.linux import netlink
from lazulite.drivers.linux.netfilter import RawElement
from lazulite.drivers.linux.state import (
    Address,
    Delay,
    Element,
    Item,
    KernelRoute,
    Key,
    MarkRule,
    Neighbour,
    TunnelEnd,
    Veth,
    Vxlan,
    WayRule,
    key,
)

Links: TypeAlias = Mapping[int, str]
"""Interface names by index."""
Found: TypeAlias = tuple[Key, Item] | None
_IFNAME = 16
_FAMILY = {2: "4", 10: "6"}
_EVERYTHING = {2: "0.0.0.0/0", 10: "::/0"}


def link(payload: bytes, name: str, _: Links) -> Found:
    """The near end of a link of ours."""
    parts = netlink.attributes(payload, 16)
    spec = Veth.read(_mac(parts.get(1, b"")), parts.get(20, b"").rstrip(b"\0").decode())
    if spec is None:
        return None
    up = struct.unpack_from("I", payload, 8)[0] & netlink.UP
    # A link that another hand set down carries packets of no size.
    mtu = struct.unpack("I", parts[4])[0] if up else 0
    return key(name, spec, parts[3].rstrip(b"\0").decode()), Item(replace(spec, mtu=mtu))


def address(payload: bytes, name: str, links: Links) -> Found:
    """An address of ours: what a guest adds to its loopback is its own affair."""
    _, length, _, scope, index = struct.unpack_from("BBBBI", payload)
    parts = netlink.attributes(payload, 8)
    found = ip_address(parts.get(2, parts[1]))
    if links.get(index) == "lo" and (found.is_loopback or not name.startswith(("router.", "detour."))):
        return None
    spec = Address(links.get(index, ""), scope == netlink.HOST)
    # One link-local address may be on many links, any other one is in a namespace once.
    where = (spec.interface,) if found.is_link_local else ()
    return key(name, spec, f"{found}/{length}", *where), Item(spec)


def neighbour(payload: bytes, name: str, links: Links) -> Found:
    _, _, _, index, state = struct.unpack_from("BBHiH", payload)
    parts = netlink.attributes(payload, 12)
    if not state & netlink.PERMANENT or 2 not in parts:
        return None
    spec = Neighbour(links.get(index, ""), _mac(parts[2]))
    return key(name, spec, spec.interface, ip_address(parts[1])), Item(spec)


def route(payload: bytes, name: str, links: Links) -> Found:
    """A route of ours."""
    family, length, _, _, table, protocol, _, kind = struct.unpack_from("BBBBBBBB", payload)
    if protocol != netlink.PROTOCOL:
        return None
    parts = netlink.attributes(payload, 12)
    table = struct.unpack("I", parts[15])[0] if 15 in parts else table
    prefix = f"{ip_address(parts[1])}/{length}" if 1 in parts else _EVERYTHING[family]
    interface = ""
    if 4 in parts and kind == netlink.ROUTE_UNICAST:
        interface = links.get(struct.unpack("I", parts[4])[0], "")
    metrics = netlink.attributes(parts[8], 0) if 8 in parts else {}
    mtu = struct.unpack("I", metrics[2])[0] if 2 in metrics else 0
    spec = KernelRoute(kind, interface, str(ip_address(parts[5])) if 5 in parts else "", mtu)
    return key(name, spec, table, prefix), Item(spec)


def rule(payload: bytes, name: str, _: Links) -> Found:
    """A rule that goes by mark."""
    parts = netlink.attributes(payload, 12)
    if 10 not in parts:
        return None
    spec = MarkRule(struct.unpack("I", parts[15])[0])
    return key(name, spec, _FAMILY[payload[0]], struct.unpack("I", parts[10])[0]), Item(spec)


def way_rule(payload: bytes, name: str, _: Links) -> Found:
    """A rule that goes by interface."""
    parts = netlink.attributes(payload, 12)
    if 3 not in parts:
        return None
    spec = WayRule(struct.unpack("I", parts[15])[0])
    source = f"{ip_address(parts[2])}/{payload[2]}" if 2 in parts else ""
    return key(name, spec, _FAMILY[payload[0]], parts[3].rstrip(b"\0").decode(), source), Item(spec)


def vxlan(payload: bytes, name: str, _: Links) -> Found:
    """A tunnel of ours: workloads make tunnels too."""
    parts = netlink.attributes(payload, 16)
    kind = netlink.attributes(parts[18], 0) if 18 in parts else {}
    if not name.startswith(("detour.", "router.")) or kind.get(1, b"").rstrip(b"\0") != b"vxlan":
        return None
    said = netlink.attributes(kind[2], 0)
    identifier, local = struct.unpack("I", said[1])[0], str(ip_address(said[4]))
    remote, underlay = str(ip_address(said[2])) if 2 in said else "", parts.get(20, b"").rstrip(b"\0").decode()
    spec = Vxlan(struct.unpack(">H", said[15])[0], identifier, local, remote, underlay)
    return key(name, spec, parts[3].rstrip(b"\0").decode()), Item(spec)


def tunnel_end(payload: bytes, name: str, links: Links) -> Found:
    _, _, _, index, _ = struct.unpack_from("BBHiH", payload)
    parts = netlink.attributes(payload, 12)
    if not name.startswith("detour.") or 1 not in parts:
        return None
    spec = TunnelEnd(links.get(index, ""), str(ip_address(parts[1])))
    return key(name, spec, spec.interface, _mac(parts[2])), Item(spec)


def delay(payload: bytes, name: str, links: Links) -> Found:
    """A queue that makes packets wait; a guest may have others of its own."""
    index = struct.unpack_from("i", payload, 4)[0]
    parts = netlink.attributes(payload, 20)
    if parts.get(1, b"").rstrip(b"\0") != b"netem":
        return None
    more = netlink.attributes(parts[2], 24)
    spec = Delay(links.get(index, ""), struct.unpack("q", more[10])[0] // 1000 if 10 in more else 0)
    return key(name, spec, spec.interface), Item(spec)


READERS: Mapping[str, tuple[int, Callable[[bytes, str, Links], Found]]] = {
    "Veth": (netlink.GETLINK, link),
    "Address": (netlink.GETADDR, address),
    "Neighbour": (netlink.GETNEIGH, neighbour),
    "KernelRoute": (netlink.GETROUTE, route),
    "MarkRule": (netlink.GETRULE, rule),
    "WayRule": (netlink.GETRULE, way_rule),
    "Vxlan": (netlink.GETLINK, vxlan),
    "TunnelEnd": (netlink.GETNEIGH, tunnel_end),
    "Delay": (netlink.GETQDISC, delay),
}
"""What dumps the objects of a kind, and what reads one."""
FAMILIES = {"TunnelEnd": 7}
"""Address family of a dump where it is not all: what a tunnel has by MAC address."""


_BY_MARK = {"able", "lb_hops", "floating", "opened", "received", "sent", "done"}
"""Maps whose keys are packet marks, which look like addresses of version 4."""
_BY_PORT, _BY_PROTOCOL = {"late_member", "late_frontend", "copy_sources"}, {"port_blocks"}
"""Maps whose keys are an address and a port, or an address and a protocol."""
BY_PREFIX = {"gateways", "late_network"}
"""Maps whose keys are prefixes."""


def element(raw: RawElement, name: str, family: str, set_name: str) -> tuple[Key, Item]:
    spec = Element(raw.verdict or _value(raw, set_name))
    return key(name, spec, family, set_name, _key_text(raw.key, set_name)), Item(spec)


def _key_text(raw: bytes, set_name: str) -> str:
    """By set, where the length does not tell."""
    if set_name in _BY_MARK:
        return hex(struct.unpack("I", raw)[0])
    if set_name in _BY_PORT:
        return _address_and_port(raw)
    if set_name in _BY_PROTOCOL:
        return f"{ip_address(raw[:-4])} . {raw[-4]}"
    return element_text(raw)


def _address_and_port(raw: bytes) -> str:
    return f"{ip_address(raw[:-4])} . {struct.unpack_from('>H', raw, len(raw) - 4)[0]}"


def prefixes(raws: Iterable[RawElement], name: str, family: str, set_name: str) -> Iterator[tuple[Key, Item]]:
    """The elements of a map keyed by prefixes: the kernel tells the first of each and the first one past it."""
    start: RawElement | None = None
    for raw in (*sorted(raws, key=lambda r: (r.key, not r.ends)), None):
        if start is not None:
            past = raw.key if raw is not None else b"\1" + bytes(len(start.key))
            size = int.from_bytes(past) - int.from_bytes(start.key)
            prefix = f"{ip_address(start.key)}/{len(start.key) * 8 - size.bit_length() + 1}"
            spec = Element(start.verdict)
            yield key(name, spec, family, set_name, prefix), Item(spec)
        start = None if raw is None or raw.ends else raw


def _value(raw: RawElement, set_name: str) -> str:
    """A mark in hexadecimal, or an address, with a port or without."""
    if not raw.value:
        return ""
    if set_name in ("forward_marks", "floating"):
        return hex(struct.unpack("I", raw.value)[0])
    if set_name == "forwards":
        return _address_and_port(raw.value)
    if len(raw.value) == 4 and len(raw.key) in (6, _IFNAME):
        return hex(struct.unpack("I", raw.value)[0])
    return str(ip_address(raw.value))


def element_text(raw: bytes) -> str:
    """By length: an address, a MAC, an interface name, that and an address, or an address, a protocol and a port."""
    if len(raw) in (12, 24):
        return f"{ip_address(raw[:-8])} . {raw[-8]} . {struct.unpack_from('>H', raw, len(raw) - 4)[0]}"
    if len(raw) == 6 or (len(raw) == 8 and not any(raw[6:])):
        return _mac(raw[:6])
    if len(raw) == 4 or (len(raw) == _IFNAME and not _is_name(raw)):
        return str(ip_address(raw))
    text = raw[:_IFNAME].rstrip(b"\0").decode()
    return f"{text} . {ip_address(raw[_IFNAME:])}" if len(raw) > _IFNAME else text


def element_key(text: str, set_name: str = "") -> bytes:
    """The inverse of what :func:`element` makes of a key."""
    first, dot, rest = text.partition(" . ")
    if set_name in _BY_PORT:
        return ip_address(first).packed + struct.pack(">HH", int(rest), 0)
    if set_name in _BY_PROTOCOL:
        return ip_address(first).packed + bytes((int(rest), 0, 0, 0))
    if " . " in rest:
        protocol, port = map(int, rest.split(" . "))
        return ip_address(first).packed + bytes((protocol, 0, 0, 0)) + struct.pack(">HH", port, 0)
    if dot:
        return _interface(first) + ip_address(rest).packed
    if text.startswith("0x"):
        return struct.pack("I", int(text, 16))
    if text.count(":") == 5 and len(text) == 17:
        return netlink.mac_bytes(text)
    return ip_address(text).packed if text[0].isdigit() or ":" in text else _interface(text)


def _interface(name: str) -> bytes:
    return name.encode().ljust(_IFNAME, b"\0")


def _is_name(raw: bytes) -> bool:
    """An interface name is printable and padded with zeros; no address of the lab's ranges looks like one."""
    return raw.rstrip(b"\0").isalnum() and raw[-1:] == b"\0"


def _mac(raw: bytes) -> str:
    return raw.hex(":")
