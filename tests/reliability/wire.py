"""Requests as bytes: what a client library would not send."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from lazulite.testing import Lab

VERSION = "api-version=2024-05-01"
LIMIT_S = 60


class Heard(NamedTuple):
    """An answer; ``status`` is 0 when the connection was ended without one."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes

    @property
    def code(self) -> str:
        """Azure's word for what is wrong; empty where the server itself refuses in plain text."""
        try:
            return str(json.loads(self.content)["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return ""


def message(method: bytes, target: bytes, headers: list[bytes], content: bytes = b"") -> bytes:
    return b"\r\n".join([b"%s %s HTTP/1.1" % (method, target), b"Host: localhost", *headers, b"", content])


class Wire:
    """Connections to one lab, a new one for every request."""

    def __init__(self, lab: Lab) -> None:
        self._port = urlsplit(lab.connection.endpoint).port or 0
        self._trust = ssl.create_default_context(cafile=lab.connection.ca)
        self.token = b"Authorization: Bearer " + lab.connection.token.encode()

    def send(self, raw: bytes) -> Heard:
        plain = socket.create_connection(("localhost", self._port), LIMIT_S)
        with self._trust.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.settimeout(LIMIT_S)
            with suppress(ConnectionError, ssl.SSLError):  # the server may have heard enough, and have said so
                connection.sendall(raw)
            return _parsed(_everything(connection))

    def ask(self, method: str, target: str, content: bytes = b"", *headers: bytes) -> Heard:
        """A whole request with the lab's token and the right length."""
        common = [self.token, b"Connection: close", b"Content-Length: %d" % len(content), *headers]
        return self.send(message(method.encode(), target.encode(), common, content))

    def revision(self) -> int:
        """How far the lab's store is."""
        found: Any = json.loads(self.ask("GET", "/lazulite/status").content)
        return int(found["revision"]["stored"])


def _everything(connection: ssl.SSLSocket) -> bytes:
    found = b""
    with suppress(ConnectionError, ssl.SSLError):
        while part := connection.recv(65536):
            found += part
    return found


def _parsed(raw: bytes) -> Heard:
    head, _, content = raw.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        head, _, content = content.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Heard(int(first.split()[1]) if first else 0, pairs, content)
