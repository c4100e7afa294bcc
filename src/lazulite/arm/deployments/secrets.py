"""Values that no answer, record or log may show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lazulite.arm.errors import ArmError
from lazulite.resources.model import Violation

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


def sent(template: Any, parameters: Any) -> list[Any]:
    """The values that *parameters* give for what *template* declares secure, or have from a key vault, before anything
    has been checked."""
    declared = template.get("parameters") if isinstance(template, dict) else None
    if not isinstance(declared, dict) or not isinstance(parameters, dict):
        return []
    types = {name.lower(): str(d.get("type")).lower() for name, d in declared.items() if isinstance(d, dict)}
    given = ((types.get(name.lower(), ""), entry) for name, entry in parameters.items() if isinstance(entry, dict))
    secure = (entry for kind, entry in given if kind.startswith("secure") or entry.get("reference") is not None)
    return [entry["value"] for entry in secure if entry.get("value")]


def veiled(error: ArmError, secrets: Sequence[Any]) -> ArmError:
    """The same refusal without any of *secrets*."""
    details = [Violation(v.code, hide(v.message, secrets), hide(v.target, secrets)) for v in error.details]
    target = hide(error.target, secrets)
    return ArmError(error.status, error.code, hide(error.message, secrets), target, details, error.headers)
