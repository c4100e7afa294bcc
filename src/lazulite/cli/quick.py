"""The quick way of ``lazulite trace``: a plain question to a lab that answers, without all that commands import.

Whatever is not that plain (options it does not know, a lab that does not run, an error) is left to the command itself.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from lazulite.cli.errors import Failure
from lazulite.cli.story import parse_destination, plain, story

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would take longer than the rest of the command's own work
    import ssl
    from typing import Any

API_VERSION = "2024-05-01"
_PROTOCOLS = ("tcp", "udp", "icmp")
_PATIENCE_S = 120
_OK = b"HTTP/1.1 200 "


class Wish:
    """What a command line asks for, read without click."""

    def __init__(self, words: Sequence[str]) -> None:
        """Raises ``ValueError`` when it asks for anything else than a plain trace."""
        self.lab = os.environ.get("LAZULITE_LAB", "") or "default"
        self.as_json, self.protocol = False, ""
        self.names: list[str] = []
        rest = iter(words)
        for word in rest:
            if word == "--json":
                self.as_json = True
            elif word in ("--lab", "--proto"):
                self._take(word, next(rest, ""))
            elif word.startswith("-"):
                raise ValueError(word)
            else:
                self.names.append(word)
        if len(self.names) != 2:
            raise ValueError("two names")

    def _take(self, option: str, value: str) -> None:
        if option == "--lab" and value:
            self.lab = value
        elif option == "--proto" and value in _PROTOCOLS:
            self.protocol = value
        else:
            raise ValueError(value)

    def question(self) -> dict[str, Any]:
        """Raises :class:`Failure` when the port is none, and ``ValueError`` for what may be a domain name."""
        host, port = parse_destination(self.names[1])
        if "." in host and not host.replace(".", "").isdigit():
            raise ValueError(host)
        protocol = self.protocol or ("tcp" if port else "icmp")
        return {"from": self.names[0], "to": host, "protocol": protocol, "port": port}


def trace(words: Sequence[str]) -> int | None:
    """Ask and print; the exit code, or ``None`` when the command itself has to see to it."""
    try:
        wish = Wish(words)
        answer = _ask(wish.lab, wish.question())
    except (ValueError, OSError, KeyError, Failure):
        return None
    if answer is None:
        return None
    text = story(answer)
    sys.stdout.write((json.dumps(answer, indent=2) if wish.as_json else text if _colours() else plain(text)) + "\n")
    return 0 if answer["passes"] else 1


def _colours() -> bool:
    return sys.stdout.isatty()


def _ask(lab: str, question: dict[str, Any]) -> dict[str, Any] | None:
    """The lab's answer; ``None`` when it has another status than 200. Raises ``OSError`` and ``ValueError``."""
    import socket
    import ssl

    with open(os.path.join(directory(lab), "connection.json"), "rb") as file:
        found = json.load(file)
    host, _, port = found["endpoint"].removeprefix("https://").rpartition(":")
    trust = ssl.create_default_context(cafile=found["ca"])
    with socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with trust.wrap_socket(opened, server_hostname=host.strip("[]")) as secured:
            secured.sendall(_request(found["token"], host, json.dumps(question).encode()))
            answer = _read(secured)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(_OK) or b"transfer-encoding" in head.lower():
        return None
    read: dict[str, Any] = json.loads(body)
    return read


def directory(lab: str) -> str:
    """Where a lab lives: :func:`lazulite.cli.lab.directory` without pathlib. Raises ``ValueError`` for no name."""
    if not lab or not all(c.isalnum() or c in "-_." for c in lab) or lab[0] == ".":
        raise ValueError(lab)
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(os.environ.get("LAZULITE_HOME") or os.path.join(state, "lazulite"), lab)


def _request(token: str, host: str, body: bytes) -> bytes:
    lines = (
        f"POST /lazulite/trace?api-version={API_VERSION} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def _read(opened: ssl.SSLSocket) -> bytes:
    """Everything until the other side is done."""
    parts = []
    while part := opened.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)
