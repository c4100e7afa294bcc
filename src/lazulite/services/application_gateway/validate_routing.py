"""What Azure refuses of rules, path maps, redirects, settings, pools and probes of a gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from lazulite.resources.model import Child, Ref, Resource, Violation
from lazulite.resources.view import children, references
from lazulite.services.application_gateway.model import (
    GATEWAY,
    ApplicationGateway,
    BackendSettings,
    HttpListener,
    PathRule,
    Probe,
    RedirectConfiguration,
    RoutingRule,
    UrlPathMap,
    is_v2,
)
from lazulite.services.application_gateway.patterns import path_fault

INVALID = "InvalidParameter"
PRIORITIES_SINCE = "2021-08-01"
"""The API version from which on rules of version 2 need a priority. Source: facts/application-gateway.md,
requestRoutingRule."""
_STATUSES = re.compile(r"[1-5][0-9]{2}(-[1-5][0-9]{2})?")
_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?"
)


def own_references(properties: Any, path: str = "properties") -> Iterator[tuple[str, Ref]]:
    """Every reference to a part of a gateway, with where it stands."""
    for ref, _ in references(properties):
        if ref.target.kind.lower().startswith(f"{GATEWAY.lower()}/"):
            yield path, ref
    for wire, child in children(properties):
        yield from own_references(child.properties, f"{path}.{wire}.{child.name}")


def rules(new: Resource[ApplicationGateway]) -> Iterator[Violation]:
    said = new.properties
    yield from _priorities(new)
    listened: dict[str, str] = {}
    for index, child in enumerate(said.request_routing_rules):
        path = f"properties.requestRoutingRules[{index}].properties"
        yield from _rule(child, path)
        ref = child.properties.http_listener
        other = listened.setdefault(ref.target.key, child.name) if ref is not None else child.name
        if other != child.name:
            message = f"Rules {other} and {child.name} use the same http listener."
            yield Violation("ApplicationGatewayHttpListenerUsedByMoreThanOneRule", message, f"{path}.httpListener")
    for index, paths in enumerate(said.url_path_maps):
        yield from _paths(paths, f"properties.urlPathMaps[{index}].properties")
    for index, redirect in enumerate(said.redirect_configurations):
        yield from _redirect(redirect, said, f"properties.redirectConfigurations[{index}].properties")
    yield from _servers(said)
    probes = {new.id.child("probes", c.name).key: c.properties for c in said.probes}
    for index, settings in enumerate(said.backend_http_settings_collection):
        yield from _settings(settings, probes, f"properties.backendHttpSettingsCollection[{index}].properties")
    for index, probe in enumerate(said.probes):
        yield from _probe(probe, f"properties.probes[{index}].properties")


def _priorities(new: Resource[ApplicationGateway]) -> Iterator[Violation]:
    """Source: facts/application-gateway.md, requestRoutingRule."""
    seen: dict[int, str] = {}
    for index, child in enumerate(new.properties.request_routing_rules):
        priority = child.properties.priority
        if priority is not None and seen.setdefault(priority, child.name) != child.name:
            message = f"Request routing rules {seen[priority]} and {child.name} have the same priority {priority}."
            path = f"properties.requestRoutingRules[{index}].properties.priority"
            yield Violation("ApplicationGatewayRequestRoutingRulePriorityMustBeUnique", message, path)


def since(
    new: Resource[ApplicationGateway], old: Resource[ApplicationGateway] | None, version: str
) -> Iterator[Violation]:
    """Rules of version 2 need a priority, but for those that never had one. The code was recorded."""
    if version < PRIORITIES_SINCE or not is_v2(new):
        return
    before = old.properties.request_routing_rules if old is not None else ()
    without = {c.name.lower() for c in before if c.properties.priority is None}
    for index, child in enumerate(new.properties.request_routing_rules):
        if child.properties.priority is None and child.name.lower() not in without:
            message = f"Priority for request routing rule {child.name} cannot be empty."
            path = f"properties.requestRoutingRules[{index}].properties.priority"
            yield Violation("ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty", message, path)


def _rule(child: Child[RoutingRule], path: str) -> Iterator[Violation]:
    said = child.properties
    if said.http_listener is None:
        message = f"Request routing rule {child.name} must have an http listener."
        yield Violation("ApplicationGatewayRequestRoutingRuleIncomplete", message, f"{path}.httpListener")
    if said.rule_type == "PathBasedRouting":
        if said.url_path_map is None:
            message = f"Request routing rule {child.name} routes by path and must have a URL path map."
            yield Violation("ApplicationGatewayRequestRoutingRuleIncomplete", message, f"{path}.urlPathMap")
        return
    if said.url_path_map is not None:
        message = f"Request routing rule {child.name} is basic and cannot have a URL path map."
        yield Violation("ApplicationGatewayRequestRoutingRuleInvalid", message, f"{path}.urlPathMap")
    yield from _leads(child.name, said, path)


def _leads(name: str, rule: RoutingRule | PathRule, path: str) -> Iterator[Violation]:
    """To a pool with settings, or to somewhere else: one of the two."""
    pool, settings = rule.backend_address_pool, rule.backend_http_settings
    if rule.redirect_configuration is None and (pool is None or settings is None):
        message = f"Rule {name} needs a backend address pool with backend http settings, or a redirect configuration."
        yield Violation("ApplicationGatewayRequestRoutingRuleIncomplete", message, path)
    if rule.redirect_configuration is not None and (pool is not None or settings is not None):
        message = f"Rule {name} cannot have both a redirect configuration and a backend."
        yield Violation("ApplicationGatewayRequestRoutingRuleInvalid", message, f"{path}.redirectConfiguration")


def _paths(child: Child[UrlPathMap], path: str) -> Iterator[Violation]:
    said = child.properties
    backend = said.default_backend_address_pool is not None and said.default_backend_http_settings is not None
    if backend == (said.default_redirect_configuration is not None):
        message = f"URL path map {child.name} needs a default backend with settings, or a default redirect, not both."
        yield Violation("ApplicationGatewayUrlPathMapInvalid", message, path)
    for index, rule in enumerate(said.path_rules):
        here = f"{path}.pathRules[{index}].properties"
        yield from _leads(rule.name, rule.properties, here)
        if not rule.properties.paths:
            yield Violation("ApplicationGatewayPathRuleInvalid", f"Path rule {rule.name} has no path.", f"{here}.paths")
        for text in rule.properties.paths:
            fault = path_fault(text)
            if fault:
                message = f"Path {text} of path rule {rule.name} is invalid: {fault}."
                yield Violation("ApplicationGatewayPathRuleInvalidPath", message, f"{here}.paths")


def _redirect(child: Child[RedirectConfiguration], gateway: ApplicationGateway, path: str) -> Iterator[Violation]:
    """Source: facts/application-gateway.md, "Redirect" and "Host patterns"."""
    said = child.properties
    if (said.target_listener is None) == (said.target_url is None):
        message = f"Redirect configuration {child.name} needs a target listener or a target URL, not both."
        yield Violation("ApplicationGatewayRedirectConfigurationInvalid", message, path)
    if said.target_url is not None and urlsplit(said.target_url).scheme not in ("http", "https"):
        message = f"Target URL {said.target_url} of redirect configuration {child.name} is not an HTTP URL."
        yield Violation("ApplicationGatewayRedirectConfigurationInvalid", message, f"{path}.targetUrl")
    for listener in gateway.http_listeners:
        if said.target_listener is not None and said.target_listener.target.name.lower() == listener.name.lower():
            yield from _target(child, listener, f"{path}.targetListener")


def _target(child: Child[RedirectConfiguration], listener: Child[HttpListener], path: str) -> Iterator[Violation]:
    hosts = listener.properties.hosts
    if len(hosts) > 1 or any(c in h for h in hosts for c in "*?"):
        message = f"Redirect configuration {child.name} cannot lead to {listener.name}: it has no single host name."
        yield Violation("ApplicationGatewayRedirectTargetListenerInvalid", message, path)


def _servers(gateway: ApplicationGateway) -> Iterator[Violation]:
    for index, child in enumerate(gateway.backend_address_pools):
        for place, each in enumerate(child.properties.backend_addresses):
            path = f"properties.backendAddressPools[{index}].properties.backendAddresses[{place}]"
            if (each.fqdn is None) == (each.ip_address is None):
                message = f"An address of backend pool {child.name} needs an fqdn or an ipAddress, not both."
                yield Violation("ApplicationGatewayBackendAddressInvalid", message, path)
            elif not _is_server(each.fqdn or each.ip_address or ""):
                message = f"{each.fqdn or each.ip_address} in backend pool {child.name} is no address and no name."
                yield Violation("ApplicationGatewayBackendAddressInvalid", message, path)


def _is_server(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return _NAME.fullmatch(text) is not None
    return True


def _settings(child: Child[BackendSettings], probes: dict[str, Probe], path: str) -> Iterator[Violation]:
    said = child.properties
    if said.host_name and said.pick_host_name_from_backend_address:
        message = f"Backend http settings {child.name} have a hostName and pick it from the backend address too."
        yield Violation("ApplicationGatewayBackendHttpSettingsHostNameInvalid", message, f"{path}.hostName")
    if said.path is not None and not said.path.startswith("/"):
        message = f"Path {said.path} of backend http settings {child.name} must begin with a slash."
        yield Violation("ApplicationGatewayBackendHttpSettingsPathInvalid", message, f"{path}.path")
    probe = probes.get(said.probe.target.key) if said.probe is not None else None
    if probe is not None and probe.protocol != said.protocol:
        message = f"Probe of backend http settings {child.name} speaks {probe.protocol}, not {said.protocol}."
        yield Violation("ApplicationGatewayProbeProtocolMustMatchBackendHttpSettingsProtocol", message, f"{path}.probe")


def _probe(child: Child[Probe], path: str) -> Iterator[Violation]:
    said = child.properties
    if not (said.path or "").startswith("/"):
        message = f"Path {said.path} of probe {child.name} must begin with a slash."
        yield Violation("ApplicationGatewayProbePathInvalid", message, f"{path}.path")
    if bool(said.host) == said.pick_host_name_from_backend_http_settings:
        message = f"Probe {child.name} needs a host, or picks it from the backend http settings, not both."
        yield Violation("ApplicationGatewayProbeHostInvalid", message, f"{path}.host")
    for text in said.match.status_codes if said.match is not None else ():
        if not _STATUSES.fullmatch(text) or text[:3] > text[-3:]:
            message = f"{text} of probe {child.name} is no HTTP status and no range of them."
            yield Violation("ApplicationGatewayProbeStatusCodesInvalid", message, f"{path}.match.statusCodes")
