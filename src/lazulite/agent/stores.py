"""Storage accounts as the agent keeps them: entries in, one process that serves them all inside the network.

It works beside the name service: an account that cannot be served is refused, so that nobody is told it is there.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lazulite.agent.protocol import Observed
from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.drivers.linux import names, namespaces
from lazulite.engines.storage.client import Access, AccountBlobs
from lazulite.engines.storage.supervise import RUNNING, Account, Launch, Store
from lazulite.forwarding.model import ObjectStore

_BLOB = "blob"


class Stores:
    """Implements :class:`lazulite.agent.loop.Engine` and :class:`lazulite.agent.loop.Follower`.

    *tell* reports, *wake* has the loop ask again what is refused.
    """

    def __init__(
        self,
        directory: Path,
        tell: Callable[[Observed], None],
        launch: Launch | None = None,
        listening: tuple[str, ...] = (),
    ) -> None:
        self._entries: dict[str, ObjectStore] = {}
        self._tell = tell
        self._store = Store(directory, launch or self._inside, self._turned, *listening)
        self.wake: Callable[[], None] = lambda: None
        self.blobs = AccountBlobs(directory, self._access)
        """What sinks write to."""

    async def load(self, entries: Iterable[Any]) -> list[Refusal]:
        self._entries = {e.name: e for e in entries if isinstance(e, ObjectStore)}
        return await self._held()

    async def release(self, delta: ModelDelta) -> None:
        """The last account goes before the host that it is on does."""
        gone = [e.name for e in delta.removed.values() if isinstance(e, ObjectStore) and e.name in self._entries]
        coming = any(isinstance(e, ObjectStore) for e in delta.changed.values())
        for name in gone:
            del self._entries[name]
        if gone and not self._entries and not coming:
            await self._held()
        if gone:
            self._tell(Observed(reports=dict.fromkeys(gone)))

    async def follow(self, delta: ModelDelta) -> list[Refusal]:
        changed = {e.name: e for e in delta.changed.values() if isinstance(e, ObjectStore)}
        self._entries |= changed
        if changed or any(isinstance(e, ObjectStore) for e in delta.removed.values()):
            return await self._held()
        return self._refusals()

    async def _held(self) -> list[Refusal]:
        await self._store.hold({_label(e): _account(e) for e in self._entries.values()})
        self._tell(self.news())
        return self._refusals()

    def _refusals(self) -> list[Refusal]:
        if self._store.state == RUNNING:
            return []
        return [Refusal(e.origin, self._store.state) for e in self._entries.values()]

    def _turned(self) -> None:
        self._tell(self.news())
        self.wake()

    def _access(self, account: str) -> Access | None:
        entry = self._entries.get(account)
        host = next((h for s, h in entry.endpoints if s == _BLOB), None) if entry is not None else None
        return Access(host, entry.keys[0]) if entry is not None and host is not None else None

    def _inside(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        """Start where the accounts' addresses are. Raises ``OSError``."""
        host = next(e.host for e in self._entries.values())
        space = namespaces.open(names.guest(host))
        try:
            with namespaces.inside(space):
                return launch(command, log)
        finally:
            os.close(space)

    def settle(self, delta: ModelDelta) -> None:
        """All is done by :meth:`follow`."""

    def replace(self, entries: Iterable[Any]) -> None:
        """All is done by :meth:`load`."""

    def news(self) -> Observed:
        return Observed(reports={name: {"state": self._store.state} for name in self._entries})

    async def close(self) -> None:
        self._store.close()


def launch(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """In a session of its own, so that it outlives whoever started it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd=log.parent
        )


def _label(entry: ObjectStore) -> str:
    """The account's own name, which every host name of it begins with."""
    return entry.endpoints[0][1].partition(".")[0]


def _account(entry: ObjectStore) -> Account:
    hosts = {host: service for service, host in entry.endpoints}
    return Account(entry.guid, entry.keys, hosts, entry.secure, entry.anonymous, entry.shared)
