"""What a page, a name, a host and a code can not do to the portal."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from lazulite.portal import app
from lazulite.testing import Lab
from lazulite.testing import lab as fresh_lab
from tests.portal.conftest import GROUP, Open, loaded, sign_in
from tests.portal.watch import Watch

MARKUP = "<img src=x onerror=alert(1)>'\"><script>alert(2)</script>{{7*7}}<svg/onload=alert(3)>"
STATIC = Path(app.__file__).parent / "static"


def place(lab: Lab) -> str:
    return urlsplit(lab.connection.portal).netloc


def asked(lab: Lab, method: str, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
    with closing(HTTPConnection(place(lab), timeout=30)) as http:
        http.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = http.getresponse()
        return answer, answer.read()


def sent(lab: Lab, content: bytes) -> bytes:
    """What is answered to these bytes."""
    host, port = place(lab).split(":")
    with socket.create_connection((host, int(port)), timeout=30) as opened:
        opened.sendall(content)
        opened.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: opened.recv(65536), b""))


# Who may ask, and under which name


@pytest.mark.parametrize("path", ["/", "/portal/js/main.js", "/lazulite/status", "/organizations/oauth2/token", "/x"])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "127.0.0.1@evil.example", "10.0.0.1"],
)
def test_under_another_name_nothing_is_handed_out(memory_lab: Lab, path: str, host: str) -> None:
    answer, _ = asked(memory_lab, "GET", path, Host=host, Authorization=f"Bearer {memory_lab.connection.token}")
    assert answer.status == 421


@pytest.mark.parametrize("hosts", [b"", b"Host: localhost\r\nHost: evil.example\r\n", b"Host:\r\n"])
def test_without_one_name_nothing_is_handed_out(memory_lab: Lab, hosts: bytes) -> None:
    status = sent(memory_lab, b"GET / HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n").split()[1]
    assert status in (b"400", b"421")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "[::1]", "localhost:1"])
def test_under_names_of_loopback_the_page_is_handed_out(memory_lab: Lab, host: str) -> None:
    assert asked(memory_lab, "GET", "/", Host=host)[0].status == 200


def test_without_a_token_nothing_is_told(memory_lab: Lab) -> None:
    for path in ("/lazulite/status", "/lazulite/stream/topology", "/lazulite/stream/flows", "/subscriptions"):
        assert asked(memory_lab, "GET", path)[0].status == 401
    assert asked(memory_lab, "POST", "/lazulite/codes")[0].status == 401


def test_a_token_of_one_lab_is_no_token_of_another(memory_lab: Lab, browser: Browser, watch: Watch) -> None:
    with fresh_lab(memory=True) as other:
        for path in ("/lazulite/status", "/lazulite/stream/topology", "/subscriptions?api-version=2022-12-01"):
            answer, _ = asked(other, "GET", path, Authorization=f"Bearer {memory_lab.connection.token}")
            assert answer.status == 401
        code = memory_lab.client.post("/lazulite/codes")["code"]
        page = browser.new_page()
        watch.over(page)
        page.goto(f"{other.connection.portal}/#code={code}")
        expect(page.get_by_text("Sign in", exact=True)).to_be_visible()
        page.evaluate("token => sessionStorage.setItem('lazulite.token', token)", memory_lab.connection.token)
        page.reload()
        expect(page.get_by_text("Sign in", exact=True)).to_be_visible()
        assert page.evaluate("sessionStorage.getItem('lazulite.token')") is None, "and it is forgotten"
        page.close()
    assert watch.found == []


def test_a_page_shares_its_sign_in_with_no_other(memory_lab: Lab, browser: Browser) -> None:
    """What a tab has is the tab's: nothing in cookies, nothing that outlives it."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(memory_lab, page)
    assert context.cookies() == []
    assert page.evaluate("localStorage.length") == 0
    other = context.new_page()
    other.goto(memory_lab.connection.portal)
    expect(other.get_by_text("Sign in", exact=True)).to_be_visible()
    context.close()


