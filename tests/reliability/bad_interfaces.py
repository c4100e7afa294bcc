"""Refusals of interfaces, machines, clients and public addresses, in Azure's words where they are known.

Sources: the error tables of "Virtual network" and "Network security groups", and recorded answers of Azure.
"""

from __future__ import annotations

from tests.reliability.bad_input import (
    ADDRESS,
    ANYTHING,
    HUB,
    MISSING_WORDS,
    NEW_CLIENT,
    NEW_IP,
    NEW_NIC,
    NEW_VM,
    NIC,
    A,
    delete,
    here,
    interface,
    machine,
    named,
    put,
    ref,
    static,
)

INTERFACES = [
    *(
        put(f"the static address {address}", NEW_NIC, static(A, address), code, words, f"{NIC}.privateIPAddress")
        for address, code, words in (
            ("10.0.0.0", "PrivateIPAddressInReservedRange", ".*10.0.0.0 falls within reserved IP range.*10.0.0.0/24.*"),
            ("10.0.0.3", "PrivateIPAddressInReservedRange", ".*10.0.0.3 falls within reserved IP range.*10.0.0.0/24.*"),
            ("10.0.0.255", "PrivateIPAddressInReservedRange", ".*10.0.0.255.*"),
            ("10.0.1.9", "PrivateIPAddressNotInSubnet", ".*10.0.1.9.*"),
            ("10.0.0.7", "PrivateIPAddressIsAllocated", ".*10.0.0.7.*@networkInterfaces/web.*"),
            ("fd00::4", "PrivateIPAddressVersionMismatch", ".*fd00::4.*"),
            ("10.0.0.300", "InvalidIPAddressFormat", ".*10.0.0.300.*"),
        )
    ),
    put(
        "without a configuration",
        NEW_NIC,
        here(ipConfigurations=[]),
        "IpConfigurationRequired",
        ANYTHING,
        "properties.ipConfigurations",
    ),
    put("without a subnet", NEW_NIC, interface(None), "SubnetIsRequired", ANYTHING, f"{NIC}.subnet"),
    put(
        "in a subnet that is not there",
        NEW_NIC,
        interface(f"{HUB}/subnets/none"),
        "InvalidResourceReference",
        MISSING_WORDS.format("virtualNetworks/hub/subnets/none", "networkInterfaces/new/ipConfigurations/one"),
        f"{NIC}.subnet",
    ),
    put(
        "in a network as subnet",
        NEW_NIC,
        interface(HUB),
        "InvalidJsonReferenceWrongType",
        ".*subnets.*",
        f"{NIC}.subnet",
    ),
    put(
        "in another region than its network",
        NEW_NIC,
        interface(A, location="eastus"),
        "InvalidResourceReference",
        ANYTHING,
        f"{NIC}.subnet",
    ),
    put(
        "in two networks",
        NEW_NIC,
        here(ipConfigurations=[named("x", subnet=ref(A)), named("y", subnet=ref("virtualNetworks/spoke/subnets/a"))]),
        "SubnetsNotInSameVnet",
        ANYTHING,
        "properties.ipConfigurations",
    ),
    put(
        "moved to another network",
        "networkInterfaces/spare",
        interface("virtualNetworks/spoke/subnets/a"),
        "SubnetsNotInSameVnet",
        ANYTHING,
        "properties.ipConfigurations",
    ),
    put(
        "with a public address that another has",
        NEW_NIC,
        interface(A, publicIPAddress=ADDRESS),
        "PublicIPAddressInUse",
        ANYTHING,
        f"{NIC}.publicIPAddress",
    ),
    put(
        "with a public address that is not there",
        NEW_NIC,
        interface(A, publicIPAddress=ref("publicIPAddresses/none")),
        "InvalidResourceReference",
        MISSING_WORDS.format("publicIPAddresses/none", "networkInterfaces/new/ipConfigurations/one"),
        f"{NIC}.publicIPAddress",
    ),
    put(
        "in a group of applications of another network",
        NEW_NIC,
        interface(A, applicationSecurityGroups=[ref("applicationSecurityGroups/spoke")]),
        "ApplicationSecurityGroupsNotInSameVnet",
        ANYTHING,
        f"{NIC}.applicationSecurityGroups[0]",
    ),
    put(
        "behind a load balancer that is not there",
        NEW_NIC,
        interface(A, loadBalancerBackendAddressPools=[ref("loadBalancers/l/backendAddressPools/p")]),
        "InvalidResourceReference",
        ANYTHING,
        f"{NIC}.loadBalancerBackendAddressPools[0]",
    ),
    delete("of a machine", "networkInterfaces/web", "NicInUse", ANYTHING),
]

