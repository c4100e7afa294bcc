"""Rows for ``test_az_commands``: the rest of the network groups of az, and machines, disks, keys and accounts.

What ``show``, generic ``update``, ``wait`` and ``delete`` do, and how az prints what the lab refuses.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.az_table import SUCCEEDED, Fails

covers = pytest.mark.covers

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
SET = "Microsoft.Compute/availabilitySets"
DISK = "Microsoft.Compute/disks"
KEY = "Microsoft.Compute/sshPublicKeys"
ACCOUNT = "Microsoft.Storage/storageAccounts"

Rows = list[tuple[Any, ...]]

NETWORKS: Rows = [
    (
        covers(VNET, "create", client="az"),
        "network vnet create -g {g} -n v --address-prefixes 10.0.0.0/16 --subnet-name s --subnet-prefixes 10.0.0.0/24 "
        "--tags a=b",
        {"newVNet": {"tags": {"a": "b"}, "subnets": [{"addressPrefix": "10.0.0.0/24"}]}},
        "a network is made with its first subnet and its tags",
    ),
    (
        covers(VNET, "wait", client="az"),
        "network vnet wait -g {g} -n v --created --timeout 20",
        None,
        "a network that was made need not be waited for",
    ),
    (
        covers(VNET, "wait", client="az"),
        """network vnet wait -g {g} -n v --custom "tags.a=='b'" --timeout 20""",
        None,
        "a wait for a condition ends when it holds",
    ),
    (
        covers(VNET, "update", client="az"),
        "network vnet update -g {g} -n v --add addressSpace.addressPrefixes 10.5.0.0/16 "
        "--query addressSpace.addressPrefixes",
        ["10.0.0.0/16", "10.5.0.0/16"],
        "an address range is added to a network",
    ),
    (
        covers(VNET, "update", client="az"),
        "network vnet update -g {g} -n v --remove addressSpace.addressPrefixes 1 --query addressSpace.addressPrefixes",
        ["10.0.0.0/16"],
        "an address range is taken from a network",
    ),
    (
        covers(VNET, "update", client="az"),
        "network vnet update -g {g} -n v --remove tags.a --query tags",
        {},
        "a tag is taken from a network",
    ),
    (
        covers(SUBNET, "show", client="az"),
        "network vnet subnet show -g {g} --vnet-name v -n absent",
        Fails(3, "(NotFound)", "/subnets/absent"),
        "a subnet that is not there is not found",
    ),
    (
        covers(SUBNET, "update", client="az"),
        "network vnet subnet update -g {g} --vnet-name v -n s --delegations Microsoft.Web/serverFarms "
        "--query delegations[].serviceName",
        ["Microsoft.Web/serverFarms"],
        "a subnet is delegated to a service",
    ),
    (
        covers(SUBNET, "wait", client="az"),
        "network vnet subnet wait -g {g} --vnet-name v -n s --exists --timeout 20",
        None,
        "a subnet that exists need not be waited for",
    ),
    (
        covers(SUBNET, "create", client="az"),
        "network vnet subnet create -g {g} --vnet-name v -n t --address-prefixes 10.0.0.128/25",
        Fails(1, "(NetcfgSubnetRangesOverlap)", "'t'"),
        "subnets that overlap are refused",
    ),
    (
        covers(SUBNET, "update", client="az"),
        "network vnet subnet update -g {g} --vnet-name v -n s --default-outbound-access false "
        "--query defaultOutboundAccess",
        False,
        "default outbound access of a subnet is turned off",
    ),
    (
        covers(VNET, "create", client="az"),
        "network vnet create -g {g} -n w --address-prefixes 10.9.0.0/16 --query newVNet.addressSpace.addressPrefixes",
        ["10.9.0.0/16"],
        "a network may have no subnet",
    ),
    (
        covers(PEERING, "create", client="az"),
        "network vnet peering create -g {g} -n p --vnet-name v --remote-vnet w --query peeringState",
        "Initiated",
        "a peering is initiated by one side",
    ),
    (
        covers(PEERING, "create", client="az"),
        "network vnet peering create -g {g} -n q --vnet-name v --remote-vnet v",
        Fails(1, "(VnetCannotBePeeredWithItself)"),
        "a network cannot be peered with itself",
    ),
    (
        covers(PEERING, "delete", client="az"),
        "network vnet peering delete -g {g} -n p --vnet-name v",
        None,
        "a peering is deleted",
    ),
    (covers(ASG, "create", client="az"), "network asg create -g {g} -n asg", SUCCEEDED, "an application group is made"),
    (
        covers(ASG, "update", client="az"),
        "network asg update -g {g} -n asg --set tags.a=b --query tags.a",
        "b",
        "an application group gets a tag",
    ),
    (
        covers(ASG, "show", client="az"),
        "network asg show -g {g} -n asg --query [name,tags.a]",
        ["asg", "b"],
        "an application group is shown",
    ),
    (
        covers(NSG, "create", client="az"),
        "network nsg create -g {g} -n nsg",
        {"NewNSG": SUCCEEDED},
        "a security group is made",
    ),
    (
        covers(NSG, "show", client="az"),
        """network nsg show -g {g} -n nsg --query "length(defaultSecurityRules)" """,
        6,
        "a security group has six default rules",
    ),
    (
        covers(NSG, "update", client="az"),
        "network nsg update -g {g} -n nsg --set tags.a=b --query tags.a",
        "b",
        "a security group gets a tag",
    ),
    (
        covers(NSG, "wait", client="az"),
        "network nsg wait -g {g} -n nsg --updated --timeout 20",
        None,
        "a security group that was updated need not be waited for",
    ),
    (
        covers(RULE, "create", client="az"),
        "network nsg rule create -g {g} --nsg-name nsg -n r --priority 200 --destination-port-ranges 22 "
        "--source-address-prefixes 10.0.0.0/8 --protocol Tcp --direction Inbound --access Deny --description d",
        {"access": "Deny", "sourceAddressPrefix": "10.0.0.0/8", "description": "d"},
        "a rule with everything said is made",
    ),
    (
        covers(RULE, "update", client="az"),
        "network nsg rule update -g {g} --nsg-name nsg -n r --set access=Allow --query access",
        "Allow",
        "a rule is turned into its contrary",
    ),
    (
        covers(RULE, "wait", client="az"),
        "network nsg rule wait -g {g} --nsg-name nsg -n r --exists --timeout 20",
        None,
        "a rule that exists need not be waited for",
    ),
    (
        covers(RULE, "create", client="az"),
        "network nsg rule create -g {g} --nsg-name nsg -n low --priority 99 --destination-port-ranges 22",
        Fails(1, "(SecurityRuleInvalidPriority)", "99", "100-4096"),
        "a priority below 100 is refused",
    ),
    (
        covers(RULE, "create", client="az"),
        "network nsg rule create -g {g} --nsg-name nsg -n bad --priority 300 --destination-port-ranges 99999",
        Fails(1, "(SecurityRuleInvalidPortRange)", "99999"),
        "a port beyond 65535 is refused",
    ),
    (
        covers(RULE, "show", client="az"),
        "network nsg rule show -g {g} --nsg-name nsg -n absent",
        Fails(3, "(NotFound)", "/securityRules/absent"),
        "a rule that is not there is not found",
    ),
    (
        covers(RULE, "delete", client="az"),
        "network nsg rule delete -g {g} --nsg-name nsg -n r",
        None,
        "a rule is deleted",
    ),
    (
        covers(RULE, "list", client="az"),
        "network nsg rule list -g {g} --nsg-name nsg",
        [],
        "a group has no rule once the last is deleted",
    ),
    (
        covers(TABLE, "create", client="az"),
        "network route-table create -g {g} -n rt --disable-bgp-route-propagation true "
        "--query disableBgpRoutePropagation",
        True,
        "a route table that learns nothing is made",
    ),
    (
        covers(TABLE, "list", client="az"),
        "network route-table list -g {g} --query [].name",
        ["rt"],
        "route tables are listed",
    ),
    (
        covers(TABLE, "update", client="az"),
        "network route-table update -g {g} -n rt --set tags.a=b --query tags.a",
        "b",
        "a route table gets a tag",
    ),
    (
        covers(ROUTE, "create", client="az"),
        "network route-table route create -g {g} --route-table-name rt -n r --address-prefix 10.0.0.0/8 "
        "--next-hop-type None --query nextHopType",
        "None",
        "a route to nowhere is made",
    ),
    (
        covers(ROUTE, "create", client="az"),
        "network route-table route create -g {g} --route-table-name rt -n twin --address-prefix 10.0.0.0/8 "
        "--next-hop-type Internet",
        Fails(1, "10.0.0.0/8"),
        "two routes of one prefix are refused",
    ),
    (
        covers(ROUTE, "show", client="az"),
        "network route-table route show -g {g} --route-table-name rt -n r --query addressPrefix",
        "10.0.0.0/8",
        "a route is shown",
    ),
    (
        covers(ROUTE, "wait", client="az"),
        "network route-table route wait -g {g} --route-table-name rt -n r --exists --timeout 20",
        None,
        "a route that exists need not be waited for",
    ),
    (
        covers(TABLE, "wait", client="az"),
        "network route-table wait -g {g} -n rt --exists --timeout 20",
        None,
        "a route table that exists need not be waited for",
    ),
    (
        covers("Microsoft.Network/ddosProtectionPlans", "list (refused)", client="az"),
        "network ddos-protection list",
        Fails(1, "(InvalidResourceType)", "ddosProtectionPlans"),
        "a type that the lab does not have is named",
    ),
]
"""Networks, subnets, groups, rules and routes beside what the first stories do with them."""

ADDRESSES: Rows = [
    (
        covers(VNET, "create", client="az"),
        "network vnet create -g {g} -n net --subnet-name s --subnet-prefixes 10.0.0.0/24 --query newVNet.name",
        "net",
        "a network for what follows",
    ),
    (covers(ASG, "create", client="az"), "network asg create -g {g} -n asg --query name", "asg", "a group of machines"),
    (
        covers(NSG, "create", client="az"),
        "network nsg create -g {g} -n nsg --query NewNSG.name",
        "nsg",
        "a group of rules",
    ),
    (
        covers(PREFIX, "create", client="az"),
        """network public-ip prefix create -g {g} -n pool --length 29 --query "ends_with(ipPrefix, '/29')" """,
        True,
        "a prefix of eight public addresses is made",
    ),
    (
        covers(PREFIX, "list", client="az"),
        "network public-ip prefix list -g {g} --query [].name",
        ["pool"],
        "prefixes are listed",
    ),
    (
        covers(PREFIX, "update", client="az"),
        "network public-ip prefix update -g {g} -n pool --set tags.a=b --query tags.a",
        "b",
        "a prefix gets a tag",
    ),
    (
        covers(PREFIX, "create", client="az"),
        "network public-ip prefix create -g {g} -n large --length 8",
        Fails(1, "8"),
        "a prefix that is too long a run of addresses is refused",
    ),
    (
        covers(ADDRESS, "create", client="az"),
        "network public-ip create -g {g} -n ip --sku Standard --zone 1 2 3 --query publicIp.zones",
        ["1", "2", "3"],
        "a public address in three zones is made",
    ),
    (
        covers(ADDRESS, "wait", client="az"),
        "network public-ip wait -g {g} -n ip --created --timeout 20",
        None,
        "a public address that was made need not be waited for",
    ),
    (
        covers(ADDRESS, "update", client="az"),
        "network public-ip update -g {g} -n ip --idle-timeout 50",
        Fails(1, "(InvalidParameter)", "4-30"),
        "an idle timeout beyond half an hour is refused",
    ),
    (
        covers(ADDRESS, "update", client="az"),
        "network public-ip update -g {g} -n ip --set idleTimeoutInMinutes=10 --query idleTimeoutInMinutes",
        10,
        "the idle timeout of a public address is set",
    ),
    (
        covers(NIC, "create", client="az"),
        "network nic create -g {g} -n nic --vnet-name net --subnet s --application-security-groups asg "
        "--ip-forwarding true --dns-servers 10.0.0.9 --private-ip-address 10.0.0.20 "
        "--query NewNIC.[enableIPForwarding,dnsSettings.dnsServers,ipConfigurations[0].privateIPAddress]",
        [True, ["10.0.0.9"], "10.0.0.20"],
        "an interface with everything said is made",
    ),
    (
        covers(NIC, "create", client="az"),
        "network nic create -g {g} -n twin --vnet-name net --subnet s --private-ip-address 10.0.0.20",
        Fails(1, "(PrivateIPAddressIsAllocated)", "10.0.0.20"),
        "an address that is taken is refused",
    ),
    (covers(NIC, "list", client="az"), "network nic list -g {g} --query [].name", ["nic"], "interfaces are listed"),
    (
        covers(NIC, "wait", client="az"),
        "network nic wait -g {g} -n nic --exists --timeout 20",
        None,
        "an interface that exists need not be waited for",
    ),
    (
        covers(NIC, "ip-config-list", client="az"),
        "network nic ip-config list -g {g} --nic-name nic --query [].name",
        ["ipconfig1"],
        "configurations of an interface are listed",
    ),
    (
        covers(NIC, "ip-config-show", client="az"),
        "network nic ip-config show -g {g} --nic-name nic -n ipconfig1 "
        """--query "[privateIPAddress,length(applicationSecurityGroups)]" """,
        ["10.0.0.20", 1],
        "a configuration of an interface is shown",
    ),
    (
        covers(ASG, "delete", client="az"),
        "network asg delete -g {g} -n asg",
        Fails(1, "(InUseApplicationSecurityGroupCannotBeDeleted)", "/networkInterfaces/nic"),
        "an application group in use cannot be deleted",
    ),
    (
        covers(NIC, "ip-config-update", client="az"),
        "network nic ip-config update -g {g} --nic-name nic -n ipconfig1 --public-ip-address ip "
        """--query "ends_with(publicIPAddress.id, '/ip')" """,
        True,
        "a configuration gets a public address",
    ),
    (
        covers(ADDRESS, "delete", client="az"),
        "network public-ip delete -g {g} -n ip",
        Fails(1, "(PublicIPAddressCannotBeDeleted)", "/networkInterfaces/nic/ipConfigurations/ipconfig1"),
        "a public address in use cannot be deleted",
    ),
    (
        covers(NIC, "ip-config-update", client="az"),
        "network nic ip-config update -g {g} --nic-name nic -n ipconfig1 --remove publicIPAddress "
        "--query publicIPAddress",
        None,
        "a configuration loses its public address",
    ),
    (
        covers(NIC, "list-effective-nsg", client="az"),
        "network nic list-effective-nsg -g {g} -n nic",
        Fails(1, "(NetworkInterfaceNotAttachedToRunningVirtualMachine)"),
        "an interface without a machine has no effective rules",
    ),
    (
        covers(NIC, "update", client="az"),
        "network nic update -g {g} -n nic --network-security-group nsg "
        """--query "ends_with(networkSecurityGroup.id, '/nsg')" """,
        True,
        "an interface gets a security group",
    ),
    (
        covers(VNET, "delete", client="az"),
        "network vnet delete -g {g} -n net",
        Fails(1, "(InUseSubnetCannotBeDeleted)", "/networkInterfaces/nic/ipConfigurations/ipconfig1"),
        "a network with interfaces cannot be deleted",
    ),
    (
        covers(SET, "create", client="az"),
        "vm availability-set create -g {g} -n as --query [name,platformUpdateDomainCount]",
        ["as", 5],
        "an availability set is made",
    ),
    (
        covers(SET, "update", client="az"),
        "vm availability-set update -g {g} -n as --set tags.a=b --query tags.a",
        "b",
        "an availability set gets a tag",
    ),
    (
        covers(SET, "list", client="az"),
        "vm availability-set list -g {g} --query [].name",
        ["as"],
        "availability sets are listed",
    ),
    (
        covers(DISK, "create", client="az"),
        "disk create -g {g} -n disk --size-gb 4 --query [name,diskSizeGB]",
        ["disk", 4],
        "a disk is made",
    ),
    (
        covers(DISK, "update", client="az"),
        "disk update -g {g} -n disk --set tags.a=b --query tags.a",
        "b",
        "a disk gets a tag",
    ),
    (covers(DISK, "list", client="az"), "disk list -g {g} --query [].name", ["disk"], "disks are listed"),
    (covers(DISK, "delete", client="az"), "disk delete -g {g} -n disk -y", None, "a disk is deleted"),
    (
        covers(DISK, "show", client="az"),
        "disk show -g {g} -n disk",
        Fails(3, "(ResourceNotFound)"),
        "a disk that was deleted is not found",
    ),
    (
        covers(KEY, "create", client="az"),
        """sshkey create -g {g} -n key --public-key "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 x" --query name""",
        "key",
        "a public key is kept",
    ),
    (covers(KEY, "list", client="az"), "sshkey list -g {g} --query [].name", ["key"], "public keys are listed"),
    (
        covers(VM, "create", client="az"),
        "vm create -g {g} -n m --nics nic --image Ubuntu2204 --size Standard_B1s --availability-set as "
        "--ssh-key-name key --admin-username azureuser --query [powerState,privateIpAddress]",
        ["VM running", "10.0.0.20"],
        "a machine of an interface, a set and a key runs",
    ),
    (
        covers(VM, "wait", client="az"),
        "vm wait -g {g} -n m --created --timeout 20",
        None,
        "a machine that was made need not be waited for",
    ),
    (
        covers(VM, "get-instance-view", client="az"),
        "vm get-instance-view -g {g} -n m --query instanceView.statuses[].code",
        ["ProvisioningState/succeeded", "PowerState/running"],
        "a machine says how it is",
    ),
    (
        covers(VM, "nic-list", client="az"),
        """vm nic list -g {g} --vm-name m --query "length(@)" """,
        1,
        "a machine's interfaces are listed",
    ),
    (
        covers(VM, "nic-show", client="az"),
        "vm nic show -g {g} --vm-name m --nic nic --query name",
        "nic",
        "a machine's interface is shown",
    ),
    (
        covers(NIC, "list-effective-nsg", client="az"),
        """network nic list-effective-nsg -g {g} -n nic --query "length(value)" """,
        1,
        "the interface of a running machine has effective rules",
    ),
    (
        covers(EXTENSION, "create", client="az"),
        "vm extension set -g {g} --vm-name m -n customScript --publisher Microsoft.Azure.Extensions "
        """--settings '{{"commandToExecute": "true"}}' --query provisioningState""",
        "Succeeded",
        "an extension runs a script",
    ),
    (
        covers(EXTENSION, "list", client="az"),
        "vm extension list -g {g} --vm-name m --query [].name",
        ["customScript"],
        "a machine's extensions are listed",
    ),
    (
        covers(EXTENSION, "show", client="az"),
        "vm extension show -g {g} --vm-name m -n customScript --query typePropertiesType",
        "customScript",
        "an extension is shown",
    ),
    (
        covers(EXTENSION, "delete", client="az"),
        "vm extension delete -g {g} --vm-name m -n customScript",
        None,
        "an extension is deleted",
    ),
    (
        covers(SET, "delete", client="az"),
        "vm availability-set delete -g {g} -n as",
        Fails(1, "(OperationNotAllowed)", "'as'"),
        "an availability set with machines cannot be deleted",
    ),
    (covers(VM, "stop", client="az"), "vm stop -g {g} -n m", None, "a machine is stopped"),
    (
        covers(VM, "resize", client="az"),
        "vm resize -g {g} -n m --size Standard_B2s --query hardwareProfile.vmSize",
        "Standard_B2s",
        "a machine gets another size",
    ),
    (
        covers(VM, "nic-add", client="az"),
        "vm nic add -g {g} --vm-name m --nics absent",
        Fails(3, "(ResourceNotFound)", "absent"),
        "an interface that is not there cannot be added",
    ),
    (
        covers(VM, "show", client="az"),
        "vm show -g {g} -n absent",
        Fails(3, "(ResourceNotFound)", "absent"),
        "a machine that is not there is not found",
    ),
    (
        covers(VM, "list-sizes", client="az"),
        """vm list-sizes -l westeurope --query "[?name=='Standard_B1s'].numberOfCores" """,
        [1],
        "the sizes of machines are listed",
    ),
    (
        covers(VM, "list-skus", client="az"),
        "vm list-skus -l westeurope --size Standard_B1s --query [].name",
        ["Standard_B1s"],
        "what a region offers is listed",
    ),
    (
        covers(VM, "image-show", client="az"),
        "vm image show --urn Canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest "
        "--query osDiskImage.operatingSystem",
        "Linux",
        "an image says of what kind it is",
    ),
    (
        covers(ACCOUNT, "check-name", client="az"),
        "storage account check-name -n lzclients01 --query nameAvailable",
        True,
        "the name of an account is free",
    ),
    (
        covers(ACCOUNT, "create", client="az"),
        "storage account create -g {g} -n lzclients01 --sku Standard_LRS --query primaryEndpoints.blob",
        "https://lzclients01.blob.core.windows.net/",
        "a storage account is made",
    ),
    (
        covers(ACCOUNT, "check-name", client="az"),
        "storage account check-name -n lzclients01 --query reason",
        "AlreadyExists",
        "the name of an account is taken",
    ),
    (
        covers(ACCOUNT, "list", client="az"),
        "storage account list -g {g} --query [].name",
        ["lzclients01"],
        "storage accounts are listed",
    ),
    (
        covers(ACCOUNT, "keys-list", client="az"),
        "storage account keys list -g {g} -n lzclients01 --query [].keyName",
        ["key1", "key2"],
        "an account has two keys",
    ),
    (
        covers(ACCOUNT, "update", client="az"),
        "storage account update -g {g} -n lzclients01 --set tags.a=b --query tags.a",
        "b",
        "an account gets a tag",
    ),
    (
        covers(ACCOUNT, "delete", client="az"),
        "storage account delete -g {g} -n lzclients01 -y",
        None,
        "an account is deleted",
    ),
]
"""Addresses, interfaces, machines, disks, keys and accounts."""
