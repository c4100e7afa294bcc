"""Pools and settings of a gateway: which servers a pair of them stands for, and how their health is found."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TypeAlias

import msgspec

from lazulite.forwarding.model import ClientTls, HttpBackend, ProbeProtocol, Server, Watch, Watched
from lazulite.forwarding.model import Probe as ProbeEntry
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Ref, Resource
from lazulite.resources.view import View
from lazulite.services.application_gateway.model import (
    ApplicationGateway,
    BackendAddressPool,
    BackendSettings,
    PathRule,
    Probe,
    RoutingRule,
    UrlPathMap,
)
from lazulite.services.virtual_network.model import IpConfiguration
from lazulite.values import IPAddress

POOLS, SETTINGS, PROBES = "backendAddressPools", "backendHttpSettingsCollection", "probes"
AFFINITY = "ApplicationGatewayAffinity"
"""Source: facts/application-gateway.md, "Affinity"."""
DEFAULT_HOST, DEFAULT_STATUSES = "127.0.0.1", ((200, 399),)
"""Of the probe that nobody configured. Source: facts/application-gateway.md, "Health"."""

Pair: TypeAlias = tuple[ResourceId, ResourceId]
"""A pool and settings."""


class Setting(msgspec.Struct, frozen=True):
    """What all backends of a gateway share."""

    gateway: Resource[ApplicationGateway]
    resolver: IPAddress


def pairs(gateway: Resource[ApplicationGateway]) -> Iterator[Pair]:
    """Every pool with the settings that a rule asks it by, once."""
    seen: set[tuple[str, str]] = set()
    for pool, settings in _used(gateway.properties):
        if pool is not None and settings is not None and (pool.target.key, settings.target.key) not in seen:
            seen.add((pool.target.key, settings.target.key))
            yield pool.target, settings.target


def _used(gateway: ApplicationGateway) -> Iterator[tuple[Ref | None, Ref | None]]:
    for rule in gateway.request_routing_rules:
        yield rule.properties.backend_address_pool, rule.properties.backend_http_settings
    for found in gateway.url_path_maps:
        yield found.properties.default_backend_address_pool, found.properties.default_backend_http_settings
        for path in found.properties.path_rules:
            yield path.properties.backend_address_pool, path.properties.backend_http_settings


def name(pool: ResourceId, settings: ResourceId) -> str:
    """Of the entry, and of the dynamic set of its servers that can be asked."""
    return f"{pool.key}|{settings.name.lower()}"


def chosen(rule: RoutingRule | PathRule | UrlPathMap) -> str:
    """Name of the backend that a rule leads to; empty when it leads to none."""
    if isinstance(rule, UrlPathMap):
        pool, settings = rule.default_backend_address_pool, rule.default_backend_http_settings
    else:
        pool, settings = rule.backend_address_pool, rule.backend_http_settings
    return name(pool.target, settings.target) if pool is not None and settings is not None else ""


def servers(pool: Resource[BackendAddressPool], view: View) -> tuple[Server, ...]:
    """The addresses of the pool, then the interfaces that are in it."""
    found = {}
    for each in pool.properties.backend_addresses:
        text = each.ip_address or each.fqdn or ""
        address = _address(text)
        found[text.lower()] = Server(text, address, "" if address is not None else text, pool.id.text)
    for member in view.referrers(pool.id, IpConfiguration):
        address = member.properties.private_ip_address
        if address is not None:
            found[str(address)] = Server(str(address), address, "", member.id.text)
    return tuple(s for k, s in found.items() if k)


def _address(text: str) -> IPAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def entries(pair: Pair, setting: Setting, view: View) -> Iterator[HttpBackend | Watch]:
    pool, settings = view.get(pair[0], BackendAddressPool), view.get(pair[1], BackendSettings)
    if pool is None or settings is None:
        return
    guest, asked, called = setting.gateway.id.key, servers(pool, view), name(*pair)
    said, probe = settings.properties, view.get(settings.properties.probe, Probe)
    yield HttpBackend(
        called,
        f"{pool.id.name}/{settings.id.name}",
        guest,
        said.port,
        asked,
        called,
        _tls(said),
        setting.resolver,
        said.host_name or "",
        said.pick_host_name_from_backend_address,
        said.path or "",
        (said.affinity_cookie_name or AFFINITY) if said.cookie_based_affinity == "Enabled" else "",
        said.request_timeout,
        said.connection_draining.drain_timeout_in_sec if said.connection_draining.enabled else 30,
        settings.id.text,
        probe.properties.min_servers if probe is not None else 0,
    )
    configured = probe.properties if probe is not None else None
    watched = tuple(_watched(s, said, configured) for s in asked)
    how = probing(said, configured, probe.id.text if probe is not None else "")
    yield Watch(called, pool.id.name, (guest,), watched, how, setting.resolver, pool.id.text)


def _tls(settings: BackendSettings) -> ClientTls | None:
    if settings.protocol == "Http":
        return None
    roots = tuple(r.target.key for r in settings.trusted_root_certificates)
    return ClientTls(
        settings.sni_name or settings.host_name or "",
        roots,
        settings.validate_cert_chain_and_expiry,
        settings.validate_sni,
    )


def _watched(server: Server, settings: BackendSettings, probe: Probe | None) -> Watched:
    host = probed_host(server, settings, probe)
    return Watched(server.name, server.address, server.host, (("Host", host),), server.origin)


def probed_host(server: Server, settings: BackendSettings, probe: Probe | None) -> str:
    """Whom a probe asks the server for."""
    if probe is not None and probe.host:
        return probe.host
    if probe is None or probe.pick_host_name_from_backend_http_settings:
        if settings.pick_host_name_from_backend_address:
            return server.host or server.name
        return settings.host_name or DEFAULT_HOST
    return DEFAULT_HOST


def probing(settings: BackendSettings, probe: Probe | None, origin: str = "") -> ProbeEntry:
    """How servers are probed that are asked by *settings*; without a probe as by the default one."""
    said = probe if probe is not None else Probe(protocol=settings.protocol)
    match = said.match
    return ProbeEntry(
        ProbeProtocol.HTTPS if said.protocol == "Https" else ProbeProtocol.HTTP,
        said.port or settings.port,
        said.path or "/",
        said.interval,
        said.unhealthy_threshold,
        recovery=1,
        timeout_s=said.timeout,
        statuses=tuple(map(_range, match.status_codes))
        if match is not None and match.status_codes
        else DEFAULT_STATUSES,
        body=(match.body or "") if match is not None else "",
        origin=origin,
    )


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)
