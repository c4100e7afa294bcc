"""The difference of two networks in the names people use."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.compiler.engine import compile_model
from lazulite.daemon.foresight import foreseen, report
from lazulite.forwarding.model import Contents, ForwardingModel, Member, Pool, Probe, ProbeProtocol
from lazulite.services import SERVICES
from tests.build import Lab, ref, subnet_ref
from tests.services import balancers


def shop() -> Lab:
    """A machine called ``web`` with a public address in a subnet with a security group."""
    lab = Lab()
    lab.put("networkSecurityGroups", "nsg", {})
    subnet = {"addressPrefix": "10.0.0.0/24", "networkSecurityGroup": ref("networkSecurityGroups", "nsg")}
    space = {"addressPrefixes": ["10.0.0.0/16"]}
    lab.put("virtualNetworks", "net", {"addressSpace": space, "subnets": [{"name": "a", "properties": subnet}]})
    lab.put("publicIPAddresses", "pip", {"publicIPAllocationMethod": "Static"}, sku="Standard")
    configuration = {"subnet": subnet_ref("net/a"), "publicIPAddress": ref("publicIPAddresses", "pip")}
    lab.put("networkInterfaces", "nic-web", {"ipConfigurations": [{"name": "c", "properties": configuration}]})
    os = {"computerName": "web", "adminUsername": "me", "adminPassword": "Secret-123456"}
    nic = ref("networkInterfaces", "nic-web")
    hardware = {"vmSize": "Standard_B1s"}
    machine = {"hardwareProfile": hardware, "osProfile": os, "networkProfile": {"networkInterfaces": [nic]}}
    lab.put("Microsoft.Compute/virtualMachines", "web", machine)
    return lab


def test_a_rule_is_told_with_the_machine_the_internet_and_both_rules() -> None:
    lab = shop()
    now = compile_model(SERVICES, lab.snapshot)
    rule = {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourcePortRange": "*"}
    rule |= {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "destinationPortRange": "443"}
    lab.put("networkSecurityGroups", "nsg", {"securityRules": [{"name": "https", "properties": rule}]})
    [row] = report(now, lab.snapshot)["differences"]
    assert (row["from"]["names"], row["to"]["names"]) == (["Internet"], ["web"])
    assert row["to"]["prefixes"] == [f"{row['changes'][0]['witness']['destination']}/32"]
    [change] = row["changes"]
    assert (change["becomes"], change["protocols"], change["destinationPorts"]) == ("allowed", ["tcp"], "443")
    assert change["now"]["origin"].endswith("/DenyAllInBound")
    assert change["then"] == {"disposition": "delivered", "origin": change["then"]["origin"]}
    assert change["then"]["origin"].endswith("/securityRules/https")
    assert change["witness"]["destinationPort"] == 443


def test_what_was_not_there_is_told_as_such() -> None:
    before, after = Lab(), shop()
    rows = report(compile_model(SERVICES, before.snapshot), after.snapshot)["differences"]
    changes = [c for row in rows for c in row["changes"]]
    assert {c["now"]["disposition"] for c in changes} == {"not there"}
    assert {(tuple(r["from"]["names"]), tuple(r["to"]["names"])) for r in rows} == {(("web",), ("Internet",))}
    assert report(compile_model(SERVICES, after.snapshot), after.snapshot) == {"differences": []}


def pool(*members: str) -> Pool:
    places = {"a": "10.0.0.4", "b": "10.0.0.5", "c": "10.0.0.6"}
    found = tuple(Member(m, ip_address(places[m])) for m in members)
    return Pool("p", "p", "net", found, Probe(ProbeProtocol.TCP, 80))


@pytest.mark.parametrize(
    ("now", "then", "healthy"),
    [
        pytest.param([], "ab", ("a", "b"), id="of a new pool all will be healthy"),
        pytest.param([pool("a", "b"), Contents("p", ("a",))], "ab", ("a",), id="who is not healthy now will not be"),
        pytest.param([pool("a", "b"), Contents("p", ("a",))], "abc", ("a", "c"), id="a new member will be"),
        pytest.param([pool("a", "b"), Contents("p", ("a",))], "b", (), id="a member that goes is no member"),
        pytest.param([pool("a", "b")], "ab", (), id="nobody has been asked yet"),
    ],
)
def test_who_will_be_healthy_is_who_is_and_who_is_new(now: list[Any], then: str, healthy: tuple[str, ...]) -> None:
    assert foreseen(pool(*then), ForwardingModel(now)).members == healthy


def test_what_is_known_is_kept_with_its_time() -> None:
    known = Contents("p", ("a",), "prober", "2026-01-01T00:00:00+00:00")
    assert foreseen(pool("a", "b"), ForwardingModel([pool("a", "b"), known])) is known


def test_what_a_new_balancer_opens_is_foreseen_though_nobody_has_been_asked() -> None:
    lab = balancers.network(Lab())
    rule = {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourcePortRange": "*"}
    rule |= {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*"}
    lab.put("networkSecurityGroups", "nsg", {"securityRules": [{"name": "all", "properties": rule}]})
    lab.nic("web", "v/a", "10.0.0.4", networkSecurityGroup=ref("networkSecurityGroups", "nsg"))
    lab.vm("web", "web")
    now = compile_model(SERVICES, lab.snapshot)
    space = {"web": "10.0.0.4"}
    probed = balancers.rule(probe=balancers.part(balancers.PROBES, "x"), disableOutboundSnat=True)
    shared = {"backendAddressPools": [balancers.pool("b", space)], "probes": [balancers.probe()]}
    balancers.balancer(lab, loadBalancingRules=[probed], **shared)
    rows = report(now, lab.snapshot)["differences"]
    opened = [(r["from"]["names"], r["to"]["names"], c["destinationPorts"]) for r in rows for c in r["changes"]]
    assert opened == [(["Internet"], ["f"], "80")]
