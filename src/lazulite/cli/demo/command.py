"""The command itself: start, deploy, prove, show, say how to go on."""

from __future__ import annotations

import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from lazulite.cli import start
from lazulite.cli.demo import table
from lazulite.cli.demo.plan import rows
from lazulite.cli.demo.proof import Prover
from lazulite.cli.deploy import Progress, deploy, parse_parameters, read_json
from lazulite.cli.errors import Failure
from lazulite.cli.lab import stored_connection
from lazulite.cli.session import Session, lab_command

_LOCATION = "westeurope"


@lab_command("demo")
@click.option(
    "--template", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Prove this template instead."
)
@click.option("-g", "--group", help="Resource group. Default: demo, or the template's folder.")
@click.option("-p", "--parameter", "parameters", multiple=True, help="As for deploy.")
def demo_command(session: Session, template: Path | None, group: str | None, parameters: tuple[str, ...]) -> None:
    """Deploy a hub-and-spoke network and prove with real packets who reaches whom, and why.

    Starts the lab when it does not run, and leaves it running. Any template can be proven: --template. Exit code 1
    when a packet does not do what the model says.
    """
    began = time.monotonic()
    _ensure_running(session)
    file = template or Path(str(files(__package__) / "hub-and-spoke.json"))
    chosen = group or (file.resolve().parent.name if template else "demo")
    deployment = _deploy(session, file, chosen, parameters)
    guests = _guests(session, chosen)
    if not guests:
        raise Failure(f"The template made no machine in {chosen}, so there is nothing to send from.", "lazulite status")
    if not any(g["kind"] == "client" for g in guests) and any(g["publicAddresses"] for g in guests):
        _add_visitor(session, chosen)
        guests = _guests(session, chosen)
    prover = Prover(session.client, guests)
    prover.enable_forwarding()
    session.note("sending packets")
    findings = prover.prove(rows(deployment, guests))
    elapsed_s = round(time.monotonic() - began, 1)
    failed = [f for f in findings if not f.agrees]
    value = {"group": chosen, "seconds": elapsed_s, "rows": [table.as_json(f) for f in findings], "failed": len(failed)}
    session.emit(value, lambda: table.report(chosen, findings, elapsed_s, session.lab, session.console.width))
    sys.exit(1 if failed else 0)


def _guests(session: Session, group: str) -> list[dict[str, Any]]:
    """The running machines and clients of a group."""
    every = session.client.get("/lazulite/guests")["value"]
    return [g for g in every if g["group"].lower() == group.lower()]


def _add_visitor(session: Session, group: str) -> None:
    """A host on the Internet, for a template that has public addresses and nobody to visit them."""
    path = f"{session.client.subscription}/resourceGroups/{group}/providers/Lazulite.Lab/clients/visitor"
    session.client.put(path, {"location": _LOCATION, "properties": {"country": "CH"}})


def _ensure_running(session: Session) -> None:
    running = stored_connection(session.directory)
    if running is None or not running.alive:
        session.note(f"starting the lab {session.lab!r}")
        start.await_answer(session.directory, start.start(session.directory, session.lab))


def _deploy(session: Session, file: Path, group: str, parameters: tuple[str, ...]) -> dict[str, Any]:
    template = read_json(file)
    session.note(f"deploying {file.name} into the resource group {group}")
    with Progress(session) as progress:
        chosen = parse_parameters(parameters, template)
        return deploy(session.client, group, file.stem, template, chosen, _LOCATION, progress.show)
