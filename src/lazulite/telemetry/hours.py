"""Where records lie: a blob an hour and interface, which is valid JSON after every write."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

HOUR_S = 3600
_HEAD, _TAIL = b'{"records":[', b"]}"
_HEAD_ID, _TAIL_ID = "00000000", "99999999"
_PLACE = re.compile(r"/y=(\d{4})/m=(\d\d)/d=(\d\d)/h=(\d\d)/m=00/macAddress=[^/]+/PT1H\.json$")


def name(prefix: str, at: float, mac: str) -> str:
    """The blob that holds what happened within the hour of *at*. Source: facts/network-watcher.md, "NSG flow logs"."""
    hour = datetime.fromtimestamp(at, UTC)
    return f"{prefix.rstrip('/')}/y={hour:%Y}/m={hour:%m}/d={hour:%d}/h={hour:%H}/m=00/macAddress={mac}/PT1H.json"


def outdated(names: Iterable[str], days: int, now: float) -> list[str]:
    """Blobs of hours that began more than *days* ago; 0 days keep everything."""
    limit = datetime.fromtimestamp(now, UTC) - timedelta(days=days)
    return [n for n in names if days and (hour := began(n)) is not None and hour < limit]


def began(blob: str) -> datetime | None:
    """The hour that a blob is of; ``None``: it is none of ours."""
    found = _PLACE.search(blob)
    return datetime.strptime("".join(found.groups()), "%Y%m%d%H").replace(tzinfo=UTC) if found else None


class Hour:
    """The blocks of one blob: a head, records, a tail. The tail comes last again with every write."""

    def __init__(self, found: bytes | None = None) -> None:
        """*found* is what the blob holds already."""
        self.written = 0
        """Records."""
        kept = found[: -len(_TAIL)] if found is not None and found.startswith(_HEAD) and found.endswith(_TAIL) else None
        self._head = kept or _HEAD
        self._empty = self._head == _HEAD
        self._committed: list[str] = []

    def blocks(self, records: Iterable[bytes]) -> list[tuple[str, bytes | None]]:
        """What to write so that *records* are added; nothing counts as written until :meth:`commit`."""
        found: list[tuple[str, bytes | None]] = [(_HEAD_ID, None if self._committed else self._head)]
        found += [(block, None) for block in self._committed[1:-1]]
        first = self._empty and not self.written
        added = b",".join(records)
        found.append((f"{len(found):08}", added if first else b"," + added))
        return [*found, (_TAIL_ID, _TAIL)]

    def commit(self, blocks: list[tuple[str, bytes | None]], records: int) -> None:
        """They were stored."""
        self._committed = [block for block, _ in blocks]
        self.written += records
