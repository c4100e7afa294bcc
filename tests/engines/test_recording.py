"""A recording over packets that a test gives: limits, order, files, comments and what fails."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lazulite.engines.capture import spec
from lazulite.engines.capture.output import Framed
from lazulite.engines.capture.packet import Packet
from lazulite.engines.capture.recording import Recording
from lazulite.engines.capture.ring import LinkGoneError
from lazulite.engines.capture.spec import Asked, Source, Spec
from tests import captures

LINE = 16 + 60
"""Bytes of a pcap record of these packets."""
NS = 1_000_000_000


class Given:
    """A ring of packets that a test has put there; it gives one batch at a time."""

    def __init__(self, *batches: list[Packet], gone: bool = False) -> None:
        self._batches, self._gone = list(batches), gone
        self.received, self.lost = sum(map(len, batches)), 0
        self._reader, self._writer = socket.socketpair()
        self._writer.send(b"." * len(batches) or b".")

    def fileno(self) -> int:
        return self._reader.fileno()

    def take(self) -> list[Packet]:
        if not self._batches:
            if self._gone:
                raise LinkGoneError(0)
            return []
        self._reader.recv(1)
        return self._batches.pop(0)

    def count(self) -> None:
        self.lost = 3

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


class Written:
    """Files, and what is wrong with the disk after so many writes."""

    def __init__(self, fails_after: int = 1 << 30) -> None:
        self.files: list[bytes] = []
        self._left = fails_after

    def begin(self, data: bytes) -> None:
        self.files.append(data)

    def write(self, data: bytes, packets: int = 0) -> None:
        if self._left == 0:
            raise OSError(28, "No space left on device")
        self._left -= 1
        self.files[-1] += data


class Stage:
    """Runs recordings to their end."""

    def __init__(self) -> None:
        self.output, self.told, self.asked = Written(), [], []
        self._stop, self._ended = os.pipe()
        self._open: list[Given] = []

    def run(self, *rings: Given, stops: bool = True, output: Any = None, **limits: Any) -> spec.Done:
        """*stops*: whoever started it asks for its end at once, so that it takes what is there."""
        self._open += rings
        if stops:
            self.end()
        sources = [Source(f"nic{n}", "", "") for n, _ in enumerate(rings)]
        wanted = Spec(sources, [], **limits)
        recording = Recording(wanted, rings, output or self.output, self.told.append, self._answer)
        return recording.run(self._stop)

    def end(self) -> None:
        os.write(self._ended, b".")

    def _answer(self, flows: list[Asked]) -> list[str]:
        self.asked += flows
        return [f"because {n}" for n, _ in enumerate(flows)]

    def records(self, file: int = 0) -> list[captures.Read]:
        return captures.pcap(self.output.files[file])

    def close(self) -> None:
        os.close(self._stop)
        os.close(self._ended)
        for ring in self._open:
            ring.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def packet(at: int, source: int = 0, *, sent: bool = True, port: int = 80) -> Packet:
    """60 bytes of TCP."""
    ends = [bytes([10, 0, 0, 4]), bytes([10, 0, 0, 5])]
    ports = [struct.pack("!H", 5000), struct.pack("!H", port)]
    ends, ports = (ends, ports) if sent else (ends[::-1], ports[::-1])
    head = bytes(12) + b"\x08\x00" + struct.pack("!BBHHHBBH", 0x45, 0, 46, 0, 0, 64, 6, 0)
    return Packet(at, source, sent, 60, (head + b"".join(ends + ports)).ljust(60, b"\0"))


def test_all_that_came_before_the_end_is_written(stage: Stage) -> None:
    done = stage.run(Given([packet(1), packet(2)], [packet(3)]))
    assert [r.at_ns // 1000 for r in stage.records()] == [0, 0, 0]
    assert done == spec.Done("Manual", 3, 24 + 3 * LINE, [("nic0", 3, 3, 3)])


def test_what_came_after_the_end_is_not(stage: Stage) -> None:
    late = time.time_ns() + 1000 * NS
    assert stage.run(Given([packet(1), packet(late)], [packet(late)])).packets == 1


def test_packets_of_several_interfaces_are_in_the_order_of_their_times(stage: Stage) -> None:
    stage.run(Given([packet(2 * NS), packet(4 * NS)]), Given([packet(NS, 1), packet(3 * NS, 1)]))
    assert [r.at_ns // NS for r in stage.records()] == [1, 2, 3, 4]


def test_a_count_ends_it(stage: Stage) -> None:
    done = stage.run(Given([packet(n) for n in range(5)]), stops=False, packets=3)
    assert (done.reason, done.packets, len(stage.records())) == ("CountReached", 3, 3)


def test_the_packet_that_makes_up_the_count_ends_it_though_none_comes_after_it(stage: Stage) -> None:
    done = stage.run(Given([packet(n) for n in range(3)]), stops=False, packets=3, seconds=60)
    assert (done.reason, done.packets, len(stage.records())) == ("CountReached", 3, 3)


@pytest.mark.parametrize("more", [0, 1, LINE - 1], ids=["to the byte", "and a byte", "and nearly one more"])
def test_a_size_is_never_exceeded(stage: Stage, more: int) -> None:
    done = stage.run(Given([packet(n) for n in range(5)]), stops=False, bytes=24 + 2 * LINE + more)
    assert (done.reason, done.packets, done.bytes) == ("SpaceExceeded", 2, 24 + 2 * LINE)
    assert len(stage.records()) == 2


def test_a_time_ends_it(stage: Stage) -> None:
    done = stage.run(Given([packet(1)]), stops=False, seconds=0.01)
    assert (done.reason, done.packets) == ("TimeExceeded", 1)


def test_files_of_a_ring_are_whole_and_no_longer_than_asked(stage: Stage) -> None:
    stage.run(Given([packet(n) for n in range(5)]), file_bytes=24 + 2 * LINE)
    assert [len(stage.records(n)) for n in range(3)] == [2, 2, 1]


def test_a_file_that_is_gone_on_with_has_no_second_header(stage: Stage) -> None:
    stage.output.files.append(b"")
    stage.run(Given([packet(1)]), resumed=500)
    assert len(stage.output.files[0]) == LINE


def test_a_file_that_is_gone_on_with_counts_for_the_ring(stage: Stage) -> None:
    stage.output.files.append(b"")
    stage.run(Given([packet(1), packet(2)]), resumed=500, file_bytes=500 + LINE)
    assert [len(stage.output.files[0]), len(stage.records(1))] == [LINE, 1]


def test_a_disk_that_is_full_ends_it_with_whole_records(stage: Stage) -> None:
    stage.output = Written(1)
    done = stage.run(Given([packet(1)], [packet(2)]), stops=False)
    assert (done.reason, done.error) == ("OutputFailed", "No space left on device")
    assert len(stage.records()) == 1


def test_an_interface_that_goes_ends_it_with_what_there_was(stage: Stage) -> None:
    done = stage.run(Given([packet(1)], gone=True), stops=False)
    assert (done.reason, done.error, done.packets) == ("InterfaceGone", "nic0 is there no more", 1)


def test_each_new_flow_is_asked_about_once_and_answers_are_known(stage: Stage) -> None:
    there, back, other = packet(1), packet(2, sent=False), packet(3, port=81)
    stage.run(Given([there, back, there, other, back]), asks=True, ng=True)
    found, counted = captures.pcapng(stage.output.files[0])
    assert [p.comment for p in found] == ["because 0", "", "because 1", "", "because 2"]
    assert [(a[1], a[4], a[6], a[7]) for a in stage.asked] == [
        (True, 5000, 80, False),
        (False, 80, 5000, True),
        (True, 5000, 81, False),
    ]
    assert len(counted) == 1


def test_nobody_is_asked_who_need_not_be(stage: Stage) -> None:
    stage.run(Given([packet(1)]), ng=True)
    assert stage.asked == []


def test_frames_tell_files_from_packets(stage: Stage) -> None:
    reader, writer = os.pipe()
    stage.run(Given([packet(1), packet(2)]), output=Framed(writer), file_bytes=24 + LINE)
    os.close(writer)
    with open(reader, "rb") as stream:
        content = stream.read()
    frames = []
    while content:
        letter, length, packets = spec.FRAME.unpack_from(content)
        frames.append((letter, length, packets))
        content = content[spec.FRAME.size + length :]
    assert frames == [(b"N", 24, 0), (b"M", LINE, 1), (b"N", 24, 0), (b"M", LINE, 1)]


class Twice(list[spec.Counts]):
    """Ends a recording with the second count."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def append(self, told: spec.Counts) -> None:
        super().append(told)
        if len(self) == 2:
            self._stage.end()


def test_counts_are_told_while_it_goes_on(stage: Stage) -> None:
    stage.told = Twice(stage)
    stage.run(Given([packet(1)]), stops=False, seconds=60)
    assert len(stage.told) >= 2
    assert stage.told[-1] == spec.Counts(1, 24 + LINE, 3)
