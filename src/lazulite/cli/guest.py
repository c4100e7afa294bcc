"""``exec`` and ``shell``: run programs in a VM or in a host on the lab's Internet."""

from __future__ import annotations

import os
import subprocess
from typing import Any
from urllib.parse import quote

import click

from lazulite.cli.api import Client
from lazulite.cli.session import Session, lab_command


def entry(client: Client, name: str) -> dict[str, Any]:
    """How to enter the guest *name* (``name`` or ``group/name``): ``argv`` to put before a command, and ``net``,
    ``user``, the namespaces' paths. Raises :class:`lazulite.cli.errors.Failure` for an unknown or ambiguous name."""
    found: dict[str, Any] = client.get(f"/lazulite/enter?name={quote(name)}")
    return found


def run(
    client: Client, name: str, argv: list[str], timeout_s: float = 30, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run *argv* in the guest and capture what it prints."""
    command = [*entry(client, name)["argv"], *argv]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False)


@lab_command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("vm")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_command(session: Session, vm: str, command: tuple[str, ...]) -> None:
    """Run COMMAND in VM (a VM or lab client; group/name where a name is not unique).

    Input, output, signals and the exit code pass through.
    """
    argv = [*entry(session.client, vm)["argv"], *command]
    os.execvp(argv[0], argv)


@lab_command("shell")
@click.argument("vm")
def shell_command(session: Session, vm: str) -> None:
    """Open a shell in VM."""
    argv = [*entry(session.client, vm)["argv"], "bash", "-l"]
    os.execvp(argv[0], argv)
