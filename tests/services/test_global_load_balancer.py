"""Global load balancers: what of them becomes packets, whom they may have for backends, what is refused by code."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.arm.locations import REGIONS
from lazulite.compiler.engine import compile_model
from lazulite.forwarding.model import Distribution, ForwardingModel, Frontend, GlobalMember, GlobalRule, Nearness, Pool
from lazulite.resources.model import Child, Ref, Resource
from lazulite.services import SERVICES
from lazulite.services.geography import AZURE, latency, nearest_first, regions
from lazulite.services.load_balancer.status import pool as pool_status
from lazulite.services.service import Observations
from lazulite.values import Protocol
from tests.build import Lab, Refused, ref, resource_id, subnet_ref
from tests.services.balancers import (
    FRONTENDS,
    NAT_POOLS,
    NAT_RULES,
    OUTBOUND,
    POOLS,
    PROBES,
    RULES,
    child,
    nat,
    outbound,
    part,
    part_id,
    pool,
    private,
    probe,
    public,
    rule,
)

NEEDS_FRONTENDS = "GlobalBackendAddressPoolNeedsLoadBalancerFrontends"
UNFIT = "GlobalBackendAddressMustBeRegionalPublicStandardFrontend"
NOT_GLOBAL = "PropertyNotAllowedForGlobalTier"


@pytest.fixture
def lab() -> Lab:
    """Regional load balancers ``west`` and ``east`` with a rule on port 80 each, and a global public address."""
    lab = Lab()
    for name, location in (("west", "westeurope"), ("east", "eastus")):
        lab.vnet(f"v-{name}", "10.0.0.0/16", subnets={"a": "10.0.0.0/24"}, location=location)
        lab.put(
            "publicIPAddresses", f"p-{name}", {"publicIPAllocationMethod": "Static"}, sku="Standard", location=location
        )
        regional(lab, name, location, [rule("r", 80, 8080, balancer=name), rule("s", 81, balancer=name)])
    lab.put("publicIPAddresses", "g", {"publicIPAllocationMethod": "Static"}, sku="Standard", tier="Global")
    return lab


def regional(lab: Lab, name: str, location: str, rules: list[dict[str, Any]]) -> Resource[Any]:
    body = {FRONTENDS: [public(address=f"p-{name}")], POOLS: [pool()], RULES: rules}
    lab.put("loadBalancers", name, body, sku="Standard", location=location)
    fields = {"virtualNetwork": ref("virtualNetworks", f"v-{name}")}
    body[POOLS] = [pool("b", loadBalancerBackendAddresses=[child("one", ipAddress="10.0.0.9")], **fields)]
    return lab.put("loadBalancers", name, body, sku="Standard", location=location)


def member(name: str, frontend: str = "f", **properties: Any) -> dict[str, Any]:
    return child(name, loadBalancerFrontendIPConfiguration=part(FRONTENDS, frontend, name), **properties)


def everywhere(*members: dict[str, Any]) -> dict[str, Any]:
    return pool("b", loadBalancerBackendAddresses=list(members or (member("west"), member("east"))))


def balancer(lab: Lab, sku: str = "Standard", location: str = "westeurope", **children: Any) -> Resource[Any]:
    body = {FRONTENDS: [public(address="g")], POOLS: [everywhere()], RULES: [rule()]} | children
    return lab.put("loadBalancers", "lb", body, sku=sku, tier="Global", location=location)


def codes(lab: Lab, **children: Any) -> set[str]:
    with pytest.raises(Refused) as caught:
        balancer(lab, **children)
    return set(caught.value.codes)


def compiled(lab: Lab) -> ForwardingModel:
    return ForwardingModel(compile_model(SERVICES, lab.snapshot))


def test_a_rule_leads_to_the_regional_rules_on_its_backend_port(lab: Lab) -> None:
    stored = balancer(lab, **{RULES: [rule("r", 8000, 80, loadDistribution="SourceIP", idleTimeoutInMinutes=10)]})
    found = compiled(lab)
    held = lab.snapshot.resources[resource_id("publicIPAddresses", "g").key].properties.held_address
    who = part_id(RULES, "r")
    east, west = (part_id(RULES, "r", n).key for n in ("east", "west"))
    members = GlobalMember(east, "eastus"), GlobalMember(west, "westeurope")
    wanted = GlobalRule(who.key, "r", held, Protocol.TCP, 8000, members, Distribution.SOURCE, 600, who.text)
    assert list(found.all(GlobalRule).values()) == [wanted]
    assert not [
        e for e in (*found.all(Frontend).values(), *found.all(Pool).values()) if e.name.startswith(stored.id.key)
    ]


def test_a_frontend_without_a_rule_on_the_port_is_no_member(lab: Lab) -> None:
    regional(lab, "east", "eastus", [rule("s", 81, balancer="east")])
    balancer(lab)
    (found,) = compiled(lab).all(GlobalRule).values()
    assert [m.region for m in found.members] == ["westeurope"]


def test_a_rule_of_another_protocol_is_no_member(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule(protocol="Udp")]})
    (found,) = compiled(lab).all(GlobalRule).values()
    assert found.members == ()


def test_a_frontend_chained_to_appliances_is_no_member(lab: Lab) -> None:
    """Flows by the global address would pass the appliances by."""
    balancer(lab)
    key = resource_id("loadBalancers", "east").key
    stored = lab.snapshot.resources[key]
    (front,) = stored.properties.frontend_ip_configurations
    chained = Child("f", replace(front.properties, gateway_load_balancer=Ref(part_id(FRONTENDS, "x", "gateway").text)))
    changed = replace(stored, properties=replace(stored.properties, frontend_ip_configurations=(chained,)))
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {key: changed})[0]
    (found,) = compiled(lab).all(GlobalRule).values()
    assert [m.region for m in found.members] == ["westeurope"]
    assert UNFIT in codes(lab)


def test_clients_and_networks_have_an_order_of_regions(lab: Lab) -> None:
    lab.put("Lazulite.Lab/clients", "dutch", {"country": "nl"}, location=None)
    at = {"country": "NL", "latitude": 37.0, "longitude": -76.0}
    lab.put("Lazulite.Lab/clients", "at-sea", at, location=None)
    assert not compiled(lab).all(Nearness)
    balancer(lab)
    found = {name.rpartition("/")[2]: n.regions[0] for name, n in compiled(lab).all(Nearness).items()}
    assert found == {"dutch": "westeurope", "at-sea": "eastus2", "v-west": "westeurope", "v-east": "eastus"}


@pytest.mark.parametrize(
    ("country", "first", "second"),
    [("NL", "westeurope", "eastus"), ("US", "eastus", "westeurope"), ("SG", "southeastasia", "japaneast")],
)
def test_the_nearer_of_two_regions(country: str, first: str, second: str) -> None:
    order = nearest_first(regions()[country].latitude, regions()[country].longitude)
    assert order.index(first) < order.index(second)


def test_every_region_is_nearest_to_itself_or_to_one_at_its_place() -> None:
    for name, (latitude, longitude, _) in AZURE.items():
        nearest = AZURE[nearest_first(latitude, longitude)[0]]
        assert latency(latitude, longitude, *nearest[:2]) == latency(latitude, longitude, latitude, longitude), name


def test_every_region_that_a_resource_can_be_in_has_a_place() -> None:
    assert set(AZURE) == set(REGIONS)


def test_a_pool_shows_the_frontends_it_was_given(lab: Lab) -> None:
    stored = balancer(lab)
    view = lab.view
    found = next(p for p in stored.properties.backend_address_pools)
    assert [c.name for c in found.properties.load_balancer_backend_addresses] == ["west", "east"]
    shown = pool_status(Resource(part_id(POOLS, "b"), found.properties), view, Observations())
    assert "loadBalancerBackendAddresses" not in shown


@pytest.mark.parametrize(
    ("children", "code"),
    [
        pytest.param({PROBES: [probe()]}, NOT_GLOBAL, id="probes"),
        pytest.param({NAT_RULES: [nat()]}, NOT_GLOBAL, id="inbound NAT rules"),
        pytest.param({OUTBOUND: [outbound()]}, NOT_GLOBAL, id="outbound rules"),
        pytest.param({RULES: [rule(port=0, backend=0, protocol="All")]}, NOT_GLOBAL, id="HA ports"),
        pytest.param({RULES: [rule(port=3, protocol="Udp")]}, NOT_GLOBAL, id="UDP port 3"),
        pytest.param({RULES: [rule(enableFloatingIP=True)]}, "FeatureNotSupported", id="floating IP"),
        pytest.param({RULES: [rule(enableTcpReset=True)]}, "FeatureNotSupported", id="TCP reset"),
        pytest.param(
            {FRONTENDS: [private(subnet="v-west/a")]}, "GlobalLoadBalancerNeedsPublicIPAddress", id="a subnet"
        ),
        pytest.param(
            {FRONTENDS: [public(address="p")]}, "LoadBalancerAndPublicIPAddressTierMismatch", id="a regional address"
        ),
        pytest.param(
            {FRONTENDS: [public(address="g", privateIPAddressVersion="IPv6")]}, "FeatureNotSupported", id="IPv6"
        ),
        pytest.param({POOLS: [pool("b", {"one": "10.0.0.9"})]}, NEEDS_FRONTENDS, id="addresses of a network"),
        pytest.param({POOLS: [everywhere(child("west"))]}, NEEDS_FRONTENDS, id="an address that is nothing"),
        pytest.param(
            {POOLS: [everywhere(member("west", adminState="Down"))]}, "FeatureNotSupported", id="admin states"
        ),
        pytest.param({POOLS: [everywhere(member("inner"))]}, UNFIT, id="a private frontend"),
        pytest.param({POOLS: [everywhere(member("basic"))]}, UNFIT, id="a frontend of the Basic SKU"),
        pytest.param({POOLS: [everywhere(member("lb"))]}, UNFIT, id="itself"),
        pytest.param(
            {POOLS: [everywhere(member("west"), {**member("west"), "name": "again"})]},
            "DuplicateLoadBalancerFrontendOnBackendAddressPool",
            id="one frontend twice",
        ),
        pytest.param({"location": "francecentral"}, "LocationNotAvailableForGlobalLoadBalancer", id="no home region"),
        pytest.param({"sku": "Basic"}, "GlobalTierNeedsStandardSku", id="the Basic SKU"),
    ],
)
def test_what_a_global_one_cannot_have(lab: Lab, children: dict[str, Any], code: str) -> None:
    lab.public_ip("p")
    lab.vnet("v", "10.1.0.0/16", subnets={"a": "10.1.0.0/24"})
    lab.put("loadBalancers", "inner", {FRONTENDS: [private(subnet="v/a")]}, sku="Standard")
    lab.public_ip("old", sku="Basic")
    lab.put("loadBalancers", "basic", {FRONTENDS: [public(address="old")]}, sku="Basic")
    assert code in codes(lab, **children)


def test_all_that_is_wrong_is_said_at_once(lab: Lab) -> None:
    found = codes(lab, **{PROBES: [probe()], RULES: [rule(enableTcpReset=True)], POOLS: [everywhere(child("x"))]})
    assert {NOT_GLOBAL, "FeatureNotSupported", NEEDS_FRONTENDS} <= found


def test_another_global_one_is_no_backend(lab: Lab) -> None:
    balancer(lab)
    lab.put("publicIPAddresses", "h", {"publicIPAllocationMethod": "Static"}, sku="Standard", tier="Global")
    body = {FRONTENDS: [public(address="h")], POOLS: [everywhere(member("lb"))]}
    with pytest.raises(Refused, match=UNFIT):
        lab.put("loadBalancers", "other", body, sku="Standard", tier="Global")


def test_a_regional_one_has_no_global_address_and_no_frontends_for_backends(lab: Lab) -> None:
    with pytest.raises(Refused) as caught:
        lab.put("loadBalancers", "lb", {FRONTENDS: [public(address="g")], POOLS: [everywhere()]}, sku="Standard")
    wanted = {"LoadBalancerAndPublicIPAddressTierMismatch", "LoadBalancerFrontendsNeedGlobalTier"}
    assert wanted <= set(caught.value.codes)


def test_an_interface_cannot_join(lab: Lab) -> None:
    balancer(lab)
    joined = {"subnet": subnet_ref("v-west/a"), "loadBalancerBackendAddressPools": [part(POOLS, "b")]}
    with pytest.raises(Refused, match=NEEDS_FRONTENDS):
        lab.put("networkInterfaces", "n", {"ipConfigurations": [{"name": "i", "properties": joined}]})


def test_the_tier_stays(lab: Lab) -> None:
    balancer(lab)
    with pytest.raises(Refused, match="PropertyChangeNotAllowed"):
        lab.put("loadBalancers", "lb", {FRONTENDS: [public(address="p-west")]}, sku="Standard")


def test_nat_pools_are_told_by_their_place(lab: Lab) -> None:
    bounds = {"frontendPortRangeStart": 5000, "frontendPortRangeEnd": 5009, "backendPort": 22, "protocol": "Tcp"}
    nat_pool = child("n", frontendIPConfiguration=part(FRONTENDS, "f"), **bounds)
    with pytest.raises(Refused) as caught:
        balancer(lab, **{NAT_POOLS: [nat_pool]})
    assert [(v.code, v.target) for v in caught.value.violations] == [(NOT_GLOBAL, f"properties.{NAT_POOLS}")]
