"""A resource group as a template: what it takes to make the same network elsewhere.

Names become parameters, ids inside the group ``resourceId``, ids outside it parameters of their own; what services
compute or assign is left out, and secrets become parameters without a default.
Source: "Resource Groups - Export Template" (REST), and what ``az group export`` writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from lazulite.arm import scopes
from lazulite.arm.catalogue import Catalogue
from lazulite.arm.errors import bad_content, resource_not_found
from lazulite.arm.export_values import Secret, envelope, settable
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Kind, Resource
from lazulite.resources.view import Snapshot

_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_API_VERSION = "2024-05-01"
"""What the template names; the product serves every version alike."""
_DEFAULTS = "includeparameterdefaultvalue"
_LITERAL_NAMES = frozenset({"skipresourcenameparameterization", "skipallparameterization"})


class Item:
    """A resource of the template: a document of the group, or a child written by itself."""

    def __init__(self, id_: ResourceId, type_name: str, body: dict[str, Any], above: Iterable[str] = ()) -> None:
        self.id, self.type_name, self.body = id_, type_name, body
        self.above = set(above)
        """Keys of the resources that must be there before it, beside those its body names."""


def exported(snapshot: Snapshot, catalogue: Catalogue, group: ResourceId, wanted: Any, options: str) -> dict[str, Any]:
    """The answer to ``exportTemplate``. *wanted* is a list of ids or ``["*"]``, *options* words with commas.

    Raises :class:`ArmError` for an id that is not there.
    """
    chosen = {word.strip().lower() for word in options.split(",")}
    found = _wanted(snapshot, group, wanted)
    kinds = {r.id.key: catalogue.registry.models[type(r.properties)] for r in found}
    items = _acyclic([_item(r, kinds[r.id.key]) for r in found], kinds)
    writer = _Writer(group, items, names=not chosen & _LITERAL_NAMES, defaults=_DEFAULTS in chosen)
    resources = [writer.resource(item) for item in items]
    template = {
        "$schema": _SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": writer.parameters,
        "variables": {},
        "resources": resources,
    }
    return {"template": template}


def _wanted(snapshot: Snapshot, group: ResourceId, wanted: Any) -> list[Resource[Any]]:
    held = [r for r in scopes.members(snapshot, group) if r.id.key.count("/providers/") == 1]
    if wanted is None or wanted == ["*"]:
        return held
    if not isinstance(wanted, list) or not all(isinstance(w, str) for w in wanted):
        raise bad_content("'resources' is a list of resource ids, or of '*' alone.")
    known = {r.id.key: r for r in held}
    for each in wanted:
        if each.lower() not in known:
            raise resource_not_found(ResourceId(each))
    return [known[each.lower()] for each in dict.fromkeys(wanted)]


def _item(resource: Resource[Any], kind: Kind) -> Item:
    properties = settable(resource.properties)
    body = envelope(resource) | {"properties": properties if kind.outward is None else kind.outward(properties)}
    above = [resource.id.parent.key] if "/" in kind.name.partition("/")[2] else []
    return Item(resource.id, kind.name, body, above)


def _acyclic(items: list[Item], kinds: Mapping[str, Kind]) -> list[Item]:
    """The same resources, with children that close a circle (both ends of a peering) as resources of their own."""
    result = list(items)
    while True:
        order = TopologicalSorter({i.id.key: _needs(i, result) for i in result})
        try:
            ranks = {key: rank for rank, key in enumerate(order.static_order())}
            return sorted(result, key=lambda item: ranks[item.id.key])
        except CycleError as error:
            circle = set(error.args[1])
            taken = [c for i in result if i.id.key in circle and i.id.key in kinds for c in _taken(i, kinds, circle)]
            if not taken:  # nothing on it stands alone: the first goes without waiting for the rest
                next(i for i in result if i.id.key in circle).above = {"*"}
            result += taken


def _needs(item: Item, items: Iterable[Item]) -> set[str]:
    if "*" in item.above:
        return set()
    known = {i.id.key for i in items}
    return {r for r in (*item.above, *(_root(i, known) for i in ids(item.body))) if r and r in known} - {item.id.key}


def _root(resource_id: ResourceId, known: set[str]) -> str | None:
    key = resource_id.key
    while key and key not in known:
        key = key.rpartition("/")[0]
    return key or None


def _taken(item: Item, kinds: Mapping[str, Kind], circle: set[str]) -> Iterator[Item]:
    """Take the children of *item* out of it that refer to others of the circle."""
    for wire in kinds[item.id.key].creatable_children:
        stay = []
        for child in item.body["properties"].get(wire, []):
            if {_root(i, circle) for i in ids(child)} & (circle - {item.id.key}):
                body = {k: v for k, v in child.items() if k != "name"}
                yield Item(item.id.child(wire, child["name"]), f"{item.type_name}/{wire}", body, [item.id.key])
            else:
                stay.append(child)
        if wire in item.body["properties"]:
            item.body["properties"][wire] = stay


def ids(value: Any) -> Iterator[ResourceId]:
    """Every resource id in *value*, keys included."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from ids(key)
            yield from ids(each)
    elif isinstance(value, list):
        for each in value:
            yield from ids(each)
    elif isinstance(value, str) and value.lower().startswith("/subscriptions/"):
        try:
            yield ResourceId.parse(value)
        except ValueError:
            return


