"""The template expression language: text to a tree of nodes and back.

``[concat(parameters('a'), variables('b')[0].?c)]``: calls, string and number literals, and access to members.
Source: "Syntax and expressions in Azure Resource Manager templates".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

import msgspec

MAX_LENGTH = 24_576
"""Characters of one expression. Source: "Azure subscription and service limits", template limits."""
MAX_DEPTH = 64
"""Nested calls, and links of one access chain. Ours: keeps evaluation inside the interpreter's stack."""


_MAX_DIGITS = 20
"""Of a number in an expression: 64 bits and a sign."""


class ExpressionError(Exception):
    """An expression that can not be read or evaluated; the message is for the template's author."""


class Literal(msgspec.Struct, frozen=True):
    value: str | int | float


class Call(msgspec.Struct, frozen=True):
    """``name(arguments…)``; the name of a user-defined function has a namespace: ``contoso.uniqueName``."""

    name: str
    arguments: tuple[Node, ...]


class Member(msgspec.Struct, frozen=True):
    """``subject.key`` or ``subject[key]``; *safe* (``.?key``, ``[?key]``) gives null where there is none."""

    subject: Node
    key: Node
    safe: bool = False


Node: TypeAlias = Literal | Call | Member

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*+')"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<mark>\.\?|\[\?|[()\[\].,]))"
)
_NAME = re.compile(r"[A-Za-z_]\w*")


def is_expression(text: str) -> bool:
    """Whether a template evaluates *text*. ``[[`` starts a literal bracket."""
    return len(text) > 1 and text[0] == "[" and text[-1] == "]" and text[1] != "["


def unescape(text: str) -> str:
    """The literal that a string which is no expression stands for."""
    return text[1:] if text.startswith("[[") and text.endswith("]") else text


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of *text* (without the outer brackets). Raises :class:`ExpressionError`."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"The template language expression has {len(text)} characters; the limit is '{MAX_LENGTH}'."
        )
    parser = _Parser(text)
    node = parser.expression(0)
    parser.expect("end")
    return node


def write(node: Node) -> str:
    """The text of *node*; ``parse(write(node)) == node``."""
    match node:
        case Literal(str() as value):
            return "'" + value.replace("'", "''") + "'"
        case Literal(value):
            return format(value, "f") if isinstance(value, float) else str(value)
        case Call(name, arguments):
            return f"{name}({', '.join(map(write, arguments))})"
        case Member(subject, Literal(str() as key), safe) if _NAME.fullmatch(key):
            return f"{write(subject)}{'.?' if safe else '.'}{key}"
        case Member(subject, key, safe):
            return f"{write(subject)}{'[?' if safe else '['}{write(key)}]"


class _Token(msgspec.Struct, frozen=True):
    kind: str
    """``string number name end``, or the mark itself."""
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(
                f"The template language expression '{text}' is not valid: unexpected '{text[at]}' at position {at}."
            )
        kind = match.lastgroup or ""
        word = match[kind]
        found.append(_Token(word if kind == "mark" else kind, word, match.start(kind)))
        at = match.end()
    return [*found, _Token("end", "", end)]


def _number(text: str) -> Literal:
    if len(text) > _MAX_DIGITS:
        raise ExpressionError(f"The number '{text[:_MAX_DIGITS]}…' does not fit into 64 bits.")
    return Literal(float(text) if "." in text else int(text))


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, *kinds: str) -> _Token | None:
        token = self._next
        if token.kind not in kinds:
            return None
        self._at += token.kind != "end"
        return token

    def expect(self, kind: str) -> _Token:
        token = self._take(kind)
        if token is None:
            found = self._next.text or "the end"
            raise ExpressionError(
                f"The template language expression '{self._text}' is not valid: "
                f"expected {'the end' if kind == 'end' else kind} and found '{found}' at position {self._next.at}."
            )
        return token

    def expression(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"The template language expression is nested deeper than {MAX_DEPTH} levels.")
        node = self._primary(depth)
        for _ in range(MAX_DEPTH):
            mark = self._take(".", ".?", "[", "[?")
            if mark is None:
                return node
            node = Member(node, self._key(mark.kind, depth), mark.kind.endswith("?"))
        raise ExpressionError(f"The template language expression has more than {MAX_DEPTH} members in a row.")

    def _key(self, mark: str, depth: int) -> Node:
        if mark.startswith("."):
            return Literal(self.expect("name").text)
        key = self.expression(depth + 1)
        self.expect("]")
        return key

    def _primary(self, depth: int) -> Node:
        if token := self._take("string"):
            return Literal(token.text[1:-1].replace("''", "'"))
        if token := self._take("number"):
            return _number(token.text)
        return self._call(depth)

    def _call(self, depth: int) -> Call:
        name = self.expect("name").text
        if self._take("."):
            name += "." + self.expect("name").text
        self.expect("(")
        arguments: list[Node] = []
        while not self._take(")"):
            if arguments:
                self.expect(",")
            arguments.append(self.expression(depth + 1))
        return Call(name, tuple(arguments))
