"""What a running Envoy says of itself: which versions of its files it has taken, and what it would not take."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import httptools
import msgspec

_PIECE = 1 << 16


class Taken(msgspec.Struct, frozen=True):
    """Versions by file kind and name, and by name of a listener, cluster or route table why it was not taken."""

    listeners: str
    clusters: str
    routes: Mapping[str, str]
    secrets: Mapping[str, str]
    refused: Mapping[str, str]


class _Answer:
    """Takes an HTTP answer piece by piece."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body, self.over = bytearray(), False

    def on_body(self, piece: bytes) -> None:
        """Called by the parser."""
        self.body += piece

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self.over = True


async def ask(socket: str, path: str, *, method: str = "GET") -> bytes:
    """The body of the answer to *path*. Raises ``OSError``: nobody is there, or not ready."""
    reader, writer = await asyncio.open_unix_connection(socket)
    answer = _Answer()
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


def read(dump: bytes) -> Taken:
    """The answer to ``/config_dump``."""
    parts = {c["@type"].rpartition(".")[2]: c for c in json.loads(dump)["configs"]}
    listeners, clusters = parts.get("ListenersConfigDump", {}), parts.get("ClustersConfigDump", {})
    routes = parts.get("RoutesConfigDump", {}).get("dynamic_route_configs", [])
    secrets = parts.get("SecretsConfigDump", {})
    held = [*secrets.get("dynamic_active_secrets", []), *secrets.get("dynamic_warming_secrets", [])]
    return Taken(
        listeners.get("version_info", ""),
        clusters.get("version_info", ""),
        {r["route_config"]["name"]: r.get("version_info", "") for r in routes if "route_config" in r},
        {s["name"]: s.get("version_info", "") for s in held},
        dict(_refused(listeners.get("dynamic_listeners", []), clusters.get("dynamic_active_clusters", []), routes)),
    )


def _refused(*parts: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for part in parts:
        for found in part:
            state = found.get("error_state")
            if state:
                failed = state.get("failed_configuration", {})
                name = found.get("name") or failed.get("name") or ""
                yield name, str(state.get("details", "refused")).strip()
