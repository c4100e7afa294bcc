"""Asks the model, sends the packets, and watches the appliances while they pass."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import groupby
from typing import Any, NamedTuple

from lazulite.cli.api import Client
from lazulite.cli.demo.plan import Row, address
from lazulite.cli.errors import Failure
from lazulite.cli.guest import entry, run
from lazulite.cli.inside import program
from lazulite.cli.trace import ask, decision, send


class Finding(NamedTuple):
    """What the model says of a row and what the packet did."""

    row: Row
    modelled: bool
    decided_by: str
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


def prove(client: Client, rows: list[Row], guests: list[dict[str, Any]]) -> list[Finding]:
    """Every row, by model and by packet."""
    by_name = {g["name"]: g for g in guests}
    answers = [ask(client, r.source, r.destination, r.protocol, r.port) for r in rows]
    forwarding = [g["name"] for g in guests if g["forwards"]]
    with ExitStack() as stack:
        # Machines of a template that says what it wants have servers of their own.
        for name in {r.destination for r in rows if r.expected is None}:
            stack.enter_context(responder(client, name, {r.port for r in rows if r.destination == name and r.port}))
        witnesses = {name: stack.enter_context(witness(client, name)) for name in forwarding}
        packets = send_all(client, [(r, _target(by_name, r)) for r in rows])
        carried = {name: finish(process) for name, process in witnesses.items()}
    return [
        Finding(
            row,
            answer["passes"],
            decision(answer),
            packet["passes"],
            packet["detail"],
            _appliances(answer["forward"], row, forwarding),
            tuple(n for n, flows in carried.items() if _flow(answer["forward"], row) in flows),
        )
        for row, answer, packet in zip(rows, answers, packets, strict=True)
    ]


def _target(by_name: dict[str, dict[str, Any]], row: Row) -> str:
    found = address(by_name[row.source], by_name[row.destination])
    if found is None:
        raise Failure(
            f"{row.destination} has no public address for {row.source} to reach.", "give it one, or drop the row"
        )
    return found


def _appliances(trace: dict[str, Any], row: Row, forwarding: Iterable[str]) -> tuple[str, ...]:
    """Appliances that the model says the packet is handed to and sends on."""
    return tuple(name for name in forwarding if name in trace["through"] and name not in (row.source, row.destination))


def _flow(trace: dict[str, Any], row: Row) -> tuple[str, str, str, int]:
    flow = trace["flow"]
    return flow["src"], flow["dst"], row.protocol, row.port


def send_all(client: Client, targets: list[tuple[Row, str]]) -> list[dict[str, Any]]:
    """One batch a source, all sources at once; results in the order of *targets*."""
    order = sorted(range(len(targets)), key=lambda i: targets[i][0].source)
    batches = [list(group) for _, group in groupby(order, key=lambda i: targets[i][0].source)]

    def batch(indices: list[int]) -> list[dict[str, Any]]:
        probes = [(targets[i][1], targets[i][0].protocol, targets[i][0].port) for i in indices]
        return send(Client(client.connection), targets[indices[0]][0].source, probes)

    with ThreadPoolExecutor(max(1, len(batches))) as pool:
        results = pool.map(batch, batches)
        found = {
            i: r
            for indices, batch_results in zip(batches, results, strict=True)
            for i, r in zip(indices, batch_results, strict=True)
        }
    return [found[i] for i in range(len(targets))]


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


def finish(process: subprocess.Popen[str]) -> set[tuple[str, str, str, int]]:
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


def enable_forwarding(client: Client, guests: list[dict[str, Any]]) -> None:
    """Have every machine whose interfaces may carry others' packets do so, as an appliance's image would."""
    for name in (g["name"] for g in guests if g["forwards"]):
        switch = "for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > /proc/sys/net/$f; done"
        done = run(client, name, ["sh", "-c", switch])
        if done.returncode != 0:
            raise Failure(f"The appliance {name} cannot forward.", "lazulite doctor", details=(done.stderr.strip(),))
