"""Public addresses whose packets pass an appliance between the Internet and the edge of their network."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.analysis.answers import Disposition, Step, StepAction
from lazulite.analysis.lookup import Index
from lazulite.values import IPAddress


def passed(index: Index, address: IPAddress) -> Iterator[Step]:
    """What happens to packets from or to a public address on the detour that it names, if it does.

    What an appliance lets pass is its own affair: the answer is that of one that gives every packet back. Which one a
    flow meets is a hash that is not predicted here. Source: "Gateway Load Balancer".
    """
    name, found = index.detour(address)
    if not name:
        return
    if found is None:
        detail = f"{address} is chained to {name}, which has no rule or tunnels"
        yield Step("appliance-detour", StepAction.DROPPED, "", detail, Disposition.NO_HEALTHY_BACKEND)
        return
    backends = index.backends(found.pool)
    if backends is None or not backends.eligible:
        detail = f"{address} is chained to {found.label}: {backends.health if backends else 'there is no pool'}"
        yield Step("appliance-detour", StepAction.DROPPED, found.origin, detail, Disposition.NO_HEALTHY_BACKEND)
        return
    detail = (
        f"{address} is chained through 1 of {len(backends.eligible)} appliances of {found.label}; {backends.health}; "
        "taken to give the packet back"
    )
    yield Step("appliance-detour", StepAction.PASSES, found.origin, detail)
