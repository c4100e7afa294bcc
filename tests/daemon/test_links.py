"""Peering links that carry nothing."""

from __future__ import annotations

import pytest

from lazulite.daemon.links import loose
from lazulite.forwarding.model import Peering
from tests.build import Lab, resource_id


def networks(*links: tuple[str, str]) -> Lab:
    lab = Lab()
    for number, name in enumerate(("one", "two", "three")):
        lab.vnet(name, f"10.{number}.0.0/16")
    for one, other in links:
        lab.peer(one, other)
    return lab


def told(lab: Lab) -> list[tuple[str, str, str]]:
    return [(end.name, end.there.rpartition("/")[2], end.state) for end in loose(lab.snapshot)]


@pytest.mark.parametrize(
    ("links", "found"),
    [
        pytest.param([], [], id="no links"),
        pytest.param([("one", "two"), ("two", "one")], [], id="two ends are a link"),
        pytest.param([("one", "two")], [("one", "two", "Initiated")], id="one end waits for the other"),
        pytest.param(
            [("two", "three"), ("one", "two")],
            [("one", "two", "Initiated"), ("two", "three", "Initiated")],
            id="in the order of ids",
        ),
    ],
)
def test_ends_that_are_not_connected_are_told(links: list[tuple[str, str]], found: list[tuple[str, str, str]]) -> None:
    lab = networks(*links)
    assert told(lab) == found
    assert len(lab.compile().all(Peering)) == len(links) - len(found)


def test_an_end_that_lost_the_other_is_disconnected() -> None:
    lab = networks(("one", "two"), ("two", "one"))
    lab.unpeer("two", "one")
    assert told(lab) == [("one", "two", "Disconnected")]


def test_an_end_is_told_by_its_id_and_both_networks() -> None:
    [end] = loose(networks(("one", "two")).snapshot)
    assert end.id.startswith(resource_id("virtualNetworks", "one").text + "/virtualNetworkPeerings/")
    assert (end.here, end.there) == tuple(resource_id("virtualNetworks", n).key for n in ("one", "two"))
