"""Netlink payloads as items: what one object that the kernel tells about is in the driver's own terms. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import TypeAlias

from msgspec.structs import replace

from lazulite.drivers.linux import netlink
from lazulite.drivers.linux.netfilter import RawElement
from lazulite.drivers.linux.state import Address, Element, Item, KernelRoute, Key, MarkRule, Neighbour, Veth, key

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
    return key(name, spec, parts[3].rstrip(b"\0").decode()), Item(spec if up else replace(spec, mtu=0))


def address(payload: bytes, name: str, links: Links) -> Found:
    _, length, _, _, index = struct.unpack_from("BBBBI", payload)
    parts = netlink.attributes(payload, 8)
    where, spec = ip_address(parts.get(2, parts[1])), Address(links.get(index, ""))
    return None if where.is_loopback else (key(name, spec, f"{where}/{length}"), Item(spec))


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
    spec = KernelRoute(kind, interface, str(ip_address(parts[5])) if 5 in parts else "")
    return key(name, spec, table, prefix), Item(spec)


def rule(payload: bytes, name: str, _: Links) -> Found:
    """A rule that goes by mark."""
    parts = netlink.attributes(payload, 12)
    if 10 not in parts:
        return None
    spec = MarkRule(struct.unpack("I", parts[15])[0])
    return key(name, spec, _FAMILY[payload[0]], struct.unpack("I", parts[10])[0]), Item(spec)


READERS: Mapping[str, tuple[int, Callable[[bytes, str, Links], Found]]] = {
    "Veth": (netlink.GETLINK, link),
    "Address": (netlink.GETADDR, address),
    "Neighbour": (netlink.GETNEIGH, neighbour),
    "KernelRoute": (netlink.GETROUTE, route),
    "MarkRule": (netlink.GETRULE, rule),
}
"""What dumps the objects of a kind, and what reads one."""


def element(raw: RawElement, name: str, family: str, set_name: str) -> tuple[Key, Item]:
    spec = Element(raw.verdict or _value(raw))
    return key(name, spec, family, set_name, element_text(raw.key)), Item(spec)


def _value(raw: RawElement) -> str:
    """A mark in hexadecimal, or an address."""
    if not raw.value:
        return ""
    if len(raw.value) == 4 and len(raw.key) in (6, _IFNAME):
        return hex(struct.unpack("I", raw.value)[0])
    return str(ip_address(raw.value))


def element_text(raw: bytes) -> str:
    """By length: an address, a MAC, an interface name, or an interface name and an address."""
    if len(raw) == 6 or (len(raw) == 8 and not any(raw[6:])):
        return _mac(raw[:6])
    if len(raw) == 4 or (len(raw) == _IFNAME and not _is_name(raw)):
        return str(ip_address(raw))
    text = raw[:_IFNAME].rstrip(b"\0").decode()
    return f"{text} . {ip_address(raw[_IFNAME:])}" if len(raw) > _IFNAME else text


def element_key(text: str) -> bytes:
    """The inverse of :func:`element_text`."""
    first, dot, rest = text.partition(" . ")
    if dot:
        return _interface(first) + ip_address(rest).packed
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
