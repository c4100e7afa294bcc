"""The parts of a lab with packets: the anchor, and the agent below it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from lazulite.agent import client
from lazulite.agent.client import Agent
from lazulite.daemon.guests import Workload
from lazulite.drivers.linux import anchor, guests
from lazulite.drivers.linux.anchor import Anchor, AnchorError
from lazulite.drivers.linux.guests import GuestError


class LinuxParts:
    """Implements :class:`lazulite.daemon.parts.Parts`. Anchor and agent outlive the controller, which finds them."""

    driver = "linux"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: tuple[Anchor, Agent] | None = None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Agent]:
        """Raises ``ConnectionError`` when the host refuses namespaces or the agent does not come up."""
        try:
            below = await asyncio.to_thread(anchor.start, self._directory)
            await asyncio.to_thread(client.launch, below)
        except (AnchorError, OSError, subprocess.CalledProcessError) as error:
            raise ConnectionError(str(error)) from error
        async with client.connect(self._directory) as agent:
            self._running = below, agent
            try:
                yield agent
            finally:
                self._running = None

    @property
    def guests(self) -> Mapping[str, str]:
        return self._running[1].guests if self._running else {}

    @property
    def scripts(self) -> Mapping[str, tuple[int, str, str]]:
        return self._running[1].scripts if self._running else {}

    def report(self) -> list[dict[str, str]]:
        found = anchor.find(self._directory)
        kind = "without root" if found and found.rootless else "as root"
        return [
            _part("anchor", found is not None, f"process {found.pid}, {kind}" if found else "its namespaces are gone"),
            _part("agent", self._running is not None, f"log in {self._directory / 'agent.log'}"),
        ]

    async def enter(self, workload: Workload) -> list[str]:
        below, agent = self._here()
        try:
            init = await agent.enter(workload.name)
        except GuestError as error:
            raise ConnectionError(str(error)) from error
        return guests.enter_command(below, init)

    def namespaces(self, workload: Workload) -> dict[str, str]:
        return guests.namespace_paths(self._here()[0], workload.name)

    def _here(self) -> tuple[Anchor, Agent]:
        if self._running is None:
            raise ConnectionError("the agent is being started")
        return self._running


def _part(name: str, runs: bool, detail: str) -> dict[str, str]:
    return {"name": name, "state": "running" if runs else "down", "detail": detail}
