"""The computed properties that clients and templates read from a storage account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.service import Observations
from lazulite.services.storage.model import StorageAccount
from lazulite.services.storage.naming import endpoints

_RUNNING = "running"


def account_status(account: Resource[StorageAccount], view: View, observations: Observations) -> Mapping[str, Any]:
    """An account of which nobody has said anything is taken to be served: refusals say so when it is not."""
    said = observations.reports.get(account.id.key, {})
    return {
        "primaryEndpoints": {service: f"https://{host}/" for service, host in endpoints(account).items()},
        "primaryLocation": account.location,
        "statusOfPrimary": "available" if said.get("state", _RUNNING) == _RUNNING else "unavailable",
        "creationTime": account.created or None,
        "keyCreationTime": {name: getattr(account.properties, f"{name}_made") or account.created for name in _KEYS},
        "privateEndpointConnections": [],
    }


_KEYS = ("key1", "key2")
