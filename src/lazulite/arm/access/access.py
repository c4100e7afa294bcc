"""The one decision: may this caller do this there?

Deny by default; a role assignment holds at its scope and everywhere below; roles add up, and ``notActions`` of one
take nothing from another. Source: "What is Azure RBAC?", "How Azure RBAC determines if a user has access".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from lazulite.arm.access import founding
from lazulite.arm.access.assignments import Assignments, covers, scope_key
from lazulite.arm.access.built_in_roles import RBAC_ADMINS
from lazulite.arm.access.caller import (
    Caller,
    authorization_failed,
    current,
    linked_authorization_failed,
)
from lazulite.arm.access.directory import Directory
from lazulite.arm.access.identities import ids
from lazulite.arm.access.linked import Link, links, moved_to
from lazulite.arm.access.permission import Permission
from lazulite.arm.access.principals import Principal, User
from lazulite.arm.access.roles import Roles
from lazulite.arm.access.sight import Sight
from lazulite.arm.access.wish import Wish, wish
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Catalogue
from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource

_MOVES = (["moveresources"], ["validatemoveresources"])


class Grant(msgspec.Struct, frozen=True):
    """What one role assignment gives: *permissions* at the scope key *scope* and below."""

    scope: str
    permissions: tuple[Permission, ...]

    @property
    def reads_all(self) -> bool:
        """Whether it is plain that nothing below its scope is hidden."""
        return any(p.permits("*/read") and not p.not_actions for p in self.permissions)

    @property
    def gives_all(self) -> bool:
        """Whether it is plain that it gives everything below its scope."""
        return any("*" in p.actions and not p.not_actions for p in self.permissions)

    def gives(self, action: str, scope: str) -> bool:
        """Both folded."""
        return covers(self.scope, scope) and any(p.permits(action) for p in self.permissions)


class Access:
    """Principals, roles and assignments of a lab, and what follows from them.

    Implements :class:`lazulite.services.service.Directory`.
    """

    def __init__(self, backend: Backend, catalogue: Catalogue) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._grants: dict[str, tuple[Grant, ...]] = {}
        """By object id; emptied by every change of anything they are made of."""
        self.directory = Directory(backend, self._grants.clear)
        self.roles = Roles(backend.store.documents, self._grants.clear)
        self.assignments = Assignments(backend.store.documents, self._grants.clear)
        self.cli_secret = founding.found(backend, self.directory, self.assignments)

    def caller(self, claims: Mapping[str, Any]) -> Caller | None:
        """Whom the claims of a token name, ``None`` when the directory does not know them or has disabled them."""
        principal = self.directory.principal(str(claims.get("oid", "")))
        if principal is None or not getattr(principal, "account_enabled", True):
            return None
        return Caller(principal.id, name_of(principal))

    def admit(self, caller: Caller, request: Request) -> None:
        """Raise the 403 of a request that *caller* may not make."""
        wanted = wish(request.method, request.segments)
        if wanted is None:
            return
        if wanted.listing:
            if not self.around(caller.oid, wanted.scope):
                raise authorization_failed(caller, wanted.action, wanted.scope)
            return
        self.authorise_wish(caller, wanted)
        if any(not grant.scope and grant.gives_all for grant in self.grants(caller.oid)):
            return
        if request.method in ("PUT", "PATCH") and "/providers/" in request.path.lower():
            self.authorise_links(caller, wanted, self._links(request.path, request.body))
        elif request.folded[4:] in _MOVES:
            self.authorise_links(caller, wanted, moved_to(request.body))

    def authorise(self, caller: Caller, action: str, scope: str) -> None:
        """Raise the 403 of an *action* that *caller* may not do on *scope*."""
        self.authorise_wish(caller, Wish(action, scope))

    def authorise_wish(self, caller: Caller, wanted: Wish) -> None:
        asked = ((wanted.action, wanted.scope), *wanted.instead)
        if not any(self.allowed(caller.oid, action, scope) for action, scope in asked):
            raise authorization_failed(caller, wanted.action, wanted.scope)

    def authorise_links(self, caller: Caller, wanted: Wish, found: Iterable[Link]) -> None:
        """Raise the 403 of a write that refers to what *caller* may not refer to."""
        missing = [
            (link.actions[0], link.target)
            for link in found
            if not any(self.allowed(caller.oid, action, link.target) for action in link.actions)
        ]
        if missing:
            raise linked_authorization_failed(caller, wanted.action, wanted.scope, missing)

    def authorise_write(self, caller: Caller, resource: ResourceId, body: Any) -> None:
        """The whole check of a PUT that a template makes."""
        wanted = wish("PUT", resource.text.split("/")[1:])
        if wanted is not None:
            self.authorise_wish(caller, wanted)
            self.authorise_links(caller, wanted, self._links(resource.text, body))

    def allowed(self, oid: str, action: str, scope: str) -> bool:
        """Whether the principal may do *action* on *scope*."""
        folded, key = action.lower(), scope_key(scope)
        return any(grant.gives(folded, key) for grant in self.grants(oid))

    def principal(self, identity: Resource[Any]) -> str:
        """Object id of the managed identity that a resource is; empty where it is none."""
        return ids(identity).get("principalId", "")

    def holders(self, principal: str) -> Collection[str]:
        """The object ids by which a principal has rights: its own, and those of its groups."""
        return {principal, *self.directory.groups_of(principal)}

    def may(self, principal: str, action: str, scope: str) -> bool:
        """Whether roles give the principal the data action *action* on *scope*."""
        folded, key = action.lower(), scope_key(scope)
        given = (p for g in self.grants(principal) if covers(g.scope, key) for p in g.permissions)
        return any(p.permits_data(folded) for p in given)

    def around(self, oid: str, scope: str) -> bool:
        """Whether the principal has any role at *scope*, above it or somewhere below."""
        key = scope_key(scope)
        return any(covers(g.scope, key) or covers(key, g.scope) for g in self.grants(oid))

    def sees(self, resource: ResourceId) -> bool:
        """Whether whoever asks may read *resource*; lists leave out what they may not."""
        caller = current()
        if caller is None:
            return True
        if any(not grant.scope and grant.reads_all for grant in self.grants(caller.oid)):
            return True
        wanted = wish("GET", resource.text.split("/")[1:])
        return wanted is None or self.allowed(caller.oid, wanted.action, wanted.scope)

    def knows(self, scope: ResourceId) -> bool:
        """Whether whoever asks has any role in *scope* or around it."""
        caller = current()
        return caller is None or self.around(caller.oid, scope.text)

    def sight(self, action: str) -> Sight | None:
        """What whoever asks may read; ``None`` for who may do *action* at the root, and so may read all."""
        caller = current()
        if caller is None or self.allowed(caller.oid, action, "/"):
            return None
        return Sight(caller, lambda: self._of(caller.oid))

    def _of(self, oid: str) -> tuple[Grant, ...]:
        """The grants of one who asked some time ago: none when it may not act any more."""
        principal = self.directory.principal(oid)
        return self.grants(oid) if principal is not None and getattr(principal, "account_enabled", True) else ()

    def grants(self, oid: str) -> tuple[Grant, ...]:
        found = self._grants.get(oid)
        if found is None:
            found = self._grants[oid] = tuple(self._granted(oid))
        return found

    def permissions(self, oid: str, scope: str) -> list[Permission]:
        """What the principal's roles permit at *scope*, one entry for each."""
        key = scope_key(scope)
        return [p for g in self.grants(oid) if covers(g.scope, key) for p in g.permissions]

    def keeps_an_admin(self, *, assignment: str = "", principal: str = "") -> bool:
        """Whether somebody in the directory can still give access at the root without *assignment* or *principal*."""
        admins = [a for a in self.assignments if not a.key and a.role in RBAC_ADMINS]
        return any(
            a.name != assignment and a.principal != principal and self.directory.principal(a.principal) is not None
            for a in admins
        )

    def reload(self) -> None:
        """Read everything anew: someone has put other documents in the place of ours."""
        self.directory.forget()
        self.roles.custom.forget()
        self.assignments.shelf.forget()

    def _granted(self, oid: str) -> Iterable[Grant]:
        holders = {oid, *self.directory.groups_of(oid)}
        for assignment in self.assignments:
            role = self.roles.find(assignment.role) if assignment.principal in holders else None
            if role is not None:
                yield Grant(assignment.key, role.permissions)

    def _links(self, path: str, body: Any) -> Iterable[Link]:
        """What a write of *body* to *path* refers to; nothing when the type is not one of the services'."""
        try:
            address = self._catalogue.address(ResourceId.parse(path))
        except (ArmError, ValueError):
            return ()
        return links(address.root, address.type_name, address.model, body)


def name_of(principal: Principal) -> str:
    """How messages name it, and logs."""
    if isinstance(principal, User):
        return principal.user_principal_name
    return getattr(principal, "app_id", principal.display_name)
