"""``fault add|list|clear|kill``: what goes wrong on purpose."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import click

from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.cli.lab import option
from lazulite.cli.session import Group, Session, lab_command

API_VERSION = "2026-01-01"
_KIND = "Lazulite.Lab/faults"
_PROGRAMS = {"agent": "lazulite.agent", "names": "lazulite.engines.dns", "controller": "lazulite.daemon"}
"""Parts that can be killed, and the program of each."""
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:bit(?:/s)?|bps)?", re.IGNORECASE)
_SCALE = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}
_PATIENCE_S, _POLL_S = 30.0, 0.02


@click.group("fault", cls=Group)
def fault_command() -> None:
    """Break something on purpose: cut a machine off, lose or slow down its packets, kill a daemon."""


@lab_command("add")
@click.argument("target")
@click.option("--cut", is_flag=True, help="Nothing passes.")
@click.option("--loss", type=click.FloatRange(0, 100), default=0.0, metavar="PERCENT", help="So many are lost.")
@click.option("--delay", type=click.FloatRange(0, 60_000), default=0.0, metavar="MS", help="All come so much later.")
@click.option("--rate", default="", metavar="RATE", help="No more than 10mbit, 500kbit … passes.")
@click.option("--direction", type=click.Choice(["in", "out", "both"]), default="both", show_default=True)
@click.option("--name", default="", help="Of the fault. Default: after the target.")
def add_command(
    session: Session, target: str, cut: bool, loss: float, delay: float, rate: str, direction: str, name: str
) -> None:
    """Have packets of TARGET fare badly: a VM, a network interface, or the id of either."""
    if not (cut or loss or delay or rate):
        raise Failure("Nothing would be wrong.", "Say what: --cut, --loss 5, --delay 20 or --rate 10mbit.", code=2)
    identity = find(session.client, target)
    called = name or f"{identity.rpartition('/')[2]}-fault"
    said = {
        "target": identity,
        "direction": {"in": "Inbound", "out": "Outbound", "both": "Both"}[direction],
        "cut": cut,
        "lossPercent": loss,
        "delayMilliseconds": delay,
        "rateBitsPerSecond": parse_rate(rate) if rate else 0,
    }
    path = f"{identity.partition('/providers/')[0]}/providers/{_KIND}/{called}?api-version={API_VERSION}"
    clear = f"lazulite fault clear {called}{option(session.lab)}"
    try:
        made = session.client.put(path, {"properties": said})
    except Failure as failure:
        failure.hint = f"{clear}, where it is kept" if "ProvisioningFailed" in failure.message else failure.hint
        raise
    session.emit(made, lambda: f"{described(made)}. End it: {clear}")


@lab_command("list")
def list_command(session: Session) -> None:
    """Show what is wrong on purpose."""
    found = standing(session.client)
    session.emit({"value": found}, lambda: "\n".join(map(described, found)) or "Nothing is wrong on purpose.")


@lab_command("clear")
@click.argument("names", nargs=-1)
def clear_command(session: Session, names: tuple[str, ...]) -> None:
    """End faults: those NAMES (of faults, or of what they befall), or all of them."""
    found = standing(session.client)
    wanted = {n.lower() for n in names}
    chosen = [f for f in found if not names or wanted & known_as(f)]
    missing = wanted.difference(*map(known_as, chosen))
    if missing:
        raise Failure(f"There is no fault called {', '.join(sorted(missing))}.", "lazulite fault list", code=3)
    for fault in chosen:
        session.client.delete(f"{fault['id']}?api-version={API_VERSION}")
    session.emit({"cleared": [f["name"] for f in chosen]}, lambda: f"{len(chosen)} cleared.")


@lab_command("kill")
@click.argument("part", type=click.Choice(sorted(_PROGRAMS)))
def kill_command(session: Session, part: str) -> None:
    """Kill a daemon of the lab, and see that it comes back. Packets go on meanwhile.

    The controller is the user's to start again: lazulite up.
    """
    started = time.monotonic()
    gone = processes(session.directory, _PROGRAMS[part])
    if not gone:
        raise Failure(f"The lab {session.lab!r} has no running {part}.", "lazulite status", code=3)
    for pid in gone:
        os.kill(pid, signal.SIGKILL)
    if part == "controller":
        done: dict[str, Any] = {"killed": gone, "back": []}
        session.emit(done, lambda: f"controller: process {gone[0]} is gone. Next: lazulite up{option(session.lab)} -d")
        return
    back = _await(session, part, gone)
    took = time.monotonic() - started
    done = {"killed": gone, "back": back, "seconds": round(took, 2)}
    session.emit(done, lambda: f"{part}: process {gone[0]} is gone, process {back[0]} took over after {took:.1f} s.")


def _await(session: Session, part: str, gone: list[int]) -> list[int]:
    """Another process of the part, once all of the lab runs again."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        found = [p for p in processes(session.directory, _PROGRAMS[part]) if p not in gone]
        parts = session.client.get("/lazulite/status")["parts"] if found else []
        if found and all(p["state"] == "running" for p in parts):
            return found
        time.sleep(_POLL_S)
    raise Failure(f"{part} did not come back within {_PATIENCE_S:.0f} s.", f"lazulite logs {part}{option(session.lab)}")


