"""Flows of a whole lab, live: by somebody who watches, with no flow log."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lazulite.testing import Lab, lab, probe
from tests.lab.test_lab import TEMPLATE, lazulite
from tests.reliability.processes import agent, holder
from tests.waiting import until


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    with lab() as one:
        one.deploy(TEMPLATE)
        yield one


@contextmanager
def watching(one: Lab, *words: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"LAZULITE_HOME": str(one.directory.parent), "LAZULITE_LAB": one.directory.name}
    code = "from lazulite.cli.main import main; main()"
    command = [sys.executable, "-u", "-c", code, "flows", "--follow", "--json", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        try:
            yield process
        finally:
            process.kill()


def first(process: subprocess.Popen[str], provoke: Callable[[], object], wanted: Callable[[Any], bool]) -> Any:
    """The first record that is wanted; *provoke* is done again until there is one, for recording begins some time."""
    told: list[Any] = []

    def heard() -> Any:
        assert process.stdout is not None
        provoke()
        while select.select([process.stdout], [], [], 1.5)[0]:
            told.append(json.loads(process.stdout.readline()))
            if wanted(told[-1]):
                return told[-1]
        return None

    return until(heard, told=lambda: told)


def test_a_denied_connection_is_told_with_the_rule(demo: Lab) -> None:
    with watching(demo, "--vm", "db", "--denied") as process:
        row = first(process, lambda: probe(demo, "web", "db", tcp=22), lambda row: row["destinationPort"] == 22)
    assert (row["verdict"], row["machine"], row["direction"], row["from"]) == ("deny", "db", "in", "web")
    assert "/networkSecurityGroups/" in row["rule"]


def test_an_allowed_one_begins_and_ends_with_what_passed(demo: Lab) -> None:
    with watching(demo, "--vm", "db") as process:
        row = first(process, lambda: probe(demo, "web", "db", tcp=5432), lambda row: row["state"] == "E")
    assert (row["verdict"], row["destinationPort"], row["to"]) == ("allow", 5432, "db")
    assert min(row["bytes"]) > 0


def test_the_summary_has_who_talked_to_which_service(demo: Lab) -> None:
    def talked() -> set[tuple[int, str]]:
        for port in (22, 5432):
            probe(demo, "web", "db", tcp=port)
        found = json.loads(lazulite(demo, "flows", "--vm", "db", "--summary", "--json").stdout)["value"]
        return {(r["DestPort_d"], r["FlowStatus_s"]) for r in found}

    until(talked, lambda found: found >= {(22, "D"), (5432, "A")})


LOG = (
    "{sub}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_westeurope"
    "/flowLogs/kept"
)


def summed(one: Lab) -> dict[tuple[int, str], int]:
    """Flows by port and verdict; nothing while nobody answers."""
    done = lazulite(one, "flows", "--log", "kept", "--json")
    found = Counter[tuple[int, str]]()
    for row in json.loads(done.stdout)["value"] if done.returncode == 0 else ():
        found[row["DestPort_d"], row["FlowStatus_s"]] += row["AllowedInFlows_d"] + row["DeniedInFlows_d"]
    return dict(found)


def test_what_a_log_has_summed_up_outlives_an_agent_that_is_killed(demo: Lab) -> None:
    account = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {}}
    demo.put("Microsoft.Storage/storageAccounts/keptlogs", account)
    analytics = {"enabled": True, "workspaceId": "00000000-0000-0000-0000-000000000001", "trafficAnalyticsInterval": 10}
    properties = {
        "targetResourceId": demo.id("networkSecurityGroups/nsg-data"),
        "storageId": demo.id("Microsoft.Storage/storageAccounts/keptlogs"),
        "enabled": True,
        "flowAnalyticsConfiguration": {"networkWatcherFlowAnalyticsConfiguration": analytics},
    }
    path = LOG.format(sub=demo.client.subscription)
    demo.client.put(path, {"location": "westeurope", "properties": properties})
    assert probe(demo, "web", "db", tcp=5432).passes
    assert not probe(demo, "web", "db", tcp=22).passes
    before = until(lambda: summed(demo), lambda found: found.keys() >= {(5432, "A"), (22, "D")})
    running = agent(demo.directory)
    os.kill(running, signal.SIGKILL)
    until(lambda: holder(demo.directory), lambda found: found not in (None, running))
    after = until(lambda: summed(demo))
    assert after[5432, "A"] == before[5432, "A"]
    assert after[22, "D"] >= before[22, "D"], "who is denied tries again by itself"
    assert probe(demo, "web", "db", tcp=5432).passes
    until(lambda: summed(demo), lambda found: found.get((5432, "A"), 0) > before[5432, "A"])
    demo.client.delete(path)


def test_a_machine_that_is_not_there_is_an_error(demo: Lab) -> None:
    done = lazulite(demo, "flows", "--vm", "nobody")
    assert done.returncode != 0
    assert "No machine called 'nobody' runs" in done.stderr
