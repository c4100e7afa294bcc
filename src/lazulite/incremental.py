"""Incremental computation: derive entries from a keyed source, recompute only what a change can reach.

A *node* is a function and its arguments. Running it yields entries ``(key, value)`` and records, through
the trace it is given, every source key it *read* (also those that were absent) and every further node it
*demands*. A change names source keys; only nodes that read one of them run again, and only entries that
came out different are reported. The same engine turns documents into forwarding entries
(:mod:`lazulite.compiler`) and forwarding entries into kernel objects (:mod:`lazulite.drivers`).

Rules: a node's output is a function of what it read and nothing else; several nodes may yield the same key,
and when they disagree the node that sorts first wins, so the order of events never shows in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Node(msgspec.Struct, frozen=True):
    """A function and its arguments; equal nodes are the same computation."""

    function: Callable[..., Iterable[tuple[Any, Any]]]
    arguments: tuple[Hashable, ...]

    @property
    def order(self) -> tuple[str, str]:
        return self.function.__qualname__, str(self.arguments)


class Trace:
    """What one run of a node looked at."""

    __slots__ = ("demands", "reads")

    def __init__(self) -> None:
        self.reads: set[Hashable] = set()
        self.demands: dict[Node, None] = {}


class Delta(msgspec.Struct, Generic[K, V]):
    """Entries that are new or different, and the keys that are gone with their last value.

    ``before`` holds the former value of each changed entry that is not new.
    """

    changed: dict[K, V] = msgspec.field(default_factory=dict)
    removed: dict[K, V] = msgspec.field(default_factory=dict)
    before: dict[K, V] = msgspec.field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)


class _State:
    __slots__ = ("demanders", "demands", "entries", "reads")

    def __init__(self) -> None:
        self.reads: set[Hashable] = set()
        self.demands: dict[Node, None] = {}
        self.entries: dict[Any, Any] = {}
        self.demanders: set[Node | None] = set()
        """Who needs this node; ``None`` stands for a root."""


class Incremental(Generic[K, V]):
    """Keeps the entries of a set of root nodes and of all they demand."""

    def __init__(self) -> None:
        self.entries: dict[K, V] = {}
        self.runs = 0
        """Node runs so far; tests count them."""
        self._nodes: dict[Node, _State] = {}
        self._readers: dict[Hashable, set[Node]] = {}
        self._producers: dict[K, dict[Node, V]] = {}

    @property
    def read_keys(self) -> Iterable[Hashable]:
        """Every source key that some node read."""
        return self._readers.keys()

    def advance(
        self,
        run: Callable[[Node, Trace], Iterable[tuple[K, V]]],
        changed: Iterable[Hashable],
        add: Iterable[Node] = (),
        drop: Iterable[Node] = (),
    ) -> Delta[K, V]:
        """Bring all entries up to date after the source changed at *changed*.

        *run* executes a node against the source as it is now. *add* and *drop* are root nodes that came and went.
        """
        before: dict[K, V | None] = {}
        for node in drop:
            self._release(node, None, before)
        dirty = {n for key in changed for n in self._readers.get(key, ())}
        queue = [n for n in dirty if n in self._nodes]
        queue += [n for n in add if self._want(n, None)]
        while queue:
            node = queue.pop()
            if node in self._nodes:
                queue += self._run(node, run, before)
        return self._delta(before)

    def _want(self, node: Node, demander: Node | None) -> bool:
        """Record that *demander* needs *node*; true when it has to run for the first time."""
        state = self._nodes.get(node)
        fresh = state is None
        if state is None:
            state = self._nodes[node] = _State()
        state.demanders.add(demander)
        return fresh

    def _release(self, node: Node, demander: Node | None, before: dict[K, V | None]) -> None:
        state = self._nodes.get(node)
        if state is None:
            return
        state.demanders.discard(demander)
        if not state.demanders:
            del self._nodes[node]
            self._unread(node, state.reads)
            for key in state.entries:
                self._retract(key, node, before)
            for other in state.demands:
                self._release(other, node, before)

    def _run(
        self, node: Node, run: Callable[[Node, Trace], Iterable[tuple[K, V]]], before: dict[K, V | None]
    ) -> list[Node]:
        state, trace = self._nodes[node], Trace()
        entries = dict(run(node, trace))
        self.runs += 1
        self._unread(node, state.reads - trace.reads)
        for read in trace.reads - state.reads:
            self._readers.setdefault(read, set()).add(node)
        for key in state.entries.keys() - entries.keys():
            self._retract(key, node, before)
        for key, value in entries.items():
            if key not in state.entries or state.entries[key] != value:
                self._remember(key, before)
                self._producers.setdefault(key, {})[node] = value
        fresh = [n for n in trace.demands if self._want(n, node)]
        gone = [n for n in state.demands if n not in trace.demands]
        state.reads, state.entries, state.demands = trace.reads, entries, trace.demands
        for other in gone:
            self._release(other, node, before)
        return fresh

    def _unread(self, node: Node, keys: Iterable[Hashable]) -> None:
        for key in keys:
            readers = self._readers[key]
            readers.discard(node)
            if not readers:
                del self._readers[key]

    def _retract(self, key: K, node: Node, before: dict[K, V | None]) -> None:
        self._remember(key, before)
        producers = self._producers[key]
        producers.pop(node, None)
        if not producers:
            del self._producers[key]

    def _remember(self, key: K, before: dict[K, V | None]) -> None:
        before.setdefault(key, self.entries.get(key))

    def _delta(self, before: Mapping[K, V | None]) -> Delta[K, V]:
        delta: Delta[K, V] = Delta()
        for key, old in before.items():
            producers = self._producers.get(key)
            if not producers:
                if old is not None:
                    delta.removed[key] = self.entries.pop(key)
                continue
            value = (
                producers[min(producers, key=lambda n: n.order)]
                if len(producers) > 1
                else next(iter(producers.values()))
            )
            if old != value:
                self.entries[key] = delta.changed[key] = value
                if old is not None:
                    delta.before[key] = old
        return delta
