"""What the lab asks of a store and makes of its answers. The store is played; the signature is checked by hand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.storage import client
from lazulite.engines.storage.blobs import SinkError
from lazulite.engines.storage.client import Access, AccountBlobs, signature

KEY = bytes(range(64))
ACCESS = Access("logs.blob.core.windows.net", base64.b64encode(KEY).decode())
EMPTY = {"x-ms-date": "Sun, 22 Nov 2026 12:00:00 GMT", "x-ms-version": "2021-12-02", "host": ACCESS.host}


def signed(text: str) -> str:
    """As the documentation of Shared Key has it, by other means."""
    return "SharedKey logs:" + base64.b64encode(hmac.new(KEY, text.encode(), hashlib.sha256).digest()).decode()


def test_a_signature_is_of_the_string_that_the_documentation_shows() -> None:
    """Source: Azure REST API, "Authorize with Shared Key", the example of Get Container Metadata."""
    query = {"restype": "container", "comp": "metadata", "timeout": "20"}
    text = (
        "GET\n\n\n\n\n\n\n\n\n\n\n\n"
        "x-ms-date:Sun, 22 Nov 2026 12:00:00 GMT\nx-ms-version:2021-12-02\n"
        "/logs/container\ncomp:metadata\nrestype:container\ntimeout:20"
    )
    assert signature(ACCESS, "GET", "/container", query, EMPTY | {"content-length": "0"}) == signed(text)


def test_a_body_is_signed_with_its_length_and_the_rest_of_the_headers_that_count() -> None:
    headers = EMPTY | {"content-length": "11", "content-type": "text/plain", "x-ms-blob-type": "BlockBlob"}
    text = (
        "PUT\n\n\n11\n\ntext/plain\n\n\n\n\n\n\n"
        "x-ms-blob-type:BlockBlob\nx-ms-date:Sun, 22 Nov 2026 12:00:00 GMT\nx-ms-version:2021-12-02\n"
        "/logs/c/a%20b"
    )
    assert signature(ACCESS, "PUT", "/c/a%20b", {}, headers) == signed(text)


CHANGED: list[Any] = [
    pytest.param({"method": "PUT"}, id="another method"),
    pytest.param({"path": "/c/other"}, id="another blob"),
    pytest.param({"query": {"comp": "list"}}, id="another question"),
    pytest.param({"headers": EMPTY | {"x-ms-date": "Mon, 23 Nov 2026 12:00:00 GMT"}}, id="another day"),
    pytest.param({"headers": EMPTY | {"content-length": "5"}}, id="a body"),
    pytest.param({"headers": EMPTY | {"range": "bytes=0-9"}}, id="a part of the blob"),
    pytest.param({"headers": EMPTY | {"if-match": "*"}}, id="a condition"),
    pytest.param({"access": Access(ACCESS.host, base64.b64encode(b"other").decode())}, id="another key"),
    pytest.param({"access": Access("more.blob.core.windows.net", ACCESS.key)}, id="another account"),
]


@pytest.mark.parametrize("change", CHANGED)
def test_whatever_says_something_else_is_signed_otherwise(change: dict[str, Any]) -> None:
    one: dict[str, Any] = {"access": ACCESS, "method": "GET", "path": "/c/b", "query": {}, "headers": EMPTY}
    assert signature(**one) != signature(**(one | change))


@given(st.dictionaries(st.sampled_from(["host", "accept", "user-agent", "connection"]), st.text(max_size=5)))
def test_what_is_not_part_of_the_scheme_is_not_signed(more: dict[str, str]) -> None:
    assert signature(ACCESS, "GET", "/c/b", {}, EMPTY | more) == signature(ACCESS, "GET", "/c/b", {}, EMPTY)


@given(st.permutations(["comp", "restype", "timeout", "marker"]), st.permutations(sorted(EMPTY)))
def test_the_order_of_what_is_asked_does_not_matter(query: list[str], headers: list[str]) -> None:
    said = signature(ACCESS, "GET", "/c", {q: "1" for q in query}, {h: EMPTY[h] for h in headers})
    assert said == signature(ACCESS, "GET", "/c", {q: "1" for q in sorted(query)}, EMPTY)


Answer = tuple[int, bytes]


class Played:
    """Answers in turn, the last one for ever, and remembers what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Answer | Exception) -> None:
        self.answers, self.asked = list(answers), list[tuple[str, str, bytes]]()
        self.headers: list[Mapping[str, str]] = []
        self.closed = 0
        monkeypatch.setattr(client, "Local", lambda directory, timeout_s: self)

    def ask(self, method: str, target: str, data: bytes, headers: Mapping[str, str]) -> Answer:
        self.asked.append((method, target, data))
        self.headers.append(headers)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed += 1

    def run(self, act: Callable[[AccountBlobs], Awaitable[Any]], access: Access | None = ACCESS) -> Any:
        async def within() -> Any:
            return await act(AccountBlobs(Path("/x"), lambda account: access))

        return asyncio.run(asyncio.wait_for(within(), 60))


