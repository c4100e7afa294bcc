"""What a running Envoy says of itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

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


def refused(dump: bytes) -> dict[str, str]:
    """By name of a listener, cluster or route table why it was not taken: of the answer to ``/config_dump``."""
    parts = {c["@type"].rpartition(".")[2]: c for c in json.loads(dump)["configs"]}
    listeners = parts.get("ListenersConfigDump", {}).get("dynamic_listeners", [])
    clusters = parts.get("ClustersConfigDump", {}).get("dynamic_active_clusters", [])
    routes = parts.get("RoutesConfigDump", {}).get("dynamic_route_configs", [])
    return dict(_refused(listeners, clusters, routes))


def _refused(*parts: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for part in parts:
        for found in part:
            state = found.get("error_state")
            if state:
                failed = state.get("failed_configuration", {})
                name = found.get("name") or failed.get("name") or ""
                yield name, str(state.get("details", "refused")).strip()
