"""``getBackendHealthOnDemand``: the servers of a pool are asked once, now, as a probe that nobody stored would ask.

Source: facts/application-gateway.md, "Resource JSON" (actions) and "Health".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from lazulite.forwarding.model import Server
from lazulite.resources.model import Bounds, Properties, Ref, Resource, Violation
from lazulite.resources.schema import Decoder
from lazulite.resources.view import View
from lazulite.services.application_gateway import backends, health
from lazulite.services.application_gateway.model import (
    ApplicationGateway,
    BackendAddressPool,
    BackendSettings,
    Match,
    Probe,
    Protocol,
    part,
)
from lazulite.services.network_watcher import connectivity
from lazulite.services.service import Context, Run


class OnDemandProbe(Properties, frozen=True):
    """What is asked: a pool, settings, and how; what is not said is as the settings and the default probe have it."""

    protocol: Protocol | None = None
    host: str | None = None
    path: str | None = None
    timeout: Annotated[int, Bounds(1, 86_400)] = 30
    pick_host_name_from_backend_http_settings: bool = False
    match: Match | None = None
    backend_address_pool: Annotated[Ref | None, part("backendAddressPools")] = None
    backend_http_settings: Annotated[Ref | None, part("backendHttpSettingsCollection")] = msgspec.field(
        default=None, name="backendHttpSettings"
    )


class _Place(msgspec.Struct, frozen=True):
    """A pool and how its servers are asked."""

    pool: Resource[BackendAddressPool]
    settings: Resource[BackendSettings]


def probe(resource: Resource[ApplicationGateway], context: Context) -> Run | Iterable[Violation]:
    decoder = Decoder()
    asked: OnDemandProbe | None = decoder.model(OnDemandProbe, context.body if context.body is not None else {}, "body")
    if asked is None or decoder.violations:
        return [replace(v, target=v.target.removeprefix("body.")) for v in decoder.violations]
    wrong = list(_refusals(resource, asked, context.view))
    place = _place(asked, context.view)
    if wrong or place is None:
        return wrong
    servers = backends.servers(place.pool, context.view)
    script = connectivity.script(list(_wishes(asked, place.settings.properties, servers)))
    return Run(resource.id.key, script, lambda code, out, errors: _told(place, servers, out))


def _refusals(resource: Resource[ApplicationGateway], asked: OnDemandProbe, view: View) -> Iterator[Violation]:
    if resource.properties.stopped:
        yield Violation("ApplicationGatewayIsStopped", f"Application gateway {resource.id} is stopped.")
    if asked.path is not None and not asked.path.startswith("/"):
        yield Violation("ApplicationGatewayProbePathInvalid", f"Path {asked.path} must begin with a slash.", "path")
    named: tuple[tuple[str, Ref | None, type[Properties]], ...] = (
        ("backendAddressPool", asked.backend_address_pool, BackendAddressPool),
        ("backendHttpSettings", asked.backend_http_settings, BackendSettings),
    )
    for wire, ref, model in named:
        if ref is None:
            yield Violation("InvalidParameter", f"A probe on demand needs a {wire}.", wire)
        elif not ref.target.within(resource.id) or view.get(ref, model) is None:
            message = f"Resource {ref.id} referenced by a probe on demand of {resource.id} was not found."
            yield Violation("InvalidResourceReference", message, wire)


def _place(asked: OnDemandProbe, view: View) -> _Place | None:
    pool = view.get(asked.backend_address_pool, BackendAddressPool)
    settings = view.get(asked.backend_http_settings, BackendSettings)
    return _Place(pool, settings) if pool is not None and settings is not None else None


def _wishes(asked: OnDemandProbe, settings: BackendSettings, servers: Iterable[Server]) -> Iterator[Mapping[str, Any]]:
    """One for each server, as ``network_watcher/programs/README.md`` has them."""
    said = Probe(
        protocol=asked.protocol or settings.protocol,
        host=asked.host,
        path=asked.path or "/",
        timeout=asked.timeout,
        pick_host_name_from_backend_http_settings=asked.pick_host_name_from_backend_http_settings or not asked.host,
        match=asked.match,
    )
    how = backends.probing(settings, said)
    for server in servers:
        yield {
            "protocol": said.protocol.lower(),
            "host": server.host or server.name,
            "port": how.port,
            "path": how.path,
            "headers": {"Host": backends.probed_host(server, settings, said)},
            "statuses": how.statuses,
            "body": how.body,
            "timeout_s": how.timeout_s,
        }


def _told(place: _Place, servers: Iterable[Server], out: str) -> Any:
    """Servers whose probe said nothing are of unknown health."""
    try:
        results = json.loads(out)
    except ValueError:
        results = []
    found = dict(zip((s.name for s in servers), results, strict=False))
    rows = [health.named(s, place.pool.id) | _judged(found.get(s.name)) for s in servers]
    return {
        "backendAddressPool": {"id": place.pool.id.text},
        "backendHealthHttpSettings": {"backendHttpSettings": {"id": place.settings.id.text}, "servers": rows},
    }


def _judged(result: Mapping[str, Any] | None) -> dict[str, str]:
    if result is None:
        return {"health": "Unknown", "healthProbeLog": ""}
    if result["failed"] or not result["sent"]:
        return {"health": "Down", "healthProbeLog": health.log(result["reason"])}
    return {"health": "Up", "healthProbeLog": health.success(result["status"])}
