"""What translation remembers of a flow, so that its answers find back. Of one flow at a time, as traces need it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lazulite.analysis.balancer import Pick
from lazulite.forwarding.model import Member
from lazulite.values import IPAddress


class Side(msgspec.Struct, frozen=True):
    """Address and port that one end had before translation; no ``port`` in a packet that stands for many."""

    vrf: str
    address: IPAddress
    port: int | None
    public: bool = True


class Bindings:
    """What the packet of a question left behind, asked by the packet of the answer."""

    def __init__(self) -> None:
        self.answering = False
        """Whether the packet under way is the answer: a question never finds what it has left behind itself."""
        self._senders: dict[tuple[IPAddress, IPAddress], Side] = {}
        self._asked: dict[tuple[str, IPAddress, IPAddress, bool], Side] = {}
        self._steered: dict[str, Member] = {}

    def left(self, public: IPAddress, remote: IPAddress, vrf: str, private: IPAddress, port: int | None) -> None:
        """*private* of *vrf* talks to *remote* from behind *public*."""
        self._senders[public, remote] = Side(vrf, private, port)

    def returns(self, public: IPAddress, remote: IPAddress) -> Side | None:
        """Who talks to *remote* from behind *public*."""
        return self._senders.get((public, remote)) if self.answering else None

    def entered(
        self, vrf: str, private: IPAddress, remote: IPAddress, asked: IPAddress, port: int | None, *, public: bool
    ) -> None:
        """*remote* talks to *private* of *vrf* by the address *asked*."""
        self._asked[vrf, private, remote, public] = Side(vrf, asked, port, public)

    def answer(self, vrf: str, private: IPAddress, remote: IPAddress, *, public: bool) -> Side | None:
        """The address by which *remote* talks to *private*."""
        return self._asked.get((vrf, private, remote, public)) if self.answering else None

    def steady(self, frontend: str, pick: Pick) -> Pick:
        """*pick*, but for a flow that has passed the frontend already: it stays with its member."""

        def pick_once(vrf: str, members: Sequence[Member]) -> Member:
            if self._steered.get(frontend) not in members:
                self._steered[frontend] = pick(vrf, members)
            return self._steered[frontend]

        return pick_once
