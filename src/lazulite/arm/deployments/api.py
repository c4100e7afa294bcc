"""The REST surface of ``Microsoft.Resources/deployments`` in a resource group and in a subscription.

Statuses and shapes: recorded answers, and azure-cli 2.91.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from lazulite.arm import locations
from lazulite.arm.deployments.deployment import Order, Prepared, Setting, prepare, require_location
from lazulite.arm.deployments.fallback import Fallback, fallback
from lazulite.arm.deployments.forecast import Forecast
from lazulite.arm.deployments.history import History
from lazulite.arm.deployments.links import Library, Source
from lazulite.arm.deployments.preflight import check
from lazulite.arm.deployments.record import (
    ACTIVE,
    duration,
    envelope,
    fixed_properties,
    timestamp,
)
from lazulite.arm.deployments.run import Network, Run, active
from lazulite.arm.deployments.secrets import sent, veiled
from lazulite.arm.errors import ArmError, bad_content, method_not_allowed
from lazulite.arm.message import EMPTY, RETRY_HINTS, Response
from lazulite.arm.target import Rehearsal, Target
from lazulite.resources.ids import ResourceId
from lazulite.resources.view import Snapshot

HOLD_S = 2.0
"""How long a poll of a running deployment is held. It ends at once with the deployment, so no client sleeps past it."""
_MAX_NAME = 64
_NAME = re.compile(r"[\w.()-]+")
_MODES = {"incremental": "Incremental", "complete": "Complete"}
_FILTER = re.compile(r"provisioningState\s+eq\s+'(\w+)'", re.IGNORECASE)


class Call(msgspec.Struct, frozen=True):
    """One request, below ``{scope}/providers/Microsoft.Resources/deployments``; *group* is empty for a subscription."""

    method: str
    scope: ResourceId
    path: Sequence[str]
    query: Mapping[str, str]
    body: Any
    group: Mapping[str, Any]
    subscription: Mapping[str, Any]

    @property
    def id(self) -> ResourceId:
        return ResourceId(f"{self.scope}/providers/Microsoft.Resources/deployments/{self.path[0]}")


class Surroundings:
    """What the process around the protocol lends to deployments; all of it may be missing."""

    def __init__(self) -> None:
        self.libraries: list[Library] = []
        """What links of templates lead to."""
        self.rehearse: Callable[[], Rehearsal] | None = None
        """A place to try a deployment in."""
        self.compare: Callable[[Snapshot], Awaitable[Any]] | None = None
        """What becomes of the network's flows when it looks like that."""


