"""The compiler over the product's services: incremental equals full, and an edit costs what it changes."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Collection
from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.analysis import Index, round_trip
from lazulite.arm.catalogue import Catalogue
from lazulite.compiler.engine import Compiler, compile_model
from lazulite.forwarding.model import ForwardingModel, Port
from lazulite.resources.ids import ResourceId
from lazulite.resources.schema import Decoder, fields
from lazulite.services import SERVICES
from lazulite.values import Flow, Protocol
from tests.arm.client import GROUP, Client, client
from tests.arm.test_every_type import REGISTRY, Everything
from tests.reliability.bad_input import (
    body,
    here,
    interface,
    machine,
    network,
    path_id,
    peering,
    ref,
    route,
    rule,
    subnet,
)
from tests.reliability.edits import Edit, Edits

SEEDS = range(int(os.environ.get("LAZULITE_COMPILER_SEEDS", "6")))
EDITS = 150
CATALOGUE = Catalogue(SERVICES, REGISTRY)


class Compiled(Everything):
    """The product's services, compiled at every commit as the controller does."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.compiler = Compiler(SERVICES)
        self.index = Index(())

    def committed(self, snapshot: Any, touched: Collection[Any]) -> None:
        self.index.update(self.compiler.advance(snapshot, touched))
        super().committed(snapshot, touched)


def compiled(arm: Client) -> Compiled:
    assert isinstance(arm.backend, Compiled)
    return arm.backend


def built(arm: Client, seed: int) -> Edits:
    """The foundation of later edits, and these."""
    edits = Edits(random.Random(seed), GROUP)
    arm.put(GROUP, {"location": "westeurope"})
    for method, path, content in edits.foundation():
        arm.call(method, path, content)
    return edits


def kind(edit: Edit) -> str:
    return f"{edit[0]} {'/'.join(edit[1].split('/providers/')[1].split('/')[1::2])}"


def answers(index: Index, model: ForwardingModel, seed: int) -> list[Any]:
    """What *index* says of a few flows between what *model* has."""
    rng, ports = random.Random(seed), sorted(model.all(Port))
    found = []
    for name in rng.sample(ports, min(3, len(ports))):
        source, to = model.all(Port)[name].addresses[0], model.all(Port)[rng.choice(ports)].addresses[0]
        target = rng.choice([to, ip_address("198.18.77.7"), ip_address("10.9.0.1")])
        found.append(round_trip(index, name, Flow(source, target, Protocol.TCP, 40000, rng.choice([80, 443]))))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_incremental_equals_full_after_every_edit(seed: int) -> None:
    """And questions that are kept up to date are answered as if the model were new."""
    accepted: Counter[str] = Counter()
    with client(backend_type=Compiled) as arm:
        edits, backend = built(arm, seed), compiled(arm)
        for _ in range(EDITS):
            before, edit = backend.store.snapshot, edits.draw()
            assert arm.call(*edit).status < 500, edit
            if backend.store.snapshot is not before:
                accepted[kind(edit)] += 1
                fresh = compile_model(SERVICES, backend.store.snapshot)
                assert backend.compiler.model == fresh, edit
                assert answers(backend.index, fresh, accepted.total()) == answers(Index(fresh), fresh, accepted.total())
    assert len(accepted) > 8, "it has to edit most types"
    assert accepted.total() > EDITS // 4


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_accepted_is_what_is_shown(seed: int) -> None:
    with client(backend_type=Compiled) as arm:
        edits = built(arm, 1000 + seed)
        for _ in range(EDITS):
            method, path, content = edits.draw()
            if method == "PUT" and arm.call(method, path, content).status < 300:
                model, shown = CATALOGUE.address(ResourceId(path)).model, arm.get(path).body["properties"]
                assert lost(model, content["properties"], shown) == [], (path, content)


def lost(model: Any, sent: Any, shown: Any) -> list[str]:
    """Properties of *model* that are not shown as they were sent, but for the spelling of their values."""
    wanted, found = (Decoder().model(model, properties, "properties") for properties in (sent, shown))
    return list(_lost(wanted, found, "properties"))


