"""What is refused of firewall policies at a gateway."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.model import Ref, Resource, Violation
from lazulite.services.application_gateway.model import ApplicationGateway


def refusals(new: Resource[ApplicationGateway]) -> Iterator[Violation]:
    """A policy needs the tier that has a firewall, which needs a policy. Source: facts/application-gateway.md, SKUs."""
    older = new.properties.web_application_firewall_configuration
    if older is not None and older.enabled and new.properties.firewall_policy is None:
        path = "properties.webApplicationFirewallConfiguration.enabled"
        message = (
            f"{path} is not supported here without a firewallPolicy, which says what the firewall of {new.id} does."
        )
        yield Violation("FeatureNotSupported", message, path)
    if new.properties.sku.name == "WAF_v2":
        return
    for path, ref in _named(new.properties):
        if ref is not None:
            message = f"Firewall policy {ref.id} at {new.id} needs SKU WAF_v2, not {new.properties.sku.name}."
            yield Violation("ApplicationGatewayFirewallNotSupportedForSku", message, path)


def _named(said: ApplicationGateway) -> Iterator[tuple[str, Ref | None]]:
    yield "properties.firewallPolicy", said.firewall_policy
    for index, listener in enumerate(said.http_listeners):
        yield f"properties.httpListeners[{index}].properties.firewallPolicy", listener.properties.firewall_policy
    for index, paths in enumerate(said.url_path_maps):
        for number, rule in enumerate(paths.properties.path_rules):
            path = f"properties.urlPathMaps[{index}].properties.pathRules[{number}].properties.firewallPolicy"
            yield path, rule.properties.firewall_policy
