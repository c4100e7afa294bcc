"""The network configuration diagnostic and the security group view: rule by rule."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.build import Lab, ref, resource_id
from tests.services.asking import ask, codes, result
from tests.services.security_rules import group
from tests.services.test_network_watcher_flows import flow, rule
from tests.services.watched import MACHINES, WATCHER, guard, machine_id, network

GROUPS = "networkSecurityGroups"
PARTS = ("protocolMatched", "sourceMatched", "sourcePortMatched", "destinationMatched", "destinationPortMatched")


def profile(direction: str, source: str, destination: str, port: str, protocol: str = "Tcp") -> dict[str, str]:
    return {
        "direction": direction,
        "protocol": protocol,
        "source": source,
        "destination": destination,
        "destinationPort": port,
    }


def asked(lab: Lab, *profiles: dict[str, str], target: str = "", **more: Any) -> list[dict[str, Any]]:
    body = {"targetResourceId": target or machine_id("a"), "profiles": list(profiles)} | more
    found: list[dict[str, Any]] = ask(lab, "networkConfigurationDiagnostic", **body)["results"]
    return found


def booleans(evaluated: dict[str, Any]) -> dict[str, str]:
    """Per rule, one letter a part: T or F."""
    return {r["name"]: "".join("FT"[r[p]] for p in PARTS) for r in evaluated["rulesEvaluationResult"]}


def recorded() -> Lab:
    """Source: facts/wire-recordings.md, TestNetworkConfigurationDiagnostic."""
    lab = Lab()
    lab.put("networkWatchers", WATCHER, {})
    rdp = rule("default-allow-rdp", direction="Inbound", access="Allow", priority=1000, destinationPortRange="3389")
    lab.put(GROUPS, "g", {"securityRules": [rdp]})
    lab.vnet("v", "10.17.3.0/24", subnets={"s": "10.17.3.0/24"})
    lab.nic("a-nic", "v/s", "10.17.3.4", networkSecurityGroup=ref(GROUPS, "g"))
    lab.vm("a", "a-nic")
    return lab


def test_the_recorded_diagnostic_four_rules_and_five_booleans_each() -> None:
    (found,) = asked(recorded(), profile("Inbound", "10.1.1.4", "*", "50"))
    said = found["networkSecurityGroupResult"]
    assert said["securityRuleAccessResult"] == "Deny"
    (evaluated,) = said["evaluatedNetworkSecurityGroups"]
    assert evaluated["matchedRule"] == {"ruleName": "DefaultRule_DenyAllInBound", "action": "Deny"}
    assert booleans(evaluated) == {
        "UserRule_default-allow-rdp": "TTTTF",
        "DefaultRule_AllowVnetInBound": "TFTFT",
        "DefaultRule_AllowAzureLoadBalancerInBound": "TFTTT",
        "DefaultRule_DenyAllInBound": "TTTTT",
    }
    assert list(booleans(evaluated))[-1] == evaluated["matchedRule"]["ruleName"]
    assert evaluated["networkSecurityGroupId"] == resource_id(GROUPS, "g").text
    assert evaluated["appliedTo"] == resource_id("networkInterfaces", "a-nic").text
    assert found["profile"] == profile("Inbound", "10.1.1.4", "*", "50")


def test_the_answer_is_there_at_once() -> None:
    body = {"targetResourceId": machine_id("a"), "profiles": [profile("Inbound", "*", "*", "*")]}
    assert not result(recorded(), "networkConfigurationDiagnostic", body).slow  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("level", "told"),
    [
        pytest.param("Normal", True, id="normally rules are told"),
        pytest.param("Full", True, id="in full too"),
        pytest.param("Minimum", False, id="at least, the rule that matched"),
    ],
)
def test_levels_of_verbosity(level: str, told: bool) -> None:
    (found,) = asked(recorded(), profile("Inbound", "10.1.1.4", "*", "50"), verbosityLevel=level)
    (evaluated,) = found["networkSecurityGroupResult"]["evaluatedNetworkSecurityGroups"]
    assert ("rulesEvaluationResult" in evaluated) is told
    assert evaluated["matchedRule"]["action"] == "Deny"


HOLDS = [
    pytest.param("100 in allow tcp * > * :80", profile("Inbound", "*", "*", "80"), "TTTTT", id="everyone is everyone"),
    pytest.param(
        "100 in allow tcp 10.0.0.0/8 > * :80",
        profile("Inbound", "*", "*", "80"),
        "TFTTT",
        id="everyone is in no prefix",
    ),
    pytest.param(
        "100 in allow tcp 10.0.0.0/8 > * :80",
        profile("Inbound", "10.1.0.0/16", "*", "80"),
        "TTTTT",
        id="a prefix in one",
    ),
    pytest.param(
        "100 in allow tcp 10.1.0.0/16 > * :80",
        profile("Inbound", "10.0.0.0/8", "*", "80"),
        "TFTTT",
        id="and not around",
    ),
    pytest.param(
        "100 in allow tcp 10.0.0.0/25,10.0.0.128/25 > * :80",
        profile("Inbound", "10.0.0.0/24", "*", "80"),
        "TTTTT",
        id="two halves hold the whole",
    ),
    pytest.param(
        "100 in allow tcp Internet > * :80", profile("Inbound", "8.8.8.8", "*", "80"), "TTTTT", id="an address in a tag"
    ),
    pytest.param(
        "100 in allow tcp Internet > * :80", profile("Inbound", "Internet", "*", "80"), "TTTTT", id="a tag in itself"
    ),
    pytest.param(
        "100 in allow tcp VirtualNetwork > * :80",
        profile("Inbound", "Internet", "*", "80"),
        "TFTTT",
        id="and not in another",
    ),
    pytest.param(
        "100 in allow tcp * > * :80-90",
        profile("Inbound", "*", "*", "85-95"),
        "TTTTF",
        id="ports that are not all held",
    ),
    pytest.param(
        "100 in allow tcp * > * :80-90,91-99", profile("Inbound", "*", "*", "85-95"), "TTTTT", id="ranges that touch"
    ),
    pytest.param("100 in allow udp * > * :80", profile("Inbound", "*", "*", "80"), "FTTTT", id="another protocol"),
    pytest.param(
        "100 in allow tcp * > * :80", profile("Inbound", "*", "*", "80", "*"), "FTTTT", id="any protocol is not TCP"
    ),
    pytest.param("100 in allow * * > * :80", profile("Inbound", "*", "*", "80", "Udp"), "TTTTT", id="a rule of any"),
]


@pytest.mark.parametrize(("line", "traffic", "expected"), HOLDS)
def test_a_rule_matches_when_it_holds_all_of_the_traffic(line: str, traffic: dict[str, str], expected: str) -> None:
    lab = network()
    group(lab, "g", line)
    guard(lab, "g", nic="a-nic")
    (found,) = asked(lab, traffic)
    (evaluated,) = found["networkSecurityGroupResult"]["evaluatedNetworkSecurityGroups"]
    assert booleans(evaluated)["UserRule_r100-in"] == expected


def test_a_rule_that_names_source_ports_does_not_hold_all_of_them() -> None:
    lab = network()
    lab.put(
        GROUPS,
        "g",
        {
            "securityRules": [
                rule(
                    "r",
                    direction="Inbound",
                    access="Allow",
                    priority=100,
                    sourcePortRange="23-45",
                    destinationPortRange="*",
                )
            ]
        },
    )
    guard(lab, "g", nic="a-nic")
    (found,) = asked(lab, profile("Inbound", "*", "*", "80"))
    (evaluated,) = found["networkSecurityGroupResult"]["evaluatedNetworkSecurityGroups"]
    assert booleans(evaluated)["UserRule_r"] == "TTFTT"


def test_both_groups_are_told_in_the_order_a_packet_meets_them() -> None:
    lab = network()
    group(lab, "outer", "100 in allow tcp * > * :80", "100 out deny * * > * :*")
    group(lab, "inner", "100 in deny tcp * > * :80")
    guard(lab, "outer", subnet="web")
    guard(lab, "inner", nic="a-nic")
    inbound, outbound = asked(lab, profile("Inbound", "*", "*", "80"), profile("Outbound", "*", "*", "80"))
    for found, names in ((inbound, ["outer", "inner"]), (outbound, ["inner", "outer"])):
        said = found["networkSecurityGroupResult"]
        told = [e["networkSecurityGroupId"].rpartition("/")[2] for e in said["evaluatedNetworkSecurityGroups"]]
        assert (told, said["securityRuleAccessResult"]) == (names, "Deny")


def test_an_interface_can_be_the_target_and_one_without_a_group_allows() -> None:
    lab = network()
    (found,) = asked(lab, profile("Inbound", "*", "*", "80"), target=resource_id("networkInterfaces", "b-nic").text)
    assert found["networkSecurityGroupResult"] == {
        "securityRuleAccessResult": "Allow",
        "evaluatedNetworkSecurityGroups": [],
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"protocol": "Sctp"}, ["InvalidProtocol"], id="a protocol that rules do not know"),
        pytest.param({"destinationPort": "90-80"}, ["InvalidPort"], id="ports the wrong way round"),
        pytest.param({"source": "10.0.0.1/8"}, ["InvalidAddressPrefix"], id="a prefix with host bits"),
        pytest.param({"destination": "Moon"}, ["InvalidAddressPrefix"], id="a tag nobody knows"),
        pytest.param(
            {"source": "x", "destination": "y", "protocol": "z"},
            ["InvalidProtocol", "InvalidAddressPrefix", "InvalidAddressPrefix"],
            id="all that is wrong at once",
        ),
        pytest.param({"direction": "Up"}, ["InvalidRequestFormat"], id="a direction that is none"),
    ],
)
def test_profiles_that_are_refused(changes: dict[str, str], expected: list[str]) -> None:
    traffic = profile("Inbound", "*", "*", "80") | changes
    body = {"targetResourceId": machine_id("a"), "profiles": [traffic]}
    assert codes(recorded(), "networkConfigurationDiagnostic", **body)[: len(expected)] == expected


def test_a_question_without_profiles_or_about_nobody_is_refused() -> None:
    lab, verb = recorded(), "networkConfigurationDiagnostic"
    every = [profile("Inbound", "*", "*", "80")]
    assert codes(lab, verb, targetResourceId=machine_id("a"), profiles=[]) == ["InvalidParameter"]
    assert codes(lab, verb, targetResourceId=machine_id("z"), profiles=every) == ["ResourceNotFound"]
    far = network(location="eastus")
    assert codes(far, verb, targetResourceId=machine_id("a"), profiles=every) == ["ResourceNotInNetworkWatcherRegion"]


@pytest.mark.parametrize("seed", range(30))
def test_of_one_packet_it_says_what_ip_flow_verify_says(seed: int) -> None:
    """A profile of one source, one destination and one port is a packet: both verbs agree on it."""
    chance, lab = Random(seed), network()
    sides = ["*", "10.0.0.0/24", "Internet", "VirtualNetwork", "10.0.0.5", "8.8.8.0/24"]
    for name in ("inner", "outer"):
        lines = [
            f"{100 + n} {chance.choice(['in', 'out'])} {chance.choice(['allow', 'deny'])} "
            f"{chance.choice(['tcp', 'udp', '*'])} {chance.choice(sides)} > {chance.choice(sides)} "
            f":{chance.choice(['*', '80', '22-443'])}"
            for n in range(4)
        ]
        group(lab, name, *lines)
    guard(lab, "outer", subnet="web")
    guard(lab, "inner", nic="a-nic")
    for _ in range(6):
        remote, port = chance.choice(["10.0.0.5", "8.8.8.8", "9.9.9.9", "172.31.0.100"]), chance.choice([22, 80, 8080])
        inbound, protocol = chance.random() < 0.5, chance.choice(["TCP", "UDP"])
        ends = (remote, "10.0.0.4") if inbound else ("10.0.0.4", remote)
        direction = "Inbound" if inbound else "Outbound"
        (found,) = asked(lab, profile(direction, *ends, str(port), protocol))
        local, other = (f"10.0.0.4:{port}", f"{remote}:*") if inbound else ("10.0.0.4:*", f"{remote}:{port}")
        packet = ask(lab, "ipFlowVerify", **flow(direction, local, other, protocol))
        assert found["networkSecurityGroupResult"]["securityRuleAccessResult"] == packet["access"]


def view(lab: Lab, machine: str = "a") -> Any:
    (found,) = ask(lab, "securityGroupView", targetResourceId=machine_id(machine))["networkInterfaces"]
    assert found["id"] == resource_id("networkInterfaces", f"{machine}-nic").text
    return found["securityRuleAssociations"]


def test_the_recorded_view_of_a_rule() -> None:
    """Source: facts/network-watcher.md, expected values from Az.Network's live tests (2)."""
    lab = Lab()
    lab.put("networkWatchers", WATCHER, {})
    scr1 = rule("scr1", direction="Outbound", access="Deny", priority=122, destinationPortRange="80")
    lab.put(GROUPS, "g", {"securityRules": [scr1]})
    lab.vnet("v", "10.17.3.0/24", subnets={"s": "10.17.3.0/24"})
    lab.nic("a-nic", "v/s", "10.17.3.4", networkSecurityGroup=ref(GROUPS, "g"))
    lab.vm("a", "a-nic")
    shown = next(r for r in view(lab)["effectiveSecurityRules"] if r["name"] == "UserRule_scr1")
    expected = {
        "access": "Deny",
        "destinationPortRange": "80-80",
        "protocol": "TCP",
        "direction": "Outbound",
        "priority": 122,
    }
    assert shown | expected == shown


