"""Route tables, and the routes that every subnet has without one."""

from lazulite.services.route_table import compile
from lazulite.services.route_table.model import KINDS
from lazulite.services.service import Service
from lazulite.services.virtual_network.model import Subnet

SERVICE = Service("route_table", KINDS, compile={Subnet: compile.subnet})
