"""What Azure's own clients perform in ``tests/clients``, read from the ``covers`` markers without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent.parent / "tests" / "clients"
CLIENTS = {"az": "az", "sdk": "the SDK"}


class UnreadableMarkerError(Exception):
    """A marker whose arguments are no literals, or that names no client of :data:`CLIENTS`."""


class Performance(NamedTuple):
    """A client performs *operation* on *kind*, as the marker spells them."""

    kind: str
    operation: str
    client: str


def performances() -> set[Performance]:
    """All there are. Raises :class:`UnreadableMarkerError`."""
    return {found for path in sorted(TESTS.glob("*.py")) for found in _in(path)}


def sentences(kind: str, every: set[Performance]) -> Iterator[str]:
    """``az: create, list``, a line a client, for the type *kind*."""
    for client, name in CLIENTS.items():
        operations = sorted(p.operation for p in every if p.kind.lower() == kind.lower() and p.client == client)
        if operations:
            yield f"tried with {name}: {', '.join(operations)}\n"


def _in(path: Path) -> Iterator[Performance]:
    tree = ast.parse(path.read_text())
    names = dict(_constants(tree))
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "covers":
            client = next((_text(k.value, names) for k in call.keywords if k.arg == "client"), None)
            kind, *operations = (_text(a, names) for a in call.args)
            if client not in CLIENTS or kind is None or None in operations:
                raise UnreadableMarkerError(f"{path}:{call.lineno}: {ast.unparse(call)}")
            yield from (Performance(kind, operation or "", client) for operation in operations)


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that the module gives to texts."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from ((t.id, node.value.value) for t in node.targets if isinstance(t, ast.Name))


def _text(node: ast.expr, names: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return names.get(node.id) if isinstance(node, ast.Name) else None
