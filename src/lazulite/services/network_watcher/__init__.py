"""Network watchers: what is asked about the networks of a region."""

from lazulite.services.network_watcher import actions, birth, validate
from lazulite.services.network_watcher.model import KINDS
from lazulite.services.service import Service
from lazulite.services.virtual_network.model import VirtualNetwork

SERVICE = Service(
    "network_watcher",
    KINDS,
    validate=validate.validate,
    actions=actions.ACTIONS,
    brings={VirtualNetwork: birth.watcher},
)
