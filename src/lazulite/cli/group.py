"""The group of all commands. A command's module is imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from lazulite.cli.main import COMMANDS
from lazulite.cli.session import Group


class _Commands(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"lazulite.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lazulite")
def cli() -> None:
    """A cloud network on this machine: Azure's networking API, with real packets.

    Start with `lazulite up --detach`, then `eval "$(lazulite env)"` and use az, an SDK or a template.

    Exit codes: 0 done; 1 refused, or the answer is no; 2 wrong usage; 3 not found or not running; 4 the model and a
    real packet disagree; 130 interrupted.
    """