class Deployments:
    """Answers every request about deployments, and keeps them running in between.

    *environment* is what the template function ``environment()`` returns; its ``resourceManager`` starts the
    addresses that clients poll. *clock* gives aware times, *new_id* fresh GUIDs.
    """

    def __init__(
        self,
        target: Target,
        history: History,
        environment: Mapping[str, Any],
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        surroundings: Surroundings | None = None,
    ) -> None:
        self._surroundings = surroundings or Surroundings()
        self._network = Network(target, history, clock, new_id, {}, self._surroundings.libraries)
        self._environment = environment

    async def handle(
        self,
        method: str,
        scope: ResourceId,
        path: Sequence[str],
        query: Mapping[str, str],
        body: Any,
        group: Mapping[str, Any],
        subscription: Mapping[str, Any],
    ) -> Response:
        """The answer to *method* on *path* (the segments after ``/deployments``). Raises :class:`ArmError`."""
        call = Call(method.upper(), scope, path, query, body, group, subscription)
        if path:
            _check_name(path[0])
        answer = self._route(call)
        if answer is None:
            raise method_not_allowed(call.method, "/".join(("deployments", *path)))
        return await answer(call)

    def _route(self, call: Call) -> Callable[[Call], Awaitable[Response]] | None:
        below = call.path[1].lower() if len(call.path) > 1 else ""
        routes: dict[tuple[int, str, str], Callable[[Call], Awaitable[Response]]] = {
            (0, "GET", ""): self._list,
            (1, "PUT", ""): self._put,
            (1, "GET", ""): self._get,
            (1, "HEAD", ""): self._head,
            (1, "DELETE", ""): self._delete,
            (2, "POST", "validate"): self._validate,
            (2, "POST", "whatif"): self._what_if,
            (2, "POST", "cancel"): self._cancel,
            (2, "POST", "exporttemplate"): self._export,
            (2, "GET", "operations"): self._operations,
            (3, "GET", "operations"): self._operation,
            (3, "GET", "operationstatuses"): self._status,
        }
        return routes.get((len(call.path), call.method, below))

    async def _put(self, call: Call) -> Response:
        if call.id in self._network.live:
            raise active(call.id)
        prepared = await self._checked(call)
        otherwise = await self._fallback(call, prepared[0].order)
        if call.id in self._network.live:  # another request of the same name was faster while this one was checked
            raise active(call.id)
        known = self._network.history.get(call.id) is not None
        run = Run(prepared[0], self._network, self._network.new_id(), otherwise)
        run.start()
        return Response(200 if known else 201, run.record.wire(), self._poll_headers(call))

    async def _fallback(self, call: Call, order: Order) -> Fallback | None:
        asked = call.body["properties"].get("onErrorDeployment")
        return await fallback(asked, order, self._network.history, self._network.links)

    def _poll_headers(self, call: Call) -> dict[str, str]:
        base = str(self._environment.get("resourceManager", "")).rstrip("/")
        version = call.query.get("api-version", "")
        token = self._network.new_id().replace("-", "")
        address = f"{base}{call.id}/operationStatuses/{token}?api-version={version}"
        return {"Azure-AsyncOperation": address, **RETRY_HINTS}

    async def _checked(self, call: Call) -> list[Prepared]:
        """The deployment that the body asks for, with those nested in it. Raises what speaks against it."""
        order = await self._order(call)
        setting = Setting(self._environment, self._network.clock(), self._network.new_id)
        secrets = sent(order.template, order.parameters)
        try:
            prepared = prepare(order, setting)
            secrets += prepared.secrets
            return await check(self._network.target, self._network.links, prepared)
        except ArmError as error:
            raise veiled(error, secrets) from None

    async def _order(self, call: Call) -> Order:
        """What the body of a PUT, a validation or a what-if asks for, its links followed."""
        properties, mode = _properties(call)
        location = self._location(call)
        links, home = self._network.links, Source()
        template = await links.template(properties, home)
        parameters = await links.parameters(properties, home)
        link = properties.get("templateLink")
        return Order(
            call.id, mode, template.document, parameters, call.group, call.subscription, location, link, template.source
        )

    def _location(self, call: Call) -> str:
        """Where a deployment to a subscription is kept, which stays as long as its name does."""
        given = call.body.get("location")
        if call.scope.group is not None:
            if given is None:
                return ""
            message = f"The 'location' property is not allowed for '{call.id.name}' at resource group scope."
            raise ArmError(400, "InvalidDeployment", message)
        location = locations.normalise(require_location(call.id, call.body))
        if not locations.known(location):
            regions = ", ".join(locations.REGIONS)
            message = f"The provided location '{given}' is not available for deployments. Available regions: {regions}."
            raise ArmError(400, "LocationNotAvailableForDeployment", message)
        known = (self._network.history.get(call.id) or {}).get("deployment", {}).get("location", location)
        if known != location:
            message = (
                f"Invalid deployment location '{location}'. The deployment '{call.id.name}' already exists in "
                f"location '{known}'."
            )
            raise ArmError(409, "InvalidDeploymentLocation", message)
        return location

    async def _validate(self, call: Call) -> Response:
        family = await self._checked(call)
        await self._fallback(call, family[0].order)
        now = self._network.clock()
        resources = [{"id": p.id.text} for each in family for _, p in each.deployed]
        properties = fixed_properties(family[0]) | {
            "provisioningState": "Succeeded",
            "timestamp": timestamp(now),
            "duration": duration(now, now),
            "correlationId": self._network.new_id(),
            "validatedResources": resources,
        }
        return Response(200, envelope(call.id, properties, family[0].order.location))

    async def _what_if(self, call: Call) -> Response:
        family = await self._checked(call)
        await self._fallback(call, family[0].order)
        settings = call.body["properties"].get("whatIfSettings")
        form = settings.get("resultFormat") if isinstance(settings, dict) else None
        ids_only = str(form).lower() == "resourceidonly"
        compare = self._surroundings.compare if call.query.get("reachability", "").lower() == "true" else None
        forecast = Forecast(self._network, self._surroundings.rehearse, compare)
        return Response(200, {"status": "Succeeded", "properties": await forecast.of(family, ids_only=ids_only)})

    async def _list(self, call: Call) -> Response:
        found = [self._current(record)["deployment"] for record in reversed(self._network.history.list(call.scope))]
        wanted = _FILTER.search(call.query.get("$filter", ""))
        if wanted:
            found = [d for d in found if d["properties"]["provisioningState"].lower() == wanted[1].lower()]
        top = call.query.get("$top", "")
        return Response(200, {"value": found[: int(top)] if top.isdecimal() else found})

    async def _get(self, call: Call) -> Response:
        return Response(200, self._record(call)["deployment"])

    async def _head(self, call: Call) -> Response:
        return Response(404 if self._network.history.get(call.id) is None else 204, EMPTY)

    async def _delete(self, call: Call) -> Response:
        if call.id in self._network.live:
            raise active(call.id)
        self._network.history.delete(call.id)
        return Response(204, EMPTY)

    async def _cancel(self, call: Call) -> Response:
        self._record(call)
        run = self._network.live.get(call.id)
        if run is None:
            message = f"The deployment '{call.id.name}' is not running, so it can not be canceled."
            raise ArmError(409, "DeploymentCannotBeCancelled", message)
        run.cancel()
        return Response(204, EMPTY)

    async def _export(self, call: Call) -> Response:
        return Response(200, {"template": self._record(call)["template"]})

    async def _operations(self, call: Call) -> Response:
        return Response(200, {"value": self._record(call)["operations"]})

    async def _operation(self, call: Call) -> Response:
        for operation in self._record(call)["operations"]:
            if operation["operationId"].lower() == call.path[2].lower():
                return Response(200, operation)
        message = f"The deployment operation '{call.path[2]}' could not be found."
        raise ArmError(404, "DeploymentOperationNotFound", message)

    async def _status(self, call: Call) -> Response:
        run = self._network.live.get(call.id)
        if run is not None:
            await asyncio.wait({run.task}, timeout=HOLD_S)
        properties = self._record(call)["deployment"]["properties"]
        state = properties["provisioningState"]
        if state in ACTIVE:
            return Response(200, {"status": "Running"}, RETRY_HINTS)
        error = {"error": properties["error"]} if "error" in properties else {}
        return Response(200, {"status": state, **error})

    def _record(self, call: Call) -> Mapping[str, Any]:
        record = self._network.history.get(call.id)
        if record is None:
            raise ArmError(404, "DeploymentNotFound", f"Deployment '{call.id.name}' could not be found.")
        return self._current(record)

    def _current(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The record as of now: live ones from the run, and an active one without a run has been cut off."""
        deployment = record["deployment"]
        run = self._network.live.get(ResourceId(deployment["id"]))
        if run is not None:
            return run.record.document()
        if deployment["properties"]["provisioningState"] not in ACTIVE:
            return record
        error = {
            "code": "DeploymentInterrupted",
            "message": "The lab was stopped while this deployment ran. Deploy it again: what is there stays as it is.",
        }
        properties = deployment["properties"] | {"provisioningState": "Failed", "error": error}
        return {**record, "deployment": {**deployment, "properties": properties}}


def _check_name(name: str) -> None:
    if len(name) > _MAX_NAME:
        message = f"The deployment name '{name[:80]}' has {len(name)} characters; the limit is '{_MAX_NAME}'."
        raise ArmError(400, "DeploymentNameLengthLimitExceeded", message)
    if not _NAME.fullmatch(name):
        message = (
            f"The deployment name '{name}' is not valid: it may have letters, digits, underscores, hyphens, dots "
            "and parentheses."
        )
        raise ArmError(400, "DeploymentNameInvalidCharacters", message)


def _properties(call: Call) -> tuple[Mapping[str, Any], str]:
    """The properties of the body, and the mode in its own spelling. Raises what is wrong with them."""
    properties = call.body.get("properties") if isinstance(call.body, dict) else None
    if not isinstance(properties, dict):
        raise bad_content("it has no 'properties'.")
    mode = _MODES.get(str(properties.get("mode")).lower())
    if mode is None:
        raise bad_content(f"The mode '{properties.get('mode')}' is neither 'Incremental' nor 'Complete'.")
    if mode == "Complete" and call.scope.group is None:
        raise bad_content("The mode 'Complete' is for deployments to resource groups; use 'Incremental'.")
    return properties, mode
