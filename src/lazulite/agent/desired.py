"""What the controller wants, what the driver was given, and the difference. No I/O.

Changes that arrive while the driver works add up: it is given one difference to the latest revision, in which what
was changed and changed back does not appear.
"""

from __future__ import annotations

from typing import Any

from lazulite.agent.protocol import Change, Load
from lazulite.drivers.driver import ModelDelta
from lazulite.forwarding.model import EntryKey
from lazulite.incremental import Delta


class Desired:
    """The entries of the latest revision, and which of them the driver has not seen."""

    def __init__(self) -> None:
        self.epoch = ""
        self.revision: int | None = None
        self.entries: dict[EntryKey, Any] = {}
        self.given: dict[EntryKey, Any] = {}
        """What the driver was given last."""
        self._touched: set[EntryKey] = set()

    def load(self, message: Load) -> None:
        """Forget all that was wanted before."""
        self.entries = {e.key: e for e in message.entries}
        self._touched = self.entries.keys() | self.given.keys()
        self.epoch, self.revision = message.epoch, message.revision

    def change(self, message: Change) -> bool:
        """Take the change, if it is one of what is there."""
        if self.revision is None or message.base != self.revision:
            return False
        for entry in message.changed:
            self.entries[entry.key] = entry
        for key in message.removed:
            self.entries.pop(key, None)
        self._touched |= {e.key for e in message.changed} | set(message.removed)
        self.revision = message.revision
        return True

    def take(self) -> ModelDelta:
        """What the driver lacks; from now on it counts as given."""
        delta: ModelDelta = Delta()
        for key in sorted(self._touched):
            old, new = self.given.get(key), self.entries.get(key)
            if new is None and old is not None:
                delta.removed[key] = self.given.pop(key)
            elif new is not None and new != old:
                delta.changed[key] = self.given[key] = new
                if old is not None:
                    delta.before[key] = old
        self._touched = set()
        return delta

    def take_all(self) -> list[Any]:
        """Everything, for a driver that knows nothing."""
        self.given, self._touched = dict(self.entries), set()
        return list(self.given.values())
