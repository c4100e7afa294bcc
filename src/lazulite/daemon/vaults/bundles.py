"""What clients read of a vault's contents, as JSON. Source: Key Vault REST API 7.4, SecretBundle, CertificateBundle."""

from __future__ import annotations

from typing import Any

from lazulite.daemon.vaults import issuing
from lazulite.daemon.vaults.contents import DAY_S
from lazulite.resources.model import Resource
from lazulite.services.key_vault.model import Deleted, Secret, Vault, Version, uri
from lazulite.services.key_vault.status import written


def where(vault: Resource[Vault], kind: str, name: str, version: str = "") -> str:
    return uri(vault.id.name, kind, name, *([version] if version else []))


def attributes(vault: Resource[Vault], found: Resource[Secret], version: Version) -> dict[str, Any]:
    days = vault.properties.soft_delete_retention_in_days
    level = "Recoverable" if vault.properties.enable_purge_protection else "Recoverable+Purgeable"
    times = {"nbf": version.not_before, "exp": version.expires}
    return {
        "enabled": version.enabled,
        **{k: v for k, v in times.items() if v},
        **written(found, version),
        "recoveryLevel": level,
        "recoverableDays": days,
    }


def secret(vault: Resource[Vault], found: Resource[Secret], version: Version, *, whole: bool = True) -> dict[str, Any]:
    """With its value and version where it is *whole*; lists have neither."""
    name, managed = found.id.name, found.properties.policy is not None
    shown: dict[str, Any] = {"id": where(vault, "secrets", name, version.id)}
    shown["attributes"] = attributes(vault, found, version)
    if whole:
        shown = {"value": version.value} | shown
    if version.content_type is not None:
        shown["contentType"] = version.content_type
    if version.tags:
        shown["tags"] = version.tags
    if managed:
        shown |= {"managed": True} | ({"kid": where(vault, "keys", name, version.id)} if whole else {})
    return shown


def certificate(
    vault: Resource[Vault], found: Resource[Secret], version: Version, *, whole: bool = True
) -> dict[str, Any]:
    name, bundle = found.id.name, issuing.opened(version.value, version.content_type or "")
    shown: dict[str, Any] = {
        "id": where(vault, "certificates", name, version.id),
        "x5t": bundle.thumbprint,
        "attributes": attributes(vault, found, version),
        "subject": bundle.certificate.subject.rfc4514_string(),
    }
    if version.tags:
        shown["tags"] = version.tags
    if not whole:
        return shown
    return shown | {
        "kid": where(vault, "keys", name, version.id),
        "sid": where(vault, "secrets", name, version.id),
        "cer": bundle.cer,
        "contentType": version.content_type,
        "policy": policy(vault, found),
    }


def policy(vault: Resource[Vault], found: Resource[Secret]) -> dict[str, Any]:
    shown = {"id": where(vault, "certificates", found.id.name, "policy"), **(found.properties.policy or {})}
    return shown | {"attributes": {"enabled": True}}


def pending(vault: Resource[Vault], found: Resource[Secret], status: str) -> dict[str, Any]:
    """The operation that makes a certificate: over when its answer comes, but clients ask once more."""
    name = found.id.name
    return {
        "id": where(vault, "certificates", name, "pending"),
        "issuer": {"name": "Self"},
        "cancellation_requested": False,
        "status": status,
        "target": where(vault, "certificates", name),
        "request_id": found.guid.replace("-", ""),
    }


def deleted(vault: Resource[Vault], kind: str, gone: Deleted) -> dict[str, Any]:
    """What is said beside the bundle of what is deleted."""
    days = vault.properties.soft_delete_retention_in_days
    return {
        "recoveryId": where(vault, f"deleted{kind}", gone.name),
        "deletedDate": gone.at,
        "scheduledPurgeDate": gone.at + days * DAY_S,
    }
