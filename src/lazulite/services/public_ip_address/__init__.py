"""Public addresses and the prefixes they come from."""

from lazulite.services.public_ip_address import actions, assign, compile, status, validate
from lazulite.services.public_ip_address.model import KINDS, PublicIPAddress, PublicIPPrefix
from lazulite.services.service import Service

SERVICE = Service(
    "public_ip_address",
    KINDS,
    assign=assign.resource,
    validate=validate.resource,
    compile={PublicIPAddress: compile.names},
    status={PublicIPAddress: status.address, PublicIPPrefix: status.prefix},
    collection_actions={"Microsoft.Network/locations/{location}/CheckDnsNameAvailability": actions.check_name},
)
