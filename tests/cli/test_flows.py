"""Flows as lines for people."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.cli.flows import summed, told, watch
from lazulite.telemetry.analytics import Analytics
from tests.telemetry.test_lines import BEGUN, DENIED

ROW = {
    "time": "2026-11-22T12:00:01.2500000Z", "machine": "web", "port": "/nic", "state": "B", "verdict": "allow",
    "rule": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/nsg/securityRules/h",
    "direction": "in", "protocol": 6, "source": "198.18.200.1", "sourcePort": 40000, "from": "",
    "destination": "10.0.0.4", "destinationPort": 80, "to": "web", "packets": [0, 0], "bytes": [0, 0],
}  # fmt: skip
CASES = [
    pytest.param({}, "12:00:01.250  web in  tcp 198.18.200.1:40000 > web:80  begins: nsg/h", id="machines have names"),
    pytest.param(
        {"state": "E", "packets": [4, 3], "bytes": [400, 300]},
        "12:00:01.250  web in  tcp 198.18.200.1:40000 > web:80  ends: nsg/h  4 packets, 400 bytes; back 3 packets,"
        " 300 bytes",
        id="the end has counters",
    ),
    pytest.param(
        {"state": "D", "protocol": 1, "sourcePort": 0, "destinationPort": 0, "rule": ""},
        "12:00:01.250  web in  icmp 198.18.200.1 > web  denied: no rule",
        id="what has no ports has none",
    ),
]


@pytest.mark.parametrize(("differs", "expected"), CASES)
def test_a_record_is_a_line(differs: dict[str, Any], expected: str) -> None:
    assert told(ROW | differs) == expected


class Scripted:
    """A client whose lab has two records, one after the other."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def post(self, path: str, wish: dict[str, Any]) -> dict[str, Any]:
        assert path == "/lazulite/flows"
        self.asked.append(wish)
        return {"last": len(self.asked) + 6, "value": [ROW | {"number": len(self.asked)}]}


def test_each_record_is_shown_once() -> None:
    client = Scripted()
    rows = watch(client, ("web",), None)  # type: ignore[arg-type]
    assert [next(rows)["number"], next(rows)["number"]] == [1, 2]
    assert [w["after"] for w in client.asked] == [0, 7]
    assert client.asked[0]["machines"] == ("web",)


def test_a_sum_is_a_line() -> None:
    known = Analytics(600)
    known.add([BEGUN, BEGUN, DENIED._replace(rule="UserRule_no")])
    assert [summed(row) for row in known.rows()] == [
        "185.170.185.105 > 10.2.0.4:23 tcp in  allowed: r  2 flows, 0 bytes in, 0 bytes out",
        "185.170.185.105 > 10.2.0.4:23 tcp in  denied: UserRule_no  1 flows, 0 bytes in, 0 bytes out",
    ]
