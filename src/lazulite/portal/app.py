"""Hands out the portal's files, and stands before the API for what a browser must be told with every answer."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_HERE = Path(__file__).parent
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src {styles}; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {around}; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
POLICY = _PAGE.format(styles="'self'", around="'none'")
"""What the page may do. Nothing of it comes from elsewhere, no script stands in it, and nobody frames it."""
TERMINAL_POLICY = _PAGE.format(styles="'self' 'unsafe-inline'", around="'self'")
"""xterm writes style elements, so terminals are a page of their own, framed by the portal."""
_TERMINAL = "terminal.html"
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_PREFIX = "/portal/"
_PLAIN = frozenset({"GET", "HEAD"})


class File(NamedTuple):
    """A file as it is sent."""

    content: bytes
    packed: bytes
    kind: str
    etag: str


class Portal:
    """*inner* with the portal's page at ``/`` and its files below ``/portal/``."""

    def __init__(self, inner: App) -> None:
        self._inner = inner
        self._files = dict(_read(_HERE / "static", "")) | dict(_read(_HERE / "vendor", "vendor/"))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        name = _name(scope["path"]) if scope["type"] == "http" else None
        if name is None:
            await self._inner(scope, receive, send)
        else:
            await self._hand_out(name, scope, send)

    async def _hand_out(self, name: str, scope: Message, send: Send) -> None:
        found = self._files.get(name)
        if found is None or scope["method"] not in _PLAIN:
            await _answer(send, 404 if found is None else 405, [], b"")
            return
        asked = dict(scope["headers"])
        policy = TERMINAL_POLICY if name == _TERMINAL else POLICY
        headers = [
            (b"content-type", found.kind.encode()),
            (b"content-security-policy", policy.encode()),
            (b"etag", found.etag.encode()),
            (b"cache-control", b"no-cache"),
            (b"vary", b"accept-encoding"),
        ]
        if asked.get(b"if-none-match", b"").decode("latin-1") == found.etag:
            await _answer(send, 304, headers, b"")
            return
        packed = b"gzip" in asked.get(b"accept-encoding", b"")
        content = found.packed if packed else found.content
        headers += [(b"content-encoding", b"gzip")] if packed else []
        await _answer(send, 200, headers, content, body=scope["method"] == "GET")


async def _answer(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], content: bytes, *, body: bool = True
) -> None:
    length = [(b"content-length", str(len(content)).encode())] if status != 304 else []
    await send({"type": "http.response.start", "status": status, "headers": [*HEADERS, *headers, *length]})
    await send({"type": "http.response.body", "body": content if body else b""})


def _name(path: str) -> str | None:
    """The file that *path* means, ``None`` where it is none of the portal's."""
    if path == "/":
        return "index.html"
    return path.removeprefix(_PREFIX) if path.startswith(_PREFIX) else None


def _read(folder: Path, prefix: str) -> list[tuple[str, File]]:
    """Every file below *folder*, once: what is handed out is a table, not a path on the disk."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(prefix + path.relative_to(folder).as_posix(), _file(path)) for path in found]


def _file(path: Path) -> File:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind.endswith(("javascript", "json")):
        kind += "; charset=utf-8"
    return File(content, gzip.compress(content, 6, mtime=0), kind, f'"{hashlib.sha256(content).hexdigest()[:24]}"')
