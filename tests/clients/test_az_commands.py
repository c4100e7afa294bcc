"""azure-cli's commands, one a row, with what must hold of their output.

The rows of a story share a resource group and build on each other, as a session at a terminal does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lazulite.testing import Lab
from tests.clients import az_firewall_rows as firewalls
from tests.clients import az_gateway_rows as gateways
from tests.clients import az_management_rows as management
from tests.clients import az_network_rows as network
from tests.clients import az_storage_rows as storage
from tests.clients import az_vault_rows as vaults
from tests.clients import az_watch_rows as watch
from tests.clients.az import Az, AzError
from tests.clients.az_table import SUCCEEDED, Fails, filled, shared
from tests.clients.az_tellers import Tellers
from tests.clients.record import Record

covers = pytest.mark.covers

GROUP = "Microsoft.Resources/resourceGroups"
DEPLOYMENT = "Microsoft.Resources/deployments"
VNET = "Microsoft.Network/virtualNetworks"
SUBNET = "Microsoft.Network/virtualNetworks/subnets"
PEERING = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
NSG = "Microsoft.Network/networkSecurityGroups"
RULE = "Microsoft.Network/networkSecurityGroups/securityRules"
ASG = "Microsoft.Network/applicationSecurityGroups"
TABLE = "Microsoft.Network/routeTables"
ROUTE = "Microsoft.Network/routeTables/routes"
ADDRESS = "Microsoft.Network/publicIPAddresses"
PREFIX = "Microsoft.Network/publicIPPrefixes"
NIC = "Microsoft.Network/networkInterfaces"
VM = "Microsoft.Compute/virtualMachines"
EXTENSION = "Microsoft.Compute/virtualMachines/extensions"

TEMPLATE = Path(__file__).with_name("network.json")
PASSWORD = "--admin-username azureuser --admin-password Lazulite-1234 --authentication-type password"


NETWORK = [
    (covers(GROUP, "show", client="az"), "group show -n {g}", {"name": "{g}", "properties": SUCCEEDED}),
    (covers(GROUP, "update", client="az"), "group update -n {g} --set tags.a=b", {"tags": {"a": "b"}}),
    (covers(GROUP, "list", client="az"), "group list --tag a=b --query [].name", ["{g}"]),
    (
        covers(VNET, "create", client="az"),
        "network vnet create -g {g} -n hub --address-prefixes 10.0.0.0/16 --subnet-name s1",
        {"newVNet": SUCCEEDED | {"subnets": [{"name": "s1", "addressPrefix": "10.0.0.0/24"}]}},
    ),
    (
        covers(VNET, "create", client="az"),
        "network vnet create -g {g} -n spoke --address-prefixes 10.1.0.0/16 --subnet-name s1",
        {"newVNet": {"subnets": [{"addressPrefix": "10.1.0.0/24"}]}},
    ),
    (
        covers(VNET, "create", client="az"),
        "network vnet create -g {g} -n wrong --subnet-name s --subnet-prefixes 10.9.0.0/24",
        Fails(1, "(NetcfgInvalidSubnet)", "10.9.0.0/24"),
    ),
    (covers(VNET, "show", client="az"), "network vnet show -g {g} -n hub", {"name": "hub", "location": "westeurope"}),
    (covers(VNET, "show", client="az"), "network vnet show -g {g} -n absent", Fails(3, "(ResourceNotFound)", "absent")),
    (
        covers(VNET, "list", client="az"),
        """network vnet list --query "[?resourceGroup=='{g}'].name" """,
        ["hub", "spoke"],
    ),
    (covers(VNET, "update", client="az"), "network vnet update -g {g} -n hub --set tags.a=b", {"tags": {"a": "b"}}),
    (
        covers(SUBNET, "create", client="az"),
        "network vnet subnet create -g {g} --vnet-name hub -n s2 --address-prefixes 10.0.1.0/24",
        SUCCEEDED | {"addressPrefix": "10.0.1.0/24"},
    ),
    (
        covers(SUBNET, "list", client="az"),
        "network vnet subnet list -g {g} --vnet-name hub --query [].name",
        ["s1", "s2"],
    ),
    (covers(SUBNET, "show", client="az"), "network vnet subnet show -g {g} --vnet-name hub -n s2", {"name": "s2"}),
    (
        covers(VNET, "list-available-ips", client="az"),
        "network vnet list-available-ips -g {g} -n hub",
        ["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"],
    ),
    (
        covers(PEERING, "create", client="az"),
        "network vnet peering create -g {g} -n to-spoke --vnet-name hub --remote-vnet spoke --allow-vnet-access",
        {"peeringState": "Initiated", "allowVirtualNetworkAccess": True},
    ),
    (
        covers(PEERING, "create", client="az"),
        "network vnet peering create -g {g} -n to-hub --vnet-name spoke --remote-vnet hub --allow-vnet-access",
        {"peeringState": "Connected"},
    ),
    (
        covers(PEERING, "update", client="az"),
        "network vnet peering update -g {g} -n to-spoke --vnet-name hub --set allowForwardedTraffic=true",
        {"allowForwardedTraffic": True, "peeringState": "Connected"},
    ),
    (
        covers(PEERING, "list", client="az"),
        "network vnet peering list -g {g} --vnet-name hub --query [].[name,peeringState]",
        [["to-spoke", "Connected"]],
    ),
    (
        covers(VNET, "update", client="az"),
        "network vnet update -g {g} -n spoke --address-prefixes 10.1.0.0/16 10.2.0.0/16",
        {"addressSpace": {"addressPrefixes": ["10.1.0.0/16", "10.2.0.0/16"]}},
    ),
    (
        covers(PEERING, "show", client="az"),
        "network vnet peering show -g {g} -n to-spoke --vnet-name hub --query peeringSyncLevel",
        "RemoteNotInSync",
    ),
    (
        covers(PEERING, "sync", client="az"),
        "network vnet peering sync -g {g} -n to-spoke --vnet-name hub",
        {"peeringSyncLevel": "FullyInSync", "remoteAddressSpace": {"addressPrefixes": ["10.1.0.0/16", "10.2.0.0/16"]}},
    ),
    (
        covers("Microsoft.Network/locations/usages", "list", client="az"),
        """network list-usages -l westeurope --query "[?name.value=='VirtualNetworks'].limit" """,
        ["1000"],
    ),
]
"""Groups, virtual networks, their subnets and peerings."""

FILTERS_AND_ROUTES = [
    (covers(NSG, "create", client="az"), "network nsg create -g {g} -n nsg", {"NewNSG": SUCCEEDED}),
    (covers(ASG, "create", client="az"), "network asg create -g {g} -n web", SUCCEEDED),
    (covers(ASG, "list", client="az"), "network asg list -g {g} --query [].name", ["web"]),
    (
        covers(RULE, "create", client="az"),
        "network nsg rule create -g {g} --nsg-name nsg -n web --priority 100 --destination-asgs web "
        "--destination-port-ranges 80 443 --protocol Tcp",
        {"access": "Allow", "direction": "Inbound", "destinationPortRanges": ["80", "443"], "sourceAddressPrefix": "*"},
    ),
    (
        covers(RULE, "create", client="az"),
        "network nsg rule create -g {g} --nsg-name nsg -n twin --priority 100 --destination-port-ranges 22",
        Fails(1, "(SecurityRuleConflict)", "twin"),
    ),
    (
        covers(RULE, "update", client="az"),
        "network nsg rule update -g {g} --nsg-name nsg -n web --priority 110",
        {"priority": 110, "destinationPortRanges": ["80", "443"]},
    ),
    (
        covers(RULE, "list", client="az"),
        "network nsg rule list -g {g} --nsg-name nsg --include-default --query [].name",
        [
            "web",
            "AllowVnetInBound",
            "AllowAzureLoadBalancerInBound",
            "DenyAllInBound",
            "AllowVnetOutBound",
            "AllowInternetOutBound",
            "DenyAllOutBound",
        ],
    ),
    (covers(RULE, "show", client="az"), "network nsg rule show -g {g} --nsg-name nsg -n web", {"priority": 110}),
    (covers(NSG, "list", client="az"), "network nsg list -g {g} --query [].name", ["nsg"]),
    (covers(TABLE, "create", client="az"), "network route-table create -g {g} -n rt", SUCCEEDED),
    (
        covers(ROUTE, "create", client="az"),
        "network route-table route create -g {g} --route-table-name rt -n out --address-prefix 0.0.0.0/0 "
        "--next-hop-type VirtualAppliance --next-hop-ip-address 10.0.0.4",
        {"nextHopType": "VirtualAppliance", "hasBgpOverride": False},
    ),
    (
        covers(ROUTE, "create", client="az"),
        "network route-table route create -g {g} --route-table-name rt -n bad --address-prefix 10.0.0.0/8 "
        "--next-hop-type VirtualAppliance",
        Fails(1, "(InvalidNextHopIpAddress)", "bad"),
    ),
    (
        covers(ROUTE, "update", client="az"),
        "network route-table route update -g {g} --route-table-name rt -n out --next-hop-type None "
        "--next-hop-ip-address null",
        {"nextHopType": "None"},
    ),
    (
        covers(ROUTE, "list", client="az"),
        "network route-table route list -g {g} --route-table-name rt --query [].name",
        ["out"],
    ),
    (
        covers(TABLE, "update", client="az"),
        "network route-table update -g {g} -n rt --disable-bgp-route-propagation true",
        {"disableBgpRoutePropagation": True, "routes": [{"name": "out"}]},
    ),
    (
        covers(VNET, "create", client="az"),
        "network vnet create -g {g} -n net --subnet-name s --subnet-prefixes 10.0.0.0/24",
        {"newVNet": SUCCEEDED},
    ),
    (
        covers(SUBNET, "update", client="az"),
        "network vnet subnet update -g {g} --vnet-name net -n s --network-security-group nsg --route-table rt",
        {"networkSecurityGroup": {"resourceGroup": "{g}"}, "routeTable": {"resourceGroup": "{g}"}},
    ),
    (
        covers(NSG, "delete", client="az"),
        "network nsg delete -g {g} -n nsg",
        Fails(1, "(InUseNetworkSecurityGroup", "/subnets/s"),
    ),
    (covers(TABLE, "show", client="az"), "network route-table show -g {g} -n rt --query length(subnets)", 1),
    (
        covers(SUBNET, "update", client="az"),
        "network vnet subnet update -g {g} --vnet-name net -n s --network-security-group null --route-table null",
        {"addressPrefix": "10.0.0.0/24"},
    ),
    (covers(NSG, "delete", client="az"), "network nsg delete -g {g} -n nsg", None),
    (
        covers(ROUTE, "delete", client="az"),
        "network route-table route delete -g {g} --route-table-name rt -n out",
        None,
    ),
    (covers(TABLE, "delete", client="az"), "network route-table delete -g {g} -n rt", None),
    (covers(ASG, "delete", client="az"), "network asg delete -g {g} -n web", None),
    (covers(SUBNET, "delete", client="az"), "network vnet subnet delete -g {g} --vnet-name net -n s", None),
    (covers(VNET, "delete", client="az"), "network vnet delete -g {g} -n net", None),
    (covers(VNET, "delete", client="az"), "network vnet delete -g {g} -n absent", None),
    (
        covers("Microsoft.Network/locations/serviceTags", "list", client="az"),
        "network list-service-tags -l westeurope "
        """--query "values[?name=='Storage.WestEurope'].properties.region" """,
        ["westeurope"],
    ),
]
"""Security groups, application security groups, route tables; what is used cannot be deleted."""

MACHINES = [
    (
        covers(PREFIX, "create", client="az"),
        "network public-ip prefix create -g {g} -n pool --length 28",
        SUCCEEDED | {"prefixLength": 28},
    ),
    (
        covers(ADDRESS, "create", client="az"),
        "network public-ip create -g {g} -n address --sku Standard --public-ip-prefix pool",
        {"publicIp": SUCCEEDED | {"publicIPAllocationMethod": "Static"}},
    ),
    (
        covers(ADDRESS, "update", client="az"),
        "network public-ip update -g {g} -n address --dns-name lz-clients",
        {"dnsSettings": {"fqdn": "lz-clients.westeurope.cloudapp.azure.com"}},
    ),
    (covers(ADDRESS, "list", client="az"), "network public-ip list -g {g} --query [].name", ["address"]),
    (
        covers(PREFIX, "show", client="az"),
        "network public-ip prefix show -g {g} -n pool --query length(publicIPAddresses)",
        1,
    ),
    (
        covers(VNET, "create", client="az"),
        "network vnet create -g {g} -n net --subnet-name s --subnet-prefixes 10.0.0.0/24",
        {"newVNet": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}},
    ),
    (covers(NSG, "create", client="az"), "network nsg create -g {g} -n nsg", {"NewNSG": SUCCEEDED}),
    (
        covers(NIC, "create", client="az"),
        "network nic create -g {g} -n nic --vnet-name net --subnet s --public-ip-address address "
        "--network-security-group nsg",
        {"NewNIC": SUCCEEDED | {"ipConfigurations": [{"name": "ipconfig1", "privateIPAddress": "10.0.0.4"}]}},
    ),
    (
        covers(NIC, "ip-config-create", client="az"),
        "network nic ip-config create -g {g} --nic-name nic -n second --private-ip-address 10.0.0.77",
        {"privateIPAddress": "10.0.0.77", "primary": False},
    ),
    (
        covers(NIC, "ip-config-create", client="az"),
        "network nic ip-config create -g {g} --nic-name nic -n third --private-ip-address 10.0.0.1",
        Fails(1, "(PrivateIPAddressInReservedRange)"),
    ),
    (
        covers(VNET, "check-ip-address", client="az"),
        "network vnet check-ip-address -g {g} -n net --ip-address 10.0.0.77",
        {"available": False},
    ),
    (
        covers(NIC, "ip-config-delete", client="az"),
        "network nic ip-config delete -g {g} --nic-name nic -n second",
        None,
    ),
    (covers(NIC, "show", client="az"), "network nic show -g {g} -n nic --query ipConfigurations[].name", ["ipconfig1"]),
    (covers(NIC, "update", client="az"), "network nic update -g {g} -n nic --set tags.a=b", {"tags": {"a": "b"}}),
    (
        covers(VM, "create", client="az"),
        f"vm create -g {{g}} -n one --nics nic --image Ubuntu2204 --size Standard_B1s {PASSWORD}",
        {
            "powerState": "VM running",
            "privateIpAddress": "10.0.0.4",
            "fqdns": "lz-clients.westeurope.cloudapp.azure.com",
        },
    ),
    (covers(VM, "list", client="az"), "vm list -g {g} -d --query [].[name,powerState]", [["one", "VM running"]]),
    (covers(VM, "update", client="az"), "vm update -g {g} -n one --set tags.a=b", {"tags": {"a": "b"}}),
    (covers(VM, "list-ip-addresses", client="az"), "vm list-ip-addresses -g {g} -n one --query length([])", 1),
    (
        covers(NIC, "show-effective-route-table", client="az"),
        "network nic show-effective-route-table -g {g} -n nic "
        """--query "value[?nextHopType=='VnetLocal'].addressPrefix" """,
        [["10.0.0.0/16"]],
    ),
    (
        covers(VM, "run-command", client="az"),
        "vm run-command invoke -g {g} -n one --command-id RunShellScript --scripts hostname --query value[].code",
        ["ProvisioningState/succeeded"],
    ),
    (
        covers(EXTENSION, "create", client="az"),
        """vm extension set -g {g} --vm-name one -n customScript --publisher Microsoft.Azure.Extensions """
        """--settings '{{"commandToExecute": "true"}}'""",
        SUCCEEDED,
    ),
    (covers(VM, "deallocate", client="az"), "vm deallocate -g {g} -n one", None),
    (covers(VM, "show", client="az"), "vm show -g {g} -n one -d --query powerState", "VM deallocated"),
    (covers(VM, "start", client="az"), "vm start -g {g} -n one", None),
    (covers(VM, "restart", client="az"), "vm restart -g {g} -n one", {"status": "Succeeded"}),
    (
        covers(VM, "open-port", client="az"),
        "vm open-port -g {g} -n one --port 8080 --query securityRules[].name",
        ["open-port-8080"],
    ),
    (
        covers(NIC, "delete", client="az"),
        "network nic delete -g {g} -n nic",
        Fails(1, "(NicInUse)", "/virtualMachines/one"),
    ),
    (covers(VM, "delete", client="az"), "vm delete -g {g} -n one -y", None),
    (covers(NIC, "delete", client="az"), "network nic delete -g {g} -n nic", None),
    (covers(ADDRESS, "delete", client="az"), "network public-ip delete -g {g} -n address", None),
    (covers(ADDRESS, "show", client="az"), "network public-ip show -g {g} -n address", Fails(3, "(ResourceNotFound)")),
    (covers(PREFIX, "delete", client="az"), "network public-ip prefix delete -g {g} -n pool", None),
]
"""Public addresses, interfaces and machines, and the order in which they can go."""

DEPLOYMENTS = [
    (
        covers(DEPLOYMENT, "validate", client="az"),
        f"deployment group validate -g {{g}} -f {TEMPLATE} -p prefix=x --query properties.provisioningState",
        "Succeeded",
    ),
    (
        covers(DEPLOYMENT, "validate", client="az"),
        f"deployment group validate -g {{g}} -f {TEMPLATE} -p prefix=x space=10.0.0.0/33",
        Fails(1, "InvalidTemplateDeployment", "10.0.0.0/33"),
    ),
    (
        covers(DEPLOYMENT, "what-if", client="az"),
        f"deployment group what-if -g {{g}} -f {TEMPLATE} -p prefix=x --no-pretty-print --query changes[].changeType",
        ["Create", "Create", "Create", "Create"],
    ),
    (
        covers(DEPLOYMENT, "create", client="az"),
        f"deployment group create -g {{g}} -n d -f {TEMPLATE} -p prefix=x --query properties.outputs.address.value",
        "10.7.0.4",
    ),
    (
        covers(DEPLOYMENT, "what-if", client="az"),
        f"deployment group what-if -g {{g}} -f {TEMPLATE} -p prefix=x --no-pretty-print --query changes[].changeType",
        ["NoChange", "NoChange", "NoChange", "NoChange"],
    ),
    (covers(DEPLOYMENT, "list", client="az"), "deployment group list -g {g} --query [].name", ["d"]),
    (
        covers(DEPLOYMENT, "operations", client="az"),
        """deployment operation group list -g {g} -n d --query "[?properties.provisioningState!='Succeeded']" """,
        [],
    ),
    (
        covers(DEPLOYMENT, "export", client="az"),
        "deployment group export -g {g} -n d",
        {"parameters": {"prefix": {"type": "string"}}},
    ),
    (
        covers("resources", "list", client="az"),
        "resource list -g {g} --query [].type --resource-type Microsoft.Network/networkInterfaces",
        [NIC, NIC],
    ),
    (
        covers("resources", "tag", client="az"),
        "resource tag -g {g} -n x-nsg --resource-type Microsoft.Network/networkSecurityGroups --tags p=q",
        {"tags": {"p": "q"}},
    ),
    (
        covers(TABLE, "create", client="az"),
        """rest -m put -u {endpoint}{group}/providers/Microsoft.Network/routeTables/rt?api-version=2024-05-01 """
        """-b '{{"location": "westeurope"}}'""",
        {"name": "rt", "type": TABLE},
    ),
    (
        covers(TABLE, "show", client="az"),
        "rest -m get -u {group}/providers/Microsoft.Network/routeTables/rt?api-version=2024-05-01",
        {"properties": SUCCEEDED},
    ),
    (
        covers("providers", "show", client="az"),
        "provider show -n Microsoft.Network",
        {"registrationState": "Registered"},
    ),
    (covers("subscriptions", "show", client="az"), "account show --query state", "Enabled"),
    (
        covers("locations", "list", client="az"),
        """account list-locations --query "[?name=='westeurope'].name" """,
        ["westeurope"],
    ),
    (covers(GROUP, "create", client="az"), "group create -n {g}-2 -l westeurope", {"properties": SUCCEEDED}),
    (covers(GROUP, "delete", client="az"), "group delete -n {g}-2 -y", None),
    (covers(GROUP, "exists", client="az"), "group exists -n {g}-2", False),
]
"""Templates, generic commands, discovery."""

LAST = "subscription"
STORIES: dict[str, list[tuple[Any, ...]]] = {
    "network": NETWORK,
    "filters": FILTERS_AND_ROUTES,
    "machines": MACHINES,
    "deployments": DEPLOYMENTS,
    "networks": network.NETWORKS,
    "addresses": network.ADDRESSES,
    "groups": management.GROUPS,
    "access": management.ACCESS,
    "templates": management.TEMPLATES,
    "identities": management.IDENTITIES,
    "storage": storage.STORAGE,
    "vaults": vaults.VAULTS,
    "watch": watch.WATCH,
    "gateways": gateways.GATEWAYS,
    "firewalls": firewalls.FIREWALLS,
    LAST: management.SUBSCRIPTION,
}
"""The rows of a story: a marker, a command, what must come back of it, and a sentence (the command, without one)."""


def rows() -> Iterator[Any]:
    for story, every in STORIES.items():
        for number, (mark, command, _, *sentence) in enumerate(every):
            name = sentence[0] if sentence else command.partition(" --query")[0]
            yield pytest.param(story, number, marks=mark, id=f"{story}: {name}")


@pytest.fixture(scope="module")
def places(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, str]]]:
    """What the placeholders of each story stand for; its group is there, and goes with the module."""
    files = gateways.certificates(tmp_path_factory.mktemp("certificates"))
    made = {}
    for story in STORIES:
        path = f"{lab.client.subscription}/resourceGroups/{story}"
        lab.client.put(path, {"location": "westeurope"})
        endpoint, subscription = lab.connection.endpoint, lab.client.subscription
        made[story] = {"g": story, "group": path, "endpoint": endpoint, "subscription": subscription, **files}
    yield made
    for story in made.values():
        lab.client.delete(story["group"])


@pytest.fixture(scope="module")
def record() -> Iterator[Record]:
    kept = Record()
    yield kept
    kept.close()


@pytest.fixture(scope="module")
def told(lab: Lab, az: Az, places: dict[str, dict[str, str]], request: pytest.FixtureRequest) -> Iterator[Tellers]:
    """What every command of the stories that are asked for comes to; they run side by side, as az mostly sleeps."""
    wanted = {i.callspec.params["story"] for i in request.session.items if "told" in getattr(i, "fixturenames", ())}
    with Tellers(lab) as tellers:
        for story in [s for s in STORIES if s in wanted]:
            tellers.tell(story, [row[1] for row in STORIES[story]], places[story], after_others=story == LAST)
        yield tellers


@pytest.mark.parametrize(("story", "number"), list(rows()))
def test_a_command(told: Tellers, record: Record, places: dict[str, dict[str, str]], story: str, number: int) -> None:
    _, command, expected, *_ = STORIES[story][number]
    came = told.of(story, number)
    if isinstance(expected, Fails):
        assert came.error is not None, came.found
        assert (came.error.code, [w for w in expected.words if w not in came.error.text]) == (expected.code, [])
    else:
        assert came.error is None
        assert shared(came.found, filled(expected, places[story])) == filled(expected, places[story])
    record.check(story, command, came.requests)


def test_the_record_has_these_commands_and_no_others(record: Record) -> None:
    record.only({(story, command) for story, every in STORIES.items() for _, command, *_ in every})


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("group list", id="a list"),
        pytest.param("network vnet show -g none -n none", id="what is not there"),
        pytest.param("group show", id="what says too little"),
        pytest.param("provider show -n Microsoft.Network --query namespace", id="a text"),
        pytest.param("account show", id="what az knows itself"),
    ],
)
def test_az_from_the_terminal_says_the_same(az: Az, command: str) -> None:
    """The program that users start, and its main module in a process that had read its modules before."""

    def said(run: Callable[[list[str]], Any]) -> Any:
        try:
            return run(command.split())
        except AzError as error:
            return error.code, error.text

    assert said(az.run) == said(az.forked)
