"""What clients read of vaults and of secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.key_vault.model import Secret, Vault, Version, latest, uri
from lazulite.services.service import Observations


def vault(found: Resource[Vault], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"vaultUri": uri(found.id.name, "")}


def secret(found: Resource[Secret], view: View, observations: Observations) -> Mapping[str, Any]:
    last, where = latest(found.properties), uri(found.id.parent.name, "secrets", found.id.name)
    shown: dict[str, Any] = {"secretUri": where}
    if last is None:
        return shown
    times = {"nbf": last.not_before, "exp": last.expires}
    attributes = {"enabled": last.enabled, **{k: v for k, v in times.items() if v}, **written(found, last)}
    return {**shown, "secretUriWithVersion": f"{where}/{last.id}", "attributes": attributes}


def written(found: Resource[Secret], version: Version) -> dict[str, int]:
    """When a version was made and changed; what came through the control plane did when the store says."""
    stored = int(datetime.fromisoformat(found.changed).timestamp()) if found.changed else 0
    made = version.made or stored
    return {"created": made, "updated": version.changed or made}


def dated(found: Resource[Secret]) -> tuple[Version, ...]:
    """The versions with the times that the store would forget with the next write."""
    return tuple(v if v.made else _dated(found, v) for v in found.properties.versions)


def _dated(found: Resource[Secret], version: Version) -> Version:
    times = written(found, version)
    return replace(version, made=times["created"], changed=times["updated"])
