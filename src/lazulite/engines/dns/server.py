"""The server's loop: one thread, one poll over every socket; datagrams, connections, other servers and the control."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Protocol

from lazulite.engines.dns import sockets, spec
from lazulite.engines.dns.batches import SLOTS, Batch
from lazulite.engines.dns.limits import Limiter
from lazulite.engines.dns.service import Service, Waiting
from lazulite.engines.dns.signing import HOUR_S
from lazulite.engines.dns.spec import AnyItem, Change, Done, Listener, Load, Members
from lazulite.engines.dns.tables import Set
from lazulite.engines.dns.upstream import Asking, Upstreams
from lazulite.engines.dns.world import World

_LOG = logging.getLogger(__name__)
_BATCHES = 2
"""Batches of datagrams from one socket before the others get their turn."""
_CONNECTIONS = 512
"""TCP connections at a time; the one that was silent longest makes room."""
_IDLE_S = 10.0
_BUFFER = 2 + 65535
_MOST_WAITING = 4096


class Port(Protocol):
    """Something with a descriptor to poll."""

    def fileno(self) -> int: ...


class Loop:
    """Descriptors and deadlines."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._ready: dict[int, Callable[[], None]] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def add(self, port: Port, ready: Callable[[], None]) -> None:
        self._poll.register(port.fileno(), select.EPOLLIN)
        self._ready[port.fileno()] = ready

    def want_write(self, port: Port, wanted: bool) -> None:
        self._poll.modify(port.fileno(), select.EPOLLIN | (select.EPOLLOUT if wanted else 0))

    def remove(self, port: Port) -> None:
        if self._ready.pop(port.fileno(), None) is not None:
            self._poll.unregister(port.fileno())

    def at(self, deadline: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (deadline, next(self._order), call))

    def run(self) -> None:
        """For ever."""
        while True:
            wait = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
            for descriptor, _ in self._poll.poll(wait):
                ready = self._ready.get(descriptor)
                if ready is not None:
                    ready()
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()


class Counters:
    """What was done, for whoever asks how the server is."""

    def __init__(self) -> None:
        self.queries = self.held = self.errors = 0

    def told(self) -> dict[str, int]:
        return {"queries": self.queries, "held": self.held, "errors": self.errors}


class Place:
    """One address that is answered on: its sockets, its service, its limit."""

    def __init__(self, server: Server, listener: Listener) -> None:
        self.listener = listener
        self.service = Service(server.world, listener, server.secret)
        self._server = server
        family = socket.AF_INET6 if ":" in listener.address else socket.AF_INET
        self._limiter = Limiter(listener.rate, network=bool(listener.number))
        self._limited, self._octets = listener.rate > 0, self._limiter.octets(family)
        self._batch = server.batch(family)
        self.udp = sockets.udp(listener.namespace, listener.address, listener.port)
        try:
            self.tcp = sockets.tcp(listener.namespace, listener.address, listener.port)
        except OSError:
            self.udp.close()
            raise
        server.loop.add(self.udp, self.datagrams)
        server.loop.add(self.tcp, self.accept)

    def close(self) -> None:
        for each in (self.udp, self.tcp):
            self._server.loop.remove(each)
            each.close()

    def datagrams(self) -> None:
        """Answer what has come, a batch at a time; the other sockets get their turn after a few."""
        batch, descriptor, drawn = self._batch, self.udp.fileno(), self.service.drawn
        for _ in range(_BATCHES):
            count = batch.receive(descriptor)
            self._server.counters.queries += count
            known = self.service.known()
            for slot in range(count):
                data = batch.query(slot)
                if self._limited and not self._limiter.allows(batch.client(slot, self._octets)):
                    self._held(slot, data.tobytes())
                    continue
                key = data[2:].tobytes()
                hit = known.get(key) or drawn(key)
                if hit is not None:
                    batch.answer(slot, data[:2], hit)
                else:
                    self._say(slot, self._slowly(slot, data.tobytes()))
            batch.flush(descriptor)
            if count < SLOTS:
                return

    def _say(self, slot: int, said: bytes | None) -> None:
        if said is not None:
            self._batch.answer(slot, b"", said)

    def _slowly(self, slot: int, data: bytes) -> bytes | None:
        source = self._batch.source(slot), self._batch.port(slot)
        try:
            out = self.service.answer(data, source[0])
        except Exception:  # a fault of ours must cost one answer, not the server
            _LOG.exception("query from %s: %s", source, data.hex())
            self._server.counters.errors += 1
            return None
        if isinstance(out, Waiting):
            self._server.wait(self.listener, out, lambda said: self._send(said, source))
            return None
        return out

    def _send(self, said: bytes, source: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):
            self.udp.sendto(said, source)

    def _held(self, slot: int, data: bytes) -> None:
        """A client that has proved where it is gets its answer all the same."""
        if self.listener.number and self.service.proven(data, self._batch.source(slot)):
            self._say(slot, self._slowly(slot, data))
            return
        self._server.counters.held += 1
        self._say(slot, self.service.truncated(data) if self._limiter.slips else None)

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            taken, source = self.tcp.accept()
            taken.setblocking(False)
            self._server.connected(Connection(self._server, self, taken, source[0]))

    def answer(self, data: bytes, source: str, send: Callable[[bytes], None]) -> None:
        """Over TCP: the answer goes to *send*, now or later."""
        self._server.counters.queries += 1
        try:
            out = self.service.answer(data, source, tcp=True)
        except Exception:  # as for datagrams
            _LOG.exception("query from %s: %s", source, data.hex())
            self._server.counters.errors += 1
            return
        if isinstance(out, Waiting):
            self._server.wait(self.listener, out, send)
        elif out is not None:
            send(out)


