"""Storage accounts as the agent keeps them: what is served, what is refused, who is told."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.agent import stores
from lazulite.agent.protocol import Observed
from lazulite.agent.stores import Stores
from lazulite.drivers.driver import Refusal
from lazulite.engines.storage.blobs import SinkError
from lazulite.engines.storage.client import Access
from lazulite.engines.storage.supervise import RUNNING, Account
from lazulite.forwarding.model import ObjectStore
from lazulite.incremental import Delta
from tests.agent.entries import guest

KEY = base64.b64encode(bytes(64)).decode()


def account(name: str = "logs", **changes: Any) -> ObjectStore:
    hosts = tuple((s, f"{name}.{s}.core.windows.net") for s in ("blob", "queue"))
    return replace(ObjectStore(f"/{name}", "/host", hosts, (KEY, "other"), "guid", origin=f"/o/{name}"), **changes)


class Process:
    """Stands for the one that serves: it keeps what it was told, and works or does not."""

    def __init__(self, directory: Path, launch: Any, changed: Callable[[], None], *listening: str) -> None:
        self.held: list[Mapping[str, Account]] = []
        self.changed, self.state, self.closed = changed, RUNNING, False

    async def hold(self, accounts: Mapping[str, Account]) -> None:
        self.held.append(dict(accounts))

    def close(self) -> None:
        self.closed = True

    def turn(self, state: str) -> None:
        self.state = state
        self.changed()


class Kept:
    def __init__(self, directory: Path) -> None:
        self.told: list[Observed] = []
        self.woken = 0
        self.stores = Stores(directory, self.told.append)
        self.stores.wake = self._woken
        self.process: Any = self.stores._store

    def _woken(self) -> None:
        self.woken += 1

    @property
    def names(self) -> list[list[str]]:
        """Of the accounts that the process was told, each time."""
        return [sorted(held) for held in self.process.held]


def run(monkeypatch: pytest.MonkeyPatch, act: Callable[[Kept], Awaitable[None]], directory: Path = Path("/x")) -> Kept:
    monkeypatch.setattr(stores, "Store", Process)

    async def within() -> Kept:
        kept = Kept(directory)
        await act(kept)
        return kept

    return asyncio.run(asyncio.wait_for(within(), 60))


def delta(*changed: Any, removed: tuple[Any, ...] = ()) -> Delta[Any, Any]:
    return Delta(changed={e.key: e for e in changed}, removed={e.key: e for e in removed})


def test_accounts_are_served_by_the_first_label_of_their_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(kept: Kept) -> None:
        assert await kept.stores.load([account(), guest("web"), account("more", secure=False, anonymous=True)]) == []

    kept = run(monkeypatch, act)
    [held] = kept.process.held
    assert held["logs"] == Account(
        "guid",
        (KEY, "other"),
        {"logs.blob.core.windows.net": "blob", "logs.queue.core.windows.net": "queue"},
    )
    assert (held["more"].secure, held["more"].anonymous, held["more"].shared) == (False, True, True)
    assert kept.told[-1].reports == {"/logs": {"state": "running"}, "/more": {"state": "running"}}


def test_what_is_loaded_again_is_all_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(kept: Kept) -> None:
        await kept.stores.load([account(), account("more")])
        await kept.stores.load([account("more")])
        await kept.stores.load([])

    assert run(monkeypatch, act).names == [["logs", "more"], ["more"], []]


def test_what_does_not_concern_accounts_is_told_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(kept: Kept) -> None:
        await kept.stores.load([account()])
        kept.told.clear()
        await kept.stores.release(delta(removed=(guest("web"),)))
        assert await kept.stores.follow(delta(guest("web"))) == []

    kept = run(monkeypatch, act)
    assert (kept.names, kept.told) == ([["logs"]], [])


FOLLOWED = [
    pytest.param(delta(account("more")), [["logs"], ["logs", "more"]], id="one more"),
    pytest.param(delta(account(secure=False)), [["logs"], ["logs"]], id="the same with other settings"),
    pytest.param(delta(removed=(account(),)), [["logs"], [], []], id="the last goes before its host does"),
    pytest.param(
        delta(account("more"), removed=(account(),)), [["logs"], ["more"]], id="one for another keeps the process"
    ),
    pytest.param(delta(removed=(account("nobody"),)), [["logs"], ["logs"]], id="one that nobody knew"),
]


@pytest.mark.parametrize(("step", "names"), FOLLOWED)
def test_steps(monkeypatch: pytest.MonkeyPatch, step: Delta[Any, Any], names: list[list[str]]) -> None:
    async def act(kept: Kept) -> None:
        await kept.stores.load([account()])
        await kept.stores.release(step)
        await kept.stores.follow(step)

    assert run(monkeypatch, act).names == names


def test_an_account_that_goes_is_told_to_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(kept: Kept) -> None:
        await kept.stores.load([account(), account("more")])
        await kept.stores.release(delta(removed=(account(),)))
        assert kept.told[-1].reports == {"/logs": None}
        assert kept.stores.news().reports.keys() == {"/more"}

    run(monkeypatch, act)


def test_accounts_that_cannot_be_served_are_refused_each_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(kept: Kept) -> None:
        await kept.stores.load([account(), account("more")])
        kept.process.turn("there is no room")
        assert kept.woken == 1
        assert kept.told[-1].reports["/logs"] == {"state": "there is no room"}
        refused = [Refusal("/o/logs", "there is no room"), Refusal("/o/more", "there is no room")]
        assert await kept.stores.follow(delta()) == refused
        assert await kept.stores.load([account()]) == refused[:1]
        kept.process.turn(RUNNING)
        assert await kept.stores.follow(delta()) == []
        assert kept.woken == 2

    run(monkeypatch, act)


@pytest.mark.parametrize(
    ("entry", "asked", "expected"),
    [
        pytest.param(account(), "/logs", Access("logs.blob.core.windows.net", KEY), id="by the first of its keys"),
        pytest.param(account(), "/nobody", None, id="nobody's blobs"),
        pytest.param(
            account(endpoints=(("queue", "logs.queue.core.windows.net"),)), "/logs", None, id="an account of queues"
        ),
    ],
)
def test_who_writes_is_let_in_as_the_account(
    monkeypatch: pytest.MonkeyPatch, entry: ObjectStore, asked: str, expected: Access | None
) -> None:
    async def act(kept: Kept) -> None:
        await kept.stores.load([entry])
        assert kept.stores._access(asked) == expected

    run(monkeypatch, act)


def test_blobs_of_nobody_are_refused_and_those_of_a_store_that_is_away_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def act(kept: Kept) -> None:
        await kept.stores.load([account()])
        with pytest.raises(SinkError, match="/nobody: there is no such storage account"):
            await kept.stores.blobs.put("/nobody", "c", "b", b"")
        with pytest.raises(SinkError, match="/logs: its store does not answer"):
            await kept.stores.blobs.put("/logs", "c", "b", b"")

    run(monkeypatch, act, tmp_path)


def test_who_closes_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(kept: Kept) -> None:
        await kept.stores.load([account()])
        await kept.stores.close()

    assert run(monkeypatch, act).process.closed
