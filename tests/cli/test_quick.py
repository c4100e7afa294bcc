"""The quick way of trace says what the command says, and leaves to it what it does not know."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lazulite.cli import quick
from lazulite.cli.errors import Failure
from lazulite.cli.lab import directory
from lazulite.cli.story import plain, story
from lazulite.testing import Lab, lab
from tests.cli.test_plan_and_state import DEMO, environment, lazulite

SLOW = "import sys; from lazulite.cli import quick; quick.trace = lambda words: None\n"
SLOW += "from lazulite.cli.main import main; main()"


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    """The demo's network in the group ``demo``."""
    with lab(memory=True) as one:
        one.deploy(DEMO, group="demo")
        yield one


def slow(one: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    """The command itself."""
    command = [sys.executable, "-c", SLOW, *words]
    return subprocess.run(command, env=environment(one), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["web", "db:5432"], id="what passes"),
        pytest.param(["web", "db:22"], id="what does not"),
        pytest.param(["web", "db"], id="without a port"),
        pytest.param(["demo/web", "10.2.1.4:53", "--proto", "udp"], id="an address and a protocol"),
        pytest.param(["web", "db:5432", "--json"], id="as JSON"),
        pytest.param(["visitor", "web:80"], id="from the Internet"),
        pytest.param(["web", "nobody"], id="nobody of that name"),
        pytest.param(["web", "db:port"], id="no port"),
        pytest.param(["web", "db", "--proto", "sctp"], id="no protocol"),
        pytest.param(["web"], id="no destination"),
        pytest.param(["--help"], id="help"),
        pytest.param(["web", "db", "--lab", "no-such-lab"], id="no such lab"),
    ],
)
def test_both_ways_print_the_same_and_end_alike(demo: Lab, words: list[str]) -> None:
    found, expected = lazulite(demo, "trace", *words), slow(demo, "trace", *words)
    assert (found.returncode, found.stdout, found.stderr) == (expected.returncode, expected.stdout, expected.stderr)


@pytest.mark.parametrize(
    "words",
    [
        ["a"],
        ["a", "b", "c"],
        ["a", "b", "--packet"],
        ["a", "b", "--proto"],
        ["a", "b", "--lab"],
        ["a", "www.example.com"],
    ],
)
def test_what_is_not_plain_is_left_to_the_command(words: list[str]) -> None:
    assert quick.trace(words) is None


def test_a_plain_question_is_answered_without_the_libraries_of_commands(demo: Lab) -> None:
    code = (
        "import sys; from lazulite.cli import quick; code = quick.trace(['web', 'db:5432', '--json'])\n"
        "print(code, sorted({'click', 'rich', 'http', 'email'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(demo), capture_output=True, text=True, check=True
    )
    assert done.stderr == "0 []\n"
    assert json.loads(done.stdout)["passes"]


@pytest.mark.parametrize(
    "given",
    [
        {"LAZULITE_HOME": "/labs"},
        {"XDG_STATE_HOME": "/state"},
        {"LAZULITE_HOME": "/labs", "XDG_STATE_HOME": "/state"},
        {},
    ],
)
def test_both_ways_look_for_a_lab_in_the_same_place(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LAZULITE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert quick.directory("one") == str(directory("one"))


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a b"])
def test_what_is_no_name_of_a_lab_is_none_to_both(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(name)}$"):
        quick.directory(name)
    with pytest.raises(Failure):
        directory(name)


def test_colours_are_for_terminals(demo: Lab) -> None:
    answer = demo.trace("web", "db", 5432)
    assert "\x1b[32mpasses\x1b[0m" in story(answer)
    assert "\x1b" not in plain(story(answer))
    assert "\x1b" not in lazulite(demo, "trace", "web", "db:5432").stdout
