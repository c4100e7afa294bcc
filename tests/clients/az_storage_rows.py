"""Rows for ``test_az_commands``: storage accounts, their keys and tokens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.az_table import SUCCEEDED, Fails

covers = pytest.mark.covers

ACCOUNT = "Microsoft.Storage/storageAccounts"
THIS = "-g {g} -n lzstorage01"

STORAGE: list[tuple[Any, ...]] = [
    (
        covers(ACCOUNT, "create", client="az"),
        "storage account create -g {g} -n lzstorage01 --sku Standard_LRS --kind StorageV2 --allow-blob-public-access "
        "false --min-tls-version TLS1_2",
        SUCCEEDED
        | {
            "kind": "StorageV2",
            "statusOfPrimary": "available",
            "enableHttpsTrafficOnly": True,
            "primaryEndpoints": {
                "blob": "https://lzstorage01.blob.core.windows.net/",
                "queue": "https://lzstorage01.queue.core.windows.net/",
                "table": "https://lzstorage01.table.core.windows.net/",
                "file": None,
                "dfs": None,
                "web": None,
            },
        },
        "an account has the endpoints that answer",
    ),
    (
        covers(ACCOUNT, "show", client="az"),
        f"storage account show {THIS} --query keyCreationTime.key1!=null",
        True,
        "an account says how old its keys are",
    ),
    (
        covers(ACCOUNT, "list-keys", client="az"),
        f"storage account keys list {THIS} --query [].length(value)",
        [88, 88],
        "the keys are 64 bytes",
    ),
    (
        covers(ACCOUNT, "regenerate-key", client="az"),
        f"storage account keys renew {THIS} --key primary --query [].keyName",
        ["key1", "key2"],
        "a key is made anew",
    ),
    (
        covers(ACCOUNT, "show-connection-string", client="az"),
        f"storage account show-connection-string {THIS} --query contains(connectionString,`core.windows.net`)",
        True,
        "an account has a connection string",
    ),
    (
        covers(ACCOUNT, "generate-sas", client="az"),
        "storage account generate-sas --account-name lzstorage01 --services b --resource-types sco --permissions r "
        "--expiry 2035-01-01T00:00Z --https-only --query contains(@,`sig=`)",
        True,
        "a token for an account is made",
    ),
    (
        covers(ACCOUNT, "update", client="az"),
        f"storage account update {THIS} --https-only false --query enableHttpsTrafficOnly",
        False,
        "an account is opened to plain HTTP",
    ),
    (
        covers(ACCOUNT, "update", client="az"),
        f"storage account update {THIS} --default-action Deny",
        Fails(1, "(PropertyNotSupported)", "networkAcls.defaultAction"),
        "an account cannot be closed by network rules yet",
    ),
    (
        covers(ACCOUNT, "create", client="az"),
        "storage account create -g {g} -n lzstorage02 --sku Premium_LRS --kind FileStorage",
        Fails(1, "(KindNotSupported)", "file"),
        "an account of files alone is refused",
    ),
    (
        covers(ACCOUNT, "create", client="az"),
        "storage account create -g {g} -n lz_storage --sku Standard_LRS",
        Fails(1, "(AccountNameInvalid)"),
        "an account whose name is no host name is refused",
    ),
    (
        covers(ACCOUNT, "delete", client="az"),
        f"storage account delete {THIS} -y",
        None,
        "an account is deleted with its data",
    ),
]
"""Accounts, keys and tokens."""
