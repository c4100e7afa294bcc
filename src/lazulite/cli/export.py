"""``export``: the network of a group as a template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from lazulite.cli.session import Session, lab_command


@lab_command("export")
@click.option("-g", "--group", default="lab", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, instead of the screen.")
def export_command(session: Session, group: str, output: Path | None) -> None:
    """Write everything in a resource group as an ARM template that makes it again.

    Names are parameters with their present values; passwords are parameters that have to be given.
    """
    wanted = {"resources": ["*"], "options": "IncludeParameterDefaultValue"}
    scope = f"{session.client.subscription}/resourceGroups/{group}"
    template: dict[str, Any] = session.client.post(f"{scope}/exportTemplate", wanted)["template"]
    text = json.dumps(template, indent=2)
    if output is None:
        click.echo(text)
        return
    output.write_text(text + "\n")
    count = len(template["resources"])
    session.emit({"file": str(output), "resources": count}, lambda: f"{count} resources of {group} in {output}.")
