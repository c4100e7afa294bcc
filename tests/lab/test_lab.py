"""The lab as a user runs it: the demo proves itself, the controller may die, nothing stays behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from lazulite.testing import Lab, lab, probe
from tests.lab.processes import anchor_of, namespace
from tests.reliability.processes import agent

TEMPLATE = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    with lab() as one:
        one.deploy(TEMPLATE)
        yield one


def lazulite(one: Lab, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LAZULITE_HOME": str(one.directory.parent), "LAZULITE_LAB": one.directory.name}
    command = [sys.executable, "-c", "from lazulite.cli.main import main; main()", *words]
    return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=False)


def test_the_demo_proves_every_row(demo: Lab) -> None:
    done = lazulite(demo, "demo", "--group", "test", "--json")
    found = json.loads(done.stdout)
    assert [r for r in found["rows"] if not r["agrees"]] == []
    assert len(found["rows"]) == 12
    assert {tuple(r["appliances"]) for r in found["rows"] if (r["from"], r["to"]) == ("web", "db")} == {("nva",)}


def test_exec_passes_input_output_and_exit_code(demo: Lab) -> None:
    done = lazulite(demo, "exec", "db", "--", "sh", "-c", "hostname; cat; exit 7", stdin="hello")
    assert (done.returncode, done.stdout, done.stderr) == (7, "db\nhello", "")


def test_a_trace_with_a_packet_says_that_both_agree(demo: Lab) -> None:
    done = lazulite(demo, "trace", "web", "db:22", "--packet")
    assert done.returncode == 1
    assert done.stdout.endswith("the real packet: no answer, as the model says\n")


def test_an_established_flow_outlives_the_controller(demo: Lab) -> None:
    ping = ["ping", "-i", "0.02", "-w", "300", "10.1.2.4"]
    command = demo.client.post("/lazulite/enter", {"name": "web", "argv": ping})["argv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        heard = [process.stdout.readline() for _ in range(5)]
        demo.kill_controller()
        heard += [process.stdout.readline() for _ in range(20)]
        demo.start_controller()
        heard += [process.stdout.readline() for _ in range(20)]
        process.terminate()
    numbers = [int(line.split("icmp_seq=")[1].split()[0]) for line in heard[1:]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_edit_after_a_restart_reaches_packets(demo: Lab) -> None:
    demo.kill_controller()
    demo.start_controller()
    rule = "networkSecurityGroups/nsg-web/securityRules/allow-http"
    allowed = demo.get(rule)
    assert probe(demo, "visitor", "web", tcp=80).passes
    demo.put(rule, {"properties": allowed["properties"] | {"access": "Deny"}})
    assert not probe(demo, "visitor", "web", tcp=80).passes
    demo.put(rule, {"properties": allowed["properties"]})
    assert probe(demo, "visitor", "web", tcp=80).passes


def test_an_agent_that_dies_is_replaced_and_changes_no_packet(demo: Lab) -> None:
    os.kill(agent(demo.directory), 9)
    demo.put("routeTables/after", {"properties": {}})
    assert probe(demo, "web", "db", tcp=5432).passes
    assert all(p["state"] == "running" for p in demo.status()["parts"])


def test_nothing_stays_behind() -> None:
    with lab() as one:
        one.deploy(TEMPLATE)
        inside = namespace(Path(f"/proc/{anchor_of(one)}"))
        assert "is stopped" in lazulite(one, "down").stdout
    assert [p for p in Path("/proc").iterdir() if p.name.isdigit() and namespace(p) == inside] == []
