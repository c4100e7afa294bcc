"""String functions. Results: "String functions for ARM templates"."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urljoin

from lazulite.arm import jsonc
from lazulite.arm.deployments.bounds import MAX_SIZE
from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.arm.deployments.functions.formats import compose
from lazulite.arm.deployments.functions.texts import text


def concat(first: Any, *more: Any) -> Any:
    """Joins strings, or arrays; never both."""
    values = (first, *more)
    arrays = [isinstance(v, list) for v in values]
    if all(arrays):
        return [item for value in values for item in value]
    if any(arrays) or any(isinstance(v, dict) for v in values):
        raise ExpressionError("The template language function 'concat' takes strings or arrays, not a mixture.")
    return "".join(map(text, values))


def format_(pattern: str, *values: Any) -> str:
    return compose(pattern, values)


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ExpressionError(f"The value '{value[:80]}' is not the base64 form of a string.") from None


def base64_(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def base64_to_json(value: str) -> Any:
    return json_(_decoded(value))


def json_(value: str) -> Any:
    try:
        return jsonc.decode(value.encode())
    except ValueError:
        raise ExpressionError(f"The template language function 'json' can not read '{value[:80]}'.") from None


def data_uri(value: str) -> str:
    return f"data:text/plain;charset=utf8;base64,{base64_(value)}"


def data_uri_to_string(value: str) -> str:
    match = re.fullmatch(r"data:[^,]*?(;base64)?,(.*)", value, re.DOTALL)
    if match is None:
        raise ExpressionError(f"The value '{value[:80]}' is not a data URI.")
    return _decoded(match[2]) if match[1] else unquote(match[2])


def starts_with(value: str, part: str) -> bool:
    """Ignores case, as ``endsWith`` and ``indexOf`` do and ``contains`` does not."""
    return value.lower().startswith(part.lower())


def ends_with(value: str, part: str) -> bool:
    return value.lower().endswith(part.lower())


def pad_left(value: str | int, width: int, fill: str = " ") -> str:
    if len(fill) != 1:
        raise ExpressionError("The template language function 'padLeft' takes one character to fill with.")
    if width > MAX_SIZE:
        raise ExpressionError(f"The template language function 'padLeft' makes at most {MAX_SIZE} characters.")
    return text(value).rjust(width, fill)


def replace(value: str, old: str, new: str) -> str:
    if not old:
        raise ExpressionError("The template language function 'replace' can not replace an empty string.")
    if len(value) + value.count(old) * len(new) > MAX_SIZE:
        raise ExpressionError(f"The template language function 'replace' makes at most {MAX_SIZE} characters.")
    return value.replace(old, new)


def split(value: str, separators: str | list[Any]) -> list[str]:
    marks = [s for s in (separators if isinstance(separators, list) else [separators]) if isinstance(s, str) and s]
    return re.split("|".join(map(re.escape, marks)), value) if marks else [value]


def join(values: list[Any], separator: str) -> str:
    return separator.join(map(text, values))


def substring(value: str, start: int, length: int | None = None) -> str:
    count = len(value) - start if length is None else length
    if start < 0 or count < 0 or start + count > len(value):
        raise ExpressionError(
            "The index and length parameters must refer to a location within the string. "
            f"The index parameter: '{start}', the length parameter: '{count}', "
            f"the length of the string parameter: '{len(value)}'."
        )
    return value[start : start + count]


def to_lower(value: str) -> str:
    return value.lower()


def to_upper(value: str) -> str:
    return value.upper()


def trim(value: str) -> str:
    return value.strip()


def uri(base: str, relative: str) -> str:
    return urljoin(base, relative)


def uri_component(value: str) -> str:
    return quote(value, safe="-_.~")


def uri_component_to_string(value: str) -> str:
    return unquote(value)


def string(value: Any) -> str:
    return text(value)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "base64": base64_,
    "base64tojson": base64_to_json,
    "base64tostring": _decoded,
    "concat": concat,
    "datauri": data_uri,
    "datauritostring": data_uri_to_string,
    "endswith": ends_with,
    "format": format_,
    "join": join,
    "json": json_,
    "padleft": pad_left,
    "replace": replace,
    "split": split,
    "startswith": starts_with,
    "string": string,
    "substring": substring,
    "tolower": to_lower,
    "toupper": to_upper,
    "trim": trim,
    "uri": uri,
    "uricomponent": uri_component,
    "uricomponenttostring": uri_component_to_string,
}
