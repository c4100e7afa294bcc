"""The pytest plugin: labs as fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lazulite.testing.lab import Lab, lab


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
