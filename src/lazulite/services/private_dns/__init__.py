"""Private DNS zones, their links, and what every virtual network can resolve."""

from lazulite.services.private_dns import actions, assign, compile, status, validate
from lazulite.services.private_dns.model import KINDS, SETS, PrivateZone, VirtualNetworkLink
from lazulite.services.service import Service
from lazulite.services.virtual_network.model import NetworkInterface, VirtualNetwork

_ZONE = "microsoft.network/privatednszones"

SERVICE = Service(
    "private_dns",
    KINDS,
    assign=assign.resource,
    companions=assign.companions,
    validate=validate.resource,
    deletable=validate.deletable,
    compile={
        VirtualNetwork: compile.network,
        NetworkInterface: compile.machine,
        PrivateZone: compile.zone,
        VirtualNetworkLink: compile.link,
    }
    | dict.fromkeys(SETS.values(), compile.record_set),
    status={PrivateZone: status.zone, VirtualNetworkLink: status.link}
    | dict.fromkeys(SETS.values(), status.record_set),
    derived=status.derived,
    actions={f"{_ZONE}/all": actions.everything},
)
