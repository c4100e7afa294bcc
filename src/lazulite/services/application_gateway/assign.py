"""What the service chooses: the address a gateway asks from, those of its private frontends, and names of tiers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Child, Ref, Resource
from lazulite.resources.view import View
from lazulite.services.application_gateway import vaulted
from lazulite.services.application_gateway.model import ApplicationGateway, Frontend, GatewayIpConfiguration
from lazulite.services.service import Lab
from lazulite.services.virtual_network.addresses import free, occupants
from lazulite.services.virtual_network.model import Subnet
from lazulite.values import IPAddress

_Placed = GatewayIpConfiguration | Frontend


def resource(
    new: Resource[ApplicationGateway], old: Resource[ApplicationGateway] | None, view: View, lab: Lab
) -> Resource[ApplicationGateway]:
    said, before = new.properties, old.properties if old is not None else ApplicationGateway()
    taken: set[IPAddress] = {
        f.properties.private_ip_address
        for f in said.frontend_ip_configurations
        if f.properties.private_ip_allocation_method == "Static" and f.properties.private_ip_address is not None
    }
    found = replace(
        said,
        sku=replace(said.sku, tier=said.sku.tier or _tier(said.sku.name)),
        gateway_ip_configurations=_each(
            said.gateway_ip_configurations, before.gateway_ip_configurations, new, taken, view
        ),
        frontend_ip_configurations=_each(
            said.frontend_ip_configurations, before.frontend_ip_configurations, new, taken, view
        ),
    )
    return vaulted.refreshed(replace(new, properties=found), view, lab)


def _tier(name: str) -> Any:
    """The older names say a size too."""
    return name.partition("_")[0] if name.startswith("Standard_") and not name.endswith("_v2") else name


def _each(
    children: Iterable[Child[Any]], before: Iterable[Child[Any]], new: Resource[Any], taken: set[IPAddress], view: View
) -> tuple[Child[Any], ...]:
    known = {c.name.lower(): c.properties for c in before}
    found = []
    for child in children:
        address = _address(child.properties, known.get(child.name.lower()), new, taken, view)
        found.append(Child(child.name, replace(child.properties, private_ip_address=address), child.zones))
    return tuple(found)


def _address(
    said: _Placed, before: _Placed | None, new: Resource[Any], taken: set[IPAddress], view: View
) -> IPAddress | None:
    """A static one, the one it had if that still fits, else the lowest that is free."""
    if isinstance(said, Frontend) and said.private_ip_allocation_method == "Static":
        return said.private_ip_address
    subnet = view.get(said.subnet, Subnet)
    if subnet is None:
        return None
    held = before.private_ip_address if before is not None and _same(before.subnet, said.subnet) else None
    if held is None or held in taken:
        others = {*occupants(subnet.id, view, beside=new.id), *taken}
        held = next(free(subnet, 4, others), None)
    if held is not None:
        taken.add(held)
    return held


def _same(one: Ref | None, other: Ref | None) -> bool:
    return one is not None and other is not None and one.target == other.target
