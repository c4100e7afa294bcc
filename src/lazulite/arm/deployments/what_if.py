"""What a deployment would change. Source: "ARM template deployment what-if operation" and recorded answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lazulite.arm.deployments.deployment import Prepared
from lazulite.arm.deployments.expressions import is_expression
from lazulite.arm.deployments.plan import Planned
from lazulite.arm.deployments.record import names_of
from lazulite.arm.deployments.run import goes_with_complete
from lazulite.arm.deployments.secrets import hide
from lazulite.arm.target import Target
from lazulite.resources.ids import ResourceId

_COMPUTED = {"etag", "provisioningstate", "resourceguid", "uniqueid", "vmid", "timecreated", "systemdata"}
"""Members that services compute wherever they stand: no part of what a template decides."""
_REPLACED_WHOLE = {"tags"}
"""Maps whose missing entries a write removes; in other objects what is left out keeps its value."""
_API_VERSION = "2024-05-01"
"""To read resources that the template does not have."""


async def changes(
    target: Target, family: Sequence[Prepared], *, ids_only: bool, tried: Target | None = None
) -> list[dict[str, Any]]:
    """Every change, in the order of ids. *family*: the deployment, then those nested in it.

    *tried* is where the deployment has been rehearsed: what is there then is what each resource becomes. Without one
    the template itself says it, and what it leaves out is taken to stay.
    """
    found: dict[ResourceId, dict[str, Any]] = {}
    secrets = [secret for prepared in family for secret in prepared.secrets]
    for prepared in family:
        for position, planned in prepared.deployed:
            if not planned.is_deployment:
                change = await _written(target, planned, prepared.drafts[position].body, ids_only, tried)
                found[planned.id] = hide(change, secrets)
    root = family[0].order
    for resource in target.listing(root.scope) if root.group else ():
        if resource not in found and goes_with_complete(resource):
            gone = root.mode == "Complete" if tried is None else tried.stored(resource) is None
            found[resource] = await _left(target, resource, gone, ids_only)
    return [found[resource] for resource in sorted(found)]


async def _written(
    target: Target, planned: Planned, body: Mapping[str, Any], ids_only: bool, tried: Target | None
) -> dict[str, Any]:
    change: dict[str, Any] = {"resourceId": planned.id.text}
    head: dict[str, Any] = {"apiVersion": planned.api_version, **_identity(planned.id)}
    live = await target.get(planned.id, planned.api_version)
    if ids_only:
        return change | {"changeType": "Create" if live is None else "Deploy"}
    then = tried.stored(planned.id) if tried is not None else None
    if live is None:
        return change | {"changeType": "Create", "after": head | dict(body if then is None else _filled(body, then))}
    now = target.stored(planned.id) if then is not None else live
    before = head | _cleaned(now or {})
    after = _merged(before, head | dict(body)) if then is None else head | _cleaned(then)
    delta = list(_delta(before, after, ""))
    kind = "Modify" if delta else "NoChange"
    return change | {"changeType": kind, "before": before, "after": after, "delta": delta}


def _filled(body: Any, then: Any) -> Any:
    """*body* with each expression that only the network could answer as it came out in the rehearsal."""
    if isinstance(body, dict) and isinstance(then, dict):
        known = {name.lower(): value for name, value in then.items()}
        return {name: _filled(value, known.get(name.lower())) for name, value in body.items()}
    if isinstance(body, list) and isinstance(then, list) and len(body) == len(then):
        return [_filled(one, other) for one, other in zip(body, then, strict=True)]
    return then if isinstance(body, str) and is_expression(body) and then is not None else body


async def _left(target: Target, resource: ResourceId, gone: bool, ids_only: bool) -> dict[str, Any]:
    change = {"resourceId": resource.text, "changeType": "Delete" if gone else "Ignore"}
    live = None if ids_only else await target.get(resource, _API_VERSION)
    return change if live is None else change | {"before": {**_identity(resource), **_cleaned(live)}}


def _identity(resource: ResourceId) -> dict[str, Any]:
    return {"id": resource.text, "name": names_of(resource), "type": resource.kind}


def _cleaned(live: Mapping[str, Any]) -> dict[str, Any]:
    """A resource without what its service computes. Its identity comes from its id."""
    own = {k: v for k, v in live.items() if k.lower() not in ("id", "name", "type")}
    return {k: v for k, v in _without_computed(own).items() if v is not None}


def _without_computed(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_computed(v) for k, v in value.items() if k.lower() not in _COMPUTED}
    return [_without_computed(v) for v in value] if isinstance(value, list) else value


def _merged(before: Any, after: Any) -> Any:
    """*after* with what it leaves out as it is: a write keeps the live value of an omitted property."""
    if isinstance(before, dict) and isinstance(after, dict):
        return _merged_objects(before, after)
    if isinstance(before, list) and isinstance(after, list):
        partners = _partners(before, after)
        return [_merged(before[p], v) if p is not None else v for v, p in zip(after, partners, strict=True)]
    return before if _equal(before, after) else after


def _merged_objects(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    spelled = {name.lower(): name for name in before}
    given = {spelled.get(name.lower(), name): value for name, value in after.items()}
    result = {}
    for name in [*before, *(n for n in given if n not in before)]:
        if name not in given or given[name] is None:
            result[name] = before.get(name)
        elif name.lower() in _REPLACED_WHOLE or name not in before:
            result[name] = given[name]
        else:
            result[name] = _merged(before[name], given[name])
    return result


def _partners(before: Sequence[Any], after: Sequence[Any]) -> list[int | None]:
    """For each element of *after* its place in *before*: elements with names are the same when those are."""
    free = dict.fromkeys(range(len(before)))
    found: list[int | None] = []
    for value in after:
        partner = next((i for i in free if _same_element(before[i], value)), None)
        if partner is not None:
            del free[partner]
        found.append(partner)
    return found


def _same_element(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in ("name", "id"):
            if key in one and key in other:
                return _equal(one[key], other[key])
        return _equal(one, _merged(one, other))
    return _equal(one, other)


def _equal(one: Any, other: Any) -> bool:
    """Whether a service takes the two for the same value: it reads words without case and numbers from text."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(v, other[k]) for k, v in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict | list) or isinstance(other, dict | list) or one is None or other is None:
        return one is other
    return _folded(one) == _folded(other)


