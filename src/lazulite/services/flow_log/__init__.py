"""Flow logs: of security groups, virtual networks, subnets and interfaces."""

from lazulite.services.flow_log import actions, compile, status, validate
from lazulite.services.flow_log.model import KINDS, FlowLog
from lazulite.services.network_security_group.model import NetworkSecurityGroup
from lazulite.services.service import Service
from lazulite.services.virtual_network.model import VirtualNetwork

SERVICE = Service(
    "flow_log",
    KINDS,
    assign=validate.assign,
    validate=validate.validate,
    compile={FlowLog: compile.flow_log},
    status={
        FlowLog: status.flow_log,
        NetworkSecurityGroup: status.logs_of,
        VirtualNetwork: status.logs_of,
    },
    actions={
        "microsoft.network/networkwatchers/configureflowlog": actions.configure,
        "microsoft.network/networkwatchers/queryflowlogstatus": actions.query,
    },
)
