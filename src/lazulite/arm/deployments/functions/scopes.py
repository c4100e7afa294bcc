"""What an expression is surrounded by: parameters, variables, loops, the deployment, its group and subscription.

Results: "Deployment functions" and "Scope functions for ARM templates".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.arm.deployments.frame import Frame


def parameters(frame: Frame, name: str) -> Any:
    if name.lower() not in frame.parameters:
        raise ExpressionError(f"The template parameter '{name}' is not found.")
    return frame.parameters[name.lower()]


def variables(frame: Frame, name: str) -> Any:
    return frame.variables.get(name, frame)


def lambda_variables(frame: Frame, name: str) -> Any:
    if name.lower() not in frame.locals:
        raise ExpressionError(f"The lambda variable '{name}' is not found.")
    return frame.locals[name.lower()]


def copy_index(frame: Frame, loop: str | int = 0, offset: int = 0) -> int:
    """``copyIndex()``, ``copyIndex(offset)``, ``copyIndex('loop')`` or ``copyIndex('loop', offset)``."""
    name, shift = (loop.lower(), offset) if isinstance(loop, str) else (frame.loop, loop)
    if not name:
        raise ExpressionError(
            "The template function 'copyIndex' is not expected at this location. "
            "It can only be used in a resource with copy specified, or with the name of a loop."
        )
    if name not in frame.loops:
        raise ExpressionError(f"The template function 'copyIndex' names the loop '{loop}', which does not surround it.")
    return frame.loops[name] + shift


def resource_group(frame: Frame) -> Any:
    if not frame.scopes.group:
        raise ExpressionError(
            "The template function 'resourceGroup' is not expected at this location: "
            "this is a deployment to a subscription."
        )
    return frame.scopes.group


def subscription(frame: Frame) -> Any:
    return frame.scopes.subscription


def tenant(frame: Frame) -> Any:
    return {"tenantId": frame.scopes.subscription.get("tenantId"), "displayName": "Lazulite", "countryCode": ""}


def management_group(frame: Frame) -> Any:
    raise ExpressionError(
        "The template function 'managementGroup' is not expected at this location: "
        "this is a deployment to a resource group."
    )


def deployment(frame: Frame) -> Any:
    return frame.scopes.deployment


def environment(frame: Frame) -> Any:
    return frame.scopes.environment


def new_guid(frame: Frame) -> str:
    if frame.new_id is None:
        raise ExpressionError(
            "The template function 'newGuid' is not expected at this location. "
            "It can only be used in the default value of a parameter."
        )
    return frame.new_id()


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "copyindex": copy_index,
    "deployment": deployment,
    "environment": environment,
    "lambdavariables": lambda_variables,
    "managementgroup": management_group,
    "newguid": new_guid,
    "parameters": parameters,
    "resourcegroup": resource_group,
    "subscription": subscription,
    "tenant": tenant,
    "variables": variables,
}
