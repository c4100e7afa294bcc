"""What rows of az commands are made of, and how what comes back is compared with them."""

from __future__ import annotations

from typing import Any

SUCCEEDED = {"provisioningState": "Succeeded"}


class Fails:
    """A command must fail, with this exit code and these words on standard error."""

    def __init__(self, code: int, *words: str) -> None:
        self.code, self.words = code, words


def shared(found: Any, expected: Any) -> Any:
    """*found* without the members that *expected* says nothing about."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return {k: shared(found[k], v) for k, v in expected.items() if k in found}
    if isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        return [shared(f, e) for f, e in zip(found, expected, strict=True)]
    return found


def filled(expected: Any, places: dict[str, str]) -> Any:
    """*expected* with its placeholders filled in."""
    if isinstance(expected, dict):
        return {k: filled(v, places) for k, v in expected.items()}
    if isinstance(expected, list):
        return [filled(v, places) for v in expected]
    return expected.format_map(places) if isinstance(expected, str) else expected
