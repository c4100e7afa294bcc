"""Flows as they are recorded, in the names people use."""

from __future__ import annotations

from typing import Any

import msgspec

from lazulite.arm.access.sight import Sees
from lazulite.arm.errors import ArmError
from lazulite.daemon.guests import Machine, UnknownGuestError, find, machines
from lazulite.daemon.network import Network
from lazulite.forwarding.model import FlowLog, ForwardingModel

MOST_PORTS = 2_000
"""Recorded for one who watches."""


class Watching(msgspec.Struct, frozen=True):
    """A wish to see flows of machines (none: of all): records after number ``after``, or a summary of those known.

    Or to see what a flow ``log`` (its name or id) has summed up: traffic analytics.
    """

    machines: tuple[str, ...] = ()
    after: int = 0
    summary: bool = False
    log: str = ""


async def flows(network: Network, asked: Watching, sees: Sees | None = None) -> dict[str, Any]:
    """Records as :func:`lazulite.agent.flow_logs.row` has them, with ``machine``, ``from`` and ``to``: names.

    Whoever asks has the machines recorded for some seconds. With *sees*, which goes with records alone, they are those
    of interfaces that it lets be read, and name no machine and no rule that it does not.

    Raises :class:`UnknownGuestError`, and :class:`ArmError` for a log.
    """
    model = network.model
    if asked.log:
        name = analysed(model, asked.log)
        last, rows = await network.asked(lambda fabric: fabric.flows([], 0, True, name))
        return {"last": last, "value": rows}
    chosen = [find(model, n, sees) for n in asked.machines] or [m for m in machines(model, sees) if m.ports]
    ports = {p.name: m for m in chosen for p in m.ports}
    if not ports:
        who = " and ".join(f"'{name}'" for name in asked.machines) or "Nothing that runs"
        raise UnknownGuestError(f"{who} has no interface in a virtual network.")
    if len(ports) > MOST_PORTS:
        raise UnknownGuestError(f"{len(ports)} interfaces are too many to watch. Name machines.")
    last, rows = await network.asked(lambda fabric: fabric.flows(sorted(ports), asked.after, asked.summary))
    return {"last": last, "value": rows if asked.summary else _named(model, ports, rows, sees)}


def analysed(model: ForwardingModel, wanted: str) -> str:
    """The entry's name of the flow log that *wanted* (its name or id) means. Raises :class:`ArmError`."""
    logs = {name: log for name, log in model.all(FlowLog).items() if log.origin}
    found = [name for name in logs if wanted.lower() in (name, name.rpartition("/")[2])]
    if len(found) != 1:
        there = ", ".join(sorted(log.origin if found else log.origin.rpartition("/")[2] for log in logs.values()))
        why = f"Several flow logs are called '{wanted}'" if found else f"No flow log called '{wanted}' is enabled"
        raise ArmError(404, "FlowLogNotFound", f"{why}. Enabled: {there or 'none'}.", "log")
    if not logs[found[0]].analytics_s:
        raise ArmError(409, "TrafficAnalyticsDisabled", f"The flow log '{wanted}' has no traffic analytics.", "log")
    return found[0]


def _named(
    model: ForwardingModel, ports: dict[str, Machine], rows: list[dict[str, Any]], sees: Sees | None
) -> list[dict[str, Any]]:
    by_address: dict[str, str] = {}
    for machine in machines(model, sees):
        for address in (*machine.addresses, *machine.public_addresses):
            by_address.setdefault(str(address), machine.entry.label)
    found = []
    for row in rows:
        label = ports[row["port"]].entry.label
        near, far = ("destination", "source") if row["direction"] == "in" else ("source", "destination")
        names = {near: label, far: by_address.get(row[far], "")}
        if sees is not None and not sees(row.get("rule", "")):
            row = row | {"rule": ""}
        found.append(row | {"machine": label, "from": names["source"], "to": names["destination"]})
    return found
