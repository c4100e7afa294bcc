"""The benchmarks by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from benchmarks.creation import creation
from benchmarks.paths import paths
from benchmarks.result import Result

BENCHMARKS: Mapping[str, Callable[[], Iterator[Result]]] = {
    "creation": creation,
    "paths": paths,
}
