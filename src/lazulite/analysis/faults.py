"""What is wrong with ports on purpose."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.analysis.answers import Disposition, Step, StepAction
from lazulite.analysis.lookup import Index
from lazulite.forwarding.model import Fault, Port
from lazulite.values import Direction

_STAGES = {Direction.EGRESS: "fault-out", Direction.INGRESS: "fault-in"}


def disturbed(index: Index, port: Port, direction: Direction) -> Iterator[Step]:
    """One step a fault of the port in that direction; a cut ends the packet, of other faults it may or may not feel
    something."""
    for fault in index.faults(port.name) if index.runs(port) else ():
        if fault.direction not in (None, direction):
            continue
        stage, said = _STAGES[direction], words(fault)
        if fault.cut:
            yield Step(stage, StepAction.DROPPED, fault.origin, said, Disposition.CUT_OFF)
        else:
            yield Step(stage, StepAction.PASSES, fault.origin, said)


def words(fault: Fault) -> str:
    """``cut``, or ``5% lost, 20 ms late, at most 1000000 bit/s``."""
    if fault.cut:
        return "cut"
    parts = (
        f"{fault.loss * 100:g}% lost" if fault.loss else "",
        f"{fault.delay_ms:g} ms late" if fault.delay_ms else "",
        f"at most {fault.rate_bit} bit/s" if fault.rate_bit else "",
    )
    return ", ".join(filter(None, parts))
