"""``lazulite``: every command, and the way to it. What a command needs is imported when it is called."""

from __future__ import annotations

import sys

from lazulite.cli import quick
from lazulite.cli.errors import Failure

COMMANDS = {
    "up": "start",
    "down": "start",
    "status": "status",
    "portal": "portal",
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


def main() -> None:
    """Run the command line; the exit code says what happened (see :class:`lazulite.cli.errors.Failure`)."""
    words = sys.argv[1:]
    if words[:1] == ["trace"]:
        code = quick.trace(words[1:])
        if code is not None:
            sys.exit(code)
    _run()


def _run() -> None:
    import click

    from lazulite.cli.group import cli
    from lazulite.cli.session import print_failure

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
