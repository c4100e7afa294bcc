"""Scenarios 57 and 58 with Network Watcher: why a packet does not pass, and where it goes; and what a watcher holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.compute import models as compute
from azure.mgmt.network import models as network

from lazulite.testing import Lab
from lazulite.testing.probes import address_of
from tests.clients.az import MACHINE, VISITOR, Az
from tests.clients.proof import prove
from tests.clients.sdk import LOCATION, Sdk

covers = pytest.mark.covers

WATCHERS = "Microsoft.Network/networkWatchers"
RG, WATCHER = "NetworkWatcherRG", f"NetworkWatcher_{LOCATION}"
AT = (RG, WATCHER)
NOBODY = "172.31.0.100"
"""Private space that nobody has, as in Azure's own walk-through."""


def machine_id(sdk: Sdk, group: str, name: str) -> str:
    return (
        f"/subscriptions/{sdk.subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"
    )


def with_agent(sdk: Sdk, group: str, *names: str) -> None:
    said = compute.VirtualMachineExtensionProperties(
        publisher="Microsoft.Azure.NetworkWatcher", type="NetworkWatcherAgentLinux"
    )
    agent = compute.VirtualMachineExtension(location=LOCATION, properties=said)
    for name in names:
        sdk.compute.virtual_machine_extensions.begin_create_or_update(group, name, "watch", agent).result()


@pytest.fixture
def account(lab: Lab, group: str) -> str:
    """The id of a storage account."""
    path = f"{lab.client.subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/watcherlogs"
    sku = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    lab.client.put(path, {"location": LOCATION, "properties": {}} | sku)
    return path


@pytest.fixture
def pair(sdk: Sdk, group: str) -> Iterator[str]:
    """Machines ``a`` and ``b`` with the agent, in one subnet; what is left in the watcher goes at the end."""
    subnets = sdk.virtual_network(group, "net", "10.0.0.0/16", hosts="10.0.0.0/24")
    for name in ("a", "b"):
        sdk.machine(group, name, subnets["hosts"])
    with_agent(sdk, group, "a", "b")
    yield subnets["hosts"]
    for kind in (sdk.network.packet_captures, sdk.network.connection_monitors):
        for held in kind.list(*AT):
            kind.begin_delete(*AT, held.name).result()


def verify(sdk: Sdk, group: str, direction: str, local: str, remote: str, machine: str = "web") -> tuple[str, str]:
    """Access and rule; ends as ``10.0.0.4:80``."""
    (here, port), (there, other) = local.rsplit(":", 1), remote.rsplit(":", 1)
    asked = network.VerificationIPFlowParameters(
        target_resource_id=machine_id(sdk, group, machine),
        direction=direction,
        protocol="TCP",
        local_ip_address=here,
        local_port=port,
        remote_ip_address=there,
        remote_port=other,
    )
    found = sdk.network.network_watchers.begin_verify_ip_flow(*AT, asked).result()
    return found.access, found.rule_name


@covers(WATCHERS, "ip-flow-verify", "security-group-view", client="sdk")
@covers("Microsoft.Network/networkInterfaces", "list-effective-nsg", client="sdk")
def test_a_traffic_filter_problem_is_found_and_mended(lab: Lab, sdk: Sdk, group: str) -> None:
    """Scenario 57. Source: "Diagnose a virtual machine network traffic filter problem"."""
    nsg = sdk.security_group(group, "filter", 443)
    subnets = sdk.virtual_network(group, "net", "10.0.0.0/16", hosts="10.0.0.0/24")
    sdk.machine(group, "web", subnets["hosts"], public=True, nsg=nsg)
    sdk.visitor(group, "visitor")
    own = sdk.network.network_interfaces.get(group, "web").ip_configurations[0].private_ip_address
    visitor = address_of(lab, "web", "visitor")
    assert verify(sdk, group, "Outbound", f"{own}:60000", f"{visitor}:80") == (
        "Allow",
        "defaultSecurityRules/AllowInternetOutBound",
    )
    assert verify(sdk, group, "Outbound", f"{own}:60000", f"{NOBODY}:80") == (
        "Deny",
        "defaultSecurityRules/DenyAllOutBound",
    )
    assert verify(sdk, group, "Inbound", f"{own}:80", f"{visitor}:60000") == (
        "Deny",
        "defaultSecurityRules/DenyAllInBound",
    )
    prove(lab, {"visitor > web tcp/80": False, "visitor > web tcp/443": True, "web > visitor tcp/80": True})
    _effective_rules(sdk, group)
    _mended(sdk, group)
    assert verify(sdk, group, "Inbound", f"{own}:80", f"{visitor}:60000") == ("Allow", "securityRules/http")
    prove(lab, {"visitor > web tcp/80": True, "visitor > web tcp/22": False})


