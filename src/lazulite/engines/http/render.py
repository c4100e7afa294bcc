"""Proxies as the files that Envoy is given: pure. One of listeners, one of clusters, and one each of what they name.

Whatever is chosen by what may change often (routes, servers, certificates) has a file of its own, so that such a change
closes no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from lazulite.engines.http import (
    access,
    affinity,
    answers,
    chains,
    feed,
    firewall,
    headers,
    hosts,
    rewriting,
    secrets,
    wording,
)
from lazulite.engines.http.feed import CLUSTERS, LISTENERS
from lazulite.engines.http.files import file_of, resource, text
from lazulite.engines.http.routes import routed
from lazulite.engines.http.wording import Json, typed
from lazulite.forwarding.model import Certificate, HttpBackend, HttpProxy, Server, ServerTls, Site, WafPolicy
from lazulite.values import IPAddress

ADMIN = "admin.sock"
_FEED, AGAIN_S = "feed", ("0.1s", "0.5s")
"""The cluster of who tells what there is; after how long Envoy asks again when nobody does, at first and then."""
CONNECT_S = 5
HEADERS_S = 60
"""How long a client may take for its request. Source: facts/application-gateway.md, "Gateway-made status codes". Envoy
counts it as time without progress, which a part of the headers is none of: a limit of its own needs a second clock."""
URL_KIB = 32
"""Of URL and headers. Source: facts/application-gateway.md, "Limits"."""
_VERSIONS = {"1.0": "TLSv1_0", "1.1": "TLSv1_1", "1.2": "TLSv1_2", "1.3": "TLSv1_3"}


class World(msgspec.Struct, frozen=True):
    """All that is to be served. ``up`` has, by backend, its servers that can be asked, ``leaving`` those that may only
    finish and are asked by clients of their own, ``ending`` those that may only finish; ``found`` the addresses of
    those known by name."""

    proxies: Mapping[str, HttpProxy]
    backends: Mapping[str, HttpBackend]
    certificates: Mapping[str, Certificate]
    up: Mapping[str, Sequence[Server]]
    leaving: Mapping[str, Sequence[Server]]
    found: Mapping[tuple[str, str], Sequence[IPAddress]]
    """By backend and host name."""
    pages: Mapping[tuple[str, str], str] = {}
    """Texts of pages by guest and URL."""
    policies: Mapping[str, WafPolicy] = {}
    ending: Mapping[str, Sequence[Server]] = {}


class Place(msgspec.Struct, frozen=True):
    """Where Envoy finds things: its own directory, and the path of a guest's network namespace."""

    directory: str
    space: Callable[[str], str]
    source: Callable[[str], str]
    """The address that a guest asks from."""


def bootstrap(place: Place) -> str:
    """What Envoy is started with."""
    return text(
        {
            "node": {"id": "lazulite", "cluster": "lazulite"},
            "static_resources": {"clusters": [_feed(place)]},
            "stats_config": {"stats_matcher": {"reject_all": True}},
            "inline_headers": headers.QUICK,
            "admin": {"address": {"pipe": {"path": f"{place.directory}/{ADMIN}", "mode": 0o600}}},
            "dynamic_resources": {
                "lds_config": _STREAMED,
                "cds_config": _STREAMED,
                "ads_config": _stream(),
            },
        }
    )


def files(world: World, place: Place) -> dict[str, str]:
    """Every file but the first, by name."""
    made: dict[str, str] = {}
    listeners: list[Json] = []
    for _, proxy in sorted(world.proxies.items()):
        for door, sites in _doors(proxy).items():
            listeners.append(_listener(proxy, door, world, place))
            for name, some in _chains(proxy, door, sites):
                table: Json = {"@type": wording.ROUTES, "name": name, "ignore_port_in_host_matching": True}
                made[file_of("routes", name)] = resource(table | _routed(proxy, some, world))
    made |= secrets.files(world.proxies, world.backends, world.certificates)
    for name, backend in sorted(world.backends.items()):
        made[file_of("servers", name)] = resource(_servers(backend, world))
    made[LISTENERS] = resource(*listeners)
    made[CLUSTERS] = resource(
        firewall.cluster(place.directory), *(_cluster(b, place) for _, b in sorted(world.backends.items()))
    )
    return made


