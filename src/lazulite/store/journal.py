"""The store: one transaction a revision, a journal of what each wrote, and the snapshot of the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from lazulite.resources.model import Resource
from lazulite.resources.view import Registry, Snapshot
from lazulite.store import form, history
from lazulite.store.documents import StoredDocuments, write_documents
from lazulite.store.form import StoreError
from lazulite.store.schema import JOURNAL, RESOURCE, connect

__all__ = ["Change", "Store", "StoreError"]

# Built once: building a statement costs SQLAlchemy more than running it costs SQLite.
_AT = RESOURCE.c.key == bindparam("at_key")
_INSERT = insert(RESOURCE).values(key=bindparam("at_key"), document=bindparam("content"))
_UPDATE = update(RESOURCE).where(_AT).values(document=bindparam("content"))
_DELETE = delete(RESOURCE).where(_AT)
_JOURNAL = insert(JOURNAL)
_PRUNE_EVERY = 256
"""Revisions between two cuts of the journal, so that no single commit pays for it."""


class Change(msgspec.Struct, frozen=True):
    """One row of the journal. ``operation`` is ``write`` or ``delete``; ``at`` is ISO 8601, UTC."""

    revision: int
    id: str
    operation: str
    at: str


class Store:
    """Documents and their journal. One process owns a store; its methods are called from one thread."""

    def __init__(
        self,
        url: str,
        registry: Registry,
        *,
        journal_limit: int = 10_000,
        history_bytes: int = 64 << 20,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Open *url* (``sqlite:///path``), creating it when it is new.

        *journal_limit* is how many revisions the journal keeps, *history_bytes* how much of what they wrote over.
        Raises :class:`StoreError` when a document can not be read.
        """
        self._engine = connect(url)
        self._registry = registry
        self._limit, self._history_bytes = journal_limit, history_bytes
        self._now = now
        self.documents = StoredDocuments(self._engine)
        self.snapshot = self._load()

    def commit(
        self,
        changes: Mapping[str, Resource[Any] | None],
        documents: Mapping[tuple[str, str], Any | None] | None = None,
    ) -> tuple[Snapshot, set[Any]]:
        """Write whole resources by id key (``None`` deletes) and *documents* by area and key, all or nothing.

        When it returns the write outlives the process. Gives the new snapshot, in which the written resources carry
        its revision, and the read keys that the change invalidates.
        """
        revision = self.snapshot.revision + 1
        at = self._now().isoformat()
        written = {k: r and self._stamped(k, r, revision, at) for k, r in changes.items()}
        with self._engine.begin() as connection:
            self._write(connection, revision, written, at)
            if documents:
                write_documents(connection, documents)
            if revision % _PRUNE_EVERY == 0:
                connection.execute(delete(JOURNAL).where(JOURNAL.c.revision <= revision - self._limit))
                history.prune(connection, self._limit, self._history_bytes)
        self.snapshot, touched = self.snapshot.with_changes(revision, written)
        return self.snapshot, touched

    def since(self, revision: int) -> Iterator[Change]:
        """What was written after *revision*, oldest first, as far back as the journal goes."""
        columns = JOURNAL.c
        query = (
            select(columns.revision, columns.id, columns.operation, columns.at)
            .where(columns.revision > revision)
            .order_by(columns.revision, columns.key)
        )
        with self._engine.connect() as connection:
            yield from (Change(*row) for row in connection.execute(query))

    def at(self, revision: int) -> Snapshot:
        """Everything as it was at *revision*. Raises :class:`StoreError` when that is not kept."""
        former = history.former(self._engine, revision, self.snapshot.revision)
        changes = {
            k: None if document is None else form.read(document, self._registry) for k, document in former.items()
        }
        return self.snapshot.with_changes(revision, changes)[0]

    @property
    def earliest(self) -> int:
        """The oldest revision that :meth:`at` can tell."""
        return history.earliest(self._engine, self.snapshot.revision)

    def revision_at(self, moment: datetime) -> int:
        """The last revision that was written by then."""
        return history.at_time(self._engine, moment.astimezone(UTC).isoformat())

    def close(self) -> None:
        self._engine.dispose()

    def _load(self) -> Snapshot:
        with self._engine.connect() as connection:
            rows = connection.execute(select(RESOURCE.c.key, RESOURCE.c.document)).all()
            revision = connection.execute(select(func.max(JOURNAL.c.revision))).scalar() or 0
        resources = {key: form.read(document, self._registry) for key, document in rows}
        return Snapshot().with_changes(revision, resources)[0]

    def _stamped(self, key: str, resource: Resource[Any], revision: int, at: str) -> Resource[Any]:
        old = self.snapshot.get(key)
        created = resource.created or (old.created if old is not None else at)
        return msgspec.structs.replace(resource, revision=revision, created=created, changed=at)

    def _write(
        self, connection: Connection, revision: int, changes: Mapping[str, Resource[Any] | None], at: str
    ) -> None:
        if not changes:
            raise ValueError("a commit without changes would have no row in the journal")
        known = self.snapshot.resources
        history.keep(connection, revision, (k for k in changes if k in known), (k for k in changes if k not in known))
        rows = {k: {"at_key": k, "content": form.write(r, self._registry)} for k, r in changes.items() if r is not None}
        for statement, keys in (
            (_INSERT, [k for k in rows if k not in known]),
            (_UPDATE, [k for k in rows if k in known]),
        ):
            if keys:
                connection.execute(statement, [rows[k] for k in keys])
        gone = [{"at_key": k} for k in changes if k not in rows]
        if gone:
            connection.execute(_DELETE, gone)
        connection.execute(_JOURNAL, [self._entry(revision, k, r, at) for k, r in changes.items()])

    def _entry(self, revision: int, key: str, resource: Resource[Any] | None, at: str) -> dict[str, Any]:
        known = resource or self.snapshot.get(key)
        operation = "delete" if resource is None else "write"
        return {
            "revision": revision,
            "key": key,
            "id": known.id.text if known else key,
            "operation": operation,
            "at": at,
        }
