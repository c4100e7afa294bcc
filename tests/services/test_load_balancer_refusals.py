"""What is refused of load balancers and of the interfaces that join them, by Azure's code and the place in the body."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import Lab, Refused, ref, resource_id, subnet_ref
from tests.services.balancers import (
    FRONTENDS,
    NAT_POOLS,
    NAT_RULES,
    OUTBOUND,
    POOLS,
    PROBES,
    RULES,
    backend,
    balancer,
    child,
    ha_ports,
    nat,
    nat_range,
    network,
    outbound,
    part,
    pool,
    private,
    probe,
    public,
    rule,
)

SAME_PORT = "RulesUseSameBackendPortProtocolAndPool"
ONE_MEMBER = "RulesOfSameLoadBalancerTypeUseSameBackendPortProtocolAndIPConfig"
MUST_DISABLE = "LoadBalancingRuleMustDisableSNATSinceSameFrontendIPConfigurationIsReferencedByOutboundRule"
OUTBOUND_PORTS = "SpecifiedAllocatedOutboundPortsForOutboundRule"


@pytest.fixture
def lab() -> Lab:
    lab = network(Lab())
    lab.public_ip("q")
    lab.public_ip("basic", sku="Basic")
    return lab


def refused(lab: Lab, *frontends: dict[str, Any], **children: Any) -> list[tuple[str, str]]:
    """Code and target of everything that speaks against a load balancer."""
    with pytest.raises(Refused) as caught:
        balancer(lab, *frontends, **children)
    return [(v.code, v.target) for v in caught.value.violations]


def one(wire: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {wire: [body]} | more


@pytest.mark.parametrize(
    ("children", "code", "target"),
    [
        pytest.param(
            one(RULES, rule(idleTimeoutInMinutes=3)), "InvalidParameter", "idleTimeoutInMinutes", id="a rule idles 4 up"
        ),
        pytest.param(
            one(RULES, rule(idleTimeoutInMinutes=101)), "InvalidParameter", "idleTimeoutInMinutes", id="and to 100"
        ),
        pytest.param(
            one(RULES, rule("r", 65535)), "InvalidParameter", "frontendPort", id="frontend ports end at 65534"
        ),
        pytest.param(one(RULES, rule("r", 80, 65536)), "InvalidParameter", "backendPort", id="backend ports at 65535"),
        pytest.param(one(RULES, rule("r", 80, 0)), "InvalidParameter", "backendPort", id="a rule needs a backend port"),
        pytest.param(
            one(RULES, rule(protocol="Quic")), "FeatureNotSupported", "protocol", id="QUIC is refused by its name"
        ),
        pytest.param(
            one(RULES, rule(protocol="Icmp")), "InvalidRequestFormat", "protocol", id="a protocol there is not"
        ),
        pytest.param(
            one(RULES, rule(loadDistribution="Random")),
            "InvalidRequestFormat",
            "loadDistribution",
            id="a distribution there is not",
        ),
        pytest.param(
            one(RULES, child("r", frontendPort=80, frontendIPConfiguration=part(FRONTENDS, "f"))),
            "InvalidRequestFormat",
            "protocol",
            id="a rule needs a protocol",
        ),
        pytest.param(
            one(RULES, child("r", protocol="Tcp", frontendPort=80, backendPort=80)),
            "FrontendIPConfigurationRequired",
            "frontendIPConfiguration",
            id="a rule needs a frontend",
        ),
        pytest.param(
            one(RULES, rule(enableConnectionTracking=True)),
            "FeatureNotSupported",
            "enableConnectionTracking",
            id="connection tracking is refused by its name",
        ),
        pytest.param(
            one(RULES, rule(backendAddressPools=[part(POOLS, "b"), part(POOLS, "c")]), **{POOLS: [pool(), pool("c")]}),
            "LoadBalancingRuleCanHaveOneBackendAddressPool",
            "backendAddressPools",
            id="two pools are for Gateway load balancers",
        ),
        pytest.param(
            one(RULES, ha_ports()),
            "HAPortsNeedInternalStandardLoadBalancer",
            "protocol",
            id="all ports are for internal frontends",
        ),
        pytest.param(
            one(RULES, rule("r", 0, 80)),
            "LoadBalancingRuleHAPortsMismatch",
            "frontendPort",
            id="port 0 is protocol All",
        ),
        pytest.param(
            one(RULES, rule("r", 80, protocol="All")),
            "LoadBalancingRuleHAPortsMismatch",
            "frontendPort",
            id="protocol All is port 0",
        ),
        pytest.param(one(PROBES, probe(port=0)), "InvalidParameter", "port", id="a probe's port starts at 1"),
        pytest.param(one(PROBES, probe(port=65536)), "InvalidParameter", "port", id="and ends at 65535"),
        pytest.param(
            one(PROBES, probe(intervalInSeconds=4)), "InvalidParameter", "intervalInSeconds", id="5 seconds at least"
        ),
        pytest.param(
            one(PROBES, probe(probeThreshold=0)), "InvalidParameter", "probeThreshold", id="one result at least"
        ),
        pytest.param(one(PROBES, probe(protocol="Udp")), "InvalidRequestFormat", "protocol", id="no probe by UDP"),
        pytest.param(
            one(PROBES, probe(protocol="Http")), "ProbeRequestPathRequired", "requestPath", id="HTTP needs a path"
        ),
        pytest.param(
            one(PROBES, probe(protocol="Https", requestPath="")),
            "ProbeRequestPathRequired",
            "requestPath",
            id="so does HTTPS",
        ),
        pytest.param(
            one(PROBES, probe(requestPath="/")), "ProbeRequestPathNotAllowed", "requestPath", id="TCP has no path"
        ),
        pytest.param(
            one(NAT_RULES, nat("n", 0)), "InboundNatRuleFrontendPortRequired", "frontendPort", id="a NAT rule: its port"
        ),
        pytest.param(
            one(NAT_RULES, nat(frontendPortRangeStart=1, frontendPortRangeEnd=2)),
            "InboundNatRuleFrontendPortRequired",
            "frontendPort",
            id="a range needs a pool",
        ),
        pytest.param(
            one(NAT_RULES, nat_range("n", 5000, 5009, frontendPort=5000)),
            "InboundNatRulePortRangeRequired",
            "frontendPortRangeStart",
            id="one port or a range, not both",
        ),
        pytest.param(
            one(NAT_RULES, nat_range("n", 5009, 5000)),
            "InvalidFrontendPortRange",
            "frontendPortRangeEnd",
            id="backwards",
        ),
        pytest.param(one(NAT_RULES, nat(backend=0)), "InvalidParameter", "backendPort", id="a NAT rule's backend port"),
        pytest.param(
            one(OUTBOUND, outbound(idleTimeoutInMinutes=121)),
            "InvalidParameter",
            "idleTimeoutInMinutes",
            id="an outbound rule idles to 120 minutes",
        ),
        pytest.param(
            one(OUTBOUND, outbound(allocatedOutboundPorts=1001)),
            f"{OUTBOUND_PORTS}IsNotAMultipleOfEight",
            "allocatedOutboundPorts",
            id="1001 ports are not a multiple of 8",
        ),
        pytest.param(
            one(OUTBOUND, outbound(allocatedOutboundPorts=64008)),
            f"{OUTBOUND_PORTS}ExceedsTotalNumberOfAllowedPortsPerRule",
            "allocatedOutboundPorts",
            id="one address has 64,000 ports",
        ),
        pytest.param(
            one(OUTBOUND, child("o", protocol="All", backendAddressPool=part(POOLS, "b"))),
            "FrontendIPConfigurationRequired",
            "frontendIPConfigurations",
            id="an outbound rule needs a frontend",
        ),
        pytest.param(
            one(OUTBOUND, child("o", protocol="All", frontendIPConfigurations=[part(FRONTENDS, "f")])),
            "BackendAddressPoolRequired",
            "backendAddressPool",
            id="and a pool",
        ),
    ],
)
def test_children_refused(lab: Lab, children: dict[str, Any], code: str, target: str) -> None:
    ((wire, _),) = [i for i in children.items() if i[0] != POOLS]
    assert (code, f"properties.{wire}[0].properties.{target}") in refused(lab, **children)


@pytest.mark.parametrize("port", [19, 21, 25, 70, 110, 119, 143, 220, 993])
@pytest.mark.parametrize("protocol", ["Http", "Https"])
def test_ports_that_a_probe_of_http_cannot_use(lab: Lab, port: int, protocol: str) -> None:
    said = probe("x", port, protocol, requestPath="/")
    assert refused(lab, **{PROBES: [said]}) == [("ProbePortNotAllowed", f"properties.{PROBES}[0].properties.port")]
    balancer(lab, **{PROBES: [probe("x", port)]})


@pytest.mark.parametrize(
    ("children", "code"),
    [
        pytest.param(
            {RULES: [rule("r", 80), rule("s", 80, 81)]},
            "RulesUseSameFrontendPortProtocolAndIPConfig",
            id="two rules on one port of a frontend",
        ),
        pytest.param(
            {RULES: [rule("r", 5000)], NAT_RULES: [nat("n", 5000)]},
            "RulesUseSameFrontendPortProtocolAndIPConfig",
            id="a rule and a NAT rule",
        ),
        pytest.param(
            {NAT_RULES: [nat("n", 5005), nat_range("m", 5000, 5009, 23)]},
            "RulesUseSameFrontendPortProtocolAndIPConfig",
            id="a port in a range",
        ),
        pytest.param(
            {RULES: [rule("r", 80, 80), rule("s", 81, 80)]}, SAME_PORT, id="two rules to one backend port of a pool"
        ),
        pytest.param(
            {RULES: [rule("r", 80, 22)], NAT_RULES: [nat_range("m", 5000, 5009, 22)]},
            SAME_PORT,
            id="a rule and a NAT range",
        ),
        pytest.param(
            {RULES: [rule()], OUTBOUND: [outbound()]}, MUST_DISABLE, id="an outbound rule on a rule's frontend"
        ),
        pytest.param(
            {OUTBOUND: [outbound("o"), outbound("u", protocol="Udp")]},
            "OutboundRulesUseSameProtocolAndBackendAddressPool",
            id="two ways out of one pool on one protocol",
        ),
        pytest.param(
            {NAT_RULES: [nat()], NAT_POOLS: [nat_range("m", 6000, 6009) | {}]},
            "InboundNatRulesAndInboundNatPoolsAreMutuallyExclusive",
            id="NAT rules or NAT pools",
        ),
        pytest.param(
            {RULES: [rule(pool="absent")]}, "InvalidResourceReference", id="a rule to a pool that is not there"
        ),
        pytest.param({RULES: [rule(frontend="g")]}, "InvalidResourceReference", id="a rule on no frontend"),
        pytest.param({RULES: [rule(probe=part(PROBES, "x"))]}, "InvalidResourceReference", id="a rule with no probe"),
        pytest.param({POOLS: [pool(), pool("B")]}, "DuplicateResourceName", id="two pools of one name"),
        pytest.param(
            {POOLS: [pool(tunnelInterfaces=[{"type": "Internal"}])]}, "TunnelInterfacesNeedGatewaySku", id="tunnels"
        ),
        pytest.param({POOLS: [pool(drainPeriodInSeconds=30)]}, "FeatureNotSupported", id="a drain period"),
        pytest.param(
            {POOLS: [pool("b", {"one": "10.9.0.1"})]}, "BackendAddressIPAddressNotInVnet", id="a foreign address"
        ),
        pytest.param(
            {POOLS: [pool("b", {"one": "10.0.0.9", "two": "10.0.0.9"})]},
            "DuplicateIpAddressReferenceOnBackendAddressPool",
            id="one address twice",
        ),
        pytest.param(
            {POOLS: [pool(loadBalancerBackendAddresses=[child("one", ipAddress="10.0.0.9")])]},
            "BackendAddressVirtualNetworkRequired",
            id="an address of no network",
        ),
        pytest.param(
            {POOLS: [pool(loadBalancerBackendAddresses=[child("one", adminState="Up")])]},
            "BackendAddressIPAddressRequired",
            id="a member with no address",
        ),
        pytest.param(
            {POOLS: [pool(loadBalancerBackendAddresses=[child("one", ipAddress="10.0.0")])]},
            "InvalidIPAddressFormat",
            id="an address that is none",
        ),
    ],
)
def test_refused(lab: Lab, children: dict[str, Any], code: str) -> None:
    if NAT_POOLS in children:
        children = children | {NAT_POOLS: [_nat_pool()]}
    assert code in [c for c, _ in refused(lab, **children)]


def _nat_pool(first: int = 6000, last: int = 6009) -> dict[str, Any]:
    ports = {"frontendPortRangeStart": first, "frontendPortRangeEnd": last, "backendPort": 22}
    return child("m", protocol="Tcp", frontendIPConfiguration=part(FRONTENDS, "f"), **ports)


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        pytest.param(0, 5, "InvalidParameter", id="from 1"),
        pytest.param(65535, 65535, "InvalidParameter", id="to 65534"),
        pytest.param(9, 8, "InvalidFrontendPortRange", id="not backwards"),
    ],
)
def test_ranges_of_nat_pools(lab: Lab, first: int, last: int, code: str) -> None:
    assert code in [c for c, _ in refused(lab, **{NAT_POOLS: [_nat_pool(first, last)]})]


def test_everything_is_said_at_once(lab: Lab) -> None:
    found = refused(
        lab,
        **{
            RULES: [rule("r", 80), rule("s", 80)],
            PROBES: [probe(protocol="Http", port=21)],
            OUTBOUND: [outbound(allocatedOutboundPorts=3)],
        },
    )
    assert {c for c, _ in found} == {
        "RulesUseSameFrontendPortProtocolAndIPConfig",
        SAME_PORT,
        "ProbeRequestPathRequired",
        "ProbePortNotAllowed",
        f"{OUTBOUND_PORTS}IsNotAMultipleOfEight",
        MUST_DISABLE,
    }


@pytest.mark.parametrize(
    ("frontends", "code"),
    [
        pytest.param([child("f")], "FrontendIPConfigurationMustReferenceOneAddressSource", id="no address at all"),
        pytest.param(
            [public("f", subnet=subnet_ref("v/a"))],
            "FrontendIPConfigurationMustReferenceOneAddressSource",
            id="public and private in one",
        ),
        pytest.param(
            [public("f"), private("g")], "LoadBalancerFrontendIPConfigurationsMustBeOfSameType", id="one of each"
        ),
        pytest.param(
            [public("f", "basic")], "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed", id="a Basic public address"
        ),
        pytest.param([public("f", "absent")], "InvalidResourceReference", id="a public address that is not there"),
        pytest.param([public("f"), public("g")], "PublicIPAddressInUse", id="one public address for two frontends"),
        pytest.param(
            [public("f", privateIPAddressVersion="IPv6")], "PublicIPAddressVersionMismatch", id="of the other version"
        ),
        pytest.param([private("f", address="10.0.9.9")], "PrivateIPAddressNotInSubnet", id="outside of its subnet"),
        pytest.param([private("f", address="10.0.0.1")], "PrivateIPAddressInReservedRange", id="a reserved address"),
        pytest.param([private("f", address="10.0.0.20")], "PrivateIPAddressIsAllocated", id="an interface's address"),
        pytest.param(
            [private("f", address="10.0.0.9"), private("g", address="10.0.0.9")],
            "PrivateIPAddressIsAllocated",
            id="one private address twice",
        ),
        pytest.param(
            [private("f", privateIPAllocationMethod="Static")], "PrivateIPAddressRequired", id="static, without address"
        ),
        pytest.param(
            [private("f", privateIPAddressVersion="IPv6")], "SubnetHasNoPrefixOfIPVersion", id="a subnet without IPv6"
        ),
        pytest.param([private("f", subnet="v/x")], "InvalidResourceReference", id="a subnet that is not there"),
        pytest.param([private("f"), private("g", "w/a")], "SubnetsNotInSameVnet", id="subnets of two networks"),
        pytest.param([private("f", "far/a")], "InvalidResourceReference", id="a subnet of another region"),
        pytest.param(
            [public(gatewayLoadBalancer=part(FRONTENDS, "x"))],
            "InvalidResourceReference",
            id="chained to a frontend that is not there",
        ),
    ],
)
def test_frontends_refused(lab: Lab, frontends: list[dict[str, Any]], code: str) -> None:
    lab.nic("n", "v/a", "10.0.0.20")
    lab.vnet("w", "10.1.0.0/16", subnets={"a": "10.1.0.0/24"})
    lab.vnet("far", "10.2.0.0/16", subnets={"a": "10.2.0.0/24"}, location="northeurope")
    assert code in [c for c, _ in refused(lab, *frontends)]


def test_a_full_subnet_has_no_address_for_a_frontend(lab: Lab) -> None:
    lab.vnet("t", "10.3.0.0/16", subnets={"a": "10.3.0.0/29"})
    for number in (4, 5, 6):
        lab.nic(f"n{number}", "t/a")
    assert refused(lab, private("f", "t/a")) == [("SubnetIsFull", f"properties.{FRONTENDS}[0].properties.subnet")]


@pytest.mark.parametrize("holder", ["an interface", "another load balancer"])
def test_a_public_address_belongs_to_one(lab: Lab, holder: str) -> None:
    if holder == "an interface":
        lab.nic("n", "v/a", publicIPAddress="p")
    else:
        balancer(lab, name="other", **{POOLS: []})
    target = f"properties.{FRONTENDS}[0].properties.publicIPAddress"
    assert refused(lab) == [("PublicIPAddressInUse", target)]


def test_an_interface_cannot_have_a_frontends_public_address(lab: Lab) -> None:
    balancer(lab)
    with pytest.raises(Refused, match="PublicIPAddressInUse"):
        lab.nic("n", "v/a", publicIPAddress="p")


def test_a_prefix_is_for_outbound_rules(lab: Lab) -> None:
    lab.put("publicIPPrefixes", "x", {"prefixLength": 31})
    frontend = child("f", publicIPPrefix=ref("publicIPPrefixes", "x"))
    balancer(lab, frontend, **{OUTBOUND: [outbound()]})
    codes = [c for c, _ in refused(lab, frontend, **{RULES: [rule()]})]
    assert codes == ["FrontendIPConfigurationWithPublicIPPrefixIsForOutboundRules"]


@pytest.mark.parametrize(
    "children",
    [
        pytest.param({POOLS: [pool()]}, id="a pool"),
        pytest.param({POOLS: [], PROBES: [probe()]}, id="a probe"),
    ],
)
def test_without_a_frontend_there_are_no_children(lab: Lab, children: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="LoadBalancerWithoutFrontendIPCantHaveChildResources"):
        lab.put("loadBalancers", "lb", children, sku="Standard")


@pytest.mark.parametrize(
    ("sku", "code"),
    [
        pytest.param("Premium", "InvalidParameter", id="one there is not"),
    ],
)
def test_skus_refused(lab: Lab, sku: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        balancer(lab, private(), sku=sku)
    assert code in caught.value.codes


def test_a_sku_is_spelled_in_any_case(lab: Lab) -> None:
    found = balancer(lab, sku="standard")
    assert found.sku is not None
    assert (found.sku.name, found.sku.tier) == ("Standard", "Regional")


def test_the_sku_stays(lab: Lab) -> None:
    balancer(lab, private(), sku="Basic")
    with pytest.raises(Refused, match="PropertyChangeNotAllowed"):
        balancer(lab, private(), sku="Standard")


@pytest.mark.parametrize(
    "children",
    [
        pytest.param({RULES: [rule(enableTcpReset=True)]}, id="TCP reset"),
        pytest.param({RULES: [rule(disableOutboundSnat=True)]}, id="outbound SNAT switched off"),
        pytest.param({RULES: [rule(idleTimeoutInMinutes=31)]}, id="more than half an hour idle"),
        pytest.param({PROBES: [probe(protocol="Https", requestPath="/")]}, id="a probe by HTTPS"),
        pytest.param({NAT_RULES: [nat_range("n", 5000, 5009)]}, id="a NAT rule for a pool"),
    ],
)
def test_what_basic_has_not(lab: Lab, children: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="PropertyNotAllowedForBasicSku"):
        balancer(lab, private(), sku="Basic", **children)


@pytest.mark.parametrize(
    ("frontend", "sku"),
    [
        pytest.param(private(), "Standard", id="not of an internal one"),
        pytest.param(private(), "Basic", id="not of a Basic one"),
    ],
)
def test_outbound_rules_are_for_public_standard_ones(lab: Lab, frontend: dict[str, Any], sku: str) -> None:
    with pytest.raises(Refused, match="OutboundRulesNeedPublicStandardLoadBalancer"):
        balancer(lab, frontend, sku=sku, **{OUTBOUND: [outbound()]})


def test_a_basic_pool_has_no_addresses(lab: Lab) -> None:
    with pytest.raises(Refused, match="BasicLoadBalancerCannotHaveIPBasedBackendPool"):
        balancer(lab, private(), sku="Basic", **{POOLS: [pool("b", {"one": "10.0.0.9"})]})


# All ports.


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([ha_ports(), ha_ports("h2")], id="two for all ports on one frontend"),
        pytest.param([ha_ports(), ha_ports("h2", frontend="g")], id="two that do not float to one pool"),
        pytest.param([ha_ports(), rule()], id="one for all ports beside one for a port"),
        pytest.param([ha_ports(enableFloatingIP=True), rule()], id="one that floats and one that does not"),
    ],
)
def test_ha_ports_refused(lab: Lab, rules: list[dict[str, Any]]) -> None:
    found = [c for c, _ in refused(lab, private("f"), private("g"), **{RULES: rules})]
    assert SAME_PORT in found


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([ha_ports()], id="one for all ports"),
        pytest.param(
            [ha_ports(enableFloatingIP=True), ha_ports("h2", frontend="g", enableFloatingIP=True)],
            id="two that float, on two frontends",
        ),
        pytest.param(
            [ha_ports(enableFloatingIP=True), rule(enableFloatingIP=True)], id="all ports and one port, both floating"
        ),
        pytest.param([ha_ports(), rule(pool="c")], id="all ports to one pool and a port to another"),
    ],
)
def test_ha_ports_allowed(lab: Lab, rules: list[dict[str, Any]]) -> None:
    balancer(lab, private("f"), private("g"), **{RULES: rules, POOLS: [pool(), pool("c")]})


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([rule("r", 80), rule("s", 80, 81, protocol="Udp")], id="TCP and UDP of one port"),
        pytest.param([rule("r", 80, 80), rule("s", 80, 81, frontend="g")], id="one port of two frontends"),
        pytest.param(
            [rule("r", 80, enableFloatingIP=True), rule("s", 80, frontend="g", enableFloatingIP=True)],
            id="one backend port of two floating rules",
        ),
        pytest.param([rule("r", 80), rule("s", 81, 80, pool="c")], id="one backend port of two pools"),
    ],
)
def test_rules_that_get_on(lab: Lab, rules: list[dict[str, Any]]) -> None:
    balancer(lab, public("f"), public("g", "q"), **{RULES: rules, POOLS: [pool(), pool("c")]})


# Interfaces.


def joins(lab: Lab, *pools: str, **more: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        backend(lab, "one", *pools, runs=False, **more)
    return caught.value.codes


def test_an_interface_cannot_be_where_two_rules_reach_one_port(lab: Lab) -> None:
    balancer(lab, **{POOLS: [pool("b"), pool("c")], RULES: [rule("r", 80), rule("s", 81, 80, pool="c")]})
    assert joins(lab, "b", "c") == [ONE_MEMBER]


def test_a_rule_cannot_reach_a_port_that_another_reaches_at_an_interface(lab: Lab) -> None:
    balancer(lab, **{POOLS: [pool("b"), pool("c")], RULES: [rule("r", 80)]})
    backend(lab, "one", "b", "c")
    said = {POOLS: [pool("b"), pool("c")], RULES: [rule("r", 80), rule("s", 81, 80, pool="c")]}
    assert [c for c, _ in refused(lab, **said)] == [ONE_MEMBER]


def test_rules_of_two_load_balancers_of_one_type_meet_at_an_interface(lab: Lab) -> None:
    balancer(lab, public(), **{RULES: [rule()]})
    balancer(lab, public("f", "q"), name="two", **{RULES: [rule(balancer="two")]})
    said = {
        "subnet": subnet_ref("v/a"),
        "loadBalancerBackendAddressPools": [part(POOLS, "b"), part(POOLS, "b", "two")],
    }
    with pytest.raises(Refused) as caught:
        lab.put("networkInterfaces", "one", {"ipConfigurations": [child("i", **said)]})
    assert caught.value.codes == [ONE_MEMBER]


def test_rules_of_a_public_and_an_internal_one_may_reach_one_port(lab: Lab) -> None:
    balancer(lab, public(), **{RULES: [rule()]})
    balancer(lab, private(), name="two", **{RULES: [rule(balancer="two")]})
    said = {
        "subnet": subnet_ref("v/a"),
        "loadBalancerBackendAddressPools": [part(POOLS, "b"), part(POOLS, "b", "two")],
    }
    lab.put("networkInterfaces", "one", {"ipConfigurations": [child("i", **said)]})


def test_two_nat_rules_to_one_port_of_an_interface(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat("n", 5000), nat("m", 5001)]})
    assert joins(lab, rules=("n", "m")) == [ONE_MEMBER]


def test_a_nat_rule_is_for_one_interface(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat()]})
    backend(lab, "other", rules=("n",))
    assert joins(lab, rules=("n",)) == ["InboundNatRuleAlreadyBound"]


def test_a_nat_range_is_not_for_an_interface_of_its_own(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat_range("n", 5000, 5009)]})
    assert joins(lab, rules=("n",)) == ["InboundNatRuleLeadsToBackendAddressPool"]


def test_an_interface_joins_only_what_is_there(lab: Lab) -> None:
    balancer(lab)
    assert joins(lab, "absent") == ["InvalidResourceReference"]


def test_a_pool_is_not_a_route_table(lab: Lab) -> None:
    said = {"subnet": subnet_ref("v/a"), "loadBalancerBackendAddressPools": [ref("routeTables", "t")]}
    with pytest.raises(Refused, match="InvalidJsonReferenceWrongType"):
        lab.put("networkInterfaces", "one", {"ipConfigurations": [child("i", **said)]})


def test_all_backends_are_in_one_network(lab: Lab) -> None:
    lab.vnet("w", "10.1.0.0/16", subnets={"a": "10.1.0.0/24"})
    balancer(lab)
    backend(lab, "other", "b", subnet="w/a")
    assert joins(lab, "b") == ["LoadBalancerBackendsNotInSameVnet"]


def test_an_internal_one_is_in_the_network_of_its_backends(lab: Lab) -> None:
    lab.vnet("w", "10.1.0.0/16", subnets={"a": "10.1.0.0/24"})
    balancer(lab, private("f", "w/a"))
    assert joins(lab, "b") == ["LoadBalancerBackendsNotInSameVnet"]


@pytest.mark.parametrize(
    ("sku", "address"),
    [pytest.param("Standard", "basic", id="Standard, Basic address"), pytest.param("Basic", "q", id="the reverse")],
)
def test_an_interface_has_addresses_of_its_load_balancers_sku(lab: Lab, sku: str, address: str) -> None:
    balancer(lab, private(), sku=sku)
    more = {"publicIPAddress": ref("publicIPAddresses", address)}
    assert joins(lab, "b", **more) == ["DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed"]


def test_a_pool_by_address_takes_no_interface_and_the_reverse(lab: Lab) -> None:
    code = "BackendAddressPoolCannotMixIPAddressesAndNetworkInterfaces"
    balancer(lab, **{POOLS: [pool("b", {"one": "10.0.0.9"}), pool("c")]})
    backend(lab, "other", "c")
    assert joins(lab, "b") == [code]
    said = {POOLS: [pool("b", {"one": "10.0.0.9"}), pool("c", {"two": "10.0.0.8"})]}
    assert refused(lab, **said) == [(code, f"properties.{POOLS}[1].properties.loadBalancerBackendAddresses")]


def test_backends_are_of_the_version_of_the_frontend(lab: Lab) -> None:
    lab.vnet("d", "10.5.0.0/16", "fd00:5::/48", subnets={"a": {"addressPrefixes": ["10.5.0.0/24", "fd00:5::/64"]}})
    balancer(lab, private("f", "d/a"), **{RULES: [rule()]})
    every = [
        child("i", subnet=subnet_ref("d/a"), primary=True),
        child(
            "j",
            subnet=subnet_ref("d/a"),
            privateIPAddressVersion="IPv6",
            loadBalancerBackendAddressPools=[part(POOLS, "b")],
        ),
    ]
    with pytest.raises(Refused, match="BackendAndFrontendIPVersionMismatch"):
        lab.put("networkInterfaces", "one", {"ipConfigurations": every})


def test_an_interface_is_behind_one_internal_basic_load_balancer(lab: Lab) -> None:
    balancer(lab, private(), sku="Basic")
    balancer(lab, private(), name="two", sku="Basic")
    said = {
        "subnet": subnet_ref("v/a"),
        "loadBalancerBackendAddressPools": [part(POOLS, "b"), part(POOLS, "b", "two")],
    }
    with pytest.raises(Refused, match="AnotherInternalLoadBalancerExists"):
        lab.put("networkInterfaces", "one", {"ipConfigurations": [child("i", **said)]})


def test_no_basic_load_balancer_beside_a_nat_gateway(lab: Lab) -> None:
    lab.put("natGateways", "g", {}, sku="Standard")
    gateway = {"addressPrefix": "10.0.0.0/24", "natGateway": ref("natGateways", "g")}
    balancer(lab, private("f", "v/c"), sku="Basic")
    backend(lab, "one", "b", runs=False)
    with pytest.raises(Refused, match="NatGatewayAndBasicLoadBalancerIncompatible"):
        lab.vnet("v", "10.0.0.0/16", subnets={"a": gateway, "c": "10.0.4.0/22"})
    backend(lab, "one", runs=False)
    lab.vnet("v", "10.0.0.0/16", subnets={"a": gateway, "c": "10.0.4.0/22"})
    assert joins(lab, "b") == ["NatGatewayAndBasicLoadBalancerIncompatible"]


# Availability sets.

DIFFERENT = "NetworkInterfaceAndLoadBalancerAreInDifferentAvailabilitySets"


def machine(lab: Lab, name: str, group: str | None, *pools: str, **said: Any) -> None:
    """A machine in availability set *group*, its interface in *pools*."""
    backend(lab, name, *pools, runs=False, **said)
    placed: dict[str, Any] = {}
    if group is not None:
        lab.put("Microsoft.Compute/availabilitySets", group, {})
        placed = {"availabilitySet": ref("Microsoft.Compute/availabilitySets", group)}
    lab.vm(f"vm-{name}", name, **placed)


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        pytest.param("s", "s", True, id="one availability set"),
        pytest.param("s", "t", False, id="two availability sets"),
        pytest.param("s", None, False, id="a set and a machine of its own"),
        pytest.param(None, None, False, id="two machines of their own"),
    ],
)
def test_machines_behind_a_basic_load_balancer(lab: Lab, first: str | None, second: str | None, fits: bool) -> None:
    balancer(lab, private(), sku="Basic")
    machine(lab, "one", first, "b")
    if fits:
        machine(lab, "two", second, "b")
        return
    with pytest.raises(Refused) as caught:
        machine(lab, "two", second, "b")
    assert caught.value.codes == [DIFFERENT]
    machine(lab, "three", second)
    assert joined(lab, "three", "b") == [DIFFERENT]


def joined(lab: Lab, name: str, *pools: str) -> list[str]:
    """What is refused when the interface of a machine that is there joins *pools*."""
    with pytest.raises(Refused) as caught:
        backend(lab, name, *pools, runs=False)
    return caught.value.codes


def test_machines_behind_a_standard_load_balancer_may_be_anywhere(lab: Lab) -> None:
    balancer(lab, private())
    for name, group in (("one", "s"), ("two", "t"), ("three", None)):
        machine(lab, name, group, "b")


def test_a_load_balancer_reaches_150_availability_sets(lab: Lab) -> None:
    balancer(lab, private())
    for number in range(150):
        machine(lab, f"n{number}", f"s{number}", "b", subnet="v/c")
    with pytest.raises(Refused, match="MaxAvailabilitySetsInLoadBalancerReached"):
        machine(lab, "last", "another", "b", subnet="v/c")
    machine(lab, "beside", "s1", "b", subnet="v/c")


# Counts.


def test_a_range_that_is_used_up_takes_no_more_members(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat_range("n", 5000, 5001)]})
    for name in ("x", "y"):
        backend(lab, name, "b", runs=False)
    assert joins(lab, "b") == ["InboundNatRuleFrontendPortRangeExhausted"]


def test_a_range_too_small_for_the_pool(lab: Lab) -> None:
    balancer(lab)
    for name in ("x", "y", "z"):
        backend(lab, name, "b", runs=False)
    code, target = "InboundNatRuleFrontendPortRangeExhausted", "frontendPortRangeEnd"
    found = refused(lab, **{NAT_RULES: [nat_range("n", 5000, 5001)]})
    assert found == [(code, f"properties.{NAT_RULES}[0].properties.{target}")]


@pytest.mark.parametrize(
    ("ports", "members", "fits"),
    [
        pytest.param(10000, 7, False, id="7 times 10,000 are more than an address has"),
        pytest.param(10000, 6, True, id="6 times are not"),
        pytest.param(32000, 2, True, id="2 times 32,000 are all of it"),
    ],
)
def test_outbound_ports_for_all_members(lab: Lab, ports: int, members: int, fits: bool) -> None:
    balancer(lab)
    for number in range(members):
        backend(lab, f"n{number}", "b", subnet="v/c", runs=False)
    said = {OUTBOUND: [outbound(allocatedOutboundPorts=ports)]}
    if fits:
        balancer(lab, **said)
        return
    code = f"{OUTBOUND_PORTS}ExceedsTotalNumberOfAvailablePorts"
    assert refused(lab, **said) == [(code, f"properties.{OUTBOUND}[0].properties.allocatedOutboundPorts")]


def test_a_second_address_has_as_many_ports_again(lab: Lab) -> None:
    frontends = (public("f"), public("g", "q"))
    balancer(lab, *frontends)
    for number in range(7):
        backend(lab, f"n{number}", "b", subnet="v/c", runs=False)
    balancer(lab, *frontends, **{OUTBOUND: [outbound("o", "f", "g", allocatedOutboundPorts=10000)]})


def test_an_interface_for_which_no_outbound_ports_are_left(lab: Lab) -> None:
    balancer(lab, **{OUTBOUND: [outbound(allocatedOutboundPorts=32000)]})
    for name in ("x", "y"):
        backend(lab, name, "b", runs=False)
    assert joins(lab, "b") == [f"{OUTBOUND_PORTS}ExceedsTotalNumberOfAvailablePorts"]


def test_a_port_that_a_rule_listens_on_is_not_there_to_leave_by(lab: Lab) -> None:
    balancer(lab)
    for name in ("x", "y"):
        backend(lab, name, "b", runs=False)
    said = {RULES: [rule(disableOutboundSnat=True)], OUTBOUND: [outbound(allocatedOutboundPorts=32000)]}
    assert [c for c, _ in refused(lab, **said)] == [f"{OUTBOUND_PORTS}ExceedsTotalNumberOfAvailablePorts"]


def test_a_nic_has_300_rules(lab: Lab) -> None:
    every = [rule(f"r{n}", n) for n in range(1, 302)]
    balancer(lab, **{RULES: every[:300]})
    backend(lab, "one", "b", runs=False)
    assert ("LoadBalancerRuleCountLimitReachedForNic", "properties") in refused(lab, **{RULES: every})
    balancer(lab, **{POOLS: [pool(), pool("c")], RULES: [*every[:300], rule("x", 400, pool="c")]})
    assert joins(lab, "b", "c") == ["LoadBalancerRuleCountLimitReachedForNic"]


@pytest.mark.parametrize(
    ("sku", "limit"), [pytest.param("Standard", 1500, id="Standard"), pytest.param("Basic", 250, id="Basic")]
)
def test_rules_of_a_load_balancer(lab: Lab, sku: str, limit: int) -> None:
    every = [rule(f"r{n}", n) for n in range(1, limit + 1)]
    with pytest.raises(Refused) as caught:
        balancer(lab, private(), sku=sku, **{RULES: every, NAT_RULES: [nat("n", 9000, 9000)]})
    assert caught.value.codes == ["LoadBalancerRuleCountLimitReached"]
    balancer(lab, private(), sku=sku, **{RULES: every})


def test_frontends_of_a_load_balancer(lab: Lab) -> None:
    every = [private(f"f{n}", "v/c") for n in range(201)]
    with pytest.raises(Refused) as caught:
        balancer(lab, *every, sku="Basic")
    assert caught.value.codes == ["LoadBalancerFrontendIPConfigurationCountLimitReached"]
    balancer(lab, *every[:200], sku="Basic")


def test_outbound_rules_of_a_load_balancer(lab: Lab) -> None:
    pools = [pool(f"b{n}") for n in range(601)]
    every = [outbound(f"o{n}", pool=f"b{n}") for n in range(601)]
    assert [c for c, _ in refused(lab, **{POOLS: pools, OUTBOUND: every})] == [
        "LoadBalancerOutboundRuleCountLimitReached"
    ]


def test_members_of_a_basic_pool(lab: Lab) -> None:
    balancer(lab, private(), sku="Basic")
    every = [child(f"i{n}", subnet=subnet_ref("v/c")) for n in range(150)]
    for body in every:
        body["properties"]["loadBalancerBackendAddressPools"] = [part(POOLS, "b")]
    for name in ("x", "y"):
        lab.put("networkInterfaces", name, {"ipConfigurations": every})
    with pytest.raises(Refused, match="BackendAddressPoolMemberCountLimitReached"):
        lab.put("networkInterfaces", "z", {"ipConfigurations": every[:1]})


def test_nothing_of_a_refused_write_stays(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    before = lab.snapshot
    refused(lab, **{RULES: [rule("r", 80), rule("s", 80)]})
    assert lab.snapshot is before
    assert resource_id("loadBalancers", "lb").key in lab.snapshot.resources
