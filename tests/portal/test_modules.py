"""The page's pure functions, by the tests that stand beside them in JavaScript."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = sorted((Path(__file__).parent / "js").glob("*.test.js"))


@pytest.mark.parametrize("path", TESTS, ids=[t.name.removesuffix(".test.js") for t in TESTS])
def test_a_module_does_what_its_tests_say(path: Path) -> None:
    node = shutil.which("node") or str(Path(__file__).parents[2] / ".venv/bin/node")
    done = subprocess.run([node, "--test", str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
