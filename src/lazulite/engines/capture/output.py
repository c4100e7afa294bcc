"""Where a recorder writes: a descriptor, either the bytes alone or frames that say where files begin."""

from __future__ import annotations

import os

from lazulite.engines.capture.spec import FRAME, MORE, NEW_FILE


class Plain:
    """One file, or somebody who reads along. Every packet is there as soon as it is written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def begin(self, data: bytes) -> None:
        self.write(data)

    def write(self, data: bytes, packets: int = 0) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]


class Framed:
    """For who keeps files: see :data:`lazulite.engines.capture.spec.FRAME`."""

    def __init__(self, descriptor: int) -> None:
        self._plain = Plain(descriptor)

    def begin(self, data: bytes) -> None:
        self._plain.write(FRAME.pack(NEW_FILE, len(data), 0) + data)

    def write(self, data: bytes, packets: int = 0) -> None:
        self._plain.write(FRAME.pack(MORE, len(data), packets) + data)
