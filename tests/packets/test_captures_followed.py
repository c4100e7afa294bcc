"""Captures of the model by packets: what was sent is what file and blob hold, whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from lazulite.agent.captures import FILE as FILE_KEPT
from lazulite.agent.captures import Captures
from lazulite.agent.protocol import Observed
from lazulite.drivers.linux import isolation
from lazulite.drivers.linux.guests import Init
from lazulite.engines.storage.memory import MemoryBlobs
from lazulite.forwarding.model import Capture, CaptureFilter, Port, Sink
from lazulite.values import PortRange, Protocol
from tests import captures
from tests.packets.edges import machines
from tests.packets.net import Net
from tests.waiting import until_async

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
LIMIT_S = 60.0
"""Bound of what must happen."""
ONE, TWO = "10.0.0.4", "10.0.0.5"
VM_1, VM_2 = "/one/vm0", "/one/vm1"
NIC = "/one/nic0"
SINK = Sink("/store", "network-watcher-logs", "packets.cap")
FILE = "/var/captures/packets.cap"
UDP = (CaptureFilter(Protocol.UDP),)
_PARKED = "import os, sys; os.chroot(sys.argv[1]); print(flush=True); sys.stdin.read()"


def capture(name: str = "/c", **fields: Any) -> Capture:
    said: dict[str, Any] = {"filters": UDP, "sink": SINK, "guid": "1"} | fields
    return Capture(name, name[1:], (NIC,), **said)


class Scene:
    """A network, an agent's captures over it, blobs in memory and a guest whose root is a directory."""

    def __init__(self, net: Net, directory: Path, guest: Init) -> None:
        self.net, self._directory, self._guest = net, directory, guest
        self.blobs = MemoryBlobs()
        self.told: dict[str, Any] = {}
        self.entries: dict[Any, Any] = {}
        self.life = "1"
        self.captures = self._start()
        self._sent = 0
        self._here, self._there = net.socket(VM_1, "udp", ONE, 5000), net.socket(VM_2, "udp", TWO, 7)

    def _start(self) -> Captures:
        return Captures(self._directory, self._enter, self.blobs, self._tell, self.life)

    async def _enter(self, name: str) -> Init:
        assert name == VM_1
        return self._guest

    def _tell(self, message: Observed) -> None:
        self.told |= message.reports

    def become(self, *entries: Any) -> None:
        self.captures.replace(entries)

    async def restart(self, life: str = "1", *entries: Any) -> None:
        """Another agent."""
        await self.captures.close()
        self.life, self.told = life, {}
        self.captures = self._start()
        self.become(*entries)

    def talk(self, count: int = 10, *, answered: bool = True) -> None:
        """Datagrams with numbers, and their answers."""
        for _ in range(count):
            self._here.sendto(b"%06d" % self._sent, (TWO, 7))
            data, peer = self._there.recvfrom(2000)
            assert data == b"%06d" % self._sent
            if answered:
                self._there.sendto(data, peer)
                assert self._here.recv(2000) == data
            self._sent += 1

    def kept(self) -> int:
        """Bytes of the blob, as the next agent would know them."""
        document = json.loads((self._directory / FILE_KEPT).read_bytes())
        size: int = document["sessions"]["/c"]["blob"]["size"]
        return size

    async def until(self, condition: Callable[[], bool]) -> None:
        await until_async(condition, told=lambda: self.told)

    async def reports(self, name: str = "/c", **wanted: Any) -> dict[str, Any]:
        """Until that is told."""
        await self.until(lambda: self.told.get(name) is not None and wanted.items() <= self.told[name].items())
        found: dict[str, Any] = self.told[name]
        return found

    async def records(self, count: int, read: Callable[[], list[captures.Read]]) -> list[captures.Read]:
        """Until so many packets are stored."""
        await self.until(lambda: len(read()) >= count)
        return read()

    def blob(self, name: str = SINK.prefix) -> list[captures.Read]:
        blocks = self.blobs.held.get((SINK.account, SINK.container, name))
        return captures.pcap(b"".join(data for _, data in blocks)) if blocks else []


def said(records: list[captures.Read]) -> list[int]:
    """The numbers in the datagrams."""
    return [int(r.data[42:]) for r in records]


