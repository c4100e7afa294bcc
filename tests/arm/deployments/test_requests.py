from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lazulite.arm.deployments import api
from lazulite.arm.errors import ArmError
from lazulite.arm.message import EMPTY
from lazulite.resources.ids import ResourceId
from tests.arm.deployments.lab import GROUP_ID, Lab, net, request, resource, template

ID = f"{GROUP_ID}/providers/Microsoft.Resources/deployments/d"
ONE = template(
    resource("natGateways", "a", location="westeurope"), parameters={"p": {"type": "string", "defaultValue": "x"}}
)


def gated(lab: Lab) -> asyncio.Event:
    """Every put waits for the event."""
    event = asyncio.Event()

    async def meet(resource_id: ResourceId) -> None:
        await event.wait()

    lab.target.meet = meet
    return event


def story(tell: Callable[[Lab], Awaitable[None]]) -> None:
    asyncio.run(tell(Lab()))  # type: ignore[arg-type]


def refused(lab: Lab, method: str, path: str, body: Any = None) -> ArmError:
    with pytest.raises(ArmError) as caught:
        asyncio.run(lab.call(method, path, body))
    return caught.value


def test_a_put_is_accepted_polled_and_read() -> None:
    async def tell(lab: Lab) -> None:
        event = gated(lab)
        accepted = await lab.call("PUT", "d", request(ONE))
        assert accepted.status == 201
        assert {k: accepted.body[k] for k in ("id", "name", "type")} == {
            "id": ID,
            "name": "d",
            "type": "Microsoft.Resources/deployments",
        }
        properties = accepted.body["properties"]
        assert properties["provisioningState"] == "Accepted"
        assert properties["mode"] == "Incremental"
        assert properties["parameters"] == {"p": {"type": "String", "value": "x"}}
        assert properties["templateHash"].isdecimal()
        assert properties["timestamp"].startswith("2026-01-02T15:04:05.0")
        assert len(properties["timestamp"]) == 28
        assert "outputResources" not in properties
        address = accepted.headers["Azure-AsyncOperation"]
        assert address.startswith(f"https://localhost:8443{ID}/operationStatuses/")
        assert address.endswith("?api-version=2025-04-01")
        assert float(accepted.headers["Retry-After"]) > 0

        poll = asyncio.create_task(lab.call("GET", "d/operationStatuses/1"))
        await asyncio.sleep(0)
        assert not poll.done()
        running = (await lab.call("GET", "d")).body["properties"]
        assert running["provisioningState"] == "Running"
        event.set()
        assert (await poll).body == {"status": "Succeeded"}
        ended = (await lab.call("GET", "d")).body["properties"]
        assert ended["provisioningState"] == "Succeeded"
        assert ended["duration"].startswith("PT")
        assert ended["outputResources"] == [{"id": net("natGateways/a").text}]
        assert ended["correlationId"] == properties["correlationId"]
        assert (await lab.call("PUT", "d", request(ONE))).status == 200
        await lab.finished()

    story(tell)


def test_a_held_poll_lets_go_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "HOLD_S", 0.01)

    async def tell(lab: Lab) -> None:
        event = gated(lab)
        await lab.call("PUT", "d", request(ONE))
        answer = await lab.call("GET", "d/operationStatuses/1")
        assert answer.body == {"status": "Running"}
        assert float(answer.headers["Retry-After"]) > 0
        event.set()
        await lab.finished()

    story(tell)


def test_the_poll_of_a_failed_deployment_carries_its_error() -> None:
    async def tell(lab: Lab) -> None:
        lab.target.refused[net("natGateways/a")] = ArmError(409, "Conflict", "No.")
        await lab.deploy(ONE)
        body = (await lab.call("GET", "d/operationStatuses/1")).body
        assert (body["status"], body["error"]["code"]) == ("Failed", "DeploymentFailed")

    story(tell)


