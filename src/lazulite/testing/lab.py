"""A lab of its own, in a directory of its own, for as long as a test needs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lazulite.cli import start
from lazulite.cli.api import Client
from lazulite.cli.deploy import deploy
from lazulite.cli.environment import variables
from lazulite.cli.guest import run
from lazulite.cli.lab import Connection

GROUP = "test"
"""The resource group that short paths are in."""


class Lab:
    """A running lab. Paths are ARM ids, or short ones within the group ``test``: ``virtualNetworks/hub``."""

    def __init__(self, where: Path, process: subprocess.Popen[bytes], connection: Connection, *, memory: bool) -> None:
        self.directory, self.connection, self.memory = where, connection, memory
        self.client = Client(connection)
        self._process = process

    @property
    def group(self) -> str:
        return f"{self.client.subscription}/resourceGroups/{GROUP}"

    @property
    def environment(self) -> dict[str, str]:
        """What ``az``, azure-identity and curl need in their environment to talk to this lab."""
        return variables(self.directory, self.connection)

    def id(self, path: str) -> str:
        """The ARM id of *path*; a type without a namespace is one of ``Microsoft.Network``."""
        if path.startswith("/"):
            return path
        namespace = "" if path.split("/")[0].count(".") else "Microsoft.Network/"
        return f"{self.group}/providers/{namespace}{path}"

    def ref(self, path: str) -> dict[str, str]:
        """A reference to *path*, as properties hold it."""
        return {"id": self.id(path)}

    def get(self, path: str) -> Any:
        return self.client.get(self.id(path))

    def put(self, path: str, body: Any) -> Any:
        """Write, with a ``location`` if *body* has none, and wait until the network follows."""
        return self.client.put(self.id(path), {"location": "westeurope"} | body)

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(self.id(path), body)

    def delete(self, path: str) -> None:
        self.client.delete(self.id(path))

    def deploy(
        self,
        template: Mapping[str, Any] | str | Path,
        parameters: Mapping[str, Any] | None = None,
        *,
        group: str = GROUP,
        name: str = "deployment",
    ) -> dict[str, Any]:
        """Deploy an ARM template (its file or its content) with plain parameter values; gives the deployment."""
        content = json.loads(Path(template).read_text("utf-8-sig")) if isinstance(template, str | Path) else template
        values = {k: {"value": v} for k, v in (parameters or {}).items()}
        return deploy(self.client, group, name, dict(content), values, "westeurope")

    def exec(self, vm: str, argv: list[str], timeout: float = 30, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program in a VM or client and capture its output; *timeout* in seconds."""
        return run(self.client, vm, argv, timeout, stdin)

    def trace(self, source: str, destination: str, port: int = 0, protocol: str = "tcp") -> dict[str, Any]:
        """The model's answer for the first packet of a conversation."""
        flow = {"from": source, "to": destination, "port": port, "protocol": protocol}
        answer: dict[str, Any] = self.client.post("/lazulite/trace", flow)
        return answer

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get("/lazulite/status")
        return answer

    def drift(self) -> list[str]:
        """What the machine has otherwise than the model, in words: a full read-back."""
        found: list[str] = self.client.get("/lazulite/drift")["value"]
        return found

    def kill_controller(self) -> None:
        """``kill -9``: the network must not notice."""
        self.client.close()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def start_controller(self) -> None:
        """Start it again, at the same port, and wait until it answers."""
        self._process, self.connection = _start(self.directory, memory=self.memory)
        self.client = Client(self.connection)

    def close(self) -> None:
        """Stop everything; the directory stays."""
        self.client.close()
        start.stop(self.directory)
        self._process.wait()


def _start(where: Path, *, memory: bool) -> tuple[subprocess.Popen[bytes], Connection]:
    process = start.start(where, where.name, memory=memory)
    try:
        return process, start.await_answer(where, process)
    except BaseException:  # an interrupt too: nobody else knows yet that there is something to end
        start.stop(where)
        process.wait()
        raise


@contextmanager
def lab(*, memory: bool = False) -> Iterator[Lab]:
    """A fresh lab with an empty resource group ``test``; gone, with all its state, at the end."""
    with tempfile.TemporaryDirectory(prefix="lazulite-") as parent:
        where = Path(parent, f"test-{os.getpid()}")
        process, connection = _start(where, memory=memory)
        one = Lab(where, process, connection, memory=memory)
        try:
            one.client.put(one.group, {"location": "westeurope"})
            yield one
        finally:
            one.close()