def _lost(wanted: Any, found: Any, path: str) -> Any:
    for spec in fields(type(wanted)).values():
        one, other = getattr(wanted, spec.attribute), getattr(found, spec.attribute)
        if one == spec.default or spec.markers & {"read-only", "assigned", "secret"}:
            continue
        if spec.shape.kind == "model" and other is not None:
            yield from _lost(one, other, f"{path}.{spec.wire}")
        elif spec.shape.kind == "list" and spec.shape.item is not None and spec.shape.item.kind == "child":
            if [c.name.lower() for c in one] != [c.name.lower() for c in other]:
                yield f"{path}.{spec.wire}"
            for index, (mine, theirs) in enumerate(zip(one, other, strict=False)):
                yield from _lost(mine.properties, theirs.properties, f"{path}.{spec.wire}[{index}]")
        elif one != other:
            yield f"{path}.{spec.wire}: {one} became {other}"


def crowd(arm: Client, machines: int) -> None:
    """That many machines of one group in a subnet with a security group and a route table, and a network beside."""
    attached = {"networkSecurityGroup": ref("networkSecurityGroups/g"), "routeTable": ref("routeTables/t")}
    arm.put(GROUP, {"location": "westeurope"})
    put(arm, "applicationSecurityGroups/w", here())
    put(arm, "networkSecurityGroups/g", here())
    put(arm, "routeTables/t", here())
    put(arm, "virtualNetworks/v", network("10.0.0.0/16", subnets=[subnet("a", "10.0.0.0/24", **attached)]))
    put(arm, "virtualNetworks/beside", network("10.1.0.0/16"))
    for number in range(machines):
        put(arm, f"networkInterfaces/n{number}", interface(IN_CROWD, **MEMBER))
        put(arm, f"virtualMachines/n{number}", machine(f"networkInterfaces/n{number}"))


def put(arm: Client, path: str, content: Any) -> None:
    answer = arm.put(path_id(GROUP, path), body(GROUP, content))
    assert answer.status < 300, (path, answer.content)


IN_CROWD = "virtualNetworks/v/subnets/a"
MEMBER: dict[str, Any] = {"applicationSecurityGroups": [ref("applicationSecurityGroups/w")]}
OWN_GROUP = {"networkSecurityGroup": ref("networkSecurityGroups/g")}
APPLIANCE = route("10.7.0.0/16", "VirtualAppliance", "10.0.0.5")
COSTS: list[tuple[str, str, Any, int, int]] = [
    # what                       path                                        body      compiles, and for each machine
    ("a rule", "networkSecurityGroups/g/securityRules/r", {"properties": rule(300)}, 2, 0),
    ("a route", "routeTables/t/routes/r", {"properties": APPLIANCE}, 3, 0),
    ("an interface", "networkInterfaces/new", interface(IN_CROWD), 3, 0),
    ("a machine", "virtualMachines/new", machine("networkInterfaces/new"), 3, 0),
    ("a group of an interface", "networkInterfaces/new", interface(IN_CROWD, more=OWN_GROUP), 4, 0),
    ("a membership", "networkInterfaces/new", interface(IN_CROWD, **MEMBER), 4, 0),
    ("forwarding", "networkInterfaces/n1", interface(IN_CROWD, more={"enableIPForwarding": True}), 4, 0),
    ("a client", "clients/c", {"properties": {"country": "DE"}}, 2, 0),
    ("a public address", "publicIPAddresses/p", here(sku="Standard", publicIPAllocationMethod="Static"), 1, 0),
    ("its use", "networkInterfaces/new", interface(IN_CROWD, publicIPAddress=ref("publicIPAddresses/p")), 5, 0),
    ("tags of a machine", "virtualMachines/n1", machine("networkInterfaces/n1") | {"tags": {"a": "b"}}, 3, 0),
    ("a subnet", "virtualNetworks/v/subnets/b", subnet("b", "10.0.1.0/24"), 9, 1),  # machines read the network's DNS
    ("a peering", "virtualNetworks/v/virtualNetworkPeerings/p", peering("virtualNetworks/beside"), 9, 1),
    ("its other side", "virtualNetworks/beside/virtualNetworkPeerings/p", peering("virtualNetworks/v"), 9, 0),
]


@pytest.mark.parametrize("machines", [4, 24])
def test_an_edit_costs_what_it_changes(machines: int) -> None:
    with client(backend_type=Compiled) as arm:
        crowd(arm, machines)
        compiler = compiled(arm).compiler
        for what, path, content, compiles, each in COSTS:
            runs = compiler.runs
            put(arm, path, content)
            assert compiler.runs - runs <= compiles + each * machines, what
