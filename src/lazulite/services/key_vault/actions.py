"""``checkNameAvailability``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lazulite.services.key_vault.model import KINDS
from lazulite.services.key_vault.validate import TAKEN, taken
from lazulite.services.service import Context


def check_name(context: Context, place: Mapping[str, str]) -> Any:
    """``POST checkNameAvailability``: ``{"name": …, "type": "Microsoft.KeyVault/vaults"}``."""
    body = context.body if isinstance(context.body, dict) else {}
    name = str(body.get("name", ""))
    if not re.fullmatch(KINDS[0].name_pattern, name):
        message = "A vault's name has 3 to 24 letters, digits and single hyphens, and begins with a letter."
        return {"nameAvailable": False, "reason": "AccountNameInvalid", "message": message}
    if taken(name, context.view):
        return {"nameAvailable": False, "reason": "AlreadyExists", "message": TAKEN.format(name=name)}
    return {"nameAvailable": True}


def deleted(context: Context, place: Mapping[str, str]) -> Any:
    """``GET deletedVaults``, and az asks for hardware modules too: what is deleted is gone."""
    return {"value": []}
