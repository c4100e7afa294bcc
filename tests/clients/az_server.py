"""Runs azure-cli's own main module once a request, each in a process forked from one that has imported it already.

Started with the Python of ``.venv-az`` and the environment of every command. A line of JSON in, the words of the
command, a line out: ``{"code": …, "output": …, "errors": …, "requests": [[method, url], …]}``. What differs from ``az``
is that modules need not be read again: a command's process sees nothing of another one's.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import runpy
import sys
import tempfile
from contextlib import ExitStack, suppress
from typing import Any

_FIRST = ("azure.cli.core", "azure.cli.core.commands.client_factory", "azure.cli.core.aaz", "msal", "requests")


def main() -> None:
    for name in _FIRST:
        importlib.import_module(name)
    for line in sys.stdin:
        answer, modules = _run(json.loads(line))
        print(json.dumps(answer), flush=True)
        _learn(modules)


def _run(words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """What the command came to, and the modules it needed."""
    with ExitStack() as files:
        output, errors, notes = (files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3))
        process = os.fork()
        if process == 0:
            _become_az(words, output.fileno(), errors.fileno(), notes)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        noted = json.loads(_read(notes))
        answer = {"code": code, "output": _read(output), "errors": _read(errors), "requests": noted["requests"]}
        return answer, noted["modules"]


def _read(file: Any) -> str:
    file.seek(0)
    return str(file.read())


def _become_az(words: list[str], output: int, errors: int, notes: Any) -> None:
    """Never returns. What it needed and what it asked goes to *notes*."""
    code, asked = 1, _Requests()
    streams = [notes, sys.stdout, sys.stderr]  # az writes to these or to those that follow, and buffers
    try:
        for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, errors)):
            os.dup2(file, number)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        streams += [sys.stdout, sys.stderr]
        sys.argv = ["az", *words]
        runpy.run_module("azure.cli", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        json.dump({"modules": list(sys.modules), "requests": asked.made}, notes)
        for stream in (*streams, sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


class _Requests(logging.Handler):
    """Hears what urllib3 says of each request it makes."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.made: list[tuple[str, str]] = []
        logger = logging.getLogger("urllib3.connectionpool")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and len(record.args) == 8:  # scheme, host, port, method, url, …
            self.made.append((str(record.args[3]), str(record.args[4])))


def _learn(modules: list[str]) -> None:
    """Import here what a command needed, so that the next one finds it."""
    for name in modules:
        if name.startswith(("azure.", "msal", "knack", "cryptography")) and name not in sys.modules:
            with suppress(Exception):
                importlib.import_module(name)


if __name__ == "__main__":
    main()
