"""Rules of users against libmodsecurity itself: what matches, what decides, and how often."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.engines.waf import seclang
from lazulite.engines.waf.counting import MAX_KEYS, Counters
from lazulite.engines.waf.inspection import Inspector, Request
from lazulite.forwarding.model import WafBody, WafCondition, WafLimit, WafPolicy, WafTarget
from tests.engines.waf import CLEARANCE, compiler, condition, country, judged, policy, request, rule, status

AGENT = condition("header", "contains", "evilbot", selector="User-Agent", transforms=("lower",))
OFFICE = condition("address", "network", "192.168.5.0/24")


def blocks(*conditions: WafCondition, **more: Any) -> WafPolicy:
    return policy(rule("r", "block", *conditions), **more)


def negated(found: WafCondition) -> WafCondition:
    return WafCondition(found.targets, found.operator, found.values, found.transforms, True)


US = condition("address", "country", "US")
GUID = condition("header", "equal", "a-guid", selector="X-Azure-FDID")
USERS = condition("header", "equal", "user1", "user2", selector="User-Agent")


@pytest.mark.parametrize(
    ("of", "what", "found"),
    [
        pytest.param(blocks(AGENT), request(User_Agent="EvilBot/2.0"), 403, id="an agent in other letter case"),
        pytest.param(blocks(AGENT), request(User_Agent="chrome"), 200, id="another agent"),
        pytest.param(blocks(negated(US)), request(client="192.0.2.1"), 403, id="from elsewhere than the US"),
        pytest.param(blocks(negated(US)), request(client="192.0.2.2"), 200, id="from the US"),
        pytest.param(blocks(US), request(client="198.51.100.1"), 200, id="from nobody knows where"),
        pytest.param(
            blocks(condition("address", "country", "ZZ")),
            request(client="198.51.100.1"),
            403,
            id="from ZZ",
        ),
        pytest.param(blocks(OFFICE), request(client="192.168.5.77"), 403, id="an address in a prefix"),
        pytest.param(blocks(OFFICE), request(client="192.168.6.1"), 200, id="an address outside"),
        pytest.param(blocks(OFFICE, AGENT), request(client="192.168.5.7", User_Agent="evilbot"), 403, id="both hold"),
        pytest.param(blocks(OFFICE, AGENT), request(client="192.168.5.7"), 200, id="only the first holds"),
        pytest.param(blocks(OFFICE, AGENT), request(User_Agent="evilbot"), 200, id="only the second holds"),
        pytest.param(blocks(negated(USERS)), request(User_Agent="user1"), 200, id="one of the values"),
        pytest.param(blocks(negated(USERS)), request(User_Agent="user3"), 403, id="none of the values"),
        pytest.param(blocks(negated(GUID)), request(), 403, id="what is absent is not equal"),
        pytest.param(blocks(negated(GUID)), request(X_Azure_FDID="a-guid"), 200, id="what is there is equal"),
        pytest.param(blocks(USERS), request(User_Agent="user12"), 200, id="equal is the whole value"),
        pytest.param(blocks(condition("uri", "any")), request("/whatever"), 403, id="any is whatever there is"),
        pytest.param(
            blocks(condition("header", "any", selector="X-Key")), request(), 200, id="any of what is absent is nothing"
        ),
    ],
)
def test_a_rule_that_blocks(of: WafPolicy, what: Request, found: int) -> None:
    """Source: facts/web-application-firewall.md, conformance examples B."""
    assert status(of, what) == found


def test_two_negated_rules_let_only_those_pass_who_are_in_neither() -> None:
    """Source: facts/web-application-firewall.md, conformance examples B."""
    chrome = condition("header", "contains", "chrome", selector="User-Agent")
    of = policy(rule("a", "block", negated(OFFICE)), rule("b", "block", negated(chrome)))
    inside, outside = "192.168.5.7", "192.168.6.7"
    asked = [request(client=c, User_Agent=a) for c in (inside, outside) for a in ("chrome", "curl")]
    assert [v.status for v in judged(of, *asked)] == [200, 403, 403, 403]


@pytest.mark.parametrize(
    ("part", "what", "found"),
    [
        pytest.param("method", request(method="PUT"), "PUT", id="the method"),
        pytest.param("query", request("/a?b=needle"), "b=needle", id="the query"),
        pytest.param("uri", request("/a/needle?b=c"), "/a/needle?b=c", id="the URI with its query"),
        pytest.param("post", request(body=b"a=needle&b=c"), "needle", id="a field of a form"),
        pytest.param("body", request(body=b"a=needle&b=c"), "a=needle&b=c", id="the body of a form"),
        pytest.param("header", request(X_A="needle"), "needle", id="any header"),
        pytest.param("cookie", request(Cookie="a=b; c=needle"), "needle", id="any cookie"),
        pytest.param("address", request(client="192.0.2.9"), None, id="the address"),
    ],
)
def test_variables(part: str, what: Request, found: str | None) -> None:
    wanted = condition(part, "equal", found) if found is not None else condition(part, "network", "192.0.2.9")
    assert status(blocks(wanted), what) == 403
    other = condition(part, "equal", "other") if found is not None else condition(part, "network", "192.0.2.8")
    assert status(blocks(other), what) == 200


@pytest.mark.parametrize(
    ("part", "selector", "what", "found"),
    [
        pytest.param("header", "x-one", request(X_One="v"), 403, id="headers in any letter case"),
        pytest.param("header", "x-one", request(X_One_More="v"), 200, id="a header by its whole name"),
        pytest.param("cookie", "one", request(Cookie="one=v"), 403, id="a cookie"),
        pytest.param("cookie", "one", request(Cookie="two=v"), 200, id="another cookie"),
        pytest.param("post", "one", request(body=b"one=v"), 403, id="a field of a form"),
        pytest.param("post", "one", request("/?one=v"), 200, id="an argument of the query is not a field"),
        pytest.param("post", "one", request(body=b'{"one": "v"}', kind="application/json"), 200, id="nor is JSON"),
    ],
)
def test_selectors(part: str, selector: str, what: Request, found: int) -> None:
    assert status(blocks(condition(part, "equal", "v", selector=selector)), what) == found


def test_bodies_are_seen_when_they_are_forms() -> None:
    """Source: facts/web-application-firewall.md, W3."""
    of = blocks(condition("body", "contains", "needle"))
    assert status(of, request(body=b"a=needle")) == 403
    assert status(of, request(body=b'{"a": "needle"}', kind="application/json")) == 200
    assert (
        status(blocks(condition("body", "contains", "needle"), body=WafBody(check=False)), request(body=b"needle"))
        == 200
    )
    assert status(blocks(condition("uri", "contains", "x"), body=WafBody(check=False)), request("/x")) == 403


def test_no_header_of_the_engine_s_own_is_seen_by_rules() -> None:
    assert status(blocks(condition("header", "equal", "DE")), request()) == 200
    assert status(blocks(condition("header", "any", selector=seclang.COUNTRY)), request()) == 403  # asked by its name


@pytest.mark.parametrize(
    ("transforms", "sent", "wanted", "found"),
    [
        pytest.param(("lower",), "ABC", "abc", 403, id="lower case"),
        pytest.param(("upper",), "abc", "ABC", 403, id="upper case"),
        pytest.param(("trim",), "%20abc", "%20abc", 403, id="trim leaves what is encoded"),
        pytest.param(("url-decode", "trim"), "%20abc%20", "abc", 403, id="decode, then trim"),
        pytest.param(("trim", "url-decode"), "%20abc%20", "abc", 200, id="trim, then decode"),
        pytest.param(("url-encode",), "a/b", "a%2fb", 403, id="URL encode"),
        pytest.param(("url-decode", "remove-nulls"), "a%00b", "ab", 403, id="remove nulls"),
        pytest.param(("html-decode",), "&lt;b&gt;", "<b>", 403, id="HTML decode"),
        pytest.param((), "ABC", "abc", 200, id="none"),
    ],
)
def test_transforms_come_one_after_the_other(transforms: tuple[str, ...], sent: str, wanted: str, found: int) -> None:
    of = blocks(condition("query", "equal", wanted, transforms=transforms))
    assert status(of, request(f"/?{sent}")) == found


@pytest.mark.parametrize(
    ("operator", "value", "sizes"),
    [
        pytest.param("lt", "4", [3], id="less"),
        pytest.param("le", "4", [3, 4], id="at most"),
        pytest.param("ge", "4", [4, 5], id="at least"),
        pytest.param("gt", "4", [5], id="more"),
    ],
)
def test_sizes_are_bytes(operator: str, value: str, sizes: list[int]) -> None:
    of = blocks(condition("query", operator, value))
    assert [n for n in (3, 4, 5) if status(of, request("/?" + "x" * n)) == 403] == sizes


@pytest.mark.parametrize(
    ("order", "found"),
    [
        pytest.param(("allow", "block"), 200, id="allow first"),
        pytest.param(("block", "allow"), 403, id="block first"),
        pytest.param(("log", "block"), 403, id="log goes on"),
        pytest.param(("log", "allow", "block"), 200, id="log, then allow"),
    ],
)
@pytest.mark.parametrize("parts", [("uri", "body"), ("body", "uri")], ids=["the body last", "the body first"])
def test_rules_stand_in_their_order_whatever_they_look_at(
    order: tuple[str, ...], found: int, parts: tuple[str, str]
) -> None:
    rules = [rule(f"{i}", action, condition(parts[i % 2], "contains", "a")) for i, action in enumerate(order)]
    verdict = judged(policy(*rules), request("/a", body=b"a=a"))[0]
    assert verdict.status == found
    assert [e.rule for e in verdict.events] == [str(i) for i in range(len(verdict.events))]


def test_a_limit_stands_in_the_order_of_rules() -> None:
    first = rule("first", "allow", condition("query", "equal", "free"))
    limit = rule("limit", "block", condition("uri", "any"), limit=WafLimit(1, 60, "none"))
    last = rule("last", "block", condition("query", "equal", "bad"))
    asked = [request(f"/?{q}") for q in ("free", "free", "one", "two", "free", "bad")]
    assert [v.status for v in judged(policy(first, limit, last), *asked)] == [200, 200, 200, 403, 200, 403]
    assert judged(policy(limit, last), request("/?bad"))[0].events[0].rule == "last"


def test_a_limit_lets_as_many_pass_in_each_window() -> None:
    """Source: facts/web-application-firewall.md, conformance examples F."""
    of = policy(rule("r", "block", condition("uri", "any"), limit=WafLimit(50, 60, "none")))
    clients = [request(client=f"192.0.2.{1 + n % 2}") for n in range(60)]
    first = [v.status for v in judged(of, *clients)]
    assert (first.count(200), first.count(403), first[:50]) == (50, 10, [200] * 50)
    slow = [v.status for v in judged(of, *clients, step_s=1.25)]
    assert slow == [200] * 60  # at most 48 within a minute


@pytest.mark.parametrize(
    ("group", "found"),
    [
        pytest.param("none", [200, 403, 403], id="all together"),
        pytest.param("address", [200, 200, 403], id="each address"),
        pytest.param("country", [200, 200, 403], id="each country"),
        pytest.param("forwarded-address", [200, 403, 200], id="each address that a proxy names"),
        pytest.param("forwarded-country", [200, 403, 200], id="each country of those"),
    ],
)
def test_a_limit_counts_by(group: str, found: list[int]) -> None:
    of = policy(rule("r", "block", condition("uri", "any"), limit=WafLimit(1, 60, group)))
    asked = [
        request(client="192.0.2.1", X_Forwarded_For="192.0.2.2, 10.0.0.1"),
        request(client="192.0.2.2", X_Forwarded_For="192.0.2.2"),
        request(client="192.0.2.1", X_Forwarded_For="192.0.2.1"),
    ]
    assert [v.status for v in judged(of, *asked)] == found


@pytest.mark.parametrize(
    ("seconds", "apart", "found"),
    [
        pytest.param(60, 31.0, [200, 403, 200, 403], id="one minute"),
        pytest.param(300, 31.0, [200] + [403] * 9 + [200], id="five minutes"),
    ],
)
def test_a_window_is(seconds: int, apart: float, found: list[int]) -> None:
    of = policy(rule("r", "block", condition("uri", "any"), limit=WafLimit(1, seconds, "none")))
    assert [v.status for v in judged(of, *([request()] * len(found)), step_s=apart)] == found


def test_a_limit_counts_each_listener_by_itself() -> None:
    """Source: facts/web-application-firewall.md, W13."""
    of = policy(rule("r", "block", condition("uri", "any"), limit=WafLimit(1, 60, "none")))
    inspector, counters = Inspector(of, compiler(), country, CLEARANCE), Counters()

    async def within(key: str, limit: WafLimit) -> bool:
        return counters.within(key, limit.count, limit.seconds, 0.0)

    async def asked() -> list[int]:
        return [(await inspector.judge(request(), site, within)).status for site in ("a", "b", "a", "b")]

    assert asyncio.run(asked()) == [200, 200, 403, 403]


def test_a_window_slides() -> None:
    counters = Counters()
    assert [counters.within("k", 2, 60, t) for t in (0.0, 30.0, 59.0, 60.0, 61.0, 90.0)] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]
    assert counters.within("other", 2, 60, 59.0)


def test_counters_are_bounded() -> None:
    counters = Counters()
    for number in range(MAX_KEYS + 10):
        counters.within(str(number), 1, 60, 0.0)
    assert counters.within("0", 1, 60, 0.0)  # forgotten
    assert not counters.within(str(MAX_KEYS + 9), 1, 60, 0.0)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=6).filter(
    lambda t: t == t.strip()
)


@given(texts, texts, st.sampled_from(["equal", "contains", "begins", "ends"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_text_is_compared_as_it_is(value: str, around: str, operator: str, inside: bool) -> None:
    """Whatever SecLang or a regular expression would read into it."""
    sent = f"{around}{value}{around}" if inside else value
    held = {"equal": sent == value, "contains": value in sent}
    held |= {"begins": sent.startswith(value), "ends": sent.endswith(value)}
    of = blocks(condition("header", operator, value, selector="X-Text"))
    what = request(X_Text=sent.encode().decode("latin-1"))
    assert status(of, what) == (403 if held[operator] else 200)


@given(st.text(st.characters(codec="utf-8"), max_size=20))
@settings(max_examples=100, deadline=None)
def test_no_value_ends_the_text_of_a_rule(value: str) -> None:
    written = seclang.literal(value)
    assert re.fullmatch(r"([A-Za-z0-9]|\\x[0-9a-f]{2})*", written)
    assert re.fullmatch(written.encode(), value.encode())


@pytest.mark.parametrize(
    ("pattern", "sent", "found"),
    [
        pytest.param('a"b', 'a"b', 403, id="a quote"),
        pytest.param('a\\"b', 'a"b', 403, id="a quote that is escaped already"),
        pytest.param("%{tx.x}", "%tx.x", 200, id="what SecLang would expand"),
        pytest.param("^a.c$", "abc", 403, id="an expression"),
        pytest.param("^a.c$", "abcd", 200, id="another text"),
        pytest.param("(?i)ABC", "abc", 403, id="flags"),
        pytest.param("a|b", "xb", 403, id="alternatives"),
    ],
)
def test_expressions(pattern: str, sent: str, found: int) -> None:
    assert status(blocks(condition("header", "regex", pattern, selector="X-Text")), request(X_Text=sent)) == found


def test_several_values_are_alternatives_and_so_are_targets() -> None:
    either = WafCondition((WafTarget("header", "X-A"), WafTarget("query")), "contains", ("one", "two"))
    asked = [request(X_A="one"), request("/?two"), request("/?three", X_B="one")]
    assert [v.status for v in judged(blocks(either), *asked)] == [403, 403, 200]


def test_who_is_blocked_gets_status_and_page() -> None:
    every = rule("r", "block", condition("uri", "any"))
    verdict = judged(policy(every, status=451, page="sorry"), request())[0]
    assert (verdict.status, verdict.page) == (451, "sorry")
    seen = judged(policy(every, status=451, page="sorry", detect=True), request())[0]
    assert (seen.status, [e.action for e in seen.events]) == (200, ["Detected"])


def test_the_text_of_rules() -> None:
    """What libmodsecurity is given for a rule with a negated condition and for one that looks at a form."""
    either = rule("a", "block", negated(OFFICE), AGENT)
    form = rule("b", "log", condition("post", "ge", "10", "7", selector="q", transforms=("url-decode",)))
    text = seclang.own(policy(either, form, detect=True))
    assert text.splitlines()[0] == "SecRuleEngine DetectionOnly"
    assert text.splitlines()[11:] == [
        'SecRule REMOTE_ADDR "@ipMatch 192.168.5.0/24" "id:100000,phase:2,pass,nolog,t:none,setvar:tx.c0_0=1"',
        "SecRule REQUEST_HEADERS:/\\A(?i:User\\x2dAgent)\\z/ "
        '"@rx (?:evilbot)" "id:100010,phase:2,pass,nolog,t:none,t:lowercase,setvar:tx.c0_1=1"',
        'SecRule &TX:c0_0 "@eq 0" "id:1000,phase:2,pass,log,auditlog,msg:\'rule\',chain"',
        'SecRule &TX:c0_1 "@eq 1" "t:none"',
        'SecRule REQUEST_HEADERS:Content-Type "@rx (?i)^(?:application/x-www-form-urlencoded|multipart/form-data)" '
        '"id:101000,phase:2,pass,nolog,t:none,chain"',
        '  SecRule ARGS_POST:/\\A(?-i:q)\\z/ "@ge 7" "t:none,t:urlDecode,t:length,setvar:tx.c1_0=1"',
        'SecRule &TX:c1_0 "@eq 1" "id:1001,phase:2,pass,log,auditlog,msg:\'rule\'"',
    ]
    assert seclang.own(policy()) == seclang.managed(policy()) == ""


def test_a_request_is_judged_by_what_its_path_says_after_decoding_when_asked() -> None:
    of = blocks(condition("uri", "contains", "/admin", transforms=("url-decode", "lower")))
    assert status(of, request("/" + quote("ADMIN"))) == 403
    assert status(of, request("/%41dmin")) == 403
