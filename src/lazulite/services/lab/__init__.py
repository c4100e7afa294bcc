"""The lab's own resource types."""

from lazulite.services.lab.assign import assign
from lazulite.services.lab.compile import host
from lazulite.services.lab.model import KINDS, Client
from lazulite.services.lab.validate import validate
from lazulite.services.service import Service

SERVICE = Service(name="lab", kinds=KINDS, assign=assign, validate=validate, compile={Client: host})
