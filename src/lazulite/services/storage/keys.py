"""Keys of storage accounts: made when an account is, kept until somebody asks for another."""

from __future__ import annotations

import base64
import hmac
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.service import Lab

NAMES = ("key1", "key2")


def assign(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    """A new account gets both; another's are kept."""
    lacking = {name: made(new, name, lab, "") for name in NAMES if not getattr(new.properties, name)}
    return replace(new, properties=replace(new.properties, **lacking)) if lacking else new


def made(account: Resource[Any], name: str, lab: Lab, now: str) -> str:
    """A key that is none of those before: 64 bytes, base64. Source: "Manage storage account access keys"."""
    before = getattr(account.properties, name)
    text = f"storage account {account.guid} {name} {now} {before}"
    return base64.b64encode(hmac.digest(lab.secret.encode(), text.encode(), "sha512")).decode()
