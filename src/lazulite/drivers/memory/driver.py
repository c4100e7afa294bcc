"""The driver of that machine. It refuses what a test asks it to refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.forwarding.model import Entry, ForwardingModel
from lazulite.forwarding.stages import STAGES

NAME = "memory"


class MemoryDriver:
    """Implements :class:`lazulite.drivers.driver.Driver`. ``model`` is what the machine holds."""

    capabilities: Mapping[str, str] = {stage.name: stage.drivers[NAME] for stage in STAGES}

    def __init__(self, refuse: Callable[[Entry], str] = lambda entry: "") -> None:
        """*refuse* gives the reason an entry is not taken, or nothing."""
        self.model = ForwardingModel()
        self._refuse = refuse

    def adopt(self, entries: list[Any]) -> list[Refusal]:
        self.model = ForwardingModel()
        return self._take(entries)

    def apply(self, delta: ModelDelta) -> list[Refusal]:
        gone = [e for e in delta.removed.values() if self.model.get(type(e), e.name) is not None]
        self.model.drop(gone)
        return self._take(delta.changed.values())

    def counters(self) -> Mapping[str, tuple[int, int]]:
        return {}

    def close(self) -> None:
        """Nothing is held."""

    def _take(self, entries: Any) -> list[Refusal]:
        refusals = []
        for entry in entries:
            reason = self._refuse(entry)
            if reason:
                refusals.append(Refusal(getattr(entry, "origin", ""), reason))
            else:
                self.model.put([entry])
        return refusals
