"""What a driver is. Drivers see the forwarding model and the machine, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import msgspec

from lazulite.forwarding.model import EntryKey
from lazulite.incremental import Delta

ModelDelta: TypeAlias = Delta[EntryKey, Any]


class Refusal(msgspec.Struct, frozen=True):
    """The machine would not take something: whose it was, and why."""

    origin: str
    message: str


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
        """Packets and bytes by the origin of the deciding rule, and under ``drop:<reason>`` for the rest."""

    def close(self) -> None:
        """Let go of handles; the machine stays as it is."""
