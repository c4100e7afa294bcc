"""What the driver is given: the difference, all of it and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.agent.desired import Desired
from lazulite.agent.protocol import Change, Load
from tests.agent.entries import vrf

models = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), max_size=4)
steps = st.lists(st.tuples(models, st.sampled_from(["load", "change"]), st.booleans()), max_size=8)


@given(steps)
def test_every_path_gives_the_driver_the_last_model(path: list[tuple[dict[str, str], str, bool]]) -> None:
    desired, driver, sent = Desired(), {}, {}
    desired.load(Load("", 0, []))
    for revision, (model, how, taken) in enumerate(path, 1):
        wanted = {("Vrf", n): vrf(n, label) for n, label in model.items()}
        if how == "load":
            desired.load(Load("", revision, list(wanted.values())))
        else:
            changed = [e for k, e in wanted.items() if sent.get(k) != e]
            assert desired.change(Change(revision - 1, revision, changed, [k for k in sent if k not in wanted]))
        sent = wanted
        if taken:
            give(driver, desired)
    give(driver, desired)
    assert driver == sent == desired.given
    assert not desired.take()


def give(driver: dict[Any, Any], desired: Desired) -> None:
    """Let *driver*, the entries it holds, take the difference, which must fit on them."""
    delta = desired.take()
    for key, entry in delta.removed.items():
        assert driver.pop(key) == entry
    for key, entry in delta.changed.items():
        assert driver.get(key) == delta.before.get(key) != entry
        driver[key] = entry


@pytest.mark.parametrize(
    ("base", "fits"),
    [
        pytest.param(5, True, id="on the revision that is there"),
        pytest.param(4, False, id="on an older one"),
        pytest.param(6, False, id="on one that never came"),
    ],
)
def test_a_change_fits_on_one_revision(base: int, fits: bool) -> None:
    desired = Desired()
    desired.load(Load("", 5, [vrf("a")]))
    assert desired.change(Change(base, 9, [vrf("b")], [])) is fits
    assert desired.revision == (9 if fits else 5)
    assert len(desired.entries) == (2 if fits else 1)


def test_a_change_fits_on_nothing_before_a_load() -> None:
    assert not Desired().change(Change(0, 1, [vrf("a")], []))


def test_what_is_changed_and_changed_back_is_no_difference() -> None:
    desired = Desired()
    desired.load(Load("", 1, [vrf("a")]))
    desired.take()
    desired.change(Change(1, 2, [vrf("b")], [("Vrf", "a")]))
    desired.change(Change(2, 3, [vrf("a")], [("Vrf", "b")]))
    assert not desired.take()


def test_a_driver_that_knows_nothing_is_given_everything() -> None:
    desired = Desired()
    desired.load(Load("", 1, [vrf("a")]))
    desired.take()
    assert desired.take_all() == [vrf("a")]
    assert not desired.take()
