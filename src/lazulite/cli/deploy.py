"""``deploy``: an ARM template, with progress per resource."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from lazulite.cli.api import Client, failure
from lazulite.cli.bundle import content
from lazulite.cli.errors import Failure
from lazulite.cli.session import Session, lab_command, print_failure
from lazulite.cli.watch import Watch

_POLL_S = 0.1
_FINAL = ("Succeeded", "Failed", "Canceled")


@lab_command("deploy")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-g", "--group", default="lab", show_default=True, help="Resource group; made when it is missing.")
@click.option("-p", "--parameter", "parameters", multiple=True, help="A parameter file, or name=value. Repeatable.")
@click.option("--location", default="westeurope", show_default=True, help="Of a group that is made.")
@click.option("--name", help="Of the deployment. Default: the file's name.")
@click.option("--watch", is_flag=True, help="Deploy again whenever FILE or a parameter file changes, until Ctrl-C.")
def deploy_command(
    session: Session, file: Path, group: str, parameters: tuple[str, ...], location: str, name: str | None, watch: bool
) -> None:
    """Deploy the ARM template FILE. Templates that it links to by relative paths go along."""

    def once() -> None:
        _deploy_file(session, file, group, parameters, location, name or file.stem)

    if watch:
        _keep_deploying(once, [file, *(Path(word) for word in parameters if "=" not in word)])
    else:
        once()


def _keep_deploying(once: Callable[[], None], files: list[Path]) -> None:
    """Deploy, and again after each change; what fails is told and waits for the next change."""
    with Watch(files) as watch:
        while True:
            try:
                once()
            except Failure as problem:
                print_failure(problem, as_json=False)
            watch.wait()


def _deploy_file(
    session: Session, file: Path, group: str, parameters: tuple[str, ...], location: str, name: str
) -> None:
    template = read_json(file)
    chosen = parse_parameters(parameters, template)
    with Progress(session) as progress:
        linked = content(session.client, file, template).get("templateLink")
        result = deploy(session.client, group, name, template, chosen, location, progress.show, link=linked)
    outputs = result["properties"].get("outputs") or {}
    count = len(result["properties"].get("outputResources") or ())
    shown = (f"  {k} = {v['value']}" for k, v in outputs.items() if not isinstance(v["value"], list | dict))
    lines = [f"{count} resources in {group}.", *shown]
    session.emit(result, lambda: "\n".join(lines))


def read_json(file: Path) -> dict[str, Any]:
    """A template or parameter file. Raises :class:`Failure` naming the line that is not JSON."""
    try:
        content: dict[str, Any] = json.loads(file.read_text("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise Failure(f"{file}, line {error.lineno}: {error.msg}.", code=2) from error
    return content


def parse_parameters(given: tuple[str, ...], template: dict[str, Any]) -> dict[str, Any]:
    """``{name: {"value": …}}`` from files and ``name=value`` words; later ones win."""
    declared = {n.lower(): p for n, p in template.get("parameters", {}).items()}
    result: dict[str, Any] = {}
    for word in given:
        name, equals, text = word.partition("=")
        if equals:
            kind = declared.get(name.lower(), {}).get("type", "string")
            result[name] = {"value": _typed(name, text, kind.lower())}
        else:
            content = read_json(_existing(word))
            result |= content.get("parameters", content)
    return result


def _existing(word: str) -> Path:
    path = Path(word)
    if not path.is_file():
        raise Failure(f"{word!r} is neither a file nor name=value.", code=2)
    return path


def _typed(name: str, text: str, kind: str) -> Any:
    if kind in ("string", "securestring"):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Failure(f"The parameter {name} is of type {kind}: {text!r} is not JSON.", code=2) from error


def deploy(
    client: Client,
    group: str,
    name: str,
    template: dict[str, Any],
    parameters: dict[str, Any],
    location: str,
    show: Callable[[str, str], None] = lambda resource, state: None,
    *,
    link: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Deploy and wait; *show* is told of each resource's state. Raises :class:`Failure` with Azure's error.

    *link* stands for the template where the lab has it already.
    """
    scope = f"{client.subscription}/resourceGroups/{group}"
    if client.exchange("GET", scope).status == 404:
        client.put(scope, {"location": location})
    path = f"{scope}/providers/Microsoft.Resources/deployments/{name}"
    held = {"template": template} if link is None else {"templateLink": link}
    body = {"properties": {"mode": "Incremental", **held, "parameters": parameters}}
    started = client.exchange("PUT", path, body)
    if started.status >= 400:
        raise failure(started.body["error"])
    while True:
        state: dict[str, Any] = client.get(path)
        for resource, what in _operations(client, path):
            show(resource, what)
        if state["properties"]["provisioningState"] in _FINAL:
            break
        time.sleep(_POLL_S)
    if state["properties"]["provisioningState"] != "Succeeded":
        raise failure(state["properties"]["error"])
    return state


def _operations(client: Client, path: str) -> Iterator[tuple[str, str]]:
    for operation in client.every(f"{path}/operations"):
        target = operation["properties"].get("targetResource")
        if target:
            yield (
                f"{target['resourceType'].split('/', 1)[-1]} {target['resourceName']}",
                operation["properties"]["provisioningState"],
            )


class Progress:
    """A line per resource on a terminal, redrawn in place; silent elsewhere."""

    def __init__(self, session: Session) -> None:
        from rich.console import Console
        from rich.progress import Progress as Bars
        from rich.progress import SpinnerColumn, TextColumn

        console = Console(stderr=True)
        self._bars = Bars(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            console=console,
            disable=session.as_json or not console.is_terminal,
        )
        self._tasks: dict[str, Any] = {}

    def show(self, resource: str, state: str) -> None:
        if resource not in self._tasks:
            self._tasks[resource] = self._bars.add_task(resource, total=1)
        text = f"[red]{resource}: {state}[/]" if state in ("Failed", "Canceled") else resource
        self._bars.update(self._tasks[resource], description=text, completed=int(state == "Succeeded"))

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()
