"""``logs``: what the parts of a lab wrote."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import BinaryIO

import click

from lazulite.cli.errors import Failure
from lazulite.cli.session import Session, lab_command
from lazulite.cli.watch import Watch

PARTS = ("anchor", "agent", "controller")


@lab_command("logs")
@click.argument("part", type=click.Choice(PARTS), default="controller")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("-n", "--lines", default=100, show_default=True, help="How many of the last lines.")
def logs_command(session: Session, part: str, follow: bool, lines: int) -> None:
    """Print the log of the lab's anchor, agent or controller."""
    file = session.directory / f"{part}.log"
    if not file.exists() and not follow:
        hint = "A lab started with --memory has a controller alone." if part != "controller" else ""
        raise Failure(f"There is no {file}.", hint, code=3)
    if not follow:
        session.emit(last(file, lines), lambda: "\n".join(last(file, lines)))
        return
    with Watch([file], appended=True) as watch:
        _follow(file, lines, watch)


def last(file: Path, count: int) -> list[str]:
    with file.open(encoding="utf-8", errors="replace") as log:
        return [line.rstrip("\n") for line in deque(log, count)]


def _follow(file: Path, lines: int, watch: Watch) -> None:
    """Print the last lines, and more as they come, until Ctrl-C."""
    while not file.exists():
        watch.wait()
    with file.open("rb") as log:
        for line in deque(log, lines):
            click.echo(line, nl=False)
        while True:
            _print_rest(log)
            watch.wait()


def _print_rest(log: BinaryIO) -> None:
    for line in log:
        click.echo(line, nl=False)
