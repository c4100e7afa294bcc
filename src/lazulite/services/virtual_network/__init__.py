"""Virtual networks, their subnets and peerings, and network interfaces."""

from lazulite.services.service import Service
from lazulite.services.virtual_network import assign, compile
from lazulite.services.virtual_network.model import KINDS, NetworkInterface, VirtualNetwork, VirtualNetworkPeering

SERVICE = Service(
    "virtual_network",
    KINDS,
    assign=assign.resource,
    compile={VirtualNetwork: compile.network, VirtualNetworkPeering: compile.link, NetworkInterface: compile.port},
)
