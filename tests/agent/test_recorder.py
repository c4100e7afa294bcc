"""The recorder as a process: it says at its end what became of it, whatever it was told."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from lazulite.engines.capture import spec
from lazulite.engines.capture.spec import Done, Source, Spec

NOWHERE = Spec([Source("web/nic", "lazulite-no-such-space", "eth0")], [(6, 0, 0, 0x40000)])
PATIENCE_S = 120


def recorded(said: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "lazulite.agent.recorder"]
    return subprocess.run(command, input=said, capture_output=True, timeout=PATIENCE_S, check=False)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="as a plain file"),
        pytest.param({"framed": True}, id="in frames"),
        pytest.param({"ng": True}, id="with names"),
        pytest.param({"turned": True}, id="with a program for the other side"),
    ],
)
def test_where_nothing_can_be_heard_it_names_the_interface_and_ends_well(changes: dict[str, Any]) -> None:
    done = recorded(msgspec.json.encode(msgspec.structs.replace(NOWHERE, **changes)) + b"\n")
    [line] = done.stderr.splitlines()
    said = spec.message.decode(line)
    assert isinstance(said, Done)
    assert (said.reason, said.packets, said.sources) == (spec.FAILED, 0, [])
    assert said.error.startswith("web/nic: ")
    assert (done.returncode, done.stdout) == (0, b""), "no file was begun"


@pytest.mark.parametrize("said", [b"", b"\n", b"{}\n", b"record!\n"], ids=["nothing", "a line", "no spec", "a word"])
def test_what_is_no_wish_ends_without_a_word(said: bytes) -> None:
    done = recorded(said)
    assert done.returncode != 0
    assert done.stdout == b""
    assert not any(line.startswith(b'{"type"') for line in done.stderr.splitlines())
