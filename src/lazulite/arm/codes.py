"""One-time codes: how a page that was just opened gets a token, with nothing secret left behind in its address."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from lazulite.arm.backend import Backend

CODE_S = 60
_MOST = 1_000
"""Codes that wait to be used; beyond that the oldest is good no more."""


class Codes:
    """Each is good once, for a minute, and gone with the process."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._waiting: dict[bytes, tuple[str, datetime]] = {}

    def issue(self, principal: str) -> str:
        """A code that stands for the principal with this object id."""
        code = secrets.token_urlsafe(32)
        if len(self._waiting) >= _MOST:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[_digest(code)] = principal, self._backend.now() + timedelta(seconds=CODE_S)
        return code

    def take(self, code: str) -> str | None:
        """The principal of *code*, which is used up by that; ``None`` where it is none, or not any more."""
        principal, until = self._waiting.pop(_digest(code), ("", None))
        return principal if until is not None and self._backend.now() < until else None


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
