"""What translation remembers of a flow, so that its answers find back. Of one flow at a time, as traces need it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lazulite.analysis.balancer import Pick
from lazulite.forwarding.model import Member
from lazulite.values import IPAddress


class Side(msgspec.Struct, frozen=True):
    """Address and port that one end had before translation; no ``port`` in a packet that stands for many."""

    stage: str
    """Which translated it, and translates back."""
    vrf: str
    address: IPAddress
    port: int | None


class Bindings:
    """What the packet of a question left behind, asked by the packet of the answer."""

    def __init__(self) -> None:
        self.answering = False
        """Whether the packet under way is the answer: a question never finds what it has left behind itself."""
        self._senders: dict[tuple[IPAddress, IPAddress], Side] = {}
        self._asked: dict[tuple[str, IPAddress, IPAddress, bool], Side] = {}
        self._steered: dict[str, Member] = {}

    def left(self, public: IPAddress, remote: IPAddress, sender: Side) -> None:
        """*sender* talks to *remote* from behind *public*."""
        self._senders[public, remote] = sender

    def returns(self, public: IPAddress, remote: IPAddress) -> Side | None:
        """Who talks to *remote* from behind *public*."""
        return self._senders.get((public, remote)) if self.answering else None

    def entered(self, private: IPAddress, remote: IPAddress, asked: Side, *, public: bool) -> None:
        """*remote* talks to *private* by what it *asked*."""
        self._asked[asked.vrf, private, remote, public] = asked

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
