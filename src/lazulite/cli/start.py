"""``up`` and ``down``: the processes of a lab."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path

import click

from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.cli.lab import Connection, option, stored_connection
from lazulite.cli.session import Session, lab_command

_ANSWER_S = 60.0
"""How long a controller may take to answer; loading a large store is the slow part."""
_NOTHING_RAN = 3
"""Exit code of ``lazulite.daemon.stop`` when there was nothing to stop."""


@lab_command("up")
@click.option("--detach", "-d", is_flag=True, help="Return once the lab answers; it keeps running.")
@click.option("--bind", default="127.0.0.1", show_default=True, help="The one address of this host the API is at.")
@click.option("--port", type=int, default=0, help="Port of the API. Default: the last one, or a free one.")
@click.option("--http-port", type=int, default=0, help="Managed identities over plain HTTP, always on 127.0.0.1.")
@click.option("--memory", is_flag=True, help="Without packets: the network exists as a model only.")
@click.option(
    "--templates",
    multiple=True,
    metavar="[PREFIX=]DIR",
    help="A folder of linked templates, in the place of the addresses that begin with PREFIX. Repeatable.",
)
def up_command(
    session: Session, detach: bool, bind: str, port: int, http_port: int, memory: bool, templates: tuple[str, ...]
) -> None:
    """Start a lab, or find that it runs. Its state is as it was.

    In the foreground Ctrl-C stops it again; with --detach it stays until `lazulite down`. With --bind others can
    reach the API: over TLS, and with a token, which nobody gets there without a secret (docs/threat-model.md).
    """
    running = stored_connection(session.directory)
    if running is not None and running.alive:
        show_started(session, running, "runs already")
        return
    folders = tuple(map(absolute, templates))
    process = start(session.directory, session.lab, port, http_port, memory, folders, bind=address(bind))
    show_started(session, await_answer(session.directory, process), "runs")
    if not detach:
        _attend(session, process)


def absolute(text: str) -> str:
    """``PREFIX=DIR`` with the folder as the controller finds it. Raises :class:`Failure` when it is none."""
    prefix, equals, folder = text.rpartition("=")
    if not Path(folder).is_dir():
        raise Failure(f"{folder!r} is no folder.", "lazulite up --templates https://example.org/templates/=DIR", code=2)
    return f"{prefix}{equals}{Path(folder).resolve()}"


def address(text: str) -> str:
    """*text*, which is an address the API can be at. Raises :class:`Failure`."""
    try:
        found = ip_address(text)
    except ValueError:
        raise Failure(f"{text!r} is no IP address.", "lazulite up --bind 192.0.2.10", code=2) from None
    if found.is_unspecified or found.is_multicast:
        hint = "Name the one address that clients use: links, tokens and the certificate name it."
        raise Failure(f"{text} is not one address of this host.", hint, code=2)
    return text


def start(
    where: Path,
    lab: str,
    port: int = 0,
    http_port: int = 0,
    memory: bool = False,
    templates: tuple[str, ...] = (),
    bind: str = "127.0.0.1",
) -> subprocess.Popen[bytes]:
    """Start the controller of *lab*; its output goes to ``controller.log`` in the lab's directory."""
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [sys.executable, "-m", "lazulite.daemon", "--lab", lab, "--directory", str(where)]
    command += ["--bind", bind, "--port", str(port), "--http-port", str(http_port), *(["--memory"] if memory else [])]
    command += [word for folder in templates for word in ("--templates", folder)]
    with (where / "controller.log").open("ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def await_answer(where: Path, process: subprocess.Popen[bytes]) -> Connection:
    """The connection, once the API answers. Raises :class:`Failure` with the log's end when it never does."""
    until = time.monotonic() + _ANSWER_S
    while time.monotonic() < until and process.poll() is None:
        found = stored_connection(where)
        if found is not None and found.pid == process.pid:
            with Client(found) as client:
                client.get("/lazulite/status")
            return found
        time.sleep(0.02)
    process.kill()
    process.wait()
    last = (where / "controller.log").read_text().strip().splitlines()[-8:]
    raise Failure("The lab did not start.", "lazulite doctor", details=tuple(last))


def show_started(session: Session, found: Connection, what: str) -> None:
    chosen = option(session.lab)
    text = (
        f"The lab {session.lab!r} {what} at {found.endpoint}\n"
        f'  eval "$(lazulite env{chosen})"    then az, an SDK or curl talk to it\n'
        f"  lazulite deploy FILE{chosen}       deploy an ARM template\n"
        f"  lazulite portal{chosen}            see and change it in a browser\n"
        f"  lazulite demo{chosen}              a hub-and-spoke network, proven with packets\n"
        f"  lazulite down{chosen}              stop it"
    )
    session.emit(
        {"lab": session.lab, "endpoint": found.endpoint, "metadata": found.metadata, "pid": found.pid}, lambda: text
    )


def _attend(session: Session, process: subprocess.Popen[bytes]) -> None:
    """Stay until the controller ends or Ctrl-C asks to stop the lab."""
    try:
        code = process.wait()
    except KeyboardInterrupt:
        stop(session.directory)
        return
    raise Failure("The controller ended.", f"see {session.directory / 'controller.log'}", code=code or 1)


@lab_command("down")
@click.option("--purge", is_flag=True, help="Remove the lab's state too.")
def down_command(session: Session, purge: bool) -> None:
    """Stop a lab: every process, interface and rule of it goes. Its state stays unless --purge."""
    stopped = stop(session.directory)
    if purge and session.directory.exists():
        shutil.rmtree(session.directory)
    text = (
        f"The lab {session.lab!r} "
        + ("is stopped" if stopped else "did not run")
        + (", its state removed." if purge else ".")
    )
    session.emit({"lab": session.lab, "stopped": stopped, "purged": purge}, lambda: text)


def stop(where: Path) -> bool:
    """End every part of the lab in *where*; whether anything ran. Raises :class:`Failure`."""
    command = [sys.executable, "-m", "lazulite.daemon.stop", str(where)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, _NOTHING_RAN):
        raise Failure("The lab could not be stopped.", "try again", details=tuple(done.stderr.splitlines()[-3:]))
    return done.returncode == 0
