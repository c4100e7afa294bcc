"""An immutable snapshot of all resources, and the view of it that remembers what it was asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

from lazulite.incremental import Node, Trace
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Kind, Ref, Resource
from lazulite.resources.schema import fields

P = TypeVar("P")

_NOTHING: dict[str, Any] = {}


class Snapshot(msgspec.Struct, frozen=True):
    """Every resource at one revision. Children of a resource stand beside it, under ids of their own.

    Snapshots share what did not change; :meth:`with_changes` costs in proportion to the change and to the number
    of resources of the kinds it touches.
    """

    revision: int = 0
    resources: Mapping[str, Resource[Any]] = {}
    """By id key."""
    kinds: Mapping[type, Mapping[str, Resource[Any]]] = {}
    """By model, then id key."""
    referrers: Mapping[str, frozenset[str]] = {}
    """By id key of a target: id keys of the resources and children whose own properties or identity reference it."""

    def get(self, key: str) -> Resource[Any] | None:
        return self.resources.get(key)

    def with_changes(self, revision: int, changes: Mapping[str, Resource[Any] | None]) -> tuple[Snapshot, set[Any]]:
        """The next snapshot, and the read keys that the change invalidates. ``None`` removes a resource.

        *changes* names whole resources (never children); their children come and go with them.
        """
        edit = _Edit(self)
        for key, new in changes.items():
            edit.replace(edit.resources.get(key), new)
        return edit.snapshot(revision), edit.touched


class _Edit:
    """A snapshot in the making: copies what it changes, shares the rest."""

    def __init__(self, base: Snapshot) -> None:
        self.resources = dict(base.resources)
        self.touched: set[Any] = set()
        self._base = base
        self._kinds: dict[type, dict[str, Resource[Any]]] = {}
        self._referrers: dict[str, set[str]] = {}

    def snapshot(self, revision: int) -> Snapshot:
        kinds = {m: r for m, r in {**self._base.kinds, **self._kinds}.items() if r}
        referrers = self._base.referrers
        if self._referrers:
            changed = {target: frozenset(who) for target, who in self._referrers.items()}
            referrers = {target: who for target, who in {**referrers, **changed}.items() if who}
        return Snapshot(revision, self.resources, kinds, referrers)

    def replace(self, old: Resource[Any] | None, new: Resource[Any] | None) -> None:
        """Exchange a whole resource, part by part."""
        before = dict(_parts(old)) if old is not None else _NOTHING
        after = dict(_parts(new)) if new is not None else _NOTHING
        for part in before.keys() | after.keys():
            was, now = before.get(part), after.get(part)
            if was != now:
                self.touched.add(("resource", part))
                self._relink(part, was, now)
                self._move(part, was, now)

    def _move(self, part: str, was: Resource[Any] | None, now: Resource[Any] | None) -> None:
        if was is not None and (now is None or type(was.properties) is not type(now.properties)):
            del self._kind(type(was.properties))[part]
            self.touched.add(("kind", type(was.properties)))
        if now is None:
            del self.resources[part]
            return
        model = type(now.properties)
        if was is None or type(was.properties) is not model:
            self.touched.add(("kind", model))
        self._kind(model)[part] = self.resources[part] = now

    def _relink(self, part: str, was: Resource[Any] | None, now: Resource[Any] | None) -> None:
        """Update who references whom; the part's model is in the read key, so a reader of NICs does not see rules."""
        old, new = _targets(was), _targets(now)
        for target in old ^ new:
            who = self._referrers.setdefault(target, set(self._base.referrers.get(target, ())))
            (who.add if target in new else who.discard)(part)
            for resource in (was, now):
                if resource is not None:
                    self.touched |= {("referrers", target, m) for m in type(resource.properties).__mro__}

    def _kind(self, model: type) -> dict[str, Resource[Any]]:
        if model not in self._kinds:
            self._kinds[model] = dict(self._base.kinds.get(model, ()))
        return self._kinds[model]


def _targets(resource: Resource[Any] | None) -> set[str]:
    if resource is None:
        return set()
    named = {r.target.key for r, _ in references(resource.properties)}
    return named | {r.target.key for r in resource.assigned} if resource.envelope else named


def _parts(resource: Resource[Any]) -> Iterator[tuple[str, Resource[Any]]]:
    """The resource and its children, each under its id key. Children inherit the parent's envelope but not its
    revision, so that a sibling's edit leaves them equal. Those that come and go by themselves have a ``guid``."""
    yield resource.id.key, resource
    for wire, child in children(resource.properties):
        part = resource.id.child(wire, child.name)
        guid = getattr(child.properties, "guid", None) or resource.guid
        inner = Resource(part, child.properties, resource.location, {}, None, child.zones, {}, guid)
        yield from _parts(inner)


