"""What filters say: addresses and ports that are one, a range or a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, summarize_address_range
from typing import TypeVar

from lazulite.services.packet_capture.model import Filter
from lazulite.values import IPAddress, IPNetwork, PortRange

T = TypeVar("T")
_LAST_PORT = 65535


def addresses(text: str | None) -> tuple[IPNetwork, ...]:
    """Empty for everyone. Raises ``ValueError`` with a sentence."""
    return tuple(n for first, last in _spans(text, _address) for n in _networks(first, last))


def ports(text: str | None) -> tuple[PortRange, ...]:
    """Empty for all. Raises ``ValueError`` with a sentence."""
    return tuple(PortRange(first, last) for first, last in _spans(text, _port))


def _spans(text: str | None, read: Callable[[str], T]) -> Iterator[tuple[T, T]]:
    """First and last of each. A list and a range do not mix. Source: facts/network-watcher.md, filter notation."""
    said = (text or "").strip()
    if said in ("", "*"):
        return
    parts = [p.strip() for p in said.split(";") if p.strip()]
    if not parts:
        raise ValueError(f"'{text}' names nothing")
    if "-" in said and ";" in said:
        raise ValueError(f"'{text}' mixes a list and a range")
    for part in parts:
        first, dash, last = part.partition("-")
        yield read(first), read(last if dash else first)


def _address(text: str) -> IPAddress:
    try:
        return ip_address(text.strip())
    except ValueError:
        raise ValueError(f"'{text}' is not an IP address") from None


def _port(text: str) -> int:
    if not text.strip().isdecimal() or not text.isascii() or int(text) > _LAST_PORT:
        raise ValueError(f"'{text}' is not a port from 0 to {_LAST_PORT}")
    return int(text)


def _networks(first: IPAddress, last: IPAddress) -> Iterator[IPNetwork]:
    if isinstance(first, IPv4Address) and isinstance(last, IPv4Address) and first <= last:
        return summarize_address_range(first, last)
    if isinstance(first, IPv6Address) and isinstance(last, IPv6Address) and first <= last:
        return summarize_address_range(first, last)
    raise ValueError(f"{first}-{last} is not a range of addresses")


def wrong(said: Filter) -> Iterator[tuple[str, str]]:
    """Wire name of a property and what is wrong with it."""
    for wire, text in (("localIPAddress", said.local_ip_address), ("remoteIPAddress", said.remote_ip_address)):
        try:
            addresses(text)
        except ValueError as error:
            yield wire, str(error)
    for wire, text in (("localPort", said.local_port), ("remotePort", said.remote_port)):
        try:
            if any(r.first > r.last for r in ports(text)):
                raise ValueError(f"'{text}' ends before it begins")
        except ValueError as error:
            yield wire, str(error)
