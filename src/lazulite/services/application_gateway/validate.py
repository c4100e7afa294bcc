"""What Azure refuses of a gateway: where it is, what it listens on, and its certificates.

Codes that nobody recorded are ours; the README says which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.application_gateway import firewalls, infrastructure, rewriting, tls, validate_routing, vaulted
from lazulite.services.application_gateway.model import (
    MAX_HOSTS,
    ApplicationGateway,
    Frontend,
    GatewayIpConfiguration,
    HttpListener,
    SslPolicy,
    SslProfile,
    is_v2,
)
from lazulite.services.application_gateway.patterns import host_fault
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.public_ip_address.users import users
from lazulite.services.service import Lab
from lazulite.services.virtual_network.addresses import in_subnet, occupants, reserved
from lazulite.services.virtual_network.model import Subnet
from lazulite.services.virtual_network.references import elsewhere

INVALID = "InvalidParameter"
_PAGES = (".htm", ".html")


def resource(new: Resource[ApplicationGateway], view: View, lab: Lab) -> Iterator[Violation]:
    yield from _inside(new)
    yield from _subnet(new, view)
    yield from infrastructure.refusals(new, view)
    yield from firewalls.refusals(new)
    yield from _frontends(new, view)
    yield from _listeners(new)
    yield from _certificates(new.properties)
    yield from vaulted.violations(new, view, lab)
    yield from _profiles(new.properties)
    if new.properties.ssl_policy is not None:
        yield from _policy(new.properties.ssl_policy, "properties.sslPolicy")
    yield from _errors(new.properties)
    yield from rewriting.faults(new.properties)
    yield from validate_routing.rules(new)


def _inside(new: Resource[ApplicationGateway]) -> Iterator[Violation]:
    """Parts refer to parts of their own gateway. Source: facts/application-gateway.md, resource JSON."""
    for path, ref in validate_routing.own_references(new.properties):
        if not ref.target.within(new.id):
            message = f"Resource {ref.id} referenced by resource {new.id} is not a part of it."
            yield Violation("InvalidResourceReference", message, path)


def _subnet(new: Resource[ApplicationGateway], view: View) -> Iterator[Violation]:
    """A subnet of its own. Source: facts/application-gateway.md, "What it does" and errors."""
    path = "properties.gatewayIPConfigurations"
    children = new.properties.gateway_ip_configurations
    if len(children) != 1:
        message = (
            f"Application gateway {new.id} must have exactly one gateway IP configuration; it has {len(children)}."
        )
        yield Violation("ApplicationGatewayMustHaveOneGatewayIPConfiguration", message, path)
        return
    ref = children[0].properties.subnet
    subnet = view.get(ref, Subnet)
    if ref is None or subnet is None:
        if ref is None:
            message = f"Gateway IP configuration {children[0].name} of {new.id} must name a subnet."
            yield Violation("ApplicationGatewayIPConfigurationSubnetRequired", message, f"{path}[0].properties.subnet")
        return
    yield from elsewhere(new, ref, view, f"{path}[0].properties.subnet")
    for other in in_subnet(subnet.id, view):
        if not isinstance(other.properties, GatewayIpConfiguration | Frontend):
            message = (
                f"Subnet {subnet.id} cannot be used for application gateway {new.id} since subnet has other resources, "
                f"such as {other.id}."
            )
            yield Violation("ApplicationGatewaySubnetCannotHaveOtherResources", message, f"{path}[0].properties.subnet")
            return
    if children[0].properties.private_ip_address is None:
        message = f"Subnet {subnet.id} has no free address for {new.id}."
        yield Violation("SubnetIsFull", message, f"{path}[0].properties.subnet")


def _frontends(new: Resource[ApplicationGateway], view: View) -> Iterator[Violation]:
    children, path = new.properties.frontend_ip_configurations, "properties.frontendIPConfigurations"
    if not children:
        message = f"Application gateway {new.id} must have a frontend IP configuration."
        yield Violation("ApplicationGatewayFrontendIPConfigurationRequired", message, path)
    kinds = Counter("public" if c.properties.public_ip_address is not None else "private" for c in children)
    for kind, count in sorted(kinds.items()):
        if count > 1:
            message = f"Application gateway {new.id} can have one {kind} frontend IP configuration; it has {count}."
            yield Violation("ApplicationGatewayMoreThanOneFrontendIPConfiguration", message, path)
    for index, child in enumerate(children):
        yield from _frontend(new, child, f"{path}[{index}].properties", view)


def _frontend(new: Resource[ApplicationGateway], child: Child[Frontend], path: str, view: View) -> Iterator[Violation]:
    said = child.properties
    if (said.public_ip_address is None) == (said.subnet is None):
        message = f"Frontend IP configuration {child.name} of {new.id} needs a public IP address or a subnet, not both."
        yield Violation("ApplicationGatewayFrontendIPConfigurationInvalid", message, path)
    if said.public_ip_address is not None:
        yield from elsewhere(new, said.public_ip_address, view, f"{path}.publicIPAddress")
        yield from _public(new, child, f"{path}.publicIPAddress", view)
    own = next((c.properties.subnet for c in new.properties.gateway_ip_configurations), None)
    if said.subnet is not None and own is not None:
        if said.subnet.target != own.target:
            message = f"Frontend IP configuration {child.name} of {new.id} must be in the subnet of the gateway."
            yield Violation("ApplicationGatewayFrontendIPConfigurationSubnetMismatch", message, f"{path}.subnet")
        else:
            yield from _private(new, child, f"{path}.privateIPAddress", view)


def _public(new: Resource[ApplicationGateway], child: Child[Frontend], path: str, view: View) -> Iterator[Violation]:
    """A gateway of version 2 has a standard address. Source: "Application Gateway infrastructure", public IP."""
    found = view.get(child.properties.public_ip_address, PublicIPAddress)
    if found is None:
        return
    standard = found.sku is not None and found.sku.name == "Standard"
    if standard != is_v2(new):
        wanted = "Standard" if is_v2(new) else "Basic"
        message = f"Application gateway {new.id} needs a public IP address of SKU {wanted}; {found.id} is not."
        yield Violation("ApplicationGatewayPublicIPAddressSkuMismatch", message, path)
    for user in users(found.id, view):
        if not user.id.within(new.id):
            message = f"Application gateway {new.id} is referencing {found.id} that is already allocated to {user.id}."
            yield Violation("PublicIPAddressInUse", message, path)


def _private(new: Resource[ApplicationGateway], child: Child[Frontend], path: str, view: View) -> Iterator[Violation]:
    subnet, address = view.get(child.properties.subnet, Subnet), child.properties.private_ip_address
    if subnet is None:
        return
    prefix = subnet.properties.prefix_of(address) if address is not None else None
    if address is None:
        yield Violation("SubnetIsFull", f"Subnet {subnet.id} has no free address for {new.id}.", path)
    elif prefix is None or reserved(address, prefix):
        message = f"Private static IP address {address} is not one that can be given out in subnet {subnet.id}."
        yield Violation("PrivateIPAddressNotInSubnet", message, path)
    elif address in occupants(subnet.id, view, beside=new.id):
        yield Violation("PrivateIPAddressIsAllocated", f"The address {address} is already allocated.", path)


def _listeners(new: Resource[ApplicationGateway]) -> Iterator[Violation]:
    seen: dict[tuple[str, str, str], str] = {}
    for index, child in enumerate(new.properties.http_listeners):
        path = f"properties.httpListeners[{index}].properties"
        yield from _listener(child, path)
        said = child.properties
        if said.frontend_ip_configuration is None or said.frontend_port is None:
            continue
        place = said.frontend_ip_configuration.target.key, said.frontend_port.target.key
        for host in said.hosts or ("",):
            other = seen.setdefault((*place, host.lower()), child.name)
            if other != child.name:
                message = f"Http listeners {other} and {child.name} use the same frontend, port and host name."
                yield Violation(
                    "ApplicationGatewayHttpListenersUsingSameFrontendPortAndFrontendIpConfig", message, path
                )
    yield from _protocols(new)


def _protocols(new: Resource[ApplicationGateway]) -> Iterator[Violation]:
    """All listeners of a frontend's port speak one protocol."""
    spoken: dict[tuple[Any, Any], str] = {}
    for index, child in enumerate(new.properties.http_listeners):
        said = child.properties
        place = said.frontend_ip_configuration, said.frontend_port
        if spoken.setdefault(place, said.protocol) != said.protocol:
            message = f"Http listener {child.name} cannot speak {said.protocol}: others on its port do not."
            yield Violation(
                "ApplicationGatewayHttpListenersUsingSameFrontendPortMustUseSameProtocol",
                message,
                f"properties.httpListeners[{index}].properties.protocol",
            )


