"""azure-cli, as a user calls it: ``script/az`` with the environment that ``lazulite env`` prints."""

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
    """Calls ``az`` for one lab. Whatever it may want to write to a home directory goes to the lab's own."""

    def __init__(self, lab: Lab) -> None:
        self._environment = os.environ | lab.environment | {"HOME": str(lab.directory)}

    def __call__(self, command: str, **places: str) -> Any:
        """The decoded output of ``az COMMAND``; *places* fill its ``{placeholders}``. Raises :class:`AzError`."""
        return self.run([word.format_map(places) if places else word for word in shlex.split(command)])

    def run(self, words: list[str], environment: Mapping[str, str] | None = None) -> Any:
        """The decoded output, ``None`` when there is none. Raises :class:`AzError`."""
        done = subprocess.run(
            [str(_SCRIPT), *words, "--only-show-errors", "--output", "json"],
            env=self._environment | dict(environment or {}),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        if done.returncode != 0:
            raise AzError(done.returncode, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def install(self) -> None:
        """Have the project's own azure-cli made, where it is missing; that takes minutes the first time."""
        subprocess.run([str(_SCRIPT), "version"], env=self._environment, capture_output=True, check=True)
