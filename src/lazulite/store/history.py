"""Former states: what the documents were before each of the last revisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, literal, select

from lazulite.store.form import StoreError
from lazulite.store.schema import FORMER, JOURNAL, RESOURCE

_KEPT = insert(FORMER).from_select(
    ["revision", "key", "document"],
    select(bindparam("in_revision"), RESOURCE.c.key, RESOURCE.c.document).where(RESOURCE.c.key == bindparam("at_key")),
)
_NONE = insert(FORMER).values(revision=bindparam("in_revision"), key=bindparam("at_key"), document=literal(None))


def keep(connection: Connection, revision: int, present: Iterable[str], absent: Iterable[str]) -> None:
    """Keep what *revision* is about to write over, and that it makes what was not there. Nothing is encoded again."""
    for statement, keys in ((_KEPT, present), (_NONE, absent)):
        rows = [{"in_revision": revision, "at_key": key} for key in keys]
        if rows:
            connection.execute(statement, rows)


def prune(connection: Connection, revisions: int, size: int) -> None:
    """Forget the oldest until there are no more than so many revisions, and bytes of documents."""
    octets = func.coalesce(func.sum(func.length(FORMER.c.document)), 0)
    query = select(FORMER.c.revision, octets).group_by(FORMER.c.revision).order_by(FORMER.c.revision.desc())
    total = 0
    for number, (revision, length) in enumerate(connection.execute(query)):
        total += length
        if number >= revisions or total > size:
            connection.execute(delete(FORMER).where(FORMER.c.revision <= revision))
            return


def earliest(engine: Engine, current: int) -> int:
    """The oldest revision whose documents can still be told."""
    with engine.connect() as connection:
        first = connection.execute(select(func.min(FORMER.c.revision))).scalar()
    return current if first is None else first - 1


def former(engine: Engine, revision: int, current: int) -> Mapping[str, bytes | None]:
    """By key, the document as of *revision* of everything that was written since; ``None``: there was none.

    Raises :class:`StoreError` when that is not known any more, or not yet.
    """
    first = earliest(engine, current)
    if not first <= revision <= current:
        raise StoreError(f"Revision {revision} cannot be told: only those from {first} to {current} are kept.")
    columns = FORMER.c
    query = select(columns.key, columns.document).where(columns.revision > revision).order_by(columns.revision.desc())
    with engine.connect() as connection:
        return {key: document for key, document in connection.execute(query)}


def at_time(engine: Engine, moment: str) -> int:
    """The last revision that was written by then (ISO 8601, UTC); 0 when there was none."""
    with engine.connect() as connection:
        return connection.execute(select(func.max(JOURNAL.c.revision)).where(JOURNAL.c.at <= moment)).scalar() or 0
