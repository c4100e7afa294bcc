"""A deployment's record: what clients read of it and of its operations.

Shapes: recorded answers of ``Microsoft.Resources/deployments``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec

from lazulite.arm.deployments.deployment import Prepared
from lazulite.arm.deployments.functions.hashes import murmur64
from lazulite.arm.deployments.secrets import hide
from lazulite.arm.errors import ArmError
from lazulite.resources.ids import ResourceId

ACTIVE = ("Accepted", "Running")
_KIND = "Microsoft.Resources/deployments"


def timestamp(moment: datetime) -> str:
    """As deployments print it: seven digits of a second, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def duration(start: datetime, end: datetime) -> str:
    """ISO 8601, e.g. ``PT1M2.5S``."""
    seconds = max((end - start).total_seconds(), 0.0)
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{hours}H" * (hours > 0) + f"{minutes}M" * (minutes > 0)
    return f"PT{text}{f'{rest:.7f}'.rstrip('0').rstrip('.') or '0'}S"


def template_hash(template: Any) -> str:
    """The same for the same template, whatever its spacing."""
    return str(murmur64(json.dumps(template, sort_keys=True, separators=(",", ":")).encode()))


class Operation(msgspec.Struct, frozen=True):
    """One step of a deployment that has ended."""

    id: str
    action: str
    """``Create``, ``Read``, ``Delete`` or ``EvaluateDeploymentOutput``."""
    started: datetime
    ended: datetime
    target: ResourceId | None = None
    error: Mapping[str, Any] | None = None
    status: int = 200

    def wire(self, deployment: ResourceId) -> dict[str, Any]:
        properties: dict[str, Any] = {
            "provisioningOperation": self.action,
            "provisioningState": "Failed" if self.error else "Succeeded",
            "timestamp": timestamp(self.ended),
            "duration": duration(self.started, self.ended),
            "statusCode": status_name(self.status),
        }
        if self.error:
            properties["statusMessage"] = {"status": "Failed", "error": self.error}
        if self.target:
            properties["targetResource"] = described(self.target)
        return {"id": f"{deployment}/operations/{self.id}", "operationId": self.id, "properties": properties}


def status_name(status: int) -> str:
    """``Conflict`` for 409: Azure writes the name of the status without spaces."""
    return HTTPStatus(status).phrase.title().replace(" ", "") if status != 200 else "OK"


def described(resource: ResourceId) -> dict[str, Any]:
    """A resource as dependencies and operations name it."""
    return {"id": resource.text, "resourceType": resource.kind, "resourceName": names_of(resource)}


def names_of(resource: ResourceId) -> str:
    """All name segments: ``vnet/subnet``; of a resource group its name."""
    return "/".join(resource.path.split("/")[2::2]) if "/providers/" in resource.key else resource.name


class Record:
    """One deployment while it is made, and what stays of it."""

    def __init__(self, prepared: Prepared, now: datetime, correlation_id: str) -> None:
        self.id = prepared.order.id
        self.started = self.changed = now
        self.state = "Accepted"
        self.outputs: Mapping[str, Any] | None = None
        self.created: list[ResourceId] = []
        self.operations: list[Operation] = []
        self.error: Mapping[str, Any] | None = None
        self.correlation_id = correlation_id
        self._template = prepared.order.template
        self._location = prepared.order.location
        self._secrets = prepared.secrets
        self._is_root = prepared.level == 0
        self.on_error: Mapping[str, Any] | None = None
        """What was to be deployed in its place when it fails, and what became of that."""
        self._fixed = fixed_properties(prepared)

    def enter(self, state: str, now: datetime) -> None:
        self.state, self.changed = state, now

    def wire(self) -> dict[str, Any]:
        """The deployment as a client reads it."""
        properties = {
            **self._fixed,
            "provisioningState": self.state,
            "timestamp": timestamp(self.changed),
            "duration": duration(self.started, self.changed),
            "correlationId": self.correlation_id,
        }
        if self.outputs is not None:
            properties["outputs"] = self.outputs
        if self.state not in ACTIVE:
            properties["outputResources"] = [{"id": r.text} for r in sorted(self.created)]
        if self.on_error is not None:
            properties["onErrorDeployment"] = self.on_error
        if self.error is not None:
            properties["error"] = self.error
        return envelope(self.id, properties, self._location)

    def document(self) -> dict[str, Any]:
        """Everything that is kept. Outputs are what the author chose to show, and others read them from here."""
        deployment = self.wire()
        outputs = deployment["properties"].pop("outputs", None)
        operations = [o.wire(self.id) for o in self.operations]
        kept = hide({"deployment": deployment, "template": self._template, "operations": operations}, self._secrets)
        if outputs is not None:
            kept["deployment"]["properties"]["outputs"] = outputs
        found: dict[str, Any] = kept | {"root": self._is_root}
        return found


def envelope(deployment: ResourceId, properties: Mapping[str, Any], location: str = "") -> dict[str, Any]:
    own = {"location": location} if location else {}
    return {"id": deployment.text, "name": deployment.name, "type": _KIND, **own, "properties": properties}


def fixed_properties(prepared: Prepared) -> dict[str, Any]:
    """The properties that are known before anything runs."""
    return {
        **_link(prepared),
        "templateHash": template_hash(prepared.order.template),
        "parameters": prepared.bound.echo,
        "mode": prepared.order.mode,
        "providers": _providers(prepared),
        "dependencies": list(_dependencies(prepared)),
    }


def _link(prepared: Prepared) -> dict[str, Any]:
    return {} if prepared.order.link is None else {"templateLink": prepared.order.link}


def _providers(prepared: Prepared) -> list[dict[str, Any]]:
    """The resource types, each with the location of its first resource (children have none)."""
    namespaces: dict[str, dict[str, Any]] = {}
    for position, planned in prepared.deployed:
        namespace, _, kind = planned.id.kind.partition("/")
        namespaces.setdefault(namespace, {}).setdefault(kind, prepared.drafts[position].body.get("location"))
    return [
        {"namespace": namespace, "resourceTypes": [{"resourceType": k, "locations": [at]} for k, at in kinds.items()]}
        for namespace, kinds in namespaces.items()
    ]


def _dependencies(prepared: Prepared) -> list[dict[str, Any]]:
    resources = prepared.plan.resources
    return [
        {"dependsOn": [described(resources[t].id) for t in sorted(targets)], **described(resources[position].id)}
        for position, targets in enumerate(prepared.graph)
        if targets
    ]


def failure(record_id: ResourceId, details: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The error of a deployment some of whose resources failed."""
    message = "At least one resource deployment operation failed. Please list deployment operations for details."
    return {"code": "DeploymentFailed", "target": record_id.text, "message": message, "details": list(details)}


def located_error(error: ArmError, resource: ResourceId) -> dict[str, Any]:
    """*error* as a deployment lists it: it names the resource, unless it says itself what it is about."""
    return {"target": resource.text} | error.error()
