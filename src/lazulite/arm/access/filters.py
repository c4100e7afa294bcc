"""``$filter`` as the lists of roles, assignments and directory objects understand it: clauses joined by ``and``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from lazulite.arm.errors import ArmError

T = TypeVar("T")

_VALUE = r"'(?P<value>(?:[^']|'')*+)'"
_FORMS = (
    re.compile(rf"(?P<name>\w+)\s+(?P<verb>eq)\s+{_VALUE}", re.IGNORECASE),
    re.compile(rf"(?P<verb>startswith)\s*\(\s*(?P<name>\w+)\s*,\s*{_VALUE}\s*\)", re.IGNORECASE),
    re.compile(rf"(?P<name>\w+)/(?P<verb>any)\s*\(\s*(\w+)\s*:\s*(\w+)\s+eq\s+{_VALUE}\s*\)", re.IGNORECASE),
    re.compile(rf"(?P<name>\w+)\s*\(\s*{_VALUE}\s*\)(?P<verb>)", re.IGNORECASE),
    re.compile(r"(?P<name>\w+)\s*\(\s*\)(?P<verb>)(?P<value>)", re.IGNORECASE),
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)

Clause = tuple[str, str, str]
"""Folded name, folded verb (``eq startswith any``, empty for a function) and value."""


def clauses(expression: str) -> list[Clause]:
    """The clauses of *expression*. Raises the 400 of one that is not understood."""
    found: list[Clause] = []
    place, text = 0, expression.strip()
    while text:
        clause = next((m for form in _FORMS if (m := form.match(text, place))), None)
        if clause is None:
            raise unsupported(expression)
        found.append((clause["name"].lower(), clause["verb"].lower(), clause["value"].replace("''", "'")))
        if clause.end() == len(text):
            break
        joined = _AND.match(text, clause.end())
        if joined is None:
            raise unsupported(expression)
        place = joined.end()
    return found


def selected(
    values: Sequence[T], expression: str, tests: Mapping[tuple[str, str], Callable[[T, str], bool]]
) -> list[T]:
    """Those of *values* that satisfy every clause, by the test of its name and verb."""
    for name, verb, value in clauses(expression):
        test = tests.get((name, verb))
        if test is None:
            raise unsupported(expression)
        values = [v for v in values if test(v, value)]
    return list(values)


def unsupported(expression: str) -> ArmError:
    message = f"The filter '{expression}' is not supported."
    return ArmError(400, "InvalidFilterInQueryString", message, "$filter")


def same(read: Callable[[Any], str]) -> Callable[[Any, str], bool]:
    """A test of what *read* gives, without case."""
    return lambda found, value: read(found).lower() == value.lower()
