"""One capture from its first packet to its last: rings to a file, within limits."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from lazulite.engines.capture import spec
from lazulite.engines.capture.files import Format, Pcap, Pcapng
from lazulite.engines.capture.packet import FlowKey, Packet, flow_of
from lazulite.engines.capture.ring import LinkGoneError
from lazulite.engines.capture.spec import Asked, Spec

_ROUND_MS = 100
_HELD_NS = 100_000_000
"""Packets of several interfaces wait this long, so that they are written in the order of their times."""
_LAST_ROUNDS = 50
_TOLD_S = 0.5
_ASKED_AT_ONCE = 200
_FLOWS_KEPT = 1 << 16


class Captured(Protocol):
    """Where packets come from: :class:`lazulite.engines.capture.ring.Ring`."""

    received: int
    lost: int

    def fileno(self) -> int: ...

    def take(self) -> list[Packet]: ...

    def count(self) -> None: ...


class Output(Protocol):
    """Where they go. Raises ``OSError``."""

    def begin(self, data: bytes) -> None:
        """A new file begins with these bytes."""

    def write(self, data: bytes, packets: int = 0) -> None:
        """So many packets, whole ones."""


class _EndError(Exception):
    """A limit was reached; the argument is its reason."""


class Recording:
    """*asked* gives comments for new flows, *told* hears how many packets there are by now."""

    def __init__(
        self,
        wanted: Spec,
        rings: Sequence[Captured],
        output: Output,
        told: Callable[[spec.Counts], None],
        asked: Callable[[list[Asked]], list[str]],
    ) -> None:
        self._wanted, self._rings, self._output, self._told, self._asked = wanted, rings, output, told, asked
        names = [(s.name, s.description) for s in wanted.sources]
        self._format: Format = Pcapng(names, wanted.cut) if wanted.ng else Pcap(wanted.cut)
        self._packets = [0] * len(rings)
        self._bytes = 0
        self._file = wanted.resumed
        self._waiting: list[Packet] = []
        self._flows: set[FlowKey] = set()

    def run(self, stop: int) -> spec.Done:
        """Record until a limit is reached or *stop*, a descriptor, is readable."""
        reason, error = spec.STOPPED, ""
        try:
            if not self._file:
                self._begin()
            self._follow(stop)
        except _EndError as end:
            reason = str(end)
        except LinkGoneError as gone:
            reason, error = spec.GONE, f"{self._wanted.sources[gone.number].name} is there no more"
        except OSError as failure:
            reason, error = spec.OUTPUT, failure.strerror or str(failure)
        return self._done(reason, error)

    def _follow(self, stop: int) -> None:
        poll = select.poll()
        for descriptor in (*(r.fileno() for r in self._rings), stop):
            poll.register(descriptor, select.POLLIN)
        begun = time.monotonic()
        tell_at = begun + _TOLD_S
        while True:
            ready = {number for number, _ in poll.poll(self._pause_ms(begun))}
            if stop in ready:
                return self._drain(poll, stop)
            self._take(time.time_ns())
            now = time.monotonic()
            if now >= tell_at:
                tell_at = now + _TOLD_S
                self._count()
            if self._wanted.seconds and now - begun >= self._wanted.seconds:
                self._drain(poll, stop)
                raise _EndError(spec.TIME)

    def _pause_ms(self, begun: float) -> float:
        if not self._wanted.seconds:
            return _ROUND_MS
        left = self._wanted.seconds - (time.monotonic() - begun)
        return max(0.0, min(_ROUND_MS, left * 1000 + 1))

    def _drain(self, poll: select.poll, stop: int) -> None:
        """What came before now and is still with the kernel."""
        ended = time.time_ns()
        poll.unregister(stop)
        for _ in range(_LAST_ROUNDS):
            ready = poll.poll(_ROUND_MS)
            found = [p for ring in self._rings for p in ring.take()]
            self._waiting += [p for p in found if p.at <= ended]
            if not ready or any(p.at > ended for p in found):
                break
        waiting, self._waiting = sorted(self._waiting), []
        self._write(waiting)

    def _take(self, now: int) -> None:
        for ring in self._rings:
            self._waiting += ring.take()
        if not self._waiting:
            return
        self._waiting.sort()
        horizon = now - _HELD_NS if len(self._rings) > 1 else self._waiting[-1].at
        due = [p for p in self._waiting if p.at <= horizon]
        self._waiting = self._waiting[len(due) :]
        self._write(due)

    def _write(self, packets: list[Packet]) -> None:
        comments = self._comments(packets) if self._wanted.asks else {}
        batch: list[bytes] = []
        try:
            for number, packet in enumerate(packets):
                self._add(batch, packet, self._format.record(packet, comments.get(number, "")))
        finally:
            self._flush(batch)

    def _add(self, batch: list[bytes], packet: Packet, record: bytes) -> None:
        """Raises :class:`_EndError` where the record is too large for what is left, or the last one."""
        wanted, size = self._wanted, len(record)
        if wanted.bytes and self._bytes + size > wanted.bytes:
            raise _EndError(spec.SPACE)
        if wanted.file_bytes and self._file + size > wanted.file_bytes:
            self._flush(batch)
            self._begin()
        batch.append(record)
        self._bytes += size
        self._file += size
        self._packets[packet.source] += 1
        if wanted.packets and sum(self._packets) >= wanted.packets:
            raise _EndError(spec.COUNT)

    def _flush(self, batch: list[bytes]) -> None:
        if batch:
            self._output.write(b"".join(batch), len(batch))
            batch.clear()

    def _begin(self) -> None:
        header = self._format.header()
        self._output.begin(header)
        self._file = len(header)
        self._bytes += len(header)

    def _comments(self, packets: list[Packet]) -> dict[int, str]:
        """By number, what is said of packets that are the first of their flow."""
        new: dict[FlowKey, int] = {}
        for number, packet in enumerate(packets):
            key = flow_of(packet)
            if key is not None and key not in self._flows and key not in new and len(new) < _ASKED_AT_ONCE:
                new[key] = number
        if not new:
            return {}
        if len(self._flows) > _FLOWS_KEPT:
            self._flows.clear()
        questions = [self._question(key, new) for key in new]
        self._flows.update(new)
        return dict(zip(new.values(), self._asked(questions), strict=False))

    def _question(self, key: FlowKey, new: dict[FlowKey, int]) -> Asked:
        (src, dst), (src_port, dst_port) = key.addresses, key.ports
        back = key.reverse
        answers = back in self._flows or (back in new and new[back] < new[key])
        return key.source, key.sent, key.protocol, src, src_port, dst, dst_port, answers

    def _count(self) -> None:
        for ring in self._rings:
            ring.count()
        self._told(spec.Counts(sum(self._packets), self._bytes, sum(r.lost for r in self._rings)))

    def _done(self, reason: str, error: str) -> spec.Done:
        self._count()
        trailer = self._format.trailer(time.time_ns(), [(r.received, r.lost) for r in self._rings])
        if trailer and reason != spec.OUTPUT:
            try:
                self._output.write(trailer)
                self._bytes += len(trailer)
            except OSError as failure:
                reason, error = spec.OUTPUT, failure.strerror or str(failure)
        counted = zip(self._wanted.sources, self._packets, self._rings, strict=True)
        sources = [(s.name, n, r.received, r.lost) for s, n, r in counted]
        return spec.Done(reason, sum(self._packets), self._bytes, sources, error)
