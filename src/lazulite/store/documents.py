"""Small JSON values by area and key: operations, signing keys, settings, deployments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update

from lazulite.store.schema import DOCUMENT

# Statements are built once: building one costs SQLAlchemy more than running it costs SQLite.
_AT = (DOCUMENT.c.area == bindparam("in_area"), DOCUMENT.c.key == bindparam("at_key"))
_IN = DOCUMENT.c.area == bindparam("in_area")
_GET = select(DOCUMENT.c.body).where(*_AT)
_KEYS = select(DOCUMENT.c.key).where(_IN).order_by(DOCUMENT.c.position)
_AREA = select(DOCUMENT.c.key, DOCUMENT.c.body).where(_IN).order_by(DOCUMENT.c.position)
_DELETE = delete(DOCUMENT).where(*_AT)
_UPDATE = update(DOCUMENT).where(*_AT).values(body=bindparam("content"))
_INSERT = insert(DOCUMENT).values(
    area=bindparam("in_area"),
    key=bindparam("at_key"),
    body=bindparam("content"),
    position=select(func.coalesce(func.max(DOCUMENT.c.position), 0) + 1).where(_IN).scalar_subquery(),
)


class StoredDocuments:
    """Reads go to the database: these are few and rarely asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, area: str, key: str) -> Any | None:
        with self._engine.connect() as connection:
            body = connection.execute(_GET, {"in_area": area, "at_key": key}).scalar()
        return None if body is None else msgspec.json.decode(body)

    def put(self, area: str, key: str, value: Any) -> None:
        with self._engine.begin() as connection:
            write_documents(connection, {(area, key): value})

    def delete(self, area: str, key: str) -> None:
        with self._engine.begin() as connection:
            write_documents(connection, {(area, key): None})

    def keys(self, area: str) -> list[str]:
        """Keys of *area*, in the order they were first written."""
        with self._engine.connect() as connection:
            return list(connection.execute(_KEYS, {"in_area": area}).scalars())

    def area(self, area: str) -> Mapping[str, Any]:
        """Values of *area*, in the order they were first written."""
        with self._engine.connect() as connection:
            return {key: msgspec.json.decode(body) for key, body in connection.execute(_AREA, {"in_area": area})}


def write_documents(connection: Connection, values: Mapping[tuple[str, str], Any | None]) -> None:
    """Write *values* within the caller's transaction; ``None`` deletes."""
    for (area, key), value in values.items():
        place = {"in_area": area, "at_key": key}
        if value is None:
            connection.execute(_DELETE, place)
            continue
        row = {**place, "content": msgspec.json.encode(value)}
        if not connection.execute(_UPDATE, row).rowcount:
            connection.execute(_INSERT, row)
