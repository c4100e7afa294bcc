"""Asks every service what its resources mean for packets, and keeps what still stands."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import Any

import msgspec

from lazulite.forwarding.model import EntryKey, ForwardingModel
from lazulite.incremental import Delta, Incremental, Node, Trace
from lazulite.resources.view import Snapshot, View, family
from lazulite.services.service import Service


class _Root(msgspec.Struct, frozen=True):
    """Marks the argument of a node that compiles one resource."""

    key: str


class Compiler:
    """Compiles snapshots one after another; :attr:`model` is the network of the last one."""

    def __init__(self, services: Iterable[Service]) -> None:
        self.model = ForwardingModel()
        self._functions: dict[type, list[Any]] = {}
        for service in services:
            for model, function in service.compile.items():
                for each in family(model):
                    self._functions.setdefault(each, []).append(function)
        self._engine: Incremental[EntryKey, Any] = Incremental()
        self._roots: dict[type, frozenset[str]] = {}

    @property
    def runs(self) -> int:
        """Compile calls so far."""
        return self._engine.runs

    def advance(self, snapshot: Snapshot, touched: Collection[Hashable] | None = None) -> Delta[EntryKey, Any]:
        """Compile *snapshot*; *touched* is what differs from the last one (``None``: everything may)."""
        add: list[Node] = []
        drop: list[Node] = []
        for model, functions in self._functions.items():
            now = (
                frozenset(snapshot.kinds.get(model, ()))
                if _may_differ(model, touched)
                else self._roots.get(model, frozenset())
            )
            was = self._roots.get(model, frozenset())
            add += [Node(f, (_Root(k),)) for k in sorted(now - was) for f in functions]
            drop += [Node(f, (_Root(k),)) for k in sorted(was - now) for f in functions]
            self._roots[model] = now

        def run(node: Node, trace: Trace) -> Iterator[tuple[EntryKey, Any]]:
            view, first = View(snapshot, trace), next(iter(node.arguments), None)
            if isinstance(first, _Root):
                trace.reads.add(("resource", first.key))
                entries: Iterable[Any] = node.function(snapshot.resources[first.key], view)
            else:
                entries = node.function(view, *node.arguments)
            return ((e.key, e) for e in entries)

        changed = self._everything() if touched is None else touched
        delta = self._engine.advance(run, changed, add, drop)
        self.model.drop(delta.removed.values())
        self.model.put(delta.changed.values())
        return delta

    def _everything(self) -> list[Hashable]:
        return list(self._engine.read_keys)


def _may_differ(model: type, touched: Collection[Hashable] | None) -> bool:
    return touched is None or ("kind", model) in touched


def compile_model(services: Iterable[Service], snapshot: Snapshot) -> ForwardingModel:
    """The network that *snapshot* describes. Pure: equal snapshots give equal models."""
    compiler = Compiler(services)
    compiler.advance(snapshot)
    return compiler.model
