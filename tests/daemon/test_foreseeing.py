"""What deleting would do, at a lab without packets that holds the demo's network; nothing is deleted by asking."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lazulite.cli.api import Reply
from lazulite.testing import Lab, lab

TEMPLATE = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    with lab(memory=True) as one:
        one.deploy(TEMPLATE, group="demo")
        yield one


def group(one: Lab) -> str:
    return f"{one.client.subscription}/resourceGroups/demo"


def asked(one: Lab, *ids: str) -> Reply:
    return one.client.exchange("POST", "/lazulite/foresee", {"deletes": ids})


def foreseen(one: Lab, *ids: str) -> dict[str, Any]:
    before = one.client.get("/lazulite/status")["revision"]["stored"]
    reply = asked(one, *ids)
    assert reply.status == 200, reply.body
    assert one.client.get("/lazulite/status")["revision"]["stored"] == before
    found: dict[str, Any] = reply.body
    return found


def held(one: Lab, kind: str) -> list[dict[str, Any]]:
    rows = one.client.get(f"{group(one)}/resources")["value"]
    return [r for r in rows if r["type"].lower() == f"microsoft.{kind}".lower()]


def test_what_is_in_use_is_refused_with_azures_code_and_by_whom(demo: Lab) -> None:
    [first, *_] = held(demo, "Network/networkInterfaces")
    found = foreseen(demo, first["id"])
    [refusal] = found["refusals"]
    assert refusal["id"] == first["id"]
    assert refusal["error"]["code"] == "NicInUse"
    assert found["gone"] == []
    assert found["reachability"] == {"differences": []}


def test_a_machine_and_its_interface_can_go_together_in_either_order(demo: Lab) -> None:
    [machine, *_] = held(demo, "Compute/virtualMachines")
    nics = demo.client.get(machine["id"])["properties"]["networkProfile"]["networkInterfaces"]
    ids = [n["id"] for n in nics]
    for order in ([machine["id"], *ids], [*ids, machine["id"]]):
        found = foreseen(demo, *order)
        assert found["refusals"] == []
        assert {i.lower() for i in found["gone"]} >= {i.lower() for i in order}


def test_deleting_a_deny_rule_tells_which_flows_open(demo: Lab) -> None:
    name = "deny-for-the-test"
    [security, *_] = [
        g for g in held(demo, "Network/networkSecurityGroups") if "web" in g["name"] or "app" in g["name"]
    ]
    rule = {"priority": 101, "direction": "Inbound", "access": "Deny", "protocol": "*", "sourcePortRange": "*"}
    rule |= {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*"}
    path = f"{security['id']}/securityRules/{name}"
    demo.client.put(path, {"properties": rule})
    try:
        found = foreseen(demo, path)
    finally:
        demo.client.exchange("DELETE", path)
    assert found["refusals"] == []
    assert [i.rsplit("/", 1)[1] for i in found["gone"]] == [name]
    changes = [c for row in found["reachability"]["differences"] for c in row["changes"]]
    assert {c["becomes"] for c in changes} == {"allowed"}
    assert all(c["now"]["origin"].endswith(f"/{name}") for c in changes)


def test_a_group_goes_with_everything_in_it(demo: Lab) -> None:
    found = foreseen(demo, group(demo))
    assert found["refusals"] == []
    assert {i.lower() for i in found["gone"]} >= {
        r["id"].lower() for r in demo.client.get(f"{group(demo)}/resources")["value"]
    }
    assert {c["becomes"] for row in found["reachability"]["differences"] for c in row["changes"]} == {"denied"}


def test_a_lock_refuses_as_it_would(demo: Lab) -> None:
    lock = f"{group(demo)}/providers/Microsoft.Authorization/locks/keep"
    demo.client.put(lock, {"properties": {"level": "CanNotDelete"}})
    try:
        found = foreseen(demo, group(demo))
    finally:
        demo.client.exchange("DELETE", lock)
    assert [r["error"]["code"] for r in found["refusals"]] == ["ScopeLocked"]
    assert found["gone"] == []


def test_who_refers_to_what_goes_is_told(demo: Lab) -> None:
    [network, *_] = held(demo, "Network/virtualNetworks")
    machines = held(demo, "Compute/virtualMachines")
    nics = held(demo, "Network/networkInterfaces")
    pair = [machines[0]["id"]]
    found = foreseen(demo, *pair)
    assert all(any(a.lower().startswith(n["id"].lower()) for n in nics) or a for a in found["affected"])
    assert network["id"] not in found["gone"]


@pytest.mark.parametrize(
    ("ids", "status", "code"),
    [
        pytest.param([], 400, "InvalidRequestContent", id="nothing"),
        pytest.param(["nonsense"], 400, "InvalidResourceId", id="what is no id"),
        pytest.param(["/subscriptions/x/resourceGroups/none"], 404, "ResourceNotFound", id="what is not there"),
    ],
)
def test_questions_about_nothing_are_refused(demo: Lab, ids: list[str], status: int, code: str) -> None:
    reply = asked(demo, *ids)
    assert (reply.status, reply.body["error"]["code"], reply.body["error"]["target"]) == (status, code, "deletes")
