"""Directory objects on the wire, as Microsoft Graph v1.0 spells them, and back.

Source: "user", "group", "application", "servicePrincipal", "passwordCredential", "keyCredential" resource types.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from lazulite.arm.access.credentials import digest, is_certificate
from lazulite.arm.access.principals import (
    Application,
    DirectoryObject,
    Group,
    Key,
    Named,
    Password,
    ServicePrincipal,
    User,
)
from lazulite.arm.errors import ArmError

D = TypeVar("D")

_OURS = {"id", "passwordCredentials", "passwordProfile", "createdDateTime", "deletedDateTime", "appDisplayName"}
"""Members that are never kept as they were sent."""


class PasswordProfile(msgspec.Struct, frozen=True, rename="camel"):
    password: str | None = None


class SentKey(msgspec.Struct, frozen=True, rename="camel"):
    """``keyCredentials[]``. Graph leaves ``key`` out when it lists them, so a known one may come without it."""

    key: str | None = None
    key_id: str | None = None
    type: str = "AsymmetricX509Cert"
    usage: str = "Verify"
    display_name: str | None = None
    start_date_time: str | None = None
    end_date_time: str | None = None


class UserDraft(msgspec.Struct, frozen=True, rename="camel"):
    display_name: str | None = None
    user_principal_name: str | None = None
    mail_nickname: str | None = None
    account_enabled: bool = True
    password_profile: PasswordProfile = PasswordProfile()


class GroupDraft(msgspec.Struct, frozen=True, rename="camel"):
    display_name: str | None = None
    mail_nickname: str | None = None
    description: str | None = None


class ApplicationDraft(msgspec.Struct, frozen=True, rename="camel"):
    display_name: str | None = None
    identifier_uris: tuple[str, ...] = ()
    key_credentials: tuple[SentKey, ...] = ()


class ServicePrincipalDraft(msgspec.Struct, frozen=True, rename="camel"):
    app_id: str | None = None
    display_name: str | None = None
    account_enabled: bool = True
    key_credentials: tuple[SentKey, ...] = ()


class PasswordDraft(msgspec.Struct, frozen=True, rename="camel"):
    display_name: str | None = None
    start_date_time: str | None = None
    end_date_time: str | None = None


def drafted(body: Any, kind: type[D]) -> D:
    """*body* as a draft of *kind*; members that are ``null`` count as absent. Raises the 400 of a wrong form."""
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.")
    try:
        return msgspec.convert({k: v for k, v in body.items() if v is not None}, kind)
    except msgspec.ValidationError as error:
        raise bad_request(f"{error}.") from None


def further(body: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    """The members of *body* that have no effect here: kept, and echoed."""
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    return {k: v for k, v in body.items() if k not in known | _OURS and "@" not in k and v is not None}


def changed(old: DirectoryObject, body: Any) -> DirectoryObject:
    """*old* with what a PATCH of *body* says."""
    draft_kind = _DRAFTS[type(old)]
    draft = drafted(body, draft_kind)
    names = {f.encode_name: f.name for f in msgspec.structs.fields(draft_kind)}
    given = {names[k]: getattr(draft, names[k]) for k, v in body.items() if k in names and v is not None}
    password = given.pop("password_profile", None)
    if password is not None and password.password is not None:
        given["digest"] = digest(password.password)
    if "key_credentials" in given and isinstance(old, Application | ServicePrincipal):
        given["keys"] = keys(given.pop("key_credentials"), old.keys)
    given.pop("app_id", None)
    rest = {**old.further, **further(body, draft_kind)}
    return msgspec.structs.replace(old, further=rest, **given)


def keys(sent: tuple[SentKey, ...], known: tuple[Key, ...] = ()) -> tuple[Key, ...]:
    """The certificates of *sent*; those that come without their key are looked up among *known*."""
    held = {k.key_id: k for k in known}
    return tuple(_key(s) if s.key is not None else held.get(s.key_id or "") or _key(s) for s in sent)


def _key(sent: SentKey) -> Key:
    if sent.key is None:
        raise bad_request("A key credential has neither a key nor the id of a known one.")
    identifier = sent.key_id or str(uuid.uuid5(uuid.NAMESPACE_OID, sent.key))
    found = Key(
        identifier, sent.key, sent.type, sent.usage, sent.display_name, sent.start_date_time, sent.end_date_time
    )
    if not is_certificate(found):
        raise bad_request("Key credentials are certificates: X.509, in base64.")
    return found


def shown(found: Named) -> dict[str, Any]:
    """The wire form of *found*."""
    kind = found.__struct_config__.tag
    common = {"@odata.type": f"#microsoft.graph.{kind}", "id": found.id, "displayName": found.display_name}
    return {**found.further, **common, **_SHOWN[type(found)](found)}


def _user(found: User) -> dict[str, Any]:
    return {
        "userPrincipalName": found.user_principal_name,
        "mailNickname": found.mail_nickname,
        "accountEnabled": found.account_enabled,
        "mail": found.user_principal_name,
    }


def _group(found: Group) -> dict[str, Any]:
    return {
        "description": found.description,
        "mailNickname": found.mail_nickname,
        "mailEnabled": False,
        "securityEnabled": True,
        "groupTypes": [],
    }


def _application(found: Application) -> dict[str, Any]:
    return {
        "appId": found.app_id,
        "identifierUris": list(found.identifier_uris),
        "signInAudience": found.further.get("signInAudience", "AzureADMyOrg"),
        **_credentials(found),
    }


def _service_principal(found: ServicePrincipal) -> dict[str, Any]:
    return {
        "appId": found.app_id,
        "appDisplayName": found.display_name,
        "accountEnabled": found.account_enabled,
        "servicePrincipalType": found.service_principal_type,
        "servicePrincipalNames": [found.app_id, *found.alternative_names[1:]],
        "alternativeNames": list(found.alternative_names),
        **_credentials(found),
    }


def _credentials(found: Application | ServicePrincipal) -> dict[str, Any]:
    return {
        "passwordCredentials": [password(p) for p in found.passwords],
        "keyCredentials": [{**msgspec.to_builtins(k), "key": None} for k in found.keys],
    }


def password(found: Password, secret: str | None = None) -> dict[str, Any]:
    """``passwordCredential``; the secret is told once, to whoever made it."""
    return {
        "keyId": found.key_id,
        "displayName": found.display_name,
        "hint": found.hint,
        "startDateTime": found.start_date_time,
        "endDateTime": found.end_date_time,
        "secretText": secret,
        "customKeyIdentifier": None,
    }


_SHOWN: dict[type, Any] = {
    User: _user,
    Group: _group,
    Application: _application,
    ServicePrincipal: _service_principal,
}
_DRAFTS: dict[type, type[Any]] = {
    User: UserDraft,
    Group: GroupDraft,
    Application: ApplicationDraft,
    ServicePrincipal: ServicePrincipalDraft,
}


def bad_request(message: str) -> ArmError:
    return ArmError(400, "Request_BadRequest", message)
