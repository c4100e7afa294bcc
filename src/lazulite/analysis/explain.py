"""A trace in plain words, for the command line."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.analysis.answers import Hop, RoundTrip, Step, StepAction, Trace

_QUIET = frozenset({"fragment-check-out", "fragment-check-in"})
"""Stages not worth a line while they let everything pass."""


def explain(trace: Trace) -> list[str]:
    """One line for the flow, one a hop, one a step, one for how it ended and what decided."""
    return [str(trace.flow), *(line for hop in trace.hops for line in _hop(hop)), _ending(trace)]


def explain_round_trip(trip: RoundTrip) -> list[str]:
    """The packet, the answer, and whether the sender can use it."""
    lines = explain(trip.forward)
    if trip.reply is not None:
        lines += ["", "reply:", *explain(trip.reply)]
    return [*lines, "", "established" if trip.established else "not established"]


def _hop(hop: Hop) -> Iterator[str]:
    place = f"{hop.label} in {hop.vrf}" if hop.vrf and hop.port else hop.label
    yield f"  {place}: {hop.src} > {hop.dst}"
    yield from (_step(s) for s in hop.steps if s.stage not in _QUIET or s.action is not StepAction.PASSES)


def _step(step: Step) -> str:
    return f"    {step.stage:<26} {step.action:<12} {_why(step)}".rstrip()


def _why(step: Step) -> str:
    says = step.detail or (f"{step.route.prefix} {step.route.next_hop}" if step.route else "")
    return f"{says}: {step.origin}" if says and step.origin else says or step.origin


def _ending(trace: Trace) -> str:
    by = trace.decided_by
    return f"{trace.disposition} by {by.stage}: {_why(by)}" if by else str(trace.disposition)
