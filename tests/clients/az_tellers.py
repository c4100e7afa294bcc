"""Stories of az commands told side by side: each in a thread and by an az of its own, its commands in their order."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, NamedTuple

from lazulite.testing import Lab
from tests.clients.az import Az, AzError

_AT_ONCE = 4
"""A command sleeps more than it computes."""


class Came(NamedTuple):
    """What a command came to: what it said, or how it failed, and what it asked."""

    found: Any
    error: AzError | None
    requests: list[tuple[str, str]]


class Tellers:
    """Tells stories as long as it is entered."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._threads = ThreadPoolExecutor(_AT_ONCE)
        self._told: dict[str, list[Future[Came]]] = {}

    def __enter__(self) -> Tellers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def tell(self, story: str, commands: list[str], places: dict[str, str], *, after_others: bool) -> None:
        """Begin; *after_others* waits for the end of what is being told."""
        others = [future for futures in self._told.values() for future in futures] if after_others else []
        futures = self._told[story] = [Future[Came]() for _ in commands]
        self._threads.submit(self._tell, commands, places, futures, others)

    def of(self, story: str, number: int) -> Came:
        """What that command came to, once it did."""
        return self._told[story][number].result()

    def _tell(
        self, commands: list[str], places: dict[str, str], futures: list[Future[Came]], others: list[Future[Came]]
    ) -> None:
        wait(others)
        az = Az(self._lab)
        try:
            for command, future in zip(commands, futures, strict=True):
                try:
                    future.set_result(_came(az, command, places))
                except BaseException as error:  # whatever it is, the test that waits must hear of it
                    future.set_exception(error)
        finally:
            az.close()


def _came(az: Az, command: str, places: dict[str, str]) -> Came:
    try:
        found = az(command, **places)
    except AzError as error:
        return Came(None, error, az.requests)
    return Came(found, None, az.requests)
