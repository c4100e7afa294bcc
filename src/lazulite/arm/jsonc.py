"""Reads the bodies clients really send: JSON, or the splice of JSON and raw template text that
``az deployment`` makes (bare keys, comments, trailing commas, line breaks inside strings).

Source: azure-cli 2.91, ``JsonCTemplatePolicy``, and recorded deployments.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

MAX_DEPTH = 100
"""Nesting beyond this is refused; Azure's own readers stop at 128 (Newtonsoft.Json 13)."""

_TOKEN = re.compile(
    r"""
    (?P<string>"(?:[^"\\]|\\.)*+(?:"|\Z))
  | (?P<skip>//[^\r\n]*+|/\*.*?(?:\*/|\Z))
  | (?P<comma>,(?=(?:\s|//[^\r\n]*+|(?>/\*.*?\*/))*+[}\]]))
  | (?P<key>(?<![\w$])[A-Za-z_$][\w$]*+(?=\s*+:))
    """,
    re.VERBOSE | re.DOTALL,
)
"""Possessive throughout, and what is never closed runs to the end: reading time stays proportional to the length."""


def decode(content: bytes) -> Any:
    """The value of *content*. Raises ``ValueError`` with a sentence that says where reading stopped."""
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        value = _tolerant(content)
    if content.count(b"{") + content.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    return value


def _tolerant(content: bytes) -> Any:
    try:
        text = _TOKEN.sub(_strict, content.decode("utf-8-sig").replace("\ufeff", ""))
        value = json.loads(text, strict=False, parse_constant=_refuse, parse_float=_finite)
        msgspec.json.encode(value)  # a lone surrogate can be read but never written
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeError:
        raise ValueError("it is not UTF-8") from None
    return value


def _strict(match: re.Match[str]) -> str:
    """The strict JSON for one token that needs a change (strings are matched so that nothing inside them is)."""
    if match["string"] is not None:
        return match["string"]
    return f'"{match["key"]}"' if match["key"] is not None else " "


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    return number if abs(number) != float("inf") else _refuse(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [i for v in level if isinstance(v, dict | list) for i in (v.values() if isinstance(v, dict) else v)]
        if not level:
            return
    raise ValueError("it is nested too deeply")
