"""What a move between resource groups makes of documents: ids change, and whatever names one of them follows.

Pure. Incarnations survive a move: ``guid`` and the time of creation stay, so that an etag tells a moved resource from
one that was made anew. Ports, virtual networks and machines are known by their ids in the forwarding model, so the
network sees the old ones go and the new ones come: addresses, verdicts and routes are the same, but the flows of a
moved interface are forgotten and a moved machine starts again. Azure moves without an interruption.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import Snapshot

V = TypeVar("V")

FIXED = frozenset(
    {
        "microsoft.managedidentity/userassignedidentities",
        "microsoft.network/applicationgateways",
        "microsoft.network/azurefirewalls",
        "microsoft.network/expressroutecircuits",
        "microsoft.network/expressroutegateways",
        "microsoft.network/p2svpngateways",
        "microsoft.network/virtualhubs",
        "microsoft.network/virtualwans",
        "microsoft.network/vpngateways",
        "microsoft.network/vpnsites",
    }
)
"""Types that stay in the group they were made in, folded. Source: "Move operation support for resources"."""


class Renaming:
    """Old ids to new ones: those of the *moved* resources and of everything below them."""

    def __init__(self, moved: Iterable[ResourceId], target: ResourceId) -> None:
        self.roots = {r.key: f"{target}{r.text[len(r.scope.text) :]}" for r in moved}

    def root(self, text: str) -> str | None:
        """The folded id of the moved resource that *text*, an id, names or stands below."""
        key = text.lower()
        while key and key not in self.roots:
            key = key.rpartition("/")[0]
        return key or None

    def text(self, text: str) -> str:
        """*text*, in its new place if it is an id that moves."""
        root = self.root(text) if text[:15].lower() == "/subscriptions/" else None
        return text if root is None else self.roots[root] + text[len(root) :]

    def resource(self, old: Resource[Any]) -> Resource[Any]:
        properties, extra = self.value(old.properties), self.value(old.envelope)
        return msgspec.structs.replace(
            old, id=ResourceId(self.text(old.id.text)), properties=properties, envelope=extra
        )

    def value(self, value: V) -> V:
        """*value*, a tree of models or of JSON, with every id in it renamed."""
        renamed: Any = value
        if isinstance(value, str):
            renamed = self.text(value)
        elif isinstance(value, msgspec.Struct):
            renamed = self._struct(value)
        elif isinstance(value, tuple):
            renamed = tuple(self.value(v) for v in value)
        elif isinstance(value, list):
            renamed = [self.value(v) for v in value]
        elif isinstance(value, dict):
            renamed = {self.value(k): self.value(v) for k, v in value.items()}
        result: V = renamed
        return result

    def _struct(self, value: msgspec.Struct) -> msgspec.Struct:
        fields = ((f, getattr(value, f)) for f in value.__struct_fields__)
        changed = {f: new for f, old in fields if (new := self.value(old)) != old}
        return msgspec.structs.replace(value, **changed) if changed else value


def changes(snapshot: Snapshot, renaming: Renaming) -> Mapping[str, Resource[Any] | None]:
    """What to commit, all in one revision: the moved documents, and those that name them."""
    written: dict[str, Resource[Any] | None] = {}
    for old in (r for r in snapshot.resources.values() if r.revision):
        new = renaming.resource(old)
        if new.id.key != old.id.key:
            written[old.id.key] = None
        if new != old:
            written[new.id.key] = new
    return written


def taken(snapshot: Snapshot, renaming: Renaming) -> list[Violation]:
    """A violation for each id that something else has already."""
    return [
        Violation("ResourceMoveConflict", f"The target resource group already has a resource '{text}'.", text)
        for text in renaming.roots.values()
        if text.lower() in snapshot.resources
    ]


def stranded(moved: Iterable[Resource[Any]], holder: ResourceId) -> list[Violation]:
    """A violation for each of *moved* that is no resource of the group *holder* by itself, or must stay in it."""
    found: list[Violation] = []
    for resource in moved:
        kind, text = resource.id.kind, resource.id.text
        if resource.id.scope != holder:
            message = f"The resource '{text}' is not in the resource group '{holder.name}' that resources move from."
            found.append(Violation("InvalidMoveResources", message, text))
        elif kind.count("/") > 1:
            message = f"'{text}' can not be moved by itself: it moves with the resource it belongs to."
            found.append(Violation("ResourceMoveNotSupported", message, text))
        elif kind.lower() in FIXED:
            message = f"Resources of the type '{kind}' can not be moved to another resource group."
            found.append(Violation("ResourceMoveNotSupported", message, text))
    return found
