"""What Azure refuses of subnets and interfaces for the sake of a NAT gateway."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.load_balancer.model import LoadBalancer, is_basic
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.virtual_network.model import GATEWAY_SUBNET, IpConfiguration, Subnet, VirtualNetwork
from lazulite.services.virtual_network.references import elsewhere


def subnet(vnet: Resource[VirtualNetwork], child: Child[Subnet], view: View, path: str) -> Iterator[Violation]:
    """Source: "NAT gateway resource", limitations and subnets."""
    ref, target = child.properties.nat_gateway, f"{path}.natGateway"
    if ref is None:
        return
    yield from elsewhere(vnet, ref, view, target)
    if child.name.lower() == GATEWAY_SUBNET:
        message = f"NAT gateway {ref.id} cannot be associated to the GatewaySubnet of {vnet.id}."
        yield Violation("NatGatewayCannotBeAttachedToGatewaySubnet", message, target)
    other = next((s for s in view.referrers(ref.target, Subnet) if s.id.parent != vnet.id), None)
    if other is not None:
        message = f"NAT gateway {ref.id} is associated to subnet {other.id}: it cannot span virtual networks."
        yield Violation("NatGatewayCannotSpanVnets", message, target)
    for user in view.referrers(vnet.id.child("subnets", child.name), IpConfiguration):
        yield from _basic(user.properties, ref.id, view, target)


def configuration(child: Child[IpConfiguration], view: View, path: str) -> Iterator[Violation]:
    """The same, seen from an interface."""
    found = view.get(child.properties.subnet, Subnet)
    if found is not None and found.properties.nat_gateway is not None:
        yield from _basic(child.properties, found.properties.nat_gateway.id, view, f"{path}.publicIPAddress")


def _basic(used: IpConfiguration, gateway: str, view: View, target: str) -> Iterator[Violation]:
    pools = used.load_balancer_backend_address_pools
    balancers = (view.get(p, LoadBalancer) for p in dict.fromkeys(r.target.parent for r in pools))
    for balancer in balancers:
        if balancer is not None and is_basic(balancer):
            message = f"Load balancer {balancer.id} of the Basic SKU cannot be in a subnet with NAT gateway {gateway}."
            yield Violation("NatGatewayAndBasicLoadBalancerIncompatible", message, target)
    address = view.get(used.public_ip_address, PublicIPAddress)
    if address is not None and (address.sku is None or address.sku.name == "Basic"):
        message = f"Public IP address {address.id} of the Basic SKU cannot be in a subnet with NAT gateway {gateway}."
        yield Violation("PublicIpNotStandard", message, target)
