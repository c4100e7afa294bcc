"""Kernel calls for namespaces and mounts, and the program that builds a guest's root and becomes its first process.

It is run by path, ``python -I -S isolation.py``, with its :class:`Plan` as JSON on standard input. Therefore it needs
the standard library alone: neither the start of the whole package nor a virtual environment is worth waiting for.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any, NoReturn, TypedDict

NEW_MOUNT, NEW_CGROUP, NEW_UTS = 0x00020000, 0x02000000, 0x04000000
NEW_IPC, NEW_PID, NEW_NET = 0x08000000, 0x20000000, 0x40000000
NOSUID, NODEV, NOEXEC, BIND, RECURSIVE, PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
DETACH = 2
_READ_ONLY = 1
_MOUNT_SETATTR = 442  # the same on every architecture; the C library knows the name only since 2.36
_AT_CURRENT, _AT_RECURSIVE = -100, 0x8000
_DROP_BOUNDING = 24
KEPT_CAPABILITIES = {
    "chown": 0,
    "dac_override": 1,
    "fowner": 3,
    "fsetid": 4,
    "kill": 5,
    "setgid": 6,
    "setuid": 7,
    "setpcap": 8,
    "net_bind_service": 10,
    "net_broadcast": 11,
    "net_admin": 12,
    "net_raw": 13,
    "ipc_lock": 14,
    "ipc_owner": 15,
    "sys_chroot": 18,
    "sys_ptrace": 19,
    "sys_nice": 23,
    "audit_write": 29,
    "setfcap": 31,
}
"""What root in a guest may do: rule its own network, not take away the mounts that confine it (``sys_admin``)."""
ROOT_SIZE = "1g"
"""Bound of what a guest writes to its disk, which is memory."""
_TOP_LEVEL = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_NODES = ("null", "zero", "full", "random", "urandom", "tty", "net/tun")
_DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
_DIRECTORIES = {
    "etc": 0o755,
    "var": 0o755,
    "usr": 0o755,
    "run": 0o755,
    "root": 0o700,
    "home": 0o755,
    "tmp": 0o1777,
    "srv": 0o755,
    "mnt": 0o755,
    "opt": 0o755,
    "dev": 0o755,
    "dev/pts": 0o755,
    "dev/shm": 0o1777,
    "dev/net": 0o755,
    "proc": 0o555,
    "sys": 0o555,
}
_SEALED = ("sys", "bus", "fs", "irq", "sysrq-trigger")
_MASKED = ("kcore", "keys", "kmsg", "timer_list", "sched_debug")
_libc = ctypes.CDLL(None, use_errno=True)


class Plan(TypedDict):
    """What the program is told."""

    namespace: str
    """Path of the network namespace."""
    record: str
    """File that gets the pid and start time of the first process, and ``mark``."""
    mark: str
    image: str
    """Directory with the ``etc`` and ``var`` that every guest starts from."""
    root: str
    """Empty directory to build the new root on."""
    hostname: str
    files: dict[str, str]
    """Text by path, relative to the root."""


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Give the calling thread new namespaces of these kinds."""
    _checked(_libc.unshare(flags), "unshare")


def enter(descriptor: int, kind: int) -> None:
    """Move the calling thread into the namespace that *descriptor* is open on."""
    _checked(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2). Raises ``OSError`` naming the target."""
    texts = (os.fsencode(source), os.fsencode(target), kind.encode() or None)
    _checked(_libc.mount(*texts, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


def unmount(target: str) -> None:
    """Detach the mount; what is open in it stays usable."""
    _checked(_libc.umount2(os.fsencode(target), DETACH), f"unmount {target}")


class _Attributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("user_namespace", ctypes.c_uint64),
    )


def set_read_only(target: str, wanted: bool, flags: int = _AT_RECURSIVE) -> None:
    """Seal or unseal a mount. Unlike a remount it leaves alone the flags a user namespace may not touch."""
    attributes = _Attributes(set=_READ_ONLY if wanted else 0, clear=0 if wanted else _READ_ONLY)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    number, here = ctypes.c_long(_MOUNT_SETATTR), ctypes.c_int(_AT_CURRENT)
    result = _libc.syscall(number, here, os.fsencode(target), ctypes.c_uint(flags), ctypes.byref(attributes), size)
    _checked(result, f"seal {target}")


def start_time(pid: int | str) -> str | None:
    """When process *pid* began, in clock ticks since boot: with the pid, its identity. ``None`` if there is none."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _build(plan: Plan) -> None:
    """Make the root and move into it. Mounts are inherited by nobody: the caller has a mount namespace of its own."""
    root = plan["root"]
    mount("none", "/", flags=RECURSIVE | PRIVATE)
    mount("root", root, "tmpfs", NOSUID | NODEV, f"mode=755,size={ROOT_SIZE}")
    for name, mode in _DIRECTORIES.items():
        os.mkdir(f"{root}/{name}")
        os.chmod(f"{root}/{name}", mode)
    _programs(root)
    for name in ("etc", "var"):
        _writable(f"{plan['image']}/{name}", f"{root}/{name}", f"{root}/run/{name}")
    mount("run", f"{root}/run", "tmpfs", NOSUID | NODEV, "mode=755")  # hides the upper layers of the overlays
    _devices(f"{root}/dev")
    _processes(f"{root}/proc")
    # A container that hides part of /sys from us cannot give a guest a new one; an empty directory is safe.
    with contextlib.suppress(PermissionError):
        mount("sysfs", f"{root}/sys", "sysfs", NOSUID | NODEV | NOEXEC | _READ_ONLY)
    for path, text in plan["files"].items():
        _write(f"{root}/{path}", text)
    _pivot(root)


