"""Labs come and go without a trace outside their directory, as root and without."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lazulite.cli.doctor import find_program
from tests.packets.owner import kinds
from tests.reliability.owned import OwnedLab, owned
from tests.reliability.processes import inhabitants, namespaces
from tests.waiting import until

pytestmark = pytest.mark.packets


@pytest.fixture(params=kinds())
def home(request: pytest.FixtureRequest) -> Iterator[OwnedLab]:
    with owned(request.param) as made:
        yield made


class Footprint(NamedTuple):
    """What of the host a lab could leave something in."""

    settings: tuple[str, ...]
    """Links, rules, routes and mounts."""
    files: frozenset[str]

    def is_of(self, before: Footprint) -> bool:
        """Whether nothing has come since. Others are at the files too, for moments: what one of them had there goes."""
        return self.settings == before.settings and self.files <= before.files


def footprint() -> Footprint:
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    nft = find_program("nft") or "nft"  # which only root finds by itself
    rules = subprocess.run([nft, "list", "ruleset"], capture_output=True, text=True, check=False).stdout
    routes = subprocess.run(["ip", "route", "show", "table", "all"], capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mountinfo").read_text()
    files = frozenset(str(f) for p in ("/run", "/run/netns", "/dev/shm") if os.path.isdir(p) for f in Path(p).iterdir())
    return Footprint((links, rules, routes, mounts), files)


def test_down_leaves_nothing(home: OwnedLab) -> None:
    before = footprint()
    home.run("up", "--detach")
    home.run("demo")
    inside = namespaces(home.directory)
    assert inhabitants(inside)
    until(footprint, lambda found: found.is_of(before))
    home.run("down")
    assert inhabitants(inside) == []
    until(footprint, lambda found: found.is_of(before))
    assert home.strays() == []


def test_killing_the_anchor_leaves_nothing_and_the_lab_mends_itself(home: OwnedLab) -> None:
    """The controller lives on outside; it starts another anchor, and the network is there again."""
    before = footprint()
    home.run("up", "--detach")
    home.run("demo")
    inside = namespaces(home.directory)
    os.kill(home.anchor().pid, signal.SIGKILL)
    until(lambda: inhabitants(inside) == [])
    home.run("demo")
    home.run("down")
    until(footprint, lambda found: found.is_of(before))
    assert home.strays() == []


def test_up_again_finds_the_lab_and_changes_nothing(home: OwnedLab) -> None:
    home.run("up", "--detach")
    first, connection = home.anchor(), home.connection()
    assert "runs already" in home.run("up", "--detach").stdout
    assert (home.anchor(), home.connection()) == (first, connection)


def test_two_labs_side_by_side_do_not_meet(home: OwnedLab) -> None:
    """Both have the demo's networks, with the same names and addresses; one ends, the other goes on."""
    other = home.another("other")
    for one in (home, other):
        one.run("up", "--detach")
        one.run("demo")
    assert not namespaces(home.directory) & namespaces(other.directory)
    home.run("down")
    other.run("demo")
    other.run("down")


def test_what_a_crashed_lab_left_does_not_prevent_up(home: OwnedLab) -> None:
    """Everything dies at once, as when the host does: connection file, sockets, records and locks stay."""
    home.run("up", "--detach")
    home.run("demo")
    os.kill(home.connection()["pid"], signal.SIGKILL)
    inside = namespaces(home.directory)
    os.kill(home.anchor().pid, signal.SIGKILL)
    until(lambda: inhabitants(inside) == [])
    assert {"connection.json", "agent.sock"} <= {p.name for p in home.directory.iterdir()}
    home.run("up", "--detach")
    home.run("demo")


def test_files_that_name_a_process_of_somebody_else_do_not_prevent_up_nor_harm_it(home: OwnedLab) -> None:
    """After a restart of the host, the pids in the files belong to strangers."""
    home.run("up", "--detach")
    connection, record = home.connection(), (home.directory / "anchor.pid").read_text().split()
    home.run("down")
    with subprocess.Popen([*home.prefix, "sleep", "infinity"]) as stranger:
        home.write("connection.json", json.dumps(connection | {"pid": stranger.pid}))
        home.write("anchor.pid", " ".join([str(stranger.pid), *record[1:]]))
        assert "did not run" in home.run("down").stdout
        home.run("up", "--detach")
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("name", ["connection.json", "ports.json", "azure/config", "anchor.pid", "tls/server.crt"])
def test_a_file_cut_short_does_not_prevent_up(home: OwnedLab, name: str) -> None:
    home.run("up", "--detach")
    home.run("down")
    home.write(name, "{")
    home.run("up", "--detach")
    assert home.run("status").stdout
