"""``{scope}/providers/Microsoft.Resources/tags/default``: the tags of a subscription, a group or a resource.

Source: "Use tags to organize your Azure resources", and "Tags - Update At Scope": names compare without case, values
with; PUT replaces all of them, PATCH merges, replaces or deletes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from lazulite.arm import scopes
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Address, Catalogue
from lazulite.arm.envelope import decode_tags
from lazulite.arm.errors import ArmError, bad_content, method_not_allowed, refused, resource_not_found
from lazulite.arm.locks import Lock
from lazulite.arm.message import Request, Response
from lazulite.arm.writes import Writes
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Violation

TYPE = "Microsoft.Resources/tags"
_SUFFIX = f"/providers/{TYPE}/default"
Tags = Mapping[str, str]


def merge(stored: Tags, sent: Tags) -> dict[str, str]:
    """*stored* with the values of *sent*; names keep the case they have."""
    names = {n.lower(): n for n in stored}
    return {**stored, **{names.get(n.lower(), n): v for n, v in sent.items()}}


def replace(stored: Tags, sent: Tags) -> dict[str, str]:
    return dict(sent)


def delete(stored: Tags, sent: Tags) -> dict[str, str]:
    """*stored* without what *sent* has by name and value."""
    gone = {(n.lower(), v) for n, v in sent.items()}
    return {n: v for n, v in stored.items() if (n.lower(), v) not in gone}


OPERATIONS = {"merge": merge, "replace": replace, "delete": delete}


class TagRequests:
    """Tags at every scope. Implements :class:`lazulite.arm.extensions.Extension`."""

    def __init__(self, backend: Backend, catalogue: Catalogue, writes: Writes) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._writes = writes

    def answer(self, request: Request, provider: int) -> Response:
        """*provider* is the index of the namespace in the request's segments."""
        if request.folded[provider + 2 :] != ["default"]:
            raise ArmError(404, "NotFound", f"There is nothing at '{request.path}'; tags are at '{TYPE}/default'.")
        holder = self._holder("/" + "/".join(request.segments[: provider - 1]))
        if request.method == "GET":
            return Response(200, _show(holder))
        if request.method == "DELETE":
            self._store(holder, {})
            return Response(200)
        if request.method not in ("PUT", "PATCH"):
            raise method_not_allowed(request.method, request.path)
        change = replace if request.method == "PUT" else _operation(request.body)
        return Response(200, _show(self._store(holder, change(holder.tags or {}, _sent(request.body)))))

    async def put(self, resource_id: ResourceId, body: Any) -> dict[str, Any]:
        return _show(self._store(self._holder(_scope(resource_id)), _sent(body)))

    async def delete(self, resource_id: ResourceId) -> None:
        self._store(self._holder(_scope(resource_id)), {})

    def get(self, resource_id: ResourceId) -> dict[str, Any] | None:
        holder = self._backend.store.snapshot.get(_scope(resource_id).lower())
        return None if holder is None else _show(holder)

    def check(self, resource_id: ResourceId, body: Any) -> list[Violation]:
        try:
            _sent(body)
        except ArmError as error:
            return error.details or [Violation(error.code, error.message, error.target)]
        return []

    def _holder(self, path: str) -> Resource[Any]:
        """What is tagged. Raises the error of what is not there, or has no tags of its own."""
        try:
            scope = ResourceId.parse(path)
        except ValueError:
            raise ArmError(404, "NotFound", f"'{path}' is not a scope that has tags.") from None
        snapshot = self._backend.store.snapshot
        around = scopes.scope_of(snapshot, scope)
        found = around if around.id == scope else snapshot.get(scope.key)
        if found is None:
            raise resource_not_found(scope)
        if not found.revision or isinstance(found.properties, Lock):
            message = f"The resource type '{scope.kind}' has no tags: they are on the resource it belongs to."
            raise ArmError(400, "UnsupportedResourceOperation", message)
        return found

    def _store(self, holder: Resource[Any], tags: dict[str, str]) -> Resource[Any]:
        violations: list[Violation] = []
        decode_tags(tags, violations)  # what is merged may be too many
        if violations:
            raise refused(violations)
        kind = self._catalogue.registry.models[type(holder.properties)]
        new = msgspec.structs.replace(holder, tags=tags)
        written = self._writes.commit(Address(kind, holder.id), {holder.id.key: new}, new)
        assert written.resource is not None
        return written.resource


def _scope(tags_id: ResourceId) -> str:
    return tags_id.text.rpartition("/providers/")[0]


def _operation(body: Any) -> Any:
    named = body.get("operation") if isinstance(body, dict) else None
    found = OPERATIONS.get(str(named).lower())
    if found is None:
        raise bad_content(f"the operation '{named}' is none of Merge, Replace and Delete.")
    return found


def _sent(body: Any) -> dict[str, str]:
    """The tags of *body*. Raises the 400 of what is wrong with them."""
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict) or not isinstance(properties.get("tags"), dict):
        raise bad_content("it must be an object with 'properties.tags'.")
    violations: list[Violation] = []
    tags = decode_tags(properties["tags"], violations)
    twice = len({n.lower() for n in tags}) < len(tags)
    if twice:
        message = "Two tags have the same name: names compare without case."
        violations.append(Violation("DuplicateTagNames", message, "properties.tags"))
    if violations:
        raise refused(violations)
    return tags


def _show(holder: Resource[Any]) -> dict[str, Any]:
    return {
        "id": holder.id.text + _SUFFIX,
        "name": "default",
        "type": TYPE,
        "properties": {"tags": dict(holder.tags or {})},
    }
