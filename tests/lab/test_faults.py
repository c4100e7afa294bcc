"""Faults in a lab with packets: cut and whole again, daemons killed that come back, and nothing left afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lazulite.cli.fault import processes
from lazulite.testing import Lab, lab
from tests.cli.test_plan_and_state import lazulite
from tests.lab.processes import anchor_of

DEMO = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    """The demo's network in the group ``demo``."""
    with lab() as one:
        one.deploy(DEMO, group="demo")
        yield one


def told(one: Lab, *words: str) -> Any:
    """What a command prints with ``--json``."""
    done = lazulite(one, *words, "--json")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("direction", ["in", "out", "both"])
def test_what_is_cut_off_neither_packet_nor_model_gets_through_until_it_is_cleared(demo: Lab, direction: str) -> None:
    told(demo, "fault", "add", "batch", "--cut", "--direction", direction)
    cut = told(demo, "trace", "web", "batch", "--packet")
    assert (cut["passes"], cut["packet"]["passes"]) == (False, False)
    assert cut["decided"]["origin"].endswith("/faults/batch-fault")
    assert told(demo, "fault", "clear") == {"cleared": ["batch-fault"]}
    whole = told(demo, "trace", "web", "batch", "--packet")
    assert (whole["passes"], whole["packet"]["passes"]) == (True, True)


@pytest.mark.parametrize("part", ["agent", "names"])
def test_a_daemon_that_is_killed_comes_back_and_packets_go_on(demo: Lab, part: str) -> None:
    done = told(demo, "fault", "kill", part)
    assert done["back"]
    assert not set(done["back"]) & set(done["killed"])
    answer = told(demo, "trace", "web", "batch", "--packet")
    assert (answer["passes"], answer["packet"]["passes"]) == (True, True)


def test_a_lab_with_faults_leaves_nothing_when_it_is_stopped() -> None:
    with lab() as one:
        one.deploy(DEMO, group="demo")
        told(one, "fault", "add", "web", "--cut")
        directory, anchor = one.directory, anchor_of(one)
        done = lazulite(one, "down")
        assert done.returncode == 0, done.stderr
        assert not os.path.exists(f"/proc/{anchor}")
        for program in ("lazulite.agent", "lazulite.daemon", "lazulite.engines.dns"):
            assert processes(directory, program) == []
