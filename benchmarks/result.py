"""What a benchmark found, and how it is shown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table


class Goal(msgspec.Struct, frozen=True):
    """A bound from design/goals.md, on the ratio or on our own figure."""

    limit: float
    of: str = "ratio"
    """``ratio`` or ``ours``."""
    at_least: bool = False

    def __str__(self) -> str:
        return f"{self.of} {'≥' if self.at_least else '≤'} {self.limit:g}"

    def met(self, result: Result) -> bool:
        value = result.ratio if self.of == "ratio" else result.ours
        if value is None:
            return True
        return value >= self.limit if self.at_least else value <= self.limit


class Result(msgspec.Struct, frozen=True):
    """One figure. Without a peer it stands alone; ``ratio`` is ours to the peer's."""

    name: str
    ours: float
    unit: str
    peer: float | None = None
    peer_name: str = ""
    ratio: float | None = None
    goal: Goal | None = None
    runs: tuple[tuple[float, ...], ...] = ()
    """Every measurement: ours, and the peer's of the same turn."""
    note: str = ""


def alone(name: str, values: Sequence[float], unit: str, goal: Goal | None = None, note: str = "") -> Result:
    """The median of *values*."""
    return Result(name, median(values), unit, goal=goal, runs=tuple((v,) for v in values), note=note)


def against(
    name: str,
    pairs: Sequence[tuple[float, float]],
    unit: str,
    peer_name: str,
    goal: Goal | None = None,
    note: str = "",
) -> Result:
    """Pairs of ours and the peer's, each measured in one turn; the ratio is the median of the turns' ratios."""
    ours, peer = median(o for o, _ in pairs), median(p for _, p in pairs)
    ratio = median(o / p for o, p in pairs)
    return Result(name, ours, unit, peer, peer_name, ratio, goal, tuple(pairs), note)


def turns(count: int, ours: Callable[[], float], peer: Callable[[], float]) -> list[tuple[float, float]]:
    """Measure both *count* times, taking turns, every other time the peer first."""
    found = []
    for turn in range(count):
        if turn % 2:
            second, first = peer(), ours()
        else:
            first, second = ours(), peer()
        found.append((first, second))
    return found


def write(path: Path, results: Sequence[Result]) -> None:
    """The results as JSON: those of other benchmarks that the file already holds stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    former = json.loads(path.read_text()) if path.exists() else []
    new = {r.name for r in results}
    rows = [row for row in former if row["name"] not in new] + [_row(r) for r in results]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


def _row(result: Result) -> dict[str, object]:
    return {
        "name": result.name,
        "ours": result.ours,
        "peer": result.peer,
        "peer_name": result.peer_name,
        "unit": result.unit,
        "ratio": result.ratio,
        "goal": str(result.goal) if result.goal else None,
        "runs": result.runs,
        "note": result.note,
    }


def show(console: Console, results: Sequence[Result]) -> None:
    """A table of *results* with what each goal came to."""
    load = ", ".join(f"{v:.2f}" for v in os.getloadavg())
    table = Table(caption=f"{os.cpu_count()} processors, load average {load}", caption_justify="left")
    table.add_column("what", overflow="fold")
    for heading in ("ours", "peer", "unit", "ratio", "runs"):
        table.add_column(heading, justify="left" if heading == "unit" else "right")
    table.add_column("goal", no_wrap=True)
    table.add_column("against, remarks", overflow="fold")
    for result in results:
        table.add_row(*_cells(result))
    console.print(table)


def _cells(result: Result) -> list[str]:
    peer = "" if result.peer is None else _figure(result.peer)
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    goal = ""
    if result.goal is not None:
        goal = f"[{'green' if result.goal.met(result) else 'red'}]{result.goal}[/]"
    remarks = "; ".join(filter(None, (result.peer_name, result.note)))
    return [result.name, _figure(result.ours), peer, result.unit, ratio, str(len(result.runs)), goal, remarks]


def _figure(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
