"""The tables, in SQLAlchemy Core: SQLite today, PostgreSQL by URL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
)

METADATA = MetaData()

RESOURCE = Table(
    "resource",
    METADATA,
    Column("key", String, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)
"""One row a resource, children inside; ``key`` is the folded id."""

JOURNAL = Table(
    "journal",
    METADATA,
    Column("revision", BigInteger, primary_key=True),
    Column("key", String, primary_key=True),
    Column("id", String, nullable=False),
    Column("operation", String, nullable=False),
    Column("at", String, nullable=False),
)
"""What each revision wrote and deleted. The newest revision always has a row."""

FORMER = Table(
    "former",
    METADATA,
    Column("revision", BigInteger, primary_key=True),
    Column("key", String, primary_key=True),
    Column("document", LargeBinary),
)
"""What each revision took the place of: the document that was there before, null where there was none."""

DOCUMENT = Table(
    "document",
    METADATA,
    Column("area", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("position", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Index("document_order", "area", "position"),
)


def connect(url: str) -> Engine:
    """An engine on *url* with the tables in place."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    METADATA.create_all(engine)
    return engine


def _tune_sqlite(connection: Any, _record: Any) -> None:
    # WAL with synchronous=NORMAL: a commit is in the file (the page cache) when it returns, so it outlives the
    # process whatever kills it; only a power cut can take the last ones.
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
