"""What every command has: the lab it is about, a client for it, and one way to print."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

import click

from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.cli.examples import shown
from lazulite.cli.lab import connection, directory

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


_SENTENCE = 400
"""Characters that the first sentence of a command's help may have."""
_FILE_WIDTH = 400
"""Columns of output that goes to a file or a pipe: nothing is wrapped there."""


class Session:
    """One run of a command. Results go to stdout (one JSON value with ``--json``), everything else to stderr."""

    def __init__(self, lab: str, as_json: bool) -> None:
        self.lab, self.as_json = lab, as_json

    @cached_property
    def client(self) -> Client:
        """Raises :class:`Failure` when the lab does not run."""
        return Client(connection(self.lab))

    @property
    def directory(self) -> Path:
        return directory(self.lab)

    @cached_property
    def console(self) -> Console:
        from rich.console import Console

        return Console(width=None if sys.stdout.isatty() else _FILE_WIDTH, highlight=False)

    def emit(self, value: Any, render: Callable[[], Any]) -> None:
        """The result: *value* as JSON, or what *render* (a renderable of rich, or text) shows people."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2))
            return
        shown = render()
        if isinstance(shown, str):
            click.echo(shown)
        else:
            self.console.print(shown)

    def note(self, text: str) -> None:
        """A line about progress, for people at a terminal only."""
        if sys.stderr.isatty() and not self.as_json:
            click.echo(text, err=True)


class Group(click.Group):
    """Commands, each with its whole first sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(_SENTENCE)) for name, command in found if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def lab_command(name: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with ``--lab`` and ``--json``; the function gets a :class:`Session` first."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @wraps(function)
        def call(lab: str, as_json: bool, **options: Any) -> Any:
            return function(Session(lab, as_json), **options)

        named = click.option("--lab", default="default", envvar="LAZULITE_LAB", show_default=True, help="Which lab.")
        machine = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
        words = {"epilog": shown(name)} | settings
        command: click.Command = click.command(name, cls=click.Command, **words)(named(machine(call)))
        return command

    return decorate


def print_failure(failure: Failure, *, as_json: bool) -> None:
    """Say on stderr what went wrong and what to do next."""
    if as_json:
        error = {"message": failure.message, "hint": failure.hint, "details": list(failure.details)}
        click.echo(json.dumps({"error": error}, indent=2), err=True)
        return
    click.echo(click.style("error: ", fg="red") + failure.message, err=True)
    for detail in failure.details:
        click.echo(f"  {detail}", err=True)
    if failure.hint:
        click.echo(f"next: {failure.hint}", err=True)
