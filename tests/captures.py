"""Readers of capture files that share nothing with what writes them, and a recorder to test."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lazulite.engines.capture.spec import Source, Spec

PATIENCE_S = 60.0


class Read(NamedTuple):
    """A packet as a file has it. ``interface``, ``sent`` and ``comment`` are of pcapng alone."""

    at_ns: int
    data: bytes
    length: int
    interface: str = ""
    sent: bool | None = None
    comment: str = ""


def pcap(content: bytes) -> list[Read]:
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", content)
    assert (magic, link) == (0xA1B2C3D4, 1)
    found, at = [], 24
    while at < len(content):
        seconds, micro, kept, length = struct.unpack_from("<IIII", content, at)
        found.append(Read((seconds * 1_000_000 + micro) * 1000, content[at + 16 : at + 16 + kept], length))
        at += 16 + kept
    assert at == len(content)
    return found


def _options(body: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while body:
        code, length = struct.unpack_from("<HH", body)
        if code == 0:
            break
        found[code] = body[4 : 4 + length]
        body = body[4 + length + -length % 4 :]
    return found


def pcapng(content: bytes) -> tuple[list[Read], list[dict[int, bytes]]]:
    """Packets, and the options of each block of statistics."""
    names: list[str] = []
    found: list[Read] = []
    counted: list[dict[int, bytes]] = []
    at = 0
    while at < len(content):
        kind, length = struct.unpack_from("<II", content, at)
        assert struct.unpack_from("<I", content, at + length - 4) == (length,)
        body = content[at + 8 : at + length - 4]
        if kind == 1:
            names.append(_options(body[8:])[2].decode())
        elif kind == 6:
            found.append(_packet(body, names))
        elif kind == 5:
            counted.append(_options(body[12:]))
        else:
            assert (kind, at) == (0x0A0D0D0A, 0)
        at += length
    return found, counted


def _packet(body: bytes, names: Sequence[str]) -> Read:
    number, high, low, kept, length = struct.unpack_from("<IIIII", body)
    options = _options(body[20 + kept + -kept % 4 :])
    direction = struct.unpack("<I", options[2])[0] & 3
    comment = options.get(1, b"").decode()
    return Read(high << 32 | low, body[20 : 20 + kept], length, names[number], direction == 2, comment)


def tcpdump(path: Path) -> list[str]:
    """What tcpdump makes of the file, a line each packet.

    As root it wants to become somebody else; where there is nobody else, it must not be root.
    """
    alone = Path("/proc/self/uid_map").read_text().split()[2] == "1"
    command = [*(["unshare", "--user"] if alone else []), "tcpdump", "-nn", "-t", "-r", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return done.stdout.splitlines()


class Recorder:
    """``python -m lazulite.agent.recorder`` that writes to a file; ready when it is made."""

    def __init__(self, path: Path, sources: Sequence[tuple[str, str, str]], *, output: Any = None, **fields: Any):
        code = fields.pop("code", [(6, 0, 0, 0x40000)])
        self.spec = Spec([Source(*source) for source in sources], code, **fields)
        self.path = path
        opened = output or path.open("wb")
        command = [sys.executable, "-m", "lazulite.agent.recorder"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=opened, stderr=pipe)
        if output is None:
            opened.close()
        self.send(msgspec.json.encode(self.spec))
        first = self.hear()
        assert first == {"type": "ready"}, first

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert line.startswith(b"{"), line + self.process.stderr.read()
        said: dict[str, Any] = json.loads(line)
        return said

    def stop(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.done()

    def done(self) -> dict[str, Any]:
        """The last message, once it is there by itself."""
        assert self.process.stderr is not None
        assert self.process.stdin is not None
        while (said := self.hear())["type"] != "done":
            pass
        self.process.stdin.close()
        assert self.process.stderr.read() == b""
        assert self.process.wait(PATIENCE_S) == 0
        self.process.stderr.close()
        return said

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()
