"""Virtual networks, their subnets and peerings, and network interfaces."""

from lazulite.services.service import Service
from lazulite.services.virtual_network import actions, assign, compile, status, validate
from lazulite.services.virtual_network.model import (
    KINDS,
    IpConfiguration,
    NetworkInterface,
    Subnet,
    VirtualNetwork,
    VirtualNetworkPeering,
)

SERVICE = Service(
    "virtual_network",
    KINDS,
    assign=assign.resource,
    validate=validate.resource,
    compile={VirtualNetwork: compile.network, VirtualNetworkPeering: compile.link, NetworkInterface: compile.port},
    status={
        VirtualNetwork: status.network,
        Subnet: status.subnet,
        VirtualNetworkPeering: status.link,
        NetworkInterface: status.interface,
        IpConfiguration: status.configuration,
    },
    actions={
        "microsoft.network/virtualnetworks/checkipaddressavailability": actions.check_address,
        "microsoft.network/virtualnetworks/usages": actions.network_usages,
    },
    collection_actions={"Microsoft.Network/locations/{location}/usages": actions.location_usages},
)
