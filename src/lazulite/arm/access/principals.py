"""The objects of the directory, as they are stored."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec


class Password(msgspec.Struct, frozen=True, rename="camel"):
    """A client secret; of the secret itself only a digest."""

    key_id: str
    digest: str
    hint: str = ""
    display_name: str | None = None
    start_date_time: str | None = None
    end_date_time: str | None = None


class Key(msgspec.Struct, frozen=True, rename="camel"):
    """A certificate: ``key`` is its DER form in base64."""

    key_id: str
    key: str
    type: str = "AsymmetricX509Cert"
    usage: str = "Verify"
    display_name: str | None = None
    start_date_time: str | None = None
    end_date_time: str | None = None


class Named(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What every object has. ``further`` are members that are kept and echoed without effect."""

    id: str
    display_name: str
    further: dict[str, Any] = {}


class User(Named, frozen=True, rename="camel", tag="user", kw_only=True):
    user_principal_name: str
    mail_nickname: str = ""
    account_enabled: bool = True
    digest: str = ""
    """Of the password; a user without one can not sign in with a password."""


class Group(Named, frozen=True, rename="camel", tag="group", kw_only=True):
    mail_nickname: str = ""
    description: str | None = None
    members: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


class Application(Named, frozen=True, rename="camel", tag="application", kw_only=True):
    app_id: str
    identifier_uris: tuple[str, ...] = ()
    passwords: tuple[Password, ...] = ()
    keys: tuple[Key, ...] = ()
    owners: tuple[str, ...] = ()


class ServicePrincipal(Named, frozen=True, rename="camel", tag="servicePrincipal", kw_only=True):
    app_id: str
    service_principal_type: str = "Application"
    """``Application`` or ``ManagedIdentity``."""
    account_enabled: bool = True
    alternative_names: tuple[str, ...] = ()
    passwords: tuple[Password, ...] = ()
    keys: tuple[Key, ...] = ()
    owners: tuple[str, ...] = ()


DirectoryObject: TypeAlias = User | Group | Application | ServicePrincipal
Principal: TypeAlias = User | Group | ServicePrincipal
"""What roles are assigned to."""

TYPES: dict[type, str] = {User: "User", Group: "Group", ServicePrincipal: "ServicePrincipal"}
"""``principalType`` of role assignments."""
