"""Rows for ``test_az_commands``: ``az network watcher``, which finds the watcher of a region by itself."""

from __future__ import annotations

import pytest

from tests.clients.az_network_rows import Rows
from tests.clients.az_table import SUCCEEDED, Fails

covers = pytest.mark.covers

WATCHER = "Microsoft.Network/networkWatchers"
LOG, CAPTURE, MONITOR = f"{WATCHER}/flowLogs", f"{WATCHER}/packetCaptures", f"{WATCHER}/connectionMonitors"
METRICS = "Microsoft.Insights/metrics"
_INTERFACE = "{group}/providers/Microsoft.Network/networkInterfaces/oneVMNic"
_PASSWORD = "--admin-username azureuser --admin-password Lazulite-1234 --authentication-type password"
_MACHINE = "vm create -g {g} --image Ubuntu2204 --size Standard_B1s " + _PASSWORD
_W, _N = "network watcher", "-l westeurope -n"
_MONITOR = f"{_W} connection-monitor"

WATCH: Rows = [
    (
        covers("Microsoft.Network/virtualNetworks", "create", client="az"),
        "network vnet create -g {g} -n net --subnet-name s --subnet-prefixes 10.0.0.0/24 --query newVNet.name",
        "net",
        "a network for what follows",
    ),
    (
        covers("Microsoft.Compute/virtualMachines", "create", client="az"),
        f"{_MACHINE} -n one --vnet-name net --subnet s --nsg guard --nsg-rule NONE --public-ip-address '' "
        "--private-ip-address 10.0.0.4 --query privateIpAddress",
        "10.0.0.4",
        "a machine with a group",
    ),
    (
        covers("Microsoft.Compute/virtualMachines", "create", client="az"),
        f"{_MACHINE} -n two --vnet-name net --subnet s --nsg '' --public-ip-address '' --private-ip-address 10.0.0.5 "
        "--query privateIpAddress",
        "10.0.0.5",
        "and one without",
    ),
    (
        covers("Microsoft.Compute/virtualMachines/extensions", "create", client="az"),
        "vm extension set -g {g} --vm-name one -n NetworkWatcherAgentLinux "
        "--publisher Microsoft.Azure.NetworkWatcher --query provisioningState",
        "Succeeded",
        "the agent is an extension",
    ),
    (
        covers(METRICS, "list", client="az"),
        f"monitor metrics list --resource {_INTERFACE} --metrics BytesSentRate --interval PT5M --aggregation Total "
        "--query '[interval, value[0].name.value, value[0].unit]'",
        ["PT5M", "BytesSentRate", "Bytes"],
        "what an interface sends is kept by the minute",
    ),
    (
        covers(METRICS, "list-definitions", client="az"),
        f"monitor metrics list-definitions --resource {_INTERFACE} --query '[].name.value'",
        ["BytesReceivedRate", "BytesSentRate", "PacketsReceivedRate", "PacketsSentRate"],
        "and what there is to ask is listed",
    ),
    (
        covers(METRICS, "list", client="az"),
        f"monitor metrics list --resource {_INTERFACE} --metrics Charm",
        Fails(1, "Failed to find metric configuration"),
        "what nobody measures is refused",
    ),
    (
        covers("Microsoft.Storage/storageAccounts", "create", client="az"),
        "storage account create -g {g} -n azwatcherlogs --sku Standard_LRS --query kind",
        "StorageV2",
        "an account for what is logged",
    ),
    (
        covers(WATCHER, "list", client="az"),
        f"""{_W} list --query "[?location=='westeurope'].name" """,
        ["NetworkWatcher_westeurope"],
        "the watcher of the region is there",
    ),
    (
        covers(WATCHER, "ip-flow-verify", client="az"),
        f"{_W} test-ip-flow -g {{g}} --vm one --direction Outbound --protocol TCP --local 10.0.0.4:60000 "
        "--remote 13.107.21.200:80",
        {"access": "Allow", "ruleName": "defaultSecurityRules/AllowInternetOutBound"},
        "the Internet is reached by a rule of Azure's own",
    ),
    (
        covers(WATCHER, "ip-flow-verify", client="az"),
        f"{_W} test-ip-flow -g {{g}} --vm one --direction Inbound --protocol TCP --local 10.0.0.4:80 "
        "--remote 172.31.0.100:60000",
        {"access": "Deny", "ruleName": "defaultSecurityRules/DenyAllInBound"},
        "and nobody comes in",
    ),
    (
        covers(WATCHER, "next-hop", client="az"),
        f"{_W} show-next-hop -g {{g}} --vm one --source-ip 10.0.0.4 --dest-ip 172.31.0.100",
        {"nextHopType": "None", "routeTableId": "System Route"},
        "private space of nobody leads nowhere",
    ),
    (
        covers(WATCHER, "security-group-view", client="az"),
        f"""{_W} show-security-group-view -g {{g}} --vm one --query """
        '"length(networkInterfaces[0].securityRuleAssociations.defaultSecurityRules)" ',
        6,
        "the rules of a machine are shown",
    ),
    (
        covers(WATCHER, "topology", client="az"),
        f"""{_W} show-topology -g {{g}} --query "resources[?name=='net'].associations[].name" """,
        ["s"],
        "a topology says what contains what",
    ),
    (
        covers(WATCHER, "network-configuration-diagnostic", client="az"),
        f"{_W} run-configuration-diagnostic --resource one -g {{g}} --resource-type virtualMachines "
        "--direction Inbound --protocol TCP --source 10.1.1.4 --destination '*' --port 50 "
        "--query results[0].networkSecurityGroupResult.securityRuleAccessResult",
        "Deny",
        "a diagnostic says what a group says",
    ),
    (
        covers(WATCHER, "connectivity-check", client="az"),
        f"{_W} test-connectivity -g {{g}} --source-resource one --dest-resource two --dest-port 2222 --protocol Tcp "
        "--query [connectionStatus,hops[].type]",
        ["Unreachable", ["Source", "VnetLocal"]],
        "a check opens real connections, to a port where nobody listens",
    ),
    (
        covers(WATCHER, "connectivity-check", client="az"),
        f"{_W} test-connectivity -g {{g}} --source-resource two --dest-resource one --dest-port 22",
        Fails(1, "(NetworkWatcherAgentNotInstalled)", "AzureNetworkWatcherExtension"),
        "a machine without the agent is named",
    ),
    (
        covers(CAPTURE, "create", client="az"),
        f"{_W} packet-capture create -g {{g}} --vm one -n az-one --storage-account azwatcherlogs --time-limit 60 "
        '--filters \'[{{"protocol": "TCP", "localPort": "80;443;"}}]\'',
        SUCCEEDED | {"timeLimitInSeconds": 60, "totalBytesPerSession": 1073741824},
        "a capture is made with Azure's limits",
    ),
    (
        covers(CAPTURE, "show", client="az"),
        f"{_W} packet-capture show {_N} az-one --query filters[0].localPort",
        "80;443;",
        "it is shown",
    ),
    (
        covers(CAPTURE, "list", client="az"),
        f"""{_W} packet-capture list -l westeurope --query "[?name=='az-one'].name" """,
        ["az-one"],
        "and listed",
    ),
    (
        covers(CAPTURE, "stop", client="az"),
        f"{_W} packet-capture stop {_N} az-one",
        None,
        "it is stopped",
    ),
    (
        covers(CAPTURE, "show-status", client="az"),
        f"{_W} packet-capture show-status {_N} az-one --query packetCaptureStatus",
        "Stopped",
        "and is so",
    ),
    (
        covers(CAPTURE, "create", client="az"),
        f"{_W} packet-capture create -g {{g}} --vm one -n az-two --file-path captures/x.cap",
        Fails(1, "(InvalidPacketCaptureFilePath)", "x.cap"),
        "a file of nowhere is refused",
    ),
    (
        covers(CAPTURE, "delete", client="az"),
        f"{_W} packet-capture delete {_N} az-one",
        None,
        "a capture is deleted",
    ),
    (
        covers(LOG, "create", client="az"),
        f"{_W} flow-log create -l westeurope -g {{g}} -n az-log --nsg guard --storage-account azwatcherlogs",
        SUCCEEDED | {"enabled": True, "format": {"type": "JSON", "version": 1}},
        "a log of a group is made",
    ),
    (
        covers(LOG, "update", client="az"),
        f"{_W} flow-log update -l westeurope -n az-log --enabled false --log-version 2 "
        "--query [enabled,format.version]",
        [False, 2],
        "it is changed",
    ),
    (
        covers(LOG, "show", client="az"),
        f"{_W} flow-log show {_N} az-log --query retentionPolicy",
        {"days": 0, "enabled": False},
        "it is shown",
    ),
    (
        covers(LOG, "list", client="az"),
        f"""{_W} flow-log list -l westeurope --query "[?name=='az-log'].enabled" """,
        [False],
        "and listed",
    ),
    (
        covers(LOG, "create", client="az"),
        f"{_W} flow-log create -l westeurope -g {{g}} -n az-net --vnet net --storage-account azwatcherlogs "
        "--retention 7 --query retentionPolicy.days",
        7,
        "a log of a network is made",
    ),
    (
        covers(LOG, "create", client="az"),
        f"{_W} flow-log create -l westeurope -g {{g}} -n az-bad --nsg guard --storage-account nobodys",
        Fails(1, "(InvalidResourceReference)", "nobodys"),
        "an account that is not there is named",
    ),
    (
        covers(LOG, "delete", client="az"),
        f"{_W} flow-log delete {_N} az-log",
        None,
        "a log is deleted",
    ),
    (
        covers(MONITOR, "create", client="az"),
        f"{_MONITOR} create {_N} az-pulse --endpoint-source-name one --endpoint-source-resource-id "
        "{group}/providers/Microsoft.Compute/virtualMachines/one --endpoint-dest-name two "
        "--endpoint-dest-address 10.0.0.5 --test-config-name tcp --protocol Tcp --tcp-port 22 --frequency 60",
        {"connectionMonitorType": "MultiEndpoint", "monitoringStatus": "Running"},
        "a monitor is made",
    ),
    (
        covers(MONITOR, "list", client="az"),
        f"""{_MONITOR} list -l westeurope --query "[?name=='az-pulse'].name" """,
        ["az-pulse"],
        "it is listed",
    ),
    (
        covers(MONITOR, "list endpoints", client="az"),
        f"{_MONITOR} endpoint list -l westeurope --connection-monitor az-pulse --query [].name",
        ["one", "two"],
        "its endpoints are listed",
    ),
    (
        covers(MONITOR, "stop", client="az"),
        f"{_MONITOR} stop {_N} az-pulse",
        None,
        "it is stopped",
    ),
    (
        covers(MONITOR, "query", client="az"),
        f"{_MONITOR} query {_N} az-pulse --query sourceStatus",
        "Inactive",
        "a query says so",
    ),
    (
        covers(MONITOR, "start", client="az"),
        f"{_MONITOR} start {_N} az-pulse",
        None,
        "it is started again",
    ),
    (
        covers(MONITOR, "show", client="az"),
        f"{_MONITOR} show {_N} az-pulse --query monitoringStatus",
        "Running",
        "and runs",
    ),
    (
        covers(MONITOR, "delete", client="az"),
        f"{_MONITOR} delete {_N} az-pulse",
        None,
        "a monitor is deleted",
    ),
    (
        covers(WATCHER, "create", client="az"),
        f"""{_W} configure -g {{g}} -l uksouth --enabled true --query "[?location=='uksouth'].name" """,
        ["NetworkWatcher_uksouth"],
        "a watcher of another region is asked for",
    ),
    (
        covers(WATCHER, "delete", client="az"),
        f"""{_W} configure -g {{g}} -l uksouth --enabled false --query "[?location=='uksouth'].name" """,
        [],
        "and sent away",
    ),
    (
        covers(WATCHER, "troubleshoot", client="az"),
        f"{_W} troubleshooting start -g {{g}} --resource gw --resource-type vnetGateway "
        "--storage-account azwatcherlogs --storage-path https://azwatcherlogs.blob.core.windows.net/c",
        Fails(1, "virtualNetworkGateways"),
        "there is no gateway yet",
    ),
]
"""What a watcher answers, and what it holds."""
