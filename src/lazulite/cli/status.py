"""``status`` and ``reset``: the health of a lab's parts, and an empty lab again."""

from __future__ import annotations

import sys
from typing import Any

import click

from lazulite.cli.lab import option
from lazulite.cli.session import Session, lab_command


@lab_command("status")
def status_command(session: Session) -> None:
    """Show every part of the lab, and what of the network is not enforced. Exit code 1 if anything is amiss."""
    status = session.client.get("/lazulite/status")
    session.emit(status, lambda: _report(status))
    sys.exit(0 if healthy(status) else 1)


def healthy(status: dict[str, Any]) -> bool:
    return not status["refusals"] and all(part["state"] == "running" for part in status["parts"])


def _report(status: dict[str, Any]) -> Any:
    from rich.console import Group
    from rich.table import Table

    parts = Table("part", "state", "", box=None, pad_edge=False)
    for part in status["parts"]:
        colour = "green" if part["state"] == "running" else "red"
        parts.add_row(part["name"], f"[{colour}]{part['state']}[/]", part["detail"])
    revision = status["revision"]
    behind = "" if revision["stored"] == revision["applied"] else f" (applied: {revision['applied']})"
    counts = ", ".join(f"{number} {what if number != 1 else what[:-1]}" for what, number in status["counts"].items())
    lines: list[Any] = [
        f"lab {status['lab']} ({status['driver']}), revision {revision['stored']}{behind}: {counts}",
        parts,
    ]
    if status["refusals"]:
        refused = Table("not enforced", "why", box=None, pad_edge=False)
        for refusal in status["refusals"]:
            refused.add_row(refusal["origin"], refusal["message"])
        lines.append(refused)
    return Group(*lines)


@lab_command("reset")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset_command(session: Session, yes: bool) -> None:
    """Delete every resource group of the lab, and so the whole network. The lab keeps running."""
    if not yes and sys.stdin.isatty():
        click.confirm(f"Delete everything in the lab {session.lab!r}?", abort=True, err=True)
    done = session.client.post("/lazulite/reset")
    session.emit(done, lambda: f"Deleted {done['deleted']} resources. Start again: lazulite demo{option(session.lab)}")
