"""Resource ids, and what the running network knows. Results: "Resource functions for ARM templates"."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.arm.deployments.frame import UNKNOWN, Frame, Named, Question, Runtime

_ZONES = ("1", "2", "3")
"""Availability zones of every region of the lab, as in the larger regions of Azure."""
_API_VERSION = "2024-05-01"
"""What ``providers`` offers; the product accepts any."""


_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def path(kind: str, names: list[str]) -> str:
    """``{namespace}/{type}/{name}[/{type}/{name}…]``. Raises :class:`ExpressionError` when the counts differ."""
    namespace, _, rest = kind.partition("/")
    types = rest.split("/")
    if len(types) != len(names):
        raise ExpressionError(
            f"Unable to evaluate the resource id: the type '{kind}' requires '{len(types)}' resource name "
            f"argument(s) and '{len(names)}' are given."
        )
    return namespace + "".join(f"/{t}/{n}" for t, n in zip(types, names, strict=True))


def _split(function: str, arguments: tuple[str, ...], scopes: int) -> tuple[list[str], str, list[str]]:
    """The scope arguments before the resource type, the type, and the names after it."""
    at = next((i for i, a in enumerate(arguments[: scopes + 1]) if "/" in a), None)
    if at is None:
        raise ExpressionError(
            f"Unable to evaluate the template language function '{function}': no argument is a resource type."
        )
    return list(arguments[:at]), arguments[at].strip("/"), list(arguments[at + 1 :])


def resource_id(frame: Frame, *arguments: str) -> str:
    """``resourceId([subscription], [group], type, name…)``; in a deployment to a subscription without a group too."""
    scopes, kind, names = _split("resourceId", arguments, 2)
    if not frame.scopes.group and (not scopes or (len(scopes) == 1 and _GUID.fullmatch(scopes[0]))):
        return subscription_resource_id(frame, *arguments)
    group = scopes.pop() if scopes else str(frame.scopes.group["name"])
    subscription = scopes.pop() if scopes else frame.scopes.subscription_id
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{path(kind, names)}"


def subscription_resource_id(frame: Frame, *arguments: str) -> str:
    scopes, kind, names = _split("subscriptionResourceId", arguments, 1)
    subscription = scopes[0] if scopes else frame.scopes.subscription_id
    return f"/subscriptions/{subscription}/providers/{path(kind, names)}"


def tenant_resource_id(*arguments: str) -> str:
    _, kind, names = _split("tenantResourceId", arguments, 0)
    return f"/providers/{path(kind, names)}"


def management_group_resource_id(group: str, kind: str, *names: str) -> str:
    return f"/providers/Microsoft.Management/managementGroups/{group}/providers/{path(kind, list(names))}"


def extension_resource_id(base: str, kind: str, *names: str) -> str:
    return f"{base}/providers/{path(kind, list(names))}"


def _runtime(frame: Frame, function: str) -> Runtime:
    if frame.runtime is None:
        raise ExpressionError(
            f"The template function '{function}' is not expected at this location. "
            "It can only be used in the properties of resources and in outputs."
        )
    return frame.runtime


def _named(frame: Frame, function: str, name: str, api_version: str | None) -> list[Named]:
    """The resources that *name* stands for, each with the API version to ask with."""
    found = _runtime(frame, function).find(name)
    if not found:
        raise ExpressionError(f"The resource '{name}' is not defined in the template.")
    for each in found:
        if not (api_version or each.api_version):
            raise ExpressionError(
                f"The template function '{function}' needs an API version for '{name}', "
                "which is not a resource of this template."
            )
    return [Named(each.id, api_version or each.api_version, each.by_name) for each in found]


def _asked(frame: Frame, named: Named, full: str | None) -> Any:
    if full is not None and full.lower() not in ("full", "properties"):
        raise ExpressionError(f"The template function 'reference' takes 'Full' as its third argument, not '{full}'.")
    whole = full is not None and full.lower() == "full"
    question = Question(named.id, "", named.api_version, by_name=named.by_name)
    found = _runtime(frame, "reference").ask(question)
    if found is UNKNOWN:
        return UNKNOWN
    return _full(named, found) if whole else found.get("properties", {})


def _full(named: Named, found: Mapping[str, Any]) -> dict[str, Any]:
    """The whole resource, as ``'Full'`` gives it: who it is stands under names of its own."""
    return {k: v for k, v in found.items() if k not in ("id", "name", "type", "etag")} | {
        "apiVersion": named.api_version,
        "subscriptionId": named.id.subscription,
        "resourceGroupName": named.id.group,
        "resourceId": named.id.path,
    }


def reference(frame: Frame, name: str, api_version: str | None = None, full: str | None = None) -> Any:
    named = _named(frame, "reference", name, api_version)
    if len(named) > 1:
        raise ExpressionError(f"The name '{name}' stands for {len(named)} resources; 'references' gives them all.")
    return _asked(frame, named[0], full)


def references(frame: Frame, loop: str, full: str | None = None) -> Any:
    found = [_asked(frame, named, full) for named in _named(frame, "references", loop, None)]
    return UNKNOWN if any(f is UNKNOWN for f in found) else found


def list_action(verb: str) -> Callable[..., Any]:
    """The function ``list*``: calls the action of the same name."""

    def call(frame: Frame, name: str, api_version: str | None = None, body: Any = None) -> Any:
        named = _named(frame, verb, name, api_version)[0]
        text = json.dumps(body, sort_keys=True)
        return _runtime(frame, verb).ask(Question(named.id, verb, named.api_version, text, named.by_name))

    return call


def pick_zones(namespace: str, kind: str, location: str, count: int = 1, offset: int = 0) -> list[str]:
    if not 0 <= offset <= offset + count <= len(_ZONES):
        raise ExpressionError(f"The template function 'pickZones' has {len(_ZONES)} zones to pick from.")
    return list(_ZONES[offset : offset + count])


def providers(frame: Frame, namespace: str, kind: str | None = None) -> dict[str, Any]:
    if kind is None:
        return {"id": f"/subscriptions/{frame.scopes.subscription_id}/providers/{namespace}", "namespace": namespace}
    location = frame.scopes.group.get("location") or frame.scopes.deployment.get("location")
    return {"resourceType": kind, "locations": [location], "apiVersions": [_API_VERSION]}


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "extensionresourceid": extension_resource_id,
    "managementgroupresourceid": management_group_resource_id,
    "pickzones": pick_zones,
    "providers": providers,
    "reference": reference,
    "references": references,
    "resourceid": resource_id,
    "subscriptionresourceid": subscription_resource_id,
    "tenantresourceid": tenant_resource_id,
}