def test_a_view_has_the_rules_of_both_groups_and_azures_own_once() -> None:
    lab = network()
    group(lab, "outer", "100 in allow tcp * > * :80")
    group(lab, "inner", "100 in deny udp * > * :53")
    guard(lab, "outer", subnet="web")
    guard(lab, "inner", nic="a-nic")
    found = view(lab)
    subnet = resource_id("virtualNetworks", "v").child("subnets", "web").text
    assert found["networkInterfaceAssociation"]["id"] == resource_id("networkInterfaces", "a-nic").text
    assert found["subnetAssociation"]["id"] == subnet
    rules = {
        k: [r["name"] for r in found[k]["securityRules"]] for k in ("networkInterfaceAssociation", "subnetAssociation")
    }
    assert rules == {"networkInterfaceAssociation": ["r100-in"], "subnetAssociation": ["r100-in"]}
    assert len(found["defaultSecurityRules"]) == 6
    assert len(found["effectiveSecurityRules"]) == 2 * 7
    default = found["defaultSecurityRules"][0]
    assert default["id"] == f"{resource_id(GROUPS, 'inner').text}/defaultSecurityRules/AllowVnetInBound"
    assert default["properties"]["provisioningState"] == "Succeeded"


def test_a_machine_without_groups_has_no_associations() -> None:
    assert view(network()) == {"defaultSecurityRules": [], "effectiveSecurityRules": []}


def test_a_view_of_a_stopped_machine_is_refused() -> None:
    lab = network()
    lab.edit(MACHINES, "a", power_state="stopped")
    assert codes(lab, "securityGroupView", targetResourceId=machine_id("a")) == ["TargetVirtualMachineNotRunning"]
