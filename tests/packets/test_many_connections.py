"""Thousands of open connections while what they were made by is edited."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.packets.edges import (
    PROBE,
    VIP,
    address,
    client,
    frontend,
    guest,
    healthy,
    machines,
    pool,
    rule,
)
from tests.packets.net import Net

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.close()


@contextlib.contextmanager
def program(net: Net, where: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """The other end's program in a guest, once it has said its first word."""
    command = [sys.executable, str(Path(__file__).with_name("many.py")), *map(str, words)]
    with net.inside(where):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_five_thousand_open_connections_through_every_kind_of_edit_of_their_pool(net: Net) -> None:
    """None is lost: what stands is in the bindings, and an edit touches none."""
    count = 5000
    net.become([*machines(5), client(), pool(range(4), probe=PROBE), frontend(), rule(), healthy(0, 1, 2, 3)])
    with contextlib.ExitStack() as stack:
        for number in range(4):
            stack.enter_context(program(net, guest(number), "serve", address(number), 8080))
        held = stack.enter_context(program(net, "/client", "hold", VIP, 80, count))
        edits = [
            healthy(0, 1),
            healthy(),
            pool([0, 1, 2, 3, 4], probe=PROBE),
            pool([0], probe=PROBE),
            pool(range(20)),
            rule(backend_port=9090),
            pool(range(4)),
        ]
        for edit in edits:
            net.put(edit)
        net.restart(replace(rule(), idle_timeout_s=600))
        assert held.stdin is not None
        assert held.stdout is not None
        held.stdin.write("ask\n")
        held.stdin.flush()
        assert int(held.stdout.readline()) == count
    assert net.count("new:/one web") == count
