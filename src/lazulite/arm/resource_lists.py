"""``…/resources``: every tracked resource of a subscription or a group.

Source: "Resources - List": which properties ``$filter`` compares, and what ``$expand`` adds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazulite.arm import scopes
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Catalogue
from lazulite.arm.errors import ArmError, method_not_allowed
from lazulite.arm.filters import Clause, Joined, parse, unsupported
from lazulite.arm.message import Request, Response
from lazulite.arm.operations import Operations
from lazulite.arm.paging import page
from lazulite.arm.representation import Representation
from lazulite.arm.times import wire_time
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource

Test = Callable[[Resource[Any]], bool]

_READ: Mapping[str, Callable[[Resource[Any]], str]] = {
    "name": lambda r: r.id.name,
    "resourcegroup": lambda r: r.id.group or "",
    "resourcetype": lambda r: r.id.kind,
    "location": lambda r: r.location or "",
    "identity": lambda r: _member(r, "identity", "type"),
    "identity/principalid": lambda r: _member(r, "identity", "principalId"),
    "plan": lambda r: _member(r, "plan", "name"),
    "plan/name": lambda r: _member(r, "plan", "name"),
    "plan/publisher": lambda r: _member(r, "plan", "publisher"),
    "plan/product": lambda r: _member(r, "plan", "product"),
    "plan/version": lambda r: _member(r, "plan", "version"),
    "plan/promotioncode": lambda r: _member(r, "plan", "promotionCode"),
}
_SUBSTRINGS = frozenset({"name", "resourcegroup"})
_TAG = frozenset({"tagname", "tagvalue"})
_EXPANSIONS = frozenset({"createdtime", "changedtime", "provisioningstate"})


class ResourceLists:
    """The generic lists."""

    def __init__(
        self,
        backend: Backend,
        catalogue: Catalogue,
        operations: Operations,
        shown: Representation,
        sees: Callable[[ResourceId], bool],
    ) -> None:
        """*sees* tells what the caller may list."""
        self._sees = sees
        self._backend = backend
        self._catalogue = catalogue
        self._operations = operations
        self._shown = shown

    def answer(self, request: Request, depth: int) -> Response:
        """*depth* is how many segments of the path name the scope."""
        if request.method != "GET":
            raise method_not_allowed(request.method, request.path)
        snapshot = self._backend.store.snapshot
        scope = scopes.scope_of(snapshot, ResourceId("/" + "/".join(request.segments[:depth]))).id
        expression = request.query.get("$filter", "")
        parsed = parse(expression)
        wanted = _test(parsed, expression) if parsed is not None else lambda resource: True
        expanded = _expanded(request.query.get("$expand", ""))
        # "When you filter by a tag name and value, the tags for each resource are not returned in the results."
        hidden = {"tags"} if parsed is not None and names(parsed) >= _TAG else set()
        kinds = self._catalogue.registry.models
        tracked = (r for r in scopes.members(snapshot, scope) if kinds[type(r.properties)].tracked)

        def show(resource: Resource[Any]) -> dict[str, Any]:
            shown = self._shown.summary(kinds[type(resource.properties)].name, resource)
            kept = {k: v for k, v in shown.items() if k not in hidden}
            return kept | {k: v for k, v in self._expansions(resource).items() if k.lower() in expanded}

        return page(request, self._backend.base_url, [r for r in tracked if wanted(r) and self._sees(r.id)], show)

    def _expansions(self, resource: Resource[Any]) -> dict[str, str]:
        return {
            "createdTime": wire_time(resource.created),
            "changedTime": wire_time(resource.changed),
            "provisioningState": self._operations.state(resource.id.key, resource.id.key),
        }


def _expanded(text: str) -> frozenset[str]:
    wanted = frozenset(w.strip().lower() for w in text.split(",") if w.strip())
    if not wanted <= _EXPANSIONS:
        message = f"The $expand '{text}' is not supported: createdTime, changedTime and provisioningState are."
        raise ArmError(400, "InvalidExpandInQueryString", message, "$expand")
    return wanted


def names(joined: Joined) -> frozenset[str]:
    """What an expression speaks of."""
    found: frozenset[str] = frozenset()
    for part in joined.parts:
        found |= {part.name} if isinstance(part, Clause) else names(part)
    return found


def resource_filter(expression: str) -> Test:
    """``name eq 'x' and resourceType eq 'y' …``. Raises the 400 of what is not understood."""
    parsed = parse(expression)
    return _test(parsed, expression) if parsed is not None else lambda resource: True


def _test(joined: Joined, expression: str) -> Test:
    # The tag's name and its value, joined with 'and', speak of one tag.
    paired = joined.word == "and"
    clauses = [p for p in joined.parts if isinstance(p, Clause)]
    about = [c for c in clauses if c.name in _TAG and c.operator == "eq"] if paired else []
    tests = [_tagged({c.name: c.value for c in about})] if about else []
    tests += [_clause(c, expression) for c in clauses if c not in about]
    tests += [_test(p, expression) for p in joined.parts if isinstance(p, Joined)]
    combine = all if paired else any
    return lambda resource: combine(test(resource) for test in tests)


def _clause(clause: Clause, expression: str) -> Test:
    name, value = clause.name, clause.value.lower()
    if clause.operator in ("eq", "ne") and name in _READ:
        read, equal = _READ[name], clause.operator == "eq"
        return lambda resource: (read(resource).lower() == value) is equal
    if clause.operator == "substringof" and name in _SUBSTRINGS:
        whole = _READ[name]
        return lambda resource: value in whole(resource).lower()
    if clause.operator == "startswith" and name == "tagname":
        return lambda resource: any(n.lower().startswith(value) for n in resource.tags or ())
    raise unsupported(expression, f"'{clause.operator}' of '{name}' is none of the documented forms")


def _tagged(wanted: Mapping[str, str]) -> Test:
    """Names of tags compare without case, values with."""
    name, value = wanted.get("tagname", "").lower(), wanted.get("tagvalue")

    def test(resource: Resource[Any]) -> bool:
        values = [v for k, v in (resource.tags or {}).items() if not name or k.lower() == name]
        return bool(values) if value is None else value in values

    return test


def _member(resource: Resource[Any], member: str, name: str) -> str:
    held = resource.envelope.get(member)
    return str(held.get(name, "")) if isinstance(held, dict) else ""
