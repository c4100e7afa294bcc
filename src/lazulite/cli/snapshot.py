"""``snapshot save|restore``: a whole lab as a file."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import click

from lazulite.cli.api import failure
from lazulite.cli.errors import Failure
from lazulite.cli.session import Group, Session, lab_command


@click.group("snapshot", cls=Group)
def snapshot_command() -> None:
    """Keep everything that a lab holds in a file, and bring it back."""


@lab_command("save")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def save_command(session: Session, file: Path) -> None:
    """Write every resource of the lab to FILE, secrets included; only you can read it."""
    content = session.client.get("/lazulite/snapshot")
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(content, opened)
    count = len(content["resources"])
    session.emit({"file": str(file), "resources": count}, lambda: f"{count} resources in {file}.")


@lab_command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore_command(session: Session, file: Path) -> None:
    """Replace everything in the lab with what FILE holds, in one step."""
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        raise Failure(f"{file} is no snapshot: {error}.", code=2) from error
    packed = gzip.compress(json.dumps(content).encode(), mtime=0)
    reply = session.client.exchange("PUT", "/lazulite/snapshot", content=packed)
    if reply.status >= 400:
        raise failure(reply.body["error"])
    done = reply.body
    session.emit(done, lambda: f"{done['restored']} resources are back, {done['deleted']} others are gone.")


snapshot_command.add_command(save_command)
snapshot_command.add_command(restore_command)
