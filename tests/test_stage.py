"""How a stage of all tests ends: what fails is told, and what fails once only is told as unsteady."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import os
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(int(os.environ["ONCE"])))
def test_once(number):
    seen = Path(__file__).with_name(f"seen-{number}")
    if not seen.exists():
        seen.touch()
        pytest.fail("the first time")

@pytest.mark.parametrize("number", range(int(os.environ["ALWAYS"])))
def test_always(number):
    pytest.fail("every time")

def test_never():
    pass
"""
Stage = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """``stage(once=1, always=0)``: a stage with so many tests that fail once, that always do, and one good one."""
    name = f"stage-{uuid.uuid4().hex[:8]}"
    (tmp_path / "test_some.py").write_text(TESTS)

    def run(once: int = 0, always: int = 0, path: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        told = {**os.environ, "ONCE": str(once), "ALWAYS": str(always)}
        command = [ROOT / "script/stage", name, "0", path]
        return subprocess.run(command, env=told, capture_output=True, text=True, check=False)

    yield run
    for left in (ROOT / "build/test").glob(f"{name}.*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def test_a_stage_that_passes_says_how_many(stage: Stage) -> None:
    done = stage()
    assert done.returncode == 0
    assert "2 skipped" in done.stdout  # the two sets of none
    assert "1 passed" in done.stdout
    assert "unsteady" not in done.stdout


@pytest.mark.parametrize("once", [1, 2])
def test_what_fails_once_passes_and_is_told_as_unsteady_with_its_failure(stage: Stage, once: int) -> None:
    done = stage(once=once)
    assert done.returncode == 0
    assert done.stdout.count("unsteady: FAILED") == once
    assert "Failed: the first time" in done.stdout
    assert f"{once} passed" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("once", "always"), [(3, 0), (0, 1), (1, 1)], ids=["more than two", "what fails again", "one of two again"]
)
def test_these_fail(stage: Stage, once: int, always: int) -> None:
    done = stage(once=once, always=always)
    assert done.returncode == 1
    assert f"{once + always} failed" in done.stdout
    assert "unsteady" not in done.stdout


def test_what_is_no_tests_failure_is_not_tried_again(stage: Stage, tmp_path: Path) -> None:
    done = stage(path=tmp_path / "nowhere")
    assert done.returncode == 1
    assert "not found" in done.stdout
