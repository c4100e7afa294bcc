"""The lab's own resource types."""

from lazulite.services.lab.assign import assign
from lazulite.services.lab.compile import faults, host
from lazulite.services.lab.model import KINDS, Client, Fault
from lazulite.services.lab.validate import validate
from lazulite.services.service import Service

SERVICE = Service(name="lab", kinds=KINDS, assign=assign, validate=validate, compile={Client: host, Fault: faults})
