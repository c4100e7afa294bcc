"""Keys and names of storage accounts."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import sha256, sha512
from typing import Any
from urllib.parse import urlencode

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


def list_account_sas(account: Resource[StorageAccount], context: Context) -> Reply:
    """``POST listAccountSas``; as with the keys, what it gives opens nothing."""
    return Reply({"accountSasToken": _token(account, context.body)})


def list_service_sas(account: Resource[StorageAccount], context: Context) -> Reply:
    """``POST listServiceSas``."""
    return Reply({"serviceSasToken": _token(account, context.body)})


def _token(account: Resource[StorageAccount], body: Any) -> str:
    """What was asked for as a query, with a signature. Source: "Create an account SAS", parameter names."""
    asked = {k.lower(): str(v) for k, v in body.items()} if isinstance(body, dict) else {}
    given = {short: asked[name] for name, short in _SAS.items() if name in asked}
    signature = base64.b64encode(sha256(f"{account.guid} {sorted(given.items())}".encode()).digest()).decode()
    return urlencode({"sv": "2015-04-05", **given, "sig": signature})


_SAS = {
    "signedservices": "ss",
    "signedresourcetypes": "srt",
    "signedresource": "sr",
    "signedpermission": "sp",
    "signedip": "sip",
    "signedprotocol": "spr",
    "signedstart": "st",
    "signedexpiry": "se",
}


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