def test_a_running_deployment_can_not_be_replaced_or_deleted() -> None:
    async def tell(lab: Lab) -> None:
        event = gated(lab)
        await lab.call("PUT", "d", request(ONE))
        for method, body in (("PUT", request(ONE)), ("DELETE", None)):
            with pytest.raises(ArmError) as caught:
                await lab.call(method, "D", body)
            assert (caught.value.status, caught.value.code) == (409, "DeploymentActiveAndUneditable")
        event.set()
        await lab.finished()
        assert (await lab.call("DELETE", "d")).status == 204

    story(tell)


def test_of_two_puts_of_one_name_at_once_one_is_refused() -> None:
    async def tell(lab: Lab) -> None:
        both = await asyncio.gather(*(lab.call("PUT", "d", request(ONE)) for _ in "12"), return_exceptions=True)
        assert sorted(getattr(answer, "status", 0) for answer in both) == [201, 409]
        await lab.finished()
        assert lab.target.names == ["a"]

    story(tell)


def test_canceling_starts_nothing_more_and_finishes_what_is_under_way() -> None:
    async def tell(lab: Lab) -> None:
        event = gated(lab)
        await lab.call(
            "PUT", "d", request(template(resource("natGateways", "a"), resource("natGateways", "b", dependsOn=["a"])))
        )
        while not lab.target.log:
            await asyncio.sleep(0)
        assert (await lab.call("POST", "d/cancel")).status == 204
        event.set()
        ended = await lab.finished()
        assert (ended["provisioningState"], ended["error"]["code"]) == ("Canceled", "DeploymentCanceled")
        assert lab.target.log == ["+a", "-a"]

    story(tell)


def test_a_deployment_that_has_ended_can_not_be_canceled() -> None:
    lab = Lab()
    asyncio.run(lab.deploy(ONE))
    assert refused(lab, "POST", "d/cancel").code == "DeploymentCannotBeCancelled"


def test_validating_answers_like_a_deployment_and_deploys_nothing() -> None:
    lab = Lab()
    answer = asyncio.run(lab.call("POST", "d/validate", request(ONE)))
    assert answer.status == 200
    properties = answer.body["properties"]
    assert (properties["provisioningState"], properties["duration"]) == ("Succeeded", "PT0S")
    assert properties["validatedResources"] == [{"id": net("natGateways/a").text}]
    assert lab.target.log == []
    assert lab.history.list(GROUP_ID) == []


def test_existence() -> None:
    lab = Lab()
    assert asyncio.run(lab.call("HEAD", "d")).status == 404
    asyncio.run(lab.deploy(ONE))
    answer = asyncio.run(lab.call("HEAD", "d"))
    assert (answer.status, answer.body) == (204, EMPTY)


def test_deleting_forgets_the_deployment_and_leaves_its_resources() -> None:
    lab = Lab()
    asyncio.run(lab.deploy(ONE))
    assert asyncio.run(lab.call("DELETE", "d")).status == 204
    assert asyncio.run(lab.call("DELETE", "d")).status == 204
    assert refused(lab, "GET", "d").code == "DeploymentNotFound"
    assert net("natGateways/a") in lab.target.resources


def test_lists_begin_with_the_newest_and_can_be_filtered() -> None:
    lab = Lab()
    asyncio.run(lab.deploy(ONE, deployment="one"))
    lab.target.refused[net("natGateways/a")] = ArmError(409, "Conflict", "No.")
    asyncio.run(lab.deploy(ONE, deployment="two"))

    def names(**query: str) -> list[str]:
        answer = asyncio.run(lab.call("GET", "", query={f"${k}": v for k, v in query.items()}))
        return [d["name"] for d in answer.body["value"]]

    assert names() == ["two", "one"]
    assert names(filter="provisioningState eq 'Failed'") == ["two"]
    assert names(top="1") == ["two"]


def test_operations_are_read_together_or_alone() -> None:
    lab = Lab()
    asyncio.run(lab.deploy(ONE))
    [operation] = asyncio.run(lab.call("GET", "d/operations")).body["value"]
    assert operation["id"] == f"{ID}/operations/{operation['operationId']}"
    assert asyncio.run(lab.call("GET", f"d/operations/{operation['operationId'].lower()}")).body == operation
    assert refused(lab, "GET", "d/operations/nosuch").code == "DeploymentOperationNotFound"


