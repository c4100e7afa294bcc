"""Where storage accounts are found: host names and addresses."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from lazulite.resources.model import Resource
from lazulite.services.network_security_group.tags import REGIONS, prefixes
from lazulite.services.storage.model import StorageAccount

SUFFIX = "core.windows.net"
"""As ``environment().suffixes.storage`` says."""
ZONES = {service: f"{service}.{SUFFIX}" for service in ("blob", "queue", "table")}
"""Of the services that answer."""
_ALL, _BLOB = tuple(ZONES), ("blob",)
SERVICES = {"storage": _ALL, "storagev2": _ALL, "blobstorage": _BLOB, "blockblobstorage": _BLOB}
"""By kind of account, folded. Source: "Storage account overview", types of storage accounts."""
DEFAULT_KIND = "StorageV2"
_TAGGED = {region.lower(): region for region in REGIONS}
_OFFSET = 4
"""Of the address in a region's slice."""
_ELSEWHERE = 1020
"""Of the address in the service's block, for regions that no tag names: behind all slices that are in use."""


def kind(account: Resource[Any]) -> str:
    return str(account.envelope.get("kind") or DEFAULT_KIND)


def endpoints(account: Resource[StorageAccount]) -> dict[str, str]:
    """Host name by service."""
    return {s: f"{account.id.name.lower()}.{ZONES[s]}" for s in SERVICES.get(kind(account).lower(), ())}


def address(location: str | None) -> IPv4Address:
    """Where the accounts of a region answer: within the service tag ``Storage`` of the region."""
    region = _TAGGED.get("".join((location or "").split()).lower())
    whole = prefixes("Storage" if region is None else f"Storage.{region}")[0]
    return IPv4Address(int(whole.network_address) + (_ELSEWHERE if region is None else _OFFSET))
