"""NAT gateways: static public addresses that whole subnets leave from."""

from lazulite.services.nat_gateway import compile, status, validate
from lazulite.services.nat_gateway.model import KINDS, NatGateway
from lazulite.services.service import Service

SERVICE = Service(
    "nat_gateway",
    KINDS,
    validate=validate.gateway,
    compile={NatGateway: compile.gateway},
    status={NatGateway: status.gateway},
)
