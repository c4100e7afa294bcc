"""What a PUT replaces, what it keeps, and what it may not change: pure functions over trees of properties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

from lazulite.arm.catalogue import Step, child_field
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import ASSIGNED, FALLS, IMMUTABLE, SECRET, Child, Ref, Resource, Violation
from lazulite.resources.schema import FieldSpec, carry_over, fields
from lazulite.resources.view import Snapshot, children

P = TypeVar("P")


def carried(sent: P, stored: P | None) -> P:
    """*sent* with the assigned and secret values of *stored*; without *stored*, with no assigned value at all.

    Children are matched by name and keep the case they were created with. Nameless list items have no identity, so
    nothing is carried into them.
    """
    model: Any = type(sent)
    same = stored is not None and type(stored) is model
    kept = carry_over(model, sent, stored) if same else _cleared(model)
    for spec in _nests(model):
        value = getattr(sent, spec.attribute)
        if spec.attribute not in kept and value is not None:
            kept[spec.attribute] = _nested(spec, value, getattr(stored, spec.attribute) if same else None)
    return msgspec.structs.replace(sent, **kept) if kept else sent  # type: ignore[type-var]


def with_unmentioned(sent: P, stored: P, body: Mapping[str, Any], since: Mapping[str, str], version: str) -> P:
    """*sent* with those children of *stored* that *body* says nothing about and *version* keeps then.

    *since*: :attr:`lazulite.resources.model.Kind.children_kept_since`.
    """
    said = next((v for k, v in body.items() if k.lower() == "properties"), None) or {}
    mentioned = {k.lower() for k, v in said.items() if v is not None}
    wires = [wire for wire, first in since.items() if version >= first and wire.lower() not in mentioned]
    kept = {spec.attribute: getattr(stored, spec.attribute) for w in wires if (spec := child_field(type(sent), w))}
    return msgspec.structs.replace(sent, **kept) if kept else sent  # type: ignore[type-var]


def _nested(spec: FieldSpec, value: Any, stored: Any) -> Any:
    if spec.shape.kind == "model":
        return carried(value, stored)
    assert spec.shape.item is not None
    if spec.shape.item.kind == "model":
        return tuple(carried(v, None) for v in value)
    before = {c.name.lower(): c for c in stored or ()}
    return tuple(_child(c, before.get(c.name.lower())) for c in value)


def _child(sent: Child[Any], stored: Child[Any] | None) -> Child[Any]:
    name = stored.name if stored is not None else sent.name
    return Child(name, carried(sent.properties, stored and stored.properties), sent.zones)


def _cleared(model: Any) -> dict[str, Any]:
    return {s.attribute: s.default for s in fields(model).values() if ASSIGNED.name in s.markers and not s.required}


@cache
def _nests(model: Any) -> tuple[FieldSpec, ...]:
    """The fields of *model* below which something may have to be carried: every child, and models that declare it."""
    return tuple(s for s in fields(model).values() if not s.ignored_on_input and _holds(s))


def _holds(spec: FieldSpec) -> bool:
    shape = spec.shape.item if spec.shape.kind == "list" and spec.shape.item is not None else spec.shape
    if shape.kind != "model":
        return shape.kind == "child"
    inner = fields(shape.python).values()
    marked = any(s.markers & {ASSIGNED.name, SECRET.name} for s in inner)
    return marked or any(_holds(s) for s in inner)


def changed_immutables(new: Any, old: Any, path: str = "properties") -> Iterator[Violation]:
    """A violation for each immutable property of *new* that differs from *old*'s; what the service assigns may."""
    model: Any = type(new)
    for spec in fields(model).values():
        if ASSIGNED.name in spec.markers:
            continue
        value, before, here = getattr(new, spec.attribute), getattr(old, spec.attribute), f"{path}.{spec.wire}"
        if IMMUTABLE.name in spec.markers:
            if _identity(value) != _identity(before):
                yield Violation("PropertyChangeNotAllowed", f"Changing property '{here}' is not allowed.", here)
        elif spec.shape.kind == "model" and value is not None and before is not None:
            yield from changed_immutables(value, before, here)
        elif spec.shape.item is not None and spec.shape.item.kind == "child":
            yield from _changed_children(value, before, here)


def _changed_children(new: Iterable[Child[Any]], old: Iterable[Child[Any]], path: str) -> Iterator[Violation]:
    before = {c.name.lower(): c for c in old}
    for index, child in enumerate(new):
        known = before.get(child.name.lower())
        if known is not None:
            yield from changed_immutables(child.properties, known.properties, f"{path}[{index}].properties")


def _identity(value: Any) -> Any:
    """What two values are compared by: references without their case."""
    return value.id.lower() if isinstance(value, Ref) else value


def find_child(properties: Any, steps: Iterable[Step]) -> Child[Any] | None:
    """The child that *steps* lead to, ``None`` when there is none."""
    found: Child[Any] | None = None
    for step in steps:
        held = getattr(properties, step.spec.attribute)
        found = next((c for c in held if c.name.lower() == step.name.lower()), None)
        if found is None:
            return None
        properties = found.properties
    return found


def with_child(properties: P, step: Step, child: Child[Any] | None) -> P:
    """*properties* with the child at *step* put in its place (at the end when it is new), or taken out."""
    held: tuple[Child[Any], ...] = getattr(properties, step.spec.attribute)
    place = next((i for i, c in enumerate(held) if c.name.lower() == step.name.lower()), len(held))
    new = (*held[:place], *([] if child is None else [child]), *held[place + 1 :])
    return msgspec.structs.replace(properties, **{step.spec.attribute: new})  # type: ignore[type-var]


def parts(resource_id: ResourceId, properties: Any) -> Iterator[tuple[ResourceId, Any]]:
    """A resource and its children at any depth, each with its id."""
    yield resource_id, properties
    for wire, child in children(properties):
        yield from parts(resource_id.child(wire, child.name), child.properties)


def merged(stored: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396), with member names compared without case."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(stored) if isinstance(stored, Mapping) else {}
    names = {k.lower(): k for k in result}
    for name, value in patch.items():
        known = names.get(name.lower(), name)
        if value is None:
            result.pop(known, None)
        else:
            result[known] = merged(result.get(known), value)
    return result


def falling(changes: Mapping[str, Resource[Any] | None], snapshot: Snapshot) -> Iterator[str]:
    """Id keys of the documents that go because *changes* remove what they are about."""
    for key, new in changes.items():
        old = snapshot.get(key)
        left = {part.key for part, _ in parts(new.id, new.properties)} if new is not None else set()
        gone = [p.key for p, _ in parts(old.id, old.properties) if p.key not in left] if old is not None else []
        for part in gone:
            holders = (snapshot.resources[k] for k in sorted(snapshot.referrers.get(part, ())))
            yield from (h.id.key for h in holders if h.id.key not in changes and _falls(h.properties, part))


def _falls(properties: Any, target: str) -> bool:
    return any(getattr(properties, name).target.key == target for name in _falling_fields(properties.__class__))


@cache
def _falling_fields(model: type) -> tuple[str, ...]:
    return tuple(s.attribute for s in fields(model).values() if FALLS.name in s.markers)
