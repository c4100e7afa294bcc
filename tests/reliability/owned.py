"""A home of a user, and the labs that the command line keeps there."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lazulite.drivers.linux import anchor
from tests.packets.owner import Owner, owner

_COMMAND = Path(__file__).parents[2] / ".venv" / "bin" / "lazulite"
_BOUND_S = 120


class OwnedLab:
    """One lab of *user*, driven by the command line with nothing of the caller's environment."""

    def __init__(self, user: Owner, name: str) -> None:
        self._user, self._name = user, name
        self._homes = user.directory / "labs"
        self.directory = self._homes / name

    @property
    def prefix(self) -> list[str]:
        """Words that make a command one of this user."""
        return self._user.prefix

    def another(self, name: str) -> OwnedLab:
        """A second lab in the same home."""
        return OwnedLab(self._user, name)

    def run(self, *words: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
        """The command line, which must end as expected."""
        home = self._user.directory
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(home),
            "LAZULITE_HOME": str(self._homes),
            "LAZULITE_LAB": self._name,
        }
        command = [*self.prefix, str(_COMMAND), *words]
        done = subprocess.run(
            command, env=environment, cwd="/", capture_output=True, text=True, timeout=_BOUND_S, check=False
        )
        assert done.returncode == exit_code, f"{words}: {done.stdout}{done.stderr}{self._logs()}"
        return done

    def _logs(self) -> str:
        return "".join(f"\n{p.name}:\n{p.read_text()[-2000:]}" for p in self.directory.glob("*.log"))

    def anchor(self) -> anchor.Anchor:
        found = anchor.find(self.directory)
        assert found is not None
        return found

    def connection(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.directory / "connection.json").read_text())
        return found

    def write(self, name: str, text: str) -> None:
        """Replace the text of a file of the lab; whose it is stays."""
        (self.directory / name).write_text(text)

    def strays(self) -> list[str]:
        """What is in the user's home beside the labs."""
        return [name for name in os.listdir(self._user.directory) if name != self._homes.name]

    def down(self) -> None:
        if self.directory.exists():
            self.run("down")


@contextmanager
def owned(kind: str) -> Iterator[OwnedLab]:
    """A home for the block; *kind* is one of :func:`tests.packets.owner.kinds`. Its labs end with the block."""
    with owner(kind) as user:
        os.chmod(user.directory, 0o700)
        lab = OwnedLab(user, "lab")
        try:
            yield lab
        finally:
            for name in sorted(os.listdir(user.directory / "labs")):
                lab.another(name).down()
