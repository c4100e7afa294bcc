"""``audit``: what is surely wrong with the network, or superfluous in it, each finding with its evidence."""

from __future__ import annotations

from typing import Any

import click

from lazulite.cli.plan import witness_text
from lazulite.cli.session import Session, lab_command
from lazulite.cli.trace import short

SEVERITIES = ("error", "warning", "info")
_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}


@lab_command("audit")
@click.argument("within", default="")
@click.option("--severity", type=click.Choice(SEVERITIES), default="info", show_default=True, help="The least to show.")
@click.option(
    "--fail-on",
    type=click.Choice([*SEVERITIES, "never"]),
    default="warning",
    show_default=True,
    help="Exit code 1 then.",
)
def audit_command(session: Session, within: str, severity: str, fail_on: str) -> None:
    """Find rules that decide nothing, routes that lead nowhere, answers that get lost, and ports open to the world.

    WITHIN is a part of a resource's id, as a group's name: findings about others are left out. Every finding follows
    from the model and says why. Exit code 1 when one is as bad as --fail-on.
    """
    answer = session.client.post("/lazulite/audit", {"within": within})
    found = [f for f in answer["value"] if SEVERITIES.index(f["severity"]) <= SEVERITIES.index(severity)]
    session.emit({"value": found}, lambda: _report(found, within))
    worst = min((SEVERITIES.index(f["severity"]) for f in answer["value"]), default=len(SEVERITIES))
    raise SystemExit(1 if fail_on != "never" and worst <= SEVERITIES.index(fail_on) else 0)


def _report(found: list[dict[str, Any]], within: str) -> Any:
    from rich.console import Group
    from rich.markup import escape

    lines = []
    for finding in found:
        colour = _COLOURS[finding["severity"]]
        title = (
            f"[{colour}]{finding['severity']:<8}[/] {finding['concern']}  [bold]{escape(short(finding['resource']))}[/]"
        )
        lines += [title, *(f"         {escape(line)}" for line in evidence(finding))]
    counts = ", ".join(f"{n} {s}" for s in SEVERITIES if (n := sum(f["severity"] == s for f in found)))
    return Group(*lines, counts or f"Nothing to tell{f' about {escape(within)!r}' if within else ''}.")


def evidence(finding: dict[str, Any]) -> list[str]:
    """Why, who proves it, and a flow that does."""
    lines = [finding["message"]]
    if finding["by"]:
        lines.append("by " + ", ".join(map(short, finding["by"])))
    if "witness" in finding:
        lines.append(f"for example {witness_text(finding['witness'])} from {finding['witness']['sender']}")
    return lines
