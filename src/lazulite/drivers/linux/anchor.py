"""The anchor: process 1 of a lab's own namespaces. Everything of the lab lives below it and ends with it.

It runs in the host's view of processes under a launcher (``unshare``), in a session of its own and tied to nobody, so
it outlives the controller. The lab directory keeps the launcher's pid and start time; :func:`find` trusts nothing
else, so a pid that was reused is never taken for a lab.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from lazulite.drivers.linux.isolation import start_time

PATIENCE_S = 10.0
"""How long a step of the kernel or of a program that answers at once may take before it counts as failed."""
_RECORD, _LOCK, _LOG = "anchor.pid", "anchor.lock", "anchor.log"
_FIRST_PROCESS = ("sleep", "infinity")
_POLL_S = 0.005
T = TypeVar("T")

_LAUNCH = """\
read -r stat < /proc/$$/stat
echo "$stat" > "$0/anchor.pid.new"
mv "$0/anchor.pid.new" "$0/anchor.pid"
cd /
exec "$@"
"""
"""Leave pid and start time behind, whole at once, then become the launcher: there is no moment without a record."""
_SET_UP = """\
set -e
cd "$1"
mount -n -t tmpfs -o mode=755 run /run
if [ ! -d "$1" ]; then  # the lab's directory was under /run
    mkdir -p "$1"
    mount -n --no-canonicalize --bind /proc/self/cwd "$1"
fi
mkdir -p /run/lazulite/net
ln -s lazulite/net /run/netns
if [ "$2" = root ]; then  # root of a guest can reach the program that enters it through /proc
    mount -n --bind /usr /usr
    mount -n -o remount,bind,ro /usr
fi
cd /
exec env --ignore-signal=CHLD sleep infinity  # the kernel reaps the orphans of one who ignores them
"""


class AnchorError(Exception):
    """The host would not give the lab its namespaces, or did not take them back; the text says why."""


class Anchor(msgspec.Struct, frozen=True):
    """A running anchor. Both pids are the host's."""

    directory: Path
    pid: int
    """Process 1 of the lab."""
    launcher: int
    rootless: bool
    """Whether the lab has a user namespace of its own."""


def find(directory: Path) -> Anchor | None:
    """The anchor of the lab in *directory*, if it is up."""
    launcher = _launcher(directory)
    first = _first_process(launcher) if launcher else None
    if launcher is None or first is None:
        return None
    return Anchor(directory.resolve(), first, launcher, _user_namespace(first) != _user_namespace(os.getpid()))


def start(directory: Path) -> Anchor:
    """Bring the lab's namespaces up, unless they are. Raises :class:`AnchorError`."""
    directory = directory.resolve()
    with _locked(directory / _LOCK):
        if _launcher(directory) is None:
            _launch(directory)
        return _awaited(lambda: find(directory), lambda: _failure(directory))


