"""What came of assertions, as people and programs read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from lazulite.cli.check.proof import DISAGREES, FAILS, HOLDS, Finding, Outcome

MOST_SHOWN = 10
"""Conversations of one assertion that are shown when they are wrong; JSON has all."""
_MARKS = {HOLDS: "[green]holds[/]", FAILS: "[red]fails[/]", DISAGREES: "[magenta]model and packet disagree[/]"}
EXIT = {HOLDS: 0, FAILS: 1, DISAGREES: 4}


def worst(outcomes: Sequence[Outcome]) -> str:
    results = {o.result for o in outcomes}
    return next((r for r in (DISAGREES, FAILS) if r in results), HOLDS)


def conversation(finding: Finding) -> str:
    """Who talks to whom, in short."""
    case = finding.case
    service = f" {case.assertion.protocol}{f'/{case.port}' if case.port else ''}" if case.target is not None else ""
    return f"{case.source['name']} > {case.told}{service}"


def lines(outcome: Outcome) -> list[str]:
    """What is wrong with an assertion, and how to go on."""
    found = []
    for finding in outcome.wrong[:MOST_SHOWN]:
        found.append(f"{conversation(finding)}: {finding.reason}")
        if finding.resource.startswith("/"):
            found.append(f"  at {finding.resource}")
        if finding.next:
            found.append(f"  next: {finding.next}")
    hidden = len(outcome.wrong) - MOST_SHOWN
    return [*found, f"and {hidden} more"] if hidden > 0 else found


def table(file: str, outcomes: Sequence[Outcome], elapsed_s: float) -> Any:
    from rich.console import Group
    from rich.markup import escape

    shown = []
    for outcome in outcomes:
        first, said = outcome.findings[0], outcome.assertion
        many = f"{len(outcome.findings)} conversations" if len(outcome.findings) > 1 else first.reason
        remark = f" ({escape(many)})" if outcome.result == HOLDS else ""
        shown.append(f"{_MARKS[outcome.result]}  {escape(file)}:{said.line}  {escape(said.title)}{remark}")
        shown += [f"    {escape(line)}" for line in lines(outcome)]
    return Group(*shown, summary(outcomes, elapsed_s))


def summary(outcomes: Sequence[Outcome], elapsed_s: float) -> str:
    counted, talks = Counter(o.result for o in outcomes), sum(len(o.findings) for o in outcomes)
    words = [f"{counted[HOLDS]} of {len(outcomes)} assertions hold"]
    words += [f"{counted[FAILS]} fail"] * bool(counted[FAILS])
    words += [f"of {counted[DISAGREES]} model and packet disagree"] * bool(counted[DISAGREES])
    return f"{', '.join(words)}: {talks} conversations, {elapsed_s:.1f} s"


def document(file: str, outcomes: Sequence[Outcome], elapsed_s: float) -> dict[str, Any]:
    """All of it as JSON."""
    return {
        "file": file,
        "result": worst(outcomes),
        "seconds": round(elapsed_s, 3),
        "checks": [
            {
                "name": o.assertion.title,
                "line": o.assertion.line,
                "kind": o.assertion.kind,
                "result": o.result,
                "conversations": [_row(f) for f in o.findings],
            }
            for o in outcomes
        ],
    }


def _row(finding: Finding) -> dict[str, Any]:
    case = finding.case
    return {
        "from": case.source["name"],
        "to": case.told,
        "protocol": case.assertion.protocol,
        "port": case.port,
        "result": finding.result,
        "expected": case.assertion.passes,
        "model": finding.modelled,
        "packet": finding.packet,
        "reason": finding.reason,
        "resource": finding.resource,
        "next": finding.next,
    }
