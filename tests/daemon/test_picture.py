"""What is drawn of a network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lazulite.daemon.picture import Box, Joint, Picture, picture
from lazulite.daemon.reaching import ReachQuestion, reach
from tests.build import Lab, ref, resource_id, subnet_ref
from tests.services.balancers import POOLS, part, public, rule


def network() -> Lab:
    """Two peered networks of one region, a third of another; machines, one of them cut off; a host on the Internet."""
    lab = Lab()
    lab.vnet("hub", "10.0.0.0/16", subnets={"s": "10.0.0.0/24"})
    lab.vnet("spoke", "10.1.0.0/16", subnets={"s": "10.1.0.0/24", "empty": "10.1.1.0/24"})
    lab.vnet("far", "10.2.0.0/16", location="northeurope")
    for one, other in (("hub", "spoke"), ("spoke", "hub"), ("hub", "far")):
        lab.peer(one, other)
    lab.nic("nva", "hub/s", enableIPForwarding=True)
    lab.vm("nva", "nva")
    lab.nic("web", "spoke/s")
    lab.vm("web", "web")
    lab.nic("idle", "spoke/s")
    lab.put(
        "Lazulite.Lab/faults", "f", {"target": resource_id("networkInterfaces", "web").text, "cut": True}, location=None
    )
    lab.put("Lazulite.Lab/clients", "anna", {"country": "DE"}, location=None)
    return lab


def drawn(lab: Lab) -> Picture:
    return picture(lab.compile(), lab.snapshot)


def walk(boxes: tuple[Box, ...], above: str = "") -> Iterator[tuple[str, Box]]:
    """Every box with the names of those around it."""
    for box in boxes:
        yield above, box
        yield from walk(box.children, f"{above}/{box.name}")


def paths(lab: Lab) -> list[str]:
    return [f"{box.kind} {above}/{box.name}" for above, box in walk(drawn(lab).boxes)]


def box(lab: Lab, name: str, kind: str = "machine") -> Box:
    [found] = [b for _, b in walk(drawn(lab).boxes) if (b.name, b.kind) == (name, kind)]
    return found


def test_machines_are_in_subnets_in_networks_in_regions_and_clients_on_the_internet() -> None:
    assert paths(network()) == [
        "internet /Internet",
        "client /Internet/anna",
        "region /northeurope",
        "network /northeurope/far",
        "region /westeurope",
        "network /westeurope/hub",
        "subnet /westeurope/hub/s",
        "machine /westeurope/hub/s/nva",
        "network /westeurope/spoke",
        "subnet /westeurope/spoke/empty",
        "subnet /westeurope/spoke/s",
        "machine /westeurope/spoke/s/idle",
        "machine /westeurope/spoke/s/web",
    ]


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        pytest.param("nva", ("forwards",), id="an appliance forwards"),
        pytest.param("idle", ("stopped",), id="behind an interface of nobody nothing runs"),
        pytest.param("web", ("fault",), id="something is wrong on purpose"),
    ],
)
def test_what_is_unlike_others_is_flagged(name: str, flags: tuple[str, ...]) -> None:
    assert box(network(), name).flags == flags


def test_keys_tell_all_boxes_apart_and_ids_are_those_of_resources() -> None:
    every = [b for _, b in walk(drawn(network()).boxes)]
    assert len({b.key for b in every}) == len(every)
    assert box(network(), "web").id == resource_id("Microsoft.Compute/virtualMachines", "web").text
    assert box(network(), "hub", "network").id == resource_id("virtualNetworks", "hub").text


def test_a_peering_is_one_line_and_half_a_peering_is_shown_as_that() -> None:
    keys = {n: resource_id("virtualNetworks", n).key for n in ("hub", "spoke", "far")}
    assert drawn(network()).joints == (
        Joint("peering", keys["hub"], keys["spoke"], whole=True),
        Joint("peering", keys["hub"], keys["far"], whole=False),
    )


def test_a_subnet_says_what_guards_it_and_where_it_goes_out() -> None:
    lab = Lab()
    lab.put("networkSecurityGroups", "nsg", {})
    lab.put("natGateways", "nat", {}, sku="Standard")
    lab.public_ip("pip")
    lab.put("natGateways", "nat", {"publicIpAddresses": [ref("publicIPAddresses", "pip")]}, sku="Standard")
    subnet = {"addressPrefix": "10.0.0.0/24", "networkSecurityGroup": ref("networkSecurityGroups", "nsg")}
    subnet["natGateway"] = ref("natGateways", "nat")
    space = {"addressPrefixes": ["10.0.0.0/16"]}
    lab.put("virtualNetworks", "v", {"addressSpace": space, "subnets": [{"name": "s", "properties": subnet}]})
    assert box(lab, "s", "subnet").details == ("10.0.0.0/24", "nsg", "nat")
    assert box(lab, "nat", "gateway").details == (str(lab.get("publicIPAddresses", "pip").properties.held_address),)


def balanced() -> Lab:
    """A public balancer with one machine behind it."""
    lab = Lab()
    lab.vnet("v", "10.0.0.0/16", subnets={"a": "10.0.0.0/24"})
    lab.public_ip("p")
    said = {"frontendIPConfigurations": [public()], "backendAddressPools": [{"name": "b", "properties": {}}]}
    lab.put("loadBalancers", "lb", said | {"loadBalancingRules": [rule()]}, sku="Standard")
    behind = {"subnet": subnet_ref("v/a"), "loadBalancerBackendAddressPools": [part(POOLS, "b")]}
    lab.put("networkInterfaces", "web", {"ipConfigurations": [{"name": "c", "properties": behind}]})
    lab.vm("web", "web")
    return lab


def test_a_balancer_is_joined_to_the_machines_behind_it() -> None:
    found = drawn(balanced())
    front = box(balanced(), "lb/f", "balancer")
    assert found.joints == (Joint("serves", front.key, resource_id("networkInterfaces", "web").key),)
    assert found.boxes[0].kind == "internet"


@pytest.mark.parametrize("name", ["f", "lb", "LB/f"])
def test_a_frontend_is_asked_about_by_its_name_or_its_balancers(name: str) -> None:
    rows = reach(balanced().compile(), ReachQuestion(to=name, denied=True))["value"]
    assert {n for row in rows for n in row["to"]["names"]} == {"f"}


def test_of_an_empty_lab_nothing_is_drawn() -> None:
    assert drawn(Lab()) == Picture((), ())
