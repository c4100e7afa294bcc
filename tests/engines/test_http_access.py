"""What Envoy writes of each request, and what Azure calls the places that requests go to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lazulite.engines.http import access, lines
from lazulite.engines.http.lines import Known, Names, Since
from lazulite.forwarding.model import HttpBackend, HttpProxy, HttpRule, Rewrite, Site, WafPolicy

RULES = (HttpRule("images/0", "/i/*", "b"), HttpRule("r", "", "b"), HttpRule("away", "/a", ""))
SITE = Site("l", ip_address("10.0.0.4"), 80, rules=RULES)
PROXY = HttpProxy("gw", "gw", "gw", (SITE,), origin="/gw")
BACKENDS = {"b": HttpBackend("b", "pool/settings", "gw", 80)}
POLICIES = {
    "strict": WafPolicy("strict", "strict", origin="/strict"),
    "watching": WafPolicy("watching", "watching", detect=True, origin="/watching"),
    "off": WafPolicy("off", "off", enabled=False, origin="/off"),
}
KEY = access.short(PROXY)


def written(proxy: HttpProxy = PROXY, *, secure: bool = False) -> dict[str, str]:
    """What Envoy is asked for, by field."""
    form = access.log(proxy, "/d", secure=secure)["typed_config"]["log_format"]
    assert form["omit_empty_values"]
    text = form["text_format_source"]["inline_string"]
    assert text.endswith("\n")
    return dict(zip(lines.FIELDS, text.removesuffix("\n").split(lines.BETWEEN), strict=True))


def guarded(rule: str = "", listener: str = "", gateway: str = "") -> HttpProxy:
    rules = tuple(replace(r, policy=rule) for r in RULES)
    return replace(PROXY, sites=(replace(SITE, rules=rules, policy=listener),), policy=gateway)


REWRITING = replace(PROXY, sites=(replace(SITE, rules=(replace(RULES[1], rewrites=(Rewrite("w"),)),)),))


TLS, KEPT = {"tls", "cipher", "client"}, {"keptTrace", "keptHost", "keptPath"}


@pytest.mark.parametrize("secure", [True, False], ids=["with TLS", "in the clear"])
@pytest.mark.parametrize(
    ("proxy", "empty"),
    [
        pytest.param(PROXY, {"looked"} | KEPT, id="a plain gateway"),
        pytest.param(guarded("strict"), KEPT, id="one with a firewall"),
        pytest.param(REWRITING, {"looked"}, id="one that rewrites"),
    ],
)
def test_a_line_has_all_fields_but_asks_for_nothing_that_there_is_not(
    proxy: HttpProxy, empty: set[str], secure: bool
) -> None:
    found = written(proxy, secure=secure)
    assert {name for name, said in found.items() if not said} == (empty if secure else empty | TLS)


def test_a_line_names_its_place_by_a_short_name_of_the_gateway_and_by_the_route() -> None:
    assert written()["where"] == f"{KEY}|%ROUTE_NAME%"
    assert written(replace(PROXY, name="100% /{other}"))["where"].count("%") == 2
    assert len(KEY) == 12


def test_a_place_has_azure_s_names() -> None:
    found = access.places({"gw": PROXY}, BACKENDS, {})
    assert found == {
        f"{KEY}|": Names("/gw"),
        f"{KEY}|l|images/0": Names("/gw", "l", "images", "pool", "settings"),
        f"{KEY}|l|r": Names("/gw", "l", "r", "pool", "settings"),
        f"{KEY}|l|away": Names("/gw", "l", "away"),
    }


@pytest.mark.parametrize(
    ("proxy", "mode", "policy"),
    [
        pytest.param(guarded(gateway="strict"), "Prevention", "/strict", id="the gateway's policy"),
        pytest.param(guarded("watching", "strict"), "Detection", "/watching", id="the rule's before others"),
        pytest.param(guarded(gateway="off"), "", "", id="a policy that is off"),
        pytest.param(guarded(gateway="gone"), "", "", id="a policy that is not known any more"),
        pytest.param(guarded(), "", "", id="none"),
    ],
)
def test_a_place_says_which_firewall_policy_it_has(proxy: HttpProxy, mode: str, policy: str) -> None:
    found = access.places({"gw": proxy}, BACKENDS, POLICIES)[f"{KEY}|l|r"]
    assert (found.mode, found.policy) == (mode, policy)


A, B = Names("/a"), Names("/b")
ALWAYS = Known(True, {"x": [Since("", A)]})


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(Known(), {"x": A}, [Since("", A)], id="a new place was always called so"),
        pytest.param(ALWAYS, {"x": A}, [Since("", A)], id="what stays"),
        pytest.param(ALWAYS, {"x": B}, [Since("5", B), Since("", A)], id="what is called otherwise"),
        pytest.param(ALWAYS, {}, [Since("5", A, over=True), Since("", A)], id="what is there no more"),
        pytest.param(
            Known(True, {"x": [Since("4", A, over=True), Since("", A)]}),
            {},
            [Since("4", A, over=True), Since("", A)],
            id="what has gone before",
        ),
        pytest.param(
            Known(True, {"x": [Since("4", A, over=True), Since("", A)]}),
            {"x": A},
            [Since("5", A), Since("4", A, over=True), Since("", A)],
            id="what comes again",
        ),
        pytest.param(
            Known(True, {"x": [Since("2", B), Since("", A)]}), {"x": B}, [Since("2", B)], id="what was long ago"
        ),
        pytest.param(
            Known(True, {"x": [Since("2", A, over=True), Since("", A)]}), {}, None, id="what has gone long ago"
        ),
        pytest.param(Known(True, {"y": [Since("", A)]}), {"y": A}, None, id="what never was"),
    ],
)
def test_names_that_count_no_more_are_known_for_a_while(
    before: Known, now: dict[str, Names], expected: list[Since] | None
) -> None:
    found = access.followed(before, now, "5", "3")
    assert found.places.get("x") == expected
    assert found.serving == bool(now)


changes = st.lists(st.dictionaries(st.sampled_from("xyz"), st.sampled_from([A, B])), max_size=9)


@given(changes)
def test_a_request_of_any_time_has_the_names_of_then(history: list[dict[str, Names]]) -> None:
    known = Known()
    for number, now in enumerate(history, 1):
        known = access.followed(known, now, f"{number:02}", "")
    for number, now in enumerate(history, 1):
        assert {where: lines.names(known.places, where, f"{number:02}.") for where in now} == now


@given(changes)
def test_no_more_than_what_is_there_is_known_in_the_end(history: list[dict[str, Names]]) -> None:
    known = Known()
    for number, now in enumerate([*history, {"x": A}, {"x": A}], 1):
        known = access.followed(known, now, f"{number:02}", f"{number:02}")
    assert {where: rows[0].names for where, rows in known.places.items()} == {"x": A}


def test_a_place_that_changes_without_end_has_an_end() -> None:
    known = Known()
    for number in range(10 * access.VERSIONS):
        known = access.followed(known, {"x": Names(str(number))}, f"{number:03}", "")
    assert len(known.places["x"]) == access.VERSIONS
    assert known.places["x"][0].names == Names(str(10 * access.VERSIONS - 1))
