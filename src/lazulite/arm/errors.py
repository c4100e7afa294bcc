"""The error a client sees: HTTP status, Azure's code, a message, the JSON path it is about, and every violation.

Statuses and sentences: "Understand common Azure deployment errors" and recorded answers of Azure Resource Manager.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation

_STATUSES = {
    "InvalidResourceLocation": 409,
    "InvalidResourceGroupLocation": 409,
    "PropertyChangeNotAllowed": 409,
    "AnotherOperationInProgress": 409,
    "OperationNotAllowed": 409,
    "Conflict": 409,
    "PreconditionFailed": 412,
    "NotFound": 404,
    "ResourceNotFound": 404,
    "ParentResourceNotFound": 404,
}
"""Codes that are not a 400."""


class ArmError(Exception):
    """A request that is refused. ``details`` holds what :class:`Violation` holds: code, message, target.

    ``headers`` go with the answer (``WWW-Authenticate`` …).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        target: str = "",
        details: Iterable[Violation] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.details = list(details)
        self.headers = dict(headers or {})

    def error(self) -> dict[str, Any]:
        """The ``error`` member alone, as operations and deployments carry it."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            body["target"] = self.target
        return body | {"details": [_detail(v) for v in self.details]}

    def envelope(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"error": self.error()}

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def _detail(violation: Violation) -> dict[str, Any]:
    return {k: v for k, v in msgspec.to_builtins(violation).items() if v}


def refused(violations: list[Violation]) -> ArmError:
    """One error for all *violations* (at least one): the first speaks, and the rest stand beside it in details."""
    first = violations[0]
    details = violations if len(violations) > 1 else []
    return ArmError(_STATUSES.get(first.code, 400), first.code, first.message, first.target, details)


def bad_content(message: str) -> ArmError:
    return ArmError(400, "InvalidRequestContent", f"The request content was invalid: {message}")


def resource_not_found(resource_id: ResourceId) -> ArmError:
    where = f" under resource group '{resource_id.group}'" if resource_id.group is not None else ""
    message = f"The Resource '{resource_id.path}'{where} was not found."
    return ArmError(404, "ResourceNotFound", message)


def child_not_found(resource_id: ResourceId) -> ArmError:
    """What Microsoft.Network itself answers for a missing child ("Object shapes", recorded vTAP and subnet reads)."""
    return ArmError(404, "NotFound", f"Resource {resource_id} not found.")


def parent_not_found(resource_id: ResourceId) -> ArmError:
    parent = resource_id.parent.name
    message = f"Can not perform requested operation on nested resource. Parent resource '{parent}' not found."
    return ArmError(404, "ParentResourceNotFound", message)


def group_not_found(name: str) -> ArmError:
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def subscription_not_found(name: str) -> ArmError:
    return ArmError(404, "SubscriptionNotFound", f"The subscription '{name}' could not be found.")


def unknown_type(kind: str, api_version: str = "") -> ArmError:
    namespace, _, rest = kind.partition("/")
    version = f" for api version '{api_version}'" if api_version else ""
    message = f"The resource type '{rest}' could not be found in the namespace '{namespace}'{version}."
    return ArmError(400, "InvalidResourceType", message)


def unknown_namespace(namespace: str) -> ArmError:
    message = f"The resource namespace '{namespace}' is invalid."
    return ArmError(400, "InvalidResourceNamespace", message)


def method_not_allowed(method: str, path: str) -> ArmError:
    return ArmError(405, "MethodNotAllowed", f"The HTTP method '{method}' is not supported at '{path}'.")
