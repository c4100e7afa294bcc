"""``Microsoft.Network/applicationGateways``, API 2017-06-01 to 2025-01-01."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from lazulite.resources.model import (
    ASSIGNED,
    INERT,
    OMITTED_WHEN_EMPTY,
    READ_ONLY,
    SECRET,
    UNSUPPORTED,
    Bounds,
    Child,
    Code,
    Kind,
    Properties,
    Ref,
    Resource,
    Targets,
)
from lazulite.values import IPAddress

GATEWAY = "Microsoft.Network/applicationGateways"
FIREWALL = Targets("Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies")
MAX_PORTS, MAX_POOLS, MAX_TARGETS, MAX_LISTENERS, MAX_RULES, MAX_SETTINGS = 100, 100, 1200, 200, 400, 100
MAX_CERTIFICATES, MAX_HOSTS, MAX_PATH_RULES, MAX_REDIRECTS = 100, 5, 100, 100
"""Of a gateway, a pool, a listener or a path map. Source: facts/application-gateway.md, "Limits"."""
MAX_REWRITE_SETS, MAX_REWRITES = 400, 40
"""Of a gateway, and rules or conditions of a set. Source: facts/application-gateway.md, "Limits"."""
MAX_PRIORITY = 20_000
"""Source: facts/application-gateway.md, resource JSON (requestRoutingRule)."""

Protocol: TypeAlias = Literal["Http", "Https"]


def part(name: str) -> Targets:
    """A child of the gateway."""
    return Targets(f"{GATEWAY}/{name}")


class GatewaySku(Properties, frozen=True):
    name: Literal["Standard_v2", "WAF_v2", "Basic", "Standard_Small", "Standard_Medium", "Standard_Large"] = (
        "Standard_v2"
    )
    tier: Annotated[Literal["Standard_v2", "WAF_v2", "Basic", "Standard", "WAF"] | None, INERT] = None
    capacity: Annotated[int | None, INERT] = None
    family: Annotated[Literal["Generation_1", "Generation_2"] | None, INERT] = None


class Autoscale(Properties, frozen=True):
    min_capacity: Annotated[int, INERT, Bounds(0, 125)]
    max_capacity: Annotated[int | None, INERT, Bounds(2, 125)] = None


class SslPolicy(Properties, frozen=True):
    disabled_ssl_protocols: tuple[Literal["TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"], ...] = ()
    policy_type: Literal["Predefined", "Custom", "CustomV2"] | None = None
    policy_name: str | None = None
    cipher_suites: tuple[str, ...] = ()
    min_protocol_version: Literal["TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"] | None = None


class GatewayIpConfiguration(Properties, frozen=True):
    """The subnet that the gateway is in; ``privateIPAddress``, which is not shown, is where it asks servers from."""

    subnet: Annotated[Ref | None, Targets("Microsoft.Network/virtualNetworks/subnets")] = None
    private_ip_address: Annotated[IPAddress | None, ASSIGNED, SECRET] = msgspec.field(
        default=None, name="privateIPAddress"
    )
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class Frontend(Properties, frozen=True):
    private_ip_address: Annotated[IPAddress | None, Code("InvalidIPAddressFormat")] = msgspec.field(
        default=None, name="privateIPAddress"
    )
    private_ip_allocation_method: Literal["Dynamic", "Static"] = msgspec.field(
        default="Dynamic", name="privateIPAllocationMethod"
    )
    subnet: Annotated[Ref | None, Targets("Microsoft.Network/virtualNetworks/subnets")] = None
    public_ip_address: Annotated[Ref | None, Targets("Microsoft.Network/publicIPAddresses")] = msgspec.field(
        default=None, name="publicIPAddress"
    )
    private_link_configuration: Annotated[Ref | None, UNSUPPORTED] = None
    http_listeners: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class FrontendPort(Properties, frozen=True):
    port: Annotated[int, Bounds(1, 65_535)]
    http_listeners: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class SslCertificate(Properties, frozen=True):
    """``data`` is PKCS #12 in base64, sealed with ``password``, unless a key vault has it; ``held`` is the copy of what
    is there, ``fault`` why there is no newer one."""

    data: Annotated[str | None, SECRET] = None
    password: Annotated[str | None, SECRET] = None
    key_vault_secret_id: str | None = None
    held: Annotated[str | None, ASSIGNED, SECRET] = None
    fault: Annotated[str | None, ASSIGNED, SECRET] = None
    hsm: Annotated[dict[str, Any] | None, UNSUPPORTED] = None
    public_cert_data: Annotated[str | None, READ_ONLY] = None
    http_listeners: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class TrustedRootCertificate(Properties, frozen=True):
    """``data`` is a certificate, DER or PEM, in base64, unless a key vault has it, as in :class:`SslCertificate`."""

    data: str | None = None
    key_vault_secret_id: str | None = None
    held: Annotated[str | None, ASSIGNED, SECRET] = None
    fault: Annotated[str | None, ASSIGNED, SECRET] = None
    backend_http_settings: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class BackendAddress(Properties, frozen=True):
    fqdn: str | None = None
    ip_address: str | None = None


class BackendAddressPool(Properties, frozen=True):
    backend_addresses: Annotated[tuple[BackendAddress, ...], Bounds(0, MAX_TARGETS)] = ()
    backend_ip_configurations: Annotated[tuple[Ref, ...], READ_ONLY] = msgspec.field(
        default=(), name="backendIPConfigurations"
    )
    request_routing_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    url_path_maps: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    path_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class Draining(Properties, frozen=True):
    enabled: bool = False
    drain_timeout_in_sec: Annotated[int, Bounds(1, 3600)] = 1


class BackendSettings(Properties, frozen=True):
    """``backendHttpSettingsCollection``: how servers are spoken to."""

    port: Annotated[int, Bounds(1, 65_535)] = 80
    protocol: Protocol = "Http"
    cookie_based_affinity: Literal["Disabled", "Enabled"] = "Disabled"
    request_timeout: Annotated[int, Bounds(1, 86_400)] = 30
    """Seconds. Source: facts/application-gateway.md, backendHttpSettings."""
    connection_draining: Draining = Draining()
    probe: Annotated[Ref | None, part("probes")] = None
    authentication_certificates: Annotated[tuple[Ref, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    trusted_root_certificates: Annotated[tuple[Ref, ...], part("trustedRootCertificates"), OMITTED_WHEN_EMPTY] = ()
    host_name: str | None = None
    pick_host_name_from_backend_address: bool = False
    affinity_cookie_name: str | None = None
    probe_enabled: Annotated[bool | None, INERT] = None
    path: str | None = None
    dedicated_backend_connection: Annotated[bool | None, INERT] = None
    validate_cert_chain_and_expiry: bool = True
    validate_sni: bool = msgspec.field(default=True, name="validateSNI")
    """Whether the server's certificate must be for the name that it is asked for."""
    sni_name: str | None = None
    request_routing_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    url_path_maps: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    path_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class Match(Properties, frozen=True):
    body: Annotated[str | None, Bounds(0, 4090)] = None
    status_codes: tuple[str, ...] = ()