def _listener(child: Child[HttpListener], path: str) -> Iterator[Violation]:
    said = child.properties
    for wire, ref in (
        ("frontendIPConfiguration", said.frontend_ip_configuration),
        ("frontendPort", said.frontend_port),
    ):
        if ref is None:
            message = f"Http listener {child.name} must have a {wire}."
            yield Violation("ApplicationGatewayHttpListenerIncomplete", message, f"{path}.{wire}")
    if (said.protocol == "Https") != (said.ssl_certificate is not None):
        needs = "needs" if said.protocol == "Https" else "cannot have"
        message = f"Http listener {child.name} with protocol {said.protocol} {needs} an SSL certificate."
        yield Violation("ApplicationGatewayHttpListenerSslCertificateInvalid", message, f"{path}.sslCertificate")
    if said.host_name and said.host_names:
        message = f"Http listener {child.name} has both a hostName and hostNames."
        yield Violation("ApplicationGatewayHttpListenerHostNameAndHostNames", message, f"{path}.hostNames")
    if len(said.host_names) > MAX_HOSTS:
        message = f"Http listener {child.name} has {len(said.host_names)} host names; {MAX_HOSTS} are allowed."
        yield Violation("ApplicationGatewayHttpListenerTooManyHostNames", message, f"{path}.hostNames")
    for host in said.hosts:
        fault = host_fault(host)
        if fault:
            message = f"Host name {host} of http listener {child.name} is invalid: {fault}."
            yield Violation("ApplicationGatewayHttpListenerInvalidHostName", message, f"{path}.hostNames")


