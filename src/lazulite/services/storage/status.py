"""The computed properties that templates read from a storage account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.service import Observations
from lazulite.services.storage.model import StorageAccount

SUFFIX = "core.windows.net"
"""As ``environment().suffixes.storage`` says."""
_SERVICES = ("blob", "queue", "table", "file", "dfs", "web")


def account_status(account: Resource[StorageAccount], view: View, observations: Observations) -> Mapping[str, Any]:
    return {
        "primaryEndpoints": {s: f"https://{account.id.name}.{_host(s)}/" for s in _SERVICES},
        "primaryLocation": account.location,
        "statusOfPrimary": "available",
        "privateEndpointConnections": [],
    }


def _host(service: str) -> str:
    """The static website has a zone number in its name; every other service has its own domain."""
    return f"z1.web.{SUFFIX}" if service == "web" else f"{service}.{SUFFIX}"
