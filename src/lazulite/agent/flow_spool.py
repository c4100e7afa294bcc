"""What flow logs have not written yet, in the lab's directory: the next agent writes what this one did not.

Rows of analytics, which are written nowhere else, are there too.
A file of frames, one a look; it begins anew when all before it was written. It is to outlive a process, not the host.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import msgspec

from lazulite.telemetry.analytics import Sums
from lazulite.telemetry.book import Saved

_FILE = "flows.pending"
_LENGTH = 4
Told: TypeAlias = tuple[str, str, str, str]
"""MAC, group, rule and tuple of a line."""


class Frame(msgspec.Struct, frozen=True):
    """What one look added: lines by log, and by VRF and family the flows to which something happened."""

    lines: dict[str, list[Told]] = {}
    standing: dict[str, dict[int, list[Saved]]] = {}
    waiting: dict[str, list[tuple[str, str, bytes, int]]] = {}
    """By log, records that wait for their sink: blob, MAC, JSON, and how many lines."""
    sums: dict[str, Sums] = {}
    """By log, rows of analytics as they are after this look, of those that it added to."""


class Spool:
    """The file. Without a directory nothing is kept. Never raises: what cannot be kept is not."""

    def __init__(self, directory: Path | None) -> None:
        self._path = directory / _FILE if directory is not None else None
        self._encode = msgspec.msgpack.Encoder().encode

    def append(self, frame: Frame) -> None:
        if self._path is not None and (frame.lines or frame.standing):
            self._write(self._path, [frame], os.O_APPEND)

    def begin(self, frames: Iterable[Frame]) -> None:
        """Hold these frames and no other."""
        if self._path is not None:
            fresh = self._path.with_suffix(".new")
            if self._write(fresh, frames, os.O_TRUNC):
                os.replace(fresh, self._path)

    def _write(self, path: Path, frames: Iterable[Frame], flag: int) -> bool:
        bodies = [self._encode(frame) for frame in frames]
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flag, 0o600), "wb") as file:
                file.writelines(part for body in bodies for part in (len(body).to_bytes(_LENGTH), body))
        except OSError:
            return False
        return True

    def read(self) -> list[Frame]:
        """All frames; one that was cut off, and what is behind it, is not there."""
        try:
            raw = self._path.read_bytes() if self._path is not None else b""
        except OSError:
            return []
        frames, at = [], 0
        while at < len(raw):
            end = at + _LENGTH + int.from_bytes(raw[at : at + _LENGTH])
            try:
                frames.append(msgspec.msgpack.decode(raw[at + _LENGTH : end], type=Frame))
            except msgspec.DecodeError:
                break
            at = end
        return frames
