"""What is read of flows has the moment at which it happened, however long reading takes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from lazulite.drivers.linux import flow_reading
from lazulite.drivers.linux.flow_reading import Reader
from lazulite.drivers.linux.flow_tables import CLOSED, FIN_IN, FIN_OUT, OPENED, SENT, TIMEOUT_S, key_size
from lazulite.drivers.linux.nfnetlink import FAMILY_4

SINCE, SECONDS_A_PART = 100.0, 7.0
FLOWS = [bytes([n]) * key_size(FAMILY_4) for n in range(3)]
OPENED_AT, CLOSED_AT, SENT_AT = 40.0, 40.004, 40.003


class SlowKernel:
    """Its clock goes on by some seconds with each part of a table that is handed over. It writes the first part when it
    is asked, each next one when it hands over the one before."""

    def __init__(self) -> None:
        self.now = SINCE
        self.tables = {
            f"{OPENED}0": [(flow + bytes(8), OPENED_AT) for flow in FLOWS],
            f"{CLOSED}0": [(flow + bytes([FIN_OUT | FIN_IN, 0, 0, 0]), CLOSED_AT) for flow in FLOWS],
            f"{SENT}0": [(flow + struct.pack(">24xQ4xQ", 60, 1), SENT_AT) for flow in FLOWS],
        }

    def counters(self, family: int, table: str) -> dict[str, tuple[int, int]]:
        return {}

    def replace_rules(self, chains: Iterable[tuple[bytes, bytes]]) -> None:
        self.now += SECONDS_A_PART

    def empty(self, family: int, table: str, names: Iterable[str]) -> None:
        self.tables = {}

    def listed(self, family: int, table: str, name: str) -> Iterator[bytes]:
        written = self.now
        for content, at in self.tables.get(name, ()):
            left_ms = round((TIMEOUT_S - (written - at)) * 1000)
            body = bytes(flow_reading._HEADER - 2) + content + struct.pack(">Q", left_ms)
            self.now += SECONDS_A_PART
            written = self.now
            yield struct.pack("=H", len(body) + 2) + body


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    made, kernel = object.__new__(Reader), SlowKernel()
    fields: dict[str, Any] = {"_netfilter": kernel, "_turns": {FAMILY_4: 0}, "_quiet": {}}
    for name, value in fields.items():
        setattr(made, name, value)
    monkeypatch.setattr(flow_reading, "moment", lambda: kernel.now)
    return made


def test_ages_are_as_of_one_moment_however_long_it_takes_to_read(reader: Reader) -> None:
    noted = next(reader.read(SINCE))
    opened = {key: SINCE - age for key, _, _, age in noted.told}
    closed = {key: SINCE - age for key, (_, age) in noted.closed.items()}
    sent = {key: SINCE - age for key, (_, _, age) in noted.sent.items()}
    for at, truth in ((opened, OPENED_AT), (sent, SENT_AT)):
        assert sorted(at) == FLOWS
        assert all(truth - SECONDS_A_PART - 0.001 <= found <= truth + 0.001 for found in at.values())
    assert sorted(closed) == FLOWS
    assert all(CLOSED_AT - 0.001 <= found <= CLOSED_AT + SECONDS_A_PART + 0.001 for found in closed.values())


def test_no_flow_is_closed_before_it_was_opened(reader: Reader) -> None:
    noted = next(reader.read(SINCE))
    assert all(noted.closed[key][1] <= age for key, _, _, age in noted.told)
