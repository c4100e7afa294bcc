"""Public addresses and the prefixes they come from."""

from lazulite.services.public_ip_address.model import KINDS
from lazulite.services.service import Service

SERVICE = Service("public_ip_address", KINDS)
