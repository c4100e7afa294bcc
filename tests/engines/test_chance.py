"""What chance can come to, worked out before anybody asks; and that clients get it as often as it is likely."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from math import sqrt

import dns.edns
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.dns import chance
from lazulite.engines.dns.chance import Chance, Following, Lots, every
from lazulite.engines.dns.service import Service
from lazulite.engines.dns.spec import ChoiceSpec, Listener, PolicySpec, ZoneSpec
from lazulite.engines.dns.tables import Set
from lazulite.engines.dns.world import World
from tests.engines.test_signing import sets

ROUNDS = 6000
HEAD = "@ 3600 SOA ns1.one.com. me.one.com. 1 3600 300 2419200 60\n"


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """The same luck in every run."""
    before = random.getstate()
    random.seed(7)
    yield
    random.setstate(before)


def about(found: int, expected: float, rounds: int = ROUNDS) -> bool:
    """Within six standard deviations."""
    return abs(found - rounds * expected) < 6 * sqrt(rounds * expected * (1 - expected)) + 1


# Games.


def shares(lots: Lots[str]) -> dict[str, float]:
    bounds = [0.0, *lots.bounds]
    found: Counter[str] = Counter()
    for result, below, above in zip(lots.results, bounds, bounds[1:], strict=False):
        found[result] += above - below  # type: ignore[assignment]
    return {k: round(v, 6) for k, v in found.items()}


@pytest.mark.parametrize(
    ("play", "expected"),
    [
        pytest.param(lambda c: "a", {"a": 1.0}, id="nothing is drawn"),
        pytest.param(lambda c: "ab"[c.draw([1, 3])], {"a": 0.25, "b": 0.75}, id="one draw by weight"),
        pytest.param(
            lambda c: "ab"[c.draw([1, 1])] + "xy"[c.draw([1, 4])],
            {"ax": 0.1, "ay": 0.4, "bx": 0.1, "by": 0.4},
            id="two draws",
        ),
        pytest.param(
            lambda c: "ab"[c.draw([1, 2])] if c.draw([1, 1]) else "z",
            {"z": 0.5, "a": 0.166667, "b": 0.333333},
            id="a draw that depends on another",
        ),
    ],
)
def test_every_way_a_game_ends_and_how_likely(play: object, expected: dict[str, float]) -> None:
    assert shares(every(play)) == expected  # type: ignore[arg-type]


@given(st.lists(st.lists(st.integers(1, 1000), min_size=1, max_size=4), max_size=4))
def test_likelihoods_add_up_to_one(draws: list[list[int]]) -> None:
    lots = every(lambda c: tuple(c.draw(weights) for weights in draws))
    assert sum(shares(lots).values()) == pytest.approx(1.0, abs=1e-3)  # type: ignore[arg-type]
    assert lots.lasting
    assert len(set(lots.results)) == len(lots.results)


def test_of_too_many_ends_some_are_drawn_and_others_after_a_while() -> None:
    lots = every(lambda c: tuple(c.draw([1] * 10) for _ in range(3)))
    following = Following(lots, lambda result: result)
    assert (len(lots.results), lots.lasting, following.used_up) == (chance.DRAWN, False, False)
    for _ in range(chance.USES):
        assert following.pick() in lots.results
    assert following.used_up


def test_what_follows_from_a_result_is_worked_out_once_and_as_likely() -> None:
    made: list[int] = []
    following = Following(every(lambda c: c.draw([1, 2, 7])), lambda result: (made.append(result), str(result))[1])
    found = Counter(following.pick() for _ in range(ROUNDS))
    assert all(about(found[result], share) for result, share in (("0", 0.1), ("1", 0.2), ("2", 0.7))), found
    assert sorted(made) == [0, 1, 2]
    assert not following.used_up, "what is all there is stays"


def test_only_a_draw_among_several_is_one() -> None:
    drawing = Chance()
    assert (drawing.draw([5]), drawing.drawn) == (0, False)
    drawing.draw([5, 5])
    assert drawing.drawn


# Answers.


def service(*policies: PolicySpec, seed: str = "", scope: bool = False) -> Service:
    made = World()
    made.put([ZoneSpec("z", "contoso.com", 1, seed), *policies])
    named = [Set(p.key, "ANY", p.ttl, (), p.key) for p in policies]
    made.tables["z"].put([*sets(HEAD, "contoso.com."), *named, Set("go", "CNAME", 60, (b"\3app\7contoso\3com\0",))])
    return Service(made, Listener("l", "192.0.2.1", number=1), b"s")


def policy(method: str, *weights: int, key: str = "app", limit: int = 1) -> PolicySpec:
    choices = tuple(ChoiceSpec(str(i), address=f"192.0.2.{i}", weight=w) for i, w in enumerate(weights))
    return PolicySpec(key, method, 30, choices, "up", limit)


def asked(of: Service, name: str = "app", rounds: int = ROUNDS, **how: object) -> Counter[tuple[str, ...]]:
    """As the server's loop asks: what was kept first, and the long way where there is nothing."""
    query = dns.message.make_query(f"{name}.contoso.com", "A", **how)  # type: ignore[arg-type]
    found: Counter[tuple[str, ...]] = Counter()
    wire = query.to_wire()
    for _ in range(rounds):
        of.known()
        kept = of.drawn(wire[2:])
        said = wire[:2] + kept if kept is not None else of.answer(wire, "198.18.0.9")
        assert isinstance(said, bytes)
        answer = dns.message.from_wire(said)
        assert query.is_response(answer)
        found[tuple(str(r) for rrset in answer.answer if rrset.rdtype == 1 for r in rrset)] += 1
    return found


