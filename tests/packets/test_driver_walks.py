"""The driver on the real kernel: any way from network to network, and any restart on it, ends at the model."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lazulite.drivers.driver import Refusal
from lazulite.drivers.linux import LinuxDriver, names, namespaces
from lazulite.forwarding.model import Action, InternetHost, NextHop, Port, Route, RouteTable, Rule
from lazulite.incremental import Delta
from lazulite.values import Direction, PortRange, Protocol
from tests.drivers.worlds import access_list, port, vrf, worlds

EXAMPLES = int(os.environ.get("LAZULITE_WALKS", "25"))
MULTICAST = "01-00-5E-00-00-01"
World = dict[Any, Any]
pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
walks = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.target, Phase.shrink],
)


class Machine:
    """A kernel, and the driver that happens to run on it."""

    def __init__(self) -> None:
        self.driver = LinuxDriver()
        self.world: World = {}

    def become(self, world: World) -> list[Refusal]:
        """Apply the difference to what the driver was given last."""
        changed = {k: e for k, e in world.items() if self.world.get(k) != e}
        removed = {k: e for k, e in self.world.items() if k not in world}
        before = {k: self.world[k] for k in changed if k in self.world}
        self.world = world
        return self.driver.apply(Delta(changed, removed, before))

    def restart(self, world: World) -> list[Refusal]:
        """A driver that knows nothing of the last one is given *world*."""
        self.driver.close()
        self.driver, self.world = LinuxDriver(), world
        return self.driver.adopt(list(world.values()))


@pytest.fixture(scope="module")
def machine(runtime: None) -> Iterator[Machine]:
    made = Machine()
    yield made
    assert made.restart({}) == []
    assert namespaces.names() == []
    made.driver.close()


@walks
@given(st.lists(st.tuples(worlds(), st.booleans(), st.booleans()), min_size=2, max_size=5))
def test_every_path_of_changes_and_restarts_ends_at_the_model(
    machine: Machine, path: list[tuple[World, bool, bool]]
) -> None:
    """Through sick networks too, of which the kernel refuses a part."""
    assert machine.become({}) == []
    for world, restarted, sick in path:
        wanted = sickened(world) if sick else world
        refusals = machine.restart(wanted) if restarted else machine.become(wanted)
        if wanted == world:
            assert refusals == []
            assert machine.driver.differences() == []
        else:
            assert {r.origin for r in refusals} <= {e.origin for e in wanted.values() if isinstance(e, Port)}


def sickened(world: World) -> World:
    """Every first interface has a MAC that the kernel does not take, if its machine runs."""
    sick = [e for e in world.values() if isinstance(e, Port) and e.label == "nic0" and ("Guest", e.guest) in world]
    return world | {e.key: msgspec.structs.replace(e, mac=MULTICAST) for e in sick}


def small(**nic: Any) -> World:
    """Two machines of one network, and a client; *nic* is said of the second machine's interface."""
    lists = [access_list("in", Direction.INGRESS, ()), access_list("out", Direction.EGRESS, ())]
    fields = {"ingress": ("in",), "egress": ("out",), "routes": "t"}
    client = InternetHost("/client", "client", "c1", (ip_address("198.18.200.1"),), origin="/client")
    table = RouteTable("t", "/one", (Route(ip_network("10.0.0.0/16"), NextHop.LOCAL),))
    entries = [vrf("/one"), table, *lists, *port(0, "/one", **fields), *port(1, "/one", **fields), client]
    world = {e.key: e for e in entries}
    sick = world["Port", "/one/nic1"]
    return world | {sick.key: msgspec.structs.replace(sick, **nic)}


def listed(*rules: Rule) -> World:
    return small() | {("AccessList", "in"): access_list("in", Direction.INGRESS, rules)}


NO_SUCH_PORTS = Rule(100, Action.ALLOW, protocol=Protocol.TCP, destination_ports=(PortRange(70000, 70001),))
REFUSED = [
    pytest.param(
        small(mac=MULTICAST),
        {"/one/nic1"},
        (names.nic("guid /one/nic1"), names.guest("/one/vm1"), "10.0.0.5/32", "fd00::5/128"),
        id="an interface with a multicast address for its MAC",
    ),
    pytest.param(
        listed(NO_SUCH_PORTS),
        {"in", "/one/nic0", "/one/nic1"},
        ("ListBody", names.access_list("in"), "ingress_subnet"),
        id="a list with ports that there are not, and with it whoever asks the list",
    ),
]


