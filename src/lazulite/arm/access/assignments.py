"""Role assignments: which principal has which role where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from lazulite.arm.access.shelf import Shelf
from lazulite.arm.backend import Documents

AREA = "roleAssignments"


class Assignment(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One assignment. Times are as Azure prints them."""

    name: str
    """A GUID, folded; unique in the tenant."""
    scope: str
    """As the client spelled it; ``/`` is the root of the tenant."""
    role: str
    """GUID of the role definition, folded."""
    principal: str
    principal_type: str
    created_on: str
    updated_on: str
    created_by: str | None = None
    updated_by: str | None = None
    description: str | None = None

    @property
    def key(self) -> str:
        return scope_key(self.scope)


def scope_key(scope: str) -> str:
    """*scope* folded, without a slash at its end; the root is ``""``, so that it is above everything."""
    return scope.rstrip("/").lower()


def covers(above: str, below: str) -> bool:
    """Whether what is assigned at the scope key *above* holds at the scope key *below*."""
    return below == above or below.startswith(above + "/")


class Assignments:
    """Role assignments by GUID."""

    def __init__(self, documents: Documents, changed: Callable[[], None]) -> None:
        self.shelf: Shelf[Assignment] = Shelf(documents, AREA, Assignment, changed)

    def find(self, name: str) -> Assignment | None:
        return self.shelf.get(name)

    def same(self, wanted: Assignment) -> Assignment | None:
        """The assignment of the same role to the same principal at the same scope."""
        triple = (wanted.principal, wanted.role, wanted.key)
        return next((a for a in self if (a.principal, a.role, a.key) == triple), None)

    def below(self, scope: str) -> Mapping[tuple[str, str], None]:
        """The assignments at *scope* and below it, as documents to delete along with it.

        Whoever asks is about to commit: they are read anew afterwards.
        """
        key = scope_key(scope)
        found: dict[tuple[str, str], None] = {(AREA, a.name): None for a in self if covers(key, a.key)}
        if found:
            self.shelf.forget()
        return found

    def __iter__(self) -> Iterator[Assignment]:
        return iter(self.shelf)
