"""Recorded flows in the names people use."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from lazulite.daemon import flows as module
from lazulite.daemon.flows import Watching, flows
from lazulite.daemon.guests import UnknownGuestError
from lazulite.forwarding.model import ForwardingModel, InternetHost, Port
from tests.daemon.test_guests import MODEL, arm_id

WEB, DB = f"{arm_id('shop', 'Web').lower()}-0", f"{arm_id('shop', 'db').lower()}-0"
ROW = {"port": WEB, "direction": "in", "source": "198.18.0.9", "destination": "10.0.0.4", "state": "B"}


class Asked:
    """A network whose fabric has seen *rows*, and remembers what it was asked."""

    def __init__(self, *rows: dict[str, Any], model: ForwardingModel = MODEL) -> None:
        self.model, self.rows = model, list(rows)
        self.questions: list[tuple[list[str], int, bool]] = []

    async def asked(self, ask: Any) -> Any:
        return await ask(self)

    async def flows(self, ports: list[str], after: int, summary: bool) -> tuple[int, list[dict[str, Any]]]:
        self.questions.append((ports, after, summary))
        return 7, self.rows


def answer(network: Asked, *machines: str, after: int = 0, summary: bool = False) -> dict[str, Any]:
    return asyncio.run(flows(network, Watching(machines, after, summary)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("machines", "count"),
    [
        pytest.param((), 4, id="nobody is everybody: each interface of every machine"),
        pytest.param(("shop/web",), 2, id="all interfaces of a machine"),
        pytest.param(("db", "db"), 1, id="a machine that is said twice is one"),
        pytest.param(("db", "shop/web"), 3, id="those of several"),
    ],
)
def test_machines_stand_for_their_interfaces(machines: tuple[str, ...], count: int) -> None:
    network = Asked()
    answer(network, *machines, after=5, summary=True)
    [(ports, after, summary)] = network.questions
    assert (len(ports), ports, after, summary) == (count, sorted(set(ports)), 5, True)


NAMED = [
    pytest.param({}, ("Web", "visitor", "Web"), id="inward, the machine is who is spoken to"),
    pytest.param(
        {"direction": "out", "source": "10.0.0.4", "destination": "198.18.0.9"},
        ("Web", "Web", "visitor"),
        id="outward, it is who speaks",
    ),
    pytest.param({"source": "203.0.113.9"}, ("Web", "", "Web"), id="strangers have no name"),
    pytest.param({"port": DB, "destination": "10.0.0.5", "source": "10.0.9.4"}, ("db", "Web", "db"), id="an interface"),
    pytest.param(
        {"port": DB, "direction": "out", "source": "10.0.0.5", "destination": "198.18.0.2"},
        ("db", "db", "Web"),
        id="who is known by a public address",
    ),
    pytest.param(
        {"port": f"{arm_id('test', 'web').lower()}-0"},
        ("web", "visitor", "web"),
        id="of two machines with one address, the one whose interface it is",
    ),
]


@pytest.mark.parametrize(("changes", "names"), NAMED)
def test_ends_have_names(changes: dict[str, Any], names: tuple[str, str, str]) -> None:
    said = answer(Asked(ROW | changes))
    [row] = said["value"]
    assert (row["machine"], row["from"], row["to"]) == names
    assert {k: row[k] for k in ROW} == ROW | changes
    assert said["last"] == 7


def test_a_summary_is_told_as_it_is() -> None:
    row = {"SrcIP_s": "10.0.0.4"}
    assert answer(Asked(row), summary=True) == {"last": 7, "value": [row]}


CLIENTS = ForwardingModel([e for e in MODEL if isinstance(e, InternetHost)])


@pytest.mark.parametrize(
    ("model", "machines", "message"),
    [
        pytest.param(MODEL, ("nobody",), "No machine called 'nobody' runs", id="nobody"),
        pytest.param(MODEL, ("visitor",), "'visitor' has no interface in a virtual network", id="a host outside"),
        pytest.param(CLIENTS, (), "Nothing that runs has no interface", id="a lab without machines"),
    ],
)
def test_who_has_no_interface_has_no_flows(model: ForwardingModel, machines: tuple[str, ...], message: str) -> None:
    network = Asked(model=model)
    with pytest.raises(UnknownGuestError, match=message):
        answer(network, *machines)
    assert network.questions == []


def test_more_than_can_be_recorded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PORTS", 3)
    with pytest.raises(UnknownGuestError, match="4 interfaces are too many to watch"):
        answer(Asked())
    answer(Asked(), "db", "shop/web")


OWNED = ForwardingModel(
    [msgspec.structs.replace(e, origin=f"{e.guest}/nic") if isinstance(e, Port) else e for e in MODEL]
)


def seen_by_the_shop(*rows: dict[str, Any], machines: tuple[str, ...] = ()) -> tuple[list[str], list[dict[str, Any]]]:
    """The interfaces that are asked about, and the answer, to who may read the group ``shop`` alone."""
    network = Asked(*rows, model=OWNED)
    watching = Watching(machines)
    answer = asyncio.run(flows(network, watching, lambda resource: "/resourcegroups/shop/" in resource.lower()))  # type: ignore[arg-type]
    [(ports, _, _)] = network.questions
    return ports, answer["value"]


def test_who_may_read_a_group_watches_its_machines() -> None:
    ports, _ = seen_by_the_shop()
    assert len(ports) == 3
    assert {p.split("/")[4] for p in ports} == {"shop"}
    assert seen_by_the_shop(machines=("web",))[0] == [WEB, f"{WEB[:-1]}1"], "another group's of that name is none"


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        pytest.param(arm_id("shop", "rule"), arm_id("shop", "rule"), id="a rule of the group's"),
        pytest.param(arm_id("test", "rule"), "", id="another's rule decides without a name"),
        pytest.param("", "", id="no rule"),
    ],
)
def test_a_flow_names_neither_machines_nor_rules_of_others(rule: str, told: str) -> None:
    _, [row] = seen_by_the_shop(ROW | {"rule": rule})
    assert (row["rule"], row["from"], row["to"]) == (told, "", "Web")
