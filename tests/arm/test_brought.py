"""What the platform makes of its own accord, and what goes with what it is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.arm.client import GROUP, SUBSCRIPTION, Client
from tests.arm.product import HERE, product

NETWORK = f"{GROUP}/providers/Microsoft.Network"
OWN = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/NetworkWatcherRG"
WATCHERS = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/networkWatchers"


@pytest.fixture
def one() -> Iterator[Client]:
    with product() as client:
        yield client


def network(one: Client, name: str, location: str = "westeurope") -> Any:
    body = {"location": location, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": []}}
    return one.put(f"{NETWORK}/virtualNetworks/{name}", body)


def watchers(one: Client) -> list[str]:
    return [w["name"] for w in one.get(WATCHERS).body["value"]]


def test_the_first_network_of_a_region_brings_its_watcher_and_the_group_for_it(one: Client) -> None:
    assert watchers(one) == []
    assert one.get(OWN).status == 404
    network(one, "v")
    group = one.get(OWN)
    assert (group.status, group.body["name"], group.body["location"]) == (200, "NetworkWatcherRG", "westeurope")
    (found,) = one.get(WATCHERS).body["value"]
    assert found["id"] == f"{OWN}/providers/Microsoft.Network/networkWatchers/NetworkWatcher_westeurope"
    assert (found["location"], found["properties"]) == ("westeurope", {"provisioningState": "Succeeded"})


def test_every_region_has_one_and_only_one(one: Client) -> None:
    for name, region in (("a", "westeurope"), ("b", "westeurope"), ("c", "eastus")):
        network(one, name, region)
    assert watchers(one) == ["NetworkWatcher_eastus", "NetworkWatcher_westeurope"]
    second = one.put(f"{NETWORK}/networkWatchers/own", {"location": "eastus"})
    assert (second.status, second.body["error"]["code"]) == (400, "NetworkWatcherCountLimitReached")


def test_a_watcher_of_the_users_own_is_enough(one: Client) -> None:
    made = one.put(f"{NETWORK}/networkWatchers/own", HERE)
    assert made.status == 201
    network(one, "v")
    assert watchers(one) == ["own"]
    assert one.get(OWN).status == 404


def test_a_watcher_that_was_deleted_comes_again_with_the_next_write_of_a_network(one: Client) -> None:
    network(one, "v")
    assert one.delete(f"{OWN}/providers/Microsoft.Network/networkWatchers/NetworkWatcher_westeurope").status < 300
    assert watchers(one) == []
    network(one, "v")
    assert watchers(one) == ["NetworkWatcher_westeurope"]


def test_a_network_that_is_refused_brings_nothing(one: Client) -> None:
    body = {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.1/8"]}}}
    assert one.put(f"{NETWORK}/virtualNetworks/v", body).status == 400
    assert watchers(one) == []


def log(one: Client, name: str, target: str) -> str:
    one.put(
        f"{GROUP}/providers/Microsoft.Storage/storageAccounts/lazulitelogs", HERE | {"sku": {"name": "Standard_LRS"}}
    )
    path = f"{OWN}/providers/Microsoft.Network/networkWatchers/NetworkWatcher_westeurope/flowLogs/{name}"
    storage = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/lazulitelogs"
    made = one.put(path, HERE | {"properties": {"targetResourceId": target, "storageId": storage}})
    assert made.status == 201, made.content
    return path


def test_a_flow_log_goes_with_its_group(one: Client) -> None:
    network(one, "v")
    group = f"{NETWORK}/networkSecurityGroups/g"
    one.put(group, HERE)
    path = log(one, "f", group)
    assert one.get(group).body["properties"]["flowLogs"][0]["id"].endswith("/flowLogs/f")
    assert one.delete(group).status < 300
    assert one.get(path).status == 404
    one.put(group, HERE)
    assert one.get(path).status == 404


def test_a_flow_log_goes_with_its_subnet_however_that_goes(one: Client) -> None:
    network(one, "v")
    subnet = f"{NETWORK}/virtualNetworks/v/subnets/s"
    for name, away in (("alone", lambda: one.delete(subnet)), ("left out", lambda: network(one, "v"))):
        assert one.put(subnet, {"properties": {"addressPrefix": "10.0.0.0/24"}}).status in (200, 201)
        path = log(one, name.replace(" ", "-"), subnet)
        away()
        assert one.get(path).status == 404, name


def test_a_flow_log_goes_with_the_group_of_its_target(one: Client) -> None:
    network(one, "v")
    path = log(one, "f", f"{NETWORK}/virtualNetworks/v")
    assert one.delete(GROUP).status == 202
    assert one.get(path).status == 404
    assert watchers(one) == ["NetworkWatcher_westeurope"]


def test_a_verb_is_polled_or_answered_at_once_as_recorded(one: Client) -> None:
    network(one, "v")
    watcher = f"{OWN}/providers/Microsoft.Network/networkWatchers/NetworkWatcher_westeurope"
    at_once = one.post(f"{watcher}/topology", {"targetResourceGroupName": GROUP.rsplit("/", 1)[1]})
    assert (at_once.status, at_once.body["resources"][0]["name"]) == (200, "v")
    refused = one.post(f"{watcher}/nextHop", {"targetResourceId": f"{NETWORK}/x/y"})
    assert refused.status == 400
    assert len(refused.body["error"]["details"]) == 2
    one.put(f"{NETWORK}/networkSecurityGroups/g", HERE)
    polled = one.post(f"{watcher}/queryFlowLogStatus", {"targetResourceId": f"{NETWORK}/networkSecurityGroups/g"})
    assert (polled.status, polled.body) == (202, None)
    answer = one.get(polled.headers["location"])
    while answer.status == 202:
        answer = one.get(polled.headers["location"])
    assert answer.body["properties"]["enabled"] is False
