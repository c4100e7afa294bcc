"""Envoy as it speaks at the feed, written apart from what answers it: HTTP/2 by ``h2``, and messages by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamReset
from h2.settings import SettingCodes

from lazulite.engines.http import feed, wording

LIMIT_S = 60.0
KINDS = {
    "listeners": wording.LISTENER,
    "clusters": wording.CLUSTER,
    "routes": wording.ROUTES,
    "servers": wording.ENDPOINTS,
    "secret": wording.SECRET,
}


class Answer(NamedTuple):
    """What was told: by name the version and the message of each resource, and which are no more."""

    kind: str
    nonce: str
    found: dict[str, tuple[str, bytes]]
    gone: list[str]


def number(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + number(value >> 7)


def field(at: int, value: bytes | str) -> bytes:
    """One of a message."""
    data = value.encode() if isinstance(value, str) else value
    return number(at << 3 | 2) + number(len(data)) + data


def fields(data: bytes) -> dict[int, list[Any]]:
    """Those of a message by their numbers."""
    found: dict[int, list[Any]] = defaultdict(list)
    rest = memoryview(data)

    def taken() -> int:
        nonlocal rest
        value = shift = 0
        while True:
            byte, rest = rest[0], rest[1:]
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while rest:
        key = taken()
        if key & 7 == 0:
            found[key >> 3].append(taken())
            continue
        size = 8 if key & 7 == 1 else taken()
        found[key >> 3].append(bytes(rest[:size]))
        rest = rest[size:]
    return found


def _answer(message: bytes) -> Answer:
    said = fields(message)
    resources = [fields(r) for r in said[2]]
    found = {r[3][0].decode(): (r[1][0].decode(), fields(r[2][0])[2][0]) for r in resources}
    return Answer(said[4][0].decode(), said[5][0].decode(), found, [g.decode() for g in said[6]])


class Asker:
    """One stream over a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, window: int) -> None:
        self._reader, self._writer = reader, writer
        self.spoken = H2Connection(H2Configuration(client_side=True))
        self.spoken.initiate_connection()
        if window:
            self.spoken.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self._came = bytearray()
        self._begun = False

    def begin(self, path: str = feed.PATH, method: str = "POST") -> None:
        self.spoken.send_headers(1, [(":method", method), (":scheme", "http"), (":path", path), (":authority", "f")])
        self._begun = True

    def say(self, data: bytes) -> None:
        """A message."""
        if not self._begun:
            self.begin()
        self.spoken.send_data(1, b"\0" + len(data).to_bytes(4, "big") + data)
        self.flush()

    def want(self, kind: str, *names: str, has: dict[str, str] | None = None, not_: tuple[str, ...] = ()) -> None:
        """Say what is wanted, and what there is of it."""
        said = field(1, field(1, "node")) + field(2, KINDS[kind])
        said += b"".join(field(3, n) for n in names) + b"".join(field(4, n) for n in not_)
        said += b"".join(field(5, field(1, n) + field(2, v)) for n, v in (has or {}).items())
        self.say(said)

    def judge(self, answer: Answer, fault: str = "") -> None:
        """Take an answer, or say why not."""
        said = field(2, answer.kind) + field(6, answer.nonce)
        self.say(said + (field(7, b"\x08\x0d" + field(2, fault)) if fault else b""))

    def flush(self) -> None:
        self._writer.write(self.spoken.data_to_send())

    async def answer(self) -> Answer:
        """The next."""
        async with asyncio.timeout(LIMIT_S):
            while len(self._came) < 5 or len(self._came) < 5 + int.from_bytes(self._came[1:5], "big"):
                if not await self.more():
                    raise ConnectionError("hung up")
        size = int.from_bytes(self._came[1:5], "big")
        message, self._came = bytes(self._came[5 : 5 + size]), self._came[5 + size :]
        return _answer(message)

    async def more(self) -> bool:
        """Whether anything else came."""
        data = await self._reader.read(1 << 16)
        for event in self.spoken.receive_data(data):
            if isinstance(event, DataReceived):
                self._came += event.data
                self.spoken.acknowledge_received_data(event.flow_controlled_length, 1)
            elif isinstance(event, StreamReset):
                return False
        self.flush()
        return bool(data)

    async def over(self) -> None:
        """Wait for the end of the connection."""
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(LIMIT_S):
                while await self.more():
                    pass


@contextlib.asynccontextmanager
async def asking(directory: Path, window: int = 0) -> AsyncIterator[Asker]:
    reader, writer = await asyncio.open_unix_connection(str(directory / feed.SOCKET))
    try:
        yield Asker(reader, writer, window)
    finally:
        writer.close()
