"""The names of public addresses: labels below their region, and what an address is called the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.forwarding.domain import encode, reverse
from lazulite.forwarding.model import RecordSet
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.platform import infrastructure, platform, platform_zone
from lazulite.services.public_ip_address.answered import answered_address
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.values import IPAddress

_LABEL_TTL_S = _REVERSE_TTL_S = 10
_REVERSE = {4: "in-addr.arpa", 6: "ip6.arpa"}


def names(address: Resource[PublicIPAddress], view: View) -> Iterator[Any]:
    """Source: "Public IP addresses", DNS name label; "Overview of reverse DNS in Azure"."""
    settings = address.properties.dns_settings
    where = answered_address(address, view) if settings is not None else None
    if settings is None or where is None:
        return
    view.demand(infrastructure)
    if settings.fqdn is not None:
        label, region, suffix = settings.fqdn.split(".", 2)
        yield from platform_zone(suffix, "DNS name labels")
        rtype = "A" if where.version == 4 else "AAAA"
        yield _record(address, suffix, f"{label}.{region}", rtype, _LABEL_TTL_S, where.packed)
    if settings.reverse_fqdn is not None:
        yield from _reversed(address, where, settings.reverse_fqdn)


def _reversed(address: Resource[PublicIPAddress], where: IPAddress, name: str) -> Iterator[Any]:
    suffix = _REVERSE[where.version]
    yield from platform_zone(suffix, "reverse DNS of public addresses")
    owner = reverse(where).removesuffix(f".{suffix}")
    yield _record(address, suffix, owner, "PTR", _REVERSE_TTL_S, encode(name))


def _record(address: Resource[PublicIPAddress], zone: str, owner: str, rtype: str, ttl: int, rdata: bytes) -> RecordSet:
    name = f"{address.id.key}|{rtype}"
    return RecordSet(name, platform(zone), owner, rtype, ttl, (rdata,), origin=address.id.text)
