"""What the controller wants, what dynamic sets hold, what the driver was given, and the difference. No I/O.

Changes that arrive while the driver works add up: it is given one difference to the latest revision, in which what
was changed and changed back does not appear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lazulite.agent.protocol import Change, Load
from lazulite.drivers.driver import ModelDelta
from lazulite.forwarding.model import Contents, EntryKey, Pool, Watch
from lazulite.incremental import Delta

_CONTENTS = Contents.__name__
_DECLARING = frozenset({Pool.__name__, Watch.__name__})
"""Types of entries that declare dynamic sets."""


class Desired:
    """The entries of the latest revision, and which of them the driver has not seen."""

    def __init__(self) -> None:
        self.epoch = ""
        self.revision: int | None = None
        self.entries: dict[EntryKey, Any] = {}
        self.given: dict[EntryKey, Any] = {}
        """What the driver was given last."""
        self._contents: dict[str, Contents] = {}
        self._lent: dict[EntryKey, Any] = {}
        """What the agent itself wants beside the controller."""
        self._touched: set[EntryKey] = set()

    def load(self, message: Load) -> None:
        """Forget all that was wanted before."""
        self.entries = {e.key: e for e in message.entries}
        self._touch(self.entries.keys() | self.given.keys())
        self.epoch, self.revision = message.epoch, message.revision

    def change(self, message: Change) -> bool:
        """Take the change, if it is one of what is there."""
        if self.revision is None or message.base != self.revision:
            return False
        for entry in message.changed:
            self.entries[entry.key] = entry
        for key in message.removed:
            self.entries.pop(key, None)
        self._touch([*(e.key for e in message.changed), *message.removed])
        self.revision = message.revision
        return True

    def fill(self, contents: Mapping[str, Contents | None]) -> None:
        """Dynamic sets hold something else from now on; ``None``: nothing that is known."""
        for name, found in contents.items():
            if found is None:
                self._contents.pop(name, None)
            else:
                self._contents[name] = found
            self._touched.add((_CONTENTS, name))

    def lend(self, entries: Mapping[EntryKey, Any]) -> None:
        """The driver is to have these as well; ``None``: not any more."""
        for key, entry in entries.items():
            self._lent[key] = entry
            if entry is None:
                del self._lent[key]
            self._touched.add(key)

    def take(self) -> ModelDelta:
        """What the driver lacks; from now on it counts as given."""
        delta: ModelDelta = Delta()
        for key in sorted(self._touched):
            old, new = self.given.get(key), self._wanted(key)
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
        filled = {(_CONTENTS, name): self._wanted((_CONTENTS, name)) for name in self._contents}
        self.given = (
            self.entries | self._lent | {key: contents for key, contents in filled.items() if contents is not None}
        )
        self._touched = set()
        return list(self.given.values())

    def _wanted(self, key: EntryKey) -> Any:
        """The entry that the driver is to have; contents only of a set that the model declares."""
        kind, name = key
        if kind != _CONTENTS:
            return self.entries.get(key) or self._lent.get(key)
        pool = self.entries.get((Pool.__name__, name)) or self.entries.get((Watch.__name__, name))
        return self._contents.get(name) if pool is not None and pool.probe is not None else None

    def _touch(self, keys: Iterable[EntryKey]) -> None:
        for kind, name in keys:
            self._touched.add((kind, name))
            if kind in _DECLARING:
                self._touched.add((_CONTENTS, name))
