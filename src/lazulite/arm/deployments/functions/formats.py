"""Composite formatting: ``format('{0,8:N2} {{literal}}', value)``.

Source: .NET "Composite formatting", "Standard numeric format strings", "Custom numeric format strings", with the
invariant culture, which is what the ``format`` function of templates uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from lazulite.arm.deployments.bounds import MAX_SIZE
from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.arm.deployments.functions.texts import text

_EXACT = Context(prec=500)
"""Room for the largest double with 99 places."""
_ITEM = re.compile(r"\{\{|\}\}|\{(?P<index>\d{1,6})\s*(?:,\s*(?P<width>-?\d{1,4})\s*)?(?::(?P<spec>[^{}]*))?\}|[{}]")
_STANDARD = re.compile(r"([A-Za-z])(\d{0,2})")
_CUSTOM = re.compile(r"(?P<before>[^0#.,]*)(?P<digits>[0#,]*)(?:\.(?P<fraction>[0#]*))?(?P<after>[^0#]*)")


def compose(pattern: str, values: Sequence[Any]) -> str:
    """*pattern* with its items filled in. Raises :class:`ExpressionError` for a stray brace or a missing value."""
    left = MAX_SIZE

    def fill(match: re.Match[str]) -> str:
        if match["index"] is None:
            if len(match[0]) == 1:
                raise ExpressionError(f"The format '{pattern[:80]}' has a brace that is not part of an item.")
            return match[0][0]
        index = int(match["index"])
        if index >= len(values):
            raise ExpressionError(f"The format '{pattern[:80]}' names value {index} of {len(values)}.")
        nonlocal left
        filled = _aligned(written(values[index], match["spec"] or ""), int(match["width"] or 0))
        left -= len(filled)
        if left < 0:
            raise ExpressionError(f"The template language function 'format' makes at most {MAX_SIZE} characters.")
        return filled

    return _ITEM.sub(fill, pattern)


def _aligned(value: str, width: int) -> str:
    return value.ljust(-width) if width < 0 else value.rjust(width)


def written(value: Any, spec: str) -> str:
    """*value* by *spec*; only numbers heed it."""
    if not spec or isinstance(value, bool) or not isinstance(value, int | float):
        return text(value)
    number = Decimal(repr(value))
    standard = _STANDARD.fullmatch(spec)
    if standard is None:
        return _custom(number, spec)
    kind = _KINDS.get(standard[1].upper())
    if kind is None:
        raise ExpressionError(f"The format '{spec}' is not one of a number.")
    result = kind(number, int(standard[2]) if standard[2] else None)
    return result.lower() if standard[1] in "xe" else result


def _rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _EXACT)


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise ExpressionError("This format needs a whole number.")
    return int(number)


def _decimal(number: Decimal, places: int | None) -> str:
    value = _whole(number)
    return ("-" if value < 0 else "") + str(abs(value)).rjust(places or 0, "0")


def _hexadecimal(number: Decimal, places: int | None) -> str:
    value = _whole(number)
    return format(value if value >= 0 else value & 0xFFFFFFFFFFFFFFFF, "X").rjust(places or 0, "0")


def _grouped(number: Decimal, places: int | None) -> str:
    return format(_rounded(number, 2 if places is None else places), ",f")


def _fixed(number: Decimal, places: int | None) -> str:
    return format(_rounded(number, 2 if places is None else places), "f")


def _percent(number: Decimal, places: int | None) -> str:
    return _grouped(number * 100, places) + " %"


def _currency(number: Decimal, places: int | None) -> str:
    amount = "¤" + _grouped(abs(number), places)
    return f"({amount})" if number < 0 else amount


def _scientific(number: Decimal, places: int | None) -> str:
    mantissa, _, exponent = format(number, f".{6 if places is None else places}E").partition("E")
    return f"{mantissa}E{exponent[0]}{exponent[1:].rjust(3, '0')}"


def _general(number: Decimal, places: int | None) -> str:
    return format(number.normalize() if places is None else round_significant(number, places), "f")


def round_significant(number: Decimal, digits: int) -> Decimal:
    """*number* with at most *digits* significant digits (0: all)."""
    if not digits or not number:
        return number.normalize()
    return _rounded(number, digits - 1 - number.adjusted()).normalize()


_KINDS: Mapping[str, Callable[[Decimal, int | None], str]] = {
    "C": _currency,
    "D": _decimal,
    "E": _scientific,
    "F": _fixed,
    "G": _general,
    "N": _grouped,
    "P": _percent,
    "R": _general,
    "X": _hexadecimal,
}


def _custom(number: Decimal, spec: str) -> str:
    match = _CUSTOM.fullmatch(spec)
    if match is None:
        raise ExpressionError(f"The format '{spec}' is not one of a number.")
    digits, fraction = match["digits"] or "", match["fraction"] or ""
    scaled = number * 100 if "%" in match["after"] else number
    whole, _, rest = format(abs(_rounded(scaled, len(fraction))), "f").partition(".")
    whole = whole.lstrip("0").rjust(digits.count("0"), "0")
    if "," in digits:
        whole = _with_groups(whole)
    kept = len(fraction.rstrip("#"))
    rest = rest[:kept] + rest[kept:].rstrip("0")
    sign = "-" if scaled < 0 else ""
    return f"{sign}{match['before']}{whole}{'.' + rest if rest else ''}{match['after']}"


def _with_groups(digits: str) -> str:
    first = len(digits) % 3
    groups = [digits[:first], *(digits[i : i + 3] for i in range(first, len(digits), 3))]
    return ",".join(g for g in groups if g)
