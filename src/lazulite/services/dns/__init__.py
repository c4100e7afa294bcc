"""Public DNS zones, their record sets, and the name service of the simulated Internet."""

from lazulite.services.dns import actions, assign, compile, status, validate
from lazulite.services.dns.model import KINDS, SETS, Dnssec, Zone
from lazulite.services.lab.model import Client
from lazulite.services.service import Service

_ZONE = "microsoft.network/dnszones"

SERVICE = Service(
    "dns",
    KINDS,
    assign=assign.resource,
    companions=assign.companions,
    validate=validate.resource,
    deletable=validate.deletable,
    compile={Zone: compile.zone, Client: compile.client} | dict.fromkeys(SETS.values(), compile.record_set),
    status={Zone: status.zone, Dnssec: status.dnssec} | dict.fromkeys(SETS.values(), status.record_set),
    actions={f"{_ZONE}/all": actions.everything, f"{_ZONE}/recordsets": actions.everything},
    collection_actions={"Microsoft.Network/getDnsResourceReference": actions.references},
)
