"""Runs a deployment: every resource as soon as those it waits for are there."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from graphlib import TopologicalSorter
from typing import Any

import msgspec

from lazulite.arm.deployments.deployment import Order, Prepared, Setting, prepare, settled
from lazulite.arm.deployments.fallback import Fallback
from lazulite.arm.deployments.frame import DEPLOYMENT_KIND, Question, Runtime
from lazulite.arm.deployments.history import History
from lazulite.arm.deployments.links import Library, Links
from lazulite.arm.deployments.outputs import evaluate_outputs
from lazulite.arm.deployments.plan import Planned
from lazulite.arm.deployments.preflight import check, opened
from lazulite.arm.deployments.record import Operation, Record, failure, located_error
from lazulite.arm.deployments.secrets import hide
from lazulite.arm.errors import ArmError, resource_not_found
from lazulite.arm.target import Target
from lazulite.resources.ids import ResourceId

_LOG = logging.getLogger(__name__)

_DELETED_CHILDREN = {
    "microsoft.cdn/profiles/endpoints",
    "microsoft.compute/virtualmachines/extensions",
    "microsoft.network/networkwatchers/connectionmonitors",
    "microsoft.network/networkwatchers/flowlogs",
    "microsoft.network/privatednszones/virtualnetworklinks",
}
"""Child types that complete mode deletes; every other child stays as long as its parent.
Source: "Deletion of Azure resources for complete mode deployments"."""


class Network(msgspec.Struct, frozen=True):
    """What deployments act on."""

    target: Target
    history: History
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    live: dict[ResourceId, Run]
    """Deployments that have not ended, nested ones too."""
    libraries: Sequence[Library] = ()
    """What links lead to."""

    @property
    def links(self) -> Links:
        return Links(self.libraries, self.target)


class Run:
    """One deployment under way. :attr:`task` ends when the deployment does, and never raises."""

    def __init__(
        self, prepared: Prepared, network: Network, correlation_id: str, otherwise: Fallback | None = None
    ) -> None:
        """*otherwise* is deployed when this fails."""
        self.prepared = prepared
        self.record = Record(prepared, network.clock(), correlation_id)
        self.record.on_error = otherwise.wire("") if otherwise else None
        self._otherwise = otherwise
        self.children: list[Run] = []
        self._network = network
        self._cancelled = False

    def start(self) -> None:
        """Keep the record and begin. Returns before anything is deployed."""
        self._network.live[self.record.id] = self
        self._network.history.put(self.record.id, self.record.document())
        self.task = asyncio.create_task(self._run(), name=f"deployment {self.record.id.name}")

    def cancel(self) -> None:
        """Start nothing more; what is being written is finished."""
        self._cancelled = True
        for child in self.children:
            child.cancel()

    async def _run(self) -> None:
        self.record.enter("Running", self._network.clock())
        try:
            error = await self._deploy()
        except Exception as defect:
            secrets = self.prepared.secrets
            _LOG.error("deployment=%s state=Failed\n%s", self.record.id, hide(traceback.format_exc(), secrets))
            error = {"code": "InternalServerError", "message": f"The deployment met a defect of the lab: {defect}"}
        if error and self._otherwise is not None and not self._cancelled:
            await self._fall_back(self._otherwise)
        self._end(error)

    async def _fall_back(self, otherwise: Fallback) -> None:
        """Deploy what was to be in this one's place, and note what became of it."""
        self.record.on_error = otherwise.wire("Running")
        try:
            state = await self._redeploy(otherwise.order)
        except ArmError as error:
            _LOG.warning("deployment=%s fallback=%s error=%s", self.record.id, otherwise.order.id.name, error.code)
            state = "Failed"
        self.record.on_error = otherwise.wire(state)

    async def _redeploy(self, order: Order) -> str:
        """Run *order* to its end; the state it ended in."""
        network = self._network
        if order.id in network.live:
            raise active(order.id)
        setting = Setting(self.prepared.setting.environment, network.clock(), network.new_id)
        family = await check(network.target, network.links, prepare(order, setting))
        return (await self._ran(Run(family[0], network, self.record.correlation_id))).record.state

    async def _ran(self, child: Run) -> Run:
        """*child* when it has ended; it is cancelled with this one."""
        self.children.append(child)
        child.start()
        await child.task
        return child

    def _end(self, error: Mapping[str, Any] | None) -> None:
        if self._cancelled:
            error = {"code": "DeploymentCanceled", "message": f"The deployment '{self.record.id.name}' was canceled."}
        state = "Canceled" if self._cancelled else "Failed" if error else "Succeeded"
        self.record.error = error
        self.record.enter(state, self._network.clock())
        self._network.history.put(self.record.id, self.record.document())
        del self._network.live[self.record.id]

    async def _deploy(self) -> Mapping[str, Any] | None:
        """The error, when there is one."""
        failed = await self._resources()
        if not failed and self.prepared.order.mode == "Complete" and not self._cancelled:
            failed = await self._clean_up()
        if failed:
            return failure(self.record.id, failed)
        return None if self._cancelled else await self._outputs()

    async def _resources(self) -> list[Mapping[str, Any]]:
        """Deploy them all; the errors, in the template's order."""
        graph = self.prepared.graph
        steps: dict[int, asyncio.Task[bool]] = {}
        for position in TopologicalSorter(dict(enumerate(graph))).static_order():
            waits = [steps[p] for p in graph[position]]
            steps[position] = asyncio.create_task(self._step(position, waits))
        for result in await asyncio.gather(*steps.values(), return_exceptions=True):
            if isinstance(result, BaseException):  # only now: nothing may still be written when the deployment ends
                raise result
        return [o.error for o in self.record.operations if o.error]

    async def _step(self, position: int, waits: list[asyncio.Task[bool]]) -> bool:
        """Whether those that wait for this resource may go on."""
        if not all(await asyncio.gather(*waits)) or self._cancelled:
            return False
        planned = self.prepared.plan.resources[position]
        if not planned.deployed or planned.existing:
            return True
        started = self._network.clock()
        error, status = await self._create(position, planned)
        self._note("Create", started, planned.id, error, status)
        if error is None:
            self.record.created.append(planned.id)
        return error is None

    async def _create(self, position: int, planned: Planned) -> tuple[Mapping[str, Any] | None, int]:
        """Error and HTTP status of writing one resource."""
        try:
            body = await self._body(position, planned)
            if planned.is_deployment:
                return await self._nest(planned, body), 409
            await self._network.target.put(planned.id, body, planned.api_version)
        except ArmError as error:
            return located_error(error, planned.id), error.status
        return None, 200

    async def _body(self, position: int, planned: Planned) -> Mapping[str, Any]:
        """The resource's body with all its questions answered."""
        draft, answers = self.prepared.drafts[position], dict[Question, Any]()
        while not draft.complete:
            await self._answer(draft.asked, answers)
            draft = settled(planned, self.prepared.find, answers)
        return draft.body

    async def _answer(self, questions: tuple[Question, ...], answers: dict[Question, Any]) -> None:
        for question in questions:
            if question not in answers:
                answers[question] = await self._ask(question)

    async def _ask(self, question: Question) -> Any:
        resource, version = question.resource, question.api_version
        if question.verb:
            body = msgspec.json.decode(question.body)
            return await self._network.target.action(resource, question.verb, body, version)
        if resource.kind.lower() == DEPLOYMENT_KIND:
            found = (self._network.history.get(resource) or {}).get("deployment")
        else:
            found = await self._network.target.get(resource, version)
        if found is None:
            raise resource_not_found(resource)
        return found

    async def _nest(self, planned: Planned, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Run a nested deployment to its end; its error, when there is one."""
        if planned.id in self._network.live:
            raise active(planned.id)
        network = self._network
        prepared = await opened(network.target, network.links, self.prepared, planned, body, {})
        return (await self._ran(Run(prepared, network, self.record.correlation_id))).record.error

    async def _clean_up(self) -> list[Mapping[str, Any]]:
        """Delete what the group holds and the template does not; the errors."""
        listed = set(self._listed())
        failed: list[Mapping[str, Any]] = []
        for resource in self._network.target.listing(self.prepared.order.scope):
            if resource not in listed and goes_with_complete(resource):
                failed += await self._delete(resource)
        return failed

    def _listed(self) -> Iterator[ResourceId]:
        yield from (p.id for p in self.prepared.plan.resources if p.deployed)
        for child in self.children:
            yield from child._listed()

    async def _delete(self, resource: ResourceId) -> list[Mapping[str, Any]]:
        started = self._network.clock()
        try:
            await self._network.target.delete(resource)
        except ArmError as error:
            if error.code == "ScopeLocked":  # a locked resource stays, and that is no failure ("Deployment modes")
                return []
            found = {"code": "DeploymentFailedCleanUp"} | located_error(error, resource)
            self._note("Delete", started, resource, found, error.status)
            return [found]
        self._note("Delete", started, resource, None, 200)
        return []

    async def _outputs(self) -> Mapping[str, Any] | None:
        """Evaluate the outputs; the error, when there is one."""
        if not self.prepared.template.outputs:
            return None
        started, answers = self._network.clock(), dict[Question, Any]()
        outer = self.prepared.outer
        find = outer.find if outer else self.prepared.find
        try:
            while self.record.outputs is None:
                runtime = Runtime(find, answers, [])
                outputs = evaluate_outputs(self.prepared.template, self.prepared.frame.asking(runtime))
                if not runtime.asked:
                    self.record.outputs = outputs
                await self._answer(tuple(runtime.asked), answers)
        except ArmError as error:
            detail = error.error()
            self._note("EvaluateDeploymentOutput", started, None, detail, error.status)
            message = f"Unable to evaluate template outputs: {error.message}"
            return {"code": "DeploymentOutputEvaluationFailed", "message": message, "details": [detail]}
        self._note("EvaluateDeploymentOutput", started, None, None, 200)
        return None

    def _note(
        self, action: str, started: datetime, target: ResourceId | None, error: Mapping[str, Any] | None, status: int
    ) -> None:
        ended = self._network.clock()
        operation_id = self._network.new_id().replace("-", "").upper()[-16:]
        shown = status if error else 200
        self.record.operations.append(Operation(operation_id, action, started, ended, target, error, shown))


def goes_with_complete(resource: ResourceId) -> bool:
    """Whether complete mode deletes a resource of this type that the template does not list."""
    kind = resource.kind.lower()
    if resource.text.lower().count("/providers/") > 1 or kind == DEPLOYMENT_KIND:
        return False
    return kind.count("/") == 1 or kind in _DELETED_CHILDREN


def active(deployment: ResourceId) -> ArmError:
    message = (
        f"Unable to edit or replace deployment '{deployment.name}': the previous deployment of that name is still "
        "active. Cancel it, or wait until it has ended."
    )
    return ArmError(409, "DeploymentActiveAndUneditable", message)
