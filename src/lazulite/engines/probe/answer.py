"""Whether bytes that a backend sent are the answer of a healthy one. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote

import httptools

from lazulite.values import IPAddress

LONGEST = 1 << 16
"""Bytes that are read of an answer; a backend whose headers do not end by then is not healthy."""
MOST_PIECES = 256
"""Reads that an answer may take: who sends byte after byte costs no more than that."""
OK = 200
"""The only status of success where none is given. Source: facts/load-balancer.md, "Probes" (custom-probe-overview)."""
WITHOUT = "body without the text"
_DEFAULT_PORTS = {80, 443}
_KEPT = "/%:@!$&'()*+,;=-._~?"


def request(address: IPAddress, port: int, path: str, host: str = "", headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """What is asked, by the address unless there is a name. Whatever *path* has in it, it cannot add a line; *headers*
    are sound, and stand for the prober's own of the same names."""
    host = host or (f"[{address}]" if address.version == 6 else str(address))
    host += "" if port in _DEFAULT_PORTS else f":{port}"
    target = quote("/" + path.removeprefix("/"), safe=_KEPT, errors="replace")
    own = {"host": f"Host: {host}", "user-agent": "User-Agent: Load Balancer Agent"}
    own |= {name.lower(): f"{name}: {value}" for name, value in headers}
    own["connection"] = "Connection: close"
    return "\r\n".join((f"GET {target} HTTP/1.1", *own.values(), "", "")).encode()


class Answer:
    """Takes the bytes as they come. ``reason`` is why the probe fails, nothing for a success."""

    def __init__(self, statuses: tuple[tuple[int, int], ...] = (), body: str = "") -> None:
        self._statuses, self._wanted = statuses or ((OK, OK),), body.encode()
        self._body = bytearray()
        self._parser = httptools.HttpResponseParser(self)
        self._length = self._pieces = 0
        self.known = False
        """Whether the verdict is there."""
        self.over = False
        """Whether there is nothing more to read: the body of a success is taken too, so that its sender may finish."""
        self.reason = ""

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        if not 100 <= status < 200:
            good = any(first <= status <= last for first, last in self._statuses)
            if not good or not self._wanted:
                self._decide("" if good else f"status {status}")

    def on_body(self, piece: bytes) -> None:
        """Called by the parser."""
        self._body += piece

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._parser.get_status_code() >= HTTPStatus.OK:
            self._judge()
        self.over = self.known

    def _judge(self) -> None:
        """By the body, which is all there."""
        self._decide("" if self._wanted in self._body else WITHOUT)

    def take(self, piece: bytes) -> None:
        """The next bytes; none at all is the end."""
        self._length += len(piece)
        self._pieces += 1
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserError:
            self._end("no HTTP answer")
        except httptools.HttpParserUpgrade:
            self._end("status 101")
        if not piece:
            self._end("connection closed without an answer")
        if self._length >= LONGEST or self._pieces >= MOST_PIECES:
            self._end("answer with endless headers")

    def _decide(self, reason: str) -> None:
        if not self.known:
            self.known, self.over, self.reason = True, bool(reason), reason

    def _end(self, reason: str) -> None:
        """Nothing more is read; *reason* is why that is a failure, if the verdict is not there yet."""
        if self._body and self._wanted:
            self._judge()
        self._decide(reason)
        self.over = True
