from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.arm.errors import ArmError
from lazulite.resources.ids import ResourceId
from tests.arm.deployments.lab import Lab, deploy, resource, template


def gate(name: str, *depends: str, **members: Any) -> dict[str, Any]:
    return resource("natGateways", name, dependsOn=list(depends), **members)


def vnet(name: str, *depends: str, **members: Any) -> dict[str, Any]:
    return resource("virtualNetworks", name, dependsOn=list(depends), **members)


def log_of(*resources: dict[str, Any], **sections: Any) -> list[str]:
    lab = Lab()
    found = deploy(template(*resources, **sections), lab)
    assert found["provisioningState"] == "Succeeded", found["error"]
    return lab.target.log


LOOP = {"name": "loop", "count": 2}
WAITS = [
    pytest.param([gate("b", "a"), gate("a")], id="by name"),
    pytest.param([gate("b", "[resourceId('Microsoft.Network/natGateways', 'a')]"), gate("a")], id="by id"),
    pytest.param(
        [gate("b", "[toUpper(resourceId('Microsoft.Network/natGateways', 'a'))]"), gate("a")],
        id="by id in another case",
    ),
    pytest.param([gate("b", "[concat('Microsoft.Network/natGateways/', 'a')]"), gate("a")], id="by type and name"),
    pytest.param(
        [gate("b", "Microsoft.Network/natGateways/a"), gate("a"), vnet("a")], id="by type where the name has two"
    ),
    pytest.param([gate("b", properties={"x": "[reference('a').ipAddress]"}), gate("a")], id="by reference to its name"),
    pytest.param(
        [gate("b", properties={"x": "[listKeys('a', '2024-05-01').keys[0].value]"}), gate("a")],
        id="by listKeys of its name",
    ),
    pytest.param(
        [
            gate("b", properties={"x": "[concat(reference('c').hostName, reference('a').hostName)]"}),
            gate("a"),
            gate("c"),
        ],
        id="by the second reference of one expression",
    ),
    pytest.param(
        [
            gate(
                "b", properties={"x": "[map(createArray('a'), lambda('n', reference(lambdaVariables('n')).hostName))]"}
            ),
            gate("a"),
        ],
        id="by a reference in a lambda",
    ),
    pytest.param(
        [
            gate("b", properties={"x": "[reference(resourceId('Microsoft.Network/natGateways', 'a')).ipAddress]"}),
            gate("a"),
        ],
        id="by reference to its id",
    ),
    pytest.param(
        [gate("b", properties={"x": "[if(true(), reference('a').ipAddress, 'n')]"}), gate("a")],
        id="by a reference in the branch that is taken",
    ),
]


@pytest.mark.parametrize("resources", WAITS)
def test_a_resource_waits_for_what_it_depends_on(resources: list[dict[str, Any]]) -> None:
    log = log_of(*resources)
    assert log.index("-a") < log.index("+b")


FREE = [
    pytest.param([gate("b"), gate("a")], id="two resources"),
    pytest.param(
        [gate("b", properties={"x": "[resourceId('Microsoft.Network/natGateways', 'a')]"}), gate("a")],
        id="resourceId makes no dependency",
    ),
    pytest.param(
        [gate("b", properties={"x": "[if(false(), reference('a').ipAddress, 'n')]"}), gate("a")],
        id="a branch that is not taken makes none",
    ),
    pytest.param(
        [gate("b", "c"), gate("c", condition=False), gate("a")], id="a resource that is not deployed is not waited for"
    ),
    pytest.param(
        [gate("b", "empty"), resource("virtualNetworks", "x", copy={"name": "empty", "count": 0}), gate("a")],
        id="an empty loop is not waited for",
    ),
]


@pytest.mark.parametrize("resources", FREE)
def test_independent_resources_are_deployed_at_once(resources: list[dict[str, Any]]) -> None:
    log = log_of(*resources)
    assert set(log[:2]) == {"+a", "+b"}


def test_the_name_of_a_loop_means_all_its_copies() -> None:
    copies = resource("virtualNetworks", "[format('v{0}', copyIndex())]", copy=LOOP)
    log = log_of(gate("last", "loop"), copies)
    assert log[-2:] == ["+last", "-last"]


SERIAL = [
    pytest.param({"mode": "serial"}, [["n0"], ["n1"], ["n2"], ["n3"], ["n4"]], id="one at a time"),
    pytest.param({"mode": "serial", "batchSize": 2}, [["n0", "n1"], ["n2", "n3"], ["n4"]], id="two at a time"),
    pytest.param({"mode": "parallel"}, [["n0", "n1", "n2", "n3", "n4"]], id="all at once"),
]


