"""What Azure refuses of vaults and of secrets, and what would keep packets away although nothing does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.key_vault.model import Secret, Vault
from lazulite.services.key_vault.permission import CERTIFICATES, SECRETS
from lazulite.services.service import Lab

TAKEN = "The name '{name}' is already in use."
_BAD = "BadRequest"


def validate(resource: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    if isinstance(resource.properties, Secret):
        yield from _secret(resource, view)
    else:
        yield from _vault(resource, view)


def taken(name: str, view: View, but: str = "") -> bool:
    """Whether another vault has the name: they are host names."""
    return any(v.id.name.lower() == name.lower() and v.id.key != but for v in view.all(Vault))


def _vault(vault: Resource[Vault], view: View) -> Iterator[Violation]:
    said, before = vault.properties, view.get(vault.id, Vault)
    if taken(vault.id.name, view, vault.id.key):
        yield Violation("VaultAlreadyExists", TAKEN.format(name=vault.id.name), "name")
    if said.create_mode == "recover":
        message = "A vault that is deleted is gone here: there is none to recover."
        yield Violation(_BAD, message, "properties.createMode")
    if said.enable_soft_delete is False:
        message = "The property 'enableSoftDelete' cannot be false: contents of a vault can always be recovered."
        yield Violation(_BAD, message, "properties.enableSoftDelete")
    if before is not None and before.properties.enable_purge_protection and not said.enable_purge_protection:
        message = "The property 'enablePurgeProtection' cannot be taken back once it is true."
        yield Violation(_BAD, message, "properties.enablePurgeProtection")
    elif said.enable_purge_protection is False:
        message = "The property 'enablePurgeProtection' cannot be false: leave it out."
        yield Violation(_BAD, message, "properties.enablePurgeProtection")
    yield from _policies(said)
    yield from _network(said)


def _policies(said: Vault) -> Iterator[Violation]:
    for index, policy in enumerate(said.access_policies):
        path = f"properties.accessPolicies[{index}]"
        for kind, known in (("secrets", SECRETS), ("certificates", CERTIFICATES)):
            for verb in getattr(policy.permissions, kind):
                if verb.lower() not in known | {"all"}:
                    message = f"'{verb}' is no permission for {kind}: {', '.join(sorted(known))} or all."
                    yield Violation("InvalidPermission", message, f"{path}.permissions.{kind}")
        if policy.application_id is not None:
            message = "Compound identities are not supported here: leave applicationId out."
            yield Violation(_BAD, message, f"{path}.applicationId")


def _network(said: Vault) -> Iterator[Violation]:
    acls = {k.lower(): v for k, v in (said.network_acls or {}).items()}
    closed = str(acls.get("defaultaction") or "Allow").lower() != "allow"
    for wire, shut in (("defaultAction", closed), *((w, bool(acls.get(w.lower()))) for w in _RULES)):
        if shut:
            yield _later(f"networkAcls.{wire}")
    if (said.public_network_access or "Enabled").lower() != "enabled":
        yield _later("publicNetworkAccess")


_RULES = ("ipRules", "virtualNetworkRules")


def _later(name: str) -> Violation:
    message = f"The property '{name}' would close the vault to some, and the lab does not do that: leave it open."
    return Violation("PropertyNotSupported", message, f"properties.{name}")


def _secret(secret: Resource[Secret], view: View) -> Iterator[Violation]:
    vault = view.get(secret.id.parent, Vault)
    if secret.properties.policy is not None:
        message = f"Secret {secret.id.name} is a certificate's, and is written with it alone."
        yield Violation(_BAD, message, "name")
    elif not secret.properties.versions:
        yield Violation(_BAD, f"Secret {secret.id.name} needs a value.", "properties.value")
    if vault is not None and any(d.name.lower() == secret.id.name.lower() for d in vault.properties.deleted):
        message = f"Secret {secret.id.name} is deleted but recoverable, so its name cannot be used again yet."
        yield Violation("Conflict", message, "name")