class _Writer:
    """Turns bodies into template resources, and collects the parameters they need."""

    def __init__(self, group: ResourceId, items: list[Item], *, names: bool, defaults: bool) -> None:
        self._group, self._items = group, items
        self._names, self._defaults = names, defaults
        self.parameters: dict[str, Any] = {}
        self._known: dict[str, str] = {}
        """Id key of a resource whose name, or of one outside whose id, is a parameter."""

    def resource(self, item: Item) -> dict[str, Any]:
        needs = sorted(_needs(item, self._items))
        by_key = {i.id.key: i.id for i in self._items}
        written = {
            "type": item.type_name,
            "apiVersion": _API_VERSION,
            "name": self._name(item.id),
            "dependsOn": [self._reference(by_key[key]) for key in needs],
        }
        return written | {key: self._value(value, item) for key, value in item.body.items()}

    def _value(self, value: Any, item: Item) -> Any:
        if isinstance(value, dict):
            return {self._text(k): self._value(v, item) for k, v in value.items()}
        if isinstance(value, list):
            return [self._value(v, item) for v in value]
        if isinstance(value, Secret):
            return self._parameter(f"{_title(item.id)}_{value.name}", value.type, None)
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        for found in ids(text):
            return self._reference(found)
        return f"[{text}" if text.startswith("[") else text

    def _reference(self, target: ResourceId) -> str:
        if not target.within(self._group) or target.key.count("/providers/") != 1:
            known = self._known.get(target.key)
            return f"[{known}]" if known else self._parameter(f"{_title(target)}_externalid", "String", target)
        return f"[resourceId({', '.join([_quoted(target.kind), *self._segments(target)])})]"

    def _name(self, resource_id: ResourceId) -> str:
        first, *rest = self._segments(resource_id)
        if not rest:
            return f"[{first}]" if first.startswith("parameters(") else resource_id.name
        places = "/".join(f"{{{i}}}" for i in range(len(rest) + 1))
        return f"[format({_quoted(places)}, {', '.join([first, *rest])})]"

    def _segments(self, resource_id: ResourceId) -> list[str]:
        """The names of an id as expressions, the first of them a parameter."""
        names = resource_id.path.split("/")[2::2]
        if not self._names:
            return [_quoted(n) for n in names]
        top = resource_id
        for _ in names[1:]:
            top = top.parent
        if top.key not in self._known:
            self._parameter(f"{_title(top)}_name", "String", top, top.name)
        return [self._known[top.key], *(_quoted(n) for n in names[1:])]

    def _parameter(self, title: str, type_name: str, about: ResourceId | None, default: str = "") -> str:
        """Declare a parameter; the expression that reads it."""
        name, number = title, 1
        while name.lower() in {p.lower() for p in self.parameters}:
            name, number = f"{title}_{number}", number + 1
        self.parameters[name] = {"type": type_name}
        if about is not None:
            self._known[about.key] = f"parameters('{name}')"
            if self._defaults:
                self.parameters[name]["defaultValue"] = default or about.text
        return f"[parameters('{name}')]"


def _title(resource_id: ResourceId) -> str:
    """``virtualNetworks_hub``: letters, digits and underscores alone."""
    return re.sub(r"\W", "_", f"{resource_id.kind.rpartition('/')[2]}_{resource_id.name}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
