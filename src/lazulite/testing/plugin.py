"""The pytest plugin: labs as fixtures, files of assertions as tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lazulite.testing.assertions import AssertionFile, is_ours
from lazulite.testing.lab import Lab, lab


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called by pytest."""
    group = parser.getgroup("lazulite")
    default = os.environ.get("LAZULITE_LAB", "default")
    group.addoption("--lab", default=default, metavar="NAME", help="Lab that files of assertions are proven in.")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> AssertionFile | None:
    """Called by pytest."""
    return AssertionFile.from_parent(parent, path=file_path) if is_ours(file_path) else None


@pytest.fixture(scope="session")
def lazulite_lab() -> Iterator[Lab]:
    """A lab with packets, shared by the session."""
    with lab() as one:
        yield one


@pytest.fixture(scope="session")
def lazulite_memory_lab() -> Iterator[Lab]:
    """A lab without packets, shared by the session."""
    with lab(memory=True) as one:
        yield one
