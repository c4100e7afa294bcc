"""What an answer is made of: a trace is hops, a hop is steps, and the last step says why the packet ended there."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from lazulite.forwarding.model import Action, Route
from lazulite.values import Flow, IPAddress


class Disposition(StrEnum):
    """How a packet ended. The exact conditions are the table in ``analysis/README.md``."""

    DELIVERED = "delivered"
    EXITS_NETWORK = "exits network"
    PLATFORM = "platform"
    DENIED_OUT = "denied out"
    DENIED_IN = "denied in"
    SOURCE_REFUSED = "source refused"
    DESTINATION_REFUSED = "destination refused"
    PEERING_REFUSED = "peering refused"
    NO_ROUTE = "no route"
    NULL_ROUTED = "null routed"
    NEIGHBOR_UNREACHABLE = "neighbor unreachable"
    UNTRANSLATED = "untranslated"
    NO_RULE = "no rule"
    NO_HEALTHY_BACKEND = "no healthy backend"
    SENT_TO_ITSELF = "sent to itself"
    LOOP = "loop"
    GUEST_DOWN = "guest down"
    CUT_OFF = "cut off"
    DEPENDS_ON_BACKEND = "depends on the backend"
    """Of many flows at once: some of their backends get them and others do not. Never of one packet."""

    @property
    def arrives(self) -> bool:
        """Whether a workload or a host got the packet, or some of the packets."""
        return self in _ARRIVES

    @property
    def share(self) -> int:
        """2 when all arrive, 1 when some do, 0 when none does."""
        return self.arrives + (self.arrives and self is not Disposition.DEPENDS_ON_BACKEND)


_ARRIVES = frozenset(
    {
        Disposition.DELIVERED,
        Disposition.EXITS_NETWORK,
        Disposition.PLATFORM,
        Disposition.DEPENDS_ON_BACKEND,
    }
)


class StepAction(StrEnum):
    PASSES = "passes"
    NEW = "new flow"
    ESTABLISHED = "established"
    ALLOWED = "allowed"
    DENIED = "denied"
    ROUTED = "routed"
    TRANSLATED = "translated"
    DROPPED = "dropped"
    COPIED = "copied"


class Step(msgspec.Struct, frozen=True):
    """What one stage did. A step with a disposition is the last of its trace."""

    stage: str
    """Name of a row of :data:`lazulite.forwarding.stages.STAGES`."""
    action: StepAction
    origin: str = ""
    """The user's rule, route or resource that decided; empty where nothing of the user's did."""
    detail: str = ""
    disposition: Disposition | None = None
    route: Route | None = None


class Hop(msgspec.Struct, frozen=True):
    """A place on the way and what happened there."""

    label: str
    vrf: str
    """Label of the VRF; empty on the Internet."""
    port: str
    """Name of the port, or empty where the place is the end of a peering or the edge."""
    src: IPAddress
    dst: IPAddress
    """The addresses the packet came with."""
    steps: tuple[Step, ...]


class Trace(msgspec.Struct, frozen=True):
    """The way of one packet."""

    flow: Flow
    hops: tuple[Hop, ...]
    disposition: Disposition
    destination: str = ""
    """Name of the port or Internet host that got it."""
    arrived: Flow | None = None
    """The flow as the receiver sees it, after all translation."""

    @property
    def decided_by(self) -> Step | None:
        """The step that ended the packet; for one that arrived, the last list that let it pass, else its last route.

        ``None`` when nothing had a say: a workload that talks to itself. Source of the order: "NSG flow logging", an
        allowed flow is logged by the last group that allowed it.
        """
        return decisive([s for hop in self.hops for s in hop.steps], self.disposition)

    @property
    def origin(self) -> str:
        """The user's rule or route behind :attr:`decided_by`."""
        return self.decided_by.origin if self.decided_by else ""


def decisive(steps: list[Step], disposition: Disposition) -> Step | None:
    """The step that explains the disposition; see :attr:`Trace.decided_by`."""
    if not disposition.arrives:
        return steps[-1]
    return _last(steps, StepAction.ALLOWED) or _last(steps, StepAction.ROUTED) or _last(steps, StepAction.TRANSLATED)


def _last(steps: list[Step], action: StepAction) -> Step | None:
    return next((s for s in reversed(steps) if s.action is action), None)


class RoundTrip(msgspec.Struct, frozen=True):
    """A first packet and, where it arrived, the receiver's answer."""

    forward: Trace
    reply: Trace | None
    established: bool
    """Whether the sender gets an answer from the address and port it talked to."""


class Verdict(msgspec.Struct, frozen=True):
    """What an access list says, the rule that said so and the label of its list."""

    action: Action
    origin: str
    label: str
