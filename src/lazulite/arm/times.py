"""Times as ARM writes them: UTC, seven digits behind the second ("Role assignments on the wire")."""

from __future__ import annotations

from datetime import UTC, datetime


def wire_time(text: str) -> str:
    """ISO 8601 with an offset to ``2026-01-01T00:00:00.0000000Z``; what is empty stays so."""
    if not text:
        return text
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"
