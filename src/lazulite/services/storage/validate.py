"""Names of storage accounts: they are host names, so two accounts never share one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.service import Lab
from lazulite.services.storage.model import StorageAccount

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


def refusal(name: str, view: View, own_key: str = "") -> Violation | None:
    """Why no account, or none but the one at *own_key*, can have that name."""
    if not _NAME.fullmatch(name):
        return Violation("AccountNameInvalid", INVALID_NAME.format(name=name), "name")
    if any(a.id.name.lower() == name and a.id.key != own_key for a in view.all(StorageAccount)):
        return Violation("StorageAccountAlreadyTaken", TAKEN.format(name=name), "name")
    return None
