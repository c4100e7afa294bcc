"""Tests here hold namespaces of their own; those of the driver run in a mount namespace with an empty ``/run``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.packets.net import Net

_SANDBOX = "LAZULITE_SANDBOX"


def pytest_configure(config: pytest.Config) -> None:
    """Start again inside namespaces made for this run: the host's are never touched, and the kernel cleans up."""
    if os.environ.get(_SANDBOX) != "1":
        capture = config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            capture.stop_global_capturing()
        from lazulite.drivers.linux import anchor

        ranges = ["--map-auto"] if anchor.maps_ranges() else []
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user", *ranges]
        command = ["unshare", *user, "--net", "--mount", sys.executable, "-m", "pytest", *config.invocation_params.args]
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"  # tests call nft and tc, as only root finds them by itself
        os.execvpe(command[0], command, os.environ | {_SANDBOX: "1", "PATH": path})


@pytest.fixture(scope="session")
def runtime() -> Iterator[None]:
    """An empty ``/run``, for the driver's namespaces."""
    from lazulite.drivers.linux import isolation

    isolation.mount("lazulite-test", "/run", "tmpfs")
    yield
    isolation.unmount("/run")


@pytest.fixture
def net() -> Iterator[Net]:
    """An empty network on the real kernel."""
    from tests.packets.net import Net

    net = Net()
    yield net
    net.close()
