"""Who may do what with the contents of a vault: by its access policies, or by roles. Pure."""

from __future__ import annotations

from lazulite.resources.model import Resource
from lazulite.services.key_vault.model import AccessPolicy, Vault
from lazulite.services.service import Lab

SECRETS = frozenset({"get", "list", "set", "delete", "backup", "restore", "recover", "purge"})
CERTIFICATES = frozenset(
    {
        *("get", "list", "delete", "create", "import", "update", "managecontacts", "getissuers", "listissuers"),
        *("setissuers", "deleteissuers", "manageissuers", "recover", "backup", "restore", "purge"),
    }
)
"""Verbs of access policies, folded. Source: "Vaults - Create Or Update", SecretPermissions, CertificatePermissions."""
_ACTIONS = {
    ("secrets", "get"): "getSecret/action",
    ("secrets", "list"): "readMetadata/action",
    ("secrets", "set"): "setSecret/action",
    ("secrets", "update"): "update/action",
    ("secrets", "delete"): "delete",
    ("certificates", "get"): "read",
    ("certificates", "list"): "read",
    ("certificates", "delete"): "delete",
}
"""The last words of data actions; other verbs are ``VERB/action``. Source: "Azure resource provider operations",
Microsoft.KeyVault."""


def action(kind: str, verb: str) -> str:
    """The data action that roles give."""
    return f"Microsoft.KeyVault/vaults/{kind}/{_ACTIONS.get((kind, verb), f'{verb}/action')}"


def permits(vault: Resource[Vault], principal: str, kind: str, verb: str, name: str, lab: Lab) -> bool:
    """Whether the principal may do *verb* with *kind* (``secrets``, ``certificates``) of that name, or with all."""
    if vault.properties.enable_rbac_authorization:
        scope = f"{vault.id.text}/{kind}/{name}" if name else vault.id.text
        return lab.directory.may(principal, action(kind, verb), scope)
    holders = {h.lower() for h in lab.directory.holders(principal)}
    return any(p.object_id.lower() in holders and _gives(p, kind, verb) for p in vault.properties.access_policies)


def _gives(policy: AccessPolicy, kind: str, verb: str) -> bool:
    said = {v.lower() for v in getattr(policy.permissions, kind)}
    wanted = "set" if (kind, verb) == ("secrets", "update") else verb
    return not said.isdisjoint({"all", wanted}) and policy.application_id is None
