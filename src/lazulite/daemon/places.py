"""Where the files of a lab are, and the one that tells clients how to reach it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec


class Connection(msgspec.Struct, frozen=True):
    """``connection.json``: what the command line and the test fixtures read. Written last, when all else is ready."""

    endpoint: str
    metadata: str
    """Plain HTTP, or empty."""
    portal: str
    """Where a browser on this host finds the portal."""
    ca: str
    token: str
    tenant: str
    subscription: str
    pid: int
    started: int
    """Start time of that process in clock ticks since boot: another process with its id has another."""


class Places(msgspec.Struct, frozen=True):
    """The files of one lab."""

    directory: Path

    @property
    def database(self) -> str:
        return f"sqlite:///{self.directory / 'store.db'}"

    @property
    def certificates(self) -> Path:
        return self.directory / "tls"

    @property
    def profile(self) -> Path:
        """``AZURE_CONFIG_DIR`` of the lab."""
        return self.directory / "azure"

    @property
    def connection(self) -> Path:
        return self.directory / "connection.json"

    def last_port(self, name: str) -> int:
        """The port it had the last time, so that profiles and scripts stay right; 0 when none is known."""
        try:
            return int(json.loads((self.directory / "ports.json").read_bytes())[name])
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            return 0

    def keep_ports(self, ports: dict[str, int]) -> None:
        _write(self.directory / "ports.json", ports)

    def announce(self, connection: Connection) -> None:
        """Readable by the owner alone: it holds a token."""
        _write(self.connection, msgspec.to_builtins(connection))


def started_at(pid: int) -> int:
    """Start time of a process, in clock ticks since boot. Raises ``FileNotFoundError`` when it is gone."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def _write(path: Path, value: object) -> None:
    """All of it or nothing, for its owner alone."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(value, file)
    draft.replace(path)
