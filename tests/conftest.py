from __future__ import annotations

from pathlib import Path

import pytest

_MARKED = {"packets": pytest.mark.packets, "lab": pytest.mark.packets, "clients": pytest.mark.clients}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the kernel or an Azure client carries the marker that says so."""
    for item in items:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        if room in _MARKED:
            item.add_marker(_MARKED[room])