def _effective_rules(sdk: Sdk, group: str) -> None:
    """What both lists say of the rule that lets the machine out: the private space of the answer above is in none."""
    (found,) = sdk.network.network_interfaces.begin_list_effective_network_security_groups(group, "web").result().value
    rule = next(r for r in found.effective_security_rules if r.name == "defaultSecurityRules/AllowInternetOutBound")
    assert "1.0.0.0/8" in rule.expanded_destination_address_prefix
    assert not [p for p in rule.expanded_destination_address_prefix if p.startswith(("172.16.", "10."))]
    asked = network.SecurityGroupViewParameters(target_resource_id=machine_id(sdk, group, "web"))
    (shown,) = sdk.network.network_watchers.begin_get_vm_security_rules(*AT, asked).result().network_interfaces
    names = {r.name for r in shown.security_rule_associations.effective_security_rules}
    assert {"UserRule_web", "DefaultRule_DenyAllInBound"} <= names


def _mended(sdk: Sdk, group: str) -> None:
    rule = network.SecurityRule(
        priority=100,
        direction="Inbound",
        access="Allow",
        protocol="Tcp",
        source_address_prefix="*",
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="80",
    )
    sdk.network.security_rules.begin_create_or_update(group, "filter", "http", rule).result()


def hop(sdk: Sdk, group: str, machine: str, source: str, destination: str) -> tuple[str, str | None, str]:
    """Type, address and the name of the table."""
    asked = network.NextHopParameters(
        target_resource_id=machine_id(sdk, group, machine), source_ip_address=source, destination_ip_address=destination
    )
    found = sdk.network.network_watchers.begin_get_next_hop(*AT, asked).result()
    return found.next_hop_type, found.next_hop_ip_address, found.route_table_id.rpartition("/")[2]


@covers(WATCHERS, "next-hop", client="sdk")
@covers("Microsoft.Network/networkInterfaces", "show-effective-route-table", client="sdk")
def test_a_routing_problem_is_found_and_mended(lab: Lab, sdk: Sdk, group: str) -> None:
    """Scenario 58. Source: "Diagnose a virtual machine network routing problem"."""
    subnets = sdk.virtual_network(group, "net", "10.0.0.0/16", public="10.0.0.0/24", private="10.0.1.0/24")
    for name in ("public", "private"):
        sdk.machine(group, name, subnets[name])
    own = sdk.network.network_interfaces.get(group, "public").ip_configurations[0].private_ip_address
    other = sdk.network.network_interfaces.get(group, "private").ip_configurations[0].private_ip_address
    assert hop(sdk, group, "public", own, "13.107.21.200") == ("Internet", None, "System Route")
    assert hop(sdk, group, "public", own, NOBODY) == ("None", None, "System Route")
    assert hop(sdk, group, "public", own, other) == ("VnetLocal", None, "System Route")
    prove(lab, {"public > private tcp/80": True})
    _routed(sdk, group, subnets["public"])
    assert hop(sdk, group, "public", own, other) == ("None", None, "wrong")
    prove(lab, {"public > private tcp/80": False})
    routes = sdk.network.network_interfaces.begin_get_effective_route_table(group, "public").result().value
    found = {r.address_prefix[0]: (r.source, r.next_hop_type) for r in routes}
    assert found["10.0.1.0/24"] == ("User", "None")
    sdk.network.routes.begin_delete(group, "wrong", "lost").result()
    assert hop(sdk, group, "public", own, other) == ("VnetLocal", None, "System Route")
    prove(lab, {"public > private tcp/80": True})


