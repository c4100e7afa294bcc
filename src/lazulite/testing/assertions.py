"""Files of assertions as tests: each assertion of ``*.lazulite.yaml`` and ``check_*.yaml`` is an item of pytest.

The lab is that of ``--lab`` or ``LAZULITE_LAB``. All assertions of a file that were chosen are proven together, when
the first of them is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazulite.cli.errors import Failure

if TYPE_CHECKING:
    from lazulite.cli.check.assertions import Assertion, Document
    from lazulite.cli.check.proof import Outcome

_ENDINGS = (".yaml", ".yml")


class WrongAssertionError(Exception):
    """An assertion that does not hold, with what is wrong, line by line."""


def is_ours(path: Path) -> bool:
    """Whether a file has assertions. ``check_x.yaml`` may be anybody's: it has to look like one, too."""
    if path.suffix not in _ENDINGS:
        return False
    if path.stem.endswith(".lazulite"):
        return True
    return path.stem.startswith("check_") and bool(_CHECKS.search(path.read_text("utf-8", errors="replace")))


_CHECKS = re.compile(r"^checks:", re.MULTILINE)


class AssertionFile(pytest.File):
    """Proves its items together."""

    _outcomes: dict[Assertion, Outcome] | None = None
    _failure: Failure | None = None

    def collect(self) -> Iterator[pytest.Item]:
        from lazulite.cli.check.command import load

        try:
            self._said: Document = load(self.path)
        except Failure as failure:
            raise self.CollectError(_text(failure)) from None
        for assertion in self._said.checks:
            yield AssertionItem.from_parent(self, name=assertion.title, assertion=assertion)

    def outcome(self, assertion: Assertion) -> Outcome:
        """Raises :class:`Failure` when nothing could be proven."""
        if self._outcomes is None and self._failure is None:
            try:
                self._outcomes = self._proven()
            except Failure as failure:
                self._failure = failure
        if self._failure is not None:
            raise self._failure
        assert self._outcomes is not None
        return self._outcomes[assertion]

    def _proven(self) -> dict[Assertion, Outcome]:
        from lazulite.cli.api import Client
        from lazulite.cli.check.command import proven
        from lazulite.cli.lab import connection

        chosen = [i for i in self.session.items if isinstance(i, AssertionItem) and i.parent is self]
        only = frozenset(i.assertion for i in chosen)
        with Client(connection(self.config.getoption("--lab"))) as client:
            return {o.assertion: o for o in proven(client, self.path, self._said, only=only)}


class AssertionItem(pytest.Item):
    def __init__(self, *, assertion: Assertion, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self.assertion = assertion

    def runtest(self) -> None:
        from lazulite.cli.check.proof import HOLDS
        from lazulite.cli.check.report import lines

        assert isinstance(self.parent, AssertionFile)
        outcome = self.parent.outcome(self.assertion)
        if outcome.result != HOLDS:
            raise WrongAssertionError("\n".join((f"{self.assertion.title} {outcome.result}:", *lines(outcome))))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """What is wrong in words; a fault of our own as pytest shows it."""
        if isinstance(excinfo.value, Failure):
            return _text(excinfo.value)
        if isinstance(excinfo.value, WrongAssertionError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.assertion.line - 1, self.name


def _text(failure: Failure) -> str:
    hint = [f"next: {failure.hint}"] if failure.hint else []
    return "\n".join([failure.message, *failure.details, *hint])
