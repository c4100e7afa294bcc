"""Load balancers in few words, for the tests of the room and of those that meet it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from tests.build import Lab, ref, resource_id, subnet_ref

POOLS, FRONTENDS, PROBES = "backendAddressPools", "frontendIPConfigurations", "probes"
RULES, NAT_RULES, NAT_POOLS, OUTBOUND = "loadBalancingRules", "inboundNatRules", "inboundNatPools", "outboundRules"


def part_id(wire: str, name: str, balancer: str = "lb") -> ResourceId:
    return resource_id("loadBalancers", balancer).child(wire, name)


def part(wire: str, name: str, balancer: str = "lb") -> dict[str, str]:
    """A reference to a child: ``part(POOLS, "b")``."""
    return {"id": part_id(wire, name, balancer).text}


def child(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "properties": properties}


def public(name: str = "f", address: str = "p", **properties: Any) -> dict[str, Any]:
    return child(name, publicIPAddress=ref("publicIPAddresses", address), **properties)


def private(name: str = "f", subnet: str = "v/a", address: str | None = None, **properties: Any) -> dict[str, Any]:
    static = {"privateIPAddress": address, "privateIPAllocationMethod": "Static"} if address is not None else {}
    return child(name, subnet=subnet_ref(subnet), **static, **properties)


def rule(
    name: str = "r",
    port: int = 80,
    backend: int | None = None,
    *,
    protocol: str = "Tcp",
    frontend: str = "f",
    pool: str = "b",
    balancer: str = "lb",
    **properties: Any,
) -> dict[str, Any]:
    return child(
        name,
        protocol=protocol,
        frontendPort=port,
        backendPort=port if backend is None else backend,
        frontendIPConfiguration=part(FRONTENDS, frontend, balancer),
        backendAddressPool=part(POOLS, pool, balancer),
        **properties,
    )


def ha_ports(name: str = "ha", **properties: Any) -> dict[str, Any]:
    return rule(name, 0, 0, protocol="All", **properties)


def nat(name: str = "n", port: int = 5000, backend: int = 22, *, frontend: str = "f", **more: Any) -> dict[str, Any]:
    """A rule for one port."""
    said = {"protocol": "Tcp", "frontendPort": port, "backendPort": backend} | more
    return child(name, frontendIPConfiguration=part(FRONTENDS, frontend), **said)


def nat_range(name: str, first: int, last: int, backend: int = 22, *, pool: str = "b", **more: Any) -> dict[str, Any]:
    """A rule with a port for each member of a pool."""
    said = {"protocol": "Tcp", "frontendPortRangeStart": first, "frontendPortRangeEnd": last, "backendPort": backend}
    place = {"frontendIPConfiguration": part(FRONTENDS, "f"), "backendAddressPool": part(POOLS, pool)}
    return child(name, **said | place | more)


def outbound(
    name: str = "o", *frontends: str, protocol: str = "All", pool: str = "b", **properties: Any
) -> dict[str, Any]:
    places = [part(FRONTENDS, f) for f in frontends or ("f",)]
    return child(
        name, frontendIPConfigurations=places, backendAddressPool=part(POOLS, pool), protocol=protocol, **properties
    )


def probe(name: str = "x", port: int = 80, protocol: str = "Tcp", **properties: Any) -> dict[str, Any]:
    return child(name, protocol=protocol, port=port, **properties)


def pool(name: str = "b", addresses: Mapping[str, str] | None = None, **properties: Any) -> dict[str, Any]:
    """``pool("b", {"one": "10.0.0.9"})``: a pool by address in network v."""
    network = {"virtualNetwork": ref("virtualNetworks", "v")} if addresses is not None else {}
    held = [child(n, ipAddress=a) for n, a in (addresses or {}).items()]
    return child(name, **network | {"loadBalancerBackendAddresses": held} | properties)


def network(lab: Lab) -> Lab:
    """Network v with subnets a and c, and public address p."""
    lab.vnet("v", "10.0.0.0/16", subnets={"a": "10.0.0.0/24", "c": "10.0.4.0/22"})
    lab.public_ip("p")
    return lab


def balancer(
    lab: Lab, *frontends: dict[str, Any], name: str = "lb", sku: str | None = "Standard", **children: Any
) -> Resource[Any]:
    """A load balancer with frontend f on public address p and pool b, unless said otherwise."""
    body = {FRONTENDS: list(frontends or (public(),)), POOLS: [pool()]} | children
    return lab.put("loadBalancers", name, body, sku=sku)


def backend(
    lab: Lab,
    name: str,
    *pools: str,
    rules: tuple[str, ...] = (),
    subnet: str = "v/a",
    balancer: str = "lb",
    runs: bool = True,
    **more: Any,
) -> Resource[Any]:
    """An interface in *pools*, in a running machine of its name."""
    said: dict[str, Any] = {"subnet": subnet_ref(subnet)} | more
    said["loadBalancerBackendAddressPools"] = [part(POOLS, p, balancer) for p in pools]
    said["loadBalancerInboundNatRules"] = [part(NAT_RULES, r, balancer) for r in rules]
    nic = lab.put("networkInterfaces", name, {"ipConfigurations": [{"name": "i", "properties": said}]})
    if runs:
        lab.vm(f"vm-{name}", name)
    return nic


def configuration(name: str) -> ResourceId:
    return resource_id("networkInterfaces", name).child("ipConfigurations", "i")
