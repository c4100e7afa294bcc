"""Refusals of networks and peerings, in Azure's words where they are known.

Sources: the error tables of "Virtual network" and "Network security groups", and recorded answers of Azure.
"""

from __future__ import annotations

from tests.reliability.bad_input import (
    ANYTHING,
    FIRST,
    HUB,
    HUB_SUBNETS,
    MISSING_WORDS,
    NEW_NET,
    PREFIXES,
    delete,
    named,
    network,
    peering,
    put,
    ref,
    subnet,
)

NETWORKS = [
    put(
        "a subnet outside the space",
        NEW_NET,
        network("10.6.0.0/16", subnets=[subnet("x", "10.7.0.0/24")]),
        "NetcfgInvalidSubnet",
        r"Subnet 'x' is not valid in virtual network 'new'\..*",
        f"{FIRST}.addressPrefix",
    ),
    put(
        "a subnet smaller than a /29",
        f"{HUB}/subnets/x",
        subnet("x", "10.0.9.0/30"),
        "NetcfgInvalidSubnet",
        r"Subnet 'x' is not valid in virtual network 'hub'\..*",
        "properties.addressPrefix",
    ),
    put(
        "subnets that overlap",
        f"{HUB}/subnets/x",
        subnet("x", "10.0.0.128/25"),
        "NetcfgSubnetRangesOverlap",
        ".*overlap.*",
        "properties.addressPrefix",
    ),
    put(
        "a subnet with host bits",
        f"{HUB}/subnets/x",
        subnet("x", "10.0.9.1/24"),
        "InvalidCIDRNotation",
        ".*10.0.9.1/24.*",
        "properties.addressPrefix",
    ),
    put(
        "a subnet that is no prefix",
        f"{HUB}/subnets/x",
        subnet("x", "ten"),
        "InvalidCIDRNotation",
        ".*'ten'.*",
        "properties.addressPrefix",
    ),
    put(
        "a subnet without a prefix",
        f"{HUB}/subnets/x",
        {"properties": {}},
        "NetcfgInvalidSubnet",
        ANYTHING,
        "properties.addressPrefix",
    ),
    put(
        "an IPv6 subnet that is no /64",
        NEW_NET,
        network("10.6.0.0/16", "fd06::/48", subnets=[named("x", addressPrefixes=["10.6.0.0/24", "fd06::/80"])]),
        "NetcfgInvalidSubnet",
        ".*/64.*",
        f"{FIRST}.addressPrefix",
    ),
    *(
        put(
            f"a space of {what}",
            NEW_NET,
            network(prefix),
            "NetcfgInvalidIPAddressPrefix",
            f".*{prefix}.*",
            f"{PREFIXES}[0]",
        )
        for what, prefix in (
            ("multicast addresses", "224.0.0.0/8"),
            ("loopback addresses", "127.0.0.0/16"),
            ("link-local addresses", "169.254.0.0/16"),
            ("the platform's address", "168.63.129.0/24"),
            ("the broadcast address", "255.255.255.0/24"),
        )
    ),
    put(
        "a space with host bits",
        NEW_NET,
        network("10.6.0.1/16"),
        "InvalidCIDRNotation",
        ".*10.6.0.1/16.*",
        f"{PREFIXES}[0]",
    ),
    put(
        "a space that overlaps itself",
        NEW_NET,
        network("10.6.0.0/16", "10.6.1.0/24"),
        "NetcfgInvalidIPAddressPrefix",
        ".*10.6.0.0/16 and 10.6.1.0/24.*overlap.*",
        f"{PREFIXES}[1]",
    ),
    put("no space at all", NEW_NET, network(), "NetcfgInvalidIPAddressPrefix", ANYTHING, PREFIXES),
    put(
        "two subnets of one name",
        NEW_NET,
        network("10.6.0.0/16", subnets=[subnet("x", "10.6.0.0/24"), subnet("X", "10.6.1.0/24")]),
        "DuplicateResourceName",
        ".*X.*",
        "properties.subnets[1].name",
    ),
    put(
        "a network group on the gateway's subnet",
        f"{HUB}/subnets/GatewaySubnet",
        subnet("GatewaySubnet", "10.0.255.0/27", networkSecurityGroup=ref("networkSecurityGroups/g")),
        "NetworkSecurityGroupCannotBeAttachedToGatewaySubnet",
        r"The operation failed because the network security group g can not be associated to the GatewaySubnet\..*",
        "properties.networkSecurityGroup",
    ),
    put(
        "a default route on the gateway's subnet",
        f"{HUB}/subnets/GatewaySubnet",
        subnet("GatewaySubnet", "10.0.255.0/27", routeTable=ref("routeTables/default")),
        "DefaultRouteNotAllowedOnGatewaySubnet",
        ".*0.0.0.0/0.*",
        "properties.routeTable",
    ),
    put(
        "a group of another region on a subnet",
        f"{HUB}/subnets/b",
        subnet("b", "10.0.1.0/24", networkSecurityGroup=ref("networkSecurityGroups/far")),
        "InvalidResourceReference",
        MISSING_WORDS.format("networkSecurityGroups/far", "virtualNetworks/hub.*"),
        "properties.networkSecurityGroup",
    ),
    put(
        "a subnet with a missing group",
        f"{HUB}/subnets/b",
        subnet("b", "10.0.1.0/24", networkSecurityGroup=ref("networkSecurityGroups/none")),
        "InvalidResourceReference",
        MISSING_WORDS.format("networkSecurityGroups/none", "virtualNetworks/hub/subnets/b"),
        "properties.networkSecurityGroup",
    ),
    put(
        "a subnet with a group as route table",
        f"{HUB}/subnets/b",
        subnet("b", "10.0.1.0/24", routeTable=ref("networkSecurityGroups/g")),
        "InvalidJsonReferenceWrongType",
        ".*routeTables.*",
        "properties.routeTable",
    ),
    put(
        "a reference that is no id",
        f"{HUB}/subnets/b",
        subnet("b", "10.0.1.0/24", routeTable={"id": "t"}),
        "LinkedInvalidPropertyId",
        ANYTHING,
        "properties.routeTable",
    ),
    put(
        "a service endpoint, which would change where packets go",
        f"{HUB}/subnets/b",
        subnet("b", "10.0.1.0/24", serviceEndpoints=[{"service": "Microsoft.Storage"}]),
        "FeatureNotSupported",
        ANYTHING,
        "properties.serviceEndpoints",
    ),
    put(
        "another prefix for an occupied subnet",
        f"{HUB}/subnets/b",
        subnet("b", "10.0.2.0/24"),
        "InUsePrefixCannotBeDeleted",
        ANYTHING,
        "properties.addressPrefix",
    ),
    delete(
        "an occupied subnet",
        f"{HUB}/subnets/b",
        "InUseSubnetCannotBeDeleted",
        r"Subnet b is in use by .*/networkInterfaces/spare/ipConfigurations/one, .* and cannot be deleted\. "
        r"In order to delete the subnet, delete all "
        r"the resources within the subnet\. See aka\.ms/deletesubnet\.",
    ),
    delete("a network with an occupied subnet", HUB, "InUseSubnetCannotBeDeleted", "Subnet . is in use by .*"),
    put(
        "a network without its occupied subnet",
        HUB,
        network("10.0.0.0/16", subnets=HUB_SUBNETS[:1]),
        "InUseSubnetCannotBeDeleted",
        "Subnet b is in use by .*",
    ),
    put(
        "a subnet of no network",
        "virtualNetworks/none/subnets/x",
        subnet("x", "10.0.0.0/24"),
        "ParentResourceNotFound",
        ".*'none' not found.*",
        status=404,
    ),
]