def _certificates(new: ApplicationGateway) -> Iterator[Violation]:
    for index, child in enumerate(new.ssl_certificates):
        if child.properties.key_vault_secret_id is not None:
            continue
        path = f"properties.sslCertificates[{index}].properties.data"
        try:
            tls.opened(child.properties.data or "", child.properties.password or "")
        except ValueError as error:
            message = f"Data for certificate {child.name} is invalid, or its password is: {error}."
            yield Violation("ApplicationGatewaySslCertificateInvalidData", message, path)
    for index, trusted in enumerate(new.trusted_root_certificates):
        if trusted.properties.key_vault_secret_id is not None:
            continue
        path = f"properties.trustedRootCertificates[{index}].properties.data"
        try:
            tls.root(trusted.properties.data or "")
        except ValueError as error:
            message = f"Data for trusted root certificate {trusted.name} is invalid: {error}."
            yield Violation("ApplicationGatewayTrustedRootCertificateInvalidData", message, path)


def _errors(new: ApplicationGateway) -> Iterator[Violation]:
    """Source: facts/application-gateway.md, "Gateway-made status codes"."""
    places = [("properties", new.custom_error_configurations)]
    for index, child in enumerate(new.http_listeners):
        places.append((f"properties.httpListeners[{index}].properties", child.properties.custom_error_configurations))
    for path, found in places:
        seen: set[int] = set()
        for index, each in enumerate(found):
            where, parts = f"{path}.customErrorConfigurations[{index}]", urlsplit(each.custom_error_page_url)
            sound = parts.scheme in ("http", "https") and parts.hostname and parts.path.lower().endswith(_PAGES)
            if not sound or not each.custom_error_page_url.isascii():
                message = f"Custom error page {each.custom_error_page_url} is not the URL of an .htm or .html page."
                code = "ApplicationGatewayCustomErrorPageUrlInvalid"
                yield Violation(code, message, f"{where}.customErrorPageUrl")
            if each.status in seen:
                message = f"There is more than one custom error page for status {each.status}."
                yield Violation("ApplicationGatewayCustomErrorDuplicate", message, f"{where}.statusCode")
            seen.add(each.status)


def _profiles(new: ApplicationGateway) -> Iterator[Violation]:
    for index, child in enumerate(new.ssl_profiles):
        yield from _profile(child, f"properties.sslProfiles[{index}].properties")
    for index, listener in enumerate(new.http_listeners):
        if listener.properties.ssl_profile is not None and listener.properties.protocol != "Https":
            message = f"Http listener {listener.name} speaks no TLS and cannot have an SSL profile."
            path = f"properties.httpListeners[{index}].properties.sslProfile"
            yield Violation("ApplicationGatewayHttpListenerSslProfileInvalid", message, path)
    for index, trusted in enumerate(new.trusted_client_certificates):
        path = f"properties.trustedClientCertificates[{index}].properties.data"
        try:
            tls.chain(trusted.properties.data or "")
        except ValueError as error:
            message = f"Data for trusted client certificate {trusted.name} is invalid: {error}."
            yield Violation("ApplicationGatewayTrustedClientCertificateInvalidData", message, path)


def _profile(child: Child[SslProfile], path: str) -> Iterator[Violation]:
    said, auth = child.properties, child.properties.client_auth_configuration
    if said.ssl_policy is not None:
        yield from _policy(said.ssl_policy, f"{path}.sslPolicy")
    strict = auth is not None and auth.verify_client_auth_mode == "Strict"
    if strict and not said.trusted_client_certificates:
        message = f"SSL profile {child.name} verifies clients and needs a trusted client certificate."
        code = "ApplicationGatewaySslProfileTrustedClientCertificateRequired"
        yield Violation(code, message, f"{path}.trustedClientCertificates")


def _policy(policy: SslPolicy, path: str) -> Iterator[Violation]:
    if policy.policy_name is not None and policy.policy_name not in tls.POLICIES:
        message = f"There is no TLS policy {policy.policy_name}; there are {', '.join(tls.POLICIES)}."
        yield Violation(INVALID, message, f"{path}.policyName")
    for suite in tls.unknown_suites(policy):
        yield Violation(INVALID, f"Cipher suite {suite} is not supported here.", f"{path}.cipherSuites")
    if policy.disabled_ssl_protocols:
        message = "Protocols are not disabled one by one here: say minProtocolVersion."
        yield Violation(INVALID, message, f"{path}.disabledSslProtocols")
