"""What a query for metrics asks, and its arithmetic. Pure.

Source: "Metrics - List" (parameters, their defaults), "Supported metrics with Azure Monitor" (grains, units).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import unquote

import msgspec

from lazulite.arm.errors import refused
from lazulite.resources.model import Violation

GRAINS: Mapping[str, int] = {
    "PT1M": 60,
    "PT5M": 300,
    "PT15M": 900,
    "PT30M": 1800,
    "PT1H": 3600,
    "PT6H": 21_600,
    "PT12H": 43_200,
    "P1D": 86_400,
}
"""Seconds of a point, by the name of the grain."""
FULL = "FULL"
"""One point for all of the time."""
_HOUR_S = 3600
_LONGEST_S = 31 * 86_400
"""Longer spans are cut to their end, as recorded of Azure."""
_AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "average": lambda values: sum(values) / len(values),
    "minimum": min,
    "maximum": max,
    "total": sum,
    "count": lambda values: float(len(values)),
}
_ORDERS = {"sum": "total", "min": "minimum", "max": "maximum", **{name: name for name in _AGGREGATIONS}}
_ORDER = re.compile(r"(?P<by>[a-z]+)(?:[ +]+(?P<way>asc|desc))?")
TOP = 10
"""Series of an answer with a filter when ``top`` does not say."""


class Metric(msgspec.Struct, frozen=True):
    """A row of the catalogue of metrics. ``primary`` is the aggregation that says most."""

    name: str
    shown: str
    unit: str
    primary: str
    described: str


class Window(msgspec.Struct, frozen=True):
    """Points of ``grain_s`` from ``start`` to before ``end``, in seconds since 1970."""

    start: int
    end: int
    grain_s: int
    interval: str

    @property
    def points(self) -> int:
        return -(-(self.end - self.start) // self.grain_s)

    @property
    def span(self) -> str:
        """As answers say it."""
        return f"{when(self.start)}/{when(self.end)}"

    def binned(self, first: int, values: Sequence[float | None]) -> Iterator[tuple[int, list[float]]]:
        """The start of each point, and what is known in it of *values*, one a minute since *first*."""
        found: list[list[float]] = [[] for _ in range(self.points)]
        for number, value in enumerate(values):
            at = first + 60 * number - self.start
            if value is not None and 0 <= at < self.end - self.start:
                found[at // self.grain_s].append(value)
        return ((self.start + i * self.grain_s, known) for i, known in enumerate(found))


class Query(msgspec.Struct, frozen=True):
    """``names`` and ``aggregations`` are empty for what a type says first; ``order`` is an aggregation and whether the
    largest comes first."""

    window: Window
    names: tuple[str, ...]
    aggregations: tuple[str, ...]
    top: int
    order: tuple[str, bool] | None
    bare: bool
    """Whether only which series there are is asked."""


def when(second: int) -> str:
    """Seconds since 1970 as the API writes them."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def aggregated(name: str, values: Sequence[float]) -> float:
    """*values* (one at least) by the aggregation *name*."""
    return _AGGREGATIONS[name](values)


def query(asked: Mapping[str, str], now: datetime) -> Query:
    """Raises the 400 with everything that is wrong with *asked*, the request's query."""
    problems: list[Violation] = []
    found = Query(
        _window(asked, int(now.timestamp()), problems),
        tuple(n.strip() for n in _twice(asked.get("metricnames", "")).split(",") if n.strip()),
        _aggregations(asked.get("aggregation", ""), problems),
        _top(asked.get("top", ""), problems),
        _order(asked.get("orderby", ""), problems),
        _choice(asked, "resulttype", ("data", "metadata"), problems) == "metadata",
    )
    _choice(asked, "autoadjusttimegrain", ("false", "true"), problems)
    _choice(asked, "validatedimensions", ("true", "false"), problems)
    if asked.get("rollupby"):
        problems.append(_bad("rollupby", asked["rollupby"], "the lab's metrics have no dimensions to roll up"))
    if problems:
        raise refused(problems)
    return found


def _bad(name: str, value: str, why: str) -> Violation:
    return Violation("BadRequest", f"The value '{value[:200]}' of {name} is not supported: {why}.", name)


def _twice(text: str) -> str:
    """az encodes some of its parameters twice ("Wire behaviour", recorded)."""
    return unquote(text)


def _window(asked: Mapping[str, str], now: int, problems: list[Violation]) -> Window:
    interval = asked.get("interval") or "PT1M"
    grain = GRAINS.get(interval.upper())
    if grain is None and interval.upper() != FULL:
        if asked.get("autoadjusttimegrain", "").lower() != "true":
            problems.append(_bad("interval", interval, f"it is one of {', '.join(GRAINS)} and {FULL}"))
        grain, interval = 60, "PT1M"
    start, end = now - _HOUR_S, now
    if text := _twice(asked.get("timespan", "")):
        try:
            start, end = (_second(part) for part in text.split("/"))
        except (ValueError, OverflowError):
            problems.append(_bad("timespan", text, "it is two times, start/end, as ISO 8601 writes them"))
        if end <= start:
            problems.append(_bad("timespan", text, "it ends before it begins"))
            end = start + 60
    start = max(start, end - _LONGEST_S) // 60 * 60
    return Window(start, end, grain or end - start, interval.upper())


def _second(text: str) -> int:
    at = datetime.fromisoformat(text.strip().replace(" ", "+"))
    if not 1970 < at.year < 9000:
        raise ValueError("beyond all history")
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _aggregations(text: str, problems: list[Violation]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip().lower() for part in _twice(text).split(",") if part.strip()))
    if wrong := [name for name in found if name not in _AGGREGATIONS]:
        problems.append(_bad("aggregation", ",".join(wrong), f"there are {', '.join(_AGGREGATIONS)}"))
    return found


def _top(text: str, problems: list[Violation]) -> int:
    if text and not re.fullmatch("[1-9][0-9]{0,5}", text):
        problems.append(_bad("top", text, "it is a positive number"))
        return TOP
    return int(text or TOP)


def _order(text: str, problems: list[Violation]) -> tuple[str, bool] | None:
    if not text.strip():
        return None
    found = _ORDER.fullmatch(text.strip().lower())
    if found is None or found["by"] not in _ORDERS:
        problems.append(_bad("orderby", text, "it is an aggregation, and 'asc' or 'desc'"))
        return None
    return _ORDERS[found["by"]], found["way"] == "desc"


def _choice(asked: Mapping[str, str], name: str, choices: tuple[str, ...], problems: list[Violation]) -> str:
    """The first choice is what is meant by nothing."""
    text = (asked.get(name) or choices[0]).lower()
    if text not in choices:
        problems.append(_bad(name, text, f"it is one of {', '.join(choices)}"))
    return text
