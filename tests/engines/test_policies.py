"""How the routing methods choose: the same for the same question, within what chance allows, by the narrowest place."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.dns.places import Places
from lazulite.engines.dns.policies import Asked, Chosen, choose
from lazulite.engines.dns.spec import ChoiceSpec, PlaceSpec, PolicySpec

A, AAAA, CNAME = 1, 28, 5
IE, FR, US = ("IE", "GEO-EU", "WORLD"), ("FR", "GEO-EU", "WORLD"), ("US-CA", "US", "GEO-NA", "WORLD")


def to(name: str, **fields: Any) -> ChoiceSpec:
    return ChoiceSpec(name, fields.pop("target", f"{name}.test"), **fields)


def policy(method: str, *choices: ChoiceSpec, **fields: Any) -> PolicySpec:
    return PolicySpec("p", method, 30, choices, "up", **fields)


def places(**known: tuple[str, ...]) -> Places:
    """``places(a=("198.18.0.1/32", *codes))``."""
    made = Places()
    for name, (prefix, *codes) in known.items():
        made.put(PlaceSpec(name, prefix, tuple(codes)))
    return made


def asked(codes: tuple[str, ...] = (), client: str = "198.18.0.1", bits: int = 32, **ways: float) -> Asked:
    made = Places()
    if codes or ways:
        made.put(PlaceSpec("c", f"{client}/{bits}", codes or ("WORLD",), ways))
    return Asked(CNAME, ip_address(client), bits, made.find(ip_address(client), bits))


def answer(spec: PolicySpec, who: Asked, *down: str) -> Chosen | None:
    return choose({"p": spec}, "p", who, {"up": frozenset(down)})


def target(spec: PolicySpec, who: Asked, *down: str) -> str:
    found = answer(spec, who, *down)
    return "" if found is None else found.target.removesuffix(".test")


GEOGRAPHIC = policy("geographic", to("ie", places=("IE",)), to("eu", places=("GEO-EU",)))


@pytest.mark.parametrize(
    ("who", "down", "expected"),
    [
        pytest.param(IE, (), "ie", id="the country is narrower than its grouping"),
        pytest.param(IE, ("ie",), "ie", id="health is not asked"),
        pytest.param(FR, (), "eu", id="the grouping takes the rest of it"),
        pytest.param(US, (), "", id="nobody is mapped"),
        pytest.param((), (), "", id="nobody knows where the client is"),
    ],
)
def test_geographic_is(who: tuple[str, ...], down: tuple[str, ...], expected: str) -> None:
    assert target(GEOGRAPHIC, asked(who), *down) == expected


def test_a_stopped_endpoint_keeps_its_region_and_has_no_answer() -> None:
    spec = policy("geographic", to("ie", target="", places=("IE",)), to("world", places=("WORLD",)))
    assert target(spec, asked(IE)) == ""
    assert target(spec, asked(FR)) == "world"
    found = answer(spec, asked(IE))
    assert found is not None
    assert not found.missing, "the name is there"


@given(st.lists(st.sampled_from(US), min_size=1, max_size=4, unique=True))
def test_the_narrowest_region_wins_whatever_the_order(mapped: list[str]) -> None:
    spec = policy("geographic", *(to(code.lower(), places=(code,)) for code in mapped))
    assert target(spec, asked(US)) == min(mapped, key=US.index).lower()


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(1, 900), min_size=1), st.data())
def test_performance_takes_the_least_latency_of_those_that_are_up(ways: dict[str, float], data: st.DataObject) -> None:
    down = data.draw(st.sets(st.sampled_from(sorted(ways)), max_size=len(ways) - 1))
    spec = policy("performance", *(to(name, location=name) for name in ways))
    left = {n: w for n, w in ways.items() if n not in down}
    assert left[target(spec, asked(**ways), *down)] == min(left.values())


def test_endpoints_of_one_region_share_it() -> None:
    spec = policy("performance", to("a", location="x"), to("b", location="x"), to("far", location="y"))
    assert {target(spec, asked(x=1, y=2)) for _ in range(60)} == {"a", "b"}
    assert target(spec, asked(x=1, y=2), "a", "b") == "far", "the next closest region"


def test_a_subnet_of_the_clients_own_is_stronger_than_the_distance_while_its_endpoint_is_up() -> None:
    spec = policy("performance", to("own", location="y", subnets=("198.18.0.0/24",)), to("near", location="x"))
    assert target(spec, asked(x=1, y=2)) == "own"
    assert target(spec, asked(x=1, y=2), "own") == "near"


def test_a_subnet_of_the_clients_own_is_stronger_than_its_region_whatever_the_health() -> None:
    spec = policy("geographic", to("own", places=("JP",), subnets=("198.18.0.0/24",)), to("ie", places=("IE",)))
    assert target(spec, asked(IE), "own") == "own"


SUBNET = policy("subnet", to("mapped", subnets=("198.18.0.0/24",)), to("rest"))


@pytest.mark.parametrize(
    ("client", "down", "expected", "missing"),
    [
        pytest.param("198.18.0.9", (), "mapped", False, id="a client in a range"),
        pytest.param("198.18.1.9", (), "rest", False, id="a client in none"),
        pytest.param("198.18.0.9", ("mapped",), "", True, id="a range whose endpoint fails"),
        pytest.param("198.18.0.9", ("mapped", "rest"), "mapped", False, id="when all fail"),
        pytest.param("2001:2::9", (), "rest", False, id="the other version"),
    ],
)
def test_subnet_is(client: str, down: tuple[str, ...], expected: str, missing: bool) -> None:
    found = answer(SUBNET, Asked(CNAME, ip_address(client), 32), *down)
    assert found is not None
    assert (found.target.removesuffix(".test"), found.missing) == (expected, missing)


def test_without_a_fallback_a_client_in_no_range_has_no_name() -> None:
    found = answer(policy("subnet", to("mapped", subnets=("10.0.0.0/8",))), asked())
    assert found is not None
    assert found.missing


def test_weights_are_shares_within_what_chance_allows() -> None:
    spec = policy("weighted", to("a", weight=1), to("b", weight=9))
    found = [target(spec, asked()) for _ in range(2000)]
    assert 100 < found.count("a") < 300, "mean 200, eight standard deviations are 108"
    assert {target(spec, asked(), "b") for _ in range(20)} == {"a"}


@pytest.mark.parametrize("method", ["priority", "performance", "geographic", "subnet"])
def test_what_is_not_left_to_chance_is_the_same_each_time(method: str) -> None:
    choices = (to("a", priority=2, places=("IE",), subnets=("198.18.0.0/24",)), to("b", location="x"))
    found = {target(policy(method, *choices), asked(IE, x=1.0)) for _ in range(30)}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("choice", "a", "aaaa", "cname"),
    [
        pytest.param({"target": "", "address": "8.8.8.8"}, True, False, False, id="an IPv4 address"),
        pytest.param({"target": "", "address": "2600::1"}, False, True, False, id="an IPv6 address"),
        pytest.param({}, True, True, True, id="a name"),
    ],
)
def test_an_endpoint_answers_questions_of_its_own_type(
    choice: dict[str, Any], a: bool, aaaa: bool, cname: bool
) -> None:
    for qtype, expected in ((A, a), (AAAA, aaaa), (CNAME, cname)):
        found = choose({"p": policy("priority", to("x", **choice))}, "p", Asked(qtype), {})
        given = found is not None and bool(found.target or (found.addresses and qtype != CNAME))
        assert given is expected, qtype


def test_several_answers_are_as_many_as_allowed_of_those_that_are_up() -> None:
    ends = (to(str(i), target="", address=f"8.8.8.{i}") for i in range(6))
    spec = policy("multivalue", *ends, limit=3)
    found = choose({"p": spec}, "p", Asked(A), {"up": frozenset({"0", "1"})})
    assert found is not None
    assert len(set(found.addresses)) == 3
    assert not {str(a) for a in found.addresses} & {"8.8.8.0", "8.8.8.1"}


def test_the_longest_prefix_says_where_a_client_is() -> None:
    made = places(wide=("198.18.0.0/16", *FR), one=("198.18.0.7/32", *IE), six=("2001:2::/32", *US))
    assert [(w.codes, w.bits) for c in ("198.18.0.7", "198.18.9.9") if (w := made.find(ip_address(c), 32))] == [
        (IE, 32),
        (FR, 16),
    ]
    six = made.find(ip_address("2001:2::1"), 56)
    assert six is not None
    assert six.codes == US
    assert made.find(ip_address("9.9.9.9"), 32) is None
    assert made.find(None, 0) is None


def test_a_part_of_an_address_is_where_the_lowest_place_within_it_is() -> None:
    made = places(b=("198.18.0.9/32", *FR), a=("198.18.0.7/32", *IE))
    found = made.find(ip_address("198.18.0.0"), 24)
    assert found is not None
    assert (found.codes, found.bits) == (IE, 24)
    made.drop(PlaceSpec("a", "198.18.0.7/32", IE))
    found = made.find(ip_address("198.18.0.0"), 24)
    assert found is not None
    assert found.codes == FR


@pytest.mark.parametrize(
    ("spec", "bits"),
    [
        pytest.param(GEOGRAPHIC, 32, id="where the client is"),
        pytest.param(SUBNET, 24, id="its range"),
        pytest.param(policy("priority", to("a")), 0, id="nothing of it"),
    ],
)
def test_the_answer_says_how_much_of_the_client_decided(spec: PolicySpec, bits: int) -> None:
    found = answer(spec, asked(IE))
    assert found is not None
    assert found.scope == bits
