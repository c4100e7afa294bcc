"""``exec`` and ``shell``: run programs in a VM or in a host on the lab's Internet."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import click

from lazulite.cli.api import Client
from lazulite.cli.session import Session, lab_command


def entry(client: Client, name: str, argv: Sequence[str], term: str = "") -> list[str]:
    """What to run here so that *argv* runs in the guest *name* (``name`` or ``group/name``).

    *term*, the kind of the caller's terminal, asks for a terminal in the guest. Raises
    :class:`lazulite.cli.errors.Failure` for an unknown or ambiguous name.
    """
    answer = client.post("/lazulite/enter", {"name": name, "argv": list(argv), "term": term})
    command: list[str] = answer["argv"]
    return command


def run(
    client: Client, name: str, argv: Sequence[str], timeout_s: float = 30, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run *argv* in the guest and capture what it prints."""
    command = entry(client, name, argv)
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False)


def _become(session: Session, name: str, argv: Sequence[str]) -> None:
    """Replace this process by *argv* in the guest, on a terminal of the guest's own when this one has one."""
    terminal = os.environ.get("TERM", "dumb") if sys.stdin.isatty() and sys.stdout.isatty() else ""
    command = entry(session.client, name, argv, terminal)
    os.execvp(command[0], command)


@lab_command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("vm")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_command(session: Session, vm: str, command: tuple[str, ...]) -> None:
    """Run COMMAND in VM (a VM or lab client; group/name where a name is not unique).

    Input, output, signals and the exit code pass through.
    """
    _become(session, vm, command)


@lab_command("shell")
@click.argument("vm")
def shell_command(session: Session, vm: str) -> None:
    """Open a shell in VM."""
    _become(session, vm, ["bash", "-l"])
