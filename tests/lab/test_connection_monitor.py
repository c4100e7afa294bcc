"""A connection monitor in a lab: Azure's tutorial "monitor communication between VMs", its results those of packets."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from lazulite.testing import Lab, lab, vm
from tests import waiting
from tests.reliability.processes import agent

LIMIT_S = 180.0
"""Bound of what must happen. The shortest time between two rounds of a check is 30 s."""
MONITOR = (
    "{sub}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_westeurope"
    "/connectionMonitors/pulse"
)
NO_SSH = {
    "priority": 100,
    "direction": "Inbound",
    "access": "Deny",
    "protocol": "Tcp",
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "22",
}


@pytest.fixture(scope="module")
def pair() -> Iterator[Lab]:
    """Machines a and b in one subnet, b behind a security group."""
    with lab() as one:
        one.put("networkSecurityGroups/nsg", {"properties": {}})
        subnets = [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}]
        space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets}
        one.put("virtualNetworks/v", {"properties": space})
        vm(one, "a", "virtualNetworks/v/subnets/s")
        agent = {"publisher": "Microsoft.Azure.NetworkWatcher", "type": "NetworkWatcherAgentLinux"}
        extension = "Microsoft.Compute/virtualMachines/a/extensions/watcher"
        one.put(extension, {"properties": agent | {"typeHandlerVersion": "1.4"}})
        vm(one, "b", "virtualNetworks/v/subnets/s", nsg="networkSecurityGroups/nsg")
        yield one


def machine(one: Lab, name: str) -> str:
    return one.id(f"Microsoft.Compute/virtualMachines/{name}")


def monitor(one: Lab, **configuration: Any) -> str:
    """Make or change the monitor of a to b; another configuration is measured at once."""
    path = MONITOR.format(sub=one.client.subscription)
    ssh = {"port": 22, "destinationPortBehavior": "ListenIfAvailable"}
    tests = [
        {"name": "ssh", "protocol": "Tcp", "tcpConfiguration": ssh},
        {"name": "ping", "protocol": "Icmp", "icmpConfiguration": {}},
    ]
    group = {"name": "all", "testConfigurations": ["ssh", "ping"], "sources": ["a"], "destinations": ["b"]}
    properties = {
        "endpoints": [{"name": n, "type": "AzureVM", "resourceId": machine(one, n)} for n in ("a", "b")],
        "testConfigurations": [{"testFrequencySec": 30} | t | configuration for t in tests],
        "testGroups": [group],
    }
    one.client.put(path, {"location": "westeurope", "properties": properties})
    return path


def states(one: Lab, path: str) -> dict[str, dict[str, Any]]:
    """By the name of the test configuration."""
    found = one.client.post(f"{path}/query")["states"]
    return {s["checkName"].split("/")[1]: s for s in found}


until = partial(waiting.until, limit_s=LIMIT_S)


def results(one: Lab, path: str) -> dict[str, str]:
    return {name: s["testResult"] for name, s in states(one, path).items()}


def test_a_monitor_sees_what_a_rule_does_to_packets(pair: Lab) -> None:
    path = monitor(pair)
    until(lambda: results(pair, path) == {"ssh": "Pass", "ping": "Pass"})
    found = states(pair, path)["ssh"]
    assert (found["connectionState"], found["probesSent"], found["probesFailed"]) == ("Reachable", 10, 0)
    assert found["minLatencyInMs"] <= found["avgLatencyInMs"] <= found["maxLatencyInMs"]
    rule = "networkSecurityGroups/nsg/securityRules/no-ssh"
    pair.put(rule, {"properties": NO_SSH})
    monitor(pair, testFrequencySec=60)
    until(lambda: results(pair, path) == {"ssh": "Fail", "ping": "Pass"})
    broken = states(pair, path)["ssh"]
    assert (broken["connectionState"], broken["probesFailed"]) == ("Unreachable", 10)
    assert broken["reason"] == "no answer in time"
    pair.delete(rule)
    monitor(pair)
    until(lambda: results(pair, path) == {"ssh": "Pass", "ping": "Pass"})


def test_thresholds_judge_the_same_packets(pair: Lab) -> None:
    path = monitor(pair, successThreshold={"roundTripTimeMs": 0.001})
    until(lambda: set(results(pair, path).values()) == {"Fail"})
    assert {s["probesFailed"] for s in states(pair, path).values()} == {0}


def test_results_outlive_the_agent_and_end_with_a_stop(pair: Lab) -> None:
    path = monitor(pair)
    until(lambda: results(pair, path) == {"ssh": "Pass", "ping": "Pass"})
    before = states(pair, path)["ping"]
    os.kill(agent(pair.directory), signal.SIGKILL)
    until(lambda: states(pair, path)["ping"].get("endTime", "") > before["endTime"])
    assert states(pair, path)["ping"]["startTime"] == before["startTime"]
    pair.client.post(f"{path}/stop")
    assert pair.client.post(f"{path}/query")["sourceStatus"] == "Inactive"
    assert pair.client.get(path)["properties"]["monitoringStatus"] == "Stopped"
