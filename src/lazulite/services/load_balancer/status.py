"""The read-only properties: who refers to each part, and who is in a pool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Ref, Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.load_balancer.members import PoolMember, address_name, nat_members, pool_members
from lazulite.services.load_balancer.model import (
    ADDRESSES,
    NAT_POOLS,
    NAT_RULES,
    OUTBOUND,
    RULES,
    BackendAddress,
    BackendAddressPool,
    FrontendIPConfiguration,
    InboundNatRule,
    LoadBalancer,
    Probe,
    is_basic,
)
from lazulite.services.load_balancer.slots import offset
from lazulite.services.service import Observations

Status = Mapping[str, Any]


def balancer(resource: Resource[LoadBalancer], view: View, observations: Observations) -> Status:
    """A Basic load balancer has no outbound rules, and does not say so."""
    shown: dict[str, Any] = {"resourceGuid": resource.guid}
    if not is_basic(resource) and not resource.properties.outbound_rules:
        shown["outboundRules"] = []
    return shown


def frontend(child: Resource[FrontendIPConfiguration], view: View, observations: Observations) -> Status:
    return _back_references(child, view, (RULES, NAT_RULES, NAT_POOLS, OUTBOUND))


def probe(child: Resource[Probe], view: View, observations: Observations) -> Status:
    return _back_references(child, view, (RULES,))


def pool(child: Resource[BackendAddressPool], view: View, observations: Observations) -> Status:
    shown = _back_references(child, view, (RULES, NAT_RULES, OUTBOUND))
    if len(shown.get(OUTBOUND, ())) == 1:
        shown["outboundRule"] = shown[OUTBOUND][0]
    members = pool_members(view, child)
    joined = [m for m in members if m.nic is not None]
    if joined:
        shown["backendIPConfigurations"] = [{"id": m.id.text} for m in joined]
    if not child.properties.by_address and not child.properties.by_frontend:
        shown[ADDRESSES] = [_joined_address(child, m, view) for m in joined]
    return shown


def address(child: Resource[BackendAddress], view: View, observations: Observations) -> Status:
    found = view.get(child.id.parent, BackendAddressPool)
    members = pool_members(view, found) if found is not None else ()
    ports = [p for m in members if m.id == child.id for p in _ports(child.id.parent, m, view)]
    return {"inboundNatRulesPortMapping": ports} if ports else {}


def nat_rule(child: Resource[InboundNatRule], view: View, observations: Observations) -> Status:
    bound = nat_members(view, child)
    return {"backendIPConfiguration": {"id": bound[0].id.text}} if bound else {}


def _back_references(child: Resource[Any], view: View, wires: Iterable[str]) -> dict[str, Any]:
    """Who of the same load balancer refers to *child*, by what they are."""
    parent = view.get(child.id.parent, LoadBalancer)
    shown: dict[str, Any] = {}
    for wire, attribute in _ATTRIBUTES.items():
        found = [
            {"id": child.id.parent.child(wire, c.name).text}
            for c in (getattr(parent.properties, attribute) if parent is not None and wire in wires else ())
            if any(r.target == child.id for r in _references(c))
        ]
        if found:
            shown[wire] = found
    return shown


_ATTRIBUTES = {
    RULES: "load_balancing_rules",
    NAT_RULES: "inbound_nat_rules",
    NAT_POOLS: "inbound_nat_pools",
    OUTBOUND: "outbound_rules",
}


def _references(child: Child[Any]) -> Iterator[Ref]:
    said = child.properties
    for name in ("frontend_ip_configuration", "backend_address_pool", "probe"):
        ref = getattr(said, name, None)
        if ref is not None:
            yield ref
    yield from getattr(said, "frontend_ip_configurations", ())


def _joined_address(pool_child: Resource[BackendAddressPool], member: PoolMember, view: View) -> dict[str, Any]:
    """An interface's member as an address of the pool: a child that no document holds."""
    parent = view.get(pool_child.id.parent, LoadBalancer)
    here = pool_child.id.child(ADDRESSES, address_name(member.id))
    shown: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "networkInterfaceIPConfiguration": {"id": member.id.text},
        "adminState": member.admin,
    }
    ports = list(_ports(pool_child.id, member, view))
    return {
        "name": here.name,
        "id": here.text,
        "etag": parent.etag if parent is not None else "",
        "type": here.kind,
        "properties": shown | ({"inboundNatRulesPortMapping": ports} if ports else {}),
    }


def _ports(pool_id: ResourceId, member: PoolMember, view: View) -> Iterator[dict[str, Any]]:
    for mapping in port_mappings(pool_id, member, view):
        yield {k: v for k, v in mapping.items() if k != "protocol"}


def port_mappings(pool_id: ResourceId, member: PoolMember, view: View) -> Iterator[dict[str, Any]]:
    """The port that *member* has of each NAT rule on its pool, as ``queryInboundNatRulePortMapping`` says it."""
    parent = view.get(pool_id.parent, LoadBalancer)
    for child in parent.properties.inbound_nat_rules if parent is not None else ():
        rule, place = child.properties, offset(child.properties, member.slot)
        if rule.backend_address_pool is not None and rule.backend_address_pool.target == pool_id and place < rule.size:
            yield {
                "inboundNatRuleName": child.name,
                "protocol": rule.protocol,
                "frontendPort": (rule.frontend_port_range_start or 0) + place,
                "backendPort": rule.backend_port,
            }


def represented(resource: Resource[Any], view: View, observations: Observations) -> dict[str, Any]:
    """A load balancer or part of it as a client reads it, for lists that are not the protocol's own."""
    shown = {"name": resource.id.name, "id": resource.id.text, "type": resource.id.kind}
    parent = view.get(
        resource.id if isinstance(resource.properties, LoadBalancer) else resource.id.parent, LoadBalancer
    )
    if parent is not None:
        shown["etag"] = parent.etag
    envelope: dict[str, Any] = {"location": resource.location, "sku": resource.sku and encode(resource.sku)}
    body = {"provisioningState": "Succeeded"} | encode(resource.properties)
    if isinstance(resource.properties, LoadBalancer):
        shown |= {k: v for k, v in envelope.items() if v is not None}
        for wire, attribute in {**_ATTRIBUTES, **_OTHERS}.items():
            kept = getattr(resource.properties, attribute)
            parts = (Resource(resource.id.child(wire, c.name), c.properties, zones=c.zones) for c in kept)
            body |= {wire: [represented(p, view, observations) for p in parts]} if kept else {}
    status = FUNCTIONS.get(type(resource.properties))
    return shown | {"properties": body | dict(status(resource, view, observations) if status is not None else {})}


_OTHERS = {
    "frontendIPConfigurations": "frontend_ip_configurations",
    "backendAddressPools": "backend_address_pools",
    "probes": "probes",
}
FUNCTIONS: dict[type, Any] = {
    LoadBalancer: balancer,
    FrontendIPConfiguration: frontend,
    BackendAddressPool: pool,
    BackendAddress: address,
    Probe: probe,
    InboundNatRule: nat_rule,
}
