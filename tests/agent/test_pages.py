"""Pages for errors: how one is asked for, and what is taken for one."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest

from lazulite.agent import pages
from lazulite.forwarding.model import HttpProxy, Site

HERE = ip_address("10.0.0.4")


@pytest.mark.parametrize(
    ("url", "line", "host"),
    [
        pytest.param("http://a.test/e.html", "GET /e.html HTTP/1.1", "Host: a.test", id="a page"),
        pytest.param("https://a.test:8443/e.htm?v=2", "GET /e.htm?v=2 HTTP/1.1", "Host: a.test:8443", id="port, query"),
        pytest.param("http://me:secret@a.test/e.htm", "GET /e.htm HTTP/1.1", "Host: a.test", id="no name of a user"),
    ],
)
def test_how_a_page_is_asked_for(url: str, line: str, host: str) -> None:
    said = pages.asking(urlsplit(url)).decode().split("\r\n")
    assert (said[0], said[1]) == (line, host)
    assert said[-2:] == ["", ""]


def read(data: bytes) -> str:
    async def reading() -> str:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await pages.read(reader)

    return asyncio.run(reading())


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_the_body_of_an_answer_is_the_page() -> None:
    assert read(answer("<p>so süß</p>".encode())) == "<p>so süß</p>"


def test_a_page_in_chunks() -> None:
    assert read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<p>\r\n1\r\nx\r\n0\r\n\r\n") == "<p>x"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(answer(b"moved", "302 Found"), "302", id="a redirect is not followed"),
        pytest.param(answer(b"none", "404 Not Found"), "404", id="an error is no page"),
        pytest.param(answer(b"x" * pages.MAX_BYTES), "1 MB", id="a page of 1 MB is too large"),
        pytest.param(b"SSH-2.0-x\r\n", "no answer", id="something else"),
    ],
)
def test_what_is_no_page(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(data)


def proxy(*urls: str) -> HttpProxy:
    return HttpProxy("gw", "gw", "gw", (Site("s", HERE, 80, pages=tuple((400 + i, u) for i, u in enumerate(urls))),))


def test_each_page_is_fetched_once_and_again_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def fetched(guest: str, url: str, resolver: object) -> str:
        asked.append(url)
        if asked.count(url) == 1 and "late" in url:
            raise OSError("not yet")
        return f"text of {url}"

    monkeypatch.setattr(pages, "fetched", fetched)
    monkeypatch.setattr(pages, "AGAIN_S", 0)

    async def going() -> pages.Pages:
        done = asyncio.Event()
        found = pages.Pages(done.set)
        found.want([proxy("http://a/now.html", "http://a/late.html")])
        async with asyncio.timeout(60):
            while len(found.texts) < 2:
                await done.wait()
                done.clear()
        found.want([proxy("http://a/now.html")])
        return found

    found = asyncio.run(going())
    assert sorted(asked) == ["http://a/late.html", "http://a/late.html", "http://a/now.html"]
    assert found.texts == {("gw", "http://a/now.html"): "text of http://a/now.html"}
