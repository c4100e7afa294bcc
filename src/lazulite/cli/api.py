"""A small ARM client: one kept-alive HTTPS connection, errors as :class:`Failure`, operations awaited."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from lazulite.cli.errors import Failure
from lazulite.cli.lab import Connection

API_VERSION = "2024-05-01"
_POLL_S = 0.05


class Reply:
    """Status, folded header names and decoded body of one answer."""

    def __init__(self, status: int, headers: dict[str, str], body: Any) -> None:
        self.status, self.headers, self.body = status, headers, body


class Client:
    """Speaks to one lab. Not for several threads at once."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        parts = urlsplit(connection.endpoint)
        trust = ssl.create_default_context(cafile=connection.ca)
        self._http = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=trust, timeout=120)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def subscription(self) -> str:
        return f"/subscriptions/{self.connection.subscription}"

    def exchange(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: bytes | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request and its answer, whatever its status. *content* is sent as it is, in the place of *body*; *more*
        are headers. Raises :class:`Failure` when there is no answer, or not all of one."""
        headers = {"Authorization": f"Bearer {self.connection.token}", "Content-Type": "application/json"}
        headers |= more or {}
        content = content if body is None else json.dumps(body).encode()
        try:
            with self._asked(method, _versioned(path), content, headers) as response:
                if response.length is None and not response.chunked:
                    raise http.client.IncompleteRead(b"")  # the headers broke off: the lab says how long answers are
                read = response.read()
            found = json.loads(read) if read else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._http.close()
            raise Failure(
                f"The lab does not answer at {self.connection.endpoint}: {error}.", "lazulite status"
            ) from error
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, found)

    def _asked(
        self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        try:
            self._http.request(method, target, content, headers)
            return self._http.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            self._http.close()  # the server closed a connection that stood idle
            self._http.request(method, target, content, headers)
            return self._http.getresponse()

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded body of a successful answer, once the operation it may have started is over."""
        reply = self.exchange(method, path, body)
        _refuse(reply)
        operation = reply.headers.get("azure-asyncoperation")
        location = reply.headers.get("location")
        if operation:
            self._await_operation(operation)
        if reply.status == 202 and location and (method == "POST" or not operation):
            return self._await_result(location)
        return self.get(path) if operation and method in ("PUT", "PATCH") else reply.body

    def get(self, path: str) -> Any:
        reply = self.exchange("GET", path)
        _refuse(reply)
        return reply.body

    def put(self, path: str, body: Any) -> Any:
        return self.request("PUT", path, body)

    def post(self, path: str, body: Any = None) -> Any:
        return self.request("POST", path, {} if body is None else body)

    def delete(self, path: str) -> None:
        self.request("DELETE", path)

    def every(self, path: str) -> Iterator[Any]:
        """Each item of a collection, over all its pages."""
        page = self.get(path)
        yield from page["value"]
        while page.get("nextLink"):
            page = self.get(_relative(page["nextLink"]))
            yield from page["value"]

    def _await_operation(self, url: str) -> None:
        while True:
            reply = self.exchange("GET", _relative(url))
            _refuse(reply)
            if reply.body["status"] in ("Succeeded", "Failed", "Canceled"):
                break
            time.sleep(_pause(reply))
        if reply.body["status"] != "Succeeded":
            raise failure(reply.body.get("error") or {"code": reply.body["status"], "message": "The operation ended."})

    def _await_result(self, url: str) -> Any:
        reply = self.exchange("GET", _relative(url))
        while reply.status == 202:
            time.sleep(_pause(reply))
            reply = self.exchange("GET", _relative(url))
        _refuse(reply)
        return reply.body


def _versioned(path: str) -> str:
    """*path* with an api-version, which every ARM request needs."""
    if "api-version=" in path:
        return path
    return f"{path}{'&' if '?' in path else '?'}api-version={API_VERSION}"


def _relative(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _pause(reply: Reply) -> float:
    """Seconds until the next poll, as the service asks."""
    milliseconds = reply.headers.get("x-ms-retry-after-ms")
    return float(milliseconds) / 1000 if milliseconds else _POLL_S


def _refuse(reply: Reply) -> None:
    if reply.status >= 400:
        error = reply.body.get("error") if isinstance(reply.body, dict) else None
        raise failure(error or {"code": str(reply.status), "message": str(reply.body)}, 3 if reply.status == 404 else 1)


def failure(error: dict[str, Any], code: int = 1) -> Failure:
    """ARM's error envelope as a :class:`Failure`: ``(Code) message``, each detail that says more on its own line."""
    said = _sentence(error)
    details = tuple(text for text in map(_sentence, error.get("details") or ()) if text != said)
    lacks = error.get("code") == "InvalidTemplate" and "template parameter" in said and "is not provided" in said
    return Failure(said, "Give it: -p NAME=VALUE, or -p FILE." if lacks else "", code=code, details=details)


def _sentence(error: dict[str, Any]) -> str:
    target = f" [{error['target']}]" if error.get("target") else ""
    return f"({error.get('code')}) {error.get('message')}{target}"
