"""Scale sets: machines from one profile, as many as are wanted."""

from lazulite.services.scale_set import actions, assign, rollout, status, validate
from lazulite.services.scale_set.model import KINDS, Instance, ScaleSet
from lazulite.services.service import Service

_SET = "microsoft.compute/virtualmachinescalesets"
_CHANGES = {
    "start": actions.powered("running"),
    "poweroff": actions.powered("stopped"),
    "deallocate": actions.powered("deallocated"),
    "restart": actions.powered("running", boot=True),
    "redeploy": actions.powered("running", boot=True),
    "reimage": actions.reimaged,
}

SERVICE = Service(
    "scale_set",
    KINDS,
    assign=assign.resource,
    validate=validate.scale_set,
    status={ScaleSet: status.scale_set, Instance: status.instance},
    beside={Instance: status.beside},
    progress=rollout.progress,
    actions={f"{_SET}/{verb}": actions.of_set(change) for verb, change in _CHANGES.items()}
    | {f"{_SET}/virtualmachines/{verb}": actions.of_instance(change) for verb, change in _CHANGES.items()}
    | {
        f"{_SET}/manualupgrade": actions.of_set(assign.upgraded, named=True),
        f"{_SET}/delete": actions.of_set(actions.without, named=True),
        f"{_SET}/instanceview": actions.view,
        f"{_SET}/skus": actions.skus,
        f"{_SET}/networkinterfaces": actions.interfaces,
        f"{_SET}/publicipaddresses": actions.public_addresses,
    },
)
