"""How a gateway tells of its servers' health: ``backendhealth``, and what a probe's end is called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lazulite.forwarding.model import HttpBackend, Server
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Violation
from lazulite.services.application_gateway import backends
from lazulite.services.application_gateway.model import ApplicationGateway, BackendAddressPool
from lazulite.services.service import Context, Reply

_SILENT = (
    "Time taken by the backend to respond to application gateway's health probe is more than the timeout threshold in "
    "the probe setting."
)
_CLOSED = (
    "Cannot connect to backend server. Check whether any NSG/UDR/Firewall is blocking access to the server. Check if "
    "application is running on correct port."
)
_LOGS = {
    "no answer in time": _SILENT,
    "no answer": _SILENT,
    "connection refused": _CLOSED,
    "refused": _CLOSED,
    "no way to the machine": _CLOSED,
    "no route": _CLOSED,
    "no running machine has this address": "Cannot connect to backend server. Check if application is running.",
    "body without the text": "Body of the backend's HTTP response did not match the probe setting. Received response "
    "body doesn't contain the string.",
}
"""What a failed probe is called. Source: facts/application-gateway.md, "Health" (texts in substance)."""


def told(resource: Resource[ApplicationGateway], context: Context) -> Reply | Iterable[Violation]:
    """``backendhealth``: every pool, by the settings that it is asked with, and each of its servers."""
    pools: dict[str, list[Any]] = {}
    for pool, settings in backends.pairs(resource):
        row = {"backendHttpSettings": {"id": settings.text}, "servers": list(_servers(pool, settings, context))}
        pools.setdefault(pool.text, []).append(row)
    rows = [{"backendAddressPool": {"id": p}, "backendHttpSettingsCollection": found} for p, found in pools.items()]
    return Reply({"backendAddressPools": rows}, slow=True)


def _servers(pool: ResourceId, settings: ResourceId, context: Context) -> Iterator[dict[str, Any]]:
    name = backends.name(pool, settings)
    entry, found = context.model.get(HttpBackend, name), context.view.get(pool, BackendAddressPool)
    asked = entry.servers if entry is not None else backends.servers(found, context.view) if found is not None else ()
    contents, reasons = context.observations.health.get(name), context.observations.reasons.get(name, {})
    kept = entry.asked(contents.members) if entry is not None and contents is not None else ()
    for server in asked:
        row = named(server, pool)
        if contents is None:
            row |= {"health": "Unknown", "healthProbeLog": ""}
        elif server.name in contents.members:
            row |= {"health": "Up", "healthProbeLog": success(200)}
        elif server in kept:  # for the sake of the probe's minServers
            row |= {"health": "Up", "healthProbeLog": log(reasons.get(server.name, ""))}
        else:
            row |= {"health": "Down", "healthProbeLog": log(reasons.get(server.name, ""))}
        yield row


def named(server: Server, pool: ResourceId) -> dict[str, Any]:
    """The beginning of a server's row: an interface's is known by its configuration too."""
    joined = {"ipConfiguration": {"id": server.origin}} if server.origin not in ("", pool.text) else {}
    return {"address": server.name} | joined


def success(status: int) -> str:
    return f"Success. Received {status} status code"


def log(reason: str) -> str:
    """What a failed probe is called."""
    if reason.startswith("status "):
        return f"Status code of the backend's HTTP response did not match the probe setting. Received: {reason[7:]}."
    return _LOGS.get(reason, reason)
