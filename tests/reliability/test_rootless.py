"""What holds for root holds for everybody: the packet suites again, as a user with nothing but a user namespace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packets.owner import Owner, owner

pytestmark = pytest.mark.packets
ROOT = Path(__file__).parents[2]
SUITES = ["test_flow_state.py", "test_driver_walks.py", "test_model_agrees.py"]
SMALL = {"LAZULITE_SEEDS": "8", "LAZULITE_WALKS": "8"}
"""How much of the suites that draw at random."""


@pytest.fixture
def user() -> Iterator[Owner]:
    with owner("without root") as made:
        yield made


@pytest.mark.parametrize("suite", SUITES)
def test_the_packet_suites_pass_without_root(user: Owner, suite: str) -> None:
    home = str(user.directory)
    environment = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "HYPOTHESIS_STORAGE_DIRECTORY": home}
    pytest_of_user = [*user.prefix, sys.executable, "-Bm", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest_of_user, f"tests/packets/{suite}"],
        env=environment | SMALL,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
