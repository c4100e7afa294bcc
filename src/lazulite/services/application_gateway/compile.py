"""A gateway as an interface in its subnet, like any other, and the sites that answer there."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any
from urllib.parse import urlsplit

from lazulite.forwarding.model import (
    Certificate,
    Guest,
    HttpProxy,
    HttpRule,
    Port,
    PublicAddress,
    Redirect,
    ServerTls,
    Site,
)
from lazulite.resources.model import Ref, Resource
from lazulite.resources.view import View
from lazulite.services.application_gateway import backends, ordering, rewriting, tls
from lazulite.services.application_gateway.model import (
    ApplicationGateway,
    ClientAuth,
    Frontend,
    FrontendPort,
    HttpListener,
    PathRule,
    RedirectConfiguration,
    RoutingRule,
    SslCertificate,
    SslProfile,
    TrustedClientCertificate,
    TrustedRootCertificate,
    UrlPathMap,
)
from lazulite.services.network_security_group.names import list_names
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.route_table.model import table_name
from lazulite.services.virtual_network.model import Subnet, VirtualNetwork
from lazulite.values import Direction, IPAddress, IPNetwork

_MAC_PREFIX = "00-0D-3A-"
PLATFORM = IPv4Address("168.63.129.16")
"""Source: "What is IP address 168.63.129.16?"."""
_STATUSES = {"Permanent": 301, "Found": 302, "SeeOther": 303, "Temporary": 307}
_DEFAULT_PORTS = {"Http": 80, "Https": 443}


def gateway(resource: Resource[ApplicationGateway], view: View) -> Iterator[Any]:
    """Nothing while it is stopped, or has no place in a subnet."""
    subnet, address, prefix = _place(resource, view)
    if resource.properties.stopped or subnet is None or address is None or prefix is None:
        return
    key, name, origin = resource.id.key, resource.id.name, resource.id.text
    yield Guest(key, name, name, guid=resource.guid, platform=True, origin=origin)
    yield _port(resource, subnet, address, prefix, view)
    sites = tuple(_sites(resource, address, view))
    firewall = _named(resource.properties.firewall_policy)
    resolver, http2 = _resolver(subnet, view), resource.properties.enable_http_2
    yield HttpProxy(key, name, key, sites, http2, resource.guid, origin, firewall, resolver)
    setting = backends.Setting(resource, resolver)
    for pair in backends.pairs(resource):
        yield from backends.entries(pair, setting, view)


def _place(
    resource: Resource[ApplicationGateway], view: View
) -> tuple[Resource[Subnet] | None, IPAddress | None, IPNetwork | None]:
    first = next((c.properties for c in resource.properties.gateway_ip_configurations), None)
    subnet = view.get(first.subnet, Subnet) if first is not None else None
    address = first.private_ip_address if first is not None else None
    prefix = subnet.properties.prefix_of(address) if subnet is not None and address is not None else None
    return subnet, address, prefix


def _port(
    resource: Resource[ApplicationGateway],
    subnet: Resource[Subnet],
    address: IPAddress,
    prefix: IPNetwork,
    view: View,
) -> Port:
    """Security groups and routes of the subnet are asked, as of a machine."""
    vnet, table = subnet.id.parent.key, subnet.properties.route_table
    group = subnet.properties.network_security_group
    tail = resource.guid.replace("-", "")[-6:].upper().rjust(6, "0")
    private = [f.properties.private_ip_address for f in resource.properties.frontend_ip_configurations]
    addresses = (address, *(a for a in private if a is not None))
    return Port(
        resource.id.key,
        label=resource.id.name,
        guid=resource.guid,
        vrf=vnet,
        mac=f"{_MAC_PREFIX}{tail[:2]}-{tail[2:4]}-{tail[4:]}",
        addresses=addresses,
        gateways=(prefix,) * len(addresses),
        guest=resource.id.key,
        egress=list_names(group, subnet.id.key, Direction.EGRESS),
        ingress=list_names(group, subnet.id.key, Direction.INGRESS),
        routes=table_name(vnet, table.id.lower() if table is not None else None),
        public=tuple(_public(resource, address, view)),
        default_outbound=False,
        origin=resource.id.text,
    )


def _public(resource: Resource[ApplicationGateway], address: IPAddress, view: View) -> Iterator[PublicAddress]:
    for frontend in resource.properties.frontend_ip_configurations:
        found = view.get(frontend.properties.public_ip_address, PublicIPAddress)
        if found is not None and found.properties.held_address is not None:
            yield PublicAddress(address, found.properties.held_address, found.id.text)


def _resolver(subnet: Resource[Subnet], view: View) -> IPAddress:
    """The network's own servers, else the platform's."""
    network = view.parent(subnet, VirtualNetwork)
    options = network.properties.dhcp_options if network is not None else None
    return next(iter(options.dns_servers), PLATFORM) if options is not None else PLATFORM


def _sites(resource: Resource[ApplicationGateway], address: IPAddress, view: View) -> Iterator[Site]:
    """In the order in which they are asked."""
    for child in ordering.ordered(resource, view):
        listener = view.get(child.properties.http_listener, HttpListener)
        frontend = view.get(listener.properties.frontend_ip_configuration, Frontend) if listener is not None else None
        port = view.get(listener.properties.frontend_port, FrontendPort) if listener is not None else None
        if listener is not None and frontend is not None and port is not None:
            yield Site(
                listener.id.name,
                frontend.properties.private_ip_address or address,
                port.properties.port,
                listener.properties.hosts,
                tuple(_rules(child.name, child.properties, resource, view)),
                _tls(resource, listener.properties, view),
                _pages(resource.properties, listener.properties),
                policy=_named(listener.properties.firewall_policy),
                origin=listener.id.text,
            )


def _pages(gateway: ApplicationGateway, listener: HttpListener) -> tuple[tuple[int, str], ...]:
    """A listener's own come before the gateway's. Source: facts/application-gateway.md, "Gateway-made status codes"."""
    both = (*gateway.custom_error_configurations, *listener.custom_error_configurations)
    return tuple(sorted({e.status: e.custom_error_page_url for e in both}.items()))


def _named(firewall: Ref | None) -> str:
    return firewall.target.key if firewall is not None else ""


def _tls(resource: Resource[ApplicationGateway], listener: HttpListener, view: View) -> ServerTls | None:
    """By the listener's profile where it has one that says so, else by the gateway's policy."""
    if listener.protocol != "Https" or listener.ssl_certificate is None:
        return None
    profile = view.get(listener.ssl_profile, SslProfile)
    said = profile.properties if profile is not None else SslProfile()
    minimum, suites = tls.bounds(said.ssl_policy or resource.properties.ssl_policy)
    auth = said.client_auth_configuration or ClientAuth()
    passing = auth.verify_client_auth_mode == "Passthrough"
    clients = tuple(c.target.key for c in said.trusted_client_certificates)
    return ServerTls((listener.ssl_certificate.target.key,), minimum, suites, () if passing else clients, passing)


def _rules(name: str, rule: RoutingRule, resource: Resource[ApplicationGateway], view: View) -> Iterator[HttpRule]:
    origin = resource.id.child("requestRoutingRules", name).text
    if rule.rule_type == "Basic":
        yield _rule(name, "", rule, rule.redirect_configuration, view, origin)
        return
    paths = view.get(rule.url_path_map, UrlPathMap)
    if paths is None:
        return
    for child in paths.properties.path_rules:
        where = paths.id.child("pathRules", child.name).text
        for index, path in enumerate(child.properties.paths):
            called = f"{child.name}/{index}"
            yield _rule(called, path, child.properties, child.properties.redirect_configuration, view, where)
    default = paths.properties
    yield _rule(name, "", default, default.default_redirect_configuration, view, paths.id.text)


def _rule(
    name: str, path: str, rule: RoutingRule | PathRule | UrlPathMap, redirect: Ref | None, view: View, origin: str
) -> HttpRule:
    found = view.get(redirect, RedirectConfiguration)
    firewall = _named(rule.firewall_policy) if isinstance(rule, PathRule) else ""
    if found is not None:
        return HttpRule(name, path, "", _redirect(found.properties, view), policy=firewall, origin=origin)
    set_ = rule.default_rewrite_rule_set if isinstance(rule, UrlPathMap) else rule.rewrite_rule_set
    changes = rewriting.rewrites(set_, view)
    return HttpRule(name, path, backends.chosen(rule), rewrites=changes, policy=firewall, origin=origin)


def _redirect(to: RedirectConfiguration, view: View) -> Redirect:
    status, keep_path, keep_query = _STATUSES[to.redirect_type], to.include_path, to.include_query_string
    listener = view.get(to.target_listener, HttpListener)
    if listener is None:
        parts = urlsplit(to.target_url or "")
        return Redirect(status, parts.scheme, parts.hostname or "", parts.port or 0, parts.path, keep_path, keep_query)
    port = view.get(listener.properties.frontend_port, FrontendPort)
    number = port.properties.port if port is not None else 0
    said = listener.properties
    scheme, usual = said.protocol.lower(), _DEFAULT_PORTS[said.protocol]
    host = said.hosts[0] if said.hosts else ""
    return Redirect(status, scheme, host, 0 if number == usual else number, "", keep_path, keep_query)


def certificate(child: Resource[SslCertificate], view: View) -> Iterator[Certificate]:
    """One that cannot be opened was refused; were it stored all the same, its sites have none and refuse."""
    try:
        chain, key = tls.presented(child.properties)
    except ValueError:
        return
    yield Certificate(child.id.key, chain, key, child.id.text)


def trusted(child: Resource[TrustedRootCertificate], view: View) -> Iterator[Certificate]:
    try:
        yield Certificate(child.id.key, tls.trusted(child.properties), "", child.id.text)
    except ValueError:
        return


def client(child: Resource[TrustedClientCertificate], view: View) -> Iterator[Certificate]:
    try:
        yield Certificate(child.id.key, tls.chain(child.properties.data or ""), "", child.id.text)
    except ValueError:
        return
