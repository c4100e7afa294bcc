"""Files as Envoy is given them: one resource each but for listeners and clusters, versions made of what is in them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from lazulite.engines.http.wording import Json


def file_of(kind: str, name: str) -> str:
    """The name of the file of a route table, a backend's servers or a certificate."""
    return f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def resource(*found: Json) -> str:
    """A file of resources."""
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]
    return text({"version_info": digest, "resources": list(found)})


def text(value: Any) -> str:
    return json.dumps(value, indent=1)
