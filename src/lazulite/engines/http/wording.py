"""Words of Envoy's configuration that several parts of it need."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
TYPES = "type.googleapis.com/"
LISTENER = TYPES + "envoy.config.listener.v3.Listener"
CLUSTER = TYPES + "envoy.config.cluster.v3.Cluster"
ROUTES = TYPES + "envoy.config.route.v3.RouteConfiguration"
ENDPOINTS = TYPES + "envoy.config.endpoint.v3.ClusterLoadAssignment"
SECRET = TYPES + "envoy.extensions.transport_sockets.tls.v3.Secret"
DOWNSTREAM = TYPES + "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
UPSTREAM = TYPES + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_CONNECTIONS = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_STICKY = "envoy.extensions.filters.http.stateful_session.v3.StatefulSession"
_COOKIE = "envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState"
_PROTOCOLS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
PROTOCOLS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
STICKY = "sticky"


def typed(name: str, kind: str, **settings: Any) -> Json:
    """An extension by its type."""
    return {"name": name, "typed_config": {"@type": TYPES + kind, **settings}}


def enabled() -> Json:
    """For a route: a filter that is off elsewhere works as it is set."""
    return {"@type": TYPES + "envoy.config.route.v3.FilterConfig", "config": {}}


def connections(**settings: Any) -> Json:
    return typed("http", _CONNECTIONS, **settings)


def sticky() -> Json:
    """The filter that keeps clients with their servers, where the route says so; off, but for the sites of a place
    where some route does: one that was off for the route that was chosen first would stay off for the one that a
    rewrite leads to."""
    return typed(STICKY, _STICKY) | {"disabled": True}


def cookie(name: str) -> Json:
    """For a route: clients are kept by a cookie."""
    state = typed("envoy.http.stateful_session.cookie", _COOKIE, cookie={"name": name, "path": "/"})
    return {"@type": TYPES + _STICKY + "PerRoute", "stateful_session": {"session_state": state}}


def http_1(**more: bool) -> Json:
    """Servers are spoken to in HTTP/1.1. Source: facts/application-gateway.md, "What it does"."""
    found: Json = {"@type": TYPES + _PROTOCOLS, "explicit_http_config": {"http_protocol_options": {}}}
    return {PROTOCOLS: found | ({"upstream_http_protocol_options": more} if more else {})}


def http_2() -> Json:
    """Who tells Envoy what there is, is spoken to in HTTP/2."""
    return {PROTOCOLS: {"@type": TYPES + _PROTOCOLS, "explicit_http_config": {"http2_protocol_options": {}}}}
