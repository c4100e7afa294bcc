"""The lab's Internet for programs of this host: ``lazulite proxy``."""

from __future__ import annotations

import os
import subprocess
import sys

from lazulite.testing import Lab


class proxy:
    """``lazulite proxy`` while the block lasts; gives its address."""

    def __init__(self, made: Lab, vantage: str) -> None:
        self._environment = os.environ | {
            "LAZULITE_HOME": str(made.directory.parent),
            "LAZULITE_LAB": made.directory.name,
            "PYTHONUNBUFFERED": "1",
        }
        code = "from lazulite.cli.main import main; main()"
        self._command = [sys.executable, "-c", code, "proxy", "--port", "0", "--from", vantage]

    def __enter__(self) -> str:
        self._process = subprocess.Popen(self._command, env=self._environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return next(word.rstrip(",") for word in line.split() if word.startswith("http://"))

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