class Probe(Properties, frozen=True):
    protocol: Protocol = "Http"
    host: str | None = None
    path: str | None = None
    interval: Annotated[int, Bounds(1, 86_400)] = 30
    timeout: Annotated[int, Bounds(1, 86_400)] = 30
    unhealthy_threshold: Annotated[int, Bounds(1, 20)] = 3
    """Source: facts/application-gateway.md, probe and "Health"."""
    pick_host_name_from_backend_http_settings: bool = False
    pick_host_name_from_backend_settings: Annotated[bool, UNSUPPORTED] = False
    enable_probe_proxy_protocol_header: Annotated[bool, UNSUPPORTED] = False
    """Of the two, which are for listeners of TCP, we have none."""
    min_servers: Annotated[int, Bounds(0, MAX_TARGETS)] = 0
    """Servers that are asked whatever is found of them. Source: facts/application-gateway.md, "Health"."""
    match: Match | None = None
    port: Annotated[int | None, Bounds(1, 65_535)] = None
    backend_http_settings: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class CustomError(Properties, frozen=True):
    """Source: facts/application-gateway.md, customErrorConfigurations."""

    status_code: Literal[
        "HttpStatus400",
        "HttpStatus403",
        "HttpStatus404",
        "HttpStatus405",
        "HttpStatus408",
        "HttpStatus500",
        "HttpStatus502",
        "HttpStatus503",
        "HttpStatus504",
    ]
    custom_error_page_url: str

    @property
    def status(self) -> int:
        return int(self.status_code.removeprefix("HttpStatus"))


