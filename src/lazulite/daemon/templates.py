"""Templates that the command line brings along: what stands beside the file it deploys."""

from __future__ import annotations

import hashlib

import msgspec

from lazulite.arm.backend import Documents

AREA = "templates"
KEPT = 50
"""Sets of files; the oldest are forgotten."""


class Files(msgspec.Struct, frozen=True):
    """Texts by path relative to the folder that the deployed file is in."""

    files: dict[str, str]


class Uploads:
    """Implements :class:`lazulite.arm.deployments.links.Library` over sets of files that were sent before."""

    def __init__(self, documents: Documents, base_url: str) -> None:
        self._documents = documents
        self._prefix = f"{base_url}/lazulite/templates/"

    def put(self, sent: Files) -> dict[str, str]:
        """Keep the files; ``address`` is where they stand, the same for the same files."""
        key = hashlib.sha256(msgspec.json.encode(sorted(sent.files.items()))).hexdigest()[:32]
        for oldest in self._documents.keys(AREA)[: -KEPT + 1]:
            self._documents.delete(AREA, oldest)
        self._documents.put(AREA, key, sent.files)
        return {"address": f"{self._prefix}{key}/"}

    def read(self, address: str) -> bytes | None:
        if not address.startswith(self._prefix):
            return None
        key, _, path = address.removeprefix(self._prefix).partition("/")
        found = (self._documents.get(AREA, key) or {}).get(path)
        return None if found is None else found.encode()
