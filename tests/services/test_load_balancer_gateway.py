"""Gateway load balancers: what they mean for packets, and what is refused of them and of what is chained to them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.compiler.engine import compile_model
from lazulite.forwarding.model import BalancingRule, Detour, Frontend, Pool, Port, Tunnel
from lazulite.services import SERVICES
from tests.build import Lab, Refused, ref, resource_id, subnet_ref
from tests.services.balancers import (
    FRONTENDS,
    NAT_RULES,
    OUTBOUND,
    POOLS,
    PROBES,
    RULES,
    backend,
    balancer,
    child,
    ha_ports,
    network,
    part,
    part_id,
    pool,
    private,
    probe,
    public,
    rule,
)

BOTH = [{"type": "Internal"}, {"type": "External"}]
HERE = {"balancer": "gw"}
PLACE = part(FRONTENDS, "f", "gw")


def gateway(lab: Lab, *frontends: dict[str, Any], sku: str = "Gateway", **children: Any) -> None:
    body: dict[str, Any] = {POOLS: [pool(tunnelInterfaces=BOTH)], RULES: [ha_ports(**HERE)]} | children
    balancer(lab, *frontends or (private(address="10.0.0.9"),), name="gw", sku=sku, **body)


@pytest.fixture
def lab() -> Lab:
    """A network with a Gateway load balancer and, in another network, nothing yet."""
    made = network(Lab())
    made.vnet("w", "10.9.0.0/16", subnets={"a": "10.9.0.0/24"})
    return made


def compiled(lab: Lab) -> Any:
    return compile_model(SERVICES, lab.snapshot)


def key(name: str = "f") -> str:
    return part_id(FRONTENDS, name, "gw").key


def test_a_gateway_load_balancer_is_a_detour_and_neither_frontend_nor_rule(lab: Lab) -> None:
    gateway(lab, **{PROBES: [probe()], RULES: [ha_ports(**HERE, probe=part(PROBES, "x", "gw"))]})
    backend(lab, "m", "b", balancer="gw")
    model = compiled(lab)
    [found] = model.all(Detour).values()
    assert (found.name, found.address, found.vrf) == (key(), ip_address("10.0.0.9"), ref_key("v"))
    assert (found.internal, found.external) == (Tunnel(10800, 800), Tunnel(10801, 801))
    assert model.get(Pool, found.pool).probe is not None
    assert len(model.get(Pool, found.pool).members) == 1
    assert not model.all(Frontend)
    assert not model.all(BalancingRule)


def ref_key(name: str) -> str:
    return resource_id("virtualNetworks", name).key


def test_tunnels_are_as_they_are_said(lab: Lab) -> None:
    said = [{"type": "External", "port": 2001, "identifier": 901}, {"type": "Internal", "identifier": 900}]
    gateway(lab, **{POOLS: [pool(tunnelInterfaces=said)]})
    [found] = compiled(lab).all(Detour).values()
    assert (found.internal, found.external) == (Tunnel(10800, 900), Tunnel(2001, 901))


@pytest.mark.parametrize(
    "children",
    [
        pytest.param({RULES: []}, id="without a rule"),
        pytest.param({POOLS: [pool(tunnelInterfaces=BOTH[:1])]}, id="with one tunnel, as az makes it first"),
    ],
)
def test_an_unfinished_one_is_no_detour(lab: Lab, children: dict[str, Any]) -> None:
    gateway(lab, **children)
    assert not compiled(lab).all(Detour)


def test_a_frontend_of_a_standard_load_balancer_is_chained(lab: Lab) -> None:
    gateway(lab)
    balancer(lab, public(gatewayLoadBalancer=part(FRONTENDS, "f", "gw")))
    backend(lab, "m", "b", subnet="w/a")
    [found] = compiled(lab).all(Frontend).values()
    assert found.detour == key()


def chained_nic(lab: Lab, address: str = "p", **more: Any) -> None:
    said = {"subnet": subnet_ref("w/a"), "gatewayLoadBalancer": part(FRONTENDS, "f", "gw")} | more
    if address:
        said["publicIPAddress"] = ref("publicIPAddresses", address)
    lab.put("networkInterfaces", "n", {"ipConfigurations": [child("c", **said)]})


def test_an_interface_with_a_public_address_is_chained(lab: Lab) -> None:
    gateway(lab)
    chained_nic(lab)
    [found] = compiled(lab).all(Port).values()
    assert [p.detour for p in found.public] == [key()]


TUNNELS = "properties.backendAddressPools[0].properties.tunnelInterfaces"
RULE = "properties.loadBalancingRules[0].properties"


@pytest.mark.parametrize(
    ("children", "code", "target"),
    [
        pytest.param({POOLS: [pool()]}, "TunnelInterfacesRequired", TUNNELS, id="a pool has tunnels"),
        pytest.param(
            {POOLS: [pool(tunnelInterfaces=[*BOTH, {"type": "External", "identifier": 5}])]},
            "TunnelInterfacesMustBeDistinct",
            TUNNELS,
            id="one tunnel of a type",
        ),
        pytest.param(
            {POOLS: [pool(tunnelInterfaces=[{"type": "Internal", "port": 10801, "identifier": 801}, BOTH[1]])]},
            "TunnelInterfacesMustBeDistinct",
            TUNNELS,
            id="two tunnels are told apart",
        ),
        pytest.param(
            {POOLS: [pool(tunnelInterfaces=[{"type": "Internal", "identifier": 1 << 24}])]},
            "InvalidParameter",
            f"{TUNNELS}[0].identifier",
            id="an identifier has 24 bits",
        ),
        pytest.param(
            {RULES: [rule(**HERE)]},
            "GatewayLoadBalancerSupportsOnlyHAPortsRules",
            f"{RULE}.protocol",
            id="a rule is for every port",
        ),
        pytest.param(
            {NAT_RULES: [child("n", protocol="Tcp", frontendPort=5, backendPort=5, frontendIPConfiguration=PLACE)]},
            "GatewayLoadBalancerSupportsOnlyHAPortsRules",
            "properties.inboundNatRules",
            id="no inbound NAT",
        ),
        pytest.param(
            {
                OUTBOUND: [
                    child(
                        "o", protocol="All", frontendIPConfigurations=[PLACE], backendAddressPool=part(POOLS, "b", "gw")
                    )
                ]
            },
            "GatewayLoadBalancerSupportsOnlyHAPortsRules",
            "properties.outboundRules",
            id="no outbound rules",
        ),
        pytest.param(
            {
                POOLS: [pool(tunnelInterfaces=BOTH), pool("c", tunnelInterfaces=BOTH)],
                RULES: [ha_ports(**HERE, backendAddressPools=[part(POOLS, n, "gw") for n in "bc"])],
            },
            "FeatureNotSupported",
            f"{RULE}.backendAddressPools",
            id="two pools are refused by name",
        ),
        *(
            pytest.param({RULES: [ha_ports(**HERE, **{wire: value})]}, "FeatureNotSupported", f"{RULE}.{wire}", id=wire)
            for wire, value in (
                ("loadDistribution", "SourceIP"),
                ("idleTimeoutInMinutes", 10),
                ("enableFloatingIP", True),
                ("enableTcpReset", True),
            )
        ),
    ],
)
def test_gateway_load_balancers_refused(lab: Lab, children: dict[str, Any], code: str, target: str) -> None:
    with pytest.raises(Refused) as caught:
        gateway(lab, **children)
    assert (code, target) in [(v.code, v.target) for v in caught.value.violations]


def test_a_gateway_load_balancer_has_private_frontends_of_version_4(lab: Lab) -> None:
    with pytest.raises(Refused, match="GatewayLoadBalancerFrontendMustBePrivate"):
        gateway(lab, public())
    with pytest.raises(Refused, match="FeatureNotSupported"):
        gateway(lab, private(privateIPAddressVersion="IPv6"))


def test_what_is_chained_refers_to_a_gateway(lab: Lab) -> None:
    gateway(lab, sku="Standard", **{POOLS: [pool()]})
    with pytest.raises(Refused, match="GatewayLoadBalancerReferenceMustBeGatewaySku"):
        balancer(lab, public(gatewayLoadBalancer=part(FRONTENDS, "f", "gw")))
    with pytest.raises(Refused, match="GatewayLoadBalancerReferenceMustBeGatewaySku"):
        chained_nic(lab)


def test_what_is_chained_has_a_standard_public_address_in_the_region(lab: Lab) -> None:
    gateway(lab)
    lab.public_ip("basic", sku="Basic")
    reference = part(FRONTENDS, "f", "gw")
    with pytest.raises(Refused, match="GatewayLoadBalancerNeedsStandardPublicIPAddress"):
        balancer(lab, private(gatewayLoadBalancer=reference))
    with pytest.raises(Refused, match="GatewayLoadBalancerNeedsStandardPublicIPAddress"):
        balancer(lab, public(address="basic", gatewayLoadBalancer=reference), sku="Basic")
    for address in ("", "basic"):
        with pytest.raises(Refused, match="GatewayLoadBalancerNeedsStandardPublicIPAddress"):
            chained_nic(lab, address)
    lab.vnet("far", "10.7.0.0/16", subnets={"a": "10.7.0.0/24"}, location="northeurope")
    said = child("c", subnet=subnet_ref("far/a"), gatewayLoadBalancer=reference)
    with pytest.raises(Refused, match="InvalidResourceReference"):
        lab.put("networkInterfaces", "n", {"ipConfigurations": [said]}, location="northeurope")


def test_a_gateway_frontend_that_is_referred_to_stays(lab: Lab) -> None:
    gateway(lab)
    balancer(lab, public(gatewayLoadBalancer=part(FRONTENDS, "f", "gw")))
    with pytest.raises(Refused):
        lab.delete("loadBalancers", "gw")
