"""Pages for the errors of gateways, fetched from where the gateway is: once for each URL while it is named."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import httptools

from lazulite.drivers.linux import sockets
from lazulite.engines.http.reading import Answer
from lazulite.engines.probe.lookup import address_of
from lazulite.forwarding.model import HttpProxy
from lazulite.values import IPAddress

_LOG = logging.getLogger(__name__)
MAX_BYTES = 1 << 20
"""Source: facts/application-gateway.md, "Gateway-made status codes"."""
PATIENCE_S, AGAIN_S = 10.0, 5.0
"""How long a page may take, and between two attempts at one that could not be had."""
_PIECE = 1 << 16


class Pages:
    """What has been fetched, by guest and URL; *changed* is called after more has been. Belongs to one event loop."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.texts: dict[tuple[str, str], str] = {}
        self._changed = changed
        self._wanted: dict[tuple[str, str], IPAddress | None] = {}
        self._task: asyncio.Task[None] | None = None

    def want(self, proxies: Iterable[HttpProxy]) -> None:
        """Have the pages of all *proxies*, and forget others."""
        self._wanted = {(p.guest, url): p.resolver for p in proxies for s in p.sites for _, url in s.pages}
        self.texts = {k: v for k, v in self.texts.items() if k in self._wanted}
        if self._missing() and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._fetch())

    def _missing(self) -> Mapping[tuple[str, str], IPAddress | None]:
        return {k: v for k, v in self._wanted.items() if k not in self.texts}

    async def _fetch(self) -> None:
        while missing := self._missing():
            for (guest, url), resolver in missing.items():
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        self.texts[guest, url] = await fetched(guest, url, resolver)
                except (OSError, ValueError) as error:
                    _LOG.warning("guest=%s page=%s error=%s", guest, url, error)
            if len(self._missing()) < len(missing):
                self._changed()
            if self._missing():
                await asyncio.sleep(AGAIN_S)

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()


async def fetched(guest: str, url: str, resolver: IPAddress | None) -> str:
    """The text at *url*, asked for from *guest*. Raises ``OSError``, and ``ValueError`` for what is no page."""
    parts = urlsplit(url)
    address = await _address(guest, parts.hostname or "", resolver)
    opened = sockets.outside(guest, address)
    secure = parts.scheme == "https"
    try:
        await asyncio.get_running_loop().sock_connect(opened, (str(address), parts.port or (443 if secure else 80)))
        reader, writer = await asyncio.open_connection(
            sock=opened,
            ssl=ssl.create_default_context() if secure else None,
            server_hostname=parts.hostname if secure else None,
        )
    except BaseException:
        opened.close()
        raise
    try:
        writer.write(asking(parts))
        return await read(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _address(guest: str, host: str, resolver: IPAddress | None) -> IPAddress:
    with contextlib.suppress(ValueError):
        return ip_address(host)
    if resolver is None:
        raise OSError(f"nobody can be asked for {host}")
    with sockets.outside(guest, resolver, datagrams=True) as socket:
        return await address_of(socket, resolver, host)


def asking(parts: SplitResult) -> bytes:
    """The request for a page."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.netloc.rpartition("@")[2]
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n".encode("ascii")


async def read(reader: asyncio.StreamReader) -> str:
    """The text of an answer. Raises ``ValueError``: it is no page, or too large."""
    answer = Answer()
    try:
        while not answer.over and (piece := await reader.read(_PIECE)):
            answer.parser.feed_data(piece)
            if len(answer.body) >= MAX_BYTES:
                raise ValueError("the page is larger than 1 MB")
    except httptools.HttpParserError as error:
        raise ValueError(f"that is no answer: {error}") from None
    status = answer.parser.get_status_code()
    if status != HTTPStatus.OK:
        raise ValueError(f"the answer is {status}")
    return answer.body.decode("utf-8", "replace")