ADDRESSES = [
    put(
        "standard and dynamic",
        NEW_IP,
        here(sku="Standard", publicIPAllocationMethod="Dynamic"),
        "StandardSkuPublicIPAddressesCannotHaveDynamicAllocation",
        ANYTHING,
        "properties.publicIPAllocationMethod",
    ),
    put("an unknown SKU", NEW_IP, here(sku="Golden"), "InvalidParameter", ".*Golden.*", "sku.name"),
    put(
        "another SKU later",
        "publicIPAddresses/taken",
        here(sku="Basic", publicIPAllocationMethod="Static"),
        "PropertyChangeNotAllowed",
        ANYTHING,
        "sku",
        status=409,
    ),
    put(
        "a label that is taken",
        NEW_IP,
        here(sku="Standard", publicIPAllocationMethod="Static", dnsSettings={"domainNameLabel": "taken"}),
        "DnsRecordInUse",
        r"DNS record taken\.westeurope\.cloudapp\.azure\.com is already used by another public IP\.",
        "properties.dnsSettings.domainNameLabel",
    ),
    put(
        "a label that is none",
        NEW_IP,
        here(sku="Standard", publicIPAllocationMethod="Static", dnsSettings={"domainNameLabel": "-"}),
        "InvalidDomainNameLabel",
        ANYTHING,
        "properties.dnsSettings.domainNameLabel",
    ),
    put(
        "an idle timeout of an hour",
        NEW_IP,
        here(sku="Standard", publicIPAllocationMethod="Static", idleTimeoutInMinutes=60),
        "InvalidParameter",
        ".*60.*4-30.*",
        "properties.idleTimeoutInMinutes",
    ),
    delete(
        "an address in use",
        "publicIPAddresses/taken",
        "PublicIPAddressCannotBeDeleted",
        r"Public IP address @publicIPAddresses/taken can not be deleted since it is still allocated to resource "
        r"@networkInterfaces/web/ipConfigurations/one\. In order to delete the public IP, disassociate/detach "
        r"the Public IP "
        r"address from the resource\.  To learn how to do this, see aka\.ms/deletepublicip\.",
    ),
    put(
        "a prefix of one address too many",
        "publicIPPrefixes/new",
        here(sku="Standard", prefixLength=20),
        "InvalidPublicIPPrefixLength",
        ".*20.*",
        "properties.prefixLength",
    ),
]

MACHINES = [
    put(
        "with a missing interface",
        NEW_VM,
        machine("networkInterfaces/none"),
        "InvalidResourceReference",
        MISSING_WORDS.format("networkInterfaces/none", "virtualMachines/new"),
        "properties.networkProfile.networkInterfaces[0].id",
    ),
    put(
        "with an interface of another",
        NEW_VM,
        machine("networkInterfaces/web"),
        "NicInUse",
        ANYTHING,
        "properties.networkProfile.networkInterfaces[0].id",
    ),
    put(
        "with one interface twice",
        NEW_VM,
        machine("networkInterfaces/third", "networkInterfaces/third"),
        "InvalidParameter",
        ".*twice.*",
        "properties.networkProfile.networkInterfaces[1].id",
    ),
    put(
        "with interfaces of two networks",
        NEW_VM,
        machine("networkInterfaces/third", "networkInterfaces/spoke"),
        "SubnetsNotInSameVnet",
        ANYTHING,
        "properties.networkProfile.networkInterfaces",
    ),
    put(
        "a client in no country",
        NEW_CLIENT,
        {"properties": {"country": "Atlantis"}},
        "InvalidParameter",
        ".*Atlantis.*",
        "properties.country",
    ),
    put(
        "a client at an address that another has",
        NEW_CLIENT,
        {"properties": {"country": "DE", "ipAddress": "198.18.77.7"}},
        "IPAddressIsAllocated",
        ".*198.18.77.7.*@clients/visitor.*",
        "properties.ipAddress",
    ),
    put(
        "a client at an address outside the lab",
        NEW_CLIENT,
        {"properties": {"country": "DE", "ipAddress": "8.8.8.8"}},
        "IPAddressNotInPool",
        ".*8.8.8.8.*",
        "properties.ipAddress",
    ),
]