def stop(anchor: Anchor) -> None:
    """End every process of the lab; the kernel takes back the rest. Raises :class:`AnchorError`."""
    descriptors = [d for d in map(_process_descriptor, (anchor.pid, anchor.launcher)) if d is not None]
    try:
        if _launcher(anchor.directory) == anchor.launcher:
            inside = _link(anchor.pid, "pid")
            _kill(anchor.pid)
            _wake_who_entered(inside)
            _await_exits(descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    (anchor.directory / _RECORD).unlink(missing_ok=True)


def enter_command(anchor: Anchor) -> list[str]:
    """What to put before a command so that it runs in all namespaces of the lab. Works for the lab's own user."""
    user = ["--user", "--preserve-credentials"] if anchor.rootless else []
    return ["nsenter", f"--target={anchor.pid}", *user, "--mount", "--net", "--pid", "--"]


def unshare_command(root: bool, ranges: bool) -> list[str]:
    """The launcher: for *root* without a user namespace, otherwise with one id, or with *ranges* of them.

    Where AppArmor restricts user namespaces, the set-up left a copy of ``unshare`` that may make them.
    """
    namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    user = [] if root else ["--user", "--map-root-user", *(["--map-auto"] if ranges else [])]
    profiled = Path(sys.prefix, "bin", "lazulite-unshare")
    return [str(profiled) if profiled.exists() else "unshare", *user, *namespaces]


def has_range(user: str, uid: int, ranges: str) -> bool:
    """Whether *ranges*, the text of ``/etc/subuid`` or ``/etc/subgid``, gives the user ids to map."""
    rows = [line.split(":") for line in ranges.splitlines()]
    return any(len(row) == 3 and row[0] in (user, str(uid)) and row[2] not in ("", "0") for row in rows)


def maps_ranges() -> bool:
    """Whether a lab of this user gets a range of ids, so that several users work in its guests."""
    if shutil.which("newuidmap") is None or shutil.which("newgidmap") is None:
        return False
    return all(has_range(_user_name(), os.getuid(), _text(Path(f"/etc/{name}"))) for name in ("subuid", "subgid"))


def _user_name() -> str:
    """As newuidmap finds it, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a uid without a name: nothing but the number can be in the file
        return str(os.getuid())


def _launch(directory: Path) -> None:
    (directory / _RECORD).unlink(missing_ok=True)
    root = os.geteuid() == 0
    command = [*unshare_command(root, maps_ranges()), "sh", "-c", _SET_UP, "anchor", str(directory)]
    detached = ["setsid", "--fork", "sh", "-c", _LAUNCH, str(directory), *command, "root" if root else "user"]
    with open(directory / _LOG, "wb") as log:
        subprocess.run(
            detached, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}, check=True
        )


def _launcher(directory: Path) -> int | None:
    """The recorded launcher, provided that the process of that pid is still the same one."""
    pid = _recorded(directory)
    ours = pid is not None and str(directory.resolve()).encode() in _command_line(pid)
    return pid if ours else None


def _recorded(directory: Path) -> int | None:
    """The process of the record, whatever it is by now, unless it has ended."""
    words = _text(directory / _RECORD).replace(")", ") ").split()
    return int(words[0]) if len(words) >= 22 and start_time(words[0]) == words[21] else None


def _first_process(launcher: int) -> int | None:
    """The launcher's child once all is set up and it has become what it stays."""
    children = _text(Path(f"/proc/{launcher}/task/{launcher}/children")).split()
    wanted = [word.encode() for word in _FIRST_PROCESS]
    return next((int(pid) for pid in children if _command_line(int(pid)) == wanted), None)


def _failure(directory: Path) -> str | None:
    """Why there will be no anchor: the launcher left a record and is gone."""
    if (directory / _RECORD).exists() and _recorded(directory) is None:
        return _text(directory / _LOG).strip() or "the launcher ended without a word"
    return None


def _awaited(condition: Callable[[], T | None], failure: Callable[[], str | None]) -> T:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = condition()
        if found is not None:
            return found
        reason = failure()
        if reason is not None:
            raise AnchorError(f"the host refuses namespaces: {reason}")
        time.sleep(_POLL_S)
    raise AnchorError(f"no anchor within {PATIENCE_S:g} s")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _wake_who_entered(inside: str) -> None:
    """Have the processes outside whose children are in that process namespace run, as they do not after Ctrl-Z: it
    ends only when these have taken notice of their children's end."""
    for found in Path("/proc").glob("[0-9]*"):
        pid = int(found.name)
        if inside and _link(pid, "pid_for_children") == inside != _link(pid, "pid"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _link(pid: int, kind: str) -> str:
    """The namespace of a process, empty when it has ended or is somebody else's."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return ""


def _await_exits(descriptors: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    for descriptor in descriptors:
        left = max(0.0, deadline - time.monotonic())
        if not select.select([descriptor], [], [], left)[0]:
            raise AnchorError(f"processes of the lab are still there after {PATIENCE_S:g} s{_why()}")


def _why(processes: Path = Path("/proc")) -> str:
    """What may keep them: a process that ended stays until its parent takes notice, and orphans are process 1's."""
    for stat in processes.glob("[0-9]*/stat"):
        if _text(stat).rpartition(") ")[2].split()[:2] == ["Z", "1"]:
            return ": process 1 takes no notice of those that ended; a container needs an init (docker run --init)"
    return ""


def _process_descriptor(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _user_namespace(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/user")


def _command_line(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return []


def _text(path: Path) -> str:
    """The file's text, empty when there is none to read."""
    try:
        return path.read_text()
    except OSError:
        return ""


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One at a time, among processes too."""
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
