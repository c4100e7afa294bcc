"""Parameters whose values are secrets of key vaults: read when a deployment begins, shown nowhere.

Source: "Use Azure Key Vault to pass secure parameter value during deployment".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lazulite.arm.deployments.evaluation import invalid_template
from lazulite.arm.errors import ArmError
from lazulite.arm.target import Target
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation

_KIND = "microsoft.keyvault/vaults"
_API = "2022-07-01"
_NO_RIGHT = "AuthorizationFailed"


async def read(parameters: Any, target: Target) -> Any:
    """*parameters* with the value of each reference beside it; what is no reference stays as it is.

    Raises :class:`ArmError`: a reference without its parts, no such vault, no right to deploy from it, no such secret.
    """
    if not isinstance(parameters, dict):
        return parameters
    found, refusals = dict(parameters), []
    for name, reference in references(parameters):
        try:
            found[name] = {"reference": reference, "value": await _secret(name, parameters[name], target)}
        except ArmError as error:
            refusals.append(error)
    if len(refusals) > 1:
        details = [Violation(e.code, e.message, e.target) for e in refusals]
        said = f"Multiple errors occurred: {','.join(e.code for e in refusals)}. Please see details."
        raise ArmError(400, "MultipleErrorsOccurred", said, details=details)
    if refusals:
        raise refusals[0]
    return found


def references(parameters: Any) -> Iterator[tuple[str, Any]]:
    """The parameters that refer to vaults, each with what it says of that."""
    for name, entry in parameters.items() if isinstance(parameters, dict) else ():
        if isinstance(entry, dict) and entry.get("reference") is not None:
            yield name, entry["reference"]


def vaults(parameters: Any) -> set[str]:
    """Folded ids of the vaults that *parameters* refer to, as far as they are well said."""
    held = (r.get("keyVault") for _, r in references(parameters) if isinstance(r, dict))
    return {v["id"].lower() for v in held if isinstance(v, dict) and isinstance(v.get("id"), str)}


async def _secret(name: str, entry: Mapping[str, Any], target: Target) -> str:
    vault, body = _parts(name, entry)
    try:
        return str((await target.action(vault, "deploy", body, _API))["value"])
    except ArmError as error:
        raise _refused(name, vault, error) from None


def _parts(name: str, entry: Mapping[str, Any]) -> tuple[ResourceId, dict[str, str]]:
    """The vault, and which of its secrets. Raises ``InvalidTemplate``."""
    reference = entry["reference"]
    if entry.get("value") is not None:
        raise invalid_template(f"The parameter '{name}' has both a value and a reference to a key vault: give one.")
    said = reference if isinstance(reference, dict) else {}
    secret, version, vault = said.get("secretName"), said.get("secretVersion"), said.get("keyVault")
    where = vault.get("id") if isinstance(vault, dict) else None
    if not (isinstance(secret, str) and secret and isinstance(version, str | None) and isinstance(where, str)):
        raise invalid_template(
            f"The reference of the parameter '{name}' has a 'keyVault' with its 'id', and a 'secretName'."
        )
    try:
        found = ResourceId.parse(where)
    except ValueError:
        found = None
    if found is None or found.kind.lower() != _KIND:
        raise invalid_template(f"The reference of the parameter '{name}' is not to a key vault: '{where}'.")
    return found, {"secretName": secret, "secretVersion": version or ""}


def _refused(name: str, vault: ResourceId, error: ArmError) -> ArmError:
    """What deployments call it, in the codes that users of Azure report of them."""
    where = f"properties.parameters.{name}"
    if error.status == 404:
        message = f"The specified key vault '{vault}' of the parameter '{name}' could not be found."
        return ArmError(400, "KeyVaultParameterReferenceNotFound", message, where)
    if error.code == _NO_RIGHT:
        return ArmError(403, "KeyVaultParameterReferenceAuthorizationFailed", error.message, where)
    message = f"The secret of the key vault parameter '{name}' cannot be retrieved: {error.message}"
    return ArmError(400, "KeyVaultParameterReferenceSecretRetrieveFailed", message, where)
