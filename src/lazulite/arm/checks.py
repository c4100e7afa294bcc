"""Checks that follow from declarations alone: references, use by others, preconditions, location."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lazulite.arm.errors import ArmError
from lazulite.arm.replacement import parts
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import ASSIGNED, Kind, Principal, Ref, Resource, Violation
from lazulite.resources.schema import FieldSpec, fields
from lazulite.resources.view import Snapshot, references

_IN_USE = ("CannotDeleteResource", "Resource {id} can not be deleted because it is in use by {users}.")


def dangling(new: Resource[Any], old: Resource[Any] | None, snapshot: Snapshot) -> Iterator[Violation]:
    """A violation for each reference of *new* to what will not be there. Weak ones that *old* had may stay.

    What the service assigns is its own to keep right.
    """
    own = {part.key for part, _ in parts(new.id, new.properties)}
    kept = _weak_targets(old) if old is not None else set()
    for path, holder, ref, weak in _references(new.id, new.properties, "properties"):
        key = ref.target.key
        there = key in own if ref.target.within(new.id) else key in snapshot.resources
        if not there and not (weak and key in kept):
            message = (
                f"Resource {ref.id} referenced by resource {holder} was not found. Please make sure that the "
                "referenced resource exists, and that both resources are in the same region."
            )
            yield Violation("InvalidResourceReference", message, path)
    yield from _unknown_identities(new, snapshot)


def _unknown_identities(new: Resource[Any], snapshot: Snapshot) -> Iterator[Violation]:
    """A violation for each identity of *new* that is none. Source of the code: what Microsoft.Compute answers."""
    for ref in new.assigned:
        found = snapshot.get(ref.target.key)
        if found is None or not isinstance(found.properties, Principal):
            message = (
                f"Identity operation for resource '{new.id}' failed with error 'Failed to perform resource identity "
                f"operation. Status: 'BadRequest'. Resource '{ref.id}' was not found.'."
            )
            yield Violation("FailedIdentityOperation", message, "identity.userAssignedIdentities")


def _weak_targets(resource: Resource[Any]) -> set[str]:
    return {r.target.key for _, p in parts(resource.id, resource.properties) for r, weak in references(p) if weak}


def _references(holder: ResourceId, properties: Any, path: str) -> Iterator[tuple[str, ResourceId, Ref, bool]]:
    """``(JSON path, resource or child that holds it, reference, weak)`` for all of a tree."""
    model: Any = type(properties)
    for spec in fields(model).values():
        value = getattr(properties, spec.attribute)
        if value is not None and not spec.ignored_on_input and ASSIGNED.name not in spec.markers:
            yield from _below(holder, spec, value, f"{path}.{spec.wire}")


def _below(holder: ResourceId, spec: FieldSpec, value: Any, path: str) -> Iterator[tuple[str, ResourceId, Ref, bool]]:
    kind = spec.shape.kind
    if kind == "ref":
        yield path, holder, value, spec.weak
    elif kind == "model":
        yield from _references(holder, value, path)
    elif kind == "list" and spec.shape.item is not None:
        for index, item in enumerate(value):
            here = f"{path}[{index}]"
            if spec.shape.item.kind == "ref":
                yield here, holder, item, spec.weak
            elif spec.shape.item.kind == "model":
                yield from _references(holder, item, here)
            elif spec.shape.item.kind == "child":
                yield from _references(holder.child(spec.wire, item.name), item.properties, f"{here}.properties")


def in_use(
    kind: Kind, gone: Iterable[ResourceId], leaving: Callable[[str], bool], snapshot: Snapshot
) -> Iterator[Violation]:
    """A violation for each of *gone* that is referenced, not weakly, by what is not *leaving* (given by id key)."""
    code, message = kind.in_use or _IN_USE
    for part in gone:
        users = [u for u in sorted(snapshot.referrers.get(part.key, ())) if not leaving(u)]
        strong = [snapshot.resources[u].id.text for u in users if _strongly(snapshot.resources[u], part.key)]
        if strong:
            yield Violation(code, message.format(id=part.text, name=part.name, users=", ".join(strong)))


def _strongly(holder: Resource[Any], key: str) -> bool:
    named = any(ref.target.key == key and not weak for ref, weak in references(holder.properties))
    return named or any(ref.target.key == key for ref in holder.assigned)


def quota(kind: Kind, new: Resource[Any], snapshot: Snapshot) -> Iterator[Violation]:
    """A violation when the subscription has all that it may have of *kind* where *new* is to be."""
    held = snapshot.kinds.get(kind.model, {})
    if kind.quota is None or len(held) < kind.quota.limit:
        return
    home = (new.location, new.id.subscription.lower())
    if sum((r.location, r.id.subscription.lower()) == home for r in held.values()) >= kind.quota.limit:
        message = (
            f"Cannot create more than {kind.quota.limit} resources of type '{kind.name}' for this subscription "
            "in this region."
        )
        yield Violation(kind.quota.code, message)


def precondition(headers: Mapping[str, str], etag: str | None) -> None:
    """Raise the 412 of a condition that does not hold; *etag* is ``None`` for what is not there."""
    wanted, unwanted = headers.get("if-match", ""), headers.get("if-none-match", "")
    if wanted and not _matches(wanted, etag):
        raise _unmet("If-Match", wanted, etag)
    if unwanted and _matches(unwanted, etag):
        raise _unmet("If-None-Match", unwanted, etag)


def _matches(condition: str, etag: str | None) -> bool:
    if etag is None:
        return False
    tags = {_opaque(t) for t in condition.split(",")}
    return "*" in tags or _opaque(etag) in tags


def _opaque(tag: str) -> str:
    """Clients send ``W/"x"``, ``"x"`` and bare ``x``."""
    return tag.strip().removeprefix("W/").strip('"')


def _unmet(header: str, condition: str, etag: str | None) -> ArmError:
    state = "does not exist" if etag is None else f"has the etag {etag}"
    message = f"The condition '{header}: {condition}' is not met: the resource {state}."
    return ArmError(412, "PreconditionFailed", message, header)


def same_location(new: Resource[Any], old: Resource[Any], code: str = "InvalidResourceLocation") -> Iterator[Violation]:
    """A violation when *new* would move *old* to another location."""
    if new.location is not None and new.location != old.location:
        message = (
            f"The resource '{old.id.name}' already exists in location '{old.location}' in resource group "
            f"'{old.id.group}'. A resource with the same name cannot be created in location '{new.location}'. "
            "Please select a new resource name."
        )
        yield Violation(code, message, "location")
