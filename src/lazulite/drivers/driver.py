"""What a driver is. Drivers see the forwarding model and the machine, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import msgspec

from lazulite import values
from lazulite.forwarding.model import BalancingRule, EntryKey, GlobalRule, PortForward, SourceNat
from lazulite.incremental import Delta
from lazulite.values import IPAddress

ModelDelta: TypeAlias = Delta[EntryKey, Any]


class Refusal(msgspec.Struct, frozen=True):
    """The machine would not take something: whose it was, and why."""

    origin: str
    message: str


class PortUse(msgspec.Struct, frozen=True):
    """How many ports of a public address flows of a private one hold."""

    vrf: str
    public: IPAddress
    protocol: values.Protocol
    private: IPAddress
    ports: int


COUNTED: Mapping[type[Any], tuple[str, ...]] = {
    BalancingRule: ("new", "received", "sent"),
    PortForward: ("new", "received", "sent"),
    GlobalRule: ("new",),
    SourceNat: ("tried", "done", "snat-received", "snat-sent"),
}
"""What is counted beside verdicts, by entry type: the counter is named by one of these, a colon and the origin.
``new`` are flows; ``received`` and ``sent`` packets of known ones, as the backends see them. ``tried`` are packets that
asked for a port, ``done`` those that got one and left: the difference found all ports in use."""


class Driver(Protocol):
    """Brings a machine to a model. Output depends on the model alone, never on how it came about."""

    capabilities: Mapping[str, str]
    """Stage name to how this driver realises it, or to ``unsupported``."""

    def adopt(self, entries: list[Any]) -> list[Refusal]:
        """After a start: read back all that exists, remove what is ours and not in the model, add what is missing,
        and leave untouched what is right."""

    def apply(self, delta: ModelDelta) -> list[Refusal]:
        """Make the difference, try again what was refused before, and read both back: all that the machine refuses by
        now, one reason an origin. One refusal never stops the rest."""

    def differences(self) -> list[str]:
        """A full read-back: every object that is missing, different or one too many, in words."""

    def counters(self) -> Mapping[str, tuple[int, int]]:
        """Packets and bytes by the origin of the deciding rule, of what :data:`COUNTED` says, and under
        ``drop:<reason>`` for the rest."""

    def traffic(self) -> Mapping[str, tuple[int, int]]:
        """By the name of each port and each host on the Internet that has a link: bytes it has sent, and bytes it got,
        since that link is there."""

    def link_counts(self) -> Mapping[str, tuple[int, int, int, int]]:
        """As :meth:`traffic`, and after the bytes the packets: sent, and got."""

    def port_use(self) -> list[PortUse]:
        """Ports in use of public addresses that several private ones share, asked for and told as of now."""

    def close(self) -> None:
        """Let go of handles; the machine stays as it is."""
