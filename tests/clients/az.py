"""azure-cli, with the environment that ``lazulite env`` prints: its own main module in a process per command, forked
from one that has read the modules (``az_server``), or ``script/az`` as a user calls it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lazulite.testing import Lab

_SCRIPT = Path(__file__).parents[2] / "script" / "az"
_MAIN = Path(__file__).with_name("az_server.py")
_PYTHON = _SCRIPT.parents[1] / ".venv-az" / "bin" / "python"
_FOR_PROGRAMS = ("--only-show-errors", "--output", "json")
_PATIENCE_S = 120
"""Bound of one command; one that sleeps between polls as azure-core does without a hint comes near it."""


class AzError(Exception):
    """A command that failed: its exit code, and what it wrote to standard error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"exit code {code}: {text}")
        self.code, self.text = code, text


MACHINE = (
    "vm create -g {group} -n {name} --image Ubuntu2204 --size Standard_B1s "
    "--admin-username azureuser --admin-password Lazulite-1234 --authentication-type password"
)
VISITOR = (
    "resource create -g {group} -n {name} --resource-type Lazulite.Lab/clients --api-version 2025-01-01 "
    """--properties '{{"country": "DE"}}'"""
)
"""A host on the lab's Internet."""


class Az:
    """Calls ``az`` for one lab. Whatever it may want to write to a home directory goes to the lab's own.

    *more* is further environment.
    """

    def __init__(self, lab: Lab, **more: str) -> None:
        self._environment = os.environ | lab.environment | {"HOME": str(lab.directory)} | more
        self._server: subprocess.Popen[str] | None = None
        self.requests: list[tuple[str, str]] = []
        """Method and path of all that the last command asked, for those that the server ran."""

    def __call__(self, command: str, **places: str) -> Any:
        """The decoded output of ``az COMMAND``; *places* fill its ``{placeholders}``. Raises :class:`AzError`."""
        return self.forked([word.format_map(places) if places else word for word in shlex.split(command)])

    def forked(self, words: list[str]) -> Any:
        """As :meth:`run`, and in a tenth of the time."""
        server = self._started()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps([*words, *_FOR_PROGRAMS]) + "\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        self.requests = [(method, url) for method, url in answer["requests"]]
        return _decoded(answer["code"], answer["output"], answer["errors"])

    def run(self, words: list[str], environment: Mapping[str, str] | None = None) -> Any:
        """The decoded output, ``None`` when there is none. Raises :class:`AzError`."""
        done = subprocess.run(
            [str(_SCRIPT), *words, *_FOR_PROGRAMS],
            env=self._environment | dict(environment or {}),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        return _decoded(done.returncode, done.stdout, done.stderr)

    def install(self) -> None:
        """Have the project's own azure-cli made, where it is missing; that takes minutes the first time."""
        subprocess.run([str(_SCRIPT), "version"], env=self._environment, capture_output=True, check=True)

    def close(self) -> None:
        if self._server is not None:
            self._server.communicate()
            self._server = None

    def _started(self) -> subprocess.Popen[str]:
        if self._server is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self._server = subprocess.Popen([str(_PYTHON), "-P", str(_MAIN)], env=self._environment, **pipes)
        return self._server


def _decoded(code: int, output: str, errors: str) -> Any:
    """The decoded output, ``None`` when there is none. Raises :class:`AzError`."""
    if code != 0:
        raise AzError(code, errors)
    return json.loads(output) if output.strip() else None
