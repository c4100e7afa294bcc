"""``import``: what ``az group export`` or a what-if of a real subscription wrote, deployed to the lab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lazulite.cli.api import Client
from lazulite.cli.deploy import Progress, deploy, parse_parameters, read_json
from lazulite.cli.errors import Failure
from lazulite.cli.session import Session, lab_command

_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_IDENTITY = ("id", "etag")
_OWN = {"microsoft.resources/deployments"}


@lab_command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-g", "--group", default="lab", show_default=True, help="Resource group; made when it is missing.")
@click.option("-p", "--parameter", "parameters", multiple=True, help="A parameter file, or name=value. Repeatable.")
@click.option("--location", default="westeurope", show_default=True, help="Of a group that is made.")
def import_command(session: Session, file: Path, group: str, parameters: tuple[str, ...], location: str) -> None:
    """Deploy FILE, a template that `az group export` wrote or the answer of a what-if.

    Types that the lab does not have are listed and left out.
    """
    known = {*types(session.client), *_OWN}
    template, unknown = without_unknown(as_template(read_json(file)), known)
    chosen = parse_parameters(parameters, template)
    with Progress(session) as progress:
        done = deploy(session.client, group, f"import-{file.stem}"[:64], template, chosen, location, progress.show)
    count = len(done["properties"].get("outputResources") or ())
    found = {"group": group, "imported": count, "unknown": unknown}
    left = "".join(f"\n  left out: {kind} ({number})" for kind, number in unknown.items())
    session.emit(found, lambda: f"{count} resources in {group}.{left}")


def types(client: Client) -> Iterator[str]:
    """Every type of the lab, folded."""
    for provider in client.every(f"{client.subscription}/providers"):
        for each in provider["resourceTypes"]:
            yield f"{provider['namespace']}/{each['resourceType']}".lower()


def as_template(document: dict[str, Any]) -> dict[str, Any]:
    """The template in *document*: itself, what an export wrapped, or what a what-if says would be there.

    Raises :class:`Failure` for anything else.
    """
    if isinstance(document.get("template"), dict):
        document = document["template"]
    if isinstance(document.get("resources"), list | dict):
        return document
    changes = document.get("changes") or (document.get("properties") or {}).get("changes")
    if not isinstance(changes, list):
        raise Failure("The file is neither a template nor the answer of a what-if.", code=2)
    kept = (c.get("after") or c.get("before") for c in changes if c.get("changeType") != "Delete")
    resources = [_resource(each) for each in kept if each]
    return {"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "resources": resources}


def _resource(live: dict[str, Any]) -> dict[str, Any]:
    """A resource of a template from one that a what-if shows."""
    names = live["id"].rpartition("/providers/")[2].split("/")[2::2]
    members = {k: v for k, v in live.items() if k not in _IDENTITY}
    return {"apiVersion": "2024-05-01", **members, "name": "/".join(names)}


def without_unknown(template: dict[str, Any], known: set[str]) -> tuple[dict[str, Any], dict[str, int]]:
    """The template without resources of types that are not *known*, and how many there were of each."""
    unknown: dict[str, int] = {}
    source = template["resources"]
    pairs = list(source.items()) if isinstance(source, dict) else [("", r) for r in source]
    for _, resource in pairs:
        if str(resource.get("type")).lower() not in known:
            unknown[resource["type"]] = unknown.get(resource["type"], 0) + 1
    left = {kind.lower() for kind in unknown}
    kept = [(symbol, _freed(r, left)) for symbol, r in pairs if str(r.get("type")).lower() not in left]
    resources: Any = dict(kept) if isinstance(source, dict) else [r for _, r in kept]
    return template | {"resources": resources}, dict(sorted(unknown.items()))


def _freed(resource: dict[str, Any], left: set[str]) -> dict[str, Any]:
    """The resource without dependencies on what is left out."""
    depends = [d for d in resource.get("dependsOn") or [] if not any(f"'{kind}'" in d.lower() for kind in left)]
    return resource | {"dependsOn": depends}
