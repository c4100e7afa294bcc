"""Flows of a whole lab, live: by somebody who watches, with no flow log."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lazulite.testing import Lab, lab, probe
from tests.lab.test_lab import TEMPLATE, lazulite

_BOUND_S = 60.0


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
    assert process.stdout is not None
    end = time.monotonic() + _BOUND_S
    while time.monotonic() < end:
        provoke()
        while select.select([process.stdout], [], [], 1.5)[0]:
            row = json.loads(process.stdout.readline())
            if wanted(row):
                return row
    raise AssertionError("nothing of that was told")


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
    found = json.loads(lazulite(demo, "flows", "--vm", "db", "--summary", "--json").stdout)["value"]
    assert {(r["DestPort_d"], r["FlowStatus_s"]) for r in found} >= {(22, "D"), (5432, "A")}


def test_a_machine_that_is_not_there_is_an_error(demo: Lab) -> None:
    done = lazulite(demo, "flows", "--vm", "nobody")
    assert done.returncode != 0
    assert "No machine called 'nobody' runs" in done.stderr
