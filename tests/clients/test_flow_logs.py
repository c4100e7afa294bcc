"""Scenario 61: traffic to and from a machine is logged, and the log read back with the storage SDK.

A flow log of a security group and one of a virtual network, made with the network SDK; what they say is what packets
did: a connection that was let through with its rule, bytes and end, and one that was not with the rule that stopped it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.network import models
from azure.storage.blob import BlobServiceClient

from lazulite.testing import Lab
from tests.clients.sdk import LOCATION, Sdk
from tests.clients.serving import ask, serving
from tests.clients.test_storage import options, proxy
from tests.waiting import until

covers = pytest.mark.covers
KIND = "Microsoft.Network/networkWatchers/flowLogs"
WATCHERS, WATCHER = "NetworkWatcherRG", f"NetworkWatcher_{LOCATION}"
ACCOUNT = "scenariologs"
PATIENCE_S = 150
"""Logs are written once a minute."""
GROUP_CONTAINER = "insights-logs-networksecuritygroupflowevent"
NETWORK_CONTAINER = "insights-logs-flowlogflowevent"


class Seen(NamedTuple):
    """What one tuple says."""

    rule: str
    source: str
    destination: str
    port: int
    direction: str
    verdict: str
    state: str
    numbers: tuple[int, ...]


@pytest.fixture
def account(lab: Lab, group: str) -> Iterator[Callable[[], BlobServiceClient]]:
    """A storage account, as a client on the host reads it through the lab's proxy."""
    base = f"{lab.client.subscription}/resourceGroups/{group}/providers"
    path = f"{base}/Microsoft.Storage/storageAccounts/{ACCOUNT}"
    body = {"location": LOCATION, "sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {}}
    made = lab.client.put(path, body)
    lab.client.put(f"{base}/Lazulite.Lab/clients/reader", {"location": LOCATION, "properties": {"country": "DE"}})
    key = lab.client.post(f"{path}/listKeys")["keys"][0]["value"]
    with proxy(lab, "reader") as address:
        endpoint = made["properties"]["primaryEndpoints"]["blob"]
        yield lambda: BlobServiceClient(endpoint, key, **options(lab, address))


def network(sdk: Sdk, group: str) -> tuple[str, str]:
    """Machines web and db in a network, db behind a group that lets 443 in alone; ids of group and network."""
    nsg = sdk.security_group(group, "nsg", 443)
    deny = models.SecurityRule(
        priority=2000,
        direction="Inbound",
        access="Deny",
        protocol="Tcp",
        source_address_prefix="*",
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="*",
    )
    sdk.network.security_rules.begin_create_or_update(group, "nsg", "closed", deny).result()
    made = sdk.network.virtual_networks.begin_create_or_update(
        group,
        "net",
        models.VirtualNetwork(
            location=LOCATION,
            address_space=models.AddressSpace(address_prefixes=["10.0.0.0/16"]),
            subnets=[models.Subnet(name="s", address_prefix="10.0.0.0/24")],
        ),
    ).result()
    subnet = str(made.subnets[0].id)
    sdk.machine(group, "web", subnet, address="10.0.0.4")
    sdk.machine(group, "db", subnet, address="10.0.0.5", nsg=nsg)
    return nsg, str(made.id)


def logged(sdk: Sdk, name: str, target: str, group: str, version: int = 2) -> models.FlowLog:
    base = f"/subscriptions/{sdk.subscription}/resourceGroups/{group}/providers"
    described = models.FlowLog(
        location=LOCATION,
        target_resource_id=target,
        storage_id=f"{base}/Microsoft.Storage/storageAccounts/{ACCOUNT}",
        enabled=True,
        format=models.FlowLogFormatParameters(type="JSON", version=version),
    )
    return sdk.network.flow_logs.begin_create_or_update(WATCHERS, WATCHER, name, described).result()


def blobs(client: BlobServiceClient, container: str) -> dict[str, Any]:
    """The content of every blob of a container, by name; none while there is no container."""
    try:
        opened = client.get_container_client(container)
        return {b.name: json.loads(opened.download_blob(b.name).readall()) for b in opened.list_blobs()}
    except HttpResponseError:
        return {}


def of_group(record: dict[str, Any]) -> Iterator[Seen]:
    for rule in record["properties"]["flows"]:
        for flow in rule["flows"]:
            for line in flow["flowTuples"]:
                _, source, target, _, port, _, way, verdict, state, *numbers = line.split(",")
                counted = tuple(int(n) for n in numbers if n)
                yield Seen(rule["rule"], source, target, int(port), way, verdict, state, counted)


def of_network(record: dict[str, Any]) -> Iterator[Seen]:
    for flow in record["flowRecords"]["flows"]:
        for group in flow["flowGroups"]:
            for line in group["flowTuples"]:
                _, source, target, _, port, _, way, state, _, *numbers = line.split(",")
                counted = tuple(int(n) for n in numbers if n)
                verdict = "D" if state == "D" else "A"
                yield Seen(group["rule"], source, target, int(port), way, verdict, state, counted)


@covers(KIND, "create", "show", "list", "delete", client="sdk")
def test_what_packets_did_is_in_the_blobs_of_both_kinds_of_log(
    lab: Lab, sdk: Sdk, group: str, account: Callable[[], BlobServiceClient]
) -> None:
    nsg, vnet = network(sdk, group)
    made = logged(sdk, "of-group", nsg, group)
    assert (made.provisioning_state, made.enabled, made.format.version) == ("Succeeded", True, 2)
    logged(sdk, "of-network", vnet, group)
    assert {f.name for f in sdk.network.flow_logs.list(WATCHERS, WATCHER)} >= {"of-group", "of-network"}
    with serving(lab, ["db"], 443, 8443):
        assert len(ask(lab, "web", "db", 443)) == 1
        assert ask(lab, "web", "db", 8443, patience_s=2) == []
    client = account()

    def group_log() -> list[Seen]:
        return [s for c in blobs(client, GROUP_CONTAINER).values() for r in c["records"] for s in of_group(r)]

    def network_log() -> list[Seen]:
        return [s for c in blobs(client, NETWORK_CONTAINER).values() for r in c["records"] for s in of_network(r)]

    def ended(seen: list[Seen]) -> bool:
        return any(s.port == 443 and s.state == "E" for s in seen) and any(s.port == 8443 for s in seen)

    seen = until(group_log, ended, limit_s=PATIENCE_S, pause_s=0.5)
    (begun,) = [s for s in seen if s.port == 443 and s.state == "B"]
    assert begun[:6] == ("UserRule_web", "10.0.0.4", "10.0.0.5", 443, "I", "A")
    end = next(s for s in seen if s.port == 443 and s.state == "E")
    assert all(n > 0 for n in end.numbers)
    refused = [s for s in seen if s.port == 8443]
    assert {(s.rule, s.direction, s.verdict) for s in refused} == {("UserRule_closed", "I", "D")}
    for name, content in blobs(client, GROUP_CONTAINER).items():
        subject = nsg.upper()
        assert name.startswith(f"resourceId={subject}/y=")
        assert name.endswith("/PT1H.json")
        assert {r["category"] for r in content["records"]} == {"NetworkSecurityGroupFlowEvent"}

    def whole(seen: list[Seen]) -> bool:
        """Of both machines, each of which has a blob of its own."""
        return all(ended([s for s in seen if s.direction == way]) for way in "IO")

    until(network_log, whole, limit_s=PATIENCE_S, pause_s=0.5)
    for name in ("of-group", "of-network"):
        sdk.network.flow_logs.begin_delete(WATCHERS, WATCHER, name).result()


def test_a_log_to_an_account_that_there_is_not_is_refused(lab: Lab, sdk: Sdk, group: str) -> None:
    nsg, _ = network(sdk, group)
    with pytest.raises(HttpResponseError) as refused:
        logged(sdk, "lost", nsg, group)
    assert 400 <= (refused.value.status_code or 0) < 500
    assert "lost" not in {f.name for f in sdk.network.flow_logs.list(WATCHERS, WATCHER)}
