"""What the fields of a security rule say: protocols, ports, addresses and tags, read from their text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_network

import msgspec

from lazulite.resources.model import Ref
from lazulite.services.network_security_group import tags
from lazulite.services.network_security_group.model import SecurityRule
from lazulite.values import ALL_PORTS, IPNetwork, PortRange, Protocol

EVERYTHING = "*"

PROTOCOLS: dict[str, Protocol | None] = {EVERYTHING: None} | {p.value: p for p in Protocol}
"""By folded spelling; ``None`` is all of them."""


class Peers(msgspec.Struct, frozen=True):
    """One side of a rule: everyone, or any of what it lists."""

    everyone: bool
    prefixes: tuple[IPNetwork, ...]
    tags: tuple[str, ...]
    """In Azure's spelling."""
    groups: tuple[Ref, ...]


def sources(rule: SecurityRule) -> Peers:
    return _peers(source_prefixes(rule), rule.source_application_security_groups)


def destinations(rule: SecurityRule) -> Peers:
    return _peers(destination_prefixes(rule), rule.destination_application_security_groups)


def source_prefixes(rule: SecurityRule) -> tuple[str, ...]:
    return either(rule.source_address_prefix, rule.source_address_prefixes)


def destination_prefixes(rule: SecurityRule) -> tuple[str, ...]:
    return either(rule.destination_address_prefix, rule.destination_address_prefixes)


def source_ports(rule: SecurityRule) -> tuple[str, ...]:
    return either(rule.source_port_range, rule.source_port_ranges)


def destination_ports(rule: SecurityRule) -> tuple[str, ...]:
    return either(rule.destination_port_range, rule.destination_port_ranges)


def either(singular: str | None, plural: tuple[str, ...]) -> tuple[str, ...]:
    """A field that may be written in two ways. Clients send ``""`` for the one they do not use."""
    return (singular, *plural) if singular else plural


def _peers(texts: tuple[str, ...], groups: tuple[Ref, ...]) -> Peers:
    if texts == (EVERYTHING,):
        return _EVERYONE
    found = [read_prefix(t) for t in texts]
    named = [t for t, prefix in zip(texts, found, strict=True) if prefix is None]
    return Peers(
        EVERYTHING in texts,
        tuple(p for p in found if p is not None),
        tuple(t for t in map(tags.canonical, named) if t is not None),
        groups,
    )


_EVERYONE = Peers(True, (), (), ())


@lru_cache(maxsize=1 << 16)
def read_prefix(text: str) -> IPNetwork | None:
    """An address or a CIDR prefix with no host bits set, ``None`` for anything else."""
    try:
        return ip_network(text)
    except ValueError:
        return None


def read_ports(text: str) -> PortRange | None:
    """``*``, a port, or two with a dash between, low first; ``None`` for anything else."""
    if text == EVERYTHING:
        return ALL_PORTS
    first, dash, last = (part.strip() for part in text.partition("-"))
    last = last if dash else first
    if not all(part.isascii() and part.isdecimal() and len(part) < 6 for part in (first, last)):
        return None
    ports = PortRange(int(first), int(last))
    return ports if ports.first <= ports.last <= ALL_PORTS.last else None


def port_ranges(texts: Iterable[str]) -> tuple[PortRange, ...] | None:
    """The ranges of a rule; empty for all ports, ``None`` when there is nothing to match."""
    found = tuple(r for r in map(read_ports, texts) if r is not None)
    if ALL_PORTS in found:
        return ()
    return found or None
