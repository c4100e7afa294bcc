"""Names of storage accounts: they are host names, so two accounts never share one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.service import Lab
from lazulite.services.storage.model import StorageAccount
from lazulite.services.storage.naming import SERVICES, kind

_NAME = re.compile(r"[a-z0-9]{3,24}")
INVALID_NAME = (
    "{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length "
    "and use numbers and lower-case letters only."
)
TAKEN = "The storage account named {name} is already taken."


def validate(account: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    found = refusal(account.id.name, view, account.id.key)
    if found is not None:
        yield found
    yield from _kind(account)
    yield from _network(account.properties)


def _kind(account: Resource[Any]) -> Iterator[Violation]:
    said = kind(account)
    if said.lower() == "filestorage":
        message = "A FileStorage account has file shares only, and the lab has no file service."
        yield Violation("KindNotSupported", message, "kind")
    elif said.lower() not in SERVICES:
        message = f"'{said}' is no kind of storage account: Storage, StorageV2, BlobStorage or BlockBlobStorage."
        yield Violation("InvalidValuesForRequestParameters", message, "kind")


def _network(said: StorageAccount) -> Iterator[Violation]:
    """What would keep packets away is refused until something does."""
    acls = {k.lower(): v for k, v in (said.network_acls or {}).items()}
    action = str(acls.get("defaultaction") or "Allow")
    if action.lower() != "allow":
        yield _later("networkAcls.defaultAction", action)
    for name in ("ipRules", "virtualNetworkRules", "resourceAccessRules", "ipv6Rules"):
        if acls.get(name.lower()):
            yield _later(f"networkAcls.{name}", "a rule")
    if said.public_network_access not in (None, "Enabled"):
        yield _later("publicNetworkAccess", said.public_network_access)
    if said.dns_endpoint_type == "AzureDnsZone":
        yield _later("dnsEndpointType", said.dns_endpoint_type)


def _later(name: str, value: str) -> Violation:
    message = f"The lab does not act on {name} ({value}): every account answers everybody who can reach it."
    return Violation("PropertyNotSupported", message, f"properties.{name}")


def refusal(name: str, view: View, own_key: str = "") -> Violation | None:
    """Why no account, or none but the one at *own_key*, can have that name."""
    if not _NAME.fullmatch(name):
        return Violation("AccountNameInvalid", INVALID_NAME.format(name=name), "name")
    if any(a.id.name.lower() == name and a.id.key != own_key for a in view.all(StorageAccount)):
        return Violation("StorageAccountAlreadyTaken", TAKEN.format(name=name), "name")
    return None
