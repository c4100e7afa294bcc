"""Dates and times. Results: "Date functions for ARM templates"; formats: .NET "Custom date and time format strings"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.arm.deployments.frame import Frame

T = TypeVar("T")

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_SORTABLE = "yyyy-MM-ddTHH:mm:ss"
_LONG = "dddd, MMMM d, yyyy"
_STANDARD = {
    "d": "M/d/yyyy",
    "D": _LONG,
    "f": f"{_LONG} h:mm tt",
    "F": f"{_LONG} h:mm:ss tt",
    "g": "M/d/yyyy h:mm tt",
    "G": "M/d/yyyy h:mm:ss tt",
    "M": "MMMM d",
    "m": "MMMM d",
    "O": f"{_SORTABLE}.fffffffK",
    "o": f"{_SORTABLE}.fffffffK",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": _SORTABLE,
    "t": "h:mm tt",
    "T": "h:mm:ss tt",
    "u": "yyyy-MM-dd HH:mm:ssZ",
    "Y": "MMMM yyyy",
    "y": "MMMM yyyy",
}
_PART = re.compile(r"'[^']*'|\"[^\"]*\"|\\.|%(?=.)|([yMdHhmsftKz])\1*|.", re.DOTALL)
_DURATION = re.compile(
    r"(?P<sign>-?)P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_UNITS = {"years": 31_536_000, "months": 2_592_000, "weeks": 604_800, "days": 86_400, "hours": 3600, "minutes": 60}
"""Seconds. A duration has no calendar: a year is 365 days and a month 30 (.NET ``XmlConvert.ToTimeSpan``)."""


def written(moment: datetime, pattern: str) -> str:
    """*moment* (UTC) by a standard or custom pattern."""
    return "".join(_part(m[0], moment) for m in _PART.finditer(_STANDARD.get(pattern, pattern)))


def _part(piece: str, moment: datetime) -> str:
    if piece[0] in "'\"":
        return piece[1:-1] if len(piece) > 1 else piece
    if piece[0] in "\\%":
        return piece[1:]
    field = _FIELDS.get(piece[0])
    return field(moment, len(piece)) if field else piece


def _named(names: Any, index: int, width: int, number: int) -> str:
    return f"{number:0{width}}" if width < 3 else names[index][:3] if width == 3 else names[index]


_FIELDS: Mapping[str, Callable[[datetime, int], str]] = {
    "y": lambda t, n: f"{t.year % 100:0{n}}" if n < 3 else f"{t.year:0{n}}",
    "M": lambda t, n: _named(_MONTHS, t.month - 1, n, t.month),
    "d": lambda t, n: _named(_DAYS, t.weekday(), n, t.day),
    "H": lambda t, n: f"{t.hour:0{n}}",
    "h": lambda t, n: f"{(t.hour + 11) % 12 + 1:0{n}}",
    "m": lambda t, n: f"{t.minute:0{n}}",
    "s": lambda t, n: f"{t.second:0{n}}",
    "f": lambda t, n: f"{t.microsecond:06}0"[:n],
    "t": lambda t, n: ("PM" if t.hour >= 12 else "AM")[:n],
    "K": lambda t, n: "Z",
    "z": lambda t, n: {1: "+0", 2: "+00"}.get(n, "+00:00"),
}


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ExpressionError(f"The value '{text[:80]}' is not a date and time.") from None
    return _within(lambda: moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ExpressionError(f"The value '{text[:80]}' is not an ISO 8601 duration.")
    seconds = sum(int(match[unit] or 0) * size for unit, size in _UNITS.items()) + float(match["seconds"] or 0)
    return _within(lambda: timedelta(seconds=-seconds if match["sign"] else seconds))


def _within(compute: Callable[[], T]) -> T:
    try:
        return compute()
    except (OverflowError, ValueError):
        raise ExpressionError("The date is outside of the years 1 to 9999.") from None


def utc_now(frame: Frame, pattern: str = "yyyyMMddTHHmmssZ") -> str:
    if frame.now is None:
        raise ExpressionError(
            "The template function 'utcNow' is not expected at this location. "
            "It can only be used in the default value of a parameter."
        )
    return written(frame.now, pattern)


def date_time_add(base: str, duration: str, pattern: str = "G") -> str:
    return written(_within(lambda: _moment(base) + _duration(duration)), pattern)


def date_time_from_epoch(seconds: int) -> str:
    return written(_within(lambda: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)), f"{_SORTABLE}Z")


def date_time_to_epoch(text: str) -> int:
    return int(_moment(text).timestamp())


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "datetimeadd": date_time_add,
    "datetimefromepoch": date_time_from_epoch,
    "datetimetoepoch": date_time_to_epoch,
    "utcnow": utc_now,
}
