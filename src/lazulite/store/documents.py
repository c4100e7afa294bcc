"""Small JSON values by area and key: operations, signing keys, settings, deployments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select

from lazulite.store.schema import DOCUMENT


class StoredDocuments:
    """Reads go to the database: these are few and rarely asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, area: str, key: str) -> Any | None:
        query = select(DOCUMENT.c.body).where(DOCUMENT.c.area == area, DOCUMENT.c.key == key)
        with self._engine.connect() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else msgspec.json.decode(body)

    def put(self, area: str, key: str, value: Any) -> None:
        with self._engine.begin() as connection:
            write_documents(connection, {(area, key): value})

    def delete(self, area: str, key: str) -> None:
        with self._engine.begin() as connection:
            write_documents(connection, {(area, key): None})

    def keys(self, area: str) -> list[str]:
        query = select(DOCUMENT.c.key).where(DOCUMENT.c.area == area).order_by(DOCUMENT.c.position)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def area(self, area: str) -> Mapping[str, Any]:
        query = select(DOCUMENT.c.key, DOCUMENT.c.body).where(DOCUMENT.c.area == area).order_by(DOCUMENT.c.position)
        with self._engine.connect() as connection:
            return {key: msgspec.json.decode(body) for key, body in connection.execute(query)}


def write_documents(connection: Connection, values: Mapping[tuple[str, str], Any | None]) -> None:
    """Write *values* within the caller's transaction; ``None`` deletes."""
    for (area, key), value in values.items():
        connection.execute(delete(DOCUMENT).where(DOCUMENT.c.area == area, DOCUMENT.c.key == key))
        if value is not None:
            last = select(func.coalesce(func.max(DOCUMENT.c.position), 0) + 1).where(DOCUMENT.c.area == area)
            row = {"area": area, "key": key, "body": msgspec.json.encode(value), "position": last.scalar_subquery()}
            connection.execute(insert(DOCUMENT).values(row))