def _folded(value: Any) -> str:
    """``East US`` and ``eastus`` are one region; every other word differs by more than spaces."""
    return str(value).lower().replace(" ", "")


def _delta(before: Any, after: Any, path: str) -> Iterator[dict[str, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(n for n in after if n not in before)]:
            at = f"{path}.{name}" if path else name
            if name not in after:
                yield {"path": at, "propertyChangeType": "Delete", "before": before[name]}
            elif name not in before:
                yield {"path": at, "propertyChangeType": "Create", "after": after[name]}
            else:
                yield from _delta(before[name], after[name], at)
    elif isinstance(before, list) and isinstance(after, list):
        children = list(_elements(before, after))
        if children:
            yield {"path": path, "propertyChangeType": "Array", "before": before, "after": after, "children": children}
    elif not _equal(before, after):
        yield {"path": path, "propertyChangeType": "Modify", "before": before, "after": after}


def _elements(before: Sequence[Any], after: Sequence[Any]) -> Iterator[dict[str, Any]]:
    partners = _partners(before, after)
    for index in (i for i in range(len(before)) if i not in partners):
        yield {"path": str(index), "propertyChangeType": "Delete", "before": before[index]}
    for index, partner in enumerate(partners):
        if partner is None:
            yield {"path": str(index), "propertyChangeType": "Create", "after": after[index]}
            continue
        inner = list(_delta(before[partner], after[index], ""))
        if inner:
            yield {"path": str(index), "propertyChangeType": "Modify", "children": inner}