class HttpListener(Properties, frozen=True):
    frontend_ip_configuration: Annotated[Ref | None, part("frontendIPConfigurations")] = msgspec.field(
        default=None, name="frontendIPConfiguration"
    )
    frontend_port: Annotated[Ref | None, part("frontendPorts")] = None
    protocol: Protocol = "Http"
    host_name: str | None = None
    host_names: Annotated[tuple[str, ...], OMITTED_WHEN_EMPTY] = ()
    ssl_certificate: Annotated[Ref | None, part("sslCertificates")] = None
    ssl_profile: Annotated[Ref | None, part("sslProfiles")] = None
    require_server_name_indication: Annotated[bool, INERT] = False
    custom_error_configurations: Annotated[tuple[CustomError, ...], OMITTED_WHEN_EMPTY] = ()
    firewall_policy: Annotated[Ref | None, FIREWALL] = None
    request_routing_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    redirect_configurations: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.host_names or ((self.host_name,) if self.host_name else ())


class PathRule(Properties, frozen=True):
    paths: tuple[str, ...] = ()
    backend_address_pool: Annotated[Ref | None, part("backendAddressPools")] = None
    backend_http_settings: Annotated[Ref | None, part("backendHttpSettingsCollection")] = None
    redirect_configuration: Annotated[Ref | None, part("redirectConfigurations")] = None
    rewrite_rule_set: Annotated[Ref | None, part("rewriteRuleSets")] = None
    load_distribution_policy: Annotated[Ref | None, UNSUPPORTED] = None
    firewall_policy: Annotated[Ref | None, FIREWALL] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class UrlPathMap(Properties, frozen=True):
    default_backend_address_pool: Annotated[Ref | None, part("backendAddressPools")] = None
    default_backend_http_settings: Annotated[Ref | None, part("backendHttpSettingsCollection")] = None
    default_redirect_configuration: Annotated[Ref | None, part("redirectConfigurations")] = None
    default_rewrite_rule_set: Annotated[Ref | None, part("rewriteRuleSets")] = None
    default_load_distribution_policy: Annotated[Ref | None, UNSUPPORTED] = None
    path_rules: Annotated[tuple[Child[PathRule], ...], Bounds(0, MAX_PATH_RULES)] = ()
    request_routing_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class RoutingRule(Properties, frozen=True):
    """``requestRoutingRules``."""

    rule_type: Literal["Basic", "PathBasedRouting"] = "Basic"
    priority: Annotated[int | None, Bounds(1, MAX_PRIORITY)] = None
    backend_address_pool: Annotated[Ref | None, part("backendAddressPools")] = None
    backend_http_settings: Annotated[Ref | None, part("backendHttpSettingsCollection")] = None
    http_listener: Annotated[Ref | None, part("httpListeners")] = None
    url_path_map: Annotated[Ref | None, part("urlPathMaps")] = None
    rewrite_rule_set: Annotated[Ref | None, part("rewriteRuleSets")] = None
    redirect_configuration: Annotated[Ref | None, part("redirectConfigurations")] = None
    load_distribution_policy: Annotated[Ref | None, UNSUPPORTED] = None
    advanced_routing_map: Annotated[Ref | None, UNSUPPORTED] = None
    auth_configs: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    entra_jwt_validation_config: Annotated[Ref | None, UNSUPPORTED] = msgspec.field(
        default=None, name="entraJWTValidationConfig"
    )
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class RedirectConfiguration(Properties, frozen=True):
    redirect_type: Literal["Permanent", "Found", "SeeOther", "Temporary"] = "Permanent"
    target_listener: Annotated[Ref | None, part("httpListeners")] = None
    target_url: str | None = None
    include_path: bool = False
    include_query_string: bool = False
    request_routing_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    url_path_maps: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    path_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()


