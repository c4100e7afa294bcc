"""Keys, tokens and names of storage accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource, Violation
from lazulite.services.service import Context, Reply, Write
from lazulite.services.storage import keys, signatures
from lazulite.services.storage.model import StorageAccount
from lazulite.services.storage.validate import refusal

_NAMED_KEYS_BEFORE = "2016-01-01"
"""Older versions answer ``{"key1": …, "key2": …}``. Source: Azure REST API, "List Keys" of version 2015-06-15."""


def list_keys(account: Resource[StorageAccount], context: Context) -> Reply:
    return Reply(_keys(account, context))


def regenerate_key(account: Resource[StorageAccount], context: Context) -> Write | list[Violation]:
    """``POST regenerateKey``: ``{"keyName": "key1"}``; the old key opens nothing from then on."""
    said = context.body.get("keyName") if isinstance(context.body, dict) else None
    if said not in keys.NAMES:
        message = f"The key name '{said}' is invalid: it is one of {', '.join(keys.NAMES)}."
        return [Violation("InvalidValuesForRequestParameters", message, "keyName")]
    new = {said: keys.made(account, said, context.lab, context.now), f"{said}_made": context.now}
    changed = replace(account, properties=replace(account.properties, **new))
    return Write(changed, _keys(changed, context))


def list_account_sas(account: Resource[StorageAccount], context: Context) -> Reply | list[Violation]:
    """``POST listAccountSas``."""
    found = list(signatures.problems("account", account.id.name, context.body))
    if found:
        return found
    key = getattr(account.properties, signatures.key_to_sign(context.body))
    return Reply({"accountSasToken": signatures.account_token(account.id.name, key, context.body)})


def list_service_sas(account: Resource[StorageAccount], context: Context) -> Reply | list[Violation]:
    """``POST listServiceSas``."""
    found = list(signatures.problems("service", account.id.name, context.body))
    if found:
        return found
    key = getattr(account.properties, signatures.key_to_sign(context.body))
    return Reply({"serviceSasToken": signatures.service_token(key, context.body)})


def _keys(account: Resource[StorageAccount], context: Context) -> dict[str, Any]:
    held = account.properties
    if context.query.get("api-version", _NAMED_KEYS_BEFORE) < _NAMED_KEYS_BEFORE:
        return {name: getattr(held, name) for name in keys.NAMES}
    return {
        "keys": [
            {
                "creationTime": getattr(held, f"{name}_made") or account.created,
                "keyName": name,
                "value": getattr(held, name),
                "permissions": "FULL",
            }
            for name in keys.NAMES
        ]
    }


def check_name(context: Context, place: Mapping[str, str]) -> Any:
    """``POST checkNameAvailability``: ``{"name": …, "type": "Microsoft.Storage/storageAccounts"}``."""
    body = context.body if isinstance(context.body, dict) else {}
    found = refusal(str(body.get("name", "")), context.view)
    if found is None:
        return {"nameAvailable": True}
    reason = "AlreadyExists" if found.code == "StorageAccountAlreadyTaken" else "AccountNameInvalid"
    return {"nameAvailable": False, "reason": reason, "message": found.message}
