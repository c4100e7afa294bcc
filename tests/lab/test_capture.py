"""``lazulite capture`` as people use it: whole labs, real packets, files that other tools open."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lazulite.testing import Lab, lab, probe
from tests import captures
from tests.waiting import LIMIT_S, until

TEMPLATE = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))
SYN = "tcp[tcpflags] & tcp-syn != 0"
"""How a connection begins: how an earlier one ends may come later."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Lab]:
    with lab() as one:
        one.deploy(TEMPLATE)
        until(lambda: probe(one, "visitor", "web", tcp=80).detail, "connected".__eq__)  # its server is being started
        until(lambda: probe(one, "web", "db", tcp=5432).detail, "connected".__eq__)
        yield one


class Command:
    """``lazulite capture`` under way; it hears all that comes once it is made."""

    def __init__(self, one: Lab, *words: str, path: Path | None = None) -> None:
        environment = os.environ | {"LAZULITE_HOME": str(one.directory.parent), "LAZULITE_LAB": one.directory.name}
        written = ["-w", str(path)] if path is not None else []
        command = [sys.executable, "-c", "from lazulite.cli.main import main; main()", "capture", *words, *written]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, bufsize=0)
        assert self.process.stdout is not None
        self._head = b""
        if path is None:
            self._head = self.process.stdout.read(1)
        else:
            until(lambda: self.process.poll() is not None or (path.exists() and path.stat().st_size))

    def read(self, packets: int) -> list[captures.Read]:
        """What has come on standard output, once that is so many packets."""
        assert self.process.stdout is not None
        content = self._head
        while True:
            content += os.read(self.process.stdout.fileno(), 1 << 16)
            with contextlib.suppress(struct.error, IndexError):  # a block is not whole yet
                found, _ = captures.pcapng(content)
                if len(found) >= packets:
                    return found

    def interrupt(self) -> tuple[int, bytes, str]:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return self.done()

    def done(self) -> tuple[int, bytes, str]:
        """Exit code and both outputs, once it has ended."""
        stdout, stderr = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, self._head + stdout, stderr.decode()


def talk(one: Lab) -> None:
    """A visitor reaches web, web reaches the data base, and does not reach its shell."""
    assert probe(one, "visitor", "web", tcp=80).passes
    assert probe(one, "web", "db", tcp=5432).passes
    assert not probe(one, "web", "db", tcp=22).passes


def test_interfaces_have_names_and_flows_the_rule_that_decided(demo: Lab) -> None:
    command = Command(demo, "web", "nic-db", "--filter", SYN)
    talk(demo)
    code, content, told = command.interrupt()
    found, counted = captures.pcapng(content)
    said = [(p.interface, "sent" if p.sent else "got", p.comment) for p in found]
    assert (code, len(counted)) == (0, 2)
    assert set(said) - {("web/nic-web", "sent", "")} == {  # the packet that is not answered is sent again
        ("web/nic-web", "got", "allowed by nsg-web/allow-http"),
        ("web/nic-web", "sent", "answer to what nsg-web/allow-http allowed"),
        ("web/nic-web", "sent", "allowed by nsg-data/allow-app-postgres"),
        ("web/nic-web", "got", "answer to what nsg-web/AllowVnetOutBound allowed"),
        ("web/nic-web", "sent", "dropped, denied in: nsg-data/deny-the-rest"),
        ("db/nic-db", "got", "allowed by nsg-data/allow-app-postgres"),
        ("db/nic-db", "sent", "answer to what nsg-data/allow-app-postgres allowed"),
    }
    of_db = sum(p.interface == "db/nic-db" for p in found)
    assert told.splitlines()[-1] == f"db/nic-db: {of_db} packets, 0 lost"


def test_packets_come_as_they_pass(demo: Lab) -> None:
    command = Command(demo, "visitor", "--filter", "icmp")
    assert not probe(demo, "visitor", "web").passes  # nobody lets an echo request in
    assert [(p.interface, p.sent) for p in command.read(1)] == [("visitor", True)]
    assert command.process.poll() is None
    command.interrupt()


def test_a_file_opens_in_tcpdump(demo: Lab, tmp_path: Path) -> None:
    command = Command(demo, "web", "--filter", "inbound and dst port 80", path=tmp_path / "a.pcapng")
    talk(demo)
    code, nothing, told = command.interrupt()
    lines = captures.tcpdump(tmp_path / "a.pcapng")
    assert (code, nothing) == (0, b"")
    assert lines
    assert all(" > 10.1.1.4.80: " in line for line in lines)
    assert told == f"web/nic-web: {len(lines)} packets, 0 lost\n"