def _routed(sdk: Sdk, group: str, subnet: str) -> None:
    """A route to the other subnet that leads nowhere."""
    lost = network.Route(name="lost", address_prefix="10.0.1.0/24", next_hop_type="None")
    described = network.RouteTable(location=LOCATION, routes=[lost])
    table = sdk.network.route_tables.begin_create_or_update(group, "wrong", described).result()
    name = subnet.rsplit("/", 1)[1]
    found = sdk.network.subnets.get(group, "net", name)
    found.route_table = table
    sdk.network.subnets.begin_create_or_update(group, "net", name, found).result()


@covers(WATCHERS, "create", "show", "list", "delete", client="sdk")
def test_a_watcher_is_there_with_the_first_network_of_a_region(sdk: Sdk, group: str) -> None:
    sdk.virtual_network(group, "net", "10.0.0.0/16")
    watchers = sdk.network.network_watchers
    assert WATCHER in [w.name for w in watchers.list_all()]
    assert watchers.get(*AT).location == LOCATION
    with pytest.raises(HttpResponseError, match="Cannot create more than 1 network watchers"):
        watchers.create_or_update(group, "second", network.NetworkWatcher(location=LOCATION))
    far = watchers.create_or_update(group, "far", network.NetworkWatcher(location="uksouth"))
    assert [w.id for w in watchers.list(group)] == [far.id]
    watchers.begin_delete(group, "far").result()
    with pytest.raises(ResourceNotFoundError):
        watchers.get(group, "far")


@covers(WATCHERS, "network-configuration-diagnostic", "topology", client="sdk")
def test_a_diagnostic_goes_rule_by_rule_and_a_topology_link_by_link(sdk: Sdk, group: str, pair: str) -> None:
    nsg = sdk.security_group(group, "filter", 443)
    nic = sdk.network.network_interfaces.get(group, "a")
    nic.network_security_group = network.NetworkSecurityGroup(id=nsg)
    sdk.network.network_interfaces.begin_create_or_update(group, "a", nic).result()
    asked = network.NetworkConfigurationDiagnosticParameters(
        target_resource_id=machine_id(sdk, group, "a"),
        profiles=[
            network.NetworkConfigurationDiagnosticProfile(
                direction="Inbound", protocol="Tcp", source="10.1.1.4", destination="*", destination_port="50"
            )
        ],
    )
    (found,) = sdk.network.network_watchers.begin_get_network_configuration_diagnostic(*AT, asked).result().results
    said = found.network_security_group_result
    assert said.security_rule_access_result == "Deny"
    (group_result,) = said.evaluated_network_security_groups
    assert group_result.matched_rule.rule_name == "DefaultRule_DenyAllInBound"
    assert [r.destination_port_matched for r in group_result.rules_evaluation_result] == [False, True, True, True]
    shown = sdk.network.network_watchers.get_topology(*AT, network.TopologyParameters(target_resource_group_name=group))
    links = {"/".join(r.id.split("/")[-2:]): {a.name for a in r.associations} for r in shown.resources}
    assert links["virtualNetworks/net"] == {"hosts"}
    assert links["subnets/hosts"] == {"a", "b"}
    assert links["networkInterfaces/a"] == {"a", "filter"}
    assert links["virtualMachines/b"] == {"b"}


