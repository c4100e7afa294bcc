"""Rules about clients that are no browsers, and the challenge that only a browser answers."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.storage import programs
from lazulite.engines.waf import bots, challenge
from lazulite.engines.waf.challenge import COOKIE, Clearance
from lazulite.engines.waf.seclang import RULES
from lazulite.forwarding.model import WafBot, WafBots, WafPolicy
from tests.engines.waf import CLEARANCE, condition, judged, policy, request, rule, status

BROWSERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1",
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)",
]


@pytest.mark.parametrize(
    ("agent", "sort"),
    [
        *(pytest.param(agent, "", id=f"a browser {number}") for number, agent in enumerate(BROWSERS)),
        pytest.param("", "unnamed", id="who says nothing"),
        pytest.param("  ", "unnamed", id="who says blanks"),
        pytest.param(
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "pretender", id="Google"
        ),
        pytest.param("Mozilla/5.0 (compatible; bingbot/2.0)", "pretender", id="Bing"),
        pytest.param("Mozilla/5.0 (compatible; Yahoo! Slurp)", "crawler", id="a search engine that proves nothing"),
        pytest.param("sqlmap/1.7.2#stable (https://sqlmap.org)", "tool", id="sqlmap"),
        pytest.param("Mozilla/5.00 (Nikto/2.1.6)", "tool", id="nikto"),
        pytest.param("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/130.0", "tool", id="a browser without a head"),
        pytest.param("curl/8.5.0", "library", id="curl"),
        pytest.param("python-requests/2.32.3", "library", id="requests"),
        pytest.param("Go-http-client/1.1", "library", id="Go"),
        pytest.param("Mozilla/5.0 (compatible; UptimeRobot/2.0)", "monitor", id="a monitor"),
        pytest.param("Mozilla/5.0 (compatible; AhrefsBot/7.0)", "bot", id="a bot of the core rule set's list"),
        pytest.param("Slackbot-LinkExpanding 1.0", "bot", id="another bot"),
    ],
)
def test_who_is_what(agent: str, sort: str) -> None:
    assert bots.sort_of(agent) == sort


def test_who_is_on_a_list_of_the_core_rule_set_is_of_its_sort_or_of_one_before() -> None:
    order = ["pretender", "crawler", "tool", "monitor", "library", "bot"]
    for sort, name in bots._LISTS.items():
        lines = Path(RULES, f"{name}.data").read_text().splitlines()
        listed = [line for line in lines if line.strip() and not line.lower().startswith(("#", "mozilla"))]
        assert listed
        assert {order.index(bots.sort_of(line)) for line in listed} <= set(range(order.index(sort) + 1))


@given(st.text())
def test_everybody_is_of_one_sort_at_most(agent: str) -> None:
    assert bots.sort_of(agent) in {"", "unnamed", "pretender", "crawler", "tool", "library", "monitor", "bot"}


def about(action: str, sort: str = "library") -> WafPolicy:
    rules = (WafBot("Bot1", "Bad", "pretender", "block"), WafBot("Bot3", "Unknown", sort, action, "said"))
    return policy(managed=True, bots=WafBots("Bots", "1.0", rules))


CURL = request(User_Agent="curl/8.5.0")
ATTACK = request("/?x=<script>alert(1)</script>", User_Agent="curl/8.5.0")


@pytest.mark.parametrize(
    ("action", "found", "told"),
    [
        pytest.param("block", 403, "Blocked", id="blocks"),
        pytest.param("log", 200, "Log", id="tells"),
        pytest.param("allow", 200, "Allowed", id="allows"),
        pytest.param("challenge", 403, "JSChallengeIssued", id="challenges"),
    ],
)
def test_a_rule_about_bots(action: str, found: int, told: str) -> None:
    (verdict,) = judged(about(action), CURL)
    assert verdict.status == found
    (event,) = verdict.events
    assert (event.rule, event.group, event.kind, event.version) == ("Bot3", "Unknown", "Bots", "1.0")
    assert (event.action, event.message) == (told, "said")


def test_browsers_meet_no_rule_about_bots_and_those_who_pretend_another_one() -> None:
    asked = (request(User_Agent=BROWSERS[0]), request(User_Agent="Googlebot/2.1"), request(User_Agent="sqlmap"))
    assert [v.status for v in judged(about("block"), *asked)] == [200, 403, 403]
    assert [[e.rule for e in v.events] for v in judged(about("log"), *asked[:2])] == [[], ["Bot1"]]


def test_lists_that_are_not_there_are_a_fault_of_the_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bots, "RULES", str(tmp_path))
    bots._sorts.cache_clear()
    try:
        with pytest.raises(ValueError, match="lists of bots"):
            judged(about("log"), CURL)
        assert status(policy(managed=True), CURL) == 200
    finally:
        bots._sorts.cache_clear()


def test_rules_about_bots_come_after_those_against_attacks() -> None:
    assert status(about("allow"), ATTACK) == 403
    (verdict,) = judged(about("block"), ATTACK)
    assert "Bot3" not in {e.rule for e in verdict.events}


def test_who_only_detects_tells_of_bots_and_issues_no_challenge() -> None:
    for action in ("block", "challenge"):
        detecting = WafPolicy("p", "p", detect=True, bots=about(action).bots)
        (verdict,) = judged(detecting, CURL)
        assert (verdict.status, [e.action for e in verdict.events]) == (200, ["Detected"])


CLIENT = "192.0.2.1"


def solved(page: str) -> str:
    """The cookie that the script of a page sets."""
    seed, token = re.search(r"var x = (\d+);", page), re.search(rf'"{COOKIE}=(.+)\."', page)
    assert seed
    assert token
    return f"{token[1]}.{challenge.answer(int(seed[1]))}"


def test_a_browser_that_answered_goes_on_and_the_rules_after_look_at_it() -> None:
    of = policy(rule("c", "challenge", condition("uri", "begins", "/shop")), managed=True)
    (first,) = judged(of, request("/shop"))
    assert (first.status, [e.action for e in first.events]) == (403, ["JSChallengeIssued"])
    cookie = f"a=b; {COOKIE}={solved(first.page)}"
    (second,) = judged(of, request("/shop", Cookie=cookie))
    assert (second.status, [e.action for e in second.events]) == (200, ["JSChallengeValid"])
    assert status(of, request("/other")) == 200
    assert status(of, request("/shop?x=<script>alert(1)</script>", Cookie=cookie)) == 403


def test_the_script_of_the_page_comes_to_the_same() -> None:
    """With a document of our own, as the engine of browsers runs it."""
    page = CLEARANCE.page(CLIENT, 60, time.time())
    (script,) = re.findall(r"(?s)<script>(.*)</script>", page)
    document = "var document = {cookie: ''}, location = {reload: function () { console.log(document.cookie) }};"
    done = subprocess.run([str(programs.node()), "-e", document + script], capture_output=True, text=True, check=True)
    said, path, age, same = done.stdout.strip().split("; ")
    assert said == f"{COOKIE}={solved(page)}"
    assert (path, age, same) == ("path=/", "max-age=60", "samesite=lax")
    assert CLEARANCE.holds(said, CLIENT, time.time())


GOOD = solved(CLEARANCE.page(CLIENT, 60, 1000.0))


@pytest.mark.parametrize(
    ("cookies", "client", "now", "holds"),
    [
        pytest.param(f"{COOKIE}={GOOD}", CLIENT, 1000.0, True, id="at once"),
        pytest.param(f"x=y; {COOKIE}={GOOD}", CLIENT, 1060.0, True, id="until its end"),
        pytest.param(f"{COOKIE}={GOOD}", CLIENT, 1061.0, False, id="not after it"),
        pytest.param(f"{COOKIE}={GOOD}", "192.0.2.2", 1000.0, False, id="not of another client"),
        pytest.param(f"{COOKIE}=9{GOOD}", CLIENT, 1000.0, False, id="not for longer"),
        pytest.param(f"{COOKIE}={GOOD}1", CLIENT, 1000.0, False, id="not with another answer"),
        pytest.param(f"{COOKIE}={GOOD.rpartition('.')[0]}", CLIENT, 1000.0, False, id="not without one"),
        pytest.param(f"{COOKIE}=1060.00.1", CLIENT, 1000.0, False, id="not with what is no signature"),
        pytest.param(f"{COOKIE}=", CLIENT, 1000.0, False, id="not empty"),
        pytest.param("", CLIENT, 1000.0, False, id="not without a cookie"),
        pytest.param(f"x=[\xe9; {COOKIE}={GOOD}", CLIENT, 1000.0, True, id="beside what is no cookie"),
        pytest.param("(=)", CLIENT, 1000.0, False, id="not with what is no cookie"),
    ],
)
def test_an_answer_counts(cookies: str, client: str, now: float, holds: bool) -> None:
    assert CLEARANCE.holds(cookies, client, now) is holds


@given(st.text(), st.text())
def test_no_text_is_an_answer(cookies: str, value: str) -> None:
    assert not CLEARANCE.holds(cookies, CLIENT, 0)
    assert not CLEARANCE.holds(f"{COOKIE}={value}", CLIENT, 0)


def test_secrets_are_kept_and_differ(tmp_path: Path) -> None:
    first = challenge.key(tmp_path / "a")
    assert challenge.key(tmp_path / "a") == first
    assert challenge.key(tmp_path / "b") != first
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert not Clearance(b"another").holds(f"{COOKIE}={GOOD}", CLIENT, 1000.0)
