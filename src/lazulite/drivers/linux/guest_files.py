"""Files of a guest, opened from outside it. No link that the guest made leads anywhere but into the guest.

Source of the call: openat2(2); it has the same number on every architecture and no wrapper in the C library.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from pathlib import PurePosixPath

from lazulite.drivers.linux.guests import Init

_OPENAT2 = 437
_IN_ROOT, _NO_MAGIC_LINKS = 0x10, 0x02
_libc = ctypes.CDLL(None, use_errno=True)


def open_file(init: Init, path: str) -> int:
    """A descriptor to write a file of the guest with, made with the directories it is in where it is missing.

    Raises ``OSError``, also when there is something at *path* that is not a file.
    """
    root = os.open(f"/proc/{init.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        inside = PurePosixPath("/", path)
        _make_directory(root, inside.parent)
        opened = _open(root, str(inside), os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o644)
    finally:
        os.close(root)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(f"{path} is not a file")
    if not os.fstat(opened).st_size:
        os.fchmod(opened, 0o644)
    return opened


def _make_directory(root: int, directory: PurePosixPath) -> None:
    parent = os.dup(root)
    try:
        for part in (*reversed(directory.parents), directory):
            try:
                found = _open(root, str(part), os.O_PATH | os.O_DIRECTORY)
            except FileNotFoundError:
                os.mkdir(part.name, dir_fd=parent)
                found = _open(root, str(part), os.O_PATH | os.O_DIRECTORY)
                os.chmod(f"/proc/self/fd/{found}", 0o755)  # whatever the umask is
            os.close(parent)
            parent = found
    finally:
        os.close(parent)


def _open(root: int, path: str, flags: int, mode: int = 0) -> int:
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, _IN_ROOT | _NO_MAGIC_LINKS)
    opened = int(_libc.syscall(_OPENAT2, root, path.encode(), how, len(how)))
    if opened < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return opened
