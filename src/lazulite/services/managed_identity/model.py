"""``Microsoft.ManagedIdentity/userAssignedIdentities``, API 2023-01-31."""

from __future__ import annotations

from lazulite.resources.model import Kind, Principal

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}"
"""Source: "Naming rules and restrictions for Azure resources", Microsoft.ManagedIdentity."""


class UserAssignedIdentity(Principal, frozen=True):
    """Nothing of it can be written: who it is follows from its being there."""


KINDS = (
    Kind(
        "Microsoft.ManagedIdentity/userAssignedIdentities", UserAssignedIdentity, name_pattern=_NAME, asynchronous=False
    ),
)
