"""Rows for ``test_az_commands``: key vaults, as the control plane has them. What is in them: ``test_key_vault``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.az_table import SUCCEEDED, Fails

covers = pytest.mark.covers

VAULT = "Microsoft.KeyVault/vaults"
ME, OTHER = "-n lzrowvault", "11111111-2222-3333-4444-555555555555"


def az(verb: str, command: str, expected: Any, sentence: str) -> tuple[Any, ...]:
    return covers(VAULT, verb, client="az"), f"keyvault {command}", expected, sentence


VAULTS: list[tuple[Any, ...]] = [
    az(
        "create",
        "create -g {g} -n lzrowvault --enable-rbac-authorization false --retention-days 7",
        {
            "name": "lzrowvault",
            "properties": SUCCEEDED
            | {
                "vaultUri": "https://lzrowvault.vault.azure.net/",
                "enableRbacAuthorization": False,
                "enableSoftDelete": True,
                "softDeleteRetentionInDays": 7,
                "sku": {"name": "standard", "family": "A"},
                "accessPolicies": [{"permissions": {"secrets": ["all"], "certificates": ["all"]}}],
            },
        },
        "who makes a vault may do everything in it",
    ),
    az("create", "create -g {g} -n lzrowvault", Fails(1, "already"), "a vault is made once"),
    az("show", f"show {ME} -g {{g}} --query properties.sku.name", "standard", "a vault is shown"),
    az("show", f"show {ME} --query name", "lzrowvault", "a vault is found by its name alone"),
    az("list", "list -g {g} --query [].name", ["lzrowvault"], "a group's vaults are listed"),
    az(
        "set-policy",
        f"set-policy {ME} --object-id {OTHER} --secret-permissions get list --certificate-permissions get "
        f"--query \"sort(properties.accessPolicies[?objectId=='{OTHER}'].permissions.secrets[])\"",
        ["get", "list"],
        "somebody may read secrets",
    ),
    az(
        "delete-policy",
        f"delete-policy {ME} --object-id {OTHER} --query length(properties.accessPolicies)",
        1,
        "somebody may read nothing any more",
    ),
    az(
        "update",
        f"update {ME} --enable-rbac-authorization --query properties.enableRbacAuthorization",
        True,
        "roles count in the place of policies",
    ),
    az(
        "update",
        f"update {ME} --default-action Deny",
        Fails(1, "(PropertyNotSupported)", "networkAcls.defaultAction"),
        "a vault cannot be closed by network rules",
    ),
    az(
        "network-rule add",
        f"network-rule add {ME} --ip-address 203.0.113.0/24",
        Fails(1, "(PropertyNotSupported)", "networkAcls.ipRules"),
        "rules by address are refused",
    ),
    az(
        "update",
        f"update {ME} --public-network-access Disabled",
        Fails(1, "(PropertyNotSupported)", "publicNetworkAccess"),
        "a vault stays open to the Internet",
    ),
    az(
        "update",
        f"update {ME} --enable-purge-protection --query properties.enablePurgeProtection",
        True,
        "nobody can purge what is in a vault",
    ),
    az("create", "create -g {g} -n lz--vault", Fails(1), "a vault whose name is no host name is refused"),
    az("delete", f"delete {ME} -g {{g}}", None, "a vault is deleted"),
    az("list-deleted", "list-deleted", [], "and gone with that"),
    az("show", f"show {ME} -g {{g}}", Fails(3, "(ResourceNotFound)"), "there is no such vault"),
]
"""Vaults and their policies."""