PEERINGS = [
    put(
        "offering gateways and using the other's",
        f"{HUB}/virtualNetworkPeerings/to-spoke",
        peering("virtualNetworks/spoke", allowGatewayTransit=True, useRemoteGateways=True),
        "AllowGatewayTransitAndUseRemoteGatewaysConflict",
        ANYTHING,
        "properties.useRemoteGateways",
    ),
    put(
        "with itself",
        f"{HUB}/virtualNetworkPeerings/x",
        peering(HUB),
        "VnetCannotBePeeredWithItself",
        ANYTHING,
        "properties.remoteVirtualNetwork",
    ),
    put(
        "with nothing",
        f"{HUB}/virtualNetworkPeerings/x",
        {"properties": {}},
        "InvalidRequestFormat",
        ".*remoteVirtualNetwork.*",
        "properties.remoteVirtualNetwork",
    ),
    put(
        "with a network that is not there",
        f"{HUB}/virtualNetworkPeerings/x",
        peering("virtualNetworks/none"),
        "InvalidResourceReference",
        MISSING_WORDS.format("virtualNetworks/none", "virtualNetworks/hub/virtualNetworkPeerings/x"),
        "properties.remoteVirtualNetwork",
    ),
    put(
        "with one that overlaps",
        f"{HUB}/virtualNetworkPeerings/x",
        peering("virtualNetworks/inner"),
        "VnetAddressSpacesOverlap",
        ".*overlap.*",
        "properties.remoteVirtualNetwork",
    ),
    put(
        "with one that overlaps a peer",
        f"{HUB}/virtualNetworkPeerings/x",
        peering("virtualNetworks/twin"),
        "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet",
        r"Cannot create or update peering @virtualNetworks/hub/virtualNetworkPeerings/x\. Virtual networks .* "
        r"cannot be peered "
        r"because address space of the first virtual network overlaps with address space of virtual network "
        r".* already peered "
        r"with the second virtual network\. Overlapping address prefixes: .*",
        "properties.remoteVirtualNetwork",
    ),
    put(
        "with one that is a peer already",
        f"{HUB}/virtualNetworkPeerings/x",
        peering("virtualNetworks/spoke"),
        "AnotherPeeringAlreadyReferencesRemoteVnet",
        ANYTHING,
        "properties.remoteVirtualNetwork",
    ),
    put(
        "through gateways that the other has not",
        f"{HUB}/virtualNetworkPeerings/to-spoke",
        peering("virtualNetworks/spoke", useRemoteGateways=True),
        "RemoteVnetHasNoGateways",
        r"Peering .* cannot have UseRemoteGateway flag set to true because remote virtual network "
        r"@virtualNetworks/spoke "
        r"referenced by the peering does not have any gateways\.",
        "properties.useRemoteGateways",
    ),
    put(
        "while the other side is disconnected",
        "virtualNetworks/left/virtualNetworkPeerings/to-right",
        peering("virtualNetworks/right"),
        "RemotePeeringIsDisconnected",
        r"Cannot create or update peering @virtualNetworks/left/virtualNetworkPeerings/to-right because "
        r"remote peering "
        r"@virtualNetworks/right/virtualNetworkPeerings/to-left referencing parent virtual network "
        r"@virtualNetworks/left is in "
        r"Disconnected state\. Update or re-create the remote peering to get it back to Initiated state\..*",
        "properties.remoteVirtualNetwork",
    ),
    put(
        "of some subnets only",
        f"{HUB}/virtualNetworkPeerings/to-spoke",
        peering("virtualNetworks/spoke", peerCompleteVnets=False),
        "FeatureNotSupported",
        ANYTHING,
        "properties.peerCompleteVnets",
    ),
    put(
        "pointed elsewhere later",
        f"{HUB}/virtualNetworkPeerings/to-spoke",
        peering("virtualNetworks/right"),
        "PropertyChangeNotAllowed",
        ANYTHING,
        "properties.remoteVirtualNetwork",
        status=409,
    ),
]
