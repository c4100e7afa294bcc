"""The resources that a template stands for: loops unrolled, conditions decided, children found, names resolved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from lazulite.arm.deployments.evaluation import count, invalid_template, located, resolve
from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.arm.deployments.frame import DEPLOYMENT_KIND, Frame, Named
from lazulite.arm.deployments.functions.resources import path
from lazulite.arm.deployments.template import MAX_RESOURCES, Template, entries
from lazulite.resources.ids import ResourceId

RESOURCE_GROUP = "microsoft.resources/resourcegroups"
_OUTSIDE = {
    "apiversion",
    "asserts",
    "comments",
    "condition",
    "copy",
    "dependson",
    "existing",
    "metadata",
    "name",
    "options",
    "resourcegroup",
    "resources",
    "scope",
    "subscriptionid",
    "type",
}
"""Members of a template's resource that speak to the deployment and are no part of the resource."""


class Loop(msgspec.Struct, frozen=True):
    """Where a resource stands in its copy loop. A *batch* starts when the one before it has ended."""

    name: str
    index: int
    batch: int


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of the template."""

    id: ResourceId
    kind: str
    name: str
    """All name segments: ``vnet/subnet``."""
    api_version: str
    symbol: str
    loop: Loop | None
    deployed: bool
    """The condition holds."""
    existing: bool
    """Only read, by its symbolic name."""
    depends: tuple[str, ...]
    members: Mapping[str, Any]
    """What is written, unevaluated."""
    frame: Frame

    @property
    def is_deployment(self) -> bool:
        return self.kind.lower() == DEPLOYMENT_KIND

    @property
    def where(self) -> str:
        return f"resource '{self.id}'"


def expand(template: Template, frame: Frame, group: ResourceId) -> tuple[list[Planned], list[str]]:
    """Every resource, children after their parents, and the names of all copy loops (some may be empty)."""
    loops: list[str] = []
    planned = []
    for each in _expand(template.resources, frame, group, None, loops):
        planned.append(each)
        if len(planned) > MAX_RESOURCES:  # how many there would be is not counted: that is what is bounded
            raise invalid_template(
                f"The number of template resources limit exceeded. Limit: '{MAX_RESOURCES}' and actual: more."
            )
    return planned, loops


def _expand(
    sources: Iterable[tuple[str, Mapping[str, Any]]],
    frame: Frame,
    group: ResourceId,
    parent: Planned | None,
    loops: list[str],
) -> Iterator[Planned]:
    for symbol, source in sources:
        members = {name.lower(): value for name, value in source.items()}
        for each, loop in _copies(members, frame, _title(symbol, members), loops):
            planned = _planned(symbol, source, members, each, loop, group, parent)
            yield planned
            yield from _expand(entries(members.get("resources")), each, group, planned, loops)


def _title(symbol: str, members: Mapping[str, Any]) -> str:
    return f"resource '{symbol or members.get('name')}'"


def _copies(
    members: Mapping[str, Any], frame: Frame, where: str, loops: list[str]
) -> Iterator[tuple[Frame, Loop | None]]:
    """The frame of each copy; the one of a resource without a loop is its surroundings'."""
    source = members.get("copy")
    if source is None:
        yield frame, None
        return
    if not isinstance(source, dict):
        raise invalid_template(f"The 'copy' of {where} is not an object with a name and a count.")
    with located(where):
        name = str(resolve(source.get("name"), frame))
        number = count(source, frame)
        size = _batch_size(source, number, frame)
    loops.append(name.lower())
    for index in range(number):
        yield frame.at_index(name, index, own=True), Loop(name.lower(), index, index // size)


def _batch_size(source: Mapping[str, Any], number: int, frame: Frame) -> int:
    """Copies that are deployed at once: all of them, unless the mode is serial."""
    if str(source.get("mode", "parallel")).lower() != "serial":
        return max(number, 1)
    size = resolve(source.get("batchSize", 1), frame)
    if type(size) is not int or not 1 <= size <= max(number, 1):
        raise ExpressionError(
            f"The batch size of a copy loop is a number from 1 to its count '{number}', not '{size}'."
        )
    return size


def _planned(
    symbol: str,
    source: Mapping[str, Any],
    members: Mapping[str, Any],
    frame: Frame,
    loop: Loop | None,
    group: ResourceId,
    parent: Planned | None,
) -> Planned:
    where = _title(symbol, members)
    with located(where):
        kind, name, api_version = (_word(members, m, where, frame) for m in ("type", "name", "apiVersion"))
        if parent is not None and not kind.lower().startswith(parent.kind.lower() + "/"):
            kind, name = f"{parent.kind}/{kind}", f"{parent.name}/{name}"
        depends = resolve(members.get("dependson") or [], frame)
        deployed = _condition(members.get("condition", True), frame)
        scope = _scope(members, group, frame)
    if not isinstance(depends, list) or not all(isinstance(d, str) for d in depends):
        raise invalid_template(f"The 'dependsOn' of {where} is not an array of names.")
    return Planned(
        id=_identity(scope, kind, name),
        kind=kind,
        name=name,
        api_version=api_version,
        symbol=symbol,
        loop=loop,
        deployed=deployed,
        existing=members.get("existing") is True,
        depends=tuple(depends),
        members={n: v for n, v in source.items() if n.lower() not in _OUTSIDE},
        frame=frame,
    )


def _word(members: Mapping[str, Any], name: str, where: str, frame: Frame) -> str:
    value = resolve(members.get(name.lower()), frame)
    if not isinstance(value, str) or not value:
        raise invalid_template(f"The {where} has no '{name}' that is a string.")
    return value


def _condition(source: Any, frame: Frame) -> bool:
    value = resolve(source, frame)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ExpressionError(f"The condition is a boolean, not '{value}'.")


def _scope(members: Mapping[str, Any], home: ResourceId, frame: Frame) -> ResourceId:
    """What the resource's id starts with: where the template is deployed to, unless it names another scope."""
    scope = resolve(members.get("scope"), frame)
    if scope is not None:
        text = str(scope) if str(scope).startswith("/") else f"{home}/providers/{scope}"
        return _parsed(text)
    subscription = resolve(members.get("subscriptionid"), frame)
    group = resolve(members.get("resourcegroup"), frame)
    if subscription is None and group is None:
        return home
    below = f"/resourceGroups/{group}" if group is not None else ""
    return _parsed(f"/subscriptions/{subscription or home.subscription}{below}")


def _parsed(text: str) -> ResourceId:
    try:
        return canonical(ResourceId.parse(text))
    except ValueError:
        message = f"The scope '{text}' is not the id of a subscription, a resource group or a resource"
        raise ExpressionError(f"{message}; the lab has no management groups.") from None


def canonical(resource_id: ResourceId) -> ResourceId:
    """The id of a resource group in the spelling that ``subscriptionResourceId`` can not give it."""
    if resource_id.kind.lower() != RESOURCE_GROUP or "/providers/" not in resource_id.key:
        return resource_id
    return ResourceId(f"/subscriptions/{resource_id.subscription}/resourceGroups/{resource_id.name}")


def _identity(scope: ResourceId, kind: str, name: str) -> ResourceId:
    if kind.lower() == RESOURCE_GROUP and scope.group is not None:
        raise invalid_template(f"The resource group '{name}' can only be deployed to a subscription.")
    segments = name.split("/")
    try:
        if "/" in kind and all(segments):
            return canonical(ResourceId.parse(f"{scope}/providers/{path(kind, segments)}"))
    except (ExpressionError, ValueError):
        pass
    raise invalid_template(
        f"The template resource '{name}' for type '{kind}' has incorrect segment lengths. A nested resource type "
        "must have identical number of segments as its resource name. A root resource type must have segment "
        "length one greater than its resource name."
    )


class Plan:
    """The resources of one template, and every way to name them."""

    def __init__(self, resources: list[Planned], loops: list[str]) -> None:
        self.resources = resources
        self._symbols: dict[str, list[int]] = {}
        self._ids: dict[str, list[int]] = {}
        self._loops: dict[str, list[int]] = {name: [] for name in loops}
        self._names: dict[str, list[int]] = {}
        for position, planned in enumerate(resources):
            self._enter(position, planned)

    def _enter(self, position: int, planned: Planned) -> None:
        loop = planned.loop
        if planned.symbol:
            self._symbols.setdefault(planned.symbol.lower(), []).append(position)
            if loop is not None:
                self._symbols[f"{planned.symbol.lower()}[{loop.index}]"] = [position]
        if loop is not None:
            self._loops[loop.name].append(position)
        self._ids.setdefault(planned.id.key, []).append(position)
        self._ids.setdefault(_path(planned.id), []).append(position)
        self._names.setdefault(planned.name.lower(), []).append(position)

    def positions(self, name: str) -> list[int] | None:
        """The resources that *name* (symbol, id, ``type/name``, loop or name) stands for; ``None``: no such name.

        Raises :class:`ArmError` when resources of several types have that name.
        """
        key = _folded(name)
        for index in (self._symbols, self._ids, self._loops):
            if key in index:
                return index[key]
        found = self._names.get(key)
        if found is not None and len({self.resources[p].id for p in found}) > 1:
            raise invalid_template(
                f"The resource name '{name}' is ambiguous: several resources of the template have it. Use the id."
            )
        return found

    def at(self, resource_id: ResourceId) -> list[int]:
        return self._ids.get(resource_id.key, [])

    def find(self, name: str) -> tuple[Named, ...]:
        """The resources that an expression means by *name*; an id need not be of this template."""
        if name.startswith("/"):
            return self._by_id(name)
        named = (self.resources[p] for p in self.positions(name) or ())
        return tuple({p.id.key: Named(p.id, p.api_version, True) for p in named}.values())

    def _by_id(self, text: str) -> tuple[Named, ...]:
        try:
            found = canonical(ResourceId.parse(text))
        except ValueError:
            return ()
        own = self.at(found)
        return (Named(found, self.resources[own[0]].api_version if own else "", False),)


def _path(resource_id: ResourceId) -> str:
    """``{type}/{name}``, folded, as templates name a resource within its scope."""
    grouped = "/providers/" not in resource_id.key
    return f"{RESOURCE_GROUP}/{resource_id.name}".lower() if grouped else resource_id.path.lower()


def _folded(name: str) -> str:
    """How the plan keeps *name*."""
    try:
        return canonical(ResourceId.parse(name)).key if name.startswith("/") else name.lower().rstrip("/")
    except ValueError:
        return name.lower().rstrip("/")
