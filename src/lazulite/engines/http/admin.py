"""What a running Envoy says of itself."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import httptools

from lazulite.engines.http.reading import Answer

_PIECE = 1 << 16


async def ask(socket: str, path: str, *, method: str = "GET") -> bytes:
    """The body of the answer to *path*. Raises ``OSError``: nobody is there, or not ready."""
    reader, writer = await asyncio.open_unix_connection(socket)
    answer = Answer()
    try:
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: envoy\r\nConnection: close\r\n\r\n".encode())
        while not answer.over and (piece := await reader.read(_PIECE)):
            answer.parser.feed_data(piece)
    except httptools.HttpParserError as error:
        raise ConnectionError(f"no answer to {path}") from error
    finally:
        writer.close()
    if not answer.over or answer.parser.get_status_code() != HTTPStatus.OK:
        raise ConnectionError(f"no answer to {path}")
    return bytes(answer.body)
