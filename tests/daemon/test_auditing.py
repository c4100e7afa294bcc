"""What is wrong with a network, in the names people use."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.arm.errors import ArmError
from lazulite.daemon.auditing import AuditQuestion, audit
from tests.build import Lab
from tests.daemon.test_foresight import shop

RULE = {"direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourcePortRange": "*"}
ANYBODY = {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*"}


def with_rules(**ports: str) -> Lab:
    """The shop; its group allows each of *ports* from anywhere, by the name of the rule, in this order."""
    lab = shop()
    rules = [
        {"name": name, "properties": RULE | ANYBODY | {"priority": 100 + i, "destinationPortRange": port}}
        for i, (name, port) in enumerate(ports.items())
    ]
    lab.put("networkSecurityGroups", "nsg", {"securityRules": rules})
    return lab


def told(lab: Lab, within: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = audit(lab.compile(), lab.snapshot, AuditQuestion(within))["value"]
    return found


def test_a_shadowed_rule_is_told_with_the_id_of_the_rule_before_it() -> None:
    [row] = told(with_rules(web="80-90", late="85"))
    assert (row["severity"], row["concern"]) == ("warning", "shadowed-rule")
    assert row["resource"].endswith("/securityRules/late")
    assert [by.rpartition("/")[2] for by in row["by"]] == ["web"]


def test_ssh_for_the_world_is_told_with_the_machine_the_rule_and_a_flow() -> None:
    [row] = told(with_rules(ssh="22"))
    assert (row["concern"], row["to"]["names"], row["from"]["names"]) == (
        "exposed-management-port",
        ["web"],
        ["Internet"],
    )
    assert row["witness"]["destinationPort"] == 22
    assert row["by"][0].endswith("/securityRules/ssh")
    assert row["resource"].endswith("/publicIPAddresses/pip")


def test_default_rules_and_the_platforms_own_are_never_told() -> None:
    assert told(shop()) == []


def test_findings_may_be_of_some_resources_alone_and_come_the_worst_first() -> None:
    lab = with_rules(web="80-90", late="85", ssh="22", again="22")
    assert [r["severity"] for r in told(lab)] == ["warning"] * 3
    assert [r["concern"] for r in told(lab, "RULES/late")] == ["shadowed-rule"]


def test_what_a_resource_proves_is_told_about_it_too() -> None:
    [row] = told(with_rules(ssh="22"), "rules/SSH")
    assert row["resource"].endswith("/publicIPAddresses/pip")


def test_about_a_resource_that_is_not_there_nothing_is_told_but_that() -> None:
    with pytest.raises(ArmError, match="No resource has 'nowhere' in its id") as caught:
        told(with_rules(ssh="22"), "nowhere")
    assert (caught.value.status, caught.value.code, caught.value.target) == (404, "ResourceNotFound", "within")


def test_a_resource_without_findings_is_no_error() -> None:
    assert told(with_rules(ssh="22"), "virtualNetworks/") == []


def test_a_peering_of_one_end_is_told_until_the_other_end_is_there() -> None:
    lab = Lab()
    for name, prefix in (("one", "10.0.0.0/16"), ("two", "10.1.0.0/16")):
        lab.vnet(name, prefix)
    lab.peer("one", "two")
    [row] = told(lab)
    assert (row["severity"], row["concern"]) == ("warning", "one-sided-peering")
    assert "/virtualNetworks/one/virtualNetworkPeerings/" in row["resource"]
    assert row["message"] == "it is Initiated and carries nothing: two has no such link to one"
    lab.peer("two", "one")
    assert told(lab) == []
