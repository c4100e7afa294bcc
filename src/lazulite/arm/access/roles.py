"""Role definitions: the built-in ones and the lab's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lazulite.arm.access.built_in_roles import BUILT_IN, Role
from lazulite.arm.access.shelf import Shelf
from lazulite.arm.backend import Documents

AREA = "roleDefinitions"


class Roles:
    """Role definitions by GUID."""

    def __init__(self, documents: Documents, changed: Callable[[], None]) -> None:
        self.custom: Shelf[Role] = Shelf(documents, AREA, Role, changed)

    def find(self, name: str) -> Role | None:
        return BUILT_IN.get(name.lower()) or self.custom.get(name)

    def named(self, role_name: str) -> Role | None:
        """Names of roles are unique in a tenant, and compare without case."""
        return next((r for r in self if r.role_name.lower() == role_name.lower()), None)

    def __iter__(self) -> Iterator[Role]:
        yield from BUILT_IN.values()
        yield from self.custom
