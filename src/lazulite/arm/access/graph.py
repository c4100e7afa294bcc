"""The directory's REST surface, ``/graph/v1.0/…``: the part of Microsoft Graph that az and Terraform use.

Whoever is signed in may read; writing takes the right to give access at the root, since who writes the directory can
sign in as anybody in it. Source: "Microsoft Graph REST API v1.0", and the requests of azure-cli 2.91.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from lazulite.arm.access import graph_objects as wire
from lazulite.arm.access.access import Access
from lazulite.arm.access.caller import current
from lazulite.arm.access.credentials import digest, new_secret
from lazulite.arm.access.filters import same, selected
from lazulite.arm.access.graph_objects import bad_request
from lazulite.arm.access.principals import (
    Application,
    DirectoryObject,
    Group,
    Named,
    Password,
    ServicePrincipal,
    User,
)
from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError, method_not_allowed
from lazulite.arm.message import Request, Response

WRITE = "Microsoft.Authorization/directoryObjects/write"
"""Our name for the permission: no built-in role but Owner and User Access Administrator has it."""
_QUESTIONS = frozenset({"getbyids", "getmembergroups", "checkmembergroups"})
"""POST verbs that only read."""
_COLLECTIONS: dict[str, type[Any]] = {
    "users": User,
    "groups": Group,
    "applications": Application,
    "serviceprincipals": ServicePrincipal,
    "directoryobjects": Named,
}


class Graph:
    """Answers everything below ``/graph``. Raises :class:`ArmError`."""

    def __init__(self, backend: Backend, access: Access) -> None:
        self._backend = backend
        self._access = access
        self._directory = access.directory
        self._makers: dict[type, Callable[[Any], DirectoryObject]] = {
            User: self._new_user,
            Group: self._new_group,
            Application: self._new_application,
            ServicePrincipal: self._new_service_principal,
        }
        self._verbs: dict[str, Callable[[DirectoryObject, Any], Response]] = {
            "addpassword": self._add_password,
            "removepassword": self._remove_password,
            "getmembergroups": self._member_groups,
            "checkmembergroups": self._check_member_groups,
        }

    async def answer(self, request: Request) -> Response:
        path = request.folded[2:]
        if request.folded[1:2] not in (["v1.0"], ["beta"]) or not path:
            raise _no_segment(request.path)
        if request.method != "GET" and path[-1] not in _QUESTIONS:
            self._authorise()
        if path[0] == "me":
            return self._me(path[1:])
        kind = _COLLECTIONS.get(path[0])
        if kind is None:
            raise _no_segment(request.segments[2])
        if path == ["directoryobjects", "getbyids"]:
            return self._by_ids(request.body)
        if len(path) == 1:
            return self._collection(request, kind)
        found = self._known(kind, request.segments[3])
        if len(path) == 2:
            return self._object(request, found)
        return self._below(request, found, path[2:])

    def _authorise(self) -> None:
        caller = current()
        if caller is not None and not self._access.allowed(caller.oid, WRITE, "/"):
            message = "Insufficient privileges to complete the operation."
            raise ArmError(403, "Authorization_RequestDenied", message)

    def _me(self, below: list[str]) -> Response:
        caller = current()
        found = self._directory.find(caller.oid) if caller else None
        if not isinstance(found, User):
            raise ArmError(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
        if below == ["ownedobjects"]:
            every = self._directory.all(Named)
            return _list([wire.shown(o) for o in every if found.id in getattr(o, "owners", ())])
        if below:
            raise _no_segment("/".join(below))
        return Response(200, wire.shown(found))

    def _by_ids(self, body: Any) -> Response:
        ids = body.get("ids") if isinstance(body, dict) else None
        if not isinstance(ids, list) or len(ids) > 1000:
            raise bad_request("'ids' must be a list of at most 1000 object ids.")
        found = (self._directory.find(str(each)) for each in ids)
        return _list([wire.shown(f) for f in found if f is not None])

    def _collection(self, request: Request, kind: type[Any]) -> Response:
        if request.method == "GET":
            every = list(self._directory.all(kind))
            found = selected(every, request.query.get("$filter", ""), _TESTS)
            return _list([wire.shown(f) for f in found])
        if request.method != "POST" or kind not in self._makers:
            raise method_not_allowed(request.method, request.path)
        made = self._makers[kind](request.body)
        self._directory.put(made)
        return Response(201, wire.shown(made))

    def _object(self, request: Request, found: DirectoryObject) -> Response:
        if request.method == "GET":
            return Response(200, wire.shown(found))
        self._refuse_derived(found)
        if request.method == "PATCH":
            new = wire.changed(found, request.body)
            self._check_enabled(new)
            self._directory.put(new)
            return Response(204)
        if request.method == "DELETE":
            self._check_admin(found)
            self._directory.delete(found)
            return Response(204)
        raise method_not_allowed(request.method, request.path)

    def _below(self, request: Request, found: DirectoryObject, path: list[str]) -> Response:
        """Members, owners and verbs of an object."""
        if len(path) == 1 and request.method == "POST" and path[0] in self._verbs:
            return self._verbs[path[0]](found, request.body)
        if path[0] not in ("members", "owners") or not hasattr(found, path[0]):
            raise _no_segment("/".join(path))
        if path[1:] == [] and request.method == "GET":
            linked = (self._directory.find(i) for i in getattr(found, path[0]))
            return _list([wire.shown(each) for each in linked if each is not None])
        self._refuse_derived(found)
        if path[1:] == ["$ref"] and request.method == "POST":
            return self._add_link(found, path[0], request.body)
        if len(path) == 3 and path[2] == "$ref" and request.method == "DELETE":
            return self._remove_link(found, path[0], path[1])
        raise method_not_allowed(request.method, request.path)

    def _add_link(self, found: DirectoryObject, links: str, body: Any) -> Response:
        reference = body.get("@odata.id") if isinstance(body, dict) else None
        other = self._known(Named, str(reference).rstrip("/").rpartition("/")[2])
        held: tuple[str, ...] = getattr(found, links)
        if other.id in held:
            message = (
                f"One or more added object references already exist for the following modified properties: '{links}'."
            )
            raise bad_request(message)
        self._directory.put(msgspec.structs.replace(found, **{links: (*held, other.id)}))
        return Response(204)

    def _remove_link(self, found: DirectoryObject, links: str, other: str) -> Response:
        held: tuple[str, ...] = getattr(found, links)
        if other not in held:
            raise _not_found(other)
        self._directory.put(msgspec.structs.replace(found, **{links: tuple(i for i in held if i != other)}))
        return Response(204)

    def _add_password(self, found: DirectoryObject, body: Any) -> Response:
        holder = _with_credentials(found)
        self._refuse_derived(found)
        asked = body.get("passwordCredential") if isinstance(body, dict) else None
        draft = wire.drafted(asked or {}, wire.PasswordDraft)
        secret = new_secret()
        made = Password(
            self._backend.new_id(),
            digest(secret),
            secret[:3],
            draft.display_name,
            draft.start_date_time or self._backend.now().isoformat(),
            draft.end_date_time,
        )
        self._directory.put(msgspec.structs.replace(holder, passwords=(*holder.passwords, made)))
        return Response(200, wire.password(made, secret))

    def _remove_password(self, found: DirectoryObject, body: Any) -> Response:
        holder = _with_credentials(found)
        self._refuse_derived(found)
        gone = body.get("keyId") if isinstance(body, dict) else None
        kept = tuple(p for p in holder.passwords if p.key_id != gone)
        if len(kept) == len(holder.passwords):
            raise bad_request(f"No password credential found with keyId '{gone}'.")
        self._directory.put(msgspec.structs.replace(holder, passwords=kept))
        return Response(204)

    def _member_groups(self, found: DirectoryObject, body: Any) -> Response:
        return _list(sorted(self._directory.groups_of(found.id)))

    def _check_member_groups(self, found: DirectoryObject, body: Any) -> Response:
        asked = body.get("groupIds") if isinstance(body, dict) else None
        if not isinstance(asked, list):
            raise bad_request("'groupIds' must be a list of object ids.")
        held = self._directory.groups_of(found.id)
        return _list([each for each in asked if str(each).lower() in held])

    def _new_user(self, body: Any) -> User:
        draft = wire.drafted(body, wire.UserDraft)
        name = draft.user_principal_name or ""
        if not name or not draft.display_name:
            raise bad_request("A value is required for the properties 'displayName' and 'userPrincipalName'.")
        if self._directory.user(name) is not None:
            message = "Another object with the same value for property userPrincipalName already exists."
            raise bad_request(message)
        secret = draft.password_profile.password
        return User(
            id=self._backend.new_id(),
            display_name=draft.display_name,
            further=wire.further(body, wire.UserDraft),
            user_principal_name=name,
            mail_nickname=draft.mail_nickname or name.partition("@")[0],
            account_enabled=draft.account_enabled,
            digest=digest(secret) if secret else "",
        )

    def _new_group(self, body: Any) -> Group:
        draft = wire.drafted(body, wire.GroupDraft)
        if not draft.display_name:
            raise bad_request("A value is required for property 'displayName' of resource 'Group'.")
        return Group(
            id=self._backend.new_id(),
            display_name=draft.display_name,
            further=wire.further(body, wire.GroupDraft),
            mail_nickname=draft.mail_nickname or draft.display_name,
            description=draft.description,
        )

    def _new_application(self, body: Any) -> Application:
        draft = wire.drafted(body, wire.ApplicationDraft)
        if not draft.display_name:
            raise bad_request("A value is required for property 'displayName' of resource 'Application'.")
        caller = current()
        return Application(
            id=self._backend.new_id(),
            display_name=draft.display_name,
            further=wire.further(body, wire.ApplicationDraft),
            app_id=self._backend.new_id(),
            identifier_uris=draft.identifier_uris,
            keys=wire.keys(draft.key_credentials),
            owners=(caller.oid,) if caller else (),
        )

    def _new_service_principal(self, body: Any) -> ServicePrincipal:
        draft = wire.drafted(body, wire.ServicePrincipalDraft)
        application = self._directory.application(draft.app_id or "")
        if application is None:
            message = f"The appId '{draft.app_id}' of the service principal does not reference a valid application."
            raise bad_request(message)
        if self._directory.client(application.app_id) is not None:
            message = (
                "The service principal cannot be created, updated, or restored because the service principal name "
                f"{application.app_id} is already in use."
            )
            raise ArmError(409, "Request_MultipleObjectsWithSameKeyValue", message)
        return ServicePrincipal(
            id=self._backend.new_id(),
            display_name=draft.display_name or application.display_name,
            further=wire.further(body, wire.ServicePrincipalDraft),
            app_id=application.app_id,
            account_enabled=draft.account_enabled,
            keys=wire.keys(draft.key_credentials),
        )

    def _known(self, kind: type[Any], name: str) -> DirectoryObject:
        found = self._directory.user(name) if kind is User else self._directory.find(name)
        if found is None or not isinstance(found, kind):
            raise _not_found(name)
        return found

    def _refuse_derived(self, found: DirectoryObject) -> None:
        if self._directory.identities.find(found.id) is not None:
            raise bad_request("The managed identity of a resource is changed and deleted with its resource.")

    def _check_admin(self, found: DirectoryObject) -> None:
        if not self._access.keeps_an_admin(principal=found.id):
            raise bad_request("The last principal that can give access at the root of the lab can not be taken away.")

    def _check_enabled(self, new: DirectoryObject) -> None:
        if isinstance(new, User | ServicePrincipal) and not new.account_enabled:
            self._check_admin(new)


def _read(name: str) -> Callable[[Any], str]:
    return lambda found: str(wire.shown(found).get(name) or "")


def _starts(name: str) -> Callable[[Any, str], bool]:
    read = _read(name)
    return lambda found, value: read(found).lower().startswith(value.lower())


def _has(name: str) -> Callable[[Any, str], bool]:
    return lambda found, value: value.lower() in (v.lower() for v in wire.shown(found).get(name, ()))


_TESTS: dict[tuple[str, str], Callable[[Any, str], bool]] = {
    **{
        (name.lower(), "eq"): same(_read(name))
        for name in ("id", "displayName", "appId", "userPrincipalName", "mailNickname", "servicePrincipalType")
    },
    **{(n.lower(), "startswith"): _starts(n) for n in ("displayName", "userPrincipalName", "mailNickname")},
    **{(n.lower(), "any"): _has(n) for n in ("servicePrincipalNames", "identifierUris", "alternativeNames")},
}


def _with_credentials(found: DirectoryObject) -> Application | ServicePrincipal:
    if not isinstance(found, Application | ServicePrincipal):
        raise _no_segment("addPassword")
    return found


def _list(values: list[Any]) -> Response:
    return Response(200, {"value": values})


def _not_found(name: str) -> ArmError:
    message = f"Resource '{name}' does not exist or one of its queried reference-property objects are not present."
    return ArmError(404, "Request_ResourceNotFound", message)


def _no_segment(name: str) -> ArmError:
    return ArmError(400, "BadRequest", f"Resource not found for the segment '{name}'.")
