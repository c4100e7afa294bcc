"""The name service that is nobody's resource: root, registry, resolver, sets of servers, and Azure's own zones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lazulite.forwarding.domain import encode
from lazulite.forwarding.model import InternetHost, NameServer, RecordSet, Zone
from lazulite.resources.view import View
from lazulite.services.dns import addresses
from lazulite.services.dns.naming import PLATFORM_SET, TOP_LEVELS, server_names
from lazulite.services.dns.records import PublicSoa

_HOST_TTL_S = 172800
_ROOT, _REGISTRY, _RESOLVER = "a.root-servers.net", "a.gtld-servers.net", "resolver.azure-dns.net"


def name_servers(view: View, number: int) -> Iterable[Any]:
    """A set of four, and where their names are found: in zones of Azure's own."""
    name, origin = f"azure-dns|{number}", "Azure DNS name servers"
    hosts = addresses.servers(number)
    yield InternetHost(name, f"azure-dns-{number:02}", f"azure-dns-{number}", hosts, platform=True, origin=origin)
    yield NameServer(name, name, "authority", hosts, server_names(number), number, origin)
    for index, (server, top) in enumerate(zip(server_names(number), TOP_LEVELS, strict=True)):
        label, zone_name = server.partition(".")[0], platform(f"azure-dns.{top}")
        yield from _host(zone_name, label, hosts[index :: len(TOP_LEVELS)], origin)


def infrastructure(view: View) -> Iterable[Any]:
    """The root, the registry of top-level domains, a resolver for anybody, and the zones of their names."""
    origin = "the lab's Internet"
    view.demand(name_servers, PLATFORM_SET)
    hosts = (("root", _ROOT, addresses.ROOT), ("registry", _REGISTRY, addresses.REGISTRY))
    every = (*hosts, ("resolver", _RESOLVER, addresses.RESOLVER))
    for role, server, where in every:
        yield InternetHost(f"dns|{role}", f"dns-{role}", f"dns-{role}", where, platform=True, origin=origin)
        yield NameServer(f"dns|{role}", f"dns|{role}", role, where, (server,), origin=origin)
        label, _, parent = server.partition(".")
        yield from platform_zone(parent, origin)
        yield from _host(platform(parent), label, where, origin)
    for top in TOP_LEVELS:
        yield from platform_zone(f"azure-dns.{top}", origin)


def platform(fqdn: str) -> str:
    """Entry name of a zone that is Azure's own."""
    return f"platform|{fqdn}"


def platform_zone(fqdn: str, origin: str) -> Iterator[Any]:
    """A zone that is served without being anybody's resource."""
    name, servers = platform(fqdn), server_names(PLATFORM_SET)
    yield Zone(name, fqdn, PLATFORM_SET, origin)
    soa = PublicSoa(host=servers[0]).rdata()
    yield RecordSet(f"{name}|SOA", name, "", "SOA", 3600, (soa,), origin=origin)
    hosts = tuple(encode(s) for s in servers)
    yield RecordSet(f"{name}|NS", name, "", "NS", _HOST_TTL_S, hosts, origin=origin)


def _host(zone_name: str, label: str, where: Iterable[Any], origin: str) -> Iterator[RecordSet]:
    for rtype, version in (("A", 4), ("AAAA", 6)):
        found = tuple(a.packed for a in where if a.version == version)
        yield RecordSet(f"{zone_name}|{label}|{rtype}", zone_name, label, rtype, _HOST_TTL_S, found, origin=origin)