class Connection:
    """A client over TCP: messages with their lengths, in any number, answered as they come."""

    def __init__(self, server: Server, place: Place, taken: socket.socket, source: str) -> None:
        self._server, self._place, self._socket, self._source = server, place, taken, source
        self._in, self._out = bytearray(), bytearray()
        self.heard = time.monotonic()
        self.closed = False
        server.loop.add(taken, self.ready)

    def ready(self) -> None:
        self._flush()
        if self.closed:
            return
        try:
            data = self._socket.recv(_BUFFER)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self.heard = time.monotonic()
        self._in += data
        while not self.closed and len(self._in) >= 2 and len(self._in) >= 2 + (self._in[0] << 8 | self._in[1]):
            end = 2 + (self._in[0] << 8 | self._in[1])
            query = bytes(self._in[2:end])
            del self._in[:end]
            self._place.answer(query, self._source, self.send)

    def send(self, said: bytes) -> None:
        if self.closed:
            return
        self._out += len(said).to_bytes(2) + said
        if len(self._out) > 4 * _BUFFER:  # it asks and does not read
            self.close()
        else:
            self._flush()

    def _flush(self) -> None:
        if not self._out:
            return
        try:
            sent = self._socket.send(self._out)
            del self._out[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        self._server.loop.want_write(self._socket, bool(self._out))

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._server.loop.remove(self._socket)
            self._socket.close()
            self._server.left(self)


class Server:
    """The world, and everything that listens for it."""

    def __init__(self) -> None:
        self.loop, self.world, self.counters = Loop(), World(), Counters()
        self.secret = os.urandom(16)
        self._batches: dict[int, Batch] = {}
        self._places: dict[str, Place] = {}
        self._problems: dict[str, str] = {}
        self._connections: dict[Connection, None] = {}
        self._hour = _hour()
        self._upstreams = Upstreams(self.loop.add, self.loop.remove, self.loop.at, lambda: self.world.generation)
        self.loop.at(time.monotonic() + 1, self._sweep)

    def batch(self, family: int) -> Batch:
        """One set of slots a family is enough: nothing stays in it between two sockets."""
        if family not in self._batches:
            self._batches[family] = Batch(family)
        return self._batches[family]

    def take(self, said: spec.AnyMessage) -> Done:
        """Do what the control says."""
        if isinstance(said, Load):
            self._load(said)
        elif isinstance(said, Change):
            self._change(said)
        elif isinstance(said, Members):
            self.world.down[said.available] = frozenset(said.down)
            self.world.changed()
        return Done(said.id, dict(self._problems), self.counters.told())

    def _load(self, said: Load) -> None:
        down = self.world.down
        self.world.__init__()  # type: ignore[misc]  # the services hold on to it
        self.world.down = down
        self.world.generation = time.monotonic_ns()
        self._put(said.items)
        for zone, blob in said.zones.items():
            if zone in self.world.tables:
                self.world.tables[zone].load(blob)
        wanted = {i.key for i in said.items if isinstance(i, Listener)}
        for key in [k for k in (*self._places, *self._problems) if k not in wanted]:
            self._silence(key)

    def _change(self, said: Change) -> None:
        for kind, key in said.drop:
            if kind == Listener.__name__:
                self._silence(key)
        self.world.drop([k for k in said.drop if k[0] != Listener.__name__])
        self._put(said.put)
        for zone, gone in said.gone.items():
            if zone in self.world.tables:
                self.world.tables[zone].drop(gone)
        for zone, blob in said.sets.items():
            if zone in self.world.tables:
                self.world.tables[zone].put(spec.sets_of(blob, Set))
        self.world.changed()

    def _put(self, items: list[AnyItem]) -> None:
        self.world.put([i for i in items if not isinstance(i, Listener)])
        for item in items:
            if isinstance(item, Listener):
                self._listen(item)

    def _listen(self, listener: Listener) -> None:
        place = self._places.get(listener.key)
        if place is not None and place.listener == listener:
            return
        self._silence(listener.key)
        try:
            self._places[listener.key] = Place(self, listener)
        except OSError as error:
            self._problems[listener.key] = f"{listener.address}:{listener.port}: {error.strerror or error}"

    def _silence(self, key: str) -> None:
        self._problems.pop(key, None)
        place = self._places.pop(key, None)
        if place is not None:
            place.close()

    def wait(self, listener: Listener, waiting: Waiting, send: Callable[[bytes], None]) -> None:
        """Ask somebody else, and answer when they have."""
        if len(self._upstreams) < _MOST_WAITING:
            Asking(self._upstreams, self._internet(), listener.scope, waiting, send).go_on(waiting.forward)

    def _internet(self) -> tuple[str, str]:
        """A namespace and an address to ask the Internet from: those of a name server there."""
        servers = (p.listener for p in self._places.values() if p.listener.number and ":" not in p.listener.address)
        found = next(servers, None)
        return (found.namespace, found.address) if found is not None else ("", "")

    def connected(self, connection: Connection) -> None:
        self._connections[connection] = None
        if len(self._connections) > _CONNECTIONS:
            min(self._connections, key=lambda c: c.heard).close()

    def left(self, connection: Connection) -> None:
        self._connections.pop(connection, None)

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in [c for c in self._connections if now - c.heard > _IDLE_S]:
            connection.close()
        if _hour() != self._hour:  # what is kept rendered has signatures of the hour before
            self._hour = _hour()
            self.world.changed()
        self.loop.at(now + 1, self._sweep)


def _hour() -> int:
    return int(time.time()) // HOUR_S
