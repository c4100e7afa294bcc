"""Values for the parameters of a template that someone else's pipeline would fill in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.templates.files import Template

ARTIFACTS = "https://example.test/artifacts/"
PASSWORD = "Lz-2026-Password"
_LENGTH = 18
"""Of ``GEN-UNIQUE``. Source: contribution guide of the quickstart templates, "Parameters file placeholders"."""
_UNIQUE = re.compile(r"GEN-UNIQUE(?:-(\d+))?")
_PRINCIPAL = re.compile(r"principalid|objectid|assignee", re.IGNORECASE)
_EARLIER = re.compile(r"GET-PREREQ-([A-Za-z0-9_]+)")
_LEFT = re.compile(r"GEN-[A-Z0-9-]+")


class Filled(msgspec.Struct):
    """What is given to a deployment, and which values were made up for it."""

    values: dict[str, Any]
    made_up: list[str]


def filled(template: Template, principal: str, earlier: Mapping[str, Any]) -> Filled:
    """A value for every parameter that has none of its own.

    *principal* is the object id of whoever deploys; *earlier* holds the outputs of the template before this one.
    """
    declared = {n: p for n, p in (template.document.get("parameters") or {}).items() if isinstance(p, dict)}
    said = {n.lower(): v for n, v in template.given.items() if isinstance(v, dict)}
    result = Filled({}, [])
    for name, parameter in declared.items():
        entry = said.get(name.lower(), {})
        if _PRINCIPAL.search(name) and entry.get("value", "GEN-GUID") == "GEN-GUID" and "defaultValue" not in parameter:
            result.values[name] = principal
            result.made_up.append(name)
        elif "value" in entry:
            result.values[name] = _replaced(name, entry["value"], earlier, result.made_up)
        elif "reference" in entry or needs_value(name, parameter, template):
            result.values[name] = made_up(name, parameter, principal)
            result.made_up.append(name)
    return result


def needs_value(name: str, parameter: Mapping[str, Any], template: Template) -> bool:
    """Whether nobody gives it one: no default, or a default that only a download has."""
    if "defaultValue" not in parameter:
        return parameter.get("nullable") is not True
    return "templatelink" in str(parameter["defaultValue"]).lower() and not template.linked


def _replaced(name: str, value: Any, earlier: Mapping[str, Any], notes: list[str]) -> Any:
    if isinstance(value, dict):
        return {k: _replaced(name, v, earlier, notes) for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(name, v, earlier, notes) for v in value]
    if not isinstance(value, str):
        return value
    before = _EARLIER.fullmatch(value)
    if before:
        return next((v for k, v in earlier.items() if k.lower() == before[1].lower()), value)
    placed = _placed(name, _EARLIER.sub(lambda m: str(earlier.get(m[1], m[0])), value))
    if placed != value:
        notes.append(name)
    return placed


def _placed(name: str, text: str) -> str:
    """*text* with its ``GEN-…`` placeholders filled, alike each time."""
    text = _UNIQUE.sub(lambda m: unique(name, int(m[1] or _LENGTH)), text)
    text = text.replace("GEN-SSH-PUB-KEY", public_key()).replace("GEN-PASSWORD", PASSWORD)
    text = text.replace("GEN-GUID", str(uuid5(NAMESPACE_URL, name)))
    return _LEFT.sub(lambda m: unique(m[0], _LENGTH), text)


def unique(name: str, length: int) -> str:
    """Letters and digits, a letter first."""
    return f"lz{uuid5(NAMESPACE_URL, name).hex}"[:length]


def public_key() -> str:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + " lazulite"


def made_up(name: str, parameter: Mapping[str, Any], principal: str) -> Any:
    """A value that the declaration allows."""
    allowed = parameter.get("allowedValues")
    if allowed:
        return allowed[0]
    kind = str(parameter.get("type", "string")).lower()
    if kind == "int":
        return max(1, int(parameter.get("minValue", 1)))
    plain: dict[str, Any] = {"bool": False, "array": [], "object": {}, "secureobject": {}}
    return plain[kind] if kind in plain else _text(name.lower(), parameter, principal)


_MEANINGS: tuple[tuple[str, Any], ...] = (
    (r"ssh|publickey|keydata|adminpasswordorkey", lambda: public_key()),
    (r"password|secret|passphrase|sharedkey", lambda: PASSWORD),
    (r"location|region", lambda: "westeurope"),
    (r"artifactslocationsastoken|sastoken", lambda: ""),
    (r"addressprefix|cidr|addressspace|addressrange", lambda: "10.0.0.0/16"),
    (r"subnetprefix|subnetaddress", lambda: "10.0.0.0/24"),
    (r"ipaddress|privateip|staticip", lambda: "10.0.0.10"),
    (r"uri|url|artifactslocation|endpoint$", lambda: ARTIFACTS),
    (r"mail", lambda: "someone@example.test"),
    (r"vmsize|machinesize", lambda: "Standard_D2s_v3"),
    (r"user", lambda: "azureuser"),
)
"""What a parameter's name says of its values."""


def _text(name: str, parameter: Mapping[str, Any], principal: str) -> str:
    if _PRINCIPAL.search(name):
        return principal
    for pattern, value in _MEANINGS:
        if re.search(pattern, name):
            return str(value())
    low, high = int(parameter.get("minLength", 3)), int(parameter.get("maxLength", _LENGTH))
    return unique(name, max(low, min(high, 12)))
