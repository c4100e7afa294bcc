"""Hands out the portal's files, and stands before the API for what a browser must be told with every answer."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
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
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Of the API's answers, if somebody has a browser show one as a page."""
_HOSTS = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
"""Under which names a browser reaches loopback by itself; another one is a page's that had its name lead here."""
_PRIVATE = "lazulite.private"
_PREFIX = "/portal/"
_PLAIN = frozenset({"GET", "HEAD"})


_DATA_HEADERS = (*HEADERS, (b"content-security-policy", DATA_POLICY.encode()))
_BARE = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-security-policy", DATA_POLICY.encode()),
    (b"cache-control", b"no-store"),
]


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
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        private, name = scope.get(_PRIVATE, False), _name(scope["path"])
        if private and not _is_ours(scope):
            await _answer(send, 421, _BARE, b"This place is reached as 127.0.0.1 or localhost.\n")
        elif name is not None:
            await self._hand_out(name, scope, send)
        else:
            await self._inner(scope, receive, _guarded(send) if private else send)

    async def _hand_out(self, name: str, scope: Message, send: Send) -> None:
        found = self._files.get(name)
        if found is None or scope["method"] not in _PLAIN:
            allowed = [] if found is None else [(b"allow", b"GET, HEAD")]
            await _answer(send, 404 if found is None else 405, [*_BARE, *allowed], b"")
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


def _is_ours(scope: Message) -> bool:
    """Whether the one ``Host`` of a request is a name of loopback itself."""
    hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
    return len(hosts) == 1 and _HOSTS.fullmatch(hosts[0]) is not None


def _guarded(send: Send) -> Send:
    """The same with what a browser must be told of the API's answers."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name for name, _ in message["headers"]}
            added = [(name, value) for name, value in _DATA_HEADERS if name not in there]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return told


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