def _programs(root: str) -> None:
    """The host's programs and libraries, read-only, in the places where the host has them."""
    mount("/usr", f"{root}/usr", flags=BIND | RECURSIVE)
    set_read_only(f"{root}/usr", True)
    for name in _TOP_LEVEL:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        elif os.path.isdir(f"/{name}"):
            os.mkdir(f"{root}/{name}")
            mount(f"/{name}", f"{root}/{name}", flags=BIND | RECURSIVE)
            set_read_only(f"{root}/{name}", True)


def _writable(lower: str, target: str, layers: str) -> None:
    """The tree *lower* to write on without changing it: an overlay, or a copy where overlays are refused."""
    os.makedirs(f"{layers}/upper")
    os.makedirs(f"{layers}/work")
    try:
        mount("overlay", target, "overlay", 0, f"lowerdir={lower},upperdir={layers}/upper,workdir={layers}/work")
    except OSError:
        import shutil

        shutil.copytree(lower, target, symlinks=True, dirs_exist_ok=True)


def _devices(dev: str) -> None:
    for name in _NODES:
        if os.path.exists(f"/dev/{name}"):
            os.close(os.open(f"{dev}/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
            mount(f"/dev/{name}", f"{dev}/{name}", flags=BIND)
    mount("devpts", f"{dev}/pts", "devpts", NOSUID | NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"{dev}/{name}")


def _processes(proc: str) -> None:
    """The guest's own processes, and of the kernel's settings only the network's: the others are the host's."""
    mount("proc", proc, "proc", NOSUID | NODEV | NOEXEC)
    for name in filter(lambda name: os.path.exists(f"{proc}/{name}"), _SEALED):
        mount(f"{proc}/{name}", f"{proc}/{name}", flags=BIND)
        set_read_only(f"{proc}/{name}", True)
    mount(f"{proc}/sys/net", f"{proc}/sys/net", flags=BIND)
    set_read_only(f"{proc}/sys/net", False)
    for name in filter(lambda name: os.path.exists(f"{proc}/{name}"), _MASKED):
        mount("/dev/null", f"{proc}/{name}", flags=BIND)


def _write(path: str, text: str) -> None:
    """A new file at *path*; what was there before, often a link, is not followed."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with open(path, "x") as file:
        file.write(text)


def _pivot(root: str) -> None:
    """Make *root* the root and let the old one go."""
    os.chdir(root)
    _checked(_libc.pivot_root(b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def _first_process(plan: Plan) -> NoReturn:
    """Become the guest's init: a sleep that the kernel reaps orphans for."""
    os.setsid()
    os.umask(0o022)
    _build(plan)
    socket.sethostname(plan["hostname"])
    for capability in range(64):
        if capability not in KEPT_CAPABILITIES.values():
            _libc.prctl(_DROP_BOUNDING, capability, 0, 0, 0)  # numbers past the kernel's last are refused: nothing lost
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.execve("/usr/bin/sleep", ["sleep", "infinity"], {"PATH": "/usr/bin:/bin"})


def _child(plan: Plan, complaints: int) -> NoReturn:
    try:
        _first_process(plan)
    except OSError as error:
        os.write(complaints, str(error).encode())
    os._exit(1)


def _complaint(descriptor: int) -> str:
    """What the child had to say before it became something else: nothing if all went well."""
    with open(descriptor, "rb") as pipe:
        return pipe.read().decode()


def _into_namespaces(path: str) -> None:
    with _opened(path) as namespace:
        enter(namespace, NEW_NET)
    unshare(NEW_MOUNT | NEW_UTS | NEW_IPC | NEW_PID | NEW_CGROUP)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def main(plan: Any) -> str | None:
    """Start the guest's first process and leave it to the init of the lab. Returns what went wrong."""
    _into_namespaces(plan["namespace"])
    reading, writing = os.pipe()
    waiting, going = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(going)
        os.read(waiting, 1)  # until the record is written: pivot_root takes the parent's root, and /proc, along
        _child(plan, writing)
    os.close(writing)
    with open(plan["record"], "w") as record:
        record.write(f"{child} {start_time(child)} {plan['mark']}")
        record.flush()
        os.close(going)
        complaint = _complaint(reading)
        if complaint:
            os.waitpid(child, 0)
            record.truncate(0)
    return complaint or None


if __name__ == "__main__":
    try:
        sys.exit(main(json.load(sys.stdin)))
    except OSError as failure:
        sys.exit(f"{errno.errorcode.get(failure.errno or 0, '')} {failure}")
