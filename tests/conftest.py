"""What every run of the tests needs, however it was started."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, as in Hypothesis's own profile for CI: a run that fails says something of the change
# that it was for. With LAZULITE_EXPLORE=1 they are others each time, or those of --hypothesis-seed.
# How long an example takes says how busy the machine is.
settings.register_profile(
    "lazulite",
    derandomize="LAZULITE_EXPLORE" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("lazulite")

_MARKED = {
    "packets": pytest.mark.packets,
    "lab": pytest.mark.packets,
    "clients": pytest.mark.clients,
    "portal": pytest.mark.portal,
}


def pytest_configure() -> None:
    """A run in the background or under ``nohup`` ignores some signals, and so would all that it starts.

    What programs do when they are interrupted could not be seen. A handler, unlike that, is not handed on.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the kernel or an Azure client carries the marker that says so."""
    for item in items:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        if room in _MARKED:
            item.add_marker(_MARKED[room])