def test_it_ends_by_itself_and_tells_as_json(demo: Lab, tmp_path: Path) -> None:
    command = Command(demo, "db", "--count", "2", "--snap", "60", "--json", "--filter", SYN, path=tmp_path / "a")
    talk(demo)
    code, told, _ = command.done()
    summary = json.loads(told)
    assert (code, summary["reason"], summary["packets"]) == (0, "CountReached", 2)
    assert [(i["name"], i["packets"], i["lost"]) for i in summary["interfaces"]] == [("db/nic-db", 2, 0)]
    found, _ = captures.pcapng((tmp_path / "a").read_bytes())
    assert [(len(p.data), p.length) for p in found] == [(60, 74), (60, 74)]


def test_it_ends_at_its_time(demo: Lab, tmp_path: Path) -> None:
    code, told, _ = Command(demo, "db", "--duration", "0.1", "--json", path=tmp_path / "a").done()
    assert (code, json.loads(told)["reason"]) == (0, "TimeExceeded")


def test_a_reader_that_goes_ends_it(demo: Lab) -> None:
    command = Command(demo, "web")
    assert command.process.stdout is not None
    command.process.stdout.close()
    talk(demo)
    assert command.process.wait(LIMIT_S) == 0
    assert command.process.stderr is not None
    command.process.stderr.close()


def test_it_goes_on_without_the_controller(demo: Lab) -> None:
    command = Command(demo, "web", "--filter", "tcp port 80")
    demo.kill_controller()
    demo.start_controller()
    talk(demo)
    code, content, _ = command.interrupt()
    assert code == 0
    assert captures.pcapng(content)[0]


REFUSED = [
    pytest.param(["nobody"], 3, "No machine called 'nobody' runs. Running: ", id="a name that nobody has"),
    pytest.param(["web", "--filter", "prt 80"], 2, "'prt 80' is no filter: ", id="a filter that says nothing"),
    pytest.param(["web", "-w", "/nowhere/a"], 2, "/nowhere/a cannot be written: ", id="a file in no directory"),
    pytest.param(["web", "-w", "/dev/full"], 1, "/dev/full cannot be written: No space left", id="a full disk"),
]


@pytest.mark.parametrize(("words", "code", "message"), REFUSED)
def test_what_cannot_be_is_said_with_the_next_step(demo: Lab, words: list[str], code: int, message: str) -> None:
    found, _, told = Command(demo, *words).done()
    assert found == code
    assert message in told
    assert "next: " in told


def test_a_capture_of_the_network_watcher_is_a_file_in_the_machine(demo: Lab, tmp_path: Path) -> None:
    target = demo.id("Microsoft.Compute/virtualMachines/web")
    agent = {"publisher": "Microsoft.Azure.NetworkWatcher", "type": "NetworkWatcherAgentLinux"}
    extension = "Microsoft.Compute/virtualMachines/web/extensions/AzureNetworkWatcherExtension"
    demo.put(extension, {"properties": agent | {"typeHandlerVersion": "1.4"}})
    watcher = f"{demo.client.subscription}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers"
    path = f"{watcher}/NetworkWatcher_westeurope/packetCaptures/web"
    filters = [{"protocol": "TCP", "localPort": "80"}]
    where = {"filePath": "/var/captures/web.cap"}
    demo.client.put(path, {"properties": {"target": target, "storageLocation": where, "filters": filters}})
    await_status(demo, path, "Running")
    talk(demo)
    demo.client.post(f"{path}/stop")
    found = await_status(demo, path, "Stopped")
    assert (found["stopReason"], found["packetCaptureError"]) == ("Manual", [])
    copy = tmp_path / "web.cap"

    def copied() -> list[captures.Read]:
        copy.write_bytes(base64.b64decode(demo.exec("web", ["base64", where["filePath"]]).stdout))
        return captures.pcap(copy.read_bytes())

    until(copied)  # what is on its way comes after the stop
    lines = captures.tcpdump(copy)
    assert any(" > 10.1.1.4.80: Flags [S]" in line for line in lines)
    assert all("10.1.1.4.80" in line for line in lines)
    demo.client.delete(path)


def await_status(demo: Lab, path: str, wanted: str) -> dict[str, Any]:
    return until(lambda: demo.client.post(f"{path}/queryStatus"), lambda found: found["packetCaptureStatus"] == wanted)
