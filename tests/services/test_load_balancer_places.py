"""Places in pools: whoever stays keeps his port of every NAT range, however the pool changes around him."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lazulite.forwarding.model import PortForward
from lazulite.services.load_balancer.slots import moved
from tests.build import Lab, Refused, subnet_ref
from tests.services.balancers import NAT_RULES, POOLS, backend, balancer, child, nat_range, network, part, part_id, pool

SIZE = 4


class Pool(RuleBasedStateMachine):
    """Interfaces come and go; a second range appears, and its size changes."""

    def __init__(self) -> None:
        super().__init__()
        self.lab = network(Lab())
        self.ports: dict[str, int] = {}
        self.inside: set[str] = set()
        self.second = 0
        self._write()

    def _write(self) -> None:
        second = [nat_range("m", 6000, 6000 + self.second - 1, 23)] if self.second else []
        balancer(self.lab, **{NAT_RULES: [nat_range("n", 5000, 5000 + SIZE - 1), *second]})

    @rule(name=st.sampled_from("abcdef"))
    def join(self, name: str) -> None:
        room, refusals = min(SIZE, self.second or SIZE), set[str]()
        try:
            backend(self.lab, name, "b", runs=False)
            self.inside.add(name)
        except Refused as refused:
            refusals |= set(refused.codes)
        full = len(self.inside | {name}) > room
        assert refusals == ({"InboundNatRuleFrontendPortRangeExhausted"} if full else set())

    @rule(name=st.sampled_from("abcdef"))
    def leave(self, name: str) -> None:
        backend(self.lab, name, runs=False)
        self.inside.discard(name)
        self.ports = {k: v for k, v in self.ports.items() if f"networkinterfaces/{name}/" not in k}

    @precondition(lambda self: not self.second and len(self.inside) < SIZE)
    @rule(spare=st.integers(0, 1))
    def add_a_range(self, spare: int) -> None:
        self.second = max(1, len(self.inside) + spare)
        self._write()

    @precondition(lambda self: self.second)
    @rule()
    def remove_the_range(self) -> None:
        self.second = 0
        self._write()
        self.ports = {k: v for k, v in self.ports.items() if "/inboundnatrules/n|" in k}

    @rule()
    def write_again(self) -> None:
        self._write()

    @invariant()
    def everyone_has_a_port_of_his_own_and_keeps_it(self) -> None:
        now = {e.name: e.port for e in self.lab.compile().all(PortForward).values()}
        assert len(now) == len(set(now.values())) == len(self.inside) * (2 if self.second else 1)
        assert now.items() >= self.ports.items()
        self.ports = now


TestPool = Pool.TestCase
TestPool.settings = settings(max_examples=30, stateful_step_count=25)


@given(st.sets(st.integers(0, 30)), st.integers(1, 20))
def test_places_beyond_a_range_find_free_ones_inside(slots: set[int], size: int) -> None:
    found = moved(slots, size, {})
    inside = {s for s in slots if s < size}
    assert not inside & set(found.values())
    assert len(set(found.values())) == len(found) == min(len(slots) - len(inside), size - len(inside))


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.integers(1, 20))
def test_places_that_were_moved_stay_where_they_are(slots: set[int], gone: set[int], size: int) -> None:
    before = moved(slots, size, {})
    now = moved(slots - gone, size, before)
    assert now == {s: p for s, p in before.items() if int(s) not in gone} | {
        s: p for s, p in now.items() if s not in before
    }


def ports(lab: Lab, rule_name: str) -> dict[str, int]:
    """Of a NAT range, by interface."""
    prefix = f"{part_id(NAT_RULES, rule_name).key}|"
    every = lab.compile().all(PortForward)
    return {n.split("/")[-3]: e.port for n, e in every.items() if n.startswith(prefix)}


def test_a_newcomer_does_not_take_the_port_of_who_was_moved() -> None:
    """Who is at place 1 gets the first port of a range of one, and keeps it when that grows and others come."""
    lab = network(Lab())
    balancer(lab)
    for name in ("one", "two"):
        backend(lab, name, "b", runs=False)
    backend(lab, "one", runs=False)
    balancer(lab, **{NAT_RULES: [nat_range("m", 6000, 6000)]})
    alone = ports(lab, "m")
    with pytest.raises(Refused, match="InboundNatRuleFrontendPortRangeExhausted"):
        backend(lab, "one", "b", runs=False)
    backend(lab, "two", runs=False)
    backend(lab, "one", "b", runs=False)
    assert (alone, ports(lab, "m")) == ({"two": 6000}, {"one": 6000})


def test_a_newcomer_finds_a_free_port_beside_who_was_moved() -> None:
    lab = network(Lab())
    balancer(lab)
    for name in ("x", "y", "z"):
        backend(lab, name, "b", runs=False)
    for name in ("x", "y"):
        backend(lab, name, runs=False)
    balancer(lab, **{NAT_RULES: [nat_range("m", 6000, 6001)]})
    backend(lab, "y", "b", runs=False)
    assert ports(lab, "m") == {"z": 6000, "y": 6001}


def test_a_configuration_that_takes_anothers_part_needs_no_second_port() -> None:
    lab = network(Lab())
    balancer(lab, **{NAT_RULES: [nat_range("m", 6000, 6000)]})
    joined = {"subnet": subnet_ref("v/a"), "loadBalancerBackendAddressPools": [part(POOLS, "b")]}
    for name in ("i", "j"):
        lab.put("networkInterfaces", "one", {"ipConfigurations": [child(name, **joined)]})
    assert ports(lab, "m") == {"one": 6000}


def addresses(lab: Lab) -> dict[str, int]:
    prefix = part_id(POOLS, "b").child("loadBalancerBackendAddresses", "").key
    ports = lab.compile().all(PortForward)
    return {name.partition(prefix)[2]: entry.port for name, entry in ports.items()}


def test_an_address_keeps_its_port_while_others_come_and_go() -> None:
    lab = network(Lab())
    said: dict[str, Any] = {NAT_RULES: [nat_range("n", 5000, 5009)]}
    seen = []
    for names in ("abc", "ac", "acd", "dca"):
        held = {n: f"10.0.0.{ord(n)}" for n in names}
        balancer(lab, **said, **{POOLS: [pool("b", held)]})
        seen.append(addresses(lab))
    assert seen == [
        {"a": 5000, "b": 5001, "c": 5002},
        {"a": 5000, "c": 5002},
        {"a": 5000, "c": 5002, "d": 5001},
        {"a": 5000, "c": 5002, "d": 5001},
    ]


def test_an_address_shows_its_port() -> None:
    lab = network(Lab())
    balancer(lab, **{NAT_RULES: [nat_range("n", 5000, 5009)], POOLS: [pool("b", {"a": "10.0.0.9"})]})
    shown = lab.status(part_id(POOLS, "b").child("loadBalancerBackendAddresses", "a"))
    assert shown == {
        "inboundNatRulesPortMapping": [{"inboundNatRuleName": "n", "frontendPort": 5000, "backendPort": 22}]
    }


def test_instances_of_a_nat_pool_have_a_port_each() -> None:
    """Whatever has an ip configuration that refers to the pool; scale sets make them."""
    lab = network(Lab())
    ports = {"frontendPortRangeStart": 5000, "frontendPortRangeEnd": 5009, "backendPort": 22}
    frontend = {"id": part_id("frontendIPConfigurations", "f").text}
    balancer(lab, inboundNatPools=[child("m", protocol="Tcp", frontendIPConfiguration=frontend, **ports)])
    pool_ref = {"id": part_id("inboundNatPools", "m").text}
    subnet = {"id": lab.get("virtualNetworks", "v").id.child("subnets", "a").text}
    configuration = {"subnet": subnet, "loadBalancerInboundNatPools": [pool_ref], "primary": True}
    interface = {"primary": True, "ipConfigurations": [{"name": "i", "properties": configuration}]}
    profile = {
        "osProfile": {"computerNamePrefix": "web", "adminUsername": "u", "adminPassword": "Lazulite-1234"},
        "networkProfile": {"networkInterfaceConfigurations": [{"name": "n", "properties": interface}]},
    }
    lab.put("Microsoft.Compute/virtualMachineScaleSets", "web", {"virtualMachineProfile": profile})
    assert sorted(e.port for e in lab.compile().all(PortForward).values()) == [5000]
