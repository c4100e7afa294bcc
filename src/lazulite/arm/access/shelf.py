"""Typed documents of one area, held in memory: read with every request, written rarely."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from lazulite.arm.backend import Documents

T = TypeVar("T")


class Shelf(Generic[T]):
    """Values by folded key, oldest first. *changed* is called after each write."""

    def __init__(self, documents: Documents, area: str, kind: Any, changed: Callable[[], None]) -> None:
        self._documents = documents
        self.area = area
        self._kind = kind
        self._changed = changed
        self._loaded: dict[str, T] | None = None

    @property
    def _held(self) -> dict[str, T]:
        if self._loaded is None:
            stored = self._documents.area(self.area)
            self._loaded = {k: msgspec.convert(v, self._kind) for k, v in stored.items()}
        return self._loaded

    def get(self, key: str) -> T | None:
        return self._held.get(key.lower())

    def put(self, key: str, value: T) -> T:
        self._documents.put(self.area, key.lower(), value)
        self._held[key.lower()] = value
        self._changed()
        return value

    def delete(self, key: str) -> None:
        self._documents.delete(self.area, key.lower())
        self._held.pop(key.lower(), None)
        self._changed()

    def forget(self) -> None:
        """Read the area anew when it is next asked: someone else has written, or is about to write, there."""
        self._loaded = None
        self._changed()

    def items(self) -> list[tuple[str, T]]:
        return list(self._held.items())

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._held.values()))

    def __len__(self) -> int:
        return len(self._held)
