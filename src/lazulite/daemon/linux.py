"""The parts of a lab with packets: the anchor, and the agent below it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lazulite.daemon import agent_link
from lazulite.daemon.agent_link import AgentLink
from lazulite.daemon.guests import Workload
from lazulite.drivers.linux import anchor, guests
from lazulite.drivers.linux.anchor import Anchor, AnchorError
from lazulite.engines.http import supervise as http
from lazulite.engines.waf import explaining
from lazulite.engines.waf.explaining import Explained
from lazulite.forwarding.requests import HttpRequest


class LinuxParts:
    """Implements :class:`lazulite.daemon.parts.Parts`. Anchor and agent outlive the controller, which finds them."""

    driver = "linux"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: tuple[Anchor, AgentLink] | None = None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AgentLink]:
        """Raises ``ConnectionError`` when the host refuses namespaces or the agent does not come up."""
        try:
            below = await asyncio.to_thread(anchor.start, self._directory)
            await asyncio.to_thread(agent_link.launch, below)
        except (AnchorError, OSError, subprocess.CalledProcessError) as error:
            raise ConnectionError(str(error)) from error
        async with agent_link.connect(self._directory) as agent:
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

    @property
    def reasons(self) -> Mapping[str, Mapping[str, str]]:
        return self._running[1].reasons if self._running else {}

    @property
    def reports(self) -> Mapping[str, Mapping[str, Any]]:
        return self._running[1].reports if self._running else {}

    def report(self) -> list[dict[str, str]]:
        found = anchor.find(self._directory)
        kind = "without root" if found and found.rootless else "as root"
        return [
            _part("anchor", found is not None, f"process {found.pid}, {kind}" if found else "its namespaces are gone"),
            _part("agent", self._running is not None, f"log in {self._directory / 'agent.log'}"),
        ]

    async def enter(self, workload: Workload, argv: Sequence[str], term: str) -> list[str]:
        below, agent = self._here()
        init = await agent.enter(workload.name)
        return guests.enter_command(below, init, argv, tty=bool(term), term=term or "dumb")

    async def inspected(self, key: str, asked: HttpRequest) -> Explained | None:
        return await explaining.ask(self._directory / http.DIRECTORY, key, asked)

    def below(self, words: Sequence[str]) -> list[str]:
        return [*anchor.enter_command(self._here()[0]), sys.executable, *words]

    def namespaces(self, workload: Workload) -> dict[str, str]:
        return guests.namespace_paths(self._here()[0], workload.name)

    def recordings(self) -> Path:
        return self._directory / "recordings"

    def _here(self) -> tuple[Anchor, AgentLink]:
        if self._running is None:
            raise ConnectionError("the agent is being started")
        return self._running


def _part(name: str, runs: bool, detail: str) -> dict[str, str]:
    return {"name": name, "state": "running" if runs else "down", "detail": detail}
