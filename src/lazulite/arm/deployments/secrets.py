"""Values that no answer, record or log may show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

HIDDEN = "*******"
_TELLING = 4
"""Characters from which a secret is looked for inside other text; a shorter one would turn up by chance."""


def texts(value: Any) -> Iterator[str]:
    """Every string in *value*: a secure object is secret in all its parts."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(each)


def hide(value: Any, secrets: Sequence[Any]) -> Any:
    """*value* without any of *secrets*, neither as a value of its own nor inside a text."""
    whole = [s for s in secrets if s is not None and s != ""]
    return _hide(value, whole, {t for s in whole for t in texts(s)}) if whole else value


def _hide(value: Any, whole: Sequence[Any], words: set[str]) -> Any:
    if any(value == secret and type(value) is type(secret) for secret in whole):
        return HIDDEN
    if isinstance(value, dict):
        return {k: _hide(v, whole, words) for k, v in value.items()}
    if isinstance(value, list):
        return [_hide(v, whole, words) for v in value]
    return _text(value, words) if isinstance(value, str) else value


def _text(value: str, words: set[str]) -> str:
    if value in words:
        return HIDDEN
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _TELLING:
            value = value.replace(word, HIDDEN)
    return value
