"""The read-only properties: what state a gateway is in, and which parts refer to which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View, children, references
from lazulite.services.application_gateway import tls
from lazulite.services.application_gateway.model import ApplicationGateway, BackendAddressPool, SslCertificate
from lazulite.services.service import Observations
from lazulite.services.virtual_network.model import IpConfiguration

Status = Mapping[str, Any]
_SHOWN = {
    "httpListeners": "httpListeners",
    "requestRoutingRules": "requestRoutingRules",
    "urlPathMaps": "urlPathMaps",
    "pathRules": "pathRules",
    "backendHttpSettingsCollection": "backendHttpSettings",
    "redirectConfigurations": "redirectConfigurations",
    "sslProfiles": "sslProfiles",
}
"""Collections whose members refer to others, and the name under which those show it."""


def gateway(resource: Resource[ApplicationGateway], view: View, observations: Observations) -> Status:
    state = "Stopped" if resource.properties.stopped else "Running"
    return {
        "resourceGuid": resource.guid,
        "operationalState": state,
        "defaultPredefinedSslPolicy": tls.DEFAULT_POLICY,
    }


def part(child: Resource[Any], view: View, observations: Observations) -> Status:
    """Who of the same gateway refers to *child*, by what they are."""
    parent = view.get(child.id.parent, ApplicationGateway)
    shown: dict[str, list[dict[str, str]]] = {}
    for wire, where in _referring(parent.id, parent.properties, child.id) if parent is not None else ():
        shown.setdefault(_SHOWN[wire], []).append({"id": where.text})
    return shown


def _referring(holder: ResourceId, properties: Any, target: ResourceId) -> Iterator[tuple[str, ResourceId]]:
    for wire, child in children(properties):
        where = holder.child(wire, child.name)
        if wire in _SHOWN and any(r.target == target for r, _ in references(child.properties)):
            yield wire, where
        yield from _referring(where, child.properties, target)


def pool(child: Resource[BackendAddressPool], view: View, observations: Observations) -> Status:
    joined = [{"id": m.id.text} for m in view.referrers(child.id, IpConfiguration)]
    return {**part(child, view, observations)} | ({"backendIPConfigurations": joined} if joined else {})


def certificate(child: Resource[SslCertificate], view: View, observations: Observations) -> Status:
    shown = dict(part(child, view, observations))
    try:
        shown["publicCertData"] = tls.public(child.properties)
    except ValueError:
        return shown
    return shown


def vaulted(child: Resource[Any], view: View, observations: Observations) -> Status:
    """One whose key vault cannot be read any more failed: what was read last is served on."""
    shown = certificate(child, view, observations) if isinstance(child.properties, SslCertificate) else None
    failed = {"provisioningState": "Failed"} if child.properties.fault else {}
    return {**(part(child, view, observations) if shown is None else shown), **failed}
