"""reach, audit, diff and topology, at a lab without packets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lazulite.cli.errors import Failure
from lazulite.cli.reach import cells_of, join_ports, parse_service
from lazulite.testing import Lab, lab
from tests.cli.test_plan_and_state import DEMO, lazulite


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    """The demo's network in the group ``demo``."""
    with lab(memory=True) as one:
        one.deploy(DEMO, group="demo")
        yield one


def test_who_reaches_the_database_is_the_web_server_by_one_rule(demo: Lab) -> None:
    done = lazulite(demo, "reach", "--to", "db:5432")
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()[1:]
    for words in ("web", "db", "tcp 5432", "nsg-data/allow-app-postgres at db", "nsg-web/AllowVnetOutBound at web"):
        assert words in line


def test_nobody_is_an_exit_code(demo: Lab) -> None:
    done = lazulite(demo, "reach", "--from", "Internet", "--to", "db")
    assert (done.returncode, done.stdout) == (1, "Nobody. Why not: the same with --denied.\n")
    why = lazulite(demo, "reach", "--from", "Internet", "--to", "db", "--denied")
    assert why.returncode == 1
    assert "Why not" not in why.stdout


def test_a_grid_of_nobody_is_no_empty_frame(demo: Lab) -> None:
    done = lazulite(demo, "reach", "--from", "Internet", "--to", "db", "--grid")
    assert (done.returncode, done.stdout[:7]) == (1, "Nobody.")


def test_the_grid_has_everybody_by_everybody(demo: Lab) -> None:
    done = lazulite(demo, "reach", "--grid")
    [row] = [line for line in done.stdout.splitlines() if line.startswith("│web")]
    assert "tcp 5432; udp 8125" in row


def test_as_comma_separated_values_each_set_of_flows_is_a_line(demo: Lab) -> None:
    done = lazulite(demo, "reach", "--from", "Internet", "--csv")
    [row] = list(csv.DictReader(io.StringIO(done.stdout)))
    assert (row["to"], row["protocols"], row["destinationPorts"]) == ("web", "tcp", "80")
    assert "10.0.0.0/8" not in row["from"].split()
    assert row["origin"].endswith("/nsg-web/securityRules/allow-http")


def test_as_json_it_is_what_the_lab_says(demo: Lab) -> None:
    done = lazulite(demo, "reach", "--from", "web", "--to", "db", "-s", "tcp:22", "--denied", "--json")
    [row] = json.loads(done.stdout)["value"]
    assert (done.returncode, row["arrives"], row["disposition"]) == (1, False, "denied in")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["--to", "nobody"], "No machine called 'nobody' runs", id="a machine that is not there"),
        pytest.param(["-s", "tcp"], "'tcp' is no service", id="TCP without a port"),
        pytest.param(["-s", "icmp:8"], "'icmp:8' is no service", id="ICMP with one"),
    ],
)
def test_what_is_no_question_is_refused(demo: Lab, words: list[str], message: str) -> None:
    done = lazulite(demo, "reach", *words)
    assert done.returncode not in (0, 1) or "error" in done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    ("text", "service"),
    [
        pytest.param("443", ("tcp", 443), id="a number is a port of TCP"),
        pytest.param("udp/53", ("udp", 53), id="a slash will do"),
        pytest.param("ICMP", ("icmp", 0), id="letters of either case"),
    ],
)
def test_services_are_read_as_people_write_them(text: str, service: tuple[str, int]) -> None:
    assert tuple(parse_service(text).values()) == service


@pytest.mark.parametrize("text", ["tcp:0", "tcp:65536", "sctp:1", "tcp:a", ""])
def test_other_words_are_no_service(text: str) -> None:
    with pytest.raises(Failure, match="is no service"):
        parse_service(text)


@pytest.mark.parametrize(
    ("ports", "joined"),
    [
        pytest.param(["0-79", "81-65535", "80"], "", id="neighbours are one, and all ports are no word"),
        pytest.param(["443", "80", "80-90"], "80-90,443", id="in order, and overlapping ones once"),
    ],
)
def test_ports_are_joined(ports: list[str], joined: str) -> None:
    assert join_ports(ports) == joined


def row(protocols: list[str], ports: str, **rest: Any) -> dict[str, Any]:
    ends = {"from": {"names": ["a"]}, "to": {"names": ["a", "b"]}, "arrives": True}
    return ends | {"protocols": protocols, "destinationPorts": ports} | rest


def test_a_cell_of_the_grid_joins_rows_and_leaves_out_the_diagonal() -> None:
    every = ["tcp", "udp", "icmp", "esp", "ah"]
    assert cells_of([row(every, "0-65535")]) == {("a", "b"): ["any"]}
    found = cells_of(
        [row(["tcp"], "80"), row(["udp"], "80"), row(["tcp"], "81"), row(["ah"], "0-65535", arrives=False)]
    )
    assert found == {("a", "b"): ["tcp 80-81", "udp 80"]}


def test_an_audit_of_the_demo_tells_the_answer_that_gets_lost(demo: Lab) -> None:
    """The database's subnet has a route by the appliance to that of the batch machines, and these have none back."""
    done = lazulite(demo, "audit")
    first, why, by, example, count = done.stdout.splitlines()
    assert (done.returncode, first) == (1, "error    lost-answer  system route")
    assert why.strip() == "the packet goes by nva, its answer goes directly and ends null routed"
    assert by.strip() == "by rt-data/to-app, hub/to-spoke-app"
    assert example.strip() == "for example tcp 10.2.1.4 > 10.1.2.4:1 from db"
    assert count == "1 error"


def test_an_audit_may_be_of_one_resource_and_fail_on_nothing(demo: Lab) -> None:
    nothing = lazulite(demo, "audit", "virtualMachines/nva")
    assert (nothing.returncode, nothing.stdout) == (0, "Nothing to tell about 'virtualMachines/nva'.\n")
    unknown = lazulite(demo, "audit", "no-such-thing")
    assert (unknown.returncode, unknown.stdout) == (3, "")
    assert "No resource has 'no-such-thing' in its id." in unknown.stderr
    assert lazulite(demo, "audit", "rt-data").returncode == 1  # a route that proves what is amiss elsewhere
    done = lazulite(demo, "audit", "--fail-on", "never", "--json")
    [finding] = json.loads(done.stdout)["value"]
    assert (done.returncode, finding["concern"]) == (0, "lost-answer")
