"""What the firewall would do with a request, asked of the processes that look into real ones.

Nothing is logged and no limit counts it. Keys of policies are hexadecimal, so no question of Envoy's is like ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lazulite.engines.waf.spec import CLIENT, FORWARDED, KEY, LENGTH, SOCKET, VERSION
from lazulite.forwarding.model import WafLimit
from lazulite.forwarding.requests import HttpRequest

PREFIX = "explain:"
"""Before the key of the policy."""
PATIENCE_S = 5.0
_MOST = 1 << 20
_OURS = ("host", "content-length", "transfer-encoding", "x-lazulite-", "x-envoy-")
"""What the question says itself, whatever headers the request has."""


class Matched(msgspec.Struct, frozen=True):
    """A rule that holds, as in the firewall's log."""

    rule: str
    action: str
    message: str = ""
    group: str = ""


class Explained(msgspec.Struct, frozen=True):
    """``status`` 200 lets the request pass. ``limits`` are in words those that it would count for."""

    status: int = 200
    matched: tuple[Matched, ...] = ()
    limits: tuple[str, ...] = ()


class Limits:
    """Takes the place of counting: nobody is ever over a limit, and the limits that were asked for are kept."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def within(self, key: str, limit: WafLimit) -> bool:
        rule = key.split("|", 3)[2]
        self.asked.append(f"{rule}: {limit.count} in {limit.seconds} s")
        return True


async def ask(directory: Path, key: str, asked: HttpRequest) -> Explained | None:
    """The answer for the policy that *key* stands for; ``None`` where nobody gives one. *directory*: the firewall's."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_unix_connection(str(directory / SOCKET))
            try:
                writer.write(_question(key, asked))
                return await _answer(reader)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, EOFError):
        return None


def _question(key: str, asked: HttpRequest) -> bytes:
    """As Envoy asks."""
    first = f"{asked.method} {asked.target} HTTP/1.1"
    return "\r\n".join([first, *_headers(key, asked), "", asked.body]).encode()


def _headers(key: str, asked: HttpRequest) -> Iterator[str]:
    yield f"host: {asked.authority}"
    yield f"{KEY}: {PREFIX}{key}"
    yield f"{CLIENT}: {asked.client or ''}"
    yield f"{VERSION}: HTTP/1.1"
    said = {name.lower(): value for name, value in asked.headers}
    if "x-forwarded-for" in said:
        yield f"{FORWARDED}: {said['x-forwarded-for']}"
    if asked.body:
        length = len(asked.body.encode())
        yield f"{LENGTH}: {length}"
        yield f"content-length: {length}"
    yield from (f"{name}: {value}" for name, value in asked.headers if not name.lower().startswith(_OURS))


async def _answer(reader: asyncio.StreamReader) -> Explained | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next((line.partition(":")[2] for line in head.splitlines() if line.startswith("content-length:")), "")
    if not head.startswith("http/1.1 200 ") or not 0 < int(length) <= _MOST:
        return None
    return msgspec.json.decode(await reader.readexactly(int(length)), type=Explained)
