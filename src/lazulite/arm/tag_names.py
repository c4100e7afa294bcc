"""``/subscriptions/{s}/tagNames``: the names and values in use, and those that were declared before any use.

Source: "Tags - List", "Tags - Create Or Update" and their values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from lazulite.arm import scopes
from lazulite.arm.backend import Backend
from lazulite.arm.envelope import decode_tags
from lazulite.arm.errors import ArmError, method_not_allowed, refused
from lazulite.arm.message import Request, Response
from lazulite.arm.paging import one_page
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation

AREA = "tagNames"
_VALUES = "tagvalues"


class _Name:
    """One tag name of a subscription: how often each value is used, declared ones also without use."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: Counter[str] = Counter()

    def show(self, subscription: str) -> dict[str, Any]:
        place = f"{subscription}/tagNames/{self.name}"
        values = [_value(place, v, n) for v, n in sorted(self.values.items())]
        count = {"type": "Total", "value": str(sum(self.values.values()))}
        return {"id": place, "tagName": self.name, "count": count, "values": values}


def _value(place: str, value: str, used: int) -> dict[str, Any]:
    count = {"type": "Total", "value": used}
    return {"id": f"{place}/tagValues/{value}", "tagValue": value, "count": count}


class TagNameRequests:
    """Answers everything at and below ``tagNames``. Declared names are documents, by subscription and folded name."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def answer(self, request: Request) -> Response:
        holder = scopes.subscription(self._backend.store.snapshot, request.segments[1]).id
        below = request.segments[3:]
        if not below:
            if request.method != "GET":
                raise method_not_allowed(request.method, request.path)
            return one_page(n.show(holder.text) for _, n in sorted(self._names(holder).items()))
        valued = len(below) == 3 and below[1].lower() == _VALUES
        if len(below) != 1 and not valued:
            raise ArmError(404, "NotFound", f"There is nothing at '{request.path}'.")
        value = below[2] if valued else None
        if request.method == "PUT":
            return self._declare(holder, below[0], value)
        if request.method == "DELETE":
            return self._forget(holder, below[0], value)
        raise method_not_allowed(request.method, request.path)

    def _declare(self, holder: ResourceId, name: str, value: str | None) -> Response:
        violations: list[Violation] = []
        decode_tags({name: value or ""}, violations)
        if violations:
            raise refused(violations)
        known = self._names(holder).get(name.lower())
        if value is not None and known is None:
            raise ArmError(404, "TagNotFound", f"The tag '{name}' could not be found.")
        new = known is None or (value is not None and value not in known.values)
        stored = self._stored(holder, name) or {"name": name, "values": []}
        values = sorted({*stored["values"], *([] if value is None else [value])})
        self._backend.store.documents.put(AREA, _key(holder, name), {"name": stored["name"], "values": values})
        shown = self._names(holder)[name.lower()].show(holder.text)
        if value is not None:
            shown = next(v for v in shown["values"] if v["tagValue"] == value)
        return Response(201 if new else 200, shown)

    def _forget(self, holder: ResourceId, name: str, value: str | None) -> Response:
        """Only what no resource uses can be forgotten."""
        known = self._names(holder).get(name.lower())
        if known is None or (value is not None and value not in known.values):
            return Response(204)
        if known.values[value] if value is not None else sum(known.values.values()):
            what = f"value '{value}' of the tag" if value is not None else "tag"
            raise ArmError(409, "TagInUse", f"The {what} '{name}' is in use and cannot be deleted.")
        stored: Any = self._stored(holder, name)
        if value is None:
            self._backend.store.documents.delete(AREA, _key(holder, name))
        else:
            values = [v for v in stored["values"] if v != value]
            self._backend.store.documents.put(AREA, _key(holder, name), {"name": stored["name"], "values": values})
        return Response(200)

    def _stored(self, holder: ResourceId, name: str) -> Any | None:
        return self._backend.store.documents.get(AREA, _key(holder, name))

    def _names(self, holder: ResourceId) -> dict[str, _Name]:
        """By folded name."""
        names: dict[str, _Name] = {}
        for key, stored in self._backend.store.documents.area(AREA).items():
            if key.startswith(holder.key + "/"):
                name = names.setdefault(stored["name"].lower(), _Name(stored["name"]))
                name.values.update(dict.fromkeys(stored["values"], 0))
        for used, value in self._used(holder):
            names.setdefault(used.lower(), _Name(used)).values[value] += 1
        return names

    def _used(self, holder: ResourceId) -> Iterator[tuple[str, str]]:
        for resource in self._backend.store.snapshot.resources.values():
            if resource.tags and resource.id.within(holder):
                yield from resource.tags.items()


def _key(holder: ResourceId, name: str) -> str:
    return f"{holder.key}/{name.lower()}"
