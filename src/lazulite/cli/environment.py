"""``env``: what makes plain az, the SDKs and curl talk to the lab."""

from __future__ import annotations

import shlex
from pathlib import Path

from lazulite.cli.lab import Connection, connection
from lazulite.cli.session import Session, lab_command


@lab_command("env")
def env_command(session: Session) -> None:
    """Print exports; use it as: eval "$(lazulite env)". Your own ~/.azure is not touched."""
    exports = variables(session.directory, connection(session.lab))
    lines = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in exports.items())
    session.emit(exports, lambda: lines)


def variables(directory: Path, found: Connection) -> dict[str, str]:
    """The environment of an Azure client of the lab in *directory*."""
    return {
        "AZURE_CONFIG_DIR": str(directory / "azure"),
        "REQUESTS_CA_BUNDLE": str(Path(found.ca).with_name("bundle.pem")),
        "LAZULITE_ENDPOINT": found.endpoint,
        "LAZULITE_CA": found.ca,
        "LAZULITE_TOKEN": found.token,
        "LAZULITE_TENANT": found.tenant,
        "LAZULITE_SUBSCRIPTION": found.subscription,
    }
