"""A process that writes until it is killed, and says after each commit what it has committed.

usage: python -m tests.store.victim DATABASE
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Resource
from lazulite.store import Store
from tests.arm.garden import REGISTRY, Bed, Plant


def write(url: str, say: Callable[[int], None]) -> None:
    store = Store(url, REGISTRY)
    while True:
        number = store.snapshot.revision + 1
        bed = Resource(
            ResourceId(f"/subscriptions/s/resourceGroups/g/providers/Contoso.Garden/beds/b{number % 7}"),
            Bed(plants=tuple(Child(f"p{n}", Plant(height=number % 300 + 1)) for n in range(3))),
            guid=str(number),
        )
        snapshot, _ = store.commit({bed.id.key: bed}, {("numbers", str(number % 5)): number})
        say(snapshot.revision)


if __name__ == "__main__":
    write(sys.argv[1], lambda revision: print(revision, flush=True))
