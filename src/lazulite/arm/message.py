"""One request and one answer, as every room of :mod:`lazulite.arm` sees them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from lazulite.arm import jsonc
from lazulite.arm.errors import ArmError

RETRY_HINTS = {"Retry-After": "1", "x-ms-retry-after-ms": "50"}
"""Goes with every answer that asks for a poll: without a positive hint the Azure SDKs sleep 30 s
("Polling pitfall", recorded with azure-core 1.39)."""

CONTENT_LIMIT = 4 * 1024 * 1024
"""Bytes of a request body. Source: "Understand the structure and syntax of ARM templates", template limits."""


class Request(msgspec.Struct, frozen=True, dict=True):
    """A request whose path is clean: no empty segments, no trailing slash, case as the client sent it."""

    method: str
    path: str
    query: Mapping[str, str] = {}
    """By folded name: ``api-version``, ``$filter`` …"""
    headers: Mapping[str, str] = {}
    """By folded name."""
    content: bytes = b""
    plain: bool = False
    """Whether it came without TLS, and not on loopback for the portal either."""
    near: Callable[[], bool] = lambda: False
    """Whether it was made by the lab's own user on this host."""

    @cached_property
    def segments(self) -> list[str]:
        return self.path.split("/")[1:]

    @cached_property
    def folded(self) -> list[str]:
        """The segments without their case."""
        return [s.lower() for s in self.segments]

    @cached_property
    def body(self) -> Any:
        """The decoded body, ``None`` when there is none. Raises :class:`ArmError` when it can not be read."""
        if not self.content.strip():
            return None
        try:
            return jsonc.decode(self.content)
        except ValueError as error:
            raise ArmError(400, "InvalidRequestContent", f"The request content could not be read: {error}") from None

    @property
    def api_version(self) -> str:
        return self.query.get("api-version", "")


class Response(msgspec.Struct, frozen=True):
    """An answer. ``body`` is JSON-encodable; ``EMPTY`` sends no body at all (``None`` sends ``null``)."""

    status: int
    body: Any = msgspec.UNSET
    headers: Mapping[str, str] = {}
    stream: AsyncGenerator[bytes, None] | None = None
    """What follows the headers, piece by piece, in the place of a body; closed when the client goes away."""

    def content(self) -> bytes:
        return b"" if self.body is msgspec.UNSET else msgspec.json.encode(self.body)


EMPTY = msgspec.UNSET
