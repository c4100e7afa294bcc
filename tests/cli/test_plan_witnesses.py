"""The flows that a plan quotes, sent: they fare as it says of now, and after the deployment as it says of then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lazulite.testing import Lab, lab
from lazulite.testing.probes import Probe, probe_many

pytestmark = pytest.mark.packets

DEMO = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))
PATIENCE_S, SILENCE_S = 30.0, 1.0
"""How long an answer may take that is to come, and after which time one does not come that is not to."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    with lab() as one:
        one.deploy(DEMO)
        yield one


def with_rule(document: Any, group: str, **rule: Any) -> Any:
    found = next(r for r in document["resources"] if r["name"] == group)
    defaults = {"direction": "Inbound", "access": "Allow", "sourcePortRange": "*", "destinationAddressPrefix": "*"}
    found["properties"]["securityRules"].append({"name": f"rule-{rule['priority']}", "properties": defaults | rule})
    return document


def changed() -> Any:
    """A port opened to the world, one closed inside, one opened behind the appliance."""
    document = json.loads(DEMO.read_text())
    with_rule(document, "nsg-web", priority=110, protocol="Tcp", sourceAddressPrefix="*", destinationPortRange="22")
    closed = {"access": "Deny", "protocol": "Tcp", "sourceAddressPrefix": "10.1.2.0/24", "destinationPortRange": "81"}
    with_rule(document, "nsg-web", priority=120, **closed)
    opened = {"protocol": "Tcp", "sourceAddressPrefix": "10.1.1.0/24", "destinationPortRange": "6379"}
    with_rule(document, "nsg-data", priority=105, **opened)
    return document


def witnesses(found: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each change with a witness that a guest of the lab can send."""
    changes = [c for row in found["properties"]["reachability"]["differences"] for c in row["changes"]]
    return [(c, c["witness"]) for c in changes if c["witness"]["sender"] != "Internet" and "tcp" in c["protocols"]]


def prove(one: Lab, flow: dict[str, Any], expected: bool) -> None:
    probe = Probe(flow["destination"], "tcp", flow["destinationPort"], PATIENCE_S if expected else SILENCE_S)
    assert probe_many(one, flow["sender"], [probe])[0].passes == expected


def test_witnesses_are_packets(demo: Lab) -> None:
    url = f"{demo.group}/providers/Microsoft.Resources/deployments/deployment/whatIf?reachability=true"
    found = demo.client.post(url, {"properties": {"mode": "Incremental", "template": changed()}})
    seen = witnesses(found)
    assert {(w["sender"], c["destinationPorts"], c["becomes"]) for c, w in seen} == {
        ("visitor", "22", "allowed"),
        ("batch", "81", "denied"),
        ("web", "6379", "allowed"),
    }
    for change, flow in seen:
        prove(demo, flow, change["becomes"] == "denied")
    demo.deploy(changed())
    for change, flow in seen:
        prove(demo, flow, change["becomes"] == "allowed")
