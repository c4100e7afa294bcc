"""Managed rules against libmodsecurity itself: scores, modes, what is left out, sizes, and what logs tell of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.engines.waf import logs, seclang
from lazulite.engines.waf.inspection import Compiler, Event, Inspector, Request
from lazulite.engines.waf.spec import Use
from lazulite.engines.waf.whereabouts import Plan
from lazulite.forwarding.model import WafBody, WafExclusion, WafManaged, WafPolicy, WafScrub
from lazulite.services.web_application_firewall import rule_sets
from lazulite.values import IPAddress
from tests.engines.waf import (
    CLEARANCE,
    GROUPS,
    MANAGED,
    condition,
    country,
    heads,
    judged,
    policy,
    request,
    rule,
    status,
)

SQLI = "/?id=1%27%20or%20%271%27=%271%27--%20"
XSS = "/?x=%3Cscript%3Ealert(1)%3C/script%3E"
JSON = "application/json"


@pytest.mark.parametrize(
    ("what", "found"),
    [
        pytest.param(request("/?q=hello+world&page=2"), 200, id="an ordinary query"),
        pytest.param(request(body=b"name=Anna&city=Berlin"), 200, id="an ordinary form"),
        pytest.param(request(body=b'{"name": "Anna"}', kind=JSON), 200, id="ordinary JSON"),
        pytest.param(request(method="DELETE"), 200, id="a method of an interface"),
        pytest.param(request(SQLI), 403, id="SQL in a query"),
        pytest.param(request(XSS), 403, id="a script in a query"),
        pytest.param(request(body=b"a=<script>alert(1)</script>"), 403, id="a script in a form"),
        pytest.param(request(body=b'{"a": "<script>alert(1)</script>"}', kind=JSON), 403, id="a script in JSON"),
        pytest.param(request("/?f=../../etc/passwd"), 403, id="a way out of the directory"),
        pytest.param(request("/?c=;cat%20/etc/passwd"), 403, id="a command"),
        pytest.param(request(User_Agent="sqlmap/1.0"), 403, id="a scanner"),
        pytest.param(request(method="TRACK"), 403, id="a method that is not"),
        pytest.param(request(body=b"{", kind=JSON), 403, id="JSON that is none"),
    ],
)
def test_managed_rules(what: Request, found: int) -> None:
    assert status(policy(managed=True), what) == found


def test_a_warning_alone_does_not_block() -> None:
    """Source: facts/web-application-firewall.md, conformance examples D."""
    of = policy(managed=True)
    verdict = judged(of, request(Host="192.0.2.80"))[0]
    assert (verdict.status, [(e.rule, e.action) for e in verdict.events]) == (200, [("920350", "Matched")])
    both = judged(of, request(SQLI, Host="192.0.2.80"))[0]
    assert both.status == 403
    assert {("920350", "Matched"), ("942100", "Matched"), ("949110", "Blocked")} <= {
        (e.rule, e.action) for e in both.events
    }
    assert "Total Score: 8" in both.events[-1].message


def test_detection_tells_the_same_and_lets_pass() -> None:
    verdict = judged(policy(managed=True, detect=True), request(SQLI))[0]
    assert verdict.status == 200
    assert ("949110", "Detected") in {(e.rule, e.action) for e in verdict.events}


def test_events_name_set_group_and_place() -> None:
    found = next(e for e in judged(policy(managed=True), request(SQLI))[0].events if e.rule == "942100")
    assert (found.kind, found.version, found.group) == ("OWASP", "3.2", "REQUEST-942-APPLICATION-ATTACK-SQLI")
    assert (found.file, found.message) == (f"{found.group}.conf", "SQL Injection Attack Detected via libinjection")
    assert "within ARGS:id" in found.data


def managed(**more: Any) -> WafPolicy:
    return WafPolicy("waf", "waf", managed=(WafManaged("OWASP", "3.2", tuple((g, g) for g in GROUPS), **more),))


def test_rules_that_are_off_do_not_count() -> None:
    scanner = request(User_Agent="sqlmap/1.0")
    assert status(managed(), scanner) == 403
    assert status(managed(disabled=(913100,)), scanner) == 200
    assert status(managed(disabled=(913100,)), request(SQLI)) == 403


def test_a_rule_that_blocks_alone_needs_no_score() -> None:
    verdict = judged(managed(blocking=(920350,)), request(Host="192.0.2.80"))[0]
    assert (verdict.status, [e.action for e in verdict.events]) == (403, ["Blocked"])


def test_a_rule_that_is_only_told_does_not_add_up() -> None:
    verdict = judged(managed(logging=(942100,)), request(SQLI))[0]
    assert (verdict.status, {e.rule: e.action for e in verdict.events}) == (200, {"942100": "Log"})
    (found,) = verdict.events
    assert (found.group, found.kind) == ("REQUEST-942-APPLICATION-ATTACK-SQLI", "OWASP")
    both = judged(managed(logging=(942100,)), request(SQLI + "&x=<script>alert(1)</script>"))[0]
    assert both.status == 403
    assert {"942100": "Log", "941100": "Matched", "949110": "Blocked"}.items() <= {
        e.rule: e.action for e in both.events
    }.items()


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(managed(logging=(942100, 913100, 200002)), id="rules of several groups"),
        pytest.param(managed(logging=(942110,)), id="a rule of a higher level"),
    ],
)
def test_the_text_of_what_is_only_told_has_nothing_else(found: WafPolicy) -> None:
    wanted = {str(n) for n in found.managed[0].logging}
    attack = request(SQLI + "&x=<script>alert(1)</script>&f=../../etc/passwd&n=1'", User_Agent="sqlmap/1.0")
    told = {e.rule for e in judged(found, attack)[0].events if e.action == "Log"}
    assert told
    assert told <= wanted
    alone = Compiler()
    alone.compile(seclang.told(found))
    assert {str(m.rule_id) for m in alone.matched(seclang.told(found), attack, b"")} == told


def test_rules_of_a_higher_level_are_there_when_the_level_is() -> None:
    quote = request("/?n=%27")
    assert status(managed(), quote) == 200
    rest = tuple(sorted(rule_sets.BEYOND - {942110}))
    assert {e.rule for e in judged(managed(level=4, disabled=rest), quote)[0].events} == {"942110"}
    assert judged(managed(level=4, disabled=(*rest, 942110)), quote)[0].events == ()


BEFORE = b'before\r\n--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'


def general(**more: Any) -> WafPolicy:
    return WafPolicy("waf", "waf", managed=(WafManaged("OWASP", "3.2", (("General", seclang.GENERAL),), **more),))


@pytest.mark.parametrize(
    ("body", "kind", "number"),
    [
        pytest.param(b"{", JSON, 200002, id="JSON that is none"),
        pytest.param(BEFORE, "multipart/form-data; boundary=x", 200003, id="something before the parts"),
    ],
)
def test_bodies_that_cannot_be_read_are_blocked_by_rules_that_can_be_off(body: bytes, kind: str, number: int) -> None:
    broken = request(body=body, kind=kind)
    verdict = judged(general(), broken)[0]
    assert verdict.status == 403
    assert (str(number), "General", "Blocked") in {(e.rule, e.group, e.action) for e in verdict.events}
    assert status(general(disabled=(200002, 200003)), broken) == 200
    told = judged(general(logging=(200002, 200003)), broken)[0]
    assert told.status == 200
    assert (str(number), "Log") in {(e.rule, e.action) for e in told.events}


EXCLUSIONS = [
    ("args", True, "equal", "/etc/passwd", request("/?/etc/passwd=test"), "a key"),
    ("args", True, "any", "", request("/?/etc/passwd=test&.htaccess=test2"), "all keys"),
    ("args", False, "equal", "text", request("/?text=/etc/passwd"), "a value by its name"),
    ("args", False, "any", "", request("/?text=/etc/passwd&text2=.cshrc"), "all values"),
    ("args", True, "contains", "sleep", request(body=b'{"sleep(5)":"test"}', kind=JSON), "a key in JSON"),
    ("args", True, "any", "", request(body=b'{".zshrc":"value","sleep(5)":"value2"}', kind=JSON), "all keys in JSON"),
    ("args", False, "equal", "test", request(body=b'{"test":".zshrc"}', kind=JSON), "a value in JSON"),
    ("args", False, "any", "", request(body=b'{"key1":".zshrc","key2":"sleep(5)"}', kind=JSON), "all values in JSON"),
    ("headers", True, "equal", "X-Scanner", request(X_Scanner="test"), "a header's key"),
    ("headers", True, "any", "", request(X_Scanner="test", x_ratproxy_loop="test"), "all headers' keys"),
    ("headers", False, "equal", "head1", request(head1="X-Scanner"), "a header's value"),
    ("headers", False, "any", "", request(head1="myvar=1234", User_Agent="(hydra)"), "all headers' values"),
    ("cookies", True, "contains", "/etc/passwd", request(Cookie="/etc/passwdtest=hello1"), "a cookie's key"),
    ("cookies", False, "equal", "arg1", request(Cookie="arg1=/etc/passwd"), "a cookie's value"),
    ("cookies", False, "any", "", request(Cookie="arg1=/etc/passwd; arg1=.cshrc"), "all cookies' values"),
    ("args", False, "begins", "te", request("/?text=/etc/passwd"), "values of names that begin so"),
    ("args", False, "ends", "xt", request("/?text=/etc/passwd"), "values of names that end so"),
]


@pytest.mark.parametrize(
    ("part", "keys", "operator", "selector", "what"), [pytest.param(*row[:-1], id=row[-1]) for row in EXCLUSIONS]
)
def test_an_exclusion_of(part: str, keys: bool, operator: str, selector: str, what: Request) -> None:
    """Source: facts/web-application-firewall.md, conformance examples A."""
    assert status(policy(managed=True), what) == 403
    of = policy(managed=True, exclusions=(WafExclusion(part, keys, operator, selector),))
    assert judged(of, what)[0].events == ()
    elsewhere = request(Cookie="other=/etc/passwd") if part == "args" else request("/?other=/etc/passwd")
    assert status(of, elsewhere) == 403


def test_an_exclusion_for_a_rule_leaves_the_others() -> None:
    what = request("/?text=/etc/passwd")
    rules = {int(e.rule) for e in judged(policy(managed=True), what)[0].events} - {seclang.EXCEEDED}
    assert rules == {930120, 932160}
    for each in rules:
        of = policy(managed=True, exclusions=(WafExclusion("args", False, "equal", "text", (each,)),))
        assert {int(e.rule) for e in judged(of, what)[0].events} == rules - {each} | {seclang.EXCEEDED}
    both = policy(managed=True, exclusions=(WafExclusion("args", False, "equal", "text", tuple(rules)),))
    assert status(both, what) == 200
    assert status(both, request("/?other=/etc/passwd")) == 403


def test_names_of_arguments_count_with_their_case_and_those_of_headers_without() -> None:
    """Source: facts/web-application-firewall.md, W11."""
    args = policy(managed=True, exclusions=(WafExclusion("args", False, "equal", "text"),))
    assert status(args, request("/?TEXT=/etc/passwd")) == 403
    headers = policy(managed=True, exclusions=(WafExclusion("headers", False, "equal", "HEAD1"),))
    assert status(headers, request(head1="X-Scanner")) == 200


BODY = WafBody(inspected=1024, limit=2048, files=4096)


def upload(size: int) -> Request:
    head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
    return Request(
        "192.0.2.1",
        "POST",
        "/",
        "1.1",
        heads({"Host": "a", "Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(size)}.items()),
        head,
        size,
        True,
    )


@pytest.mark.parametrize(
    ("body", "what", "found"),
    [
        pytest.param(BODY, request(body=b"a=" + b"b" * 2046), 200, id="a body at the limit"),
        pytest.param(BODY, request(body=b"a=" + b"b" * 2047), 413, id="a body beyond the limit"),
        pytest.param(
            WafBody(inspected=1024, limit=2048, enforce=False),
            request(body=b"a=" + b"b" * 9000),
            200,
            id="not enforced",
        ),
        pytest.param(BODY, upload(4096 + 4096), 200, id="a file at the limit and its slack"),
        pytest.param(BODY, upload(4096 + 4097), 413, id="a file beyond that"),
        pytest.param(WafBody(files=4096, enforce_files=False), upload(90_000), 200, id="a file, not enforced"),
        pytest.param(
            BODY,
            Request("192.0.2.1", "POST", "/", "1.1", ((b"host", b"a"),), b"b" * 2049, None, True),
            413,
            id="a body of nobody knows what length",
        ),
    ],
)
def test_sizes(body: WafBody, what: Request, found: int) -> None:
    """Source: facts/web-application-firewall.md, conformance examples E."""
    assert status(policy(body=body), what) == found
    verdict = judged(policy(body=body, detect=True), what)[0]
    assert (verdict.status, [e.action for e in verdict.events]) == (200, ["Detected"] if found == 413 else [])


def test_a_rule_that_allows_comes_before_the_size() -> None:
    of = policy(rule("r", "allow", condition("header", "any", selector="xyz")), body=BODY)
    long = b"a" * 4000
    assert (status(of, request(body=long)), status(of, request(body=long, xyz="1"))) == (413, 200)


def test_what_is_beyond_the_depth_is_not_looked_at_and_no_fault() -> None:
    of = policy(managed=True, body=WafBody(inspected=64, limit=9000))
    attack = "<script>alert(1)</script>"
    assert status(of, request(body=('{"a": "' + "b" * 100 + attack + '"}').encode(), kind=JSON)) == 200
    assert status(of, request(body=f"a={attack}{'b' * 100}".encode())) == 403


@pytest.mark.parametrize("kind", [JSON, "application/x-www-form-urlencoded", "text/xml"])
@pytest.mark.parametrize("held", [b"a=<script>alert(1)</script>", b"{", b""])
def test_where_bodies_are_not_checked_everything_else_is(held: bytes, kind: str) -> None:
    """A body may even not have come at all."""
    unseen = policy(managed=True, body=WafBody(check=False))
    kept = {"Content_Type": kind, "Content_Length": "30"}
    for target, expected in (("/", 200), ("/?x=%3Cscript%3Ealert(1)%3C/script%3E", 403)):
        asked = replace(request(target, method="POST", **kept), body=held, length=30)
        assert status(unseen, asked) == expected


def test_an_attack_in_bytes_that_are_no_text_is_told_all_the_same(tmp_path: Path) -> None:
    verdict = judged(policy(managed=True), request("/?a=%ff%fe<script>alert(1)</script>\xff"))[0]
    assert verdict.status == 403
    told = list(logs.lines(policy(), USE, request("/?a=\xff"), verdict.events, "now"))
    logs.write(tmp_path / "log", told)
    assert all(json.loads(line) for line in (tmp_path / "log").read_text().splitlines())


def test_policies_whose_managed_rules_are_alike_share_them() -> None:
    made = Compiler()
    of = [policy(rule(str(i), "block", condition("uri", "contains", str(i))), managed=True) for i in range(3)]
    inspectors = [Inspector(each, made, country, CLEARANCE) for each in of]
    assert len({i.texts[1] for i in inspectors}) == 1
    assert len({i.texts[0] for i in inspectors}) == 3


def test_what_cannot_be_compiled_says_why() -> None:
    of = policy(rule("r", "block", condition("address", "network", 'a"b')))
    with pytest.raises(ValueError, match="Rules error"):
        Inspector(of, Compiler(), country, CLEARANCE)
    assert status(policy(rule("after", "block", condition("uri", "contains", "after"))), request("/after")) == 403


def test_the_text_of_managed_rules() -> None:
    set_ = WafManaged("OWASP", "3.2", (("SQLI", GROUPS[-1]), ("XSS", GROUPS[-2])), disabled=(942100,))
    only = (WafExclusion("headers", False, "equal", "a-b", (941100,)),)
    text = seclang.managed(WafPolicy("p", "p", managed=(set_,), exclusions=only))
    assert [line for line in text.splitlines() if line.startswith(("Include", "SecRuleRemove", "SecRuleUpdate"))] == [
        f"Include {seclang.RULES}/REQUEST-901-INITIALIZATION.conf",
        f"Include {seclang.RULES}/{GROUPS[-2]}.conf",
        f"Include {seclang.RULES}/{GROUPS[-1]}.conf",
        f"Include {seclang.RULES}/REQUEST-949-BLOCKING-EVALUATION.conf",
        "SecRuleRemoveById 942100",
        r'SecRuleUpdateTargetById 941100 "!REQUEST_HEADERS:a-b"',
    ]


USE = Use("waf", "Listener", "l", "site", "/gateways/gw", "gw")


def line(*scrubs: WafScrub, data: str = "") -> dict[str, Any]:
    of = policy(scrubs=scrubs, origin="/policies/waf")
    event = Event("942100", "Matched", "SQL", "OWASP", "3.2", "REQUEST-942", data, "a.conf", "7")
    (found,) = logs.lines(of, USE, request("/x?y=z"), [event], "2026-01-01T00:00:00.000Z")
    return found


def test_a_line_of_the_log() -> None:
    """Source: facts/web-application-firewall.md, W16."""
    found = line(data="x found within ARGS:y: z")
    said = found["properties"]
    assert len(said.pop("transactionId")) == 32
    assert found == {
        "timeStamp": "2026-01-01T00:00:00.000Z",
        "resourceId": "/gateways/gw",
        "operationName": "ApplicationGatewayFirewall",
        "category": "ApplicationGatewayFirewallLog",
        "properties": {
            "instanceId": "gw",
            "clientIp": "192.0.2.1",
            "requestUri": "/x?y=z",
            "ruleSetType": "OWASP",
            "ruleSetVersion": "3.2",
            "ruleId": "942100",
            "ruleGroup": "REQUEST-942",
            "message": "SQL",
            "action": "Matched",
            "site": "Listener",
            "details": {"message": "SQL", "data": "x found within ARGS:y: z", "file": "a.conf", "line": "7"},
            "hostname": "shop.test",
            "policyId": "/policies/waf",
            "policyScope": "Listener",
            "policyScopeName": "l",
        },
    }


@pytest.mark.parametrize(
    ("scrub", "data", "hidden"),
    [
        pytest.param(WafScrub("arg", "y"), "x found within ARGS:y: secret", True, id="an argument"),
        pytest.param(WafScrub("arg", "y"), "x found within ARGS:z: secret", False, id="another argument"),
        pytest.param(WafScrub("arg"), "x found within ARGS:z: secret", True, id="any argument"),
        pytest.param(WafScrub("header", "x-key"), "x found within REQUEST_HEADERS:X-Key: secret", True, id="a header"),
        pytest.param(WafScrub("cookie", "c"), "x found within REQUEST_COOKIES:c: secret", True, id="a cookie"),
        pytest.param(WafScrub("json", "k"), "x found within ARGS:json.k: secret", True, id="a member of JSON"),
        pytest.param(WafScrub("json", "k"), "x found within ARGS:k: secret", False, id="an argument is no JSON"),
    ],
)
def test_what_is_scrubbed(scrub: WafScrub, data: str, hidden: bool) -> None:
    assert (line(scrub, data=data)["properties"]["details"]["data"] == logs.HIDDEN) is hidden
    assert line(WafScrub("address"))["properties"]["clientIp"] == logs.HIDDEN


def test_the_log_does_not_grow_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 100)
    path = tmp_path / "firewall.log"
    for number in range(20):
        logs.write(path, [{"n": number, "text": "x" * 30}])
    before = path.with_name("firewall.log.1")
    assert before.stat().st_size < 200
    assert not path.exists() or path.stat().st_size <= 100
    assert json.loads(before.read_text().splitlines()[0])["n"] > 0
    logs.write(path, [])


@pytest.mark.parametrize(
    ("address", "code"),
    [
        pytest.param("198.18.0.9", "DE", id="a host"),
        pytest.param("198.18.0.10", "US", id="the prefix around it"),
        pytest.param("2001:2::1", "FR", id="IPv6"),
    ],
)
def test_where_clients_are(address: str, code: str) -> None:
    from ipaddress import ip_address

    places = [("198.18.0.0/24", "US"), ("198.18.0.9/32", "DE"), ("2001:2::/48", "FR")]
    found: IPAddress = ip_address(address)
    assert Plan(places).country(found) == code


def test_the_set_of_these_tests_is_one_that_is_installed() -> None:
    assert all(Path(seclang.RULES, f"{own}.conf").exists() for _, own in MANAGED.groups)
