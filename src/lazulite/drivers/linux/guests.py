"""Guests: the inside of a virtual machine, or of a host on the Internet, around its network namespace.

Until something is to run in a guest it is its namespace and nothing else. Then it gets an init with process, mount,
host name and IPC namespaces of its own and a root that shows the host's programs and none of its files, processes or
sockets (:mod:`.isolation`). Killing that init ends whatever ran in the guest. All but :func:`enter_command` is
called below the lab's anchor, as its root; nothing is remembered here, so a restarted agent finds its guests again.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from hashlib import blake2s
from pathlib import Path
from typing import TypeAlias

import msgspec

from lazulite.drivers.linux import anchor, guest_image, isolation, names, namespaces
from lazulite.forwarding.model import Guest, InternetHost, Script

Workload: TypeAlias = Guest | InternetHost

RECORDS = Path("/run/lazulite/guests")
"""A file per guest with an init: pid, its start time, the guid it was started for."""
IMAGE = Path("/run/lazulite/image")
_ROOT = Path("/run/lazulite/root")
_KINDS = ("mount", "uts", "ipc", "net", "pid", "cgroup")
STARTUP_LOG = "/var/log/lazulite-startup.log"
"""What custom data printed, in the guest."""
CUSTOM_DATA = "/var/lib/waagent/CustomData"
"""Where the agent of Azure's Linux images leaves it.
Source: learn.microsoft.com/azure/virtual-machines/custom-data, "Linux"."""
OUTPUT_LIMIT = 4096
"""Bytes of each stream that a run command reports, the last ones.
Source: learn.microsoft.com/azure/virtual-machines/linux/run-command, "Restrictions"."""
_KEPT = "/var/lib/lazulite"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_ONCE = f"""\
mkdir -p "$1" "$(dirname "$2")" "$(dirname "$3")"
exec flock --close {_KEPT}/lock sh -c '
if [ ! -e "$1/status" ]; then
    umask 077
    base64 -d > "$2" && chmod 700 "$2" || exit 126
    umask 022
    if [ "$5" = run ]; then "$2" >> "$3" 2>> "$4" < /dev/null; else echo "kept in $2, not a script" > "$3"; fi
    echo $? > "$1/status"
fi
tail -c {OUTPUT_LIMIT} "$3"
[ "$3" = "$4" ] || tail -c {OUTPUT_LIMIT} "$4" >&2
exit "$(cat "$1/status")"' sh "$@"
"""
"""State directory, script, files for both streams, ``run`` or ``keep``. The second time it only tells how the first
went, and waits for that if it has to: so a restarted agent may ask again."""
_RUN = f"""\
d=$(mktemp -d /tmp/run-command.XXXXXX) && cat > "$d/script" && chmod 700 "$d/script" || exit 126
"$d/script" > "$d/stdout" 2> "$d/stderr" < /dev/null
status=$?
tail -c {OUTPUT_LIMIT} "$d/stdout"
tail -c {OUTPUT_LIMIT} "$d/stderr" >&2
rm -rf "$d"
exit $status
"""
"""Files between the script and the reader: a daemon the script leaves behind does not keep the reader waiting."""


class GuestError(Exception):
    """A guest could not be started or did not end; the text says why."""


class Init(msgspec.Struct, frozen=True):
    """The first process of a guest; the pid is the anchor's."""

    pid: int
    guid: str


def find(name: str) -> Init | None:
    """The init of the guest of that name, if it has one."""
    return _recorded(RECORDS / names.guest(name))


def running() -> dict[str, Init]:
    """Every init there is, by the name of its namespace."""
    found = {path.name: _recorded(path) for path in RECORDS.iterdir()} if RECORDS.is_dir() else {}
    return {namespace: init for namespace, init in found.items() if init is not None}


def start(workload: Workload) -> Init:
    """The guest's init, started unless it has one. Raises :class:`GuestError`."""
    found = find(workload.name)
    if found is not None:
        return found
    for directory in (RECORDS, _ROOT):
        directory.mkdir(parents=True, exist_ok=True)
    guest_image.ensure(IMAGE)
    os.close(namespaces.create(names.guest(workload.name)))
    command = [sys.executable, "-I", "-S", isolation.__file__]
    done = subprocess.run(command, input=json.dumps(plan(workload)), capture_output=True, text=True, check=False)
    started = find(workload.name)
    if done.returncode or started is None:
        raise GuestError(f"{workload.label} does not start: {done.stderr.strip() or done.returncode}")
    return started


def stop(namespace: str) -> None:
    """Kill the guest's init and all that runs in the guest, and wait for their end. Raises :class:`GuestError`."""
    record = RECORDS / namespace
    init = _recorded(record)
    if init is not None:
        _kill(init.pid, namespace)
    record.unlink(missing_ok=True)


def plan(workload: Workload) -> isolation.Plan:
    """What the init of the guest is told. Pure."""
    namespace = names.guest(workload.name)
    return {
        "namespace": str(namespaces.path(namespace)),
        "record": str(RECORDS / namespace),
        "mark": workload.guid,
        "image": str(IMAGE),
        "root": str(_ROOT),
        "hostname": hostname(workload),
        "files": files(workload),
    }


def hostname(workload: Workload) -> str:
    """A name the kernel and resolvers take."""
    wanted = workload.hostname if isinstance(workload, Guest) else workload.label
    return re.sub(r"[^A-Za-z0-9-]", "-", wanted)[:63].strip("-") or "localhost"


