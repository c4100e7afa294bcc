"""Network namespaces with names: each is pinned by a bind mount, so that it needs no process to live.

They live in the mount namespace of the lab's anchor, where ``/run`` is the lab's own, and go with it. A name is one
file name. ``/run/netns`` of the anchor leads here too, so that ``ip netns exec`` works for those who look around.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lazulite.drivers.linux import isolation

ROOT = Path("/run/lazulite/net")
_HERE = "/proc/thread-self/ns/net"


def path(name: str) -> Path:
    """Where the namespace is pinned. Raises ``ValueError`` for a name that is not one file name."""
    if name in ("", ".", "..") or "/" in name:
        raise ValueError(f"{name!r} cannot name a namespace")
    return ROOT / name


def create(name: str, prepare: Callable[[], None] | None = None) -> int:
    """A descriptor of the namespace, made unless there is one. Raises ``OSError`` when the kernel will not.

    *prepare* is called inside a new namespace before it can be found by its name.
    """
    pin = path(name)
    with contextlib.suppress(FileNotFoundError):
        return open(name)
    pin.parent.mkdir(parents=True, exist_ok=True)
    pin.touch()
    with _thread_namespace():
        isolation.unshare(isolation.NEW_NET)
        if prepare is not None:
            prepare()
        isolation.mount(_HERE, str(pin), flags=isolation.BIND)
    return open(name)


def open(name: str) -> int:
    """A descriptor of the namespace, for the caller to close. Raises ``FileNotFoundError`` when there is none."""
    descriptor = os.open(path(name), os.O_RDONLY | os.O_CLOEXEC)
    if os.fstat(descriptor).st_dev != os.stat(_HERE).st_dev:  # a pin that lost, or never got, its mount
        os.close(descriptor)
        raise FileNotFoundError(f"{name} is not pinned")
    return descriptor


def names() -> list[str]:
    """Every name in use, those of half-made namespaces included."""
    return sorted(os.listdir(ROOT)) if ROOT.is_dir() else []


def remove(name: str) -> None:
    """Unpin: the namespace goes with the last process in it and the last descriptor on it. Absent is fine."""
    with contextlib.suppress(OSError):
        isolation.unmount(str(path(name)))  # refused where nothing is mounted
    path(name).unlink(missing_ok=True)


def sweep(keep: Iterable[str]) -> list[str]:
    """Remove every namespace not in *keep*, as after a restart; returns what went."""
    leftovers = sorted(set(names()) - set(keep))
    for name in leftovers:
        remove(name)
    return leftovers


@contextlib.contextmanager
def inside(descriptor: int) -> Iterator[None]:
    """Sockets this thread makes and processes it starts in the block belong to the namespace."""
    with _thread_namespace():
        isolation.enter(descriptor, isolation.NEW_NET)
        yield


@contextlib.contextmanager
def _thread_namespace() -> Iterator[None]:
    """Come back, whatever happens, to the network namespace the thread is in now."""
    home = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        try:
            isolation.enter(home, isolation.NEW_NET)
        finally:
            os.close(home)
