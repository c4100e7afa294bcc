"""``lazulite``: the group of all commands. A command's module is imported when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from lazulite.cli.errors import Failure
from lazulite.cli.session import print_failure

COMMANDS = {
    "up": "start",
    "down": "start",
    "status": "status",
    "doctor": "doctor",
    "env": "environment",
    "deploy": "deploy",
    "plan": "plan",
    "export": "export",
    "import": "imports",
    "snapshot": "snapshot",
    "exec": "guest",
    "shell": "guest",
    "forward": "relay",
    "proxy": "relay",
    "dig": "dig",
    "trace": "trace",
    "check": "check.command",
    "capture": "capture",
    "flows": "flows",
    "reach": "reach",
    "topology": "topology",
    "audit": "audit",
    "history": "diff",
    "diff": "diff",
    "fault": "fault",
    "logs": "logs",
    "reset": "status",
    "demo": "demo.command",
}
"""Command to the module that defines it, in the order of the help."""


class _Commands(click.Group):
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
    """


def main() -> None:
    """Run the command line; the exit code says what happened (see :class:`lazulite.cli.errors.Failure`)."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except Failure as failure:
        print_failure(failure, as_json="--json" in sys.argv)
        sys.exit(failure.code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
