"""Words of ``lazulite capture``, and a lab without packets."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from lazulite.cli import capture
from lazulite.cli.errors import Failure
from lazulite.testing import Lab, lab
from tests.cli.test_plan_and_state import DEMO, lazulite


def test_a_filter_is_a_program_of_tcpdumps() -> None:
    code = capture.compiled("udp", 96)
    assert code[-2:] == [[6, 0, 0, 96], [6, 0, 0, 0]]
    assert all(len(instruction) == 4 for instruction in code)


@pytest.mark.parametrize("expression", ["prt 80", "tcp and", "--version", "-i any"])
def test_what_tcpdump_does_not_understand_is_wrong_usage(expression: str) -> None:
    with pytest.raises(Failure, match="is no filter") as failed:
        capture.compiled(expression, None)
    assert failed.value.code == 2


def test_without_tcpdump_a_filter_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Failure, match="needs tcpdump") as failed:
        capture.compiled("tcp", None)
    assert failed.value.hint == "sudo apt install tcpdump"


class Silent:
    """A client of a controller that does not answer."""

    def post(self, path: str, body: Any) -> Any:
        raise Failure("The lab does not answer.")


def test_without_the_controller_flows_have_no_comments() -> None:
    client: Any = Silent()
    assert capture.comments(client, ["/one/nic0"], [[0, True, 6, "10.0.0.4", 1, "10.0.0.5", 2, False]]) == []


@pytest.fixture(scope="module")
def unreal() -> Iterator[Lab]:
    with lab(memory=True) as one:
        one.deploy(DEMO)
        yield one


def test_a_lab_without_packets_has_nothing_to_capture(unreal: Lab) -> None:
    done: subprocess.CompletedProcess[str] = lazulite(unreal, "capture", "web")
    assert done.returncode == 1
    assert "MachineNotReady" in done.stderr
    assert "next: lazulite status" in done.stderr


def test_somebody_must_be_named(unreal: Lab) -> None:
    assert lazulite(unreal, "capture").returncode == 2
    assert lazulite(unreal, "capture", "web", "--count", "0").returncode == 2