def test_a_blob_is_put_as_a_block_blob_signed_by_its_account(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, (201, b""))
    played.run(lambda blobs: blobs.put("/logs", "con", "a b/c.json", b"data"))
    assert played.asked == [("PUT", "/con/a%20b/c.json", b"data")]
    [headers] = played.headers
    assert (headers["x-ms-blob-type"], headers["content-length"], headers["host"]) == ("BlockBlob", "4", ACCESS.host)
    unsigned = {k: v for k, v in headers.items() if k != "authorization"}
    assert headers["authorization"] == signature(ACCESS, "PUT", "/con/a%20b/c.json", {}, unsigned)
    assert played.closed == 1


def test_blocks_that_are_new_are_put_and_all_are_listed_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, (201, b""))
    played.run(lambda blobs: blobs.write_blocks("/logs", "c", "b", [("00", None), ("01", b"new")]))
    [put, listed] = played.asked
    assert parse_qs(urlsplit(put[1]).query) == {"comp": ["block"], "blockid": [base64.b64encode(b"01").decode()]}
    assert put[2] == b"new"
    assert listed[1] == "/c/b?comp=blocklist"
    assert b"<Committed>MDA=</Committed><Latest>MDE=</Latest>" in listed[2]


NO_CONTAINER = (404, b"<Error><Code>ContainerNotFound</Code></Error>")


@pytest.mark.parametrize("made", [201, 409], ids=["by us", "by somebody else just before"])
def test_a_container_that_is_missing_is_made(monkeypatch: pytest.MonkeyPatch, made: int) -> None:
    played = Played(monkeypatch, NO_CONTAINER, (made, b""), (201, b""))
    played.run(lambda blobs: blobs.put("/logs", "c", "b", b"data"))
    assert [(m, t) for m, t, _ in played.asked] == [("PUT", "/c/b"), ("PUT", "/c?restype=container"), ("PUT", "/c/b")]


REFUSED = [
    pytest.param(
        [(403, b"<Code>AuthenticationFailed</Code>")], "403 AuthenticationFailed", id="a key that does not fit"
    ),
    pytest.param([NO_CONTAINER, (403, b"<Code>Denied</Code>")], "403 Denied", id="a container that cannot be made"),
    pytest.param([NO_CONTAINER, (201, b""), NO_CONTAINER], "404 ContainerNotFound", id="one that is gone again"),
    pytest.param([(404, b"<Code>BlobNotFound</Code>")], "404 BlobNotFound", id="what is missing otherwise"),
    pytest.param([(500, b"oops")], "refuses: 500$", id="words that are none of a store's"),
    pytest.param([ConnectionRefusedError("refused")], "does not answer: refused", id="nobody is there"),
    pytest.param([TimeoutError()], "does not answer: TimeoutError", id="a silence without a word"),
]


@pytest.mark.parametrize(("answers", "message"), REFUSED)
def test_a_write_that_is_refused_says_why(
    monkeypatch: pytest.MonkeyPatch, answers: list[Answer | Exception], message: str
) -> None:
    played = Played(monkeypatch, *answers)
    with pytest.raises(SinkError, match=message) as refused:
        played.run(lambda blobs: blobs.put("/logs", "c", "b", b"data"))
    assert refused.value.account == "/logs"
    assert played.closed == len(played.asked), "no connection stays"


def test_without_an_account_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, (201, b""))
    with pytest.raises(SinkError, match="there is no such storage account, or it keeps no blobs"):
        played.run(lambda blobs: blobs.read("/logs", "c", "b"), None)
    assert played.asked == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [pytest.param((200, b"all"), b"all", id="a blob"), pytest.param((404, b""), None, id="no blob is no failure")],
)
def test_a_blob_is_read(monkeypatch: pytest.MonkeyPatch, answer: Answer, expected: bytes | None) -> None:
    assert Played(monkeypatch, answer).run(lambda blobs: blobs.read("/logs", "c", "b")) == expected


@pytest.mark.parametrize("status", [202, 404], ids=["that is there", "that is not"])
def test_a_blob_is_deleted(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    played = Played(monkeypatch, (status, b""))
    played.run(lambda blobs: blobs.delete("/logs", "c", "b"))
    assert [(m, t) for m, t, _ in played.asked] == [("DELETE", "/c/b")]


@pytest.mark.parametrize("act", ["read", "delete", "names"])
def test_what_is_refused_otherwise_is_told(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    arguments = ("/logs", "c") if act == "names" else ("/logs", "c", "b")
    with pytest.raises(SinkError, match="403"):
        Played(monkeypatch, (403, b"")).run(lambda blobs: getattr(blobs, act)(*arguments))


def page(marker: str, *names: str) -> Answer:
    blobs = "".join(f"<Blob><Name>{n}</Name></Blob>" for n in names)
    listed = f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
    return 200, listed.encode()


def test_names_are_those_of_all_pages_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, page("more", "b", "d"), page("", "a", "c"))
    assert played.run(lambda blobs: blobs.names("/logs", "c", "pre/")) == ["a", "b", "c", "d"]
    queries = [parse_qs(urlsplit(target).query) for _, target, _ in played.asked]
    assert [q["prefix"] for q in queries] == [["pre/"], ["pre/"]]
    assert [q.get("marker") for q in queries] == [None, ["more"]]


def test_without_a_container_there_are_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Played(monkeypatch, NO_CONTAINER).run(lambda blobs: blobs.names("/logs", "c")) == []
