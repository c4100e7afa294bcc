"""Whose lab a test is about, as root and without, and how it runs things as that user."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lazulite.drivers.linux import anchor

NOBODY = 65534
PATIENCE_S = 60.0
"""Bound of what must happen."""


class Owner:
    """A user with a directory for a lab."""

    def __init__(self, directory: Path, rootless: bool) -> None:
        self.directory, self.rootless = directory, rootless

    @property
    def prefix(self) -> list[str]:
        """Words that make a command of root's one of this user."""
        if not self.rootless or os.geteuid() != 0:
            return []
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    def run(self, command: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.prefix, *command], input=text, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def output(self, command: list[str], text: str | None = None) -> str:
        """What a command prints that must succeed."""
        done = self.run(command, text)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> anchor.Anchor:
        """Start the anchor, in a process of this user's that ends at once."""
        code = "import sys, pathlib; from lazulite.drivers.linux import anchor; anchor.start(pathlib.Path(sys.argv[1]))"
        self.output([sys.executable, "-c", code, str(self.directory)])
        found = anchor.find(self.directory)
        assert found is not None
        return found

    def below(self, lab: anchor.Anchor, command: list[str], text: str | None = None) -> str:
        """What a command prints in the namespaces of the lab."""
        return self.output([*anchor.enter_command(lab), *command], text)


def kinds() -> list[str]:
    """Which owners this test run can have: root can be another user where the ids of more than one are mapped."""
    if os.geteuid() != 0:
        return ["without root"]
    return ["as root", "without root"] if _mapped(NOBODY) else ["as root"]


def _mapped(user: int) -> bool:
    rows = (map(int, row.split()) for row in Path("/proc/self/uid_map").read_text().splitlines())
    return any(first <= user < first + count for first, _, count in rows)


@contextlib.contextmanager
def owner(kind: str, place: Path | None = None) -> Iterator[Owner]:
    """An owner whose lab, if there is one, ends with the block; its directory is in *place*."""
    directory = Path(tempfile.mkdtemp(prefix="lazulite-", dir=place))
    rootless = kind == "without root"
    if rootless and os.geteuid() == 0:
        os.chown(directory, NOBODY, NOBODY)
    try:
        yield Owner(directory, rootless)
    finally:
        found = anchor.find(directory)
        if found is not None:
            anchor.stop(found)
        shutil.rmtree(directory)