def test_no_code_and_no_token_is_in_an_address_or_a_log(memory_lab: Lab, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    code = memory_lab.client.post("/lazulite/codes")["code"]
    page.goto(f"{memory_lab.connection.portal}/#code={code}")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    token = page.evaluate("sessionStorage.getItem('lazulite.token')")
    for route in ("#/flows", "#/resources", "#/topology"):
        page.evaluate("where => { location.hash = where; }", route)
    expect(page.locator("main.view-topology")).to_be_visible()
    asked_for = [request.url.partition("#")[0] for request in asked]
    assert len(asked_for) > 10
    assert not [u for u in asked_for if code in u or token in u or "code=" in u]
    assert code not in page.url
    assert page.evaluate("history.length") <= 6
    log = (memory_lab.directory / "controller.log").read_text()
    assert code not in log
    assert token not in log
    context.close()


# Files


@pytest.mark.parametrize(
    "path",
    [
        "/portal/../portal/app.py",
        "/portal/../../etc/passwd",
        "/portal/%2e%2e/app.py",
        "/portal/..%2fapp.py",
        "/portal/..%5capp.py",
        "/portal//etc/passwd",
        "/portal/js/../../app.py",
        "/portal/index.html%00.js",
        "/portal/",
        "/portal/js",
        "/portal/js/",
        "/portal/app.py",
        "/portal/__init__.py",
        "/portal/package.json",
        "/portal/vendor/../app.py",
        "/PORTAL/index.html",
    ],
)
def test_only_files_of_the_table_are_handed_out(memory_lab: Lab, path: str) -> None:
    content = sent(memory_lab, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert content.split()[1] in (b"400", b"401", b"404")
    assert b"root:" not in content
    assert b"import " not in content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_files_are_only_read(memory_lab: Lab, method: str) -> None:
    answer, content = asked(memory_lab, method, "/portal/app.css")
    assert (answer.status, answer.headers["Allow"], content) == (405, "GET, HEAD", b"")


def test_a_part_that_is_asked_for_is_the_whole_file(memory_lab: Lab) -> None:
    whole = asked(memory_lab, "GET", "/portal/app.css")[1]
    for asked_for in ("bytes=0-3", "bytes=-1", "bytes=5-1", "bytes=0-0,2-2," * 500):
        answer, content = asked(memory_lab, "GET", "/portal/app.css", Range=asked_for)
        assert (answer.status, content == whole) == (200, True)


def test_a_file_is_packed_for_who_takes_that_and_told_to_be_as_it_was(memory_lab: Lab) -> None:
    whole = asked(memory_lab, "GET", "/portal/js/main.js")
    packed = asked(memory_lab, "GET", "/portal/js/main.js", Accept_Encoding="gzip")
    assert len(packed[1]) < len(whole[1]) / 2
    assert packed[0].headers["Content-Encoding"] == "gzip"
    again = asked(memory_lab, "GET", "/portal/js/main.js", If_None_Match=whole[0].headers["ETag"])
    assert (again[0].status, again[1]) == (304, b"")
    head = asked(memory_lab, "HEAD", "/portal/js/main.js")
    assert (head[0].headers["Content-Length"], head[1]) == (str(len(whole[1])), b"")


# What a browser is told


@pytest.mark.parametrize(
    "path",
    ["/", "/portal/js/main.js", "/portal/nothing", "/lazulite/status", "/subscriptions", "/x", "/metadata/endpoints"],
)
def test_every_answer_says_what_a_browser_may_do_with_it(memory_lab: Lab, path: str) -> None:
    token = {"Authorization": f"Bearer {memory_lab.connection.token}"}
    for headers in ({}, token):
        answer, _ = asked(memory_lab, "GET", path, **headers)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_nothing_stands_in_the_pages_that_their_policy_forbids() -> None:
    for path in STATIC.rglob("*.html"):
        text = path.read_text()
        assert "<script>" not in text
        assert "onclick" not in text
        assert "style=" not in text
    for path in STATIC.rglob("*.js"):
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert word not in path.read_text(), (path, word)


@pytest.fixture
def stranger() -> Iterator[str]:
    """A page of another place, which shows what it is told to in a frame."""

    class Frames(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = f'<!doctype html><iframe src="{self.path[1:]}"></iframe>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Frames)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", ["/", "/portal/terminal.html", "/lazulite/status"])
def test_no_other_page_has_the_portal_in_a_frame(memory_lab: Lab, browser: Browser, stranger: str, path: str) -> None:
    page = browser.new_page()
    with page.expect_event("console", lambda m: "frame-ancestors" in m.text or "frame" in m.text):
        page.goto(f"{stranger}{memory_lab.connection.portal}{path}")
    [frame] = [f for f in page.frames if f.parent_frame is not None]
    assert not frame.url.startswith(memory_lab.connection.portal)
    page.close()


# What a name can do


SPOILED = {"location": "westeurope", "tags": {"markup": MARKUP, "bold": "<b>bold</b>"}}
KINDS = {
    "networkSecurityGroups/spoiled": {
        "securityRules": [
            {
                "name": "r",
                "properties": {
                    "description": MARKUP[:140],
                    "protocol": "*",
                    "sourceAddressPrefix": "*",
                    "sourcePortRange": "*",
                    "destinationAddressPrefix": "*",
                    "destinationPortRange": "*",
                    "access": "Deny",
                    "direction": "Inbound",
                    "priority": 4000,
                },
            }
        ]
    },
    "routeTables/spoiled": {},
    "virtualNetworks/spoiled": {
        "addressSpace": {"addressPrefixes": ["10.66.0.0/16"]},
        "subnets": [{"name": "s", "properties": {"addressPrefix": "10.66.0.0/24"}}],
    },
    "applicationSecurityGroups/spoiled": {},
    "publicIPAddresses/spoiled": {},
    "dnsZones/spoiled.example": {},
    "privateDnsZones/spoiled.example": {},
}


@pytest.fixture
def spoiled(memory_lab: Lab) -> Iterator[list[str]]:
    """Ids of resources that carry markup wherever the protocol takes a text, and an activity log full of it."""
    made = []
    for path, properties in KINDS.items():
        location = "global" if "ns" in path.partition("/")[0].lower() and "Zones" in path else "westeurope"
        one = memory_lab.put(path, SPOILED | {"location": location, "properties": properties})
        made.append(one["id"])
    group = f"{memory_lab.client.subscription}/resourceGroups/spoiled"
    memory_lab.client.put(group, SPOILED)
    memory_lab.client.exchange(
        "PUT", f"{group}/providers/Microsoft.Network/routeTables/{quote(MARKUP[:30], safe='')}", {}
    )
    yield [*made, group]
    for path in reversed([*made, group]):
        memory_lab.client.delete(path)


def harmless(page: Page) -> None:
    """No element came out of a text."""
    assert page.locator("img[src='x'], svg[onload], b:text-is('bold')").count() == 0
    assert page.locator("body script").count() == 0


def test_markup_in_names_tags_and_descriptions_is_text(memory_lab: Lab, open_page: Open, spoiled: list[str]) -> None:
    page = open_page(memory_lab)
    for route in (
        "#/topology",
        "#/resources",
        "#/activity",
        "#/deployments",
        "#/resources/Microsoft.Network/routeTables",
    ):
        page.evaluate("where => { location.hash = where; }", route)
        expect(page.locator(f"main.view-{route.split('/')[1]}")).to_be_visible()
        loaded(page)
        harmless(page)
    for path in spoiled[:-1]:
        page.evaluate("id => { location.hash = '#/resource/' + encodeURIComponent(id); }", path)
        expect(page.get_by_role("tabpanel").get_by_text("spoiled").first).to_be_visible()
        harmless(page)


@pytest.mark.parametrize(
    "route",
    [
        f"#/{quote(MARKUP, safe='')}",
        f"#/resource/{quote('/subscriptions/' + MARKUP, safe='')}",
        f"#/create/{quote(MARKUP, safe='')}?group={quote(MARKUP, safe='')}",
        f"#/resources/{quote(MARKUP, safe='')}",
        f"#/terminals/{quote(MARKUP, safe='')}",
        f"#/resource/{quote('javascript:alert(1)', safe='')}",
    ],
)
def test_markup_in_the_address_is_text(memory_lab: Lab, open_page: Open, watch: Watch, route: str) -> None:
    page = open_page(memory_lab, route)
    loaded(page)
    harmless(page)


def test_a_group_that_is_left_in_place_is_the_demos(memory_lab: Lab) -> None:
    """The fixture cleans up: other tests look at the same lab."""
    names = [g["name"] for g in memory_lab.client.get(f"{memory_lab.client.subscription}/resourceGroups")["value"]]
    assert GROUP in names
    assert "spoiled" not in names
