"""Verbs: health of a rule, ports of a member, the move to addresses, and lists that cross over to interfaces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from msgspec.structs import replace

from lazulite.forwarding.model import Pool
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Ref, Resource, Violation
from lazulite.resources.schema import encode
from lazulite.resources.view import View, children
from lazulite.services.load_balancer.members import (
    PoolMember,
    address_name,
    nat_members,
    parts,
    pool_members,
    pool_name,
)
from lazulite.services.load_balancer.model import (
    BackendAddress,
    BackendAddressPool,
    InboundNatRule,
    LoadBalancer,
    LoadBalancingRule,
    is_basic,
)
from lazulite.services.load_balancer.status import port_mappings, represented
from lazulite.services.service import Context, Reply, Write
from lazulite.services.virtual_network.model import IpConfiguration, NetworkInterface


def health(rule: Resource[LoadBalancingRule], context: Context) -> Reply | Iterable[Violation]:
    """``loadBalancingRules/{rule}/health``: each member, and why it gets no new flows.

    Source: "Manage Azure Load Balancer health status".
    """
    said = rule.properties
    pool = context.view.get(said.backend_address_pool, BackendAddressPool)
    if pool is None or said.probe is None:
        message = f"Load balancing rule {rule.id} needs a backend address pool and a probe to have a health status."
        return [Violation("LoadBalancingRuleHasNoHealthStatus", message)]
    name = pool_name(pool.id.key, said.probe.id)
    rows = [_health(m, name, context) for m in pool_members(context.view, pool)]
    up = sum(r["state"] == "Up" for r in rows)
    return Reply({"up": up, "down": len(rows) - up, "loadBalancerBackendAddresses": rows}, slow=True)


def _health(member: PoolMember, name: str, context: Context) -> dict[str, Any]:
    state, reason = _state(member, name, context)
    row = {"ipAddress": str(member.address), "state": state, "reason": reason}
    return row | ({"networkInterfaceIPConfigurationId": member.id.text} if member.nic is not None else {})


def _state(member: PoolMember, name: str, context: Context) -> tuple[str, str]:
    entry, found = context.model.get(Pool, name), context.observations.health.get(name)
    if entry is None or member.name not in {m.name for m in entry.members}:
        return "Down", "The machine does not run."
    if member.admin != "None":
        return member.admin, f"The admin state is {member.admin}."
    if found is None:
        return "Down", "No probe has ended yet."
    if member.name in found.members:
        return "Up", "The probe succeeds."
    return "Down", context.observations.reasons.get(name, {}).get(member.name) or "The probe fails."


def port_mapping(pool: Resource[BackendAddressPool], context: Context) -> Reply | Iterable[Violation]:
    """``queryInboundNatRulePortMapping``: the ports of a member, named by address or ip configuration."""
    body = {k.lower(): v for k, v in context.body.items()} if isinstance(context.body, dict) else {}
    wanted, address = body.get("ipconfiguration"), body.get("ipaddress")
    key = str(wanted.get("id", "")).lower() if isinstance(wanted, dict) else None
    members = pool_members(context.view, pool)
    found = next((m for m in members if m.name == key or str(m.address) == _normal(address)), None)
    if found is None:
        message = f"Backend address pool {pool.id} has no member {key or address or 'that the request names'}."
        return [Violation("BackendAddressNotFoundInPool", message, "ipConfiguration" if key else "ipAddress")]
    return Reply({"inboundNatRulePortMappings": list(port_mappings(pool.id, found, context.view))}, slow=True)


def _normal(address: Any) -> str | None:
    try:
        return str(ip_address(address)) if isinstance(address, str) else None
    except ValueError:
        return None


def migrate(balancer: Resource[LoadBalancer], context: Context) -> Write | Iterable[Violation]:
    """``migrateToIpBased``: pools keep their members, by address; the interfaces leave them.

    Source: "Backend pool management", migrating from NIC-based to IP-based backend pools.
    """
    body = {k.lower(): v for k, v in context.body.items()} if isinstance(context.body, dict) else {}
    asked = body.get("pools")
    names = [str(n) for n in asked] if isinstance(asked, list) else [c.name for c in _joined(balancer, context.view)]
    known = {c.name.lower(): c.name for c in balancer.properties.backend_address_pools}
    wrong = [n for n in names if n.lower() not in known]
    if wrong or is_basic(balancer):
        message = f"Load balancer {balancer.id} of the Basic SKU cannot have IP addresses as members."
        if wrong:
            message = f"Backend address pool {wrong[0]} of load balancer {balancer.id} was not found."
        code = "InvalidResourceReference" if wrong else "BasicLoadBalancerCannotHaveIPBasedBackendPool"
        return [Violation(code, message, "pools")]
    chosen = {n.lower() for n in names}
    pools = tuple(
        _migrated(balancer, c, context.view) if c.name.lower() in chosen else c
        for c in balancer.properties.backend_address_pools
    )
    new = replace(balancer, properties=replace(balancer.properties, backend_address_pools=pools))
    return Write(new, {"migratedPools": [known[n.lower()] for n in names]})


def _joined(balancer: Resource[LoadBalancer], view: View) -> Iterator[Child[BackendAddressPool]]:
    """Pools that have interfaces."""
    for child, pool in zip(
        balancer.properties.backend_address_pools, parts(balancer, "backend_address_pools"), strict=True
    ):
        if any(m.nic is not None for m in pool_members(view, pool)):
            yield child


def _migrated(
    balancer: Resource[LoadBalancer], child: Child[BackendAddressPool], view: View
) -> Child[BackendAddressPool]:
    """The pool begun anew, with the addresses and places of its interfaces."""
    pool = Resource(balancer.id.child("backendAddressPools", child.name), child.properties)
    joined = [m for m in pool_members(view, pool) if m.nic is not None]
    if not joined:
        return child
    addresses = tuple(Child(address_name(m.id), _address(m, view)) for m in joined)
    anew = str(uuid5(NAMESPACE_OID, child.properties.incarnation or ""))
    return Child(child.name, replace(child.properties, load_balancer_backend_addresses=addresses, incarnation=anew))


def _address(member: PoolMember, view: View) -> BackendAddress:
    part = view.get(member.id, IpConfiguration)
    subnet = part.properties.subnet if part is not None else None
    network = Ref(subnet.target.parent.text) if subnet is not None else None
    state = member.admin if member.admin in ("Up", "Down") else "None"
    return BackendAddress(network, ip_address=member.address, admin_state=state, slot=member.slot)  # type: ignore[arg-type]


def balancers_of(nic: Resource[NetworkInterface], context: Context) -> Reply:
    """``networkInterfaces/{nic}/loadBalancers``."""
    view, found = context.view, dict[ResourceId, Resource[LoadBalancer]]()
    for child in nic.properties.ip_configurations:
        said = child.properties
        for ref in (*said.load_balancer_backend_address_pools, *said.load_balancer_inbound_nat_rules):
            part: Resource[Any] | None = view.get(ref, BackendAddressPool) or view.get(ref, InboundNatRule)
            balancer = view.get(ref.target.parent, LoadBalancer)
            if part is not None and balancer is not None and part.properties.incarnation in said.places:
                found[balancer.id] = balancer
    return Reply({"value": [represented(b, view, context.observations) for b in found.values()]})


def interfaces(balancer: Resource[LoadBalancer], context: Context) -> Reply:
    """``loadBalancers/{balancer}/networkInterfaces``: as they are stored, without what their own service computes."""
    view = context.view
    members = [m for p in parts(balancer, "backend_address_pools") for m in pool_members(view, p)]
    members += [m for r in parts(balancer, "inbound_nat_rules") for m in nat_members(view, r)]
    nics = (view.get(n, NetworkInterface) for n in dict.fromkeys(m.nic for m in members if m.nic is not None))
    return Reply({"value": [_interface(n) for n in nics if n is not None]})


def _interface(nic: Resource[NetworkInterface]) -> dict[str, Any]:
    body = {"provisioningState": "Succeeded", "resourceGuid": nic.guid} | encode(nic.properties)
    for entry, (wire, child) in zip(body["ipConfigurations"], children(nic.properties), strict=True):
        entry |= {"id": nic.id.child(wire, child.name).text, "etag": nic.etag, "type": f"{nic.id.kind}/{wire}"}
    shown: Mapping[str, Any] = {"name": nic.id.name, "id": nic.id.text, "etag": nic.etag, "type": nic.id.kind}
    return {**shown, "location": nic.location, "properties": body}
