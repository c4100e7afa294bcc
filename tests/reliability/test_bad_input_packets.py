"""Every refused request, fired at a running lab while machines talk: no packet notices."""

from __future__ import annotations

import json
import re
from http.client import HTTPSConnection
from ssl import create_default_context
from urllib.parse import urlsplit

import pytest

from lazulite.testing import Lab, lab
from tests.reliability.bad_input import BASE, Row, body, expanded, path_id
from tests.reliability.bad_rows import ROWS
from tests.reliability.conversation import Conversations

pytestmark = pytest.mark.packets
GARBAGE = [b"{", b"\xff\xfe", b"[" * 5000, b'{"location": "\\ud800"}', b"null", b'{"a": NaN}', b" " * (4 * 2**20 + 1)]


def send(one: Lab, row: Row) -> tuple[int, dict[str, str]]:
    """Status and error of *row*, with its headers, as a client of its own."""
    content = None if row.body is None else json.dumps(body(one.group, row.body)).encode()
    return exchange(one, row.method, path_id(one.group, row.path), content, row.headers)


def exchange(
    one: Lab, method: str, path: str, content: bytes | None, headers: object = ()
) -> tuple[int, dict[str, str]]:
    place = urlsplit(one.connection.endpoint)
    connection = HTTPSConnection(place.netloc, context=create_default_context(cafile=one.connection.ca), timeout=30)
    sent = {"Authorization": f"Bearer {one.connection.token}", "Content-Type": "application/json", **dict(headers)}  # type: ignore[call-overload]
    try:
        connection.request(method, f"{path}?api-version=2024-05-01", content, sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())["error"]
    finally:
        connection.close()


def test_no_refused_request_changes_a_packet_path() -> None:
    with lab() as one, Conversations(one) as talk:
        for method, path, content in BASE:
            one.client.request(method, path_id(one.group, path), body(one.group, content))
        talk.start("web", "spare", tcp=8000, udp=8001)
        talk.start("visitor", "web", tcp=7000, udp=7001)
        before = one.status()
        for row in ROWS:
            status, error = send(one, row)
            assert (status, error["code"]) == (row.status, row.code), row.title
            assert re.fullmatch(expanded(one.group, row.message), error["message"], re.DOTALL), row.title
            talk.hear(1)
        for content in GARBAGE:
            assert 400 <= exchange(one, "PUT", path_id(one.group, "virtualNetworks/hub"), content)[0] < 500
        after = one.status()
        assert (after["revision"], after["counts"], after["refusals"]) == (before["revision"], before["counts"], [])
        assert one.drift() == []
        talk.hear(10)