class RewriteCondition(Properties, frozen=True):
    variable: str
    pattern: str
    ignore_case: bool = False
    negate: bool = False


class HeaderValueMatcher(Properties, frozen=True):
    """Of several headers of one name only those are changed whose value matches."""

    pattern: str
    ignore_case: bool = False
    negate: bool = False


class HeaderConfiguration(Properties, frozen=True):
    header_name: str
    header_value: str = ""
    header_value_matcher: HeaderValueMatcher | None = None


class UrlConfiguration(Properties, frozen=True):
    modified_path: str | None = None
    modified_query_string: str | None = None
    reroute: bool = False


class ActionSet(Properties, frozen=True):
    request_header_configurations: tuple[HeaderConfiguration, ...] = ()
    response_header_configurations: tuple[HeaderConfiguration, ...] = ()
    url_configuration: UrlConfiguration | None = None


class RewriteRule(Properties, frozen=True):
    """Source: facts/application-gateway.md, rewriteRule."""

    name: str
    rule_sequence: int = 100
    conditions: Annotated[tuple[RewriteCondition, ...], Bounds(0, MAX_REWRITES)] = ()
    action_set: ActionSet = ActionSet()


class RewriteRuleSet(Properties, frozen=True):
    rewrite_rules: Annotated[tuple[RewriteRule, ...], Bounds(0, MAX_REWRITES)] = ()
    request_routing_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    url_path_maps: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    path_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class TrustedClientCertificate(Properties, frozen=True):
    """``data`` is certificates that lead to a root, DER or PEM, in base64."""

    data: str | None = None
    ssl_profiles: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class ClientAuth(Properties, frozen=True):
    """Passthrough asks for a certificate and lets every one in, and none."""

    verify_client_cert_issuer_dn: Annotated[bool, UNSUPPORTED] = msgspec.field(
        default=False, name="verifyClientCertIssuerDN"
    )
    verify_client_revocation: Annotated[Literal["None", "OCSP"], UNSUPPORTED] = "None"
    verify_client_auth_mode: Literal["Strict", "Passthrough"] = "Strict"


class SslProfile(Properties, frozen=True):
    """What a listener has of its own: its TLS policy, and whose clients it takes."""

    trusted_client_certificates: Annotated[
        tuple[Ref, ...], part("trustedClientCertificates"), Bounds(0, MAX_CERTIFICATES)
    ] = ()
    ssl_policy: SslPolicy | None = None
    client_auth_configuration: ClientAuth | None = None
    http_listeners: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class FirewallConfiguration(Properties, frozen=True):
    """The older way to have a firewall: a policy says what it does, and without one it cannot be on here."""

    enabled: Annotated[bool, INERT] = False
    firewall_mode: Annotated[Literal["Detection", "Prevention"], INERT] = "Detection"
    rule_set_type: Annotated[str, INERT] = "OWASP"
    rule_set_version: Annotated[str, INERT] = "3.0"
    request_body_check: Annotated[bool | None, INERT] = None
    max_request_body_size: Annotated[int | None, INERT] = None
    max_request_body_size_in_kb: Annotated[int | None, INERT] = None
    file_upload_limit_in_mb: Annotated[int | None, INERT] = None
    disabled_rule_groups: Annotated[tuple[dict[str, Any], ...], INERT, OMITTED_WHEN_EMPTY] = ()
    exclusions: Annotated[tuple[dict[str, Any], ...], INERT, OMITTED_WHEN_EMPTY] = ()