def files(workload: Workload) -> dict[str, str]:
    """What the guest's ``/etc`` says of itself, by path."""
    name = hostname(workload)
    search = workload.search if isinstance(workload, Guest) else ""
    full = f"{name}.{search} {name}" if search else name
    return {
        "etc/hostname": f"{name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {full}\n::1 localhost ip6-localhost ip6-loopback\n",
        "etc/machine-id": blake2s(f"{workload.name} {workload.guid}".encode(), digest_size=16).hexdigest() + "\n",
        "etc/resolv.conf": resolver(workload),
    }


def resolver(workload: Workload) -> str:
    """Text of the guest's ``/etc/resolv.conf``."""
    searched = workload.search if isinstance(workload, Guest) else ""
    search = [f"search {searched}"] if searched else []
    return "".join(f"{line}\n" for line in [*(f"nameserver {n}" for n in workload.nameservers), *search])


def command(init: Init, argv: Sequence[str], *, tty: bool = False, term: str = "dumb") -> list[str]:
    """What runs *argv* in the guest, from below the anchor: as its root, in its ``/root``, in a clean environment.

    With *tty* the command gets a terminal of the guest's own, tied to the caller's. The caller's session cannot be
    seen from the guest's processes, so on the caller's terminal there would be no job control.
    """
    return [*_namespaces(init), *_confined(argv, tty, term)]


def enter_command(
    lab: anchor.Anchor, init: Init, argv: Sequence[str], *, tty: bool = False, term: str = "dumb"
) -> list[str]:
    """The same for the lab's user on the host, without other help; exit status and standard streams pass.

    ``nsenter`` has to fork to change the process namespace, and does not hand on the signal that ends it. So each
    side of such a fork asks to be terminated with the other. The caller's variables are left behind first, before
    its process can be seen in the guest.
    """
    bound = ["setpriv", "--pdeathsig", "TERM", "--"]
    entered = [*anchor.enter_command(lab), *bound, *_namespaces(init), *bound]
    return ["env", "--ignore-environment", f"PATH={SEARCH_PATH}", *entered, *_confined(argv, tty, term)]


def _confined(argv: Sequence[str], tty: bool, term: str) -> list[str]:
    """Root of a guest, like its init, has no more capabilities than it needs."""
    kept = ",+".join(isolation.KEPT_CAPABILITIES)
    variables = ["HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LANG=C.UTF-8", f"TERM={term}"]
    on_terminal = ["script", "--quiet", "--return", "--flush", "--command", shlex.join(argv), "/dev/null"]
    return [
        *("setpriv", "--inh-caps=-all", f"--bounding-set=-all,+{kept}", "--"),
        *("env", "--ignore-environment", "--chdir=/root", f"PATH={SEARCH_PATH}", *variables),
        *(on_terminal if tty else argv),
    ]


def namespace_paths(lab: anchor.Anchor, name: str) -> dict[str, str]:
    """Where the lab's user finds the namespaces of a guest on the host, by kind: ``net`` and ``user``."""
    pinned = namespaces.path(names.guest(name))
    return {"net": f"/proc/{lab.pid}/root{pinned}", "user": f"/proc/{lab.pid}/ns/user"}


def _namespaces(init: Init) -> list[str]:
    return ["nsenter", f"--target={init.pid}", *(f"--{kind}" for kind in _KINDS), "--"]


def custom_data_command(init: Init, script: Script) -> list[str]:
    """Keeps what it reads, the body of the custom data, and runs it once if it says how (``#!``)."""
    mode = "run" if base64.b64decode(script.body).startswith(b"#!") else "keep"
    words = [f"{_KEPT}/custom-data", CUSTOM_DATA, STARTUP_LOG, STARTUP_LOG, mode]
    return command(init, ["sh", "-c", _ONCE, "sh", *words])


def script_command(init: Init, script: Script) -> list[str]:
    """Runs what it reads, the body of the script, once for its guid."""
    kept = f"{_KEPT}/{names.digest(f'{script.name} {script.guid}')}"
    words = [kept, f"{kept}/script", f"{kept}/stdout", f"{kept}/stderr", "run"]
    return command(init, ["sh", "-c", _ONCE, "sh", *words])


def run_command(init: Init) -> list[str]:
    """Runs the script it reads, ending with its exit status and the end of its output."""
    return command(init, ["sh", "-c", _RUN])


def refresh(workload: Workload) -> None:
    """Tell a running guest about new resolvers. Raises :class:`GuestError`."""
    init = find(workload.name)
    if init is None:
        return
    write = command(init, ["sh", "-c", "cat > /etc/resolv.conf"])
    done = subprocess.run(write, input=resolver(workload), capture_output=True, text=True, check=False)
    if done.returncode:
        raise GuestError(f"{workload.label} does not take its resolvers: {done.stderr.strip()}")


def _recorded(record: Path) -> Init | None:
    """The init a record speaks of, if that process is still the one."""
    try:
        pid, started, guid = record.read_text().split(" ", 2)
    except (OSError, ValueError):
        return None
    return Init(int(pid), guid) if isolation.start_time(pid) == started else None


def _kill(pid: int, namespace: str) -> None:
    """The kernel ends an init only after everything below it, so one wait is enough."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            if not select.select([descriptor], [], [], anchor.PATIENCE_S)[0]:
                raise GuestError(f"{namespace} is still running {anchor.PATIENCE_S:g} s after its end")
        finally:
            os.close(descriptor)
