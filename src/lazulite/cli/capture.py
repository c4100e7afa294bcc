"""``capture``: what interfaces of machines send and get, as pcapng, into a file or to whoever reads along."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import click

from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.cli.session import Session, lab_command

_KEPT_VARIABLES = ("PATH", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
_ALL = [[6, 0, 0, 0x40000]]
"""The program of a filter that keeps everything."""
_CLOSED = "Broken pipe"


@lab_command("capture")
@click.argument("names", nargs=-1, required=True, metavar="VM|NIC...")
@click.option("-w", "--write", "path", metavar="FILE", help="Default: standard output, for another program.")
@click.option("--filter", "expression", default="", metavar="EXPR", help="As tcpdump takes it: `tcp port 80`.")
@click.option("--count", type=click.IntRange(1), help="End after so many packets.")
@click.option("--duration", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="End after this long.")
@click.option("--snap", type=click.IntRange(14, 262144), metavar="BYTES", help="Keep no more of each packet.")
def capture_command(
    session: Session,
    names: tuple[str, ...],
    path: str | None,
    expression: str,
    count: int | None,
    duration: float | None,
    snap: int | None,
) -> None:
    """Capture at machines (all their interfaces) or single interfaces, several at once, until Ctrl-C.

    `lazulite capture web db | wireshark -k -i -` shows packets as they come. Interfaces are named VM/NIC; the first
    packet of each flow says which rule decided.
    """
    if path is None and sys.stdout.isatty():
        raise Failure("Packets are nothing for a terminal.", "-w FILE, or | wireshark -k -i -", code=2)
    code = compiled(expression, snap) if expression else [[6, 0, 0, snap]] if snap else _ALL
    found = _found(session.client, names)
    wanted = {"code": code, "turned": True, "ng": True, "asks": True, "cut": snap or 0}
    wanted |= {"packets": count or 0, "seconds": duration or 0, "sources": found["sources"]}
    with _output(path) as output:
        done = record(session, found, wanted, output)
    _tell(session, done, path)


def _found(client: Client, names: Sequence[str]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = client.post("/lazulite/capture", {"names": names})
    except Failure as failure:
        raise Failure(failure.message, "lazulite status", code=failure.code) from None
    return found


def compiled(expression: str, snap: int | None) -> list[list[int]]:
    """The program of a filter, made by tcpdump. Raises :class:`Failure` for what it does not understand."""
    if shutil.which("tcpdump") is None:
        raise Failure("--filter needs tcpdump, which is not installed.", "sudo apt install tcpdump")
    command = ["tcpdump", "-y", "EN10MB", "-ddd", *(["-s", str(snap)] if snap else []), "--", expression]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().removeprefix("tcpdump: ")
        raise Failure(f"{expression!r} is no filter: {said}.", "man pcap-filter", code=2)
    return [[int(word) for word in line.split()] for line in done.stdout.splitlines()[1:]]


@contextmanager
def _output(path: str | None) -> Iterator[IO[bytes]]:
    if path is None:
        yield sys.stdout.buffer
        return
    try:
        opened = open(path, "wb")  # noqa: SIM115 - closed below, whose failures are others than those of opening
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.", "choose another file with -w", code=2) from error
    with opened:
        yield opened


def record(session: Session, found: dict[str, Any], wanted: dict[str, Any], output: IO[bytes]) -> dict[str, Any]:
    """Have a recorder write to *output* until it ends; gives its last words. Raises :class:`Failure`."""
    variables = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        found["argv"], stdin=pipe, stdout=output, stderr=pipe, env=variables, start_new_session=True
    )
    with process, _interruptible(process):
        _say(process, wanted)
        return _attend(session, process, [s["at"] for s in found["sources"]], wanted)


@contextmanager
def _interruptible(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """The first interrupt has the recorder finish its file, the second does not wait for that."""

    def end(*_: object) -> None:
        assert process.stdin is not None
        if process.stdin.closed:
            process.kill()
        with contextlib.suppress(OSError):
            process.stdin.close()

    former = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        end()


def _say(process: subprocess.Popen[bytes], message: Any) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError, ValueError):  # it has ended, or is asked to
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()


def _attend(
    session: Session, process: subprocess.Popen[bytes], places: Sequence[str], wanted: dict[str, Any]
) -> dict[str, Any]:
    assert process.stderr is not None
    strange: list[str] = []
    for line in process.stderr:
        try:
            said = json.loads(line)
        except ValueError:
            strange.append(line.decode(errors="replace").rstrip())
            continue
        if said["type"] == "ready":
            session.note(f"Capturing at {', '.join(s['name'] for s in wanted['sources'])}. Ctrl-C ends it.")
        elif said["type"] == "ask":
            told = comments(session.client, places, said["flows"])
            _say(process, {"number": said["number"], "comments": told})
        elif said["type"] == "done":
            done: dict[str, Any] = said
            return done
    raise Failure("The capture ended by itself.", "lazulite status", details=tuple(strange[-3:]))


def comments(client: Client, places: Sequence[str], flows: Sequence[Sequence[Any]]) -> list[str]:
    """What to say of each flow. Without the controller, nothing: a capture goes on without it."""
    names = ("at", "sent", "protocol", "src", "src_port", "dst", "dst_port", "answers")
    asked = [dict(zip(names, (places[flow[0]], *flow[1:]), strict=True)) for flow in flows]
    try:
        return [said.get("comment", "") for said in client.post("/lazulite/explain", {"flows": asked})["value"]]
    except (Failure, OSError):
        return []


def _tell(session: Session, done: dict[str, Any], path: str | None) -> None:
    """Counts, where they are in nobody's way. Raises :class:`Failure` for an end that nobody wanted."""
    rows = [{"name": n, "packets": p, "received": r, "lost": lost} for n, p, r, lost in done["sources"]]
    summary = {"reason": done["reason"], "packets": done["packets"], "bytes": done["bytes"], "interfaces": rows}
    if session.as_json:
        click.echo(json.dumps(summary, indent=2), err=path is None)
    else:
        for row in rows:
            click.echo(f"{row['name']}: {row['packets']} packets, {row['lost']} lost", err=True)
    if done["reason"] == "CaptureFailed":
        raise Failure(f"Nothing can be captured at {done['error']}.", "lazulite status")
    if done["reason"] == "InterfaceGone":
        raise Failure(f"The capture ended: {done['error']}.", "capture again when the machine is back", code=3)
    if done["reason"] == "OutputFailed" and done["error"] != _CLOSED:
        raise Failure(f"{path or 'The output'} cannot be written: {done['error']}.", "make room, or -w another file")
