"""A template file with what stands beside it: linked templates go along to the lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lazulite.cli.api import Client
from lazulite.cli.errors import Failure

_LINK = '"templatelink"'
_FILES, _BYTES = 500, 3 * 1024 * 1024
"""What one request to the lab may carry."""


def content(client: Client, file: Path, template: dict[str, Any]) -> dict[str, Any]:
    """The ``template`` member of a deployment, or a ``templateLink`` once the files beside *file* are in the lab."""
    if not _links(file):
        return {"template": template}
    address = client.exchange("PUT", "/lazulite/templates", {"files": _beside(file)})
    if address.status >= 400:
        raise Failure(f"The templates beside {file} could not be sent: {address.body['error']['message']}")
    return {"templateLink": {"uri": f"{address.body['address']}{file.name}"}}


def _links(file: Path) -> bool:
    return _LINK in file.read_text("utf-8-sig").lower()


def _beside(file: Path) -> dict[str, str]:
    """Every JSON file in the folder of *file* and below, by its path from there. Raises :class:`Failure`."""
    folder = file.resolve().parent
    found = {file.name: file.read_text("utf-8-sig")}
    for each in sorted(folder.rglob("*.json")):
        path = each.relative_to(folder)
        if not any(part.startswith(".") for part in path.parts) and each.is_file():
            found[path.as_posix()] = each.read_text("utf-8-sig", errors="replace")
        if len(found) > _FILES or sum(map(len, found.values())) > _BYTES:
            size = f"{_FILES} files and {_BYTES // 1024} KiB of JSON"
            raise Failure(f"The folder of {file} holds more than {size}.", "lazulite up --templates DIR", code=2)
    return found