def _routed(proxy: HttpProxy, sites: Sequence[Site], world: World) -> Json:
    return routed(sites, world.backends, lambda site, rule: firewall.asked(proxy, site, rule, world.policies))


def _doors(proxy: HttpProxy) -> dict[tuple[IPAddress, int], list[Site]]:
    """The sites of each place, in the order in which they are asked."""
    found: dict[tuple[IPAddress, int], list[Site]] = {}
    for site in proxy.sites:
        found.setdefault((site.address, site.port), []).append(site)
    return found


def _chains(proxy: HttpProxy, door: tuple[IPAddress, int], sites: Sequence[Site]) -> list[tuple[str, Sequence[Site]]]:
    """What is served on a place: all sites together in the clear, each alone where a certificate chose it.

    Who came in by a site's certificate and rules for clients is not led to another site by the name in the request.
    """
    base = f"{proxy.name}|{door[0]}|{door[1]}"
    if sites[0].tls is None:
        return [(base, sites)]
    if hosts.domains(sites) is None:
        return [(base, sites)]
    return [(f"{base}|{s.name}", [s]) for s in sites]


def _listener(proxy: HttpProxy, door: tuple[IPAddress, int], world: World, place: Place) -> Json:
    (address, port), sites = door, _doors(proxy)[door]
    name = f"{proxy.name}|{address}|{port}"
    at = {"address": str(address), "port_value": port, "network_namespace_filepath": place.space(proxy.guest)}
    found: Json = {
        "@type": wording.LISTENER,
        "name": name,
        "address": {"socket_address": at},
        "per_connection_buffer_limit_bytes": 1 << 20,
    }
    split = _chains(proxy, door, sites)
    if sites[0].tls is None:
        plain = chains.named(name, {"filters": [_connections(proxy, *split[0], world, place)]})
        return found | {"filter_chains": [plain], "filter_chain_matcher": chains.always(plain["name"])}
    inspector = typed("tls", "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector")
    secure = list(_secure(proxy, split, sites, world, place))
    clear = chains.named("clear", _clear(proxy, world, place))
    return found | {
        "listener_filters": [inspector],
        "filter_chains": [*(c for _, c in secure), clear],
        "filter_chain_matcher": chains.secure([(n, c["name"]) for n, c in secure], clear["name"]),
    }


def _secure(
    proxy: HttpProxy, split: list[tuple[str, Sequence[Site]]], sites: Sequence[Site], world: World, place: Place
) -> Iterable[tuple[Sequence[str], Json]]:
    """The names that choose a chain, and the chain."""
    named = hosts.domains(sites)
    for index, (name, some) in enumerate(split):
        wanted = [hosts.ANY] if named is None else named[index]
        if wanted:
            tls = [s.tls for s in some if s.tls is not None]
            chain = {"filters": [_connections(proxy, name, some, world, place)]}
            yield wanted, chains.named(name, chain | {"transport_socket": _downstream(proxy, tls, place)})


def _clear(proxy: HttpProxy, world: World, place: Place) -> Json:
    """For who speaks no TLS where it is wanted. Source: facts/application-gateway.md, "Gateway-made status codes"."""
    refused = {"match": {"prefix": "/"}, "name": answers.CLEAR, "direct_response": {"status": 400}}
    table = {"virtual_hosts": [{"name": "clear", "domains": [hosts.ANY], "routes": [refused]}]}
    found = _connections(proxy, "", [], world, place)
    settings = {k: v for k, v in found["typed_config"].items() if k != "rds"} | {"route_config": table}
    return {"filters": [found | {"typed_config": settings}]}


def _downstream(proxy: HttpProxy, tls: Sequence[ServerTls], place: Place) -> Json:
    first = tls[0]
    certificates = dict.fromkeys(c for t in tls for c in t.certificates)
    common: dict[str, Any] = {
        "alpn_protocols": ["h2", "http/1.1"] if proxy.http2 else ["http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": _VERSIONS[first.minimum], "cipher_suites": list(first.suites)},
        "tls_certificate_sds_secret_configs": [_secret_at(place, c) for c in certificates],
    }
    if first.clients:
        common["validation_context_sds_secret_config"] = _secret_at(place, secrets.joined(first.clients))
    elif first.asks:
        common["validation_context"] = {"trust_chain_verification": "ACCEPT_UNTRUSTED"}
    settings = {"common_tls_context": common, "require_client_certificate": bool(first.clients)}
    return {"name": "tls", "typed_config": {"@type": wording.DOWNSTREAM, **settings}}


