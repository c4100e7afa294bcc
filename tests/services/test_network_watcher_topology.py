"""The topology of a group, a network or a subnet; and what a watcher refuses to answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lazulite.arm.scopes import ResourceGroup
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from tests.build import GROUP, Lab, ref, resource_id, subnet_ref
from tests.services.asking import ask, codes, result
from tests.services.watched import account_id, guard, machine_id, network


def furnished() -> Lab:
    lab = network()
    scope = Resource(ResourceId(GROUP), ResourceGroup(), "westeurope")
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {scope.id.key: scope})[0]
    guard(lab, "g", nic="a-nic")
    lab.route_table("rt", {"8.0.0.0/8": "None"})
    lab.public_ip("p")
    lab.vnet(
        "v",
        "10.0.0.0/16",
        subnets={"web": {"addressPrefix": "10.0.0.0/24", "table": "rt", "group": "g"}, "db": "10.0.1.0/24"},
    )
    lab.nic("b-nic", "v/web", "10.0.0.5", publicIPAddress="p")
    lab.vnet("far", "10.9.0.0/16", subnets={"s": "10.9.0.0/24"}, location="eastus")
    return lab


def shown(answer: Any) -> dict[str, list[str]]:
    """Name to ``Contains name`` and ``Associated name``."""
    return {r["name"]: [f"{a['associationType']} {a['name']}" for a in r["associations"]] for r in answer["resources"]}


def of_group(lab: Lab, name: str = "rg") -> Any:
    return ask(lab, "topology", targetResourceGroupName=name)


def test_a_group_has_what_it_contains_and_what_hangs_on_what() -> None:
    found = shown(of_group(furnished()))
    assert found["v"] == ["Contains web", "Contains db"]
    assert found["web"] == ["Contains a-nic", "Contains b-nic", "Associated g", "Associated rt"]
    assert found["a-nic"] == ["Associated a", "Associated g"]
    assert found["b-nic"] == ["Associated b", "Associated p"]
    assert found["a"] == ["Contains a-nic"]
    assert found["rt"] == ["Contains to-8.0.0.0-8"]
    assert "p" in found


def test_only_the_region_of_the_watcher_is_told() -> None:
    answer = of_group(furnished())
    assert "far" not in shown(answer)
    assert {r["location"] for r in answer["resources"]} == {"westeurope"}


def test_the_answer_is_there_at_once_and_is_called_after_what_it_shows() -> None:
    lab = furnished()
    assert not result(lab, "topology", {"targetResourceGroupName": "rg"}).slow  # type: ignore[union-attr]
    first = of_group(lab)
    assert first["id"] == of_group(lab)["id"]
    lab.nic("c-nic", "v/db", "10.0.1.4")
    assert of_group(lab)["id"] != first["id"]
    assert first["createdDateTime"] == "2025-01-01T00:00:00Z"


def test_of_a_network_it_is_all_that_hangs_on_it() -> None:
    lab = furnished()
    lab.vnet("other", "10.5.0.0/16", subnets={"s": "10.5.0.0/24"})
    found = shown(ask(lab, "topology", targetVirtualNetwork=ref("virtualNetworks", "v")))
    assert {"v", "web", "db", "a-nic", "b-nic", "a", "b", "g", "rt", "p"} <= found.keys()
    assert "other" not in found


def test_of_a_subnet_it_is_what_hangs_on_that() -> None:
    lab = furnished()
    lab.nic("c-nic", "v/db", "10.0.1.4")
    found = shown(ask(lab, "topology", targetSubnet=subnet_ref("v/web")))
    assert {"web", "a-nic", "a", "g"} <= found.keys()
    assert not {"v", "db", "c-nic"} & found.keys()


def test_what_is_not_shown_is_no_association() -> None:
    answer = of_group(furnished())
    ids = {r["id"] for r in answer["resources"]}
    assert {a["resourceId"] for r in answer["resources"] for a in r["associations"]} <= ids


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({}, ["InvalidTopologyTarget"], id="no target"),
        pytest.param(
            {"targetResourceGroupName": "rg", "targetVirtualNetwork": ref("virtualNetworks", "v")},
            ["InvalidTopologyTarget"],
            id="two targets",
        ),
        pytest.param({"targetResourceGroupName": "nowhere"}, ["ResourceGroupNotFound"], id="a group that is not there"),
        pytest.param({"targetVirtualNetwork": ref("virtualNetworks", "z")}, ["ResourceNotFound"], id="a lost network"),
        pytest.param({"targetSubnet": subnet_ref("v/z")}, ["ResourceNotFound"], id="a lost subnet"),
        pytest.param(
            {"targetVirtualNetwork": ref("virtualNetworks", "far")},
            ["ResourceNotInNetworkWatcherRegion"],
            id="a network of another region",
        ),
    ],
)
def test_refused(body: dict[str, Any], expected: list[str]) -> None:
    assert codes(furnished(), "topology", **body) == expected


GATEWAY = resource_id("virtualNetworkGateways", "gw").text
STORED = {"storageId": account_id(), "storagePath": "https://logs.blob.core.windows.net/c"}


@pytest.mark.parametrize("verb", ["troubleshoot", "queryTroubleshootResult"])
def test_there_is_no_gateway_to_troubleshoot(verb: str) -> None:
    lab = network()
    assert codes(lab, verb, targetResourceId=GATEWAY, properties=STORED) == ["ResourceNotFound"]
    assert codes(lab, verb, targetResourceId=machine_id("a")) == ["InvalidTargetResource"]
    assert codes(lab, verb) == ["InvalidRequestFormat"]


@pytest.mark.parametrize("verb", ["availableProvidersList", "azureReachabilityReport"])
def test_the_labs_internet_has_no_providers(verb: str) -> None:
    assert codes(network(), verb) == ["FeatureNotSupported"]


def test_what_was_changed_last_is_told() -> None:
    lab = furnished()
    old = lab.get("virtualNetworks", "v")
    new = msgspec.structs.replace(old, changed="2026-01-01T00:00:00Z")
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {old.id.key: new})[0]
    assert of_group(lab)["lastModified"] == "2026-01-01T00:00:00Z"
