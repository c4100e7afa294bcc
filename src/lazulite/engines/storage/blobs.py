"""What whoever writes logs and captures needs of a storage account, whoever keeps the blobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

Block = tuple[str, bytes | None]
"""The block's id and its bytes; ``None``: a block of that id which the blob has already."""


class SinkError(Exception):
    """Nothing was stored, or nothing could be read; worth another try later."""

    def __init__(self, account: str, reason: str) -> None:
        super().__init__(f"{account}: {reason}")
        self.account, self.reason = account, reason


class Blobs(Protocol):
    """Block blobs. *account* is the name of an :class:`lazulite.forwarding.model.ObjectStore`.

    A container that is missing is made by the first write. Every method raises :class:`SinkError` when the account is
    not there, does not answer or refuses; none waits longer than some seconds. A write happens whole or not at all.
    """

    async def put(self, account: str, container: str, blob: str, data: bytes) -> None:
        """Make *blob* hold *data*, whatever it held."""

    async def write_blocks(self, account: str, container: str, blob: str, blocks: Sequence[Block]) -> None:
        """Make *blob* hold exactly *blocks*, in this order. Ids are 1 to 64 characters, all of one length in a blob."""

    async def read(self, account: str, container: str, blob: str) -> bytes | None:
        """All that *blob* holds; ``None``: there is no such blob."""

    async def names(self, account: str, container: str, prefix: str = "") -> list[str]:
        """Of all blobs whose names begin with *prefix*, in order. Without the container there are none."""

    async def delete(self, account: str, container: str, blob: str) -> None:
        """Have no such blob, whether there was one or not."""


class StoreError(Exception):
    """Storage accounts cannot be served; the text says why."""
