"""Verbs of load balancers: health, ports of a member, the move to addresses, lists across interfaces."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lazulite.forwarding.model import Contents, Pool, Port, PortForward
from lazulite.resources.ids import ResourceId
from lazulite.services import SERVICES
from lazulite.services.service import Observations, Reply, Write
from tests.build import Lab, Refused, resource_id
from tests.services.balancers import (
    NAT_RULES,
    POOLS,
    PROBES,
    RULES,
    backend,
    balancer,
    child,
    configuration,
    nat,
    nat_range,
    network,
    part,
    part_id,
    pool,
    probe,
    rule,
)

POOL = f"{part_id(POOLS, 'b').key}|{part_id(PROBES, 'x').key}"


@pytest.fixture
def lab() -> Lab:
    lab = network(Lab())
    balancer(
        lab,
        **{RULES: [rule(probe=part(PROBES, "x"))], PROBES: [probe()], NAT_RULES: [nat_range("n", 5000, 5009)]},
    )
    for name in ("one", "two"):
        backend(lab, name, "b")
    return lab


def act(lab: Lab, who: ResourceId, verb: str, body: Any = None, observations: Observations | None = None) -> Any:
    """What a verb of a child or resource answers; raises :class:`Refused`."""
    action = next(s.actions[key] for s in SERVICES if (key := f"{who.kind}/{verb}".lower()) in s.actions)
    context = msgspec.structs.replace(lab.context(), body=body, observations=observations or Observations())
    found = action(lab.snapshot.resources[who.key], context)
    if isinstance(found, Reply | Write):
        return found
    raise Refused(found)  # type: ignore[arg-type]


def healthy(*names: str, **reasons: str) -> Observations:
    why = {configuration(k).key: v for k, v in reasons.items()}
    return Observations(health={POOL: Contents(POOL, tuple(configuration(n).key for n in names))}, reasons={POOL: why})


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        pytest.param(Observations(), {"one": "Down", "two": "Down"}, id="nobody before the first probe"),
        pytest.param(healthy("one"), {"one": "Up", "two": "Down"}, id="whose probe succeeds"),
        pytest.param(healthy("one", "two"), {"one": "Up", "two": "Up"}, id="everybody"),
    ],
)
def test_who_is_healthy(lab: Lab, observations: Observations, expected: dict[str, str]) -> None:
    body = act(lab, part_id(RULES, "r"), "health", observations=observations).body
    rows = {r["networkInterfaceIPConfigurationId"]: r["state"] for r in body["loadBalancerBackendAddresses"]}
    assert rows == {configuration(k).text: v for k, v in expected.items()}
    assert (body["up"], body["down"]) == (
        sum(v == "Up" for v in expected.values()),
        sum(v == "Down" for v in expected.values()),
    )


def test_a_row_says_why(lab: Lab) -> None:
    lab.edit("Microsoft.Compute/virtualMachines", "vm-two", power_state="deallocated")
    body = act(lab, part_id(RULES, "r"), "health", observations=healthy(one="connection refused")).body
    assert [(r["ipAddress"], r["reason"]) for r in body["loadBalancerBackendAddresses"]] == [
        ("10.0.0.4", "connection refused"),
        ("10.0.0.5", "The machine does not run."),
    ]


@pytest.mark.parametrize("state", ["Up", "Down"])
def test_the_users_word_goes_before_the_probe(lab: Lab, state: str) -> None:
    said = [child("rg_onei", adminState=state)]
    balancer(
        lab,
        **{
            POOLS: [pool(loadBalancerBackendAddresses=said)],
            RULES: [rule(probe=part(PROBES, "x"))],
            PROBES: [probe()],
        },
    )
    body = act(lab, part_id(RULES, "r"), "health", observations=healthy("two")).body
    assert [r["state"] for r in body["loadBalancerBackendAddresses"]] == [state, "Up"]


def test_a_rule_without_a_probe_has_no_health(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    with pytest.raises(Refused, match="LoadBalancingRuleHasNoHealthStatus"):
        act(lab, part_id(RULES, "r"), "health")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"ipAddress": "10.0.0.5"}, id="by address"),
        pytest.param({"ipConfiguration": {"id": configuration("two").text.upper()}}, id="by ip configuration"),
    ],
)
def test_the_ports_of_a_member(lab: Lab, body: dict[str, Any]) -> None:
    found = act(lab, part_id(POOLS, "b"), "queryInboundNatRulePortMapping", body)
    assert found.body == {
        "inboundNatRulePortMappings": [
            {"inboundNatRuleName": "n", "protocol": "Tcp", "frontendPort": 5001, "backendPort": 22}
        ]
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"ipAddress": "10.0.0.9"}, id="nobody's address"),
        pytest.param({"ipAddress": 5}, id="no address"),
        pytest.param({"ipConfiguration": {}}, id="no id"),
        pytest.param({"ipConfiguration": "x"}, id="no reference"),
        pytest.param(None, id="nothing"),
        pytest.param([], id="a list"),
    ],
)
def test_a_member_there_is_not(lab: Lab, body: Any) -> None:
    with pytest.raises(Refused, match="BackendAddressNotFoundInPool"):
        act(lab, part_id(POOLS, "b"), "queryInboundNatRulePortMapping", body)


def test_pools_move_to_addresses_and_keep_their_ports(lab: Lab) -> None:
    before = {str(e.target): e.port for e in lab.compile().all(PortForward).values()}
    written = act(lab, resource_id("loadBalancers", "lb"), "migrateToIpBased", {"pools": ["b"]})
    lab.snapshot = lab.snapshot.with_changes(99, {written.resource.id.key: written.resource})[0]
    model = lab.compile()
    assert written.body == {"migratedPools": ["b"]}
    assert {str(e.target): e.port for e in model.all(PortForward).values()} == before
    assert [str(m.address) for m in model.all(Pool)[POOL].members] == ["10.0.0.4", "10.0.0.5"]
    assert "backendIPConfigurations" not in lab.status(part_id(POOLS, "b"))
    assert lab.status(configuration("one")) == {"loadBalancerBackendAddressPools": []}
    assert all(p.default_outbound for p in model.all(Port).values())


def test_all_pools_move_when_none_is_named(lab: Lab) -> None:
    assert act(lab, resource_id("loadBalancers", "lb"), "migrateToIpBased").body == {"migratedPools": ["b"]}


@pytest.mark.parametrize(
    ("sku", "pools", "code"),
    [
        pytest.param("Standard", ["absent"], "InvalidResourceReference", id="a pool there is not"),
        pytest.param("Basic", ["b"], "BasicLoadBalancerCannotHaveIPBasedBackendPool", id="a Basic one"),
    ],
)
def test_moves_refused(sku: str, pools: list[str], code: str) -> None:
    lab = network(Lab())
    lab.public_ip("basic", sku="Basic")
    place = {"id": resource_id("publicIPAddresses", "basic" if sku == "Basic" else "p").text}
    balancer(lab, child("f", publicIPAddress=place), sku=sku)
    with pytest.raises(Refused, match=code):
        act(lab, resource_id("loadBalancers", "lb"), "migrateToIpBased", {"pools": pools})


def test_the_load_balancers_of_an_interface_as_a_client_reads_them(lab: Lab) -> None:
    (found,) = act(lab, resource_id("networkInterfaces", "one"), "loadBalancers").body["value"]
    assert (found["id"], found["sku"]["name"]) == (resource_id("loadBalancers", "lb").text, "Standard")
    (held,) = found["properties"]["backendAddressPools"]
    assert held["id"] == part_id(POOLS, "b").text
    assert [c["id"] for c in held["properties"]["backendIPConfigurations"]] == [
        configuration("one").text,
        configuration("two").text,
    ]


def test_an_interface_that_is_nowhere_has_no_load_balancers(lab: Lab) -> None:
    backend(lab, "three")
    assert act(lab, resource_id("networkInterfaces", "three"), "loadBalancers").body == {"value": []}


def test_the_interfaces_of_a_load_balancer(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat("m", 6000)]})
    backend(lab, "three", rules=("m",))
    found = act(lab, resource_id("loadBalancers", "lb"), "networkInterfaces").body["value"]
    assert [n["name"] for n in found] == ["one", "two", "three"]
    assert found[0]["properties"]["ipConfigurations"][0]["id"] == configuration("one").text