def children(properties: Any) -> Iterator[tuple[str, Child[Any]]]:
    """``(wire name of the property, child)`` of every child, in order."""
    for attribute, wire in _child_fields(properties.__class__):
        for child in getattr(properties, attribute):
            yield wire, child


@cache
def _child_fields(model: type) -> tuple[tuple[str, str], ...]:
    return tuple(
        (s.attribute, s.wire)
        for s in fields(model).values()
        if s.shape.kind == "list" and s.shape.item is not None and s.shape.item.kind == "child"
    )


def references(properties: Any) -> Iterator[tuple[Ref, bool]]:
    """Every reference in *properties* itself (not in its children), and whether it is weak."""
    for attribute, kind, weak in _reference_fields(properties.__class__):
        value = getattr(properties, attribute)
        if value is None:
            continue
        if kind == "ref":
            yield value, weak
        elif kind == "model":
            yield from references(value)
        else:
            for item in value:
                if isinstance(item, Ref):
                    yield item, weak
                else:
                    yield from references(item)


@cache
def _reference_fields(model: type) -> tuple[tuple[str, str, bool], ...]:
    found = []
    for spec in fields(model).values():
        shape = spec.shape
        kind = shape.kind
        if kind == "list" and shape.item is not None:
            kind = "list" if shape.item.kind in ("ref", "model") else ""
        if kind in ("ref", "model", "list") and not spec.ignored_on_input:
            found.append((spec.attribute, kind, spec.weak))
    return tuple(found)


class View:
    """A snapshot that remembers what it was asked, so that a result stands until one of those answers changes."""

    __slots__ = ("_trace", "snapshot")

    def __init__(self, snapshot: Snapshot, trace: Trace | None = None) -> None:
        self.snapshot = snapshot
        self._trace = trace or Trace()

    def get(self, who: Ref | ResourceId | str | None, model: type[P]) -> Resource[P] | None:
        """The resource or child that *who* names, or ``None`` when it is absent or of another type."""
        if who is None:
            return None
        key = who.id.lower() if isinstance(who, Ref) else who.lower() if isinstance(who, str) else who.key
        self._trace.reads.add(("resource", key))
        found = self.snapshot.resources.get(key)
        return found if found is not None and isinstance(found.properties, model) else None

    def all(self, model: type[P]) -> Iterator[Resource[P]]:
        """Every resource of *model*, in id order. Reads each of them: prefer :meth:`referrers` where it will do."""
        self._trace.reads.add(("kind", model))
        for key, resource in sorted(self.snapshot.kinds.get(model, _NOTHING).items()):
            self._trace.reads.add(("resource", key))
            yield resource

    def referrers(self, who: ResourceId, model: type[P]) -> tuple[Resource[P], ...]:
        """The resources and children of *model* whose own properties reference *who*, in id order."""
        self._trace.reads.add(("referrers", who.key, model))
        found = []
        for key in sorted(self.snapshot.referrers.get(who.key, ())):
            resource = self.snapshot.resources[key]
            if isinstance(resource.properties, model):
                self._trace.reads.add(("resource", key))
                found.append(resource)
        return tuple(found)

    def parent(self, child: Resource[Any], model: type[P]) -> Resource[P] | None:
        return self.get(child.id.parent, model)

    def demand(self, function: Any, *arguments: Any) -> None:
        """Have ``function(view, *arguments)`` compiled too, as long as anyone demands it.

        For entries that several resources share: whoever demands them does not read what they are made of, so an
        edit recompiles them once and their users not at all.
        """
        self._trace.demands[Node(function, arguments)] = None


def snapshot_of(resources: Iterable[Resource[Any]], revision: int = 1) -> Snapshot:
    """A snapshot of exactly *resources*; for tests and for loading."""
    return Snapshot().with_changes(revision, {r.id.key: r for r in resources})[0]


def family(model: type) -> Iterator[type]:
    """*model* and every model that extends it: what a service does for a model it does for those."""
    yield model
    extended: list[type] = model.__subclasses__()
    for each in extended:
        yield from family(each)


class Registry:
    """Every resource type the product knows, by folded name."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        every = tuple(kinds)
        self.kinds = {k.name.lower(): k for k in every}
        self.models = {k.model: k for k in every}

    def find(self, name: str) -> Kind | None:
        return self.kinds.get(name.lower())
