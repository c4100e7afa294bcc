"""How a service of the platform reads a secret by its URL, as the managed identities that a resource has. Pure."""

from __future__ import annotations

import re

import msgspec

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.key_vault.model import SECRET_NAME, SUFFIX, Secret, Vault, version
from lazulite.services.key_vault.permission import permits
from lazulite.services.managed_identity.model import UserAssignedIdentity
from lazulite.services.service import Lab

_URL = re.compile(
    rf"https://([a-z][a-z0-9-]{{2,23}})\.{re.escape(SUFFIX)}(?::443)?/secrets/({SECRET_NAME})(?:/([0-9a-f]{{32}}))?/?",
    re.IGNORECASE,
)


class Read(msgspec.Struct, frozen=True):
    """What was found: a value and its version, or why not, in the words of
    "Common Key Vault errors in Azure Application Gateway"."""

    value: str = ""
    content_type: str = ""
    version: str = ""
    code: str = ""
    why: str = ""


def read(url: str, holder: Resource[object], view: View, lab: Lab) -> Read:
    """The secret at *url*; without a version there, the newest that is enabled."""
    named = _URL.fullmatch(url)
    if named is None:
        return Read(code="InvalidSecretId", why=f"it is no URL of a secret: {_SHAPE}")
    vault_name, secret_name, wanted = (text or "" for text in named.groups())
    vault = next((v for v in view.all(Vault) if v.id.name.lower() == vault_name.lower()), None)
    if vault is None:
        return Read(code="KeyVaultNotFound", why="there is no vault of that name")
    identities = [i for ref in holder.assigned if (i := view.get(ref, UserAssignedIdentity)) is not None]
    if not identities:
        return Read(code="UserAssignedManagedIdentityNotFound", why="no user-assigned identity is there to read it")
    principals = map(lab.directory.principal, identities)
    if not any(permits(vault, p, "secrets", "get", secret_name, lab) for p in principals):
        return Read(code=NO_PERMISSION, why="none of its identities may get secrets of the vault")
    return held(vault, secret_name, wanted, view)


def held(vault: Resource[Vault], name: str, wanted: str, view: View) -> Read:
    """The secret of that name and version for whoever may read it; without a version, the newest that is enabled."""
    secret = view.get(vault.id.child("secrets", name), Secret)
    if secret is None:
        return Read(code="SecretDeletedFromKeyVault", why="the vault has no such secret")
    return _version(secret.properties, wanted)


NO_PERMISSION = "UserAssignedIdentityDoesNotHaveGetPermissionOnKeyVault"
_SHAPE = f"https://VAULT.{SUFFIX}/secrets/NAME or https://VAULT.{SUFFIX}/secrets/NAME/VERSION"


def _version(secret: Secret, wanted: str) -> Read:
    found = version(secret, wanted) if wanted else next((v for v in reversed(secret.versions) if v.enabled), None)
    if found is None and wanted:
        return Read(code="SecretDeletedFromKeyVault", why="the secret has no such version")
    if found is None or not found.enabled:
        return Read(code="SecretDisabled", why="the secret is disabled")
    return Read(found.value, found.content_type or "", found.id)
