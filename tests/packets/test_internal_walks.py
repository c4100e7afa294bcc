"""Routers that balance, on the real kernel: any way from one set of private frontends to another ends at the model."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.drivers.linux import filled, names, namespaces
from tests.drivers import test_internal as parts
from tests.drivers.worlds import port, vrf
from tests.packets.test_driver_walks import Machine, walks

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]


@pytest.fixture(scope="module")
def machine(runtime: None) -> Iterator[Machine]:
    made = Machine()
    yield made
    assert made.restart({}) == []
    assert namespaces.names() == []
    made.driver.close()


@walks
@given(st.lists(st.tuples(parts.worlds(), st.booleans()), min_size=2, max_size=4))
def test_every_path_of_changes_and_restarts_ends_at_the_model(
    machine: Machine, path: list[tuple[dict[Any, Any], bool]]
) -> None:
    assert machine.become({}) == []
    for world, restarted in path:
        assert (machine.restart(world) if restarted else machine.become(world)) == []
        assert machine.driver.differences() == []


def world() -> dict[Any, Any]:
    entries = [vrf("/one"), *port(0, "/one", routes="t"), parts.front(), parts.among(), parts.every(), parts.forward()]
    return {e.key: e for e in [*entries, parts.rule("web", floating=True), parts.hop()]}


ROUTER, NIC = names.router("/one"), names.nic("guid /one/nic0")
STRANGE = [
    pytest.param("nft flush map ip lz lb_rules", id="rules forgotten"),
    pytest.param("nft 'add element ip lz lb_vips { 10.0.0.66 }'", id="a frontend that is none"),
    pytest.param("nft flush map ip lz lb_hops", id="next hops forgotten"),
    pytest.param(f"nft 'flush map ip lz {names.filled_map(filled.BUCKET_MARK, 'p')}'", id="members forgotten"),
    pytest.param("nft delete chain ip lz lb_known", id="a chain dropped"),
    pytest.param("nft 'add map ip lz lb_t0123456789 { type ipv4_addr : mark; }'", id="a map like ours"),
    pytest.param(
        "nft 'add ct timeout ip lz lb_idle_7_tcp { protocol tcp; policy = { established : 7 }\n}'", id="a timeout"
    ),
    pytest.param(f"ip link delete {names.LOOP_OUT}", id="the loop cut"),
    pytest.param(f"ip route delete 10.0.0.100 dev {names.LOOP_IN}", id="the sign removed"),
    pytest.param(f'nft add element ip lz own {{ "{NIC}" . 10.0.0.66 }}', id="an address let through"),
]


@pytest.mark.parametrize("command", STRANGE)
def test_a_restart_mends_what_was_done_by_hand(machine: Machine, command: str) -> None:
    assert machine.restart({}) == []
    assert machine.become(world()) == []
    descriptor = namespaces.open(ROUTER)
    with contextlib.closing(os.fdopen(descriptor)), namespaces.inside(descriptor):
        subprocess.run(["sh", "-ec", command], check=True)
    assert machine.driver.differences() != []
    assert machine.restart(world()) == []
    assert machine.driver.differences() == []
