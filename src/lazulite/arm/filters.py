"""The OData expressions of ``$filter``: comparisons and functions, joined with ``and``, ``or`` and parentheses.

Parsed into :class:`Clause` and :class:`Joined`; what a name means is for the list that is filtered to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from lazulite.arm.errors import ArmError

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*+')|(?P<word>[\w./:+-]+)|(?P<mark>[(),]))")
_MAX_LENGTH, _MAX_DEPTH = 8000, 20


class Clause(msgspec.Struct, frozen=True):
    """``name operator 'value'``; a function's name is its operator. Name and operator are folded."""

    name: str
    operator: str
    value: str


class Joined(msgspec.Struct, frozen=True):
    """Expressions joined with ``and`` or ``or``."""

    word: str
    parts: tuple[Clause | Joined, ...]


def parse(expression: str) -> Joined | None:
    """``None`` for a blank one. Raises the 400 of what is not understood."""
    if not expression.strip():
        return None
    if len(expression) > _MAX_LENGTH:
        raise unsupported(expression[:80] + "…", f"it is longer than {_MAX_LENGTH} characters")
    return _Parser(expression).whole()


def unsupported(expression: str, reason: str) -> ArmError:
    message = f"The filter '{expression}' is not supported: {reason}."
    return ArmError(400, "InvalidFilterInQueryString", message, "$filter")


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = list(self._split())
        self._place = 0

    def whole(self) -> Joined:
        found = self._any(0)
        if self._next:
            raise self._refusal(f"'{self._next}' does not belong there; 'and' and 'or' join its parts")
        return found

    def _split(self) -> Iterator[str]:
        place, text = 0, self._expression.rstrip()
        while place < len(text):
            token = _TOKEN.match(text, place)
            if token is None:
                raise self._refusal(f"'{text[place:].strip()[:20]}' can not be read")
            yield token.group().strip()
            place = token.end()

    @property
    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next
        if not token:
            raise self._refusal("it ends too early")
        self._place += 1
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise self._refusal(f"a '{token}' is missing")

    def _any(self, depth: int) -> Joined:
        parts = [self._all(depth)]
        while self._next.lower() == "or":
            self._take()
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def _all(self, depth: int) -> Joined:
        parts = [self._part(depth)]
        while self._next.lower() == "and":
            self._take()
            parts.append(self._part(depth))
        return Joined("and", tuple(parts))

    def _part(self, depth: int) -> Clause | Joined:
        if depth > _MAX_DEPTH:
            raise self._refusal("its parentheses are too deep")
        first = self._take()
        if first == "(":
            inner = self._any(depth + 1)
            self._expect(")")
            return inner
        if self._next == "(":
            return self._function(first.lower())
        operator = self._take().lower()
        return Clause(first.lower(), operator, self._literal(self._take()))

    def _function(self, function: str) -> Clause:
        """``substringof('x', name)`` and ``startswith(name, 'x')``; and ones without arguments."""
        self._expect("(")
        if self._next == ")":
            self._take()
            return Clause("", function, "")
        one = self._take()
        if self._next != ",":
            self._expect(")")
            return Clause("", function, self._literal(one))
        self._take()
        two = self._take()
        self._expect(")")
        name, value = (two, one) if one.startswith("'") else (one, two)
        return Clause(name.lower(), function, self._literal(value))

    def _literal(self, token: str) -> str:
        if token in ("(", ")", ","):
            raise self._refusal(f"'{token}' is not a value")
        if not token.startswith("'"):  # az leaves times without quotation marks
            return token
        return token[1:-1].replace("''", "'")

    def _refusal(self, reason: str) -> ArmError:
        return unsupported(self._expression, reason)