def _connections(proxy: HttpProxy, routes: str, sites: Sequence[Site], world: World, place: Place) -> Json:
    router = typed("router", "envoy.extensions.filters.http.router.v3.Router", suppress_envoy_headers=True)
    return wording.connections(
        stat_prefix="site",
        codec_type="AUTO" if proxy.http2 else "HTTP1",
        rds={"route_config_name": routes, "config_source": _STREAMED},
        http_filters=[
            *firewall.filters(),
            headers.forwarded(),
            headers.keeping(),
            rewriting.filtered(),
            *affinity.filters(),
            router,
        ],
        http_protocol_options={"accept_http_10": True},
        upgrade_configs=[{"upgrade_type": "websocket"}],
        use_remote_address=True,
        skip_xff_append=True,
        normalize_path=True,
        server_name=answers.SERVER,
        server_header_transformation="PASS_THROUGH",
        stream_idle_timeout=f"{HEADERS_S}s",
        max_request_headers_kb=2 * URL_KIB,
        local_reply_config=answers.mappers(sites, lambda url: world.pages.get((proxy.guest, url))),
        access_log=[access.log(proxy, place.directory, secure=bool(sites) and sites[0].tls is not None)],
    )


def _secret_at(place: Place, name: str) -> Json:
    return {"name": name, "sds_config": _STREAMED}


def _cluster(backend: HttpBackend, place: Place) -> Json:
    source = {"address": place.source(backend.guest), "port_value": 0}
    found: Json = {
        "@type": wording.CLUSTER,
        "name": backend.name,
        "type": "EDS",
        "connect_timeout": f"{CONNECT_S}s",
        "eds_cluster_config": {"eds_config": _STREAMED},
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}} | (_KEPT if backend.affinity else {}),
        "upstream_bind_config": {"source_address": source | {"network_namespace_filepath": place.space(backend.guest)}},
    }
    return found | secrets.upstream(backend, lambda name: _secret_at(place, name))


_KEPT: Json = {"override_host_status": {"statuses": ["HEALTHY", "DRAINING"]}}
"""Whom a cookie leads to a server that leaves is led there still. Source: facts/application-gateway.md, "Affinity"."""


def _servers(backend: HttpBackend, world: World) -> Json:
    rows = [r for s in world.up.get(backend.name, ()) for r in _endpoints(backend, s, world, "HEALTHY")]
    rows += [r for s in world.leaving.get(backend.name, ()) for r in _endpoints(backend, s, world, "DRAINING")]
    rows += [r for s in world.ending.get(backend.name, ()) for r in _endpoints(backend, s, world, "UNHEALTHY")]
    return {"@type": wording.ENDPOINTS, "cluster_name": backend.name, "endpoints": [{"lb_endpoints": rows}]}


def _endpoints(backend: HttpBackend, server: Server, world: World, health: str) -> Iterable[Json]:
    addresses = [server.address] if server.address is not None else world.found.get((backend.name, server.host), ())
    for address in addresses:
        at = {"socket_address": {"address": str(address), "port_value": backend.port}}
        named = {"hostname": server.host} if server.host else {"hostname": str(address)}
        yield {"endpoint": {"address": at} | named, "health_status": health}


def _feed(place: Place) -> Json:
    """Who tells what there is."""
    at = {"endpoint": {"address": {"pipe": {"path": f"{place.directory}/{feed.SOCKET}"}}}}
    return {
        "name": _FEED,
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": _FEED, "endpoints": [{"lb_endpoints": [at]}]},
        "typed_extension_protocol_options": wording.http_2(),
    }


_STREAMED: Json = {"resource_api_version": "V3", "ads": {}}
"""Where all comes from."""


def _stream() -> Json:
    """Envoy says what it wants, and is told what there is; when nobody tells it any more it begins anew."""
    again = {"retry_back_off": {"base_interval": AGAIN_S[0], "max_interval": AGAIN_S[1]}}
    return {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [{"envoy_grpc": {"cluster_name": _FEED, "retry_policy": again}}],
    }
