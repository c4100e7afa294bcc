"""Asks the model, sends the packets, and watches the appliances while they pass."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import chain, groupby
from typing import Any, NamedTuple, TypeAlias

from lazulite.cli.api import Client
from lazulite.cli.demo.plan import Row, address
from lazulite.cli.errors import Failure
from lazulite.cli.guest import entry, run
from lazulite.cli.trace import ask, decision, send, short
from lazulite.inside import program

Flow: TypeAlias = tuple[str, str, str, int]
"""Source, destination, protocol, destination port."""


class Finding(NamedTuple):
    """What the model says of a row and what the packet did."""

    row: Row
    modelled: bool
    decided_by: str
    """The rule or route that let it pass or stopped it, and the route that sent it to an appliance."""
    packet: bool
    detail: str
    modelled_path: tuple[str, ...]
    """Appliances on the way, by name."""
    seen_path: tuple[str, ...]
    """Appliances that were seen to carry the packet."""

    @property
    def agrees(self) -> bool:
        """Whether the packet did what the model says (and went its way), and the design got what it wants."""
        wanted = self.modelled if self.row.expected is None else self.row.expected
        return wanted == self.modelled == self.packet and set(self.modelled_path) == set(self.seen_path)


class Prover:
    """Proves conversations among *guests*, which are all of one group."""

    def __init__(self, client: Client, guests: list[dict[str, Any]]) -> None:
        self._client = client
        self._guests = {g["name"]: g for g in guests}
        self._appliances = [g["name"] for g in guests if g["forwards"]]

    def prove(self, rows: list[Row]) -> list[Finding]:
        """Every row, by model and by packet."""
        answers = [self._ask(row) for row in rows]
        with ExitStack() as stack:
            # Machines of a template that says what it wants have servers of their own.
            for name in {r.destination for r in rows if r.expected is None}:
                ports = {r.port for r in rows if r.destination == name and r.port}
                stack.enter_context(responder(self._client, self._at(name), ports))
            witnesses = {n: stack.enter_context(witness(self._client, self._at(n))) for n in self._appliances}
            packets = self._send(rows)
            carried = {name: finish(process) for name, process in witnesses.items()}
        return [self._finding(row, answers[i], packets[row], carried) for i, row in enumerate(rows)]

    def enable_forwarding(self) -> None:
        """Have every machine whose interfaces may carry others' packets do so, as an appliance's image would."""
        switch = "for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > /proc/sys/net/$f; done"
        for name in self._appliances:
            done = run(self._client, self._at(name), ["sh", "-c", switch])
            if done.returncode != 0:
                reason = (done.stderr.strip(),)
                raise Failure(f"The appliance {name} cannot forward.", "lazulite doctor", details=reason)

    def _at(self, name: str) -> str:
        """The name with its group: other groups may have machines called the same."""
        return f"{self._guests[name]['group']}/{name}"

    def _ask(self, row: Row) -> dict[str, Any]:
        return ask(self._client, self._at(row.source), self._at(row.destination), row.protocol, row.port)

    def _send(self, rows: list[Row]) -> dict[Row, dict[str, Any]]:
        """One batch a source, all sources at once."""
        batches = [list(batch) for _, batch in groupby(sorted(rows), key=lambda r: r.source)]

        def send_batch(batch: list[Row]) -> list[dict[str, Any]]:
            probes = [(self._target(r), r.protocol, r.port) for r in batch]
            with Client(self._client.connection) as client:
                return send(client, self._at(batch[0].source), probes)

        with ThreadPoolExecutor(max(1, len(batches))) as pool:
            results = list(pool.map(send_batch, batches))
        return dict(zip(chain.from_iterable(batches), chain.from_iterable(results), strict=True))

    def _target(self, row: Row) -> str:
        found = address(self._guests[row.source], self._guests[row.destination])
        if found is None:
            problem = f"{row.destination} has no public address for {row.source} to reach."
            raise Failure(problem, "give it one, or drop the row")
        return found

    def _finding(
        self, row: Row, answer: dict[str, Any], packet: dict[str, Any], carried: dict[str, set[Flow]]
    ) -> Finding:
        way = answer["forward"]
        flow = way["flow"]["src"], way["flow"]["dst"], row.protocol, row.port
        deciders = filter(None, (decision(answer), _steered_by(way)))
        return Finding(
            row,
            answer["passes"],
            ", ".join(deciders),
            packet["passes"],
            packet["detail"],
            tuple(n for n in self._appliances if n in way["through"] and n not in (row.source, row.destination)),
            tuple(n for n, flows in carried.items() if flow in flows),
        )


def _steered_by(way: dict[str, Any]) -> str:
    """The user's route that hands the packet to an appliance, if one does."""
    steps = (s for hop in way["hops"] for s in hop["steps"])
    return next((short(s["origin"]) for s in steps if s["stage"] == "appliance-steering"), "")


@contextmanager
def responder(client: Client, name: str, ports: set[int]) -> Iterator[None]:
    """Have the guest answer on *ports*, where nothing does, for as long as the packets fly."""
    with _inside(client, name, [*program("respond"), *map(str, sorted(ports))]):
        yield


@contextmanager
def witness(client: Client, name: str) -> Iterator[subprocess.Popen[str]]:
    """Note at the appliance which flows pass through; :func:`finish` gives them."""
    with _inside(client, name, program("witness")) as process:
        yield process


def finish(process: subprocess.Popen[str]) -> set[Flow]:
    """The flows that a witness saw, now that no more packets come."""
    flows = json.loads(process.communicate(timeout=20)[0])
    return {(f[0], f[1], f[2], f[3]) for f in flows}


@contextmanager
def _inside(client: Client, name: str, argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A program in a guest that says ``ready``, and ends when its input does."""
    with subprocess.Popen(
        entry(client, name, argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            process.kill()
            raise Failure(f"Could not run a helper program in {name}.", f"lazulite exec {name} -- python3 --version")
        try:
            yield process
        finally:
            if not process.stdin.closed:
                process.stdin.close()
