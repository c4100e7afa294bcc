"""Flows as lines for people."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from lazulite.cli.errors import Failure
from lazulite.cli.flows import flows_command, summed, told, watch
from lazulite.cli.session import Session
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


class Silent:
    """A client of a lab where nobody talks; a log has summed one row up."""

    def __init__(self) -> None:
        self.wishes: list[Any] = []

    def post(self, path: str, wish: dict[str, Any]) -> dict[str, Any]:
        self.wishes.append(wish)
        known = Analytics(600)
        known.add([BEGUN, DENIED._replace(rule="UserRule_no")] if wish["log"] else [])
        return {"last": 0, "value": known.rows() if wish["summary"] or wish["log"] else []}


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[Result, Silent]:
    client = Silent()
    monkeypatch.setattr(Session, "client", client)
    return CliRunner().invoke(flows_command, list(words)), client


def test_what_a_flow_log_has_summed_up_is_shown_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    done, client = run(monkeypatch, "--log", "web")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 2)
    assert client.wishes == [{"machines": (), "after": 0, "summary": True, "log": "web"}]
    denied, _ = run(monkeypatch, "--log", "web", "--denied")
    [line] = denied.stdout.splitlines()
    assert "denied: UserRule_no" in line


@pytest.mark.parametrize("option", ["--for", "--duration"])
def test_who_sees_nothing_is_told_so_beside_the_output(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    done, _ = run(monkeypatch, option, "0")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "No flows. Until somebody talks: --follow.\n"
    assert run(monkeypatch, option, "0", "--json")[0].stderr == ""


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--summary", "--follow"], id="a summary does not go on"),
        pytest.param(["--log", "web", "--follow"], id="nor does a log"),
        pytest.param(["--log", "web", "--vm", "db"], id="a log has machines of its own"),
    ],
)
def test_options_that_would_do_nothing_are_refused(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    done, client = run(monkeypatch, *words)
    assert isinstance(done.exception, Failure)
    assert (done.exception.code, client.wishes) == (2, [])


def test_a_sum_is_a_line() -> None:
    known = Analytics(600)
    known.add([BEGUN, BEGUN, DENIED._replace(rule="UserRule_no")])
    assert [summed(row) for row in known.rows()] == [
        "185.170.185.105 > 10.2.0.4:23 tcp in  allowed: r  2 flows, 0 bytes in, 0 bytes out",
        "185.170.185.105 > 10.2.0.4:23 tcp in  denied: UserRule_no  1 flow, 0 bytes in, 0 bytes out",
    ]
