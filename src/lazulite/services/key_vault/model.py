"""``Microsoft.KeyVault/vaults`` and their ``secrets``, API 2023-07-01."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from lazulite.resources.model import ASSIGNED, INERT, READ_ONLY, SECRET, Bounds, Kind, Properties

VAULT = "Microsoft.KeyVault/vaults"
SUFFIX = "vault.azure.net"
"""As ``environment().suffixes.keyvaultDns`` says, there with a dot before it."""
SOCKET = "vault.sock"
"""In the lab's directory, where the controller answers."""
MAX_POLICIES, MAX_VALUE = 1024, 25_600
"""Access policies of a vault, and characters of a secret. Sources: "Assign a Key Vault access policy"; "About Azure Key
Vault secrets", 25k."""
PFX, PEM = "application/x-pkcs12", "application/x-pem-file"
"""What a certificate's secret is. Source: "About Azure Key Vault certificates", secret_props."""


class Permissions(Properties, frozen=True):
    """Verbs, or ``all``."""

    keys: Annotated[tuple[str, ...], INERT] = ()
    secrets: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    storage: Annotated[tuple[str, ...], INERT] = ()


class AccessPolicy(Properties, frozen=True):
    """What one principal, or a group, may do with what is in the vault."""

    tenant_id: str
    object_id: str
    application_id: str | None = None
    permissions: Permissions = Permissions()


class VaultSku(Properties, frozen=True):
    family: Annotated[Literal["A"], INERT] = "A"
    name: Annotated[Literal["standard", "premium"], INERT] = "standard"


class Version(Properties, frozen=True):
    """One value of a secret. Times are seconds since 1970, 0 where nobody has said any; ``made`` 0: with the write
    through the control plane that the store remembers."""

    id: str
    value: str
    content_type: str | None = None
    enabled: bool = True
    not_before: int = 0
    expires: int = 0
    made: int = 0
    changed: int = 0
    tags: dict[str, Any] | None = None


class Attributes(Properties, frozen=True):
    """Times are seconds since 1970."""

    enabled: bool = True
    nbf: int | None = None
    exp: int | None = None
    created: Annotated[int | None, READ_ONLY] = None
    updated: Annotated[int | None, READ_ONLY] = None


class Secret(Properties, frozen=True):
    """``value`` is never shown here: versions hold it, the newest last. ``policy`` makes them a certificate's."""

    value: Annotated[str | None, SECRET, Bounds(0, MAX_VALUE)] = None
    content_type: str | None = None
    attributes: Attributes = Attributes()
    versions: Annotated[tuple[Version, ...], ASSIGNED, SECRET] = ()
    policy: Annotated[dict[str, Any] | None, ASSIGNED, SECRET] = None
    secret_uri: Annotated[str | None, READ_ONLY] = None
    secret_uri_with_version: Annotated[str | None, READ_ONLY] = None


class Deleted(Properties, frozen=True):
    """A secret that can be had back. ``at`` is in seconds since 1970."""

    name: str
    at: int
    guid: str
    versions: tuple[Version, ...]
    policy: dict[str, Any] | None = None
    tags: dict[str, Any] | None = None


class Vault(Properties, frozen=True):
    """What has no effect in the lab is inert."""

    tenant_id: str
    sku: VaultSku
    access_policies: Annotated[tuple[AccessPolicy, ...], Bounds(0, MAX_POLICIES)] = ()
    enable_rbac_authorization: bool | None = None
    """``None``: access policies count. Source: "Vaults - Create Or Update", enableRbacAuthorization."""
    enable_soft_delete: bool | None = None
    """What is not on is refused: since 2025 no vault is without. Source: "Azure Key Vault soft-delete overview"."""
    soft_delete_retention_in_days: Annotated[int, Bounds(7, 90)] = 90
    enable_purge_protection: bool | None = None
    create_mode: Literal["recover", "default"] | None = None
    enabled_for_deployment: Annotated[bool | None, INERT] = None
    enabled_for_disk_encryption: Annotated[bool | None, INERT] = None
    enabled_for_template_deployment: bool | None = None
    network_acls: dict[str, Any] | None = None
    """What closes the vault to anybody is refused."""
    public_network_access: str | None = None
    deleted: Annotated[tuple[Deleted, ...], ASSIGNED, SECRET] = ()
    vault_uri: Annotated[str | None, READ_ONLY] = None
    hsm_pool_resource_id: Annotated[str | None, READ_ONLY] = None
    private_endpoint_connections: Annotated[tuple[dict[str, Any], ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


_NAME = r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]"
SECRET_NAME = r"[A-Za-z0-9-]{1,127}"
"""Source: "Naming rules and restrictions for Azure resources", Microsoft.KeyVault."""
KINDS = (
    Kind(VAULT, Vault, name_pattern=_NAME, asynchronous=False, created_status=200),
    Kind(
        f"{VAULT}/secrets",
        Secret,
        name_pattern=SECRET_NAME,
        located=False,
        tracked=False,
        asynchronous=False,
        created_status=200,
    ),
)


def uri(vault: str, *parts: str) -> str:
    """Where a client finds something of the vault of that name."""
    return "/".join([f"https://{vault.lower()}.{SUFFIX}", *parts])


def latest(secret: Secret) -> Version | None:
    return secret.versions[-1] if secret.versions else None


def version(secret: Secret, name: str) -> Version | None:
    """That version, or the newest where *name* is empty."""
    return next((v for v in secret.versions if v.id == name.lower()), None) if name else latest(secret)


def with_version(secret: Secret, changed: Version) -> Secret:
    """*changed* in the place of the version with its name, or behind all."""
    if version(secret, changed.id) is None:
        return msgspec.structs.replace(secret, versions=(*secret.versions, changed))
    kept = tuple(changed if v.id == changed.id else v for v in secret.versions)
    return msgspec.structs.replace(secret, versions=kept)
