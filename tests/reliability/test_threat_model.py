"""The threat model names tests that are there, and stays short."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/threat-model.md").read_text()


def test_every_test_it_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", TEXT)
    assert len(named) > 30
    missing = [
        (path, function)
        for path, function in named
        if not (ROOT / path).is_file() or f"def {function}" not in (ROOT / path).read_text()
    ]
    assert missing == []


def test_every_threat_has_an_answer_and_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if re.match(r"\| [a-z…]", line) and line.count("|") == 4]
    threats = [r for r in rows if r.startswith("| ") and "shown by" not in r and "tests/" in r.split("|")[3]]
    boundaries = TEXT[TEXT.index("### 1.") : TEXT.index("## What was decided")]
    inside = [line for line in boundaries.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert [line for line in inside if line not in threats] == []


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) <= 200
