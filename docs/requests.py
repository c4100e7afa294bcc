"""What every az command that is tried asks of the API, from the record that ``tests/clients`` keeps and checks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

RECORD = Path(__file__).parent.parent / "tests" / "clients" / "az_requests.json"
_HEAD = """## What az asks

Each command that `tests/clients` tries, and what it sends: method, path, api-version. `{group}` stands for
`/subscriptions/{}/resourceGroups/{}`, `{subscription}` for `/subscriptions/{}`, `{}` for any name. Polls are left out.
A test fails when a command sends something else.

| az | sends |
|---|---|"""
_SHORT = (("/subscriptions/{}/resourceGroups/{}", "{group}"), ("/subscriptions/{}", "{subscription}"))


def table() -> Iterator[str]:
    """Lines of the section; none without a record."""
    if RECORD.exists():
        yield _HEAD
        for command, requests in sorted(commands(json.loads(RECORD.read_text())).items()):
            yield f"| `{command}` | {'<br>'.join(f'`{_short(r)}`' for r in requests) or 'nothing'} |"
        yield ""


def commands(record: dict[str, list[str]]) -> dict[str, list[str]]:
    """All requests of each command, whatever its arguments."""
    found: dict[str, set[str]] = {}
    for key, requests in record.items():
        found.setdefault(_command(key.partition(": ")[2]), set()).update(requests)
    return {command: sorted(requests) for command, requests in found.items()}


def _command(line: str) -> str:
    """The words before the first argument."""
    words = line.split()
    end = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    return " ".join(words[:end])


def _short(request: str) -> str:
    for text, name in _SHORT:
        request = request.replace(text, name)
    return request
