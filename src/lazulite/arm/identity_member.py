"""``identity`` of a resource's body: which managed identities it is to have. Pure.

Source: "Virtual Machines - Create Or Update", VirtualMachineIdentity; the codes are those that
Microsoft.Compute and ARM were seen to answer with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation

_TYPES = {
    t.replace(" ", "").lower(): t for t in ("None", "SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned")
}
"""By folded type, as it is read: az compares it letter by letter."""
_READ_ONLY = frozenset({"principalid", "tenantid", "clientid"})
_PATH = "identity.userAssignedIdentities"


def decode(value: Any, found: list[Violation]) -> dict[str, Any]:
    """What to keep of *value*: ``type``, and the ids of the identities; what is wrong with it goes to *found*."""
    if not isinstance(value, Mapping):
        found.append(Violation("InvalidRequestContent", "identity must be an object.", "identity"))
        return {}
    members = {k.lower(): v for k, v in value.items() if v is not None}
    kind, named = members.get("type"), members.get("userassignedidentities")
    found += _unknown(value)
    if _folded(kind) not in _TYPES:
        message = (
            f"ResourceIdentity Type '{kind}' is not one of 'SystemAssigned', 'UserAssigned', "
            "'SystemAssigned, UserAssigned' and 'None'."
        )
        found.append(Violation("InvalidParameter", message, "identity.type"))
        return {}
    if named is not None and not isinstance(named, Mapping):
        found.append(Violation("InvalidRequestContent", f"{_PATH} must be an object of resource ids.", _PATH))
        return {}
    found += _mismatched(_folded(kind), named or {})
    found += _malformed(named or {})
    kept = {text.lower(): text for text in named or {}}
    return {"type": _TYPES[_folded(kind)]} | (
        {"userAssignedIdentities": {text: {} for text in kept.values()}} if kept else {}
    )


def patched(body: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """*body*, into which *patch* was merged, without identities that its new type leaves no room for."""
    name = next((k for k in body if k.lower() == "identity"), "")
    asked = next((v for k, v in patch.items() if k.lower() == "identity"), None)
    identity = body.get(name)
    if not isinstance(asked, Mapping) or not isinstance(identity, Mapping):
        return body
    kind = next((v for k, v in identity.items() if k.lower() == "type"), None)
    if "userassigned" in _folded(kind) or any(k.lower() == "userassignedidentities" and v for k, v in asked.items()):
        return body
    return body | {name: {k: v for k, v in identity.items() if k.lower() != "userassignedidentities"}}


def _folded(kind: Any) -> str:
    return kind.replace(" ", "").lower() if isinstance(kind, str) else ""


def _unknown(value: Mapping[str, Any]) -> Iterator[Violation]:
    for name, member in value.items():
        if name.lower() not in _READ_ONLY | {"type", "userassignedidentities"} and member is not None:
            message = f"Could not find member '{name}' on object of type 'identity'. Path 'identity.{name}'."
            yield Violation("InvalidRequestFormat", message, f"identity.{name}")


def _mismatched(kind: str, named: Mapping[str, Any]) -> Iterator[Violation]:
    if "userassigned" in kind and not named:
        message = "The identity ids must not be null or empty for 'UserAssigned' identity type."
        yield Violation("MissingIdentityIds", message, _PATH)
    elif "userassigned" not in kind and named:
        message = f'ResourceIdentity identityIds should not be provided if the type is "{_TYPES[kind]}".'
        yield Violation("InvalidParameter", message, _PATH)


def _malformed(named: Mapping[str, Any]) -> Iterator[Violation]:
    for text, member in named.items():
        try:
            ResourceId.parse(text)
        except ValueError:
            message = (
                f"Property id '{text}' at path '{_PATH}' is invalid. Expect fully qualified resource Id that start "
                "with '/subscriptions/{subscriptionId}' or '/providers/{resourceProviderNamespace}/'."
            )
            yield Violation("LinkedInvalidPropertyId", message, _PATH)
        if member is not None and not isinstance(member, Mapping):
            yield Violation("InvalidRequestContent", f"The value of '{text}' must be an object.", _PATH)
