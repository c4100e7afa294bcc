"""The tour in the README, run as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
_MARK = "\x1e"


def steps(text: str) -> list[tuple[str, list[str]]]:
    """Each command of the console blocks, with the lines it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def matches(said: str, printed: str) -> bool:
    """Whether a line is among what was printed; ``…`` stands for anything, and runs of blanks for each other."""
    pattern = r".*".join(r"\s+".join(map(re.escape, part.split())) for part in said.split("…"))
    return any(re.search(pattern, line) for line in printed.splitlines())


def test_the_tour_runs_as_written(tmp_path: Path) -> None:
    tour = steps(README.read_text())
    assert len(tour) > 10
    script = "".join(f"{command}\nprintf '{_MARK}'\n" for command, _ in tour)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"LAZULITE_HOME": str(tmp_path), "PATH": path}
    try:
        done = subprocess.run(
            ["bash", "-eu"], input=script, env=environment, capture_output=True, text=True, check=False
        )
    finally:
        subprocess.run(["lazulite", "down", "--purge"], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.split(_MARK)
    missing = [
        (c, line) for (c, said), out in zip(tour, printed, strict=False) for line in said if not matches(line, out)
    ]
    assert missing == []


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150
