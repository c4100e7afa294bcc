"""Keys and names of storage accounts."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import sha512
from typing import Any

from lazulite.resources.model import Resource
from lazulite.services.service import Context, Reply
from lazulite.services.storage.model import StorageAccount
from lazulite.services.storage.validate import refusal

_NAMED_KEYS_BEFORE = "2016-01-01"
"""Older versions answer ``{"key1": …, "key2": …}``. Source: Azure REST API, "List Keys" of version 2015-06-15."""


def list_keys(account: Resource[StorageAccount], context: Context) -> Reply:
    keys = [_key(account, name) for name in ("key1", "key2")]
    if context.query.get("api-version", _NAMED_KEYS_BEFORE) < _NAMED_KEYS_BEFORE:
        return Reply({key["keyName"]: key["value"] for key in keys})
    return Reply({"keys": keys})


def _key(account: Resource[StorageAccount], name: str) -> dict[str, Any]:
    """A key that opens nothing: derived from the account, so that a template gets the same one every time."""
    digest = sha512(f"lazulite lab key, opens nothing: {account.guid} {name}".encode()).digest()
    return {"keyName": name, "value": base64.b64encode(digest).decode(), "permissions": "FULL"}


def check_name(context: Context, place: Mapping[str, str]) -> Any:
    """``POST checkNameAvailability``: ``{"name": …, "type": "Microsoft.Storage/storageAccounts"}``."""
    body = context.body if isinstance(context.body, dict) else {}
    found = refusal(str(body.get("name", "")), context.view)
    if found is None:
        return {"nameAvailable": True}
    reason = "AlreadyExists" if found.code == "StorageAccountAlreadyTaken" else "AccountNameInvalid"
    return {"nameAvailable": False, "reason": reason, "message": found.message}
