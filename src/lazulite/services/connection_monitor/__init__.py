"""Connection monitors: what machines measure again and again."""

from lazulite.services.connection_monitor import actions, compile, status, validate
from lazulite.services.connection_monitor.model import KINDS, ConnectionMonitor
from lazulite.services.service import Service

_TYPE = "microsoft.network/networkwatchers/connectionmonitors"

SERVICE = Service(
    "connection_monitor",
    KINDS,
    assign=validate.assign,
    validate=validate.validate,
    compile={ConnectionMonitor: compile.monitor},
    status={ConnectionMonitor: status.monitor},
    actions={
        f"{_TYPE}/stop": actions.turned(off=True),
        f"{_TYPE}/start": actions.turned(off=False),
        f"{_TYPE}/query": actions.query,
    },
)
