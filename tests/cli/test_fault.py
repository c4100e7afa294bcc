"""fault: the command's words, at a lab without packets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lazulite.cli.errors import Failure
from lazulite.cli.fault import add_command, described, known_as, parse_rate, processes
from lazulite.cli.session import Session
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
        pytest.param(["add", "web"], "next: Say what: --cut, --loss 5", id="nothing is wrong"),
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


def test_a_fault_is_cleared_by_the_name_of_what_it_befalls_too(demo: Lab) -> None:
    for words in (["db", "--cut"], ["nic-web", "--cut", "--name", "other"]):
        assert lazulite(demo, "fault", "add", *words).returncode == 0
    missing = lazulite(demo, "fault", "clear", "DB", "nva")
    assert (missing.returncode, "There is no fault called nva." in missing.stderr) == (3, True)
    assert json.loads(lazulite(demo, "fault", "clear", "DB", "--json").stdout) == {"cleared": ["db-fault"]}
    assert lazulite(demo, "fault", "clear", "nic-web").stdout == "1 cleared.\n"


@pytest.mark.parametrize(
    ("state", "end"),
    [
        pytest.param("Succeeded", "(both ways)", id="one that is in effect"),
        pytest.param("Failed", "(both ways), NOT in effect: lazulite status", id="one that the machine refuses"),
    ],
)
def test_a_fault_that_the_machine_refuses_is_not_told_as_if_it_were_there(state: str, end: str) -> None:
    said = {"cut": True, "lossPercent": 0, "delayMilliseconds": 0, "rateBitsPerSecond": 0, "direction": "Both"}
    fault = {"name": "f", "properties": said | {"target": "/a/web", "provisioningState": state}}
    assert described(fault) == f"f: web cut off {end}"
    assert known_as(fault) == {"f", "web"}


def test_who_is_refused_by_the_machine_is_told_how_to_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def put(self, path: str, body: Any) -> Any:
            raise Failure("(ProvisioningFailed) this kernel cannot delay packets")

    session = Session("default", as_json=False)
    session.__dict__["client"] = Refusing()
    target = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web"
    with pytest.raises(Failure) as caught:
        add_command.callback.__wrapped__(session, target, False, 0, 20.0, "", "both", "")  # type: ignore[union-attr]
    assert caught.value.hint.startswith("lazulite fault clear web-fault")


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
    (tmp_path / "waiting.py").write_text("import sys\nprint(flush=True)\nsys.stdin.read()\n")
    words = [sys.executable, "-m", "waiting", "--directory", str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=tmp_path, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()  # its command line is not to be seen before it runs
        assert processes(tmp_path, "waiting") == [process.pid]
        assert processes(tmp_path, "wait") == []
        assert processes(tmp_path / "other", "waiting") == []
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
    assert processes(tmp_path, "waiting") == []
