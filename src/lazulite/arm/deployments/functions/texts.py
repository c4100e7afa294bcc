"""The text form of JSON values, as template functions print them."""

from __future__ import annotations

import json
from typing import Any


def text(value: Any) -> str:
    """*value* as ``string``, ``concat`` and ``format`` write it: compact JSON for arrays and objects."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