def processes(directory: Path, program: str) -> list[int]:
    """Ids of the user's processes that run *program* for the lab in *directory*, from their command lines."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and _is_of(each, directory, program):
            found.append(int(each.name))
    return sorted(found)


def _is_of(process: Path, directory: Path, program: str) -> bool:
    """Whether its words are an interpreter, ``-m PROGRAM``, and somewhere ``--directory DIRECTORY``."""
    try:
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    there = [i for i, word in enumerate(words[:-1]) if word == "--directory"]
    return words[1:3] == ["-m", program] and any(Path(words[i + 1]) == directory.resolve() for i in there)


def standing(client: Client) -> list[dict[str, Any]]:
    """All faults of the subscription."""
    return list(client.every(f"{client.subscription}/providers/{_KIND}?api-version={API_VERSION}"))


def find(client: Client, target: str) -> str:
    """The id of the machine or interface that *target* means. Raises :class:`Failure`."""
    if target.startswith("/"):
        return target
    group, _, label = target.lower().rpartition("/")
    machines = client.get("/lazulite/guests")["value"]
    if any(m["kind"] == "client" and m["name"].lower() == label for m in machines):
        raise Failure(f"{target} is a host on the Internet, and faults are of machines and interfaces.", code=2)
    nics = client.every(f"{client.subscription}/providers/Microsoft.Network/networkInterfaces")
    candidates: list[str] = [m["id"] for m in machines if m["kind"] == "vm"] + [n["id"] for n in nics]
    found = [i for i in candidates if i.lower().endswith(f"/{label}") and f"/resourcegroups/{group}" in i.lower()]
    if len(found) != 1:
        why = f"Several things are called {target!r}" if found else f"No machine and no interface is called {target!r}"
        raise Failure(f"{why}.", "lazulite status", code=3, details=tuple(found))
    return found[0]


def parse_rate(text: str) -> int:
    """Bits a second of ``10mbit``, ``500k`` or ``1000000``. Raises :class:`Failure`."""
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise Failure(f"{text!r} is no rate.", "Write 10mbit, 500kbit or a number of bits a second.", code=2)
    return round(float(found[1]) * _SCALE[found[2].lower()])


def known_as(fault: dict[str, Any]) -> set[str]:
    """Its name, and that of its target, in lower case."""
    return {fault["name"].lower(), fault["properties"]["target"].rpartition("/")[2].lower()}


def described(fault: dict[str, Any]) -> str:
    """``web-fault: web cut off (both ways)``, and whether the machine refuses it."""
    said = fault["properties"]
    wrong = [
        "cut off" if said["cut"] else "",
        f"{said['lossPercent']:g}% lost" if said["lossPercent"] else "",
        f"{said['delayMilliseconds']:g} ms late" if said["delayMilliseconds"] else "",
        f"at most {said['rateBitsPerSecond']} bit/s" if said["rateBitsPerSecond"] else "",
    ]
    way = {"Both": "both ways", "Inbound": "inbound", "Outbound": "outbound"}[said["direction"]]
    failed = "" if said["provisioningState"] != "Failed" else ", NOT in effect: lazulite status"
    return f"{fault['name']}: {said['target'].rpartition('/')[2]} {', '.join(filter(None, wrong))} ({way}){failed}"


for _command in (add_command, list_command, clear_command, kill_command):
    fault_command.add_command(_command)