class ApplicationGateway(Properties, frozen=True):
    sku: GatewaySku = GatewaySku()
    autoscale_configuration: Autoscale | None = None
    ssl_policy: SslPolicy | None = None
    gateway_ip_configurations: tuple[Child[GatewayIpConfiguration], ...] = msgspec.field(
        default=(), name="gatewayIPConfigurations"
    )
    frontend_ip_configurations: tuple[Child[Frontend], ...] = msgspec.field(default=(), name="frontendIPConfigurations")
    frontend_ports: Annotated[tuple[Child[FrontendPort], ...], Bounds(0, MAX_PORTS)] = ()
    ssl_certificates: Annotated[tuple[Child[SslCertificate], ...], Bounds(0, MAX_CERTIFICATES)] = ()
    trusted_root_certificates: Annotated[tuple[Child[TrustedRootCertificate], ...], Bounds(0, MAX_CERTIFICATES)] = ()
    backend_address_pools: Annotated[tuple[Child[BackendAddressPool], ...], Bounds(0, MAX_POOLS)] = ()
    backend_http_settings_collection: Annotated[tuple[Child[BackendSettings], ...], Bounds(0, MAX_SETTINGS)] = ()
    probes: tuple[Child[Probe], ...] = ()
    http_listeners: Annotated[tuple[Child[HttpListener], ...], Bounds(0, MAX_LISTENERS)] = ()
    url_path_maps: tuple[Child[UrlPathMap], ...] = ()
    request_routing_rules: Annotated[tuple[Child[RoutingRule], ...], Bounds(0, MAX_RULES)] = ()
    redirect_configurations: Annotated[tuple[Child[RedirectConfiguration], ...], Bounds(0, MAX_REDIRECTS)] = ()
    enable_http_2: bool = msgspec.field(default=False, name="enableHttp2")
    enable_fips: Annotated[bool | None, INERT] = None
    force_firewall_policy_association: Annotated[bool | None, INERT] = None
    web_application_firewall_configuration: FirewallConfiguration | None = None
    firewall_policy: Annotated[Ref | None, FIREWALL] = None
    authentication_certificates: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED] = ()
    trusted_client_certificates: Annotated[tuple[Child[TrustedClientCertificate], ...], OMITTED_WHEN_EMPTY] = ()
    ssl_profiles: Annotated[tuple[Child[SslProfile], ...], OMITTED_WHEN_EMPTY] = ()
    rewrite_rule_sets: Annotated[tuple[Child[RewriteRuleSet], ...], Bounds(0, MAX_REWRITE_SETS)] = ()
    custom_error_configurations: Annotated[tuple[CustomError, ...], OMITTED_WHEN_EMPTY] = ()
    private_link_configurations: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    load_distribution_policies: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    listeners: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    routing_rules: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    backend_settings_collection: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    entra_jwt_validation_configs: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = (
        msgspec.field(default=(), name="entraJWTValidationConfigs")
    )
    global_configuration: Annotated[dict[str, Any] | None, UNSUPPORTED] = None
    advanced_routing_condition_sets: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    advanced_routing_maps: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    reserved_capacity: Annotated[dict[str, Any] | None, UNSUPPORTED] = None
    stopped: Annotated[bool, ASSIGNED, SECRET] = False
    """Whether ``stop`` was the last word."""
    operational_state: Annotated[str | None, READ_ONLY] = None
    private_endpoint_connections: Annotated[tuple[dict[str, Any], ...], READ_ONLY] = ()
    default_predefined_ssl_policy: Annotated[str | None, READ_ONLY] = None
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


def is_v2(gateway: Resource[ApplicationGateway]) -> bool:
    """Whether it is of the generation whose rules have priorities."""
    return gateway.properties.sku.name in ("Standard_v2", "WAF_v2", "Basic")


KINDS = (
    Kind(
        GATEWAY,
        ApplicationGateway,
        envelope=frozenset({"zones", "identity"}),
    ),
)