@covers(WATCHERS, "connectivity-check", client="sdk")
def test_a_connectivity_check_sends_real_connections(lab: Lab, sdk: Sdk, group: str, pair: str) -> None:
    def check(port: int) -> Any:
        asked = network.ConnectivityParameters(
            source=network.ConnectivitySource(resource_id=machine_id(sdk, group, "a")),
            destination=network.ConnectivityDestination(resource_id=machine_id(sdk, group, "b"), port=port),
            protocol="Tcp",
        )
        return sdk.network.network_watchers.begin_check_connectivity(*AT, asked).result()

    lab.exec("b", ["sh", "-c", "python3 -m http.server 8080 >/dev/null 2>&1 & for i in $(seq 100); do "
                   "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 8080), 1)' && exit 0; "
                   "sleep 0.1; done; exit 1"])  # fmt: skip
    found = check(8080)
    assert (found.connection_status, found.probes_failed) == ("Reachable", 0)
    assert found.probes_sent > 0
    assert [h.type for h in found.hops] == ["Source", "VnetLocal"]
    nsg = sdk.security_group(group, "shut", 22)
    rule = network.SecurityRule(
        priority=100,
        direction="Inbound",
        access="Deny",
        protocol="Tcp",
        source_address_prefix="*",
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="8080",
    )
    sdk.network.security_rules.begin_create_or_update(group, "shut", "Port8080", rule).result()
    nic = sdk.network.network_interfaces.get(group, "b")
    nic.network_security_group = network.NetworkSecurityGroup(id=nsg)
    sdk.network.network_interfaces.begin_create_or_update(group, "b", nic).result()
    found = check(8080)
    assert (found.connection_status, found.probes_failed) == ("Unreachable", found.probes_sent)
    issues = [(i.type, [c["value"] for c in i.context]) for h in found.hops for i in h.issues]
    assert issues == [("NetworkSecurityRule", ["UserRule_Port8080"])]
    prove(lab, {"a > b tcp/8080": False, "b > a tcp/80": True})


@covers("Microsoft.Network/networkWatchers/flowLogs", "create", "update", "show", "list", "delete", client="sdk")
@covers(WATCHERS, "configure-flow-log", "query-flow-log-status", client="sdk")
def test_flow_logs_are_made_listed_and_go_with_their_group(sdk: Sdk, group: str, pair: str, account: str) -> None:
    nsg, logs = sdk.security_group(group, "filter", 80), sdk.network.flow_logs
    wanted = network.FlowLog(location=LOCATION, target_resource_id=nsg, storage_id=account, enabled=True)
    made = logs.begin_create_or_update(*AT, "log", wanted).result()
    assert (made.provisioning_state, made.format.version, made.retention_policy.days) == ("Succeeded", 1, 0)
    assert made.target_resource_guid == sdk.network.network_security_groups.get(group, "filter").resource_guid
    made.enabled = False
    assert logs.begin_create_or_update(*AT, "log", made).result().enabled is False
    assert [x.name for x in logs.list(*AT)] == ["log"]
    _the_older_way(sdk, nsg, account)
    with pytest.raises(HttpResponseError, match="has a flow log already"):
        logs.begin_create_or_update(*AT, "second", wanted).result()
    sdk.network.network_security_groups.begin_delete(group, "filter").result()
    with pytest.raises(ResourceNotFoundError):
        logs.get(*AT, "log")


def _the_older_way(sdk: Sdk, nsg: str, account: str) -> None:
    asked = network.FlowLogInformation(
        target_resource_id=nsg,
        storage_id=account,
        enabled=True,
        format=network.FlowLogFormatParameters(type="JSON", version=2),
    )
    done = sdk.network.network_watchers.begin_set_flow_log_configuration(*AT, asked).result()
    assert (done.enabled, done.format.version) == (True, 2)
    status = network.FlowLogStatusParameters(target_resource_id=nsg)
    assert sdk.network.network_watchers.begin_get_flow_log_status(*AT, status).result().enabled is True
    assert sdk.network.flow_logs.get(*AT, "log").enabled is True


@covers("Microsoft.Network/networkWatchers/packetCaptures", "create", "show", "list", "stop", "delete", client="sdk")
def test_packet_captures_are_made_stopped_and_deleted(sdk: Sdk, group: str, pair: str, account: str) -> None:
    captures = sdk.network.packet_captures
    wanted = network.PacketCapture(
        target=machine_id(sdk, group, "a"),
        storage_location=network.PacketCaptureStorageLocation(storage_id=account),
        time_limit_in_seconds=60,
        filters=[network.PacketCaptureFilter(protocol="TCP", local_port="80;443;")],
    )
    made = captures.begin_create(*AT, "one", wanted).result()
    assert (made.provisioning_state, made.total_bytes_per_session) == ("Succeeded", 1073741824)
    assert "/virtualmachines/a/" in made.storage_location.storage_path
    assert [c.name for c in captures.list(*AT)] == ["one"]
    assert captures.begin_get_status(*AT, "one").result().name == "one"
    captures.begin_stop(*AT, "one").result()
    assert captures.begin_get_status(*AT, "one").result().packet_capture_status == "Stopped"
    captures.begin_delete(*AT, "one").result()
    assert not list(captures.list(*AT))
    wanted.storage_location.storage_id = account + "x"
    with pytest.raises(HttpResponseError, match="was not found"):
        captures.begin_create(*AT, "two", wanted).result()