def test_the_template_can_be_exported() -> None:
    lab = Lab()
    asyncio.run(lab.deploy(ONE))
    assert asyncio.run(lab.call("POST", "d/exportTemplate")).body == {"template": ONE}


def test_the_history_forgets_the_oldest_beyond_800() -> None:
    lab = Lab()
    for i in range(800):
        deployment = ResourceId(f"{GROUP_ID}/providers/Microsoft.Resources/deployments/old{i}")
        properties = {"provisioningState": "Succeeded"}
        lab.history.put(
            deployment, {"deployment": {"id": deployment.text, "name": f"old{i}", "properties": properties}}
        )
    asyncio.run(lab.deploy(template()))
    kept = [d["deployment"]["name"] for d in lab.history.list(GROUP_ID)]
    assert (len(kept), kept[0], kept[-1]) == (800, "old1", "d")


def test_a_deployment_that_the_end_of_the_controller_cut_off_has_failed() -> None:
    lab = Lab()

    async def cut() -> None:
        gated(lab)
        await lab.call("PUT", "d", request(ONE))

    asyncio.run(cut())
    lab.deployments = lab.restarted()
    found = asyncio.run(lab.call("GET", "d")).body["properties"]
    assert (found["provisioningState"], found["error"]["code"]) == ("Failed", "DeploymentInterrupted")
    assert asyncio.run(lab.call("GET", "d/operationStatuses/1")).body["status"] == "Failed"
    lab.target.meet = None
    assert asyncio.run(lab.deploy(ONE))["provisioningState"] == "Succeeded"


BODIES = [
    pytest.param(None, "InvalidRequestContent", id="no body"),
    pytest.param([], "InvalidRequestContent", id="a list"),
    pytest.param({"properties": {"template": ONE}}, "InvalidRequestContent", id="no mode"),
    pytest.param(
        {"properties": {"mode": "Other", "template": ONE}}, "InvalidRequestContent", id="a mode that is not there"
    ),
    pytest.param({"properties": {"mode": "Incremental"}}, "InvalidTemplate", id="no template"),
    pytest.param(
        request(ONE) | {"properties": {**request(ONE)["properties"], "onErrorDeployment": {"type": "Never"}}},
        "InvalidRequestContent",
        id="a deployment on error of no type",
    ),
    pytest.param(
        {"properties": {"mode": "Incremental", "template": ONE, "parameters": {"p": "bare"}}},
        "InvalidTemplate",
        id="a parameter without its value member",
    ),
    pytest.param(
        {"properties": {"mode": "Incremental", "template": ONE, "parameters": []}},
        "InvalidTemplate",
        id="parameters in a list",
    ),
]


@pytest.mark.parametrize(("body", "code"), BODIES)
@pytest.mark.parametrize("request_line", ["PUT d", "POST d/validate", "POST d/whatIf"])
def test_a_body_is_refused(body: Any, code: str, request_line: str) -> None:
    lab = Lab()
    method, path = request_line.split()
    error = refused(lab, method, path, body)
    assert (error.status, error.code) == (400, code)
    assert lab.history.list(GROUP_ID) == []


REQUESTS = [
    pytest.param("PUT", "n" * 65, "DeploymentNameLengthLimitExceeded", id="a name too long"),
    pytest.param("PUT", "a b", "DeploymentNameInvalidCharacters", id="a name with a space"),
    pytest.param("PATCH", "d", "MethodNotAllowed", id="a method that is not there"),
    pytest.param("GET", "d/nosuch", "MethodNotAllowed", id="a path that is not there"),
    pytest.param("GET", "d", "DeploymentNotFound", id="a deployment that is not there"),
    pytest.param("POST", "d/cancel", "DeploymentNotFound", id="canceling what is not there"),
    pytest.param("POST", "d/exportTemplate", "DeploymentNotFound", id="exporting what is not there"),
    pytest.param("GET", "d/operations", "DeploymentNotFound", id="operations of what is not there"),
]


@pytest.mark.parametrize(("method", "path", "code"), REQUESTS)
def test_a_request_is_refused(method: str, path: str, code: str) -> None:
    assert refused(Lab(), method, path, request(ONE)).code == code
