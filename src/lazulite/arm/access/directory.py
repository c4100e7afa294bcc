"""The directory of a lab's tenant: users, groups, applications, service principals, managed identities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from lazulite.arm.access.identities import Identities
from lazulite.arm.access.principals import Application, DirectoryObject, Group, Principal, ServicePrincipal, User
from lazulite.arm.access.shelf import Shelf
from lazulite.arm.backend import Backend

T = TypeVar("T")

AREA = "directory"


class Directory:
    """Objects by id. Managed identities of resources are here as long as their resource is."""

    def __init__(self, backend: Backend, changed: Callable[[], None]) -> None:
        self._shelf: Shelf[DirectoryObject] = Shelf(backend.store.documents, AREA, DirectoryObject, changed)
        self.identities = Identities(backend)

    def put(self, found: DirectoryObject) -> None:
        self._shelf.put(found.id, found)

    def forget(self) -> None:
        """Read it anew: someone else has written it."""
        self._shelf.forget()

    def find(self, object_id: str) -> DirectoryObject | None:
        return self._shelf.get(object_id) or self.identities.find(object_id)

    def principal(self, object_id: str) -> Principal | None:
        found = self.find(object_id)
        return None if isinstance(found, Application) else found

    def all(self, kind: type[T]) -> Iterator[T]:
        """Every object of *kind*, oldest first, managed identities last."""
        yield from (found for found in self._shelf if isinstance(found, kind))
        yield from (found for found in self.identities.all() if isinstance(found, kind))

    def client(self, app_id: str) -> ServicePrincipal | None:
        """The service principal of an application id."""
        wanted = app_id.lower()
        return next((s for s in self.all(ServicePrincipal) if s.app_id == wanted), None)

    def application(self, app_id: str) -> Application | None:
        wanted = app_id.lower()
        return next((a for a in self.all(Application) if a.app_id == wanted), None)

    def user(self, name: str) -> User | None:
        """By object id or user principal name."""
        wanted = name.lower()
        return next((u for u in self.all(User) if wanted in (u.id, u.user_principal_name.lower())), None)

    def groups_of(self, object_id: str) -> set[str]:
        """Ids of the groups that *object_id* is a member of, directly or through others."""
        groups = list(self.all(Group))
        found: set[str] = set()
        fresh = {object_id.lower()}
        while fresh:
            fresh = {g.id for g in groups if not fresh.isdisjoint(g.members)} - found
            found |= fresh
        return found

    def delete(self, found: DirectoryObject) -> None:
        """Delete it, take it out of the groups it is in, and an application's service principal with it."""
        self._shelf.delete(found.id)
        for group in list(self.all(Group)):
            if found.id in (*group.members, *group.owners):
                self.put(without(group, found.id))
        if isinstance(found, Application):
            principal = self.client(found.app_id)
            if principal is not None:
                self.delete(principal)


def without(group: Group, object_id: str) -> Group:
    """*group* with neither a member nor an owner of that id."""
    members = tuple(m for m in group.members if m != object_id)
    owners = tuple(o for o in group.owners if o != object_id)
    return msgspec.structs.replace(group, members=members, owners=owners)
