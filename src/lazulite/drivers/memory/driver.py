"""The driver of that machine. It refuses what a test asks it to refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazulite.drivers.driver import ModelDelta, PortUse, Refusal
from lazulite.forwarding.model import Entry, EntryKey, ForwardingModel
from lazulite.forwarding.stages import STAGES

NAME = "memory"


class MemoryDriver:
    """Implements :class:`lazulite.drivers.driver.Driver`. ``model`` is what the machine holds."""

    capabilities: Mapping[str, str] = {stage.name: stage.drivers[NAME] for stage in STAGES}

    def __init__(self, refuse: Callable[[Entry], str] = lambda entry: "") -> None:
        """*refuse* gives the reason an entry is not taken, or nothing."""
        self.model = ForwardingModel()
        self._refuse = refuse
        self._refused: dict[EntryKey, Entry] = {}

    def adopt(self, entries: list[Any]) -> list[Refusal]:
        self.model = ForwardingModel()
        self._refused = {}
        return self._take(entries)

    def apply(self, delta: ModelDelta) -> list[Refusal]:
        self._refused = {k: e for k, e in self._refused.items() if k not in delta.removed and k not in delta.changed}
        self.model.drop(e for e in delta.removed.values() if self.model.get(type(e), e.name) is not None)
        return self._take([*self._refused.values(), *delta.changed.values()])

    def differences(self) -> list[str]:
        return [f"lacks {' '.join(key)}" for key in self._refused]

    def counters(self) -> Mapping[str, tuple[int, int]]:
        return {}

    def traffic(self) -> Mapping[str, tuple[int, int]]:
        return {}

    def link_counts(self) -> Mapping[str, tuple[int, int, int, int]]:
        return {}

    def port_use(self) -> list[PortUse]:
        return []

    def close(self) -> None:
        """Nothing is held."""

    def _take(self, entries: list[Any]) -> list[Refusal]:
        reasons = {e.key: self._refuse(e) for e in entries}
        self.model.put(e for e in entries if not reasons[e.key])
        self._refused = {e.key: e for e in entries if reasons[e.key]}
        return [Refusal(getattr(e, "origin", ""), reasons[e.key]) for e in self._refused.values()]
