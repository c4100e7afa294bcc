"""``topology``: the network as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from lazulite.cli.drawing import mermaid, svg
from lazulite.cli.errors import Failure
from lazulite.cli.session import Session, lab_command

_ENDINGS = {".svg": "svg", ".mmd": "mermaid", ".md": "mermaid", ".json": "json"}


@lab_command("topology")
@click.option(
    "--format", "kind", type=click.Choice(["svg", "mermaid", "json"]), help="Default: as FILE ends, else svg."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to FILE.", metavar="FILE")
def topology_command(session: Session, kind: str | None, output: Path | None) -> None:
    """Draw regions, networks, subnets, machines, balancers, gateways, peerings and the Internet.

    The SVG follows the reader's choice of light or dark; a resource's id is what its box tells when it is pointed at.
    """
    picture = session.client.get("/lazulite/picture")
    chosen = "json" if session.as_json else kind or _ENDINGS.get(output.suffix if output is not None else "", "svg")
    text = drawn(picture, chosen)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}.", code=2) from error
    session.note(f"{output} holds the network as {chosen}.")


def drawn(picture: dict[str, Any], kind: str) -> str:
    """The picture as text of that kind."""
    if kind == "json":
        return json.dumps(picture, indent=2) + "\n"
    return svg(picture) if kind == "svg" else mermaid(picture)