def both_ways(*numbers: int) -> list[int]:
    return [n for number in numbers for n in (number, number)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The root of the guest: a disk of 256 KiB."""
    root = tmp_path / "root"
    root.mkdir()
    isolation.mount("test-disk", str(root), "tmpfs", options="size=256k")
    yield root
    isolation.unmount(str(root))


@pytest.fixture
def guest(disk: Path) -> Iterator[Init]:
    command = [sys.executable, "-c", _PARKED, str(disk)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Init(process.pid, "1")
        process.communicate()


@pytest.fixture
def play(net: Net, tmp_path: Path, guest: Init) -> Callable[[Callable[[Scene], Awaitable[None]]], None]:
    def run(story: Callable[[Scene], Awaitable[None]]) -> None:
        async def told() -> None:
            net.become(machines(2))
            scene = Scene(net, tmp_path, guest)
            try:
                await story(scene)
            finally:
                await scene.captures.close()

        asyncio.run(told())

    return run


Play = Callable[[Callable[[Scene], Awaitable[None]]], None]


def test_a_blob_and_a_file_hold_what_was_sent_and_what_came_back(play: Play, disk: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(2), capture(file=FILE))
        await scene.reports(status="Running")
        scene.talk()
        found = await scene.reports(packets=20)
        assert (found["stopReason"], found["errors"], found["drops"]) == ("", [], 0)
        assert found["location"] == [FILE, SINK.prefix]
        assert said(await scene.records(20, scene.blob)) == both_ways(*range(10))
        scene.become(*machines(2), capture(file=FILE, stopped=True))
        await scene.reports(status="Stopped", stopReason="Manual")
        content = (disk / FILE[1:]).read_bytes()
        assert captures.pcap(content) == scene.blob()
        assert len(captures.tcpdump(disk / FILE[1:])) == 20

    play(story)


def test_several_captures_of_one_interface_hold_what_each_asks_for(play: Play) -> None:
    asked = {
        "/all": (),
        "/sent": (CaptureFilter(Protocol.UDP, remote_ports=(PortRange(7, 7),)),),
        "/none": (CaptureFilter(Protocol.UDP, remote=(ip_network("10.9.0.0/16"),)),),
    }

    async def story(scene: Scene) -> None:
        entries = [capture(n, filters=f, sink=Sink("/store", "logs", n)) for n, f in asked.items()]
        scene.become(*machines(2), *entries)
        for name in asked:
            await scene.reports(name, status="Running")
        scene.talk()
        await scene.reports("/sent", packets=20)
        assert scene.told["/none"]["packets"] == 0
        await scene.until(lambda: scene.told["/all"]["packets"] >= 20)
        scene.become(*machines(2))
        await scene.until(lambda: all(scene.told[name] is None for name in asked))

    play(story)


def test_a_capture_ends_at_its_time(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(2), capture(limit_s=1))
        await scene.reports(status="Stopped", stopReason="TimeExceeded")
        scene.talk()
        assert scene.blob() == []

    play(story)


def test_a_capture_ends_before_it_holds_more_than_its_size(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(2), capture(session_bytes=24 + 5 * 64 + 63))
        await scene.reports(status="Running")
        scene.talk()
        found = await scene.reports(status="Stopped", stopReason="SpaceExceeded")
        assert (found["packets"], found["bytes"]) == (5, 24 + 5 * 64)
        assert said(await scene.records(5, scene.blob)) == [0, 0, 1, 1, 2]

    play(story)


def test_a_session_that_ended_never_begins_again_and_another_one_does(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(2), capture(stopped=True))
        await scene.reports(status="Stopped", stopReason="Manual")
        scene.become(*machines(2), capture())
        await scene.restart("1", *machines(2), capture())
        await scene.reports(status="Stopped", stopReason="Manual")
        scene.become(*machines(2), capture(guid="2"))
        await scene.reports(status="Running", guid="2")

    play(story)


def test_the_next_agent_goes_on_in_the_same_file_and_blob(play: Play, disk: Path) -> None:
    async def story(scene: Scene) -> None:
        wanted = [*machines(2), capture(file=FILE)]
        scene.become(*wanted)
        begun = (await scene.reports(status="Running"))["started"]
        scene.talk()
        await scene.reports(packets=20)
        await scene.restart("1", *wanted)
        await scene.reports(status="Running", started=begun)
        scene.talk()
        await scene.reports(packets=40)
        assert said(await scene.records(40, scene.blob)) == both_ways(*range(20))
        assert captures.pcap((disk / FILE[1:]).read_bytes()) == scene.blob()

    play(story)


def test_what_is_stored_is_kept_in_mind_before_long(play: Play) -> None:
    """An agent that is killed has no time to say goodbye: the next one begins with what the file has."""

    async def story(scene: Scene) -> None:
        scene.become(*machines(2), capture())
        await scene.reports(status="Running")
        scene.talk()
        await scene.records(20, scene.blob)
        stored = sum(len(block) for _, block in scene.blobs.held[SINK.account, SINK.container, SINK.prefix])
        await scene.until(lambda: scene.kept() == stored)

    play(story)


def test_a_capture_of_machines_of_another_time_has_ended(play: Play) -> None:
    async def story(scene: Scene) -> None:
        wanted = [*machines(2), capture()]
        scene.become(*wanted)
        await scene.reports(status="Running")
        await scene.restart("2", *wanted)
        assert (await scene.reports(status="Stopped"))["errors"] == ["AgentStopped"]

    play(story)


def test_an_account_that_does_not_answer_loses_nothing_and_is_reported_until_it_does(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.blobs.failing = "connection refused"
        scene.become(*machines(2), capture())
        found = await scene.reports(errors=["StorageFailed"])
        assert "/store: connection refused" in found["detail"]
        scene.talk()
        await scene.reports(packets=20, status="Running")
        scene.blobs.failing = ""
        await scene.reports(errors=[], detail="")
        assert said(await scene.records(20, scene.blob)) == both_ways(*range(10))

    play(story)


def test_a_capture_that_ended_is_still_stored_when_its_account_comes_back(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.blobs.accounts = set()
        scene.become(*machines(2), capture())
        await scene.reports(status="Running", errors=["StorageFailed"])
        scene.talk()
        scene.become(*machines(2), capture(stopped=True))
        found = await scene.reports(status="Stopped", errors=["StorageFailed"])
        assert found["detail"] == "/store: there is no such account"
        scene.blobs.accounts = {"/store"}
        assert said(await scene.records(20, scene.blob)) == both_ways(*range(10))
        await scene.reports(status="Stopped", errors=[])

    play(story)


def test_a_full_disk_loses_nothing_and_is_reported_until_there_is_room(play: Play, disk: Path) -> None:
    async def story(scene: Scene) -> None:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(180 * 1024))
        scene.become(*machines(2), capture(file=FILE))
        await scene.reports(status="Running")
        scene.talk(1000)
        found = await scene.reports(errors=["LocalFileFailed"])
        assert "No space left on device" in found["detail"]
        captures.pcap((disk / FILE[1:]).read_bytes())
        assert said(await scene.records(2000, scene.blob)) == both_ways(*range(1000))
        ballast.unlink()
        await scene.reports(errors=[])
        assert len(await scene.records(2000, lambda: captures.pcap((disk / FILE[1:]).read_bytes()))) == 2000
        assert captures.pcap((disk / FILE[1:]).read_bytes()) == scene.blob()

    play(story)


def test_a_link_of_the_guest_leads_into_the_guest(play: Play, disk: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    async def story(scene: Scene) -> None:
        (disk / "var").mkdir()
        os.symlink(outside, disk / "var/captures")
        scene.become(*machines(2), capture(file=FILE, sink=None))
        await scene.reports(errors=["LocalFileFailed"])
        assert list(outside.iterdir()) == []
        (disk / str(outside)[1:]).mkdir(parents=True)
        await scene.reports(errors=[], status="Running")
        scene.talk()
        there = disk / str(outside)[1:] / "packets.cap"
        await scene.records(20, lambda: captures.pcap(there.read_bytes()))

    play(story)


def test_a_ring_of_files_holds_the_last_packets(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(2), capture(file_bytes=24 + 10 * 64, files=3))
        await scene.reports(status="Running")
        for _ in range(8):
            scene.talk(5)
        found = await scene.reports(packets=80)
        await scene.until(lambda: scene.told["/c"]["location"] == ["packets_1.cap"])
        names = ("packets_2.cap", "packets.cap", "packets_1.cap")
        await scene.until(lambda: [n for b in names for n in said(scene.blob(b))] == both_ways(*range(25, 40)))
        assert found["errors"] == []

    play(story)


def test_a_capture_follows_its_interface_when_that_is_another(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(2), capture())
        await scene.reports(status="Running")
        scene.talk()
        await scene.reports(packets=20)
        scene.become(*(e for e in machines(2) if not (isinstance(e, Port) and e.name == NIC)), capture())
        assert (await scene.reports(status="Error"))["errors"] == ["AgentStopped"]
        scene.become(*machines(2), capture())
        await scene.reports(status="Running", errors=[])
        scene.talk()
        await scene.reports(packets=40)
        assert said(await scene.records(40, scene.blob)) == both_ways(*range(20))

    play(story)


def test_a_recorder_that_dies_is_replaced(play: Play) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(2), capture())
        await scene.reports(status="Running")
        scene.talk()
        await scene.reports(packets=20)
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        recorders = [int(c) for c in children if b"lazulite.agent.recorder" in Path(f"/proc/{c}/cmdline").read_bytes()]
        os.kill(recorders[0], 9)
        await scene.reports(status="Error", errors=["CaptureFailed"])
        await scene.reports(status="Running", errors=[])
        scene.talk()
        await scene.reports(packets=40)
        assert said(await scene.records(40, scene.blob)) == both_ways(*range(20))

    play(story)
