"""Waits for files to change without looking at them again and again: inotify, by way of the C library."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

_MODIFY, _CLOSE_WRITE, _MOVED_TO, _CREATE = 0x2, 0x8, 0x80, 0x100
"""inotify(7)."""
_EVENT = struct.Struct("iIII")
_SETTLE_MS = 50
"""An editor's save is several events; they are over when none came for that long."""


class Watch:
    """Tells when one of *files* has been written or replaced. Their folders must exist; the files need not."""

    def __init__(self, files: Sequence[Path], *, appended: bool = False) -> None:
        """*appended*: also while a file is being written, not only when it is closed."""
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        _check(self._fd)
        mask = _CLOSE_WRITE | _MOVED_TO | _CREATE | (_MODIFY if appended else 0)
        self._wanted: set[tuple[int, str]] = set()
        for file in files:
            folder = libc.inotify_add_watch(self._fd, os.fsencode(file.resolve().parent), mask)
            _check(folder)
            self._wanted.add((folder, file.name))
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether one changed; ``False`` when *timeout_s* passed without."""
        while self._poll.poll(None if timeout_s is None else timeout_s * 1000):
            if self._concerns():
                while self._poll.poll(_SETTLE_MS):
                    self._concerns()
                return True
        return False

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _concerns(self) -> bool:
        return any(event in self._wanted for event in _events(os.read(self._fd, 65536)))


def _events(content: bytes) -> Iterator[tuple[int, str]]:
    """Watched folder and file name of each event."""
    at = 0
    while at < len(content):
        folder, _, _, length = _EVENT.unpack_from(content, at)
        at += _EVENT.size
        yield folder, os.fsdecode(content[at : at + length].rstrip(b"\0"))
        at += length


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
