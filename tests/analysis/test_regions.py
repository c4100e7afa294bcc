"""Addresses of several regions in a trace: which region it names, why there is none, and what else passes there."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.analysis import Index, trace
from lazulite.analysis.answers import Disposition
from lazulite.analysis.explain import explain
from lazulite.forwarding.model import GlobalRule, Nearness
from lazulite.incremental import Delta
from lazulite.values import Flow, Protocol
from tests.drivers.test_global import ADDRESS, EAST, REGIONS, SENDERS, WEST, everywhere, up

FROM = {"dutch": ip_address("198.18.200.1"), "texan": ip_address("198.18.200.2")}


def world(*entries: Any) -> Index:
    hosts = [
        type(e)(e.name, e.label, e.guid, (FROM[e.name],)) if e.name in FROM and hasattr(e, "guid") else e
        for e in SENDERS
    ]
    return Index([*REGIONS, *hosts, *entries])


def asked(index: Index, source: str, port: int = 80, protocol: Protocol = Protocol.TCP) -> tuple[Disposition, str]:
    """How the packet ends, and what the choice of a region says."""
    found = trace(index, source, Flow(FROM[source], ADDRESS, protocol, port, 40000))
    said = [s.detail for hop in found.hops for s in hop.steps if s.stage == "cross-region"]
    return found.disposition, said[0] if said else ""


@pytest.mark.parametrize(("source", "region"), [("dutch", WEST), ("texan", EAST)])
def test_each_source_has_its_nearest_region(source: str, region: str) -> None:
    _, said = asked(world(everywhere(), *up("/one", "/two")), source)
    assert f"in {region}, the nearest of 2 regions that can serve" in said


def test_the_next_region_where_the_nearest_cannot_serve() -> None:
    _, said = asked(world(everywhere(), *up("/two")), "dutch")
    assert f"in {EAST}, the nearest of 1 regions that can serve" in said


@pytest.mark.parametrize(
    ("flow", "ends"),
    [
        pytest.param((81, Protocol.TCP), Disposition.NO_RULE, id="another port"),
        pytest.param((80, Protocol.UDP), Disposition.NO_RULE, id="another protocol"),
        pytest.param((0, Protocol.ICMP), Disposition.NO_RULE, id="an echo request"),
    ],
)
def test_nothing_passes_but_what_a_rule_takes(flow: tuple[int, Protocol], ends: Disposition) -> None:
    assert asked(world(everywhere(), *up("/one")), "dutch", *flow)[0] is ends


def test_no_region_that_can_serve() -> None:
    found, said = asked(world(everywhere()), "dutch")
    assert (found, said) == (Disposition.NO_HEALTHY_BACKEND, "none of 2 regional frontends of g can serve")


def test_an_index_follows_rules_and_orders() -> None:
    index, rule, order = world(everywhere(), *up("/one", "/two")), everywhere(), Nearness("dutch", (EAST,))
    index.update(Delta({order.key: order}))
    assert f"in {EAST}" in asked(index, "dutch")[1]
    index.update(Delta({}, {rule.key: rule}))
    assert not index.global_rules(ADDRESS)
    assert asked(index, "dutch")[1] == ""


def test_an_explanation_names_the_global_rule() -> None:
    index = world(GlobalRule("g", "web everywhere", ADDRESS, Protocol.TCP, 80, everywhere().members), *up("/one"))
    said = "\n".join(explain(trace(index, "dutch", Flow(FROM["dutch"], ADDRESS, Protocol.TCP, 80, 40000))))
    assert f"/one f in {WEST}" in said
