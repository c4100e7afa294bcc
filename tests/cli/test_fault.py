"""fault: the command's words, at a lab without packets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lazulite.cli.errors import Failure
from lazulite.cli.fault import parse_rate, processes
from lazulite.testing import Lab, lab
from tests.cli.test_plan_and_state import DEMO, lazulite


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    """The demo's network in the group ``demo``."""
    with lab(memory=True) as one:
        one.deploy(DEMO, group="demo")
        yield one


def test_a_fault_is_added_seen_by_a_trace_listed_and_cleared(demo: Lab) -> None:
    added = lazulite(demo, "fault", "add", "db", "--cut", "--direction", "in")
    assert (added.returncode, added.stderr) == (0, "")
    assert added.stdout.startswith("db-fault: db cut off (inbound). End it: lazulite fault clear db-fault")
    traced = lazulite(demo, "trace", "web", "db:5432")
    assert traced.returncode == 1
    assert traced.stdout.splitlines()[-1] == "does not pass: db-fault"
    assert lazulite(demo, "fault", "list").stdout == "db-fault: db cut off (inbound)\n"
    assert lazulite(demo, "fault", "clear").stdout == "1 cleared.\n"
    assert lazulite(demo, "fault", "list").stdout == "Nothing is wrong on purpose.\n"
    assert lazulite(demo, "trace", "web", "db:5432").returncode == 0


def test_several_things_may_be_wrong_with_one_interface(demo: Lab) -> None:
    words = ["--loss", "2.5", "--delay", "20", "--rate", "10mbit", "--name", "bad"]
    assert lazulite(demo, "fault", "add", "demo/nic-web", *words).returncode == 0
    [found] = json.loads(lazulite(demo, "fault", "list", "--json").stdout)["value"]
    said = found["properties"]
    assert said["target"].endswith("/networkInterfaces/nic-web")
    assert (said["lossPercent"], said["delayMilliseconds"], said["rateBitsPerSecond"]) == (2.5, 20, 10_000_000)
    told = lazulite(demo, "fault", "clear", "bad", "--json")
    assert json.loads(told.stdout) == {"cleared": ["bad"]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["add", "nobody", "--cut"], "No machine and no interface is called 'nobody'", id="nobody"),
        pytest.param(["add", "visitor", "--cut"], "visitor is a host on the Internet", id="a client"),
        pytest.param(["add", "web"], "A fault has a cut, a lossPercent", id="nothing is wrong"),
        pytest.param(["add", "web", "--rate", "fast"], "'fast' is no rate", id="no rate"),
        pytest.param(["add", "web", "--loss", "101"], "is not in the range", id="more than all"),
        pytest.param(["clear", "web-fault"], "There is no fault called web-fault", id="no such fault"),
        pytest.param(["kill", "agent"], "has no running agent", id="no such daemon in a lab without packets"),
    ],
)
def test_what_can_not_be_done_is_said_and_nothing_changes(demo: Lab, words: list[str], message: str) -> None:
    done = lazulite(demo, "fault", *words)
    assert done.returncode != 0
    assert message in done.stderr
    assert lazulite(demo, "fault", "list").stdout == "Nothing is wrong on purpose.\n"


@pytest.mark.parametrize(
    ("text", "rate"),
    [("10mbit", 10_000_000), ("1.5Mbit/s", 1_500_000), ("500k", 500_000), ("64000", 64_000), ("2gbps", 2_000_000_000)],
)
def test_rates_are_read_as_people_write_them(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "10 apples", "-1mbit"])
def test_other_words_are_no_rate(text: str) -> None:
    with pytest.raises(Failure, match="is no rate"):
        parse_rate(text)


def test_only_a_process_of_the_program_and_the_lab_is_found(tmp_path: Path) -> None:
    """A made-up program that waits for its input to end."""
    (tmp_path / "waiting.py").write_text("import sys\nsys.stdin.read()\n")
    words = [sys.executable, "-m", "waiting", "--directory", str(tmp_path)]
    with subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.PIPE) as process:
        assert processes(tmp_path, "waiting") == [process.pid]
        assert processes(tmp_path, "wait") == []
        assert processes(tmp_path / "other", "waiting") == []
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
    assert processes(tmp_path, "waiting") == []
