"""What Azure refuses of Gateway load balancers, and of what is chained to them.

Source: "Gateway Load Balancer", limitations; "Manage Gateway Load Balancer".
"""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.model import Child, Ref, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.load_balancer.members import parts
from lazulite.services.load_balancer.model import (
    FRONTENDS,
    NAT_POOLS,
    NAT_RULES,
    OUTBOUND,
    POOLS,
    RULES,
    BackendAddressPool,
    LoadBalancer,
    LoadBalancingRule,
    is_gateway,
    is_global,
)
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.virtual_network.model import IpConfiguration, NetworkInterface
from lazulite.services.virtual_network.references import elsewhere

USUAL_IDLE_MINUTES = 4
"""Source: "Load Balancer TCP reset and idle timeout", default."""


def balancer(new: Resource[LoadBalancer], view: View) -> Iterator[Violation]:
    """What is wrong with a Gateway load balancer, or with another one for what only that has."""
    if is_gateway(new):
        yield from _gateway(new)
    for index, pool in enumerate(parts(new, "backend_address_pools")):
        yield from _tunnels(new, pool, f"properties.{POOLS}[{index}].properties.tunnelInterfaces")
    for index, child in enumerate(new.properties.frontend_ip_configurations):
        ref, path = child.properties.gateway_load_balancer, f"properties.{FRONTENDS}[{index}].properties"
        if ref is not None:
            sku = new.sku.name if new.sku is not None else "Basic"
            fits = sku == "Standard" and not is_global(new) and child.properties.public_ip_address is not None
            version = child.properties.private_ip_address_version
            yield from _chained(new, f"Frontend {child.name}", ref, fits, version, view, path)


def interface(
    nic: Resource[NetworkInterface], child: Child[IpConfiguration], view: View, path: str
) -> Iterator[Violation]:
    """The same of an ip configuration that is chained."""
    said = child.properties
    if said.gateway_load_balancer is not None:
        address = view.get(said.public_ip_address, PublicIPAddress)
        fits = address is not None and address.sku is not None and address.sku.name == "Standard"
        who, version = f"IP configuration {child.name}", said.private_ip_address_version
        yield from _chained(nic, who, said.gateway_load_balancer, fits, version, view, path)


def _chained(
    holder: Resource[object], who: str, ref: Ref, fits: bool, version: str, view: View, path: str
) -> Iterator[Violation]:
    """*fits*: whether its public address is one of the Standard SKU."""
    target, found = f"{path}.gatewayLoadBalancer", view.get(ref.target.parent, LoadBalancer)
    yield from elsewhere(holder, Ref(ref.target.parent.text), view, target)
    if found is not None and not is_gateway(found):
        message = f"{who} of {holder.id} refers to {found.id}, which is no load balancer of the Gateway SKU."
        yield Violation("GatewayLoadBalancerReferenceMustBeGatewaySku", message, target)
    if not fits:
        message = f"{who} of {holder.id} needs a public IP address of the Standard SKU to refer to {ref.id}."
        yield Violation("GatewayLoadBalancerNeedsStandardPublicIPAddress", message, target)
    if version == "IPv6":
        message = f"{who} of {holder.id}: the lab chains no IPv6 to a Gateway load balancer."
        yield Violation("FeatureNotSupported", message, target)


def _gateway(new: Resource[LoadBalancer]) -> Iterator[Violation]:
    for index, child in enumerate(new.properties.frontend_ip_configurations):
        path = f"properties.{FRONTENDS}[{index}].properties"
        if child.properties.subnet is None:
            message = f"Frontend {child.name} of Gateway load balancer {new.id} must have a private IP address."
            yield Violation("GatewayLoadBalancerFrontendMustBePrivate", message, path)
        if child.properties.private_ip_address_version == "IPv6":
            message = f"Frontend {child.name} of {new.id}: the lab has no tunnels over IPv6."
            yield Violation("FeatureNotSupported", message, f"{path}.privateIPAddressVersion")
    for index, rule in enumerate(new.properties.load_balancing_rules):
        yield from _rule(new, rule, f"properties.{RULES}[{index}].properties")
    said = new.properties
    for held, wire in (
        (said.inbound_nat_rules, NAT_RULES),
        (said.inbound_nat_pools, NAT_POOLS),
        (said.outbound_rules, OUTBOUND),
    ):
        if held:
            message = f"Gateway load balancer {new.id} cannot have {wire}."
            yield Violation("GatewayLoadBalancerSupportsOnlyHAPortsRules", message, f"properties.{wire}")


def _rule(new: Resource[LoadBalancer], child: Child[LoadBalancingRule], path: str) -> Iterator[Violation]:
    said = child.properties
    if said.protocol != "All" or said.frontend_port or said.backend_port:
        message = f"Rule {child.name} of Gateway load balancer {new.id} must be for protocol All and port 0."
        yield Violation("GatewayLoadBalancerSupportsOnlyHAPortsRules", message, f"{path}.protocol")
    for wrong, wire in (
        (len(said.backend_address_pools) > 1, "backendAddressPools"),
        (said.load_distribution != "Default", "loadDistribution"),
        (said.idle_timeout != USUAL_IDLE_MINUTES, "idleTimeoutInMinutes"),
        (said.enable_floating_ip, "enableFloatingIP"),
        (said.enable_tcp_reset, "enableTcpReset"),
    ):
        if wrong:
            message = f"{wire} of rule {child.name} of Gateway load balancer {new.id}: the lab does not act on it."
            yield Violation("FeatureNotSupported", message, f"{path}.{wire}")


def _tunnels(new: Resource[LoadBalancer], pool: Resource[BackendAddressPool], path: str) -> Iterator[Violation]:
    """A Gateway load balancer's pool has tunnels, one of a type; what is sent by one never looks like the other's."""
    tunnels = pool.properties.tunnel_interfaces
    if not is_gateway(new):
        if tunnels:
            message = f"Backend address pool {pool.id} can have tunnel interfaces only in the Gateway SKU."
            yield Violation("TunnelInterfacesNeedGatewaySku", message, path)
        return
    if not tunnels:
        message = f"Backend address pool {pool.id} of a Gateway load balancer needs tunnel interfaces."
        yield Violation("TunnelInterfacesRequired", message, path)
    for what, found in (("type", [t.type for t in tunnels]), ("port and identifier", [t.ends for t in tunnels])):
        if len(set(found)) != len(found):
            message = f"Tunnel interfaces of backend address pool {pool.id} must not have the same {what}."
            yield Violation("TunnelInterfacesMustBeDistinct", message, path)
