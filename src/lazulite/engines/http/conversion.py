"""Azure's access log made of Envoy's as that grows: each line once, wherever who makes it was killed.

Envoy's file becomes a numbered one when it is large, and ends once Envoy has begun another. Where reading stands, and
how long Azure's file was then, is written down before and after each piece: who comes next cuts off what came of a
piece that was not finished, and takes it again.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from lazulite.engines.http import lines
from lazulite.engines.http.lines import KNOWN, RAW, SHOWN, Known

STANDING, LOCK = "access.at", "access.lock"
"""Files that say where reading stands, and who reads."""
MAX_RAW = 8 << 20
"""Bytes of Envoy's file, after which it begins another."""
MAX_SHOWN = 16 << 20
"""Bytes of Azure's; as much again is in the one before it."""
PIECE = 1 << 18
_ASK_S = 5.0
_WIDTH = 96


class Follower:
    """Reads what Envoy writes in *directory*; only one may. *reopen* has Envoy begin another file, or raises
    ``OSError``."""

    def __init__(self, directory: Path, reopen: Callable[[], None]) -> None:
        self._directory, self._reopen = directory, reopen
        self._file, self._at = self._recovered()
        found = sorted(int(p.suffix[1:]) for p in directory.glob(f"{RAW}.*") if p.suffix[1:].isdigit())
        for number in found:
            if number < self._file:
                self._old(number).unlink()
        self._ended = [n for n in found if n >= self._file]
        """Numbers of those that Envoy was told to end, the oldest first."""
        self._last = max([*self._ended, self._file - 1]) + 1
        """The number of the one that Envoy writes."""
        first = self._ended[0] if self._ended else self._last
        if first != self._file:
            self._file, self._at = first, 0
        self._asked = not self._ended
        self._known, self._stamp = Known(), (0, 0)
        self._encoder = msgspec.json.Encoder()

    def _recovered(self) -> tuple[int, int]:
        """Which file is to be read from where; Azure's file is as it was then."""
        try:
            file, at, shown, size = map(int, (self._directory / STANDING).read_bytes().split())
        except (FileNotFoundError, ValueError):
            return 0, 0
        for path in (self._shown, self._before):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                if found.st_ino == shown and found.st_size > size:
                    os.truncate(path, size)
        return file, at

    @property
    def _raw(self) -> Path:
        return self._directory / RAW

    @property
    def _shown(self) -> Path:
        return self._directory / SHOWN

    @property
    def _before(self) -> Path:
        return self._directory / f"{SHOWN}.1"

    def _old(self, number: int) -> Path:
        return self._directory / f"{RAW}.{number}"

    def behind(self) -> int:
        """Bytes that are there to be read."""
        sizes = [_size(p) for p in (*map(self._old, self._ended), self._raw)]
        if sizes[0] < self._at:
            self._at = 0  # Somebody has emptied it.
        return sum(sizes) - self._at

    @property
    def known(self) -> Known:
        """What lines are made with: whoever writes it does before Envoy is told."""
        path = self._directory / KNOWN
        with contextlib.suppress(FileNotFoundError):
            found = path.stat()
            if (stamp := (found.st_ino, found.st_mtime_ns)) != self._stamp:
                with contextlib.suppress(msgspec.MsgspecError):
                    self._known = msgspec.json.decode(path.read_bytes(), type=Known)
                self._stamp = stamp
        return self._known

    def begin_another(self) -> None:
        """Have Envoy do so if its file is large."""
        if _size(self._raw) > MAX_RAW:
            os.replace(self._raw, self._old(self._last))
            self._ended.append(self._last)
            self._last += 1
            self._asked = False
        if not self._asked:
            with contextlib.suppress(OSError):
                self._reopen()
                self._asked = True

    def take(self) -> int:
        """Make lines of the next piece; how many bytes that was. None that is whole is left at 0."""
        # Envoy ends one file before it begins another: if there is another, nothing more comes into this one.
        final = bool(self._ended) and (len(self._ended) > 1 or self._raw.exists())
        piece = self._read(self._old(self._ended[0]) if self._ended else self._raw)
        end = piece.rfind(b"\n") + 1 or (len(piece) if len(piece) == PIECE or final else 0)
        if end:
            texts = piece[:end].decode("utf-8", "replace").split("\n")
            self._write(self._encoder.encode_lines(lines.of(texts, self.known)), end)
        elif final:
            done = self._old(self._ended.pop(0))
            self._file, self._at = self._ended[0] if self._ended else self._last, 0
            self._note(*self._now())
            done.unlink(missing_ok=True)
            return self.take()
        return end

    def _read(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                file.seek(self._at)
                return file.read(PIECE)
        except FileNotFoundError:
            return b""

    def _write(self, text: bytes, read: int) -> None:
        if _size(self._shown) > MAX_SHOWN:
            os.replace(self._shown, self._before)
        file = os.open(self._shown, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            found = os.fstat(file)
            self._note(found.st_ino, found.st_size)
            _all(file, text)
            self._at += read
            self._note(found.st_ino, found.st_size + len(text))
        finally:
            os.close(file)

    def _now(self) -> tuple[int, int]:
        try:
            found = self._shown.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_size

    def _note(self, shown: int, size: int) -> None:
        """One write of one length, which a killed process has made or not."""
        text = f"{self._file} {self._at} {shown} {size}".ljust(_WIDTH).encode()
        file = os.open(self._directory / STANDING, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(file, text, 0)
        finally:
            os.close(file)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _all(file: int, text: bytes) -> None:
    left = memoryview(text)
    while left:
        left = left[os.write(file, left) :]


def reopened(admin: Path) -> None:
    """Have the Envoy that answers at *admin* begin its files anew. Raises ``OSError``."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(_ASK_S)
        asking.connect(str(admin))
        asking.sendall(b"POST /reopen_logs HTTP/1.1\r\nHost: envoy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        if b" 200 " not in asking.recv(1 << 12).partition(b"\r\n")[0]:
            raise ConnectionError("Envoy does not begin its log anew")
