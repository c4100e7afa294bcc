"""Files as Envoy is given them: one resource each but for listeners and clusters."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from lazulite.engines.http.wording import Json


def file_of(kind: str, name: str) -> str:
    """The name of the file of a route table, a backend's servers or a certificate."""
    return f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def resource(*found: Json) -> str:
    """A file of resources."""
    return text({"resources": list(found)})


def version(found: Json) -> str:
    """Of a resource, made of what is in it."""
    return hashlib.sha256(msgspec.json.encode(found, order="deterministic")).hexdigest()[:16]


def text(value: Any) -> str:
    """JSON for people too."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()
