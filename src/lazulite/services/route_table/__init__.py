"""Route tables, and the routes that every subnet has without one."""

from lazulite.services.route_table import actions, compile, status, validate
from lazulite.services.route_table.model import KINDS, RouteTable, UserRoute
from lazulite.services.service import Service
from lazulite.services.virtual_network.model import Subnet

SERVICE = Service(
    "route_table",
    KINDS,
    validate=validate.table,
    compile={Subnet: compile.subnet},
    status={RouteTable: status.table, UserRoute: status.route},
    actions={"microsoft.network/networkinterfaces/effectiveroutetable": actions.effective_routes},
)
