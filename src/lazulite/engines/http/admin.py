"""What a running Envoy says of itself: which versions of its files it has taken, and what it would not take."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

_LONGEST = 1 << 28
"""Bytes of an answer."""


class Taken(msgspec.Struct, frozen=True):
    """Versions by file kind and name, and by name of a listener, cluster or route table why it was not taken."""

    listeners: str
    clusters: str
    routes: Mapping[str, str]
    secrets: Mapping[str, str]
    refused: Mapping[str, str]


async def ask(socket: str, path: str) -> bytes:
    """The body of the answer to GET *path*. Raises ``OSError``: nobody is there."""
    reader, writer = await asyncio.open_unix_connection(socket, limit=_LONGEST)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: envoy\r\n\r\n".encode())
        answer = await reader.read(_LONGEST)
        while piece := await reader.read(_LONGEST):
            answer += piece
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ConnectionError(f"no answer to {path}: {head[:80]!r}")
    return body


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
