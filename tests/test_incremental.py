"""The engine itself: nodes over a dictionary."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from lazulite.incremental import Incremental, Node, Trace

Source = dict[str, int]
KEYS = "abcd"


class Machine:
    """Roots ``r:x`` yield ``x`` and demand a shared node for each multiple of two in the source."""

    def __init__(self) -> None:
        self.source: Source = {}
        self.engine: Incremental[str, int] = Incremental()

    def follow(self, after: Source) -> None:
        before, self.source = self.source, after
        add = [Node(root, (k,)) for k in after.keys() - before.keys()]
        drop = [Node(root, (k,)) for k in before.keys() - after.keys()]
        changed = [k for k in before.keys() | after.keys() if before.get(k) != after.get(k)]
        run = lambda node, trace: node.function(self.source, trace, *node.arguments)  # noqa: E731
        self.engine.advance(run, changed, add, drop)


def root(source: Source, trace: Trace, key: str) -> Iterator[tuple[str, int]]:
    trace.reads.add(key)
    value = source[key]
    yield f"own {key}", value
    yield "contested", value
    if value % 2 == 0:
        trace.demands[Node(shared, (KEYS[value % len(KEYS)],))] = None


def shared(source: Source, trace: Trace, key: str) -> Iterator[tuple[str, int]]:
    trace.reads.add(key)
    yield f"shared {key}", source.get(key, -1)


sources = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 5))


@given(st.lists(sources, max_size=8))
def test_any_path_ends_where_a_fresh_start_does(path: list[Source]) -> None:
    machine = Machine()
    for after in path:
        machine.follow(after)
        fresh = Machine()
        fresh.follow(after)
        assert machine.engine.entries == fresh.engine.entries


def test_only_readers_of_a_change_run_again() -> None:
    machine = Machine()
    machine.follow({k: 1 for k in KEYS})
    runs = machine.engine.runs
    machine.follow({**machine.source, "a": 3})
    assert machine.engine.runs == runs + 1


def test_what_no_one_demands_any_more_is_gone() -> None:
    machine = Machine()
    machine.follow({"a": 2})
    assert "shared c" in machine.engine.entries
    machine.follow({"a": 1})
    assert "shared c" not in machine.engine.entries
