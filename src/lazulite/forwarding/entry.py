"""What every entry of the forwarding model is."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

EntryKey: TypeAlias = tuple[str, str]
"""Entry type and name."""


class Entry(msgspec.Struct, frozen=True, tag=True):
    """Base of all entries. ``name`` is unique among entries of one type."""

    name: str

    @property
    def key(self) -> EntryKey:
        return type(self).__name__, self.name
