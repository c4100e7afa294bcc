"""Blobs in memory: for tests, and for a machine in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lazulite.engines.storage.blobs import Block, SinkError


class MemoryBlobs:
    """Implements :class:`lazulite.engines.storage.blobs.Blobs`. ``None`` for *accounts*: there is every account."""

    def __init__(self, accounts: Iterable[str] | None = None) -> None:
        self.accounts = None if accounts is None else set(accounts)
        self.failing = ""
        """Why nothing works at the moment; empty: everything does."""
        self.held: dict[tuple[str, str, str], list[tuple[str, bytes]]] = {}
        """By account, container and blob: its blocks."""

    def _check(self, account: str) -> None:
        if self.failing:
            raise SinkError(account, self.failing)
        if self.accounts is not None and account not in self.accounts:
            raise SinkError(account, "there is no such account")

    async def put(self, account: str, container: str, blob: str, data: bytes) -> None:
        self._check(account)
        self.held[account, container, blob] = [("", data)]

    async def write_blocks(self, account: str, container: str, blob: str, blocks: Sequence[Block]) -> None:
        self._check(account)
        known = dict(self.held.get((account, container, blob), ()))
        missing = [i for i, data in blocks if data is None and i not in known]
        if missing:
            raise SinkError(account, f"the blob has no block {missing[0]}")
        self.held[account, container, blob] = [(i, known[i] if data is None else data) for i, data in blocks]

    async def read(self, account: str, container: str, blob: str) -> bytes | None:
        self._check(account)
        found = self.held.get((account, container, blob))
        return None if found is None else b"".join(data for _, data in found)

    async def names(self, account: str, container: str, prefix: str = "") -> list[str]:
        self._check(account)
        return sorted(b for a, c, b in self.held if (a, c) == (account, container) and b.startswith(prefix))

    async def delete(self, account: str, container: str, blob: str) -> None:
        self._check(account)
        self.held.pop((account, container, blob), None)