@pytest.mark.parametrize(("mode", "batches"), SERIAL)
def test_serial_copies_are_deployed_in_batches(mode: dict[str, Any], batches: list[list[str]]) -> None:
    copy = {"name": "loop", "count": 5, **mode}
    log = log_of(resource("natGateways", "[format('n{0}', copyIndex())]", copy=copy))
    for batch in batches:
        begun, log = log[: len(batch)], log[len(batch) :]
        ended, log = log[: len(batch)], log[len(batch) :]
        assert sorted(begun) == [f"+{n}" for n in batch]
        assert sorted(ended) == [f"-{n}" for n in batch]


WRONG = [
    pytest.param([gate("b", "nosuch")], "The resource 'nosuch' is not defined in the template", id="an unknown name"),
    pytest.param(
        [gate("b", "[resourceId('Microsoft.Network/natGateways', 'nosuch')]")],
        "is not defined in the template",
        id="an id of another template",
    ),
    pytest.param(
        [gate("b", properties={"x": "[reference('nosuch').a]"})],
        "The resource 'nosuch' is not defined in the template",
        id="a reference to an unknown name",
    ),
    pytest.param(
        [gate("b", properties={"x": "[reference('/not/an/id').a]"})],
        "is not defined in the template",
        id="a reference to what is no id",
    ),
    pytest.param(
        [gate("b", properties={"x": "[reference(resourceId('Microsoft.Network/natGateways', 'o')).a]"})],
        "needs an API version",
        id="a reference outside without an API version",
    ),
    pytest.param(
        [gate("b", properties={"x": "[reference('a', '2024-05-01', 'Half')]"}), gate("a")],
        "'Full'",
        id="a third argument that is not there",
    ),
    pytest.param([gate("c", "a"), gate("a"), vnet("a")], "is ambiguous", id="a name that two types have"),
    pytest.param(
        [
            gate("b", "loop"),
            resource("virtualNetworks", "[concat('v', copyIndex())]", copy=LOOP),
            gate("c", properties={"x": "[reference('loop')]"}),
        ],
        "'references' gives them all",
        id="a reference to a loop",
    ),
    pytest.param([gate("a", "b"), gate("b", "a")], "Circular dependency detected on resource", id="a cycle of two"),
    pytest.param([gate("a", "a")], "Circular dependency", id="a resource that waits for itself"),
    pytest.param(
        [gate("a", properties={"x": "[reference('b').x]"}), gate("b", "a")],
        "Circular dependency",
        id="a cycle through a reference",
    ),
]


@pytest.mark.parametrize(("resources", "sentence"), WRONG)
def test_an_order_that_can_not_be_is_refused_before_anything_is_deployed(
    resources: list[dict[str, Any]], sentence: str
) -> None:
    lab = Lab()
    with pytest.raises(ArmError) as caught:
        deploy(template(*resources), lab)
    assert (caught.value.status, caught.value.code) == (400, "InvalidTemplate")
    assert sentence in caught.value.message
    assert lab.target.log == []


def test_reading_by_id_what_waits_for_the_reader_is_no_cycle() -> None:
    reader = gate("a", properties={"x": "[reference(resourceId('Microsoft.Network/natGateways', 'b')).ipAddress]"})
    found = deploy(template(reader, gate("b", "a")))
    assert found["error"]["details"][0]["code"] == "ResourceNotFound"


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=10))
def test_nothing_starts_before_what_it_depends_on_has_ended(edges: Sequence[Sequence[int]]) -> None:
    """Any acyclic graph: node *i* depends on nodes below *i*, and the template lists them from the last."""
    depends = [sorted({e for e in each if e < i}) for i, each in enumerate(edges)]
    log = log_of(*(gate(f"n{i}", *(f"n{d}" for d in each)) for i, each in reversed(list(enumerate(depends)))))
    for i, each in enumerate(depends):
        assert all(log.index(f"-n{d}") < log.index(f"+n{i}") for d in each)


def test_a_wide_template_has_every_resource_under_way_at_the_same_time() -> None:
    lab, everyone = Lab(), asyncio.Barrier(50)

    async def meet(resource_id: ResourceId) -> None:
        await everyone.wait()

    lab.target.meet = meet
    copies = resource("natGateways", "[format('n{0}', copyIndex())]", copy={"name": "loop", "count": 50})
    assert deploy(template(copies), lab)["provisioningState"] == "Succeeded"


def test_a_network_in_any_order_is_resolved() -> None:
    parts = [
        resource(
            "networkInterfaces", "nic", dependsOn=["vnet", "pip"], properties={"ip": "[reference('pip').ipAddress]"}
        ),
        resource("virtualNetworks", "vnet", dependsOn=["nsg"]),
        resource("publicIPAddresses", "pip"),
        resource("networkSecurityGroups", "nsg"),
    ]
    for shift in range(len(parts)):
        log = log_of(*parts[shift:], *parts[:shift])
        assert log.index("-nsg") < log.index("+vnet") < log.index("-vnet") < log.index("+nic")
        assert log.index("-pip") < log.index("+nic")
