"""A packet capture by the SDK, read back by the SDK: what two machines said is in the blob and in the file."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from lazulite.testing import Lab, lab, vm
from tests import captures
from tests.clients.test_storage import ACCOUNT, KIND, NAME, Proxied, options, proxy
from tests.lab.processes import anchor_of, below
from tests.waiting import until

FILE = "/var/captures/web.cap"
AGENT = {"publisher": "Microsoft.Azure.NetworkWatcher", "type": "NetworkWatcherAgentLinux", "typeHandlerVersion": "1.4"}


@pytest.fixture(scope="module")
def one() -> Iterator[Proxied]:
    with lab() as made:
        subnets = [{"name": "s", "properties": {"addressPrefix": "10.1.0.0/24"}}]
        space = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": subnets}
        made.put("virtualNetworks/net", {"properties": space})
        for name, address in (("web", "10.1.0.10"), ("db", "10.1.0.11")):
            vm(made, name, "virtualNetworks/net/subnets/s", address=address)
        extension = "Microsoft.Compute/virtualMachines/web/extensions/AzureNetworkWatcherExtension"
        made.put(extension, {"properties": AGENT})
        made.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})
        made.put(f"{KIND}/{NAME}", ACCOUNT)
        with proxy(made, "visitor") as address:
            yield Proxied(made, options(made, address))


class Session:
    """A packet capture of the machine ``web``."""

    def __init__(self, one: Proxied, name: str, **properties: Any) -> None:
        self._one, self._lab = one, one.lab
        watcher = f"{one.lab.client.subscription}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network"
        self._path = f"{watcher}/networkWatchers/NetworkWatcher_westeurope/packetCaptures/{name}"
        target = one.lab.id("Microsoft.Compute/virtualMachines/web")
        where = {"storageId": one.lab.id(f"{KIND}/{NAME}"), "filePath": FILE}
        said = {"target": target, "storageLocation": where, "filters": [{"protocol": "Any", "remotePort": "7"}]}
        made = one.lab.client.put(self._path, {"properties": said | properties})
        self._blob = made["properties"]["storageLocation"]["storagePath"].split("/", 3)[3]

    def awaited(self, **wanted: Any) -> dict[str, Any]:
        """The status, once it says so."""
        return until(
            lambda: self._lab.client.post(f"{self._path}/queryStatus"), lambda found: wanted.items() <= found.items()
        )

    def stop(self) -> None:
        self._lab.client.post(f"{self._path}/stop")

    def delete(self) -> None:
        self._lab.client.delete(self._path)

    def blob(self) -> bytes:
        container, _, name = self._blob.partition("/")
        content: bytes = self._one.blobs().get_blob_client(container, name).download_blob().readall()
        return content

    def numbers(self) -> list[int]:
        """Of the datagrams in the blob; none while the service is being started."""
        try:
            return [int(r.data[42:].rstrip(b"\0")) for r in captures.pcap(self.blob())]
        except AzureError:
            return []


def send(made: Lab, *numbers: int) -> None:
    """Datagrams from web to db, with these numbers, to where nobody listens."""
    code = "import socket, sys\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    code += "for n in sys.argv[1:]: s.sendto(n.encode(), ('10.1.0.11', 7))\n"
    done = made.exec("web", ["python3", "-c", code, *map(str, numbers)])
    assert done.returncode == 0, done.stderr


@pytest.mark.clients
def test_packets_are_in_the_blob_and_in_the_file(one: Proxied, tmp_path: Path) -> None:
    session = Session(one, "first")
    session.awaited(packetCaptureStatus="Running", packetCaptureError=[])
    send(one.lab, 1, 2, 3)
    until(session.numbers, lambda found: found == [1, 2, 3])
    session.stop()
    session.awaited(packetCaptureStatus="Stopped", stopReason="Manual")
    content = base64.b64decode(one.lab.exec("web", ["base64", FILE]).stdout)
    assert content == session.blob()
    (tmp_path / "web.cap").write_bytes(content)
    lines = captures.tcpdump(tmp_path / "web.cap")
    assert len(lines) == 3
    assert all(line.endswith("10.1.0.11.7: UDP, length 1") for line in lines)
    session.delete()


def kill(anchor: int, word: str) -> None:
    """``kill -9``; returns when there is another."""
    [process] = below(anchor, word)
    os.kill(process, signal.SIGKILL)
    until(lambda: below(anchor, word), lambda found: bool(set(found) - {process}))


@pytest.mark.clients
def test_a_capture_goes_on_when_storage_and_agent_die(one: Proxied) -> None:
    session = Session(one, "second", timeLimitInSeconds=600)
    session.awaited(packetCaptureStatus="Running")
    send(one.lab, 1, 2)
    until(session.numbers, lambda found: found == [1, 2])
    kept = one.lab.directory / "captures.json"  # what the next agent knows: it may lag a second behind
    until(lambda: f'"size":{len(session.blob())},"blocks":2' in kept.read_text())
    anchor = anchor_of(one.lab)
    for word in ("serve.js", "lazulite.agent\0"):
        kill(anchor, word)
        session.awaited(packetCaptureStatus="Running", packetCaptureError=[])
    recorder = until(lambda: below(anchor, "lazulite.agent.recorder"))
    send(one.lab, 3, 4)
    until(session.numbers, lambda found: found == [1, 2, 3, 4])
    session.delete()
    until(lambda: set(below(anchor, "lazulite.agent.recorder")) & set(recorder), lambda left: not left)
