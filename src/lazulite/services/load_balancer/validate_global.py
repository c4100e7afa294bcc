"""What Azure refuses of global load balancers, which have regional ones for backends.

Source: "Global load balancer" (cross-region-overview), limitations, home regions and participating regions.
"""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.load_balancer.members import parts, pool_members
from lazulite.services.load_balancer.model import (
    ADDRESSES,
    FRONTENDS,
    NAT_POOLS,
    NAT_RULES,
    OUTBOUND,
    POOLS,
    PROBES,
    RULES,
    BackendAddress,
    BackendAddressPool,
    FrontendIPConfiguration,
    LoadBalancer,
    LoadBalancingRule,
    is_basic,
    is_global,
)

HOME_REGIONS = (
    "centralus eastasia eastus2 northeurope southeastasia uksouth usgovvirginia westeurope westus".split()  # noqa: SIM905
)
"""Where one can be deployed; its backends may be anywhere.

Source: "Global load balancer" (cross-region-overview), home regions in Azure."""
UNUSED_UDP_PORT = 3
"""Source: "Global load balancer" (cross-region-overview), limitations."""


def balancer(new: Resource[LoadBalancer], view: View) -> Iterator[Violation]:
    if new.location not in HOME_REGIONS:
        message = f"Load balancers of the Global tier are not available in {new.location}, only in: " + ", ".join(
            HOME_REGIONS
        )
        yield Violation("LocationNotAvailableForGlobalLoadBalancer", f"{message}.", "location")
    for wire, held, what in (
        (PROBES, new.properties.probes, "probes: the health of a regional load balancer is its own rule's"),
        (NAT_RULES, new.properties.inbound_nat_rules, "inbound NAT rules"),
        (NAT_POOLS, new.properties.inbound_nat_pools, "inbound NAT pools"),
        (OUTBOUND, new.properties.outbound_rules, "outbound rules: machines leave by the regional load balancer"),
    ):
        if held:
            message = f"Load balancer {new.id} of the Global tier cannot have {what}."
            yield Violation("PropertyNotAllowedForGlobalTier", message, f"properties.{wire}")
    yield from _frontends(new)
    for index, child in enumerate(new.properties.load_balancing_rules):
        yield from _rule(new, child, f"properties.{RULES}[{index}].properties")
    for index, pool in enumerate(parts(new, "backend_address_pools")):
        yield from _pool(pool, view, f"properties.{POOLS}[{index}].properties")


def _frontends(new: Resource[LoadBalancer]) -> Iterator[Violation]:
    for index, child in enumerate(new.properties.frontend_ip_configurations):
        path, said = f"properties.{FRONTENDS}[{index}].properties", child.properties
        who = new.id.child(FRONTENDS, child.name)
        if said.subnet is not None or said.public_ip_prefix is not None:
            message = f"Frontend IP configuration {who} of the Global tier needs a publicIPAddress of the same tier."
            yield Violation("GlobalLoadBalancerNeedsPublicIPAddress", message, path)
        if said.private_ip_address_version != "IPv4":
            message = f"Frontend IP configuration {who}: the Global tier is supported here for IPv4 alone."
            yield Violation("FeatureNotSupported", message, f"{path}.privateIPAddressVersion")


def _rule(new: Resource[LoadBalancer], child: Child[LoadBalancingRule], path: str) -> Iterator[Violation]:
    said, who = child.properties, new.id.child(RULES, child.name)
    if said.protocol == "All":
        message = f"Load balancing rule {who} of the Global tier needs protocol Tcp or Udp: there are no HA ports."
        yield Violation("PropertyNotAllowedForGlobalTier", message, f"{path}.protocol")
    if said.protocol == "Udp" and UNUSED_UDP_PORT in (said.frontend_port, said.backend_port):
        message = f"Load balancing rule {who} of the Global tier cannot use UDP port {UNUSED_UDP_PORT}."
        yield Violation("PropertyNotAllowedForGlobalTier", message, f"{path}.frontendPort")
    for wrong, wire, why in (
        (said.enable_floating_ip, "enableFloatingIP", "backends do not have the global address"),
        (said.enable_tcp_reset, "enableTcpReset", "the regional rule says who is told of idle flows"),
    ):
        if wrong:
            message = f"{path}.{wire} of the Global tier is not supported here: {why}."
            yield Violation("FeatureNotSupported", message, f"{path}.{wire}")


def _pool(pool: Resource[BackendAddressPool], view: View, path: str) -> Iterator[Violation]:
    joined = next((m for m in pool_members(view, pool) if m.nic is not None), None)
    if joined is not None or pool.properties.virtual_network is not None:
        what = f"network interface {joined.id}" if joined is not None else "a virtualNetwork"
        message = f"Backend address pool {pool.id} of the Global tier has {what}. Its backends are load balancers."
        yield Violation("GlobalBackendAddressPoolNeedsLoadBalancerFrontends", message, path)
    seen: dict[ResourceId, str] = {}
    for index, child in enumerate(pool.properties.load_balancer_backend_addresses):
        here, ref = f"{path}.{ADDRESSES}[{index}].properties", child.properties.load_balancer_frontend_ip_configuration
        yield from _address(pool.id, child, view, here)
        if ref is not None and seen.setdefault(ref.target, child.name) != child.name:
            message = (
                f"Backend addresses {seen[ref.target]} and {child.name} of pool {pool.id} are the same frontend "
                f"{ref.id}."
            )
            yield Violation("DuplicateLoadBalancerFrontendOnBackendAddressPool", message, here)


def _address(pool: ResourceId, child: Child[BackendAddress], view: View, path: str) -> Iterator[Violation]:
    said = child.properties
    ref = said.load_balancer_frontend_ip_configuration
    if ref is None or said.ip_address is not None or said.virtual_network is not None or said.subnet is not None:
        message = (
            f"Backend address {child.name} of pool {pool} of the Global tier needs a "
            "loadBalancerFrontendIPConfiguration, and nothing else."
        )
        yield Violation("GlobalBackendAddressPoolNeedsLoadBalancerFrontends", message, path)
    if said.admin_state in ("Up", "Down"):
        message = f"{path}.adminState of the Global tier is not supported here."
        yield Violation("FeatureNotSupported", message, f"{path}.adminState")
    what = _unfit(ref.target, pool.parent, view) if ref is not None else None
    if ref is not None and what is not None:
        message = (
            f"Backend address {child.name} of pool {pool} must be a public IPv4 frontend of a regional load balancer "
            f"of the Standard SKU: {ref.id} is {what}."
        )
        target = f"{path}.loadBalancerFrontendIPConfiguration"
        yield Violation("GlobalBackendAddressMustBeRegionalPublicStandardFrontend", message, target)


def _unfit(target: ResourceId, own: ResourceId, view: View) -> str | None:
    """Why a frontend cannot be a backend of the load balancer *own*. One that does not exist is refused before."""
    if target.parent == own:
        return "of the same load balancer"
    frontend, regional = view.get(target, FrontendIPConfiguration), view.get(target.parent, LoadBalancer)
    if frontend is None or regional is None:
        return None
    if is_global(regional):
        return "of the Global tier"
    if is_basic(regional) or regional.sku is None or regional.sku.name != "Standard":
        return f"of the {regional.sku.name if regional.sku is not None else 'Basic'} SKU"
    if frontend.properties.public_ip_address is None:
        return "not public"
    if frontend.properties.gateway_load_balancer is not None:
        return "chained to a Gateway load balancer"
    return "not of IPv4" if frontend.properties.private_ip_address_version != "IPv4" else None
