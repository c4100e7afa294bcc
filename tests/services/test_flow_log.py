"""What a flow log becomes, and what is refused of one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lazulite.forwarding.model import AccessList, FlowLog, FlowLogFormat, Port
from lazulite.services.service import Write
from tests.build import GROUP, Lab, Refused, ref, resource_id
from tests.services.asking import ask, codes, result
from tests.services.watched import ACCOUNTS, account_id, guard, held, key, machine_id, nested, network

GROUPS = "networkSecurityGroups"
UPPER = GROUP.upper()
TARGETS = {
    "group": (GROUPS, "g"),
    "network": ("virtualNetworks", "v"),
    "interface": ("networkInterfaces", "a-nic"),
}


def target(what: str) -> str:
    if what == "subnet":
        return resource_id("virtualNetworks", "v").child("subnets", "web").text
    return resource_id(*TARGETS[what]).text


def log(lab: Lab, what: str = "group", name: str = "f", **properties: Any) -> Any:
    body = {"targetResourceId": target(what), "storageId": account_id()} | properties
    return held(lab, "flowLogs", name, body, properties.pop("location", None))


def entry(lab: Lab, name: str = "f") -> FlowLog | None:
    return lab.compile().get(FlowLog, key("flowLogs", name))


def guarded(**where: str) -> Lab:
    lab = network()
    guard(lab, "g", **where)
    return lab


def test_a_log_of_a_group_is_of_the_interfaces_it_guards_and_of_its_lists_there() -> None:
    lab = guarded(nic="a-nic")
    log(lab)
    found = entry(lab)
    assert found is not None
    assert found.ports == (resource_id("networkInterfaces", "a-nic").key,)
    group, subnet = resource_id(GROUPS, "g").key, resource_id("virtualNetworks", "v").child("subnets", "web").key
    assert set(found.lists) == {f"{group}|{subnet}|ingress", f"{group}|{subnet}|egress"}


def test_a_group_on_a_subnet_guards_every_interface_in_it() -> None:
    lab = guarded(subnet="web")
    lab.nic("c-nic", "v/db", "10.0.1.4")
    log(lab)
    found = entry(lab)
    assert found is not None
    assert found.ports == tuple(resource_id("networkInterfaces", n).key for n in ("a-nic", "b-nic"))


def test_its_lists_are_those_that_the_ports_ask() -> None:
    lab = guarded(subnet="web", nic="a-nic")
    log(lab)
    found, model = entry(lab), lab.compile()
    assert found is not None
    asked = {n for p in found.ports for n in (*model.all(Port)[p].ingress, *model.all(Port)[p].egress)}
    assert asked == set(found.lists) <= model.all(AccessList).keys()


@pytest.mark.parametrize(
    ("what", "ports"),
    [
        pytest.param("network", ["a-nic", "b-nic", "c-nic"], id="of a virtual network: every interface in it"),
        pytest.param("subnet", ["a-nic", "b-nic"], id="of a subnet: those in it"),
        pytest.param("interface", ["a-nic"], id="of an interface: itself"),
    ],
)
def test_a_log_of_a_network_tells_all_lists(what: str, ports: list[str]) -> None:
    lab = network()
    lab.nic("c-nic", "v/db", "10.0.1.4")
    log(lab, what)
    found = entry(lab)
    assert found is not None
    assert found.ports == tuple(resource_id("networkInterfaces", p).key for p in ports)
    assert found.lists == ()
    assert found.format is FlowLogFormat.NETWORK


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param(0, FlowLogFormat.GROUP_1, id="version 0 is 1"),
        pytest.param(1, FlowLogFormat.GROUP_1, id="version 1"),
        pytest.param(2, FlowLogFormat.GROUP_2, id="version 2 counts bytes"),
    ],
)
def test_logs_of_groups_have_two_versions(version: int, expected: FlowLogFormat) -> None:
    lab = guarded(nic="a-nic")
    made = log(lab, format={"type": "JSON", "version": version})
    found = entry(lab)
    assert found is not None
    assert found.format is expected
    assert made.properties.format.version == (version or 1)


def test_records_of_a_group_are_kept_at_its_documented_path() -> None:
    lab = guarded(nic="a-nic")
    made = log(lab)
    found = entry(lab)
    assert found is not None
    assert found.sink.account == resource_id(ACCOUNTS, "logs").key
    assert found.sink.container == "insights-logs-networksecuritygroupflowevent"
    assert found.sink.prefix == f"resourceId={UPPER}/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/G/"
    assert (found.subject, found.system) == (resource_id(GROUPS, "g").text.upper(), made.guid)


def test_records_of_a_network_are_kept_below_the_log() -> None:
    lab = network()
    log(lab, "network")
    found = entry(lab)
    assert found is not None
    subscription, _, group = UPPER.removeprefix("/SUBSCRIPTIONS/").partition("/RESOURCEGROUPS/")
    assert found.sink.container == "insights-logs-flowlogflowevent"
    assert found.sink.prefix == f"flowLogResourceID=/{subscription}_{group}/W_F/"


def test_retention_counts_only_where_it_is_enabled_and_analytics_too() -> None:
    lab = guarded(nic="a-nic")
    analytics = {"networkWatcherFlowAnalyticsConfiguration": {"enabled": True, "trafficAnalyticsInterval": 10}}
    log(lab, retentionPolicy={"days": 7, "enabled": True}, flowAnalyticsConfiguration=analytics)
    found = entry(lab)
    assert found is not None
    assert (found.days, found.analytics_s) == (7, 600)
    log(lab, retentionPolicy={"days": 7, "enabled": False})
    found = entry(lab)
    assert found is not None
    assert (found.days, found.analytics_s) == (0, 0)


def test_a_log_that_is_disabled_keeps_its_settings_and_records_nothing() -> None:
    lab = guarded(nic="a-nic")
    made = log(lab, enabled=False, retentionPolicy={"days": 7, "enabled": True})
    assert entry(lab) is None
    assert made.properties.retention_policy.days == 7


def test_a_log_whose_account_is_gone_records_nothing() -> None:
    lab = guarded(nic="a-nic")
    log(lab)
    lab.delete(ACCOUNTS, "logs")
    assert entry(lab) is None


def test_a_group_and_a_network_name_their_logs_and_a_log_the_guid_of_its_target() -> None:
    lab = guarded(nic="a-nic")
    log(lab)
    log(lab, "network", "n")
    group = lab.get(GROUPS, "g")
    assert lab.status(group.id)["flowLogs"] == [{"id": nested("flowLogs", "f").text}]
    assert lab.status(resource_id("virtualNetworks", "v"))["flowLogs"] == [{"id": nested("flowLogs", "n").text}]
    assert lab.status(nested("flowLogs", "f"))["targetResourceGuid"] == group.guid


def test_a_log_is_where_its_watcher_is() -> None:
    assert log(guarded(nic="a-nic")).location == "westeurope"


def other_region() -> Lab:
    lab = guarded(nic="a-nic")
    lab.put(ACCOUNTS, "far", {}, location="eastus")
    lab.put(ACCOUNTS, "fast", {}, sku="Premium_LRS")
    lab.put(GROUPS, "far", {}, location="eastus")
    return lab


MISSING = account_id("nobody")
ANALYTICS = "networkWatcherFlowAnalyticsConfiguration"
REFUSED = [
    pytest.param({"storageId": MISSING}, ["InvalidResourceReference"], id="an account that is not there"),
    pytest.param({"storageId": account_id("far")}, ["ResourceNotInNetworkWatcherRegion"], id="one of another region"),
    pytest.param({"storageId": account_id("fast")}, ["StorageAccountNotSupported"], id="a premium account"),
    pytest.param({"storageId": target("group")}, ["InvalidJsonReferenceWrongType"], id="what is no account"),
    pytest.param(
        {"targetResourceId": resource_id(GROUPS, "far").text},
        ["ResourceNotInNetworkWatcherRegion"],
        id="a target of another region",
    ),
    pytest.param({"targetResourceId": machine_id("a")}, ["InvalidTargetResource"], id="a log of a machine"),
    pytest.param({"targetResourceId": "g"}, ["LinkedInvalidPropertyId"] * 1, id="a target that is no id"),
    pytest.param({"retentionPolicy": {"days": 366}}, ["InvalidParameter"], id="more than a year"),
    pytest.param({"format": {"version": 3}}, ["InvalidParameter"], id="a version nobody knows"),
    pytest.param({"format": {"type": "XML"}}, ["InvalidRequestFormat"], id="another format"),
    pytest.param({"enabledFilteringCriteria": "dstPort=80"}, ["FeatureNotSupported"], id="filters"),
    pytest.param({"colour": "red"}, ["InvalidRequestFormat"], id="a property nobody knows"),
    pytest.param(
        {"flowAnalyticsConfiguration": {ANALYTICS: {"trafficAnalyticsInterval": 30, "workspaceId": "x"}}},
        ["InvalidTrafficAnalyticsInterval", "InvalidWorkspaceId"],
        id="everything that is wrong is said at once",
    ),
]


@pytest.mark.parametrize(("properties", "codes"), REFUSED)
def test_refused(properties: dict[str, Any], codes: list[str]) -> None:
    lab = other_region()
    with pytest.raises(Refused) as refused:
        log(lab, **properties)
    assert [c for c in refused.value.codes if c in codes] == codes
    assert key("flowLogs", "f") not in lab.snapshot.resources


def test_a_target_has_one_log() -> None:
    lab = guarded(nic="a-nic")
    log(lab)
    with pytest.raises(Refused, match="FlowLogTargetAlreadyInUse"):
        log(lab, name="second")
    log(lab, enabled=False)


def test_retention_needs_an_account_of_the_second_version() -> None:
    lab = guarded(nic="a-nic")
    account = lab.get(ACCOUNTS, "logs")
    old = msgspec.structs.replace(account, envelope={"kind": "BlobStorage"})
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {account.id.key: old})[0]
    log(lab)
    with pytest.raises(Refused, match="RetentionPolicyNotSupported"):
        log(lab, retentionPolicy={"days": 7, "enabled": True})


def test_a_log_elsewhere_than_its_watcher_is_refused() -> None:
    lab = guarded(nic="a-nic")
    with pytest.raises(Refused, match="InvalidResourceLocation"):
        held(lab, "flowLogs", "f", {"targetResourceId": target("group"), "storageId": account_id()}, "eastus")


def test_groups_that_nobody_uses_have_logs_without_ports() -> None:
    lab = guarded()
    log(lab)
    found = entry(lab)
    assert found is not None
    assert (found.ports, found.lists) == ((), ())


def test_an_edit_of_a_rule_leaves_the_log_as_it_is() -> None:
    lab = guarded(nic="a-nic")
    log(lab)
    before = entry(lab)
    rule = {"protocol": "Tcp", "access": "Deny", "direction": "Inbound", "priority": 100}
    sides = {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "sourcePortRange": "*"}
    body = rule | sides | {"destinationPortRange": "80"}
    lab.put(GROUPS, "g", {"securityRules": [{"name": "r", "properties": body}]})
    assert entry(lab) == before
    assert ref(GROUPS, "g")["id"].upper() == before.subject  # type: ignore[union-attr]


def configured(lab: Lab, **changes: Any) -> Any:
    """``configureFlowLog``; what it writes is in the lab then."""
    settings = {"storageId": account_id(), "enabled": True} | changes.pop("properties", {})
    body = {"targetResourceId": target("group"), "properties": settings} | changes
    given = result(lab, "configureFlowLog", body)
    assert isinstance(given, Write)
    made = given.resource
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {made.id.key: made})[0]
    return given.body


def test_the_older_verb_writes_a_log_that_is_named_as_azure_names_it() -> None:
    lab = guarded(nic="a-nic")
    answer = configured(lab)
    assert entry(lab, "Microsoft.Networkrgg") is not None
    assert answer["properties"] == {
        "storageId": account_id(),
        "enabled": True,
        "retentionPolicy": {"days": 0, "enabled": False},
        "format": {"type": "JSON", "version": 1},
    }
    assert ask(lab, "queryFlowLogStatus", targetResourceId=target("group")) == answer


def test_the_older_verb_changes_the_log_that_is_there() -> None:
    lab = guarded(nic="a-nic")
    made = log(lab)
    analytics = {"networkWatcherFlowAnalyticsConfiguration": {"enabled": True, "trafficAnalyticsInterval": 10}}
    answer = configured(lab, properties={"format": {"version": 2}}, flowAnalyticsConfiguration=analytics)
    found = entry(lab)
    assert found is not None
    assert (found.format, found.analytics_s, found.system) == (FlowLogFormat.GROUP_2, 600, made.guid)
    kept = answer["flowAnalyticsConfiguration"]["networkWatcherFlowAnalyticsConfiguration"]
    assert kept["trafficAnalyticsInterval"] == 10
    configured(lab, properties={"enabled": False})
    assert entry(lab) is None


def test_a_target_without_a_log_has_one_that_is_not_enabled() -> None:
    lab = guarded(nic="a-nic")
    answer = ask(lab, "queryFlowLogStatus", targetResourceId=target("group"))
    assert (answer["properties"]["enabled"], answer["properties"]["storageId"]) == (False, "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"targetResourceId": resource_id(GROUPS, "z").text}, ["ResourceNotFound"], id="a lost group"),
        pytest.param(
            {"properties": {"storageId": MISSING, "enabled": True}}, ["ResourceNotFound"], id="a lost account"
        ),
        pytest.param({"properties": {}}, ["InvalidRequestFormat"] * 2, id="not a word about what is wanted"),
        pytest.param({"targetResourceId": machine_id("a")}, ["InvalidTargetResource"], id="a machine"),
        pytest.param(
            {"properties": {"storageId": account_id("far"), "enabled": True}},
            ["ResourceNotInNetworkWatcherRegion"],
            id="an account of another region",
        ),
    ],
)
def test_the_older_verb_refuses_what_a_write_refuses(changes: dict[str, Any], expected: list[str]) -> None:
    settings = {"storageId": account_id(), "enabled": True}
    body = {"targetResourceId": target("group"), "properties": settings} | changes
    assert codes(other_region(), "configureFlowLog", **body) == expected


def test_a_query_about_what_is_not_there_is_refused() -> None:
    lab = other_region()
    assert codes(lab, "queryFlowLogStatus", targetResourceId=resource_id(GROUPS, "z").text) == ["ResourceNotFound"]
    far = resource_id(GROUPS, "far").text
    assert codes(lab, "queryFlowLogStatus", targetResourceId=far) == ["ResourceNotInNetworkWatcherRegion"]
    assert codes(lab, "queryFlowLogStatus") == ["InvalidRequestFormat"]
