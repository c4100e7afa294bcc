"""What each az command of the table asks of the lab, as ``az_requests.json`` has it.

``LAZULITE_RECORD=1`` writes what was asked into the file; without it a command that asks something else fails its test.
The documentation lists what is recorded (``docs/requests.py``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from tests.clients.asked import spelled

FILE = Path(__file__).with_name("az_requests.json")
HERE = str(Path(__file__).parent)


class Record:
    """Compares, or collects and writes when it is closed."""

    def __init__(self) -> None:
        self._writing = bool(os.environ.get("LAZULITE_RECORD"))
        self._kept: dict[str, list[str]] = json.loads(FILE.read_text()) if FILE.exists() else {}
        self._found: dict[str, list[str]] = {}

    def check(self, story: str, command: str, asked: Iterable[tuple[str, str]]) -> None:
        """Assert that *asked* is what is recorded for the command of that story."""
        found = self._found[_key(story, command)] = spelled(asked)
        if not self._writing:
            assert found == self._kept.get(_key(story, command)), "LAZULITE_RECORD=1 records what it asks now"

    def only(self, rows: set[tuple[str, str]]) -> None:
        """Assert that nothing is recorded of commands that are no longer there, or forget them."""
        keys = {_key(*row) for row in rows}
        if self._writing:
            self._kept = {key: kept for key, kept in self._kept.items() if key in keys}
        else:
            assert set(self._kept) == keys

    def close(self) -> None:
        if self._writing:
            FILE.write_text(json.dumps(self._kept | self._found, indent=1) + "\n")


def _key(story: str, command: str) -> str:
    """Without the place of the checkout."""
    return f"{story}: {command.replace(HERE, '.')}".strip()