@pytest.mark.parametrize(("sick", "origins", "about"), REFUSED)
@pytest.mark.parametrize("restarted", [False, True], ids=["changed", "restarted"])
def test_a_refusal_is_told_at_its_origin_stops_nothing_else_and_heals(
    machine: Machine, sick: World, origins: set[str], about: tuple[str, ...], restarted: bool
) -> None:
    assert machine.become({}) == []
    refusals = machine.restart(sick) if restarted else machine.become(sick)
    assert sorted(r.origin for r in refusals) == sorted(origins)
    lacking = machine.driver.differences()
    assert lacking
    assert [d for d in lacking if not d.startswith("lacks") or not any(word in d for word in about)] == []
    assert machine.become(small()) == []
    assert machine.driver.differences() == []


def test_what_is_refused_is_told_with_every_change_until_it_heals(machine: Machine) -> None:
    """A change of something else neither hides nor forgets it."""
    assert machine.become({}) == []
    sick = small(mac=MULTICAST)
    told = machine.become(sick)
    assert machine.become(sick | {("Vrf", "/two"): vrf("/two")}) == told
    assert "Cannot assign requested address" in told[0].message
    assert machine.become(small() | {("Vrf", "/two"): vrf("/two")}) == []
    assert machine.driver.differences() == []


ROUTER, GUEST, EDGE = names.router("/one"), names.guest("/one/vm0"), names.edge("/one")
NIC = names.nic("guid /one/nic0")
STRANGE = [
    pytest.param(ROUTER, "nft add chain ip lz stranger", id="a chain in our table"),
    pytest.param(ROUTER, "nft 'add set ip lz stranger { type ipv4_addr; }'", id="a set in our table"),
    pytest.param(ROUTER, "nft add counter ip6 lz stranger", id="a counter in our table"),
    pytest.param(ROUTER, 'nft add element ip lz own { "stranger" . 10.0.0.66 }', id="an address let through"),
    pytest.param(EDGE, "nft add element ip lz to_private { 198.18.0.66 : 10.0.0.4 }", id="a public address"),
    pytest.param(EDGE, "nft add rule ip lz default_snat snat to 198.18.0.66", id="a rule in a chain of ours"),
    pytest.param(ROUTER, "ip route add 10.66.0.0/16 dev %s proto 76", id="a route under our protocol number"),
    pytest.param(ROUTER, "ip neighbour add 10.0.0.66 lladdr 00:0d:3a:00:00:66 dev %s nud permanent", id="a neighbour"),
    pytest.param(ROUTER, "ip rule add fwmark 66 table 66", id="a rule by mark"),
    pytest.param(GUEST, "ip address add 10.0.0.66/24 dev eth0", id="an address in a guest"),
    pytest.param(ROUTER, "ip link set %s mtu 1400", id="a link of another size"),
    pytest.param(
        ROUTER,
        "ip link add stranger type veth peer name st-far ; ip link set stranger alias "
        f"'{GUEST} eth7 00:0d:3a:00:00:66 arp 1500 x'",
        id="a link that looks like ours",
    ),
    pytest.param(ROUTER, "ip netns add guest.stranger.0123456789", id="a namespace"),
    pytest.param(ROUTER, "ip link delete %s", id="a link cut"),
    pytest.param(ROUTER, "nft delete table ip lz", id="a ruleset dropped"),
    pytest.param(ROUTER, "ip link set %s down", id="a link set down"),
    pytest.param(GUEST, "ip route flush all", id="the routes of a guest flushed"),
]


@pytest.mark.parametrize(("where", "command"), STRANGE)
def test_a_restart_mends_what_was_done_by_hand(machine: Machine, where: str, command: str) -> None:
    assert machine.restart({}) == []
    assert machine.become(small()) == []
    with namespaces.inside(namespaces.open(where)):
        subprocess.run(["sh", "-ec", command.replace("%s", NIC)], check=True)
    assert machine.restart(small()) == []
    assert machine.driver.differences() == []
