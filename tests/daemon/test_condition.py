"""How each box of the picture is."""

from __future__ import annotations

import msgspec
import pytest

from lazulite.daemon.condition import conditions
from lazulite.daemon.picture import Box, picture
from lazulite.daemon.streams_topology import _flat
from lazulite.drivers.driver import Refusal
from lazulite.forwarding.model import Contents, ForwardingModel, Pool
from tests.build import Lab, resource_id, subnet_ref
from tests.services.balancers import POOLS, PROBES, part, private, rule


def balanced() -> Lab:
    """Two machines behind a balancer that probes them, one beside it, one that is not started, and a client."""
    lab = Lab()
    lab.vnet("v", "10.0.0.0/16", subnets={"a": "10.0.0.0/24"})
    pool = {"loadBalancerBackendAddressPools": [part(POOLS, "b")]}
    lab.put(
        "loadBalancers",
        "lb",
        {
            "frontendIPConfigurations": [private("f", "v/a", "10.0.0.100")],
            "backendAddressPools": [{"name": "b"}],
            "probes": [{"name": "p", "properties": {"protocol": "Tcp", "port": 80, "intervalInSeconds": 5}}],
            "loadBalancingRules": [rule(probe=part(PROBES, "p"))],
        },
        sku="Standard",
    )
    for name in ("one", "two"):
        said = {"subnet": subnet_ref("v/a"), **pool}
        lab.put("networkInterfaces", name, {"ipConfigurations": [{"name": "c", "properties": said}]})
        lab.vm(name, name)
    for name in ("beside", "idle"):
        lab.nic(name, "v/a")
    lab.vm("beside", "beside")
    lab.put("Lazulite.Lab/clients", "anna", {"country": "DE"}, location=None)
    return lab


class World:
    """The lab, compiled and drawn."""

    def __init__(self, lab: Lab) -> None:
        self.model: ForwardingModel = lab.compile()
        self.boxes: dict[str, Box] = {b.key: b for b, _ in _flat(picture(self.model, lab.snapshot).boxes)}
        [self.pool] = self.model.all(Pool).values()

    def held(self, count: int) -> dict[str, Contents]:
        return {self.pool.name: Contents(self.pool.name, tuple(m.name for m in self.pool.members[:count]))}

    def named(
        self, held: dict[str, Contents], guests: dict[str, str] | None = None, *refused: Refusal
    ) -> dict[str, str]:
        """Health by the last part of names."""
        found = conditions(self.boxes, self.model, held, guests or {}, refused)
        return {self.boxes[key].name: health for key, health in found.items()}


@pytest.fixture(scope="module")
def world() -> World:
    return World(balanced())


@pytest.mark.parametrize(
    ("answering", "balancer", "machines"),
    [(2, "ok", {"ok"}), (1, "degraded", {"ok", "down"}), (0, "down", {"down"})],
    ids=["all answer", "one does not", "nobody answers"],
)
def test_a_balancer_is_as_those_behind_it(world: World, answering: int, balancer: str, machines: set[str]) -> None:
    found = world.named(world.held(answering))
    assert found["lb/f"] == balancer
    assert {found["one"], found["two"]} == machines
    assert (found["beside"], found["idle"], found["anna"]) == ("ok", "stopped", "ok")


def test_a_pool_that_nobody_has_judged_yet_has_nobody_to_serve(world: World) -> None:
    assert world.named({})["lb/f"] == "down"


def test_a_machine_that_cannot_run_is_down(world: World) -> None:
    guest = next(g.name for g in world.model if type(g).__name__ == "Guest" and g.label == "beside")
    assert world.named(world.held(2), {guest: "no such image"})["beside"] == "down"
    assert world.named(world.held(2), {guest: "running"})["beside"] == "ok"


def test_a_client_that_cannot_run_is_down(world: World) -> None:
    key = next(k for k, b in world.boxes.items() if b.kind == "client")
    assert world.named(world.held(2), {key: "gone"})["anna"] == "down"


def test_a_refusal_is_of_the_nearest_box(world: World) -> None:
    machine = next(b for b in world.boxes.values() if b.name == "beside")
    assert world.named(world.held(2), None, Refusal(machine.id, "no room"))["beside"] == "down"
    subnet = next(b for b in world.boxes.values() if b.kind == "subnet")
    assert world.named(world.held(2), None, Refusal(f"{subnet.id.upper()}/x/y", "no"))[subnet.name] == "degraded"
    assert world.named(world.held(2), None, Refusal("", "the driver failed"), Refusal("/nowhere/at/all", "no")) == (
        world.named(world.held(2))
    )


def test_what_was_made_wrong_on_purpose_is_degraded() -> None:
    lab = balanced()
    said = {"target": resource_id("networkInterfaces", "beside").text, "cut": True}
    lab.put("Lazulite.Lab/faults", "f", said, location=None)
    world = World(lab)
    assert world.named(world.held(2))["beside"] == "degraded"


def test_nothing_is_said_of_boxes_that_only_hold_others(world: World) -> None:
    found = world.named(world.held(2))
    kinds = {b.name: b.kind for b in world.boxes.values()}
    assert {kinds[name] for name in found} == {"machine", "balancer", "client"}
    assert msgspec.json.encode(found)
