"""Random writes about few names that refer to each other, made by many clients at once, and what became of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, NamedTuple, TypeVar

from tests.reliability.served import LIMIT_S, NETWORK, Answer, Caller, Served

WRITERS = 16
T = TypeVar("T")


class Write(NamedTuple):
    method: str
    path: str
    body: Any


class Done(NamedTuple):
    """A write, its answer, and the revisions of the store before it was sent and after it was answered."""

    write: Write
    answer: Answer
    before: int
    after: int

    @property
    def accepted(self) -> bool:
        return self.answer.status < 400


def at_once(served: Served, work: Callable[[Caller, int], T]) -> list[T]:
    """The results of *work* done by sixteen clients on connections of their own, which start together."""
    start = Barrier(WRITERS)

    def one(number: int) -> T:
        with served.caller() as caller:
            start.wait(LIMIT_S)
            return work(caller, number)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(one, range(WRITERS)))


def here(**properties: Any) -> dict[str, Any]:
    return {"location": "westeurope", "properties": properties}


def ref(path: str) -> dict[str, str]:
    return {"id": f"{NETWORK}/{path}"}


def rule(priority: int) -> dict[str, Any]:
    sides = {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*"}
    ports = {"sourcePortRange": "*", "destinationPortRange": str(priority)}
    said = {"priority": priority, "direction": "Inbound", "access": "Allow", "protocol": "Tcp"}
    return {"properties": said | sides | ports}


def subnet(number: int, **more: Any) -> dict[str, Any]:
    return {"properties": {"addressPrefix": f"10.0.{number}.0/24", **more}}


class Rivals:
    """Draws writes of which each makes, changes or takes away what others refer to."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def draw(self) -> Write:
        pick = self._rng.choice
        path, body = pick([self._interface, self._interface, self._subnet, self._group, self._address])()
        return Write("DELETE", path, None) if self._rng.random() < 0.4 else Write("PUT", path, body)

    def _maybe(self, **properties: Any) -> dict[str, Any]:
        return properties if self._rng.random() < 0.5 else {}

    def _interface(self) -> tuple[str, Any]:
        pick = self._rng.choice
        configuration = {"subnet": ref(f"virtualNetworks/net/subnets/s{pick('012')}")}
        configuration |= self._maybe(publicIPAddress=ref(f"publicIPAddresses/p{pick('01')}"))
        group = self._maybe(networkSecurityGroup=ref(f"networkSecurityGroups/g{pick('01')}"))
        first = {"name": "one", "properties": configuration}
        return f"{NETWORK}/networkInterfaces/n{pick('0123')}", here(ipConfigurations=[first], **group)

    def _subnet(self) -> tuple[str, Any]:
        number = self._rng.randrange(3)
        group = self._maybe(networkSecurityGroup=ref(f"networkSecurityGroups/g{self._rng.choice('01')}"))
        return f"{NETWORK}/virtualNetworks/net/subnets/s{number}", subnet(number, **group)

    def _group(self) -> tuple[str, Any]:
        return f"{NETWORK}/networkSecurityGroups/g{self._rng.choice('01')}", here()

    def _address(self) -> tuple[str, Any]:
        body = here(publicIPAllocationMethod="Static") | {"sku": {"name": "Standard"}}
        return f"{NETWORK}/publicIPAddresses/p{self._rng.choice('01')}", body


def raced(served: Served, seed: int, writes: int) -> list[Done]:
    """What sixteen clients did with *writes* draws each."""

    def work(caller: Caller, number: int) -> list[Done]:
        rivals, done = Rivals(seed * WRITERS + number), []
        for _ in range(writes):
            write, before = rivals.draw(), served.revision
            done.append(Done(write, caller.call(*write), before, served.revision))
        return done

    return [each for found in at_once(served, work) for each in found]


def in_order(served: Served, done: list[Done], first: int) -> dict[int, Done]:
    """The writes that changed something, by the revision they made: a PUT's etag tells, a DELETE's from what it took.

    Of several deletions of one resource that may have been the one, it is the one that was answered first.
    """
    found = {int(d.answer.body["etag"][-13:-1], 16): d for d in done if d.accepted and d.write.method == "PUT"}
    deletions = sorted((d for d in done if d.answer.status in (200, 202) and d not in found.values()), key=_answered)
    for revision in range(first + 1, served.revision + 1):
        if revision not in found:
            gone = served.snapshots[revision - 1].resources.keys() - served.snapshots[revision].resources.keys()
            maker = next(d for d in deletions if d.write.path.lower() in gone and d.before < revision <= d.after)
            deletions.remove(maker)
            found[revision] = maker
    assert deletions == []
    return found


def _answered(done: Done) -> int:
    return done.after
