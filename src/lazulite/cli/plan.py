"""``plan``: what a deployment would change, and which flows it would open or close."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lazulite.cli.api import Client, failure
from lazulite.cli.bundle import content
from lazulite.cli.deploy import parse_parameters, read_json
from lazulite.cli.session import Session, lab_command
from lazulite.cli.trace import short

_SCHEMA = "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"
_MARKS = {"Create": "[green]+[/]", "Delete": "[red]-[/]", "Modify": "[yellow]~[/]", "Deploy": "[yellow]![/]"}
_WORDS = {
    "Create": "to create",
    "Modify": "to change",
    "Delete": "to delete",
    "NoChange": "unchanged",
    "Ignore": "left alone",
}
_FULL = {"tcp", "udp", "icmp", "esp", "ah"}
_SHOWN = 4
"""Names or prefixes of one side that are written out."""


@lab_command("plan")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-g", "--group", default="lab", show_default=True, help="Resource group; need not be there.")
@click.option("-p", "--parameter", "parameters", multiple=True, help="A parameter file, or name=value. Repeatable.")
@click.option("--location", default="westeurope", show_default=True, help="Of a group that would be made.")
@click.option("--mode", type=click.Choice(["Incremental", "Complete"]), default="Incremental", show_default=True)
def plan_command(
    session: Session, file: Path, group: str, parameters: tuple[str, ...], location: str, mode: str
) -> None:
    """Show what deploying the ARM template FILE would change, and what of the network would open or close.

    Nothing is changed. Exit code 1 when the deployment would fail.
    """
    template = read_json(file)
    body = content(session.client, file, template) | {
        "parameters": parse_parameters(parameters, template),
        "mode": mode,
    }
    found = foresee(session.client, group, file.stem, body, location)
    session.emit(found, lambda: _story(found))
    if _errors(found):
        raise SystemExit(1)


def foresee(client: Client, group: str, name: str, body: dict[str, Any], location: str) -> dict[str, Any]:
    """``changes``, ``diagnostics`` and ``reachability`` of a deployment. Raises :class:`Failure` with Azure's error."""
    scope = f"{client.subscription}/resourceGroups/{group}"
    sent: dict[str, Any] = {"properties": body}
    if client.exchange("GET", scope).status == 404:
        scope, sent = client.subscription, _with_group(group, name, body, location)
    path = f"{scope}/providers/Microsoft.Resources/deployments/{name}/whatIf?reachability=true"
    reply = client.exchange("POST", path, sent)
    if reply.status >= 400:
        raise failure(reply.body["error"])
    found: dict[str, Any] = reply.body["properties"]
    return found


def _with_group(group: str, name: str, body: dict[str, Any], location: str) -> dict[str, Any]:
    """The same deployment inside one that makes its group first."""
    kind = "Microsoft.Resources/resourceGroups"
    inner = body | {"mode": "Incremental", "expressionEvaluationOptions": {"scope": "inner"}}
    resources = [
        {"type": kind, "apiVersion": "2022-09-01", "name": group, "location": location, "properties": {}},
        {
            "type": "Microsoft.Resources/deployments",
            "apiVersion": "2022-09-01",
            "name": name,
            "resourceGroup": group,
            "dependsOn": [f"[subscriptionResourceId('{kind}', '{group}')]"],
            "properties": inner,
        },
    ]
    template = {"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "resources": resources}
    return {"location": location, "properties": {"mode": "Incremental", "template": template}}


def _errors(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [d for d in found["diagnostics"] if d["level"] == "Error"]


def _story(found: dict[str, Any]) -> Any:
    from rich.console import Group

    parts: list[Any] = [*_resources(found["changes"]), ""]
    rows = found["reachability"]["differences"]
    parts += [flow_table(rows)] if rows else ["No flow becomes allowed or denied."]
    for error in _errors(found):
        parts.append(f"[red]It would fail:[/] ({error['code']}) {error['message']}")
    return Group(*parts)


def _resources(changes: list[dict[str, Any]]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for change in changes:
        kind = change["changeType"]
        counts[kind] = counts.get(kind, 0) + 1
        if kind in _MARKS:
            yield f"{_MARKS[kind]} {title(change['resourceId'])}"
            yield from (f"    {line}" for line in _delta(change.get("delta", ())))
    yield ", ".join(f"{number} {_WORDS.get(kind, kind)}" for kind, number in counts.items()) or "Nothing to deploy."


def title(resource: str) -> str:
    """``virtualNetworks hub``."""
    from rich.markup import escape

    below = resource.rpartition("/providers/")[2].split("/")
    if "/providers/" not in resource:
        scope, name = resource.rsplit("/", 2)[1:]
        return f"{'resource group' if scope.lower() == 'resourcegroups' else 'subscription'} {escape(name)}"
    return escape(f"{'/'.join(below[1::2])} {'/'.join(below[2::2])}")


def _delta(delta: Any, above: str = "") -> Iterator[str]:
    from rich.markup import escape

    for each in delta:
        path = f"{above}{each['path']}"
        if "children" in each:
            yield from _delta(each["children"], f"{path}.")
        else:
            yield escape(f"{path}: {_brief(each.get('before'))} -> {_brief(each.get('after'))}")


def _brief(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def flow_table(rows: list[dict[str, Any]], heads: tuple[str, str] = ("now", "then")) -> Any:
    """``heads``: what the two states are called."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("", "flows", "from", "to", *heads, "for example"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        for change in row["changes"]:
            opens = change["becomes"] == "allowed"
            mark = "[green]+ allowed[/]" if opens else "[red]- denied[/]"
            now, then = (_decided(change[when]) for when in ("now", "then"))
            table.add_row(
                mark,
                flows_text(change),
                side_text(row["from"]),
                side_text(row["to"]),
                now,
                then,
                witness_text(change["witness"]),
            )
    return table


def flows_text(change: dict[str, Any]) -> str:
    """``tcp 22``; ``any`` for every protocol."""
    protocols = "any" if set(change["protocols"]) >= _FULL else ",".join(change["protocols"])
    ports = "" if change["destinationPorts"] == "0-65535" else f" {change['destinationPorts']}"
    source = "" if change["sourcePorts"] == "0-65535" else f" from port {change['sourcePorts']}"
    return f"{protocols}{ports}{source}"


def side_text(side: dict[str, Any]) -> str:
    """Names, a few of them; a part of the Internet by its prefixes."""
    names = side["names"]
    if names == ["Internet"]:
        prefixes = side["prefixes"]
        return f"Internet ({', '.join(prefixes)})" if len(prefixes) <= _SHOWN else "Internet"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _decided(outcome: dict[str, str]) -> str:
    by = f" ({short(outcome['origin'])})" if outcome["origin"] else ""
    return f"{outcome['disposition']}{by}"


def witness_text(seen: dict[str, Any]) -> str:
    """``tcp 10.0.0.4 > 10.0.1.4:443``."""
    port = f":{seen['destinationPort']}" if seen["protocol"] in ("tcp", "udp") else ""
    return f"{seen['protocol']} {seen['source']} > {seen['destination']}{port}"