@pytest.mark.parametrize(
    "how", [{}, {"use_edns": 0}, {"use_edns": 0, "options": [dns.edns.GenericOption(10, b"8octets!")]}]
)
def test_a_weighted_name_is_answered_by_weight(how: dict[str, object]) -> None:
    found = asked(service(policy("weighted", 1, 2, 7)), **how)
    for address, share in (("192.0.2.0", 0.1), ("192.0.2.1", 0.2), ("192.0.2.2", 0.7)):
        assert about(found[address,], share), found


def test_an_alias_of_a_weighted_name_is_drawn_for_each_client() -> None:
    found = asked(service(policy("weighted", 1, 1)), "go")
    assert about(found["192.0.2.0",], 0.5), found


def test_many_values_are_any_so_many_of_them() -> None:
    found = asked(service(policy("multivalue", 1, 1, 1, limit=2)))
    assert len(found) == 6, "in either order"
    assert all(about(count, 1 / 6) for count in found.values()), found


def test_of_very_many_values_all_have_their_turn() -> None:
    found = asked(service(policy("multivalue", *[1] * 12, limit=3)))
    seen = Counter(address for each in found.elements() for address in each)
    assert len(seen) == 12
    assert all(len(set(each)) == 3 for each in found)
    assert all(ROUNDS / 8 < count < ROUNDS / 2 for count in seen.values()), seen


def test_one_that_goes_down_is_drawn_no_more() -> None:
    of = service(policy("weighted", 1, 1))
    assert len(asked(of, rounds=100)) == 2
    of._world.down["up"] = frozenset({"0"})
    of._world.changed()
    assert asked(of, rounds=100) == {("192.0.2.1",): 100}


def test_whoever_is_drawn_is_signed() -> None:
    of = service(policy("weighted", 1, 1), seed="seed")
    query = dns.message.make_query("app.contoso.com", "A", want_dnssec=True).to_wire()
    answers = {of.answer(query, "198.18.0.9", tcp=True) for _ in range(50)}
    assert len(answers) == 2
    assert all(isinstance(a, bytes) and [r.rdtype for r in dns.message.from_wire(a).answer] == [1, 46] for a in answers)


def test_what_depends_on_the_client_is_worked_out_for_each() -> None:
    of = service(policy("performance", 1, 1))
    wire = dns.message.make_query("app.contoso.com", "A").to_wire()
    of.known()
    of.answer(wire, "198.18.0.9")
    assert (of.known(), of.drawn(wire[2:])) == ({}, None)
