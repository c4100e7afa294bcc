"""``onErrorDeployment``: when a deployment fails an earlier one is deployed again, for the whole group."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lazulite.arm.errors import ArmError
from lazulite.resources.ids import ResourceId
from tests.arm.deployments.lab import Lab, nested, net, request, resource, template

LAST = {"type": "LastSuccessful"}
REFUSAL = ArmError(400, "Conflict", "No.")


def named(name: str) -> dict[str, Any]:
    return {"type": "SpecificDeployment", "deploymentName": name}


def gates(*names: str, **sections: Any) -> dict[str, Any]:
    return template(*(resource("natGateways", n, properties={"made": n}) for n in names), **sections)


def asked(document: Any, on_error: Any) -> dict[str, Any]:
    body = request(document)
    body["properties"]["onErrorDeployment"] = on_error
    return body


async def deployed(lab: Lab, name: str, document: Any, on_error: Any = None) -> dict[str, Any]:
    await lab.call("PUT", name, asked(document, on_error))
    return await lab.finished(name)


def held(lab: Lab) -> set[str]:
    return {r.name for r in lab.target.resources if r.kind.endswith("/natGateways")}


def refused(lab: Lab, on_error: Any, name: str = "next", verb: str = "") -> tuple[int, str]:
    with pytest.raises(ArmError) as caught:
        asyncio.run(lab.call("POST" if verb else "PUT", name + verb, asked(gates("b"), on_error)))
    return caught.value.status, caught.value.code


def lab_with(*names: str) -> Lab:
    """A lab in which each of *names* has been deployed as a deployment of its own."""
    lab = Lab()
    for name in names:
        asyncio.run(deployed(lab, f"only-{name}", gates(name)))
    return lab


@pytest.mark.parametrize(
    ("on_error", "used", "left"),
    [
        pytest.param(LAST, "only-c", {"c"}, id="the last that succeeded"),
        pytest.param({"type": "lastsuccessful"}, "only-c", {"c"}, id="in any case"),
        pytest.param(named("only-a"), "only-a", {"a"}, id="one that is named"),
        pytest.param(named("ONLY-A"), "only-a", {"a"}, id="named in any case"),
    ],
)
def test_on_error_an_earlier_deployment_is_what_the_group_holds(on_error: Any, used: str, left: set[str]) -> None:
    lab = lab_with("a", "c")
    lab.target.refused[net("natGateways/bad")] = REFUSAL
    found = asyncio.run(deployed(lab, "next", gates("b", "bad"), on_error))
    assert found["provisioningState"] == "Failed"
    assert found["error"]["details"][0]["code"] == "Conflict"
    kind = "LastSuccessful" if used == "only-c" else "SpecificDeployment"
    assert found["onErrorDeployment"] == {"type": kind, "deploymentName": used, "provisioningState": "Succeeded"}
    assert held(lab) == left
    again = asyncio.run(lab.call("GET", used)).body["properties"]
    assert (again["mode"], again["provisioningState"]) == ("Complete", "Succeeded")


def test_without_an_error_nothing_else_is_deployed() -> None:
    lab = lab_with("a")
    found = asyncio.run(deployed(lab, "next", gates("b"), LAST))
    assert found["provisioningState"] == "Succeeded"
    assert found["onErrorDeployment"] == {"type": "LastSuccessful", "deploymentName": "only-a"}
    assert held(lab) == {"a", "b"}


def test_it_is_deployed_with_the_parameters_it_had() -> None:
    lab = Lab()
    first = template(resource("natGateways", "[parameters('n')]"), parameters={"n": {"type": "string"}})
    asyncio.run(lab.deploy(first, deployment="first", n="given"))
    lab.target.refused[net("natGateways/bad")] = REFUSAL
    asyncio.run(deployed(lab, "next", gates("bad"), LAST))
    assert held(lab) == {"given"}
    assert asyncio.run(lab.call("GET", "first")).body["properties"]["parameters"]["n"]["value"] == "given"


def test_when_the_earlier_one_fails_too_both_say_so() -> None:
    lab = lab_with("a")
    lab.target.refused = {net(f"natGateways/{n}"): REFUSAL for n in ("a", "bad")}
    found = asyncio.run(deployed(lab, "next", gates("bad"), LAST))
    assert found["provisioningState"] == "Failed"
    assert found["onErrorDeployment"]["provisioningState"] == "Failed"


def test_one_that_runs_by_then_is_not_run_a_second_time() -> None:
    async def tell() -> None:
        lab, go = Lab(), asyncio.Event()
        await deployed(lab, "first", gates("a"))

        async def meet(resource_id: ResourceId) -> None:
            if resource_id.name == "slow":
                await go.wait()

        lab.target.meet = meet
        lab.target.refused[net("natGateways/slow")] = REFUSAL
        await lab.call("PUT", "next", asked(gates("slow"), LAST))
        await lab.call("PUT", "first", request(gates("slow", "a")))
        go.set()
        found = await lab.finished("next")
        assert found["onErrorDeployment"]["provisioningState"] == "Failed"
        await lab.finished("first")

    asyncio.run(tell())


def test_a_deployment_that_is_canceled_is_not_one_that_failed() -> None:
    async def tell() -> None:
        lab, begun, go = Lab(), asyncio.Event(), asyncio.Event()
        await deployed(lab, "first", gates("a"))

        async def meet(resource_id: ResourceId) -> None:
            begun.set()
            await go.wait()

        lab.target.meet = meet
        await lab.call("PUT", "next", asked(gates("b"), LAST))
        await begun.wait()
        await lab.call("POST", "next/cancel")
        go.set()
        assert (await lab.finished("next"))["provisioningState"] == "Canceled"
        assert "provisioningState" not in (await lab.call("GET", "next")).body["properties"]["onErrorDeployment"]
        assert held(lab) == {"a", "b"}

    asyncio.run(tell())


WRONG = [
    pytest.param({"type": "Never"}, (400, "InvalidRequestContent"), id="a type there is not"),
    pytest.param({}, (400, "InvalidRequestContent"), id="no type"),
    pytest.param("LastSuccessful", (400, "InvalidRequestContent"), id="a text"),
    pytest.param([], (400, "InvalidRequestContent"), id="a list"),
    pytest.param({"type": "SpecificDeployment"}, (400, "InvalidRequestContent"), id="no name"),
    pytest.param(named(""), (400, "InvalidRequestContent"), id="an empty name"),
    pytest.param(LAST | {"deploymentName": "only-a"}, (400, "InvalidRequestContent"), id="a name where none belongs"),
    pytest.param(named("nosuch"), (404, "DeploymentNotFound"), id="a deployment that is not there"),
    pytest.param(named("failed"), (404, "DeploymentNotFound"), id="one that failed"),
    pytest.param(named("inner"), (404, "DeploymentNotFound"), id="one that was nested"),
    pytest.param(named("next"), (404, "DeploymentNotFound"), id="the deployment itself"),
    pytest.param(named("secret"), (400, "OnErrorDeploymentNotSupported"), id="one with a secret that is not kept"),
]


@pytest.mark.parametrize("verb", ["", "/validate", "/whatIf"])
@pytest.mark.parametrize(("on_error", "expected"), WRONG)
def test_what_can_not_be_deployed_again_is_refused_at_once(on_error: Any, expected: Any, verb: str) -> None:
    lab = lab_with("a")
    secret = {"s": {"type": "securestring", "defaultValue": "geheim"}}
    asyncio.run(deployed(lab, "secret", gates("s", parameters=secret)))
    asyncio.run(deployed(lab, "outer", template(nested("inner", gates("i")))))
    lab.target.refused[net("natGateways/bad")] = REFUSAL
    asyncio.run(deployed(lab, "failed", gates("bad")))
    before = held(lab)
    assert refused(lab, on_error, verb=verb) == expected
    assert held(lab) == before


def test_in_a_new_group_there_is_nothing_to_go_back_to() -> None:
    assert refused(Lab(), LAST) == (404, "DeploymentNotFound")
