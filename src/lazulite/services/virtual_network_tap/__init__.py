"""Virtual network TAPs: copies of all packets of an interface, for a collector."""

from lazulite.services.service import Service
from lazulite.services.virtual_network_tap import assign, compile, status, validate
from lazulite.services.virtual_network_tap.model import KINDS, TapConfiguration, VirtualNetworkTap

SERVICE = Service(
    "virtual_network_tap",
    KINDS,
    assign=assign.port,
    validate=validate.resource,
    compile={VirtualNetworkTap: compile.tap, TapConfiguration: compile.source},
    status={VirtualNetworkTap: status.tap},
)
