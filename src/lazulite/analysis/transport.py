"""Protocol and ports of a packet on its way, of one packet or of many at once.

Only balancing and shared source translation look at them on the way. A walk of many flows goes on as long as all of
them fare alike, and where they part it says how to divide them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

from lazulite.values import ALL_PORTS, PortRange, Protocol


class Transport:
    """What one packet carries; translation changes it."""

    __slots__ = ("_protocol", "dst_port", "predictable", "src_port")

    def __init__(self, protocol: Protocol | None, src_port: int | None, dst_port: int | None) -> None:
        self._protocol = protocol
        self.src_port, self.dst_port = src_port, dst_port
        self.predictable = src_port is not None
        """Whether the flow's hash is known: source address and port are what the sender wrote, or bound to it."""

    @property
    def protocol(self) -> Protocol:
        """Raises :class:`Undecided` where flows of several protocols part."""
        if self._protocol is None:
            raise Undecided
        return self._protocol

    def port_among(self, named: Collection[int]) -> int | None:
        """The destination port if it is one of *named*. Raises :class:`Undecided` where some are and others are not."""
        return self.dst_port if self.dst_port in named else None


class Band(Transport):
    """Many flows between two addresses: of one protocol or, at first, of all; to any of some destination ports.

    A port that is ``None`` is whatever the sender of each flow wrote.
    """

    __slots__ = ("dst_ports",)

    def __init__(self, protocol: Protocol | None = None, dst_ports: PortRange = ALL_PORTS) -> None:
        super().__init__(protocol, None, None)
        self.dst_ports = dst_ports

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        return tuple(Protocol) if self._protocol is None else (self._protocol,)

    def fresh(self) -> Band:
        """The band as the senders wrote it."""
        return Band(self._protocol, self.dst_ports)

    def port_among(self, named: Collection[int]) -> int | None:
        if self.dst_port is not None:
            return super().port_among(named)
        inside = [port for port in named if port in self.dst_ports]
        if inside and self.dst_ports.first != self.dst_ports.last:
            raise Undecided(inside)
        return inside[0] if inside else None

    def divided(self, ports: Collection[int]) -> Iterator[Band]:
        """The same flows as bands of one protocol each, or of ports that are each one of *ports* or none."""
        if self._protocol is None:
            yield from (Band(protocol, self.dst_ports) for protocol in Protocol)
            return
        cuts = {self.dst_ports.first, self.dst_ports.last + 1, *ports, *(port + 1 for port in ports)}
        for first, after in pairwise(sorted(c for c in cuts if self.dst_ports.first <= c <= self.dst_ports.last + 1)):
            yield Band(self._protocol, PortRange(first, after - 1))


class Undecided(Exception):
    """Flows of a band part here: by protocol, or by whether they go to one of ``ports``."""

    def __init__(self, ports: Collection[int] = ()) -> None:
        super().__init__("flows of a band part")
        self.ports = ports