@covers(
    "Microsoft.Network/networkWatchers/connectionMonitors", "create", "show", "list", "stop", "delete", client="sdk"
)
def test_connection_monitors_are_made_stopped_and_deleted(sdk: Sdk, group: str, pair: str) -> None:
    monitors = sdk.network.connection_monitors
    ends = [network.ConnectionMonitorEndpoint(name=n, resource_id=machine_id(sdk, group, n)) for n in ("a", "b")]
    test = network.ConnectionMonitorTestConfiguration(
        name="tcp",
        protocol="Tcp",
        test_frequency_sec=30,
        tcp_configuration=network.ConnectionMonitorTcpConfiguration(port=22),
    )
    tested = network.ConnectionMonitorTestGroup(
        name="all", sources=["a"], destinations=["b"], test_configurations=["tcp"]
    )
    wanted = network.ConnectionMonitor(
        location=LOCATION, endpoints=ends, test_configurations=[test], test_groups=[tested]
    )
    made = monitors.begin_create_or_update(*AT, "pulse", wanted).result()
    assert (made.connection_monitor_type, made.monitoring_status) == ("MultiEndpoint", "Running")
    assert [m.name for m in monitors.list(*AT)] == ["pulse"]
    monitors.begin_stop(*AT, "pulse").result()
    assert monitors.get(*AT, "pulse").monitoring_status == "Stopped"
    tested.sources = ["nobody"]
    with pytest.raises(HttpResponseError, match="nobody"):
        monitors.begin_create_or_update(*AT, "other", wanted).result()
    monitors.begin_delete(*AT, "pulse").result()
    assert not list(monitors.list(*AT))


@covers(WATCHERS, "troubleshoot", client="sdk")
def test_there_is_no_gateway_to_troubleshoot_yet(sdk: Sdk, group: str, pair: str, account: str) -> None:
    gateway = f"{account.rpartition('/providers/')[0]}/providers/Microsoft.Network/virtualNetworkGateways/gw"
    asked = network.TroubleshootingParameters(target_resource_id=gateway, storage_id=account, storage_path="c")
    with pytest.raises(ResourceNotFoundError, match="virtualNetworkGateways/gw"):
        sdk.network.network_watchers.begin_get_troubleshooting(*AT, asked).result()


@covers(WATCHERS, "ip-flow-verify", client="az")
def test_a_traffic_filter_problem_is_found_and_mended_with_az(lab: Lab, az: Az, group: str) -> None:
    """Scenario 57 as the documentation's commands tell it."""
    here = {"group": group}
    az(f"{MACHINE} --nsg filter --nsg-rule NONE --public-ip-sku Standard", name="web", **here)
    az(VISITOR, name="visitor", **here)
    visitor = address_of(lab, "web", "visitor")
    nic = az("network nic show -g {group} -n webVMNic --query ipConfigurations[0].privateIPAddress", **here)
    test = f"network watcher test-ip-flow -g {{group}} --vm web --protocol TCP --direction Inbound --local {nic}:80 "
    assert az(f"{test} --remote {visitor}:60000 --query access", **here) == "Deny"
    prove(lab, {"visitor > web tcp/80": False})
    az(
        "network nsg rule create -g {group} --nsg-name filter -n http --priority 100 --protocol Tcp "
        "--destination-port-ranges 80",
        **here,
    )
    found = az(f"{test} --remote {visitor}:60000", **here)
    assert (found["access"], found["ruleName"]) == ("Allow", "securityRules/http")
    prove(lab, {"visitor > web tcp/80": True})
