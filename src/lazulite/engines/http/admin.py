"""What a running Envoy says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from http import HTTPStatus

import httptools
import msgspec

from lazulite.engines.http.reading import Answer
from lazulite.values import IPAddress

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


class _Gauge(msgspec.Struct):
    name: str
    value: str = "0"


class _At(msgspec.Struct):
    address: str = ""


class _Address(msgspec.Struct):
    socket_address: _At = msgspec.field(default_factory=_At)


class _Host(msgspec.Struct):
    address: _Address
    stats: list[_Gauge] = []


class _Cluster(msgspec.Struct):
    host_statuses: list[_Host] = []


class _Clusters(msgspec.Struct):
    cluster_statuses: list[_Cluster] = []


async def under_way(socket: str, servers: Collection[IPAddress]) -> int:
    """How many requests *servers* have been asked and have not answered. Raises ``OSError`` as :func:`ask`."""
    told = msgspec.json.decode(await ask(socket, "/clusters?format=json"), type=_Clusters)
    found = [h for c in told.cluster_statuses for h in c.host_statuses]
    wanted = {str(s) for s in servers}
    asked = [h for h in found if h.address.socket_address.address in wanted]
    return sum(int(g.value) for h in asked for g in h.stats if g.name == "rq_active")
