"""Long-running operations as azure-core polls them: it asks until the end, and is never told to wait long."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.compute import models as compute
from azure.mgmt.network import models as network

from lazulite.testing import Lab
from tests.clients.sdk import LOCATION, Exchange, Sdk

covers = pytest.mark.covers

LONGEST_PAUSE_S = 1.0
"""Without a positive hint azure-core sleeps 30 s between polls."""
AWAIT_SIGNAL = "timeout 60 sh -c 'until [ -e /tmp/signal ]; do sleep 0.05; done'; echo signalled"


def assert_hinted(sdk: Sdk) -> None:
    """Every answer that makes the client ask again says when, and the client means to comply."""
    asked_again = [e for e in sdk.exchanges if e.status == 202 or (e.body or {}).get("status") == "InProgress"]
    started = [e for e in sdk.exchanges if "azure-asyncoperation" in e.headers]
    for exchange in (*asked_again, *started):
        assert float(exchange.headers["retry-after"]) > 0
        assert 0 < int(exchange.headers["x-ms-retry-after-ms"]) <= 1000 * LONGEST_PAUSE_S
    assert all(0 < pause_s <= LONGEST_PAUSE_S for pause_s in sdk.pauses_s)


@covers("Microsoft.Network/virtualNetworks", "create", "show", "delete", client="sdk")
def test_a_write_is_over_at_once_or_polled_and_then_read(sdk: Sdk, group: str) -> None:
    """How long the kernel takes decides; both are as the client wants them."""
    sdk.virtual_network(group, "net", "10.0.0.0/16")
    written, *polls = sdk.exchanges
    assert (written.method, written.status) == ("PUT", 201)
    if "azure-asyncoperation" in written.headers:
        *polls, read = polls
        assert {p.url for p in polls} == {written.headers["azure-asyncoperation"]}
        assert polls[-1].body["status"] == "Succeeded"
        assert (read.method, read.url) == ("GET", written.url)
    last = sdk.exchanges[-1]
    assert (last.url, last.body["properties"]["provisioningState"]) == (written.url, "Succeeded")
    sdk.exchanges.clear()
    sdk.network.virtual_networks.begin_delete(group, "net").result()
    assert (sdk.exchanges[0].status, bool(sdk.polls)) in [(200, False), (202, True)]
    assert_hinted(sdk)
    with pytest.raises(ResourceNotFoundError):
        sdk.network.virtual_networks.get(group, "net")


@covers("Microsoft.Compute/virtualMachines", "run-command", client="sdk")
def test_a_slow_operation_is_polled_until_it_ends(lab: Lab, sdk: Sdk, group: str) -> None:
    """The machine waits for a sign that the test gives once a poll has been told that it is not over."""
    subnets = sdk.virtual_network(group, "net", "10.0.0.0/16", hosts="10.0.0.0/24")
    sdk.machine(group, "slow", subnets["hosts"])
    sdk.exchanges.clear()

    def signal(exchange: Exchange) -> None:
        if (exchange.body or {}).get("status") == "InProgress":
            lab.exec("slow", ["touch", "/tmp/signal"])

    sdk.on_poll = signal
    script = compute.RunCommandInput(command_id="RunShellScript", script=[AWAIT_SIGNAL])
    result = sdk.compute.virtual_machines.begin_run_command(group, "slow", script).result()
    assert "signalled" in result.value[0].message
    states = [e.body["status"] for e in sdk.polls if "/operations/" in e.url.lower()]
    assert (states[0], states[-1]) == ("InProgress", "Succeeded")
    assert len(sdk.pauses_s) == len(states) - 1
    assert_hinted(sdk)


@covers("Microsoft.Resources/resourceGroups", "create", "show", "delete", client="sdk")
def test_a_group_goes_with_all_that_is_in_it(sdk: Sdk) -> None:
    sdk.resources.resource_groups.create_or_update("doomed", {"location": LOCATION, "tags": {"a": "b"}})
    assert sdk.resources.resource_groups.get("doomed").tags == {"a": "b"}
    sdk.machine("doomed", "m", sdk.virtual_network("doomed", "net", "10.0.0.0/16", hosts="10.0.0.0/24")["hosts"])
    sdk.exchanges.clear()
    sdk.resources.resource_groups.begin_delete("doomed").result()
    assert [sdk.exchanges[0].status, sdk.exchanges[-1].status] == [202, 200]
    assert_hinted(sdk)
    assert not sdk.resources.resource_groups.check_existence("doomed")


def test_a_refusal_says_what_and_where_and_is_not_repeated(sdk: Sdk, group: str) -> None:
    described = network.VirtualNetwork(
        location=LOCATION,
        address_space=network.AddressSpace(address_prefixes=["10.0.0.0/16"]),
        subnets=[network.Subnet(name="out", address_prefix="10.1.0.0/24")],
    )
    with pytest.raises(HttpResponseError) as refused:
        sdk.network.virtual_networks.begin_create_or_update(group, "net", described)
    assert (refused.value.status_code, refused.value.error.code) == (400, "NetcfgInvalidSubnet")
    assert refused.value.error.target == "properties.subnets[0].properties.addressPrefix"
    assert len(sdk.exchanges) == 1


@covers("Microsoft.Network/virtualNetworks", "list", "update-tags", client="sdk")
def test_lists_and_tags_and_etags(sdk: Sdk, group: str) -> None:
    sdk.virtual_network(group, "one", "10.0.0.0/16")
    sdk.virtual_network(group, "two", "10.1.0.0/16")
    assert [v.name for v in sdk.network.virtual_networks.list(group)] == ["one", "two"]
    before = sdk.network.virtual_networks.get(group, "one")
    tagged = sdk.network.virtual_networks.update_tags(group, "one", network.TagsObject(tags={"a": "b"}))
    assert (tagged.tags, tagged.etag == before.etag) == ({"a": "b"}, False)
    found = sdk.resources.resources.list_by_resource_group(group, filter="tagName eq 'a' and tagValue eq 'b'")
    assert [r.name for r in found] == ["one"]
