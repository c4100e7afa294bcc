"""What Azure's own clients perform in ``tests/clients``, read from the ``covers`` markers without running them.

A module may wrap the marker: calls of a function that hands its parameters on to ``covers`` count as the marker itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent.parent / "tests" / "clients"
CLIENTS = {"az": "az", "sdk": "the SDK"}
_MARKER = "covers"


class UnreadableMarkerError(Exception):
    """A marker whose arguments are no texts, or that names no client of :data:`CLIENTS`."""


class Performance(NamedTuple):
    """A client performs *operation* on *kind*, as the marker spells them."""

    kind: str
    operation: str
    client: str


def performances() -> set[Performance]:
    """All there are. Raises :class:`UnreadableMarkerError`."""
    return {found for path in sorted(TESTS.glob("*.py")) for found in in_module(path.read_text(), str(path))}


def sentences(kind: str, every: set[Performance]) -> Iterator[str]:
    """``az: create, list``, a line a client, for the type *kind*."""
    for client, name in CLIENTS.items():
        operations = sorted(p.operation for p in every if p.kind.lower() == kind.lower() and p.client == client)
        if operations:
            yield f"tried with {name}: {', '.join(operations)}\n"


def in_module(source: str, path: str) -> Iterator[Performance]:
    """Those that a module says. Raises :class:`UnreadableMarkerError`."""
    tree = ast.parse(source)
    names = dict(_constants(tree))
    wrappers = {f.name: (f, call) for f in tree.body if isinstance(f, ast.FunctionDef) for call in _calls(f, _MARKER)}
    inside = {id(call) for _, call in wrappers.values()}
    for call in _calls(tree, _MARKER):
        if id(call) not in inside:
            yield from _said(call, names, path)
    tables = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    for name, (function, marker) in wrappers.items():
        for call in [call for node in tables for call in _calls(node, name)]:
            yield from _said(marker, names | _bound(function, call, names), path)


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def _said(call: ast.Call, names: Mapping[str, str], path: str) -> Iterator[Performance]:
    client = next((_text(k.value, names) for k in call.keywords if k.arg == "client"), None)
    kind, *operations = (_text(a, names) for a in call.args)
    if client not in CLIENTS or kind is None or None in operations:
        raise UnreadableMarkerError(f"{path}:{call.lineno}: {ast.unparse(call)}")
    yield from (Performance(kind, operation or "", client) for operation in operations)


def _bound(function: ast.FunctionDef, call: ast.Call, names: Mapping[str, str]) -> dict[str, str]:
    """The texts that the parameters of *function* get in *call*, its defaults among them."""
    parameters = function.args.args
    defaults = zip(reversed(parameters), reversed(function.args.defaults), strict=False)
    given = [*defaults, *zip(parameters, call.args, strict=False)]
    nodes = {p.arg: node for p, node in given} | {k.arg: k.value for k in call.keywords if k.arg}
    return {name: text for name, node in nodes.items() if (text := _text(node, names)) is not None}


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that the module gives to texts, alone or several at once."""
    known: dict[str, str] = {}
    for node in tree.body:
        for target, value in _assigned(node):
            text = _text(value, known)
            if isinstance(target, ast.Name) and text is not None:
                known[target.id] = text
    yield from known.items()


def _assigned(node: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from zip(target.elts, node.value.elts, strict=False)
            else:
                yield target, node.value


def _text(node: ast.expr, names: Mapping[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [_text(v.value if isinstance(v, ast.FormattedValue) else v, names) for v in node.values]
        return None if None in parts else "".join(part or "" for part in parts)
    return names.get(node.id) if isinstance(node, ast.Name) else None
