"""The wanted kernel state is a function of the model alone."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.drivers.linux import names
from lazulite.drivers.linux.realise import Realiser
from lazulite.drivers.linux.state import Element, KernelRoute, Veth
from lazulite.forwarding.model import NextHop, Route, RouteTable
from lazulite.values import Direction
from tests.drivers.worlds import VRFS, access_list, port, vrf, worlds

World = dict[Any, Any]


def step(realiser: Realiser, before: World, after: World) -> Any:
    changed = [e for k, e in after.items() if before.get(k) != e]
    return realiser.advance(changed, [e for k, e in before.items() if k not in after])


def wanted(world: World) -> Any:
    realiser = Realiser()
    realiser.advance(world.values(), ())
    return realiser.wanted


@settings(max_examples=60)
@given(st.lists(worlds(), min_size=2, max_size=5))
def test_incremental_equals_full(path: list[World]) -> None:
    realiser, before = Realiser(), {}
    kept: dict[Any, Any] = {}
    for after in path:
        delta = step(realiser, before, after)
        for key, item in delta.before.items():
            assert kept[key] == item
        kept = {k: i for k, i in kept.items() if k not in delta.removed} | delta.changed
        before = after
        assert realiser.wanted == wanted(after) == kept


def test_a_rule_edit_replaces_one_list_and_touches_no_interface() -> None:
    world = {e.key: e for e in [vrf("/one"), RouteTable("t", "/one", ()), access_list("l", Direction.INGRESS, ())]}
    for number in range(50):
        world |= {e.key: e for e in port(number, "/one", ingress=("l",), routes="t")}
    realiser = Realiser()
    realiser.advance(world.values(), ())
    from lazulite.forwarding.model import Action, Rule

    delta = realiser.advance([access_list("l", Direction.INGRESS, (Rule(1, Action.ALLOW, origin="new"),))], ())
    assert {kind for _, kind, _ in (*delta.changed, *delta.removed)} == {"Chain", "ListBody", "Declared"}


def appliance_world(where: str, *, running: bool = True) -> World:
    via = ip_address(f"10.{VRFS.index(where)}.0.5")
    route = Route(ip_network("0.0.0.0/0"), NextHop.APPLIANCE, via=via, target=where)
    entries = [vrf("/one"), vrf("/two"), RouteTable("t", "/one", (route,))]
    entries += port(0, "/one", routes="t") + port(1, where, running=running, routes="t", forwards=True)
    return {e.key: e for e in entries}


def next_hop(world: World) -> KernelRoute:
    return wanted(world)[names.router("/one"), "KernelRoute", f"{names.table('t')}|0.0.0.0/0"].spec


def test_an_appliance_is_a_next_hop_only_while_it_runs() -> None:
    assert next_hop(appliance_world("/one")) == KernelRoute(1, names.nic("guid /one/nic1"), "10.0.0.5")
    assert next_hop(appliance_world("/one", running=False)).kind == 6


def test_an_appliance_of_a_network_that_is_not_peered_is_no_next_hop() -> None:
    assert next_hop(appliance_world("/two")).kind == 6


def test_an_interface_whose_guest_does_not_run_has_no_link_and_no_element() -> None:
    world = {e.key: e for e in [vrf("/one"), *port(0, "/one", running=False)]}
    nic = names.nic("guid /one/nic0")
    assert not [k for k, i in wanted(world).items() if nic in k[2] and isinstance(i.spec, Element | Veth)]
