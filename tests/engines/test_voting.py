"""Several sites ask, each on its own; more than half of them decide."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.probe import Standing, Target, Voting
from lazulite.engines.probe.standing import UNJUDGED, Noted
from lazulite.engines.probe.voting import verdict
from lazulite.forwarding.model import Probe, ProbeProtocol

PROBE = Probe(ProbeProtocol.TCP, 80, trusting=True)
ADDRESS = ip_address("8.8.8.8")
UP, DOWN = Standing(True), Standing(reason="refused")
TRUSTED = Standing(True, judged=False)
SITES = ("x", "y", "z")


class Asked:
    """What each site was told to ask, with results that a test gives."""

    def __init__(self, noted: Noted) -> None:
        self.noted = noted
        self.pools: dict[str, dict[str, Standing]] = {}
        self.targets: dict[str, Mapping[str, Target | None]] = {}
        self.promised: list[frozenset[str] | None] = []

    def follow(
        self, pool: str, probe: Probe, targets: Mapping[str, Target | None], healthy: frozenset[str] | None
    ) -> None:
        self.targets[pool] = targets
        self.promised.append(healthy)
        self.pools[pool] = {m: Standing(True) for m in targets}
        self.noted(pool, True)

    def forget(self, pool: str) -> None:
        del self.pools[pool], self.targets[pool]

    def standings(self, pool: str) -> Mapping[str, Standing]:
        return self.pools[pool]

    def close(self) -> None:
        self.pools.clear()

    def turns(self, pool: str, reason: str) -> None:
        assert self.pools[pool]["m"].learn(reason, 1)
        self.noted(pool, True)


class Scene:
    """Members that are voted on, who asks them, and what was noted."""

    def __init__(self) -> None:
        self.asked: Asked
        self.noted: list[str] = []
        self.voting = Voting(self._make, lambda pool, turned: self.noted.append(pool))

    def _make(self, noted: Noted) -> Asked:
        self.asked = Asked(noted)
        return self.asked

    def follow(self, *sites: str) -> None:
        self.voting.follow("p", PROBE, {"m": target(*sites)}, frozenset("m"))

    @property
    def standing(self) -> Standing:
        return self.voting.standings("p")["m"]


def target(*sites: str) -> Target:
    return Target("", ADDRESS, sites=sites)


CASES = [
    pytest.param([UP, UP, UP], True, "", id="all sites say that it answers"),
    pytest.param([UP, DOWN, UP], True, "refused (at 1 of 3 sites)", id="one site that does not reach it is outvoted"),
    pytest.param([DOWN, UP, DOWN], False, "refused (at 2 of 3 sites)", id="two sites of three decide"),
    pytest.param([DOWN, DOWN, DOWN], False, "refused", id="no site reaches it"),
    pytest.param([TRUSTED, TRUSTED, UP], True, UNJUDGED, id="one site of three has judged"),
    pytest.param([TRUSTED, UP, UP], True, "", id="two have, and agree"),
    pytest.param([TRUSTED, UP, DOWN], True, UNJUDGED, id="two have, and disagree"),
    pytest.param([TRUSTED, DOWN, DOWN], False, "refused (at 2 of 3 sites)", id="two have seen it fail"),
    pytest.param([UP], True, "", id="a single site decides alone"),
    pytest.param([UP, DOWN], False, "refused (at 1 of 2 sites)", id="half is not more than half"),
]


@pytest.mark.parametrize(("found", "healthy", "told"), CASES)
def test_more_than_half_decide(found: list[Standing], healthy: bool, told: str) -> None:
    assert (verdict(found).healthy, verdict(found).told) == (healthy, told)


@given(st.lists(st.sampled_from([UP, DOWN]), min_size=1).map(lambda found: found[len(found) % 2 ^ 1 :]))
def test_whoever_has_judged_a_verdict_is_one_and_the_other_way_round_it_is_the_other(found: list[Standing]) -> None:
    """Of an odd number of sites, all of which have judged."""
    turned = [DOWN if s is UP else UP for s in found]
    assert verdict(found).judged
    assert verdict(found).healthy is not verdict(turned).healthy


def test_each_site_asks_by_itself_with_what_was_known() -> None:
    scene = Scene()
    scene.follow(*SITES)
    assert sorted(scene.asked.targets.values(), key=str) == [{"m": target(site)} for site in SITES]
    assert scene.asked.promised == [frozenset("m")] * 3
    assert set(scene.noted) == {"p"}


def test_a_majority_turns_a_member_and_every_site_is_told_of() -> None:
    scene = Scene()
    scene.follow(*SITES)
    first, second, _ = scene.asked.pools
    scene.asked.turns(first, "refused")
    assert scene.standing.healthy
    scene.noted.clear()
    scene.asked.turns(second, "refused")
    assert not scene.standing.healthy
    assert scene.noted == ["p"]
    scene.asked.turns(first, "")
    assert (scene.standing.healthy, scene.standing.sent, scene.standing.failed) == (True, 3, 2)


def test_sites_that_are_gone_ask_no_more_and_the_others_go_on() -> None:
    scene = Scene()
    scene.follow(*SITES)
    scene.follow("x", "y")
    assert list(scene.asked.targets.values()) == [{"m": target("x")}, {"m": target("y")}]
    scene.voting.forget("p")
    assert (scene.asked.targets, scene.voting.standings("p")) == ({}, {})
    scene.voting.forget("p")


def test_a_pool_with_one_site_or_none_is_asked_as_it_is() -> None:
    scene = Scene()
    scene.follow("x")
    assert scene.asked.targets == {"p": {"m": target("x")}}
    within = Target("net", ADDRESS)
    scene.voting.follow("p", PROBE, {"m": within, "off": None}, None)
    assert scene.asked.targets == {"p": {"m": within, "off": None}}


def test_what_is_noted_of_a_pool_that_nobody_follows_is_nobodys_business() -> None:
    scene = Scene()
    scene.follow("x")
    scene.voting.forget("p")
    scene.noted.clear()
    scene.asked.noted("p", True)
    assert scene.noted == []


def test_the_end_is_everybodys() -> None:
    scene = Scene()
    scene.follow(*SITES)
    scene.voting.close()
    assert scene.asked.pools == {}
