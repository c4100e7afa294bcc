"""How ``trace URL`` tells of a request, and when it says that the real one came to something else."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.cli import asking
from lazulite.cli.errors import Failure
from lazulite.cli.story import plain

GATEWAY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/applicationGateways/gw"


def step(stage: str, name: str, detail: str, child: str = "") -> dict[str, str]:
    return {"stage": stage, "name": name, "detail": detail, "origin": f"{GATEWAY}/{child}" if child else ""}


def server(name: str, *, up: bool = True, passes: bool = True, decided: bool = True) -> dict[str, Any]:
    by = {"origin": "", "detail": "all may", "stage": "egress", "action": "permitted"} if decided else None
    return {"name": name, "port": 8080, "available": up, "passes": passes, "decided": by}


def http(status: int = 0, location: str = "", **more: Any) -> dict[str, Any]:
    said = {"proxy": "gw", "steps": [], "servers": [], "url": "http://a.test:8080/", "policy": "", "closed": False}
    return said | {"status": status, "location": location, "answered": True} | more


def answer(http: dict[str, Any] | None, passes: bool = True, **more: Any) -> dict[str, Any]:
    flow = {"protocol": "tcp", "src": "10.0.0.5", "dst": "198.18.0.1", "src_port": 1, "dst_port": 80}
    way = {"flow": flow, "hops": [], "disposition": "accepted"}
    decided = {"origin": "", "detail": "", "stage": "route", "action": "delivered"}
    conversation = {"passes": passes, "decided": decided, "forward": way, "reply": None}
    return conversation | {"request": "http://a.test/", "http": http} | more


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("http://a.test", True), ("HTTPS://a.test/x", True), ("a.test:80", False), ("ftp://a.test", False), ("", False)],
)
def test_a_url_is_known_by_its_scheme(text: str, is_one: bool) -> None:
    assert asking.is_url(text) is is_one


@pytest.mark.parametrize(
    ("text", "host"),
    [("http://a.test/x", "a.test"), ("https://[2001:db8::1]:8443/", "2001:db8::1"), ("http://u@a.test", "a.test")],
)
def test_the_host_of_a_url_is_looked_up(text: str, host: str) -> None:
    assert asking.host_of(text) == host


@pytest.mark.parametrize("text", ["http://", "https:///path", "http://a:port/", "http://[::1/"])
def test_a_url_without_a_host_is_refused(text: str) -> None:
    with pytest.raises(Failure) as failure:
        asking.host_of(text)
    assert failure.value.code == 2


SAID = [
    pytest.param(
        answer(
            http(
                steps=[
                    step("listener", "l", "for any host", "httpListeners/l"),
                    step("rule", "r", "for /x/*", "requestRoutingRules/r"),
                    step("pool", "b/s", "1 of 2 up: 10.0.1.4"),
                ],
                servers=[server("10.0.1.4"), server("10.0.1.5", up=False, passes=False)],
            )
        ),
        [
            "request http://a.test/",
            "  gw",
            "    listener l: for any host  (gw/l)",
            "    rule r: for /x/*  (gw/r)",
            "    pool b/s: 1 of 2 up: 10.0.1.4",
            "    server 10.0.1.4:8080: up, passes: all may",
            "    server 10.0.1.5:8080: not asked, it is down, does not pass: all may",
            "  asks for http://a.test:8080/",
        ],
        id="servers, and who of them is asked",
    ),
    pytest.param(
        answer(http(301, "https://b.test/", steps=[step("redirect", "", "https://b.test/")])),
        ["request http://a.test/", "  gw", "    redirect: https://b.test/", "  answered with 301: https://b.test/"],
        id="a redirect",
    ),
    pytest.param(
        answer(http(502, servers=[server("www.test", up=False, decided=False)])),
        ["request http://a.test/", "  gw", "    server www.test:8080: not asked, it is down", "  answered with 502"],
        id="a server known by its name",
    ),
    pytest.param(
        answer(http(403, steps=[step("firewall", "waf", "prevention: blocked with 403 (Blocked by rule bots)")])),
        [
            "request http://a.test/",
            "  gw",
            "    firewall waf: prevention: blocked with 403 (Blocked by rule bots)",
            "  answered with 403",
        ],
        id="what the firewall says",
    ),
    pytest.param(
        answer(http(closed=True, answered=False)),
        ["request http://a.test/", "  gw", "  nobody takes the connection"],
        id="a closed port",
    ),
    pytest.param(answer(None), ["request http://a.test/", "  what answers is no proxy of the lab"], id="no proxy"),
    pytest.param(answer(None, passes=False), ["request http://a.test/", "  nobody gets it"], id="no connection"),
]


@pytest.mark.parametrize(("found", "lines"), SAID)
def test_a_request_is_told_as(found: dict[str, Any], lines: list[str]) -> None:
    text = plain(asking.told(found)).splitlines()
    assert text[text.index("request http://a.test/") :] == lines


@pytest.mark.parametrize(
    ("found", "status", "location", "agrees"),
    [
        pytest.param(answer(http()), 200, "", True, id="a server answered"),
        pytest.param(answer(http()), 500, "", True, id="a server answered as it liked"),
        pytest.param(answer(http()), 0, "", False, id="nobody answered, and a server should have"),
        pytest.param(answer(http(301, "/x")), 301, "/x", True, id="the same redirect"),
        pytest.param(answer(http(301, "/x")), 302, "/x", False, id="another kind of redirect"),
        pytest.param(answer(http(301, "/x")), 301, "/y", False, id="a redirect to elsewhere"),
        pytest.param(answer(http(404)), 404, "", True, id="no listener for the host"),
        pytest.param(answer(http(404)), 200, "", False, id="a listener that the model does not know"),
        pytest.param(answer(http(502)), 502, "", True, id="nobody is up"),
        pytest.param(answer(http(answered=False)), 504, "", True, id="servers that do not answer the gateway"),
        pytest.param(answer(http(answered=False)), 200, "", False, id="an answer through what should stop it"),
        pytest.param(answer(http(closed=True, answered=False)), 0, "", True, id="a closed port"),
        pytest.param(answer(None, passes=False), 0, "", True, id="no connection, as foreseen"),
        pytest.param(answer(None, passes=False), 200, "", False, id="a connection that should not be"),
        pytest.param(answer(None), 0, "", True, id="a machine that is no proxy may refuse"),
    ],
)
def test_the_real_request_agrees_when(found: dict[str, Any], status: int, location: str, agrees: bool) -> None:
    real = found | {"packet": {"status": status, "location": location}}
    assert asking.agrees(real) is agrees
    last = asking.told(real).splitlines()[-1]
    assert last.startswith(f"the real request: {status or 'no answer'}")
    assert last.endswith("as the model says" if agrees else "unlike the model")


@pytest.mark.parametrize(
    ("found", "passes"),
    [
        pytest.param(answer(http()), True, id="a server that is reached"),
        pytest.param(answer(http(404)), True, id="an answer of the gateway's own"),
        pytest.param(answer(http(answered=False)), False, id="servers that are not"),
        pytest.param(answer(None), True, id="a connection to a machine"),
        pytest.param(answer(None, passes=False), False, id="no connection"),
    ],
)
def test_a_request_passes_when_somebody_answers_it(found: dict[str, Any], passes: bool) -> None:
    assert asking.passes(found) is passes


@pytest.mark.parametrize(
    ("wish", "method", "headers"),
    [
        pytest.param(asking.wish("", []), "GET", {"User-Agent": "lazulite", "Accept": "*/*"}, id="nothing said"),
        pytest.param(
            asking.wish("", [], "a=b"),
            "POST",
            {"User-Agent": "lazulite", "Accept": "*/*", "Content-Type": "application/x-www-form-urlencoded"},
            id="a body is a form's",
        ),
        pytest.param(
            asking.wish("put", ["content-type: text/xml", "user-agent:"], "<a/>"),
            "PUT",
            {"Accept": "*/*", "content-type": "text/xml", "user-agent": ""},
            id="unless something else is said",
        ),
    ],
)
def test_a_request_is_wished_for_as(wish: asking.Wish, method: str, headers: dict[str, str]) -> None:
    assert (wish.method, dict(wish.headers)) == (method, headers)


@pytest.mark.parametrize("row", ["nonsense", ": x", ""])
def test_what_is_no_header_is_refused(row: str) -> None:
    with pytest.raises(Failure, match="no header"):
        asking.wish("", [row])
