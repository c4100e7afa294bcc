"""``checkNameAvailability``, and what deployments of templates read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.services.key_vault.model import KINDS, Vault
from lazulite.services.key_vault.reading import held
from lazulite.services.key_vault.validate import TAKEN, taken
from lazulite.services.service import Context, Reply


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


def deploy(vault: Resource[Vault], context: Context) -> Reply | list[Violation]:
    """``{"value": …}`` of ``{"secretName": …, "secretVersion": …}``, where the vault is open to deployments."""
    if not vault.properties.enabled_for_template_deployment:
        return [Violation("AccessDenied", _CLOSED.format(name=vault.id.name))]
    found = held(vault, context.body["secretName"], context.body["secretVersion"], context.view)
    if found.code:
        return [Violation(found.code, f"secret '{context.body['secretName']}' of '{vault.id.name}': {found.why}.")]
    return Reply({"value": found.value})


_CLOSED = "access denied to first party service: '{name}' does not have 'enabledForTemplateDeployment'."
