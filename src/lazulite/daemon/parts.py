"""What a lab is made of beside the controller, as the lab's own API needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from lazulite.daemon.guests import Workload
from lazulite.daemon.network import Fabric
from lazulite.engines.waf.explaining import Explained
from lazulite.forwarding.requests import HttpRequest


class Parts(Protocol):
    """The parts of one kind of lab."""

    driver: str

    @property
    def guests(self) -> Mapping[str, str]:
        """By name, ``running`` or what is wrong with a guest that was started."""

    @property
    def scripts(self) -> Mapping[str, tuple[int, str, str]]:
        """By name, exit code and output of each script that has ended."""

    @property
    def reasons(self) -> Mapping[str, Mapping[str, str]]:
        """By pool and member, why the last probe failed."""

    @property
    def reports(self) -> Mapping[str, Mapping[str, Any]]:
        """By entry, what whoever works for it says of it."""

    def connect(self) -> AbstractAsyncContextManager[Fabric]:
        """The fabric, brought up where it is down. Raises ``ConnectionError``."""

    def report(self) -> list[dict[str, str]]:
        """Each part with ``name``, ``state`` (``running`` or what is wrong) and ``detail``."""

    async def enter(self, workload: Workload, argv: Sequence[str], term: str) -> list[str]:
        """What the lab's user runs on the host to have *argv* run in *workload*; *term* asks for a terminal.

        Raises ``ConnectionError`` when the fabric is lost, and ``GuestError`` where the machine cannot be entered."""

    async def inspected(self, key: str, asked: HttpRequest) -> Explained | None:
        """What the firewall says of a request; *key* stands for the use of a policy. ``None`` where nobody can be
        asked."""

    def below(self, words: Sequence[str]) -> list[str]:
        """What the lab's user runs on the host to have Python, told *words*, run beside the agent.

        Raises as :meth:`enter` does."""

    def namespaces(self, workload: Workload) -> dict[str, str]:
        """Paths on the host: ``net``, and ``user`` where the lab has a user namespace of its own.

        Raises as :meth:`enter` does."""

    def recordings(self) -> Path:
        """The folder for captured packets, made by whoever writes there. Raises ``GuestError`` without packets."""
