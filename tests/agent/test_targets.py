"""Which machine a member is: after any edits what a fresh look says."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.agent.targets import Targets
from lazulite.engines.probe import Target
from lazulite.forwarding.model import Guest, Member, Pool, Probe, ProbeProtocol
from lazulite.incremental import Delta
from tests.agent.entries import vrf
from tests.drivers.worlds import VRFS, port

PROBE = Probe(ProbeProtocol.TCP, 80)
A, B = ip_address("10.0.0.4"), ip_address("10.0.0.5")


def pool(*addresses: Any, name: str = "p", probe: Probe | None = PROBE, where: str = "/one") -> Pool:
    return Pool(name, name, where, tuple(Member(str(a), a) for a in addresses), probe)


def targets(*entries: Any) -> Targets:
    found = Targets()
    found.advance(Delta(changed={e.key: e for e in entries}))
    return found


CASES = [
    pytest.param(port(0, "/one"), Target("/one", A, "guid /one/nic0", "g0"), id="the machine that has the address"),
    pytest.param([], None, id="no machine has it"),
    pytest.param(port(0, "/one", running=False), None, id="the machine that has it does not run"),
    pytest.param(port(0, "/one")[1:], None, id="a machine without an interface"),
    pytest.param(port(0, "/two"), None, id="one of another network"),
]


@pytest.mark.parametrize(("entries", "target"), CASES)
def test_a_member_is_who_has_its_address_and_runs(entries: list[Any], target: Target | None) -> None:
    assert targets(pool(A), *entries).members("p") == {str(A): target}


def test_a_pool_without_a_probe_is_nobodys_business() -> None:
    assert targets(pool(A, probe=None), vrf("/one")).pools == {}


worlds = st.fixed_dictionaries(
    {},
    optional={
        "p": st.builds(
            pool, st.sampled_from([A, B]), probe=st.sampled_from([PROBE, None]), where=st.sampled_from(VRFS)
        ),
        "q": st.builds(pool, st.just(A), st.just(B), name=st.just("q")),
    }
    | {f"m{n}": st.builds(port, st.just(n), st.just("/one"), running=st.booleans()) for n in (0, 1)}
    | {"far": st.builds(port, st.just(0), st.just("/two"), running=st.booleans())}
    | {"again": st.builds(lambda guid: [Guest("/one/vm0", "vm0", "vm0", guid=guid)], st.sampled_from("12"))},
)


def entries(world: dict[str, Any]) -> dict[Any, Any]:
    found = [e for value in world.values() for e in (value if isinstance(value, list) else [value])]
    return {e.key: e for e in found}


def seen(of: Targets) -> dict[str, Any]:
    return {name: of.members(name) for name in of.pools}


@given(st.lists(worlds, min_size=1, max_size=6))
def test_after_any_edits_it_is_what_a_fresh_look_says_and_what_changed_is_told(path: list[dict[str, Any]]) -> None:
    followed, held = Targets(), {}
    for world in path:
        wanted, before = entries(world), seen(followed)
        changed = {k: e for k, e in wanted.items() if held.get(k) != e}
        removed = {k: e for k, e in held.items() if k not in wanted}
        touched = followed.advance(Delta(changed, removed, {k: held[k] for k in changed if k in held}))
        held = wanted
        now = seen(followed)
        assert now == seen(targets(*wanted.values()))
        assert {p for p in before.keys() | now.keys() if before.get(p) != now.get(p)} <= touched
