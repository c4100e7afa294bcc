"""What Azure refuses of a load balancer as a whole, and of its frontends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.load_balancer import validate_gateway, validate_global
from lazulite.services.load_balancer.model import (
    FRONTENDS,
    MAX_BASIC_FRONTENDS,
    MAX_BASIC_RULES,
    MAX_FRONTENDS,
    MAX_OUTBOUND_RULES,
    MAX_RULES,
    FrontendIPConfiguration,
    LoadBalancer,
    is_basic,
    is_global,
)
from lazulite.services.load_balancer.validate_backend import pools, ports
from lazulite.services.load_balancer.validate_outbound import outbound_rules
from lazulite.services.load_balancer.validate_rule import rules
from lazulite.services.public_ip_address.model import PublicIPAddress, PublicIPPrefix
from lazulite.services.public_ip_address.users import users
from lazulite.services.service import Lab
from lazulite.services.virtual_network.addresses import occupants, reserved
from lazulite.services.virtual_network.model import Subnet
from lazulite.services.virtual_network.references import elsewhere
from lazulite.values import IPAddress

SKUS, TIERS = ("Basic", "Standard", "Gateway"), ("Regional", "Global")
_PATH = f"properties.{FRONTENDS}"


def resource(new: Resource[LoadBalancer], view: View, lab: Lab) -> Iterator[Violation]:
    yield from _sku(new, view)
    yield from _counts(new)
    yield from _frontends(new, view)
    yield from validate_gateway.balancer(new, view)
    if is_global(new):
        yield from validate_global.balancer(new, view)
        yield from rules(new, view)
        return
    yield from pools(new, view)
    yield from rules(new, view)
    yield from outbound_rules(new, view)
    yield from ports(new, view)


def _sku(new: Resource[LoadBalancer], view: View) -> Iterator[Violation]:
    """Source: "Azure Load Balancer SKUs": a SKU stands once the resource does."""
    name, tier = (new.sku.name, new.sku.tier) if new.sku is not None else ("Basic", "Regional")
    if name not in SKUS or tier not in (None, *TIERS):
        yield Violation("InvalidParameter", f"SKU {name} {tier} is not one of {', '.join(SKUS)}.", "sku.name")
    elif tier == "Global" and name != "Standard":
        yield Violation("GlobalTierNeedsStandardSku", f"Load balancer {new.id} of the Global tier is {name}.", "sku")
    stored = view.get(new.id, LoadBalancer)
    if stored is not None and stored.sku is not None and stored.sku.name != name:
        message = f"Changing property 'sku.name' from {stored.sku.name} is not allowed."
        yield Violation("PropertyChangeNotAllowed", message, "sku")
    elif stored is not None and is_global(stored) is not is_global(new):
        message = f"Changing property 'sku.tier' from {stored.sku and stored.sku.tier} is not allowed."
        yield Violation("PropertyChangeNotAllowed", message, "sku")


def _counts(new: Resource[LoadBalancer]) -> Iterator[Violation]:
    """Source: "Azure subscription and service limits", load balancer."""
    said, basic = new.properties, is_basic(new)
    count = len(said.load_balancing_rules) + len(said.inbound_nat_rules)
    for found, limit, code, what in (
        (
            len(said.frontend_ip_configurations),
            MAX_BASIC_FRONTENDS if basic else MAX_FRONTENDS,
            "LoadBalancerFrontendIPConfigurationCountLimitReached",
            "frontend IP configurations",
        ),
        (count, MAX_BASIC_RULES if basic else MAX_RULES, "LoadBalancerRuleCountLimitReached", "rules"),
        (len(said.outbound_rules), MAX_OUTBOUND_RULES, "LoadBalancerOutboundRuleCountLimitReached", "outbound rules"),
    ):
        if found > limit:
            yield Violation(code, f"Load balancer {new.id} has {found} {what}. It can have {limit}.", "properties")
    children = (
        said.load_balancing_rules,
        said.probes,
        said.inbound_nat_rules,
        said.inbound_nat_pools,
        said.outbound_rules,
        said.backend_address_pools,
    )
    if not said.frontend_ip_configurations and any(children):
        message = f"Load balancer {new.id} without a frontend IP configuration cannot have child resources."
        yield Violation("LoadBalancerWithoutFrontendIPCantHaveChildResources", message, _PATH)


def _frontends(new: Resource[LoadBalancer], view: View) -> Iterator[Violation]:
    own: dict[IPAddress, str] = {}
    public: dict[str, str] = {}
    for index, child in enumerate(new.properties.frontend_ip_configurations):
        path, said = f"{_PATH}[{index}].properties", child.properties
        given = [r for r in (said.subnet, said.public_ip_address, said.public_ip_prefix) if r is not None]
        if len(given) != 1:
            message = (
                f"Frontend IP configuration {_id(new, child)} must reference exactly one of a subnet, a public IP "
                "address and a public IP prefix."
            )
            yield Violation("FrontendIPConfigurationMustReferenceOneAddressSource", message, path)
            continue
        if said.subnet is not None:
            yield from _private(new, child, own, view, path)
        else:
            yield from _public(new, child, public, view, path)
    if new.properties.internal and any(c.properties.subnet is None for c in new.properties.frontend_ip_configurations):
        message = f"Load balancer {new.id} cannot have both private and public frontend IP configurations."
        yield Violation("LoadBalancerFrontendIPConfigurationsMustBeOfSameType", message, _PATH)


def _id(new: Resource[LoadBalancer], child: Child[FrontendIPConfiguration]) -> str:
    return new.id.child(FRONTENDS, child.name).text


def _private(
    new: Resource[LoadBalancer],
    child: Child[FrontendIPConfiguration],
    own: dict[IPAddress, str],
    view: View,
    path: str,
) -> Iterator[Violation]:
    """*own* collects the addresses of the load balancer so far."""
    said, who = child.properties, _id(new, child)
    subnet = view.get(said.subnet, Subnet)
    if subnet is None or said.subnet is None:
        return
    yield from _subnet_elsewhere(new, subnet, view, path)
    address, target = said.private_ip_address, f"{path}.privateIPAddress"
    if address is None:
        yield _unaddressed(child, who, subnet, path)
        return
    if address.version != (4 if said.private_ip_address_version == "IPv4" else 6):
        message = f"Private IP address {address} is not of version {said.private_ip_address_version}."
        yield Violation("PrivateIPAddressVersionMismatch", message, target)
    other = occupants(subnet.id, view, beside=new.id).get(address)
    holder = own.get(address) or (other.id.text if other is not None else None)
    own.setdefault(address, who)
    if holder is not None:
        message = (
            f"IP configuration {who} is using the private IP address {address} which is already allocated to resource "
            f"{holder}."
        )
        yield Violation("PrivateIPAddressIsAllocated", message, target)
    prefix = subnet.properties.prefix_of(address)
    if prefix is None:
        listed = ", ".join(map(str, subnet.properties.prefixes))
        message = f"Private static IP address {address} does not belong to the range of subnet prefix {listed}."
        yield Violation("PrivateIPAddressNotInSubnet", message, target)
    elif reserved(address, prefix):
        message = f"Private static IP address {address} falls within reserved IP range of subnet prefix {prefix}."
        yield Violation("PrivateIPAddressInReservedRange", message, target)


def _subnet_elsewhere(
    new: Resource[LoadBalancer], subnet: Resource[Subnet], view: View, path: str
) -> Iterator[Violation]:
    frontends = new.properties.frontend_ip_configurations
    first = next((c.properties.subnet.target for c in frontends if c.properties.subnet is not None), subnet.id)
    if first.parent != subnet.id.parent:
        message = (
            f"Subnet {subnet.id} is not in the same Virtual Network {first.parent} as the other subnets of the load "
            "balancer."
        )
        yield Violation("SubnetsNotInSameVnet", message, f"{path}.subnet")
    if subnet.location != new.location:
        message = (
            f"Resource {subnet.id} referenced by resource {new.id} was not found. Please make sure that the "
            "referenced resource exists, and that both resources are in the same region."
        )
        yield Violation("InvalidResourceReference", message, f"{path}.subnet")


def _unaddressed(child: Child[FrontendIPConfiguration], who: str, subnet: Resource[Subnet], path: str) -> Violation:
    version = 4 if child.properties.private_ip_address_version == "IPv4" else 6
    same = [str(p) for p in subnet.properties.prefixes if p.version == version]
    if child.properties.private_ip_allocation_method == "Static":
        message = f"IP configuration {who} has static allocation and no privateIPAddress."
        return Violation("PrivateIPAddressRequired", message, f"{path}.privateIPAddress")
    if not same:
        message = f"Subnet {subnet.id} has no address prefix of version IPv{version} for IP configuration {who}."
        return Violation("SubnetHasNoPrefixOfIPVersion", message, f"{path}.privateIPAddressVersion")
    message = (
        f"Subnet {subnet.id.name} with address prefix {', '.join(same)} does not have enough capacity for 1 IP "
        "addresses."
    )
    return Violation("SubnetIsFull", message, f"{path}.subnet")


def _public(
    new: Resource[LoadBalancer],
    child: Child[FrontendIPConfiguration],
    own: dict[str, str],
    view: View,
    path: str,
) -> Iterator[Violation]:
    """*own* collects the public addresses and prefixes of the load balancer so far."""
    said, who = child.properties, _id(new, child)
    single = said.public_ip_address is not None
    ref, target = said.public_ip_address or said.public_ip_prefix, "publicIPAddress" if single else "publicIPPrefix"
    found: Resource[Any] | None = view.get(said.public_ip_address, PublicIPAddress) or view.get(
        said.public_ip_prefix, PublicIPPrefix
    )
    if ref is None or found is None:
        return
    yield from elsewhere(new, ref, view, f"{path}.{target}")
    balancer, address = new.sku and new.sku.name, found.sku and found.sku.name
    if (balancer or "Basic") != (address or "Basic").replace("StandardV2", "Standard"):
        message = (
            f"Different sku load balancers and public IP addresses are not allowed: load balancer {new.id} is of SKU "
            f"{balancer} and {found.id} of SKU {address}."
        )
        yield Violation("DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed", message, f"{path}.{target}")
    tier = found.sku.tier if found.sku is not None else None
    if (tier == "Global") is not is_global(new):
        message = (
            f"Load balancer {new.id} of tier {new.sku and new.sku.tier} cannot have {found.id} of tier "
            f"{tier or 'Regional'}."
        )
        yield Violation("LoadBalancerAndPublicIPAddressTierMismatch", message, f"{path}.{target}")
    if found.properties.public_ip_address_version != said.private_ip_address_version and single:
        message = (
            f"IP configuration {who} is of version {said.private_ip_address_version} and cannot have public IP address "
            f"{found.id} of version {found.properties.public_ip_address_version}."
        )
        yield Violation("PublicIPAddressVersionMismatch", message, f"{path}.{target}")
    user = own.setdefault(ref.target.key, who)
    others = [u.id.text for u in users(found.id, view) if single and not u.id.within(new.id)]
    if not single:
        others = [u.id.text for u in view.referrers(found.id, FrontendIPConfiguration) if not u.id.within(new.id)]
    if user != who or others:
        message = (
            f"IP configuration {who} is referencing {'public IP address' if single else 'public IP prefix'} {found.id} "
            f"that is already allocated to resource {others[0] if others else user}."
        )
        code = "PublicIPAddressInUse" if single else "PublicIPPrefixInUse"
        yield Violation(code, message, f"{path}.{target}")
