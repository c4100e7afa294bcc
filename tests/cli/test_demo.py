"""What the demo proves and when it calls it proven."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from lazulite.cli.demo.plan import PORTS, Row, address, rows
from lazulite.cli.demo.proof import Finding
from lazulite.cli.demo.table import as_json

WEB = {"name": "web", "kind": "vm", "addresses": ["10.1.1.4"], "publicAddresses": ["198.18.0.2"]}
DB = {"name": "db", "kind": "vm", "addresses": ["10.2.1.4"], "publicAddresses": []}
VISITOR = {"name": "visitor", "kind": "client", "addresses": ["198.18.0.9"], "publicAddresses": ["198.18.0.9"]}


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        pytest.param(WEB, DB, "10.2.1.4", id="machines use private addresses"),
        pytest.param(VISITOR, WEB, "198.18.0.2", id="the Internet uses the public one"),
        pytest.param(VISITOR, DB, None, id="and cannot address a machine without"),
        pytest.param(DB, VISITOR, "198.18.0.9", id="a client has its own"),
    ],
)
def test_the_address_one_would_use(source: dict[str, Any], destination: dict[str, Any], expected: str | None) -> None:
    assert address(source, destination) == expected


def test_a_template_without_a_proof_is_asked_about_all_its_pairs() -> None:
    found = rows({"properties": {}}, [WEB, DB, VISITOR])
    pairs = {(r.source, r.destination) for r in found}
    assert pairs == {("web", "db"), ("db", "web"), ("web", "visitor"), ("db", "visitor"), ("visitor", "web")}
    assert len(found) == len(pairs) * len(PORTS)
    assert {r.expected for r in found} == {None}


def test_a_template_with_a_proof_is_asked_about_that() -> None:
    listed = [{"from": "web", "to": "db", "protocol": "tcp", "port": 5432, "expect": True, "why": "because"}]
    found = rows({"properties": {"outputs": {"proof": {"type": "Array", "value": listed}}}}, [WEB, DB])
    assert found == [Row("web", "db", "tcp", 5432, True, "because")]


def test_our_own_template_wants_both_sorts() -> None:
    template = json.loads((files("lazulite.cli.demo") / "hub-and-spoke.json").read_text())
    proof = template["outputs"]["proof"]["value"]
    assert {row["expect"] for row in proof} == {True, False}
    assert {row["protocol"] for row in proof} == {"tcp", "udp", "icmp"}


def finding(**changes: Any) -> Finding:
    row = Row("web", "db", "tcp", 80, changes.pop("expected", True))
    plain = Finding(row, True, "nsg/allow", True, "connected", (), ())
    return plain._replace(**changes)


@pytest.mark.parametrize(
    ("found", "agrees"),
    [
        pytest.param(finding(), True, id="wanted, modelled, seen"),
        pytest.param(finding(expected=None), True, id="nobody said what is wanted"),
        pytest.param(finding(expected=False, modelled=False, packet=False), True, id="kept out as designed"),
        pytest.param(finding(packet=False), False, id="the packet is lost"),
        pytest.param(finding(expected=None, modelled=False), False, id="the packet passes and should not"),
        pytest.param(finding(expected=False), False, id="the design is not met"),
        pytest.param(finding(modelled_path=("nva",)), False, id="the packet went around the appliance"),
        pytest.param(finding(seen_path=("nva",)), False, id="the packet made a detour"),
        pytest.param(finding(modelled_path=("nva",), seen_path=("nva",)), True, id="through the appliance"),
    ],
)
def test_a_row_is_proven_when_design_model_and_packet_agree(found: Finding, agrees: bool) -> None:
    assert found.agrees is agrees
    assert as_json(found)["agrees"] is agrees
