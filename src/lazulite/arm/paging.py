"""Lists: ``$top``, ``$skiptoken`` and ``nextLink``; and the ``$filter`` of the list of all resources."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request, Response
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource

_PAGE = 1000
"""Entries of a page when ``$top`` does not say ("Resources - List", at most 1000)."""
_CLAUSE = re.compile(r"\s*(?P<name>[\w.]+)\s+(?P<operator>eq|ne)\s+'(?P<value>(?:[^']|'')*+)'\s*", re.IGNORECASE)
_AND = re.compile(r"and\s", re.IGNORECASE)

Test = Callable[[Resource[Any]], bool]


def page(request: Request, base_url: str, found: list[Resource[Any]], show: Callable[[Resource[Any]], Any]) -> Response:
    """The part of *found* (in id order) that *request* asks for, and the link to what follows."""
    after = _skip_token(request)
    rest = [r for r in found if r.id.key > after]
    size = _top(request)
    body: dict[str, Any] = {"value": [show(r) for r in rest[:size]]}
    if len(rest) > size:
        token = base64.urlsafe_b64encode(rest[size - 1].id.key.encode()).decode()
        query = urlencode({**request.query, "$skiptoken": token})
        body["nextLink"] = f"{base_url}{request.path}?{query}"
    return Response(200, body)


def _top(request: Request) -> int:
    text = request.query.get("$top", str(_PAGE))
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise ArmError(400, "InvalidTopParameter", f"The value '{text}' of $top is not a positive number.", "$top")
    return min(int(text), _PAGE)


def _skip_token(request: Request) -> str:
    try:
        return base64.urlsafe_b64decode(request.query.get("$skiptoken", "")).decode()
    except (binascii.Error, ValueError):
        raise ArmError(400, "InvalidSkipToken", "The $skiptoken is not one of ours.", "$skiptoken") from None


def resource_filter(expression: str) -> Test:
    """``name eq 'x' and resourceType eq 'y' …``. Raises :class:`ArmError` for what is not understood.

    Source: "Resources - List", $filter (equality and inequality of the properties named in ``_PROPERTIES`` and tags).
    """
    tests: list[Test] = []
    wanted: dict[str, str] = {}
    place = 0
    while expression.strip():
        clause = _CLAUSE.match(expression, place)
        name = clause["name"].lower() if clause else ""
        if clause is None or name not in _PROPERTIES.keys() | _TAG:
            raise ArmError(400, "InvalidFilterInQueryString", f"The filter '{expression}' is not supported.", "$filter")
        value = clause["value"].replace("''", "'")
        if name in _TAG:
            wanted[name] = value
        else:
            tests.append(_compare(_PROPERTIES[name], value, clause["operator"].lower() == "eq"))
        if clause.end() == len(expression):
            break
        place = _joined(expression, clause.end())
    if wanted:
        tests.append(_tagged(wanted))
    return lambda resource: all(test(resource) for test in tests)


def _joined(expression: str, place: int) -> int:
    conjunction = _AND.match(expression, place)
    if conjunction is None:
        message = f"The filter '{expression}' is not supported: 'and' is what joins its parts."
        raise ArmError(400, "InvalidFilterInQueryString", message, "$filter")
    return conjunction.end()


_PROPERTIES: Mapping[str, Callable[[ResourceId, Resource[Any]], str]] = {
    "name": lambda i, r: i.name,
    "resourcegroup": lambda i, r: i.group or "",
    "resourcetype": lambda i, r: i.kind,
    "location": lambda i, r: r.location or "",
}
_TAG = frozenset({"tagname", "tagvalue"})


def _compare(read: Callable[[ResourceId, Resource[Any]], str], value: str, equal: bool) -> Test:
    folded = value.lower()
    return lambda resource: (read(resource.id, resource).lower() == folded) is equal


def _tagged(wanted: Mapping[str, str]) -> Test:
    """Names of tags compare without case, values with."""
    name, value = wanted.get("tagname", "").lower(), wanted.get("tagvalue")

    def test(resource: Resource[Any]) -> bool:
        values = [v for k, v in (resource.tags or {}).items() if not name or k.lower() == name]
        return bool(values) if value is None else value in values

    return test


def one_page(values: Iterable[Any]) -> Response:
    """A list that is never long."""
    return Response(200, {"value": list(values)})
