"""What the driver is given beside the model, what is kept of it, and what is told, with members that a test asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from lazulite.agent.health import FILE, Health
from lazulite.agent.protocol import Observed
from lazulite.engines.probe import Standing, Target
from lazulite.engines.probe.standing import Noted
from lazulite.forwarding.model import Contents, Member, Pool, Probe, ProbeProtocol
from lazulite.incremental import Delta
from tests.drivers.worlds import port
from tests.waiting import until_async

PROBE = Probe(ProbeProtocol.TCP, 80)
START = datetime(2026, 1, 1, tzinfo=UTC)
"""Bound of what must happen."""


class Asked:
    """Members whose results a test gives."""

    def __init__(self, noted: Noted) -> None:
        self._noted = noted
        self.pools: dict[str, dict[str, Standing]] = {}
        self.followed: list[tuple[str, list[str], frozenset[str] | None]] = []

    def follow(
        self, pool: str, probe: Probe, targets: Mapping[str, Target | None], healthy: frozenset[str] | None
    ) -> None:
        known = self.pools.get(pool)
        self.followed.append((pool, [m for m, t in targets.items() if t is not None], healthy))
        promised = healthy or frozenset()
        self.pools[pool] = {m: Standing(m in promised) if known is None else known.get(m, Standing()) for m in targets}
        if known is None:
            self._noted(pool, True)

    def forget(self, pool: str) -> None:
        self.pools.pop(pool, None)

    def standings(self, pool: str) -> Mapping[str, Standing]:
        return self.pools.get(pool, {})

    def close(self) -> None:
        self.pools.clear()

    def answers(self, pool: str, member: str, reason: str = "") -> None:
        self._noted(pool, self.pools[pool][member].learn(reason, 1))


class Scene:
    """A health, its members, and what it told; its clock goes on a second whenever it is looked at."""

    def __init__(self, directory: Path, life: str = "1") -> None:
        self.asked: Asked
        self.told: list[Observed] = []
        self.woken = 0
        self._seconds = 0
        self.health = Health(directory, self._make, self.told.append, life, self._now)
        self.health.wake = self._wake

    def _make(self, noted: Noted) -> Asked:
        self.asked = Asked(noted)
        return self.asked

    def _now(self) -> datetime:
        self._seconds += 1
        return START + timedelta(seconds=self._seconds)

    def _wake(self) -> None:
        self.woken += 1

    async def tells(self) -> Observed:
        return (await until_async(lambda: self.told)).pop()


def play(directory: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def played() -> None:
        scene = Scene(directory)
        await story(scene)
        scene.health.close()

    asyncio.run(played())


def pool(name: str = "p", members: str = "ab", probe: Probe | None = PROBE) -> Pool:
    places = {"a": ip_address("10.0.0.4"), "b": ip_address("10.0.0.5")}
    return Pool(name, name, "/one", tuple(Member(m, places[m]) for m in members), probe)


def at(second: int, *members: str, name: str = "p") -> Contents:
    return Contents(name, members, "prober", (START + timedelta(seconds=second)).isoformat(timespec="milliseconds"))


def model(*pools: Pool) -> list[Any]:
    return [*port(0, "/one"), *port(1, "/one"), *pools]


def test_a_new_pool_holds_nobody_and_says_so(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.health.replace(model(pool(), pool("q", "a", None)))
        assert scene.woken
        assert scene.health.take() == {"p": at(1)}
        assert scene.asked.followed == [("p", ["a", "b"], None)]
        assert scene.health.take() == {}

    play(tmp_path, story)


def test_who_turns_is_taken_once_with_the_time_of_the_change(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.health.replace(model(pool()))
        scene.health.take()
        before = scene.woken
        scene.asked.answers("p", "b")
        scene.asked.answers("p", "a", "connection refused")
        assert scene.woken == before + 1
        assert scene.health.take() == {"p": at(2, "b")}
        scene.asked.answers("p", "a")
        scene.asked.answers("p", "a", "status 503")
        assert scene.health.take() == {}  # it turned and turned back
        assert scene.health.known == {"p": at(2, "b")}

    play(tmp_path, story)


def test_a_pool_that_goes_or_loses_its_probe_holds_nothing_any_more(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        both = pool(), pool("q")
        scene.health.replace(model(*both))
        scene.health.take()
        unprobed = pool(probe=None)
        step: Any = Delta({unprobed.key: unprobed}, {both[1].key: both[1]}, {both[0].key: both[0]})
        scene.health.settle(step)
        assert scene.health.take() == {"p": None, "q": None}
        assert scene.asked.pools == {}
        assert scene.health.news() == Observed(contents={}, reasons={})

    play(tmp_path, story)


def test_only_pools_that_a_step_can_reach_are_followed_again(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.health.replace(model(pool(members="a"), pool("q", "b")))
        scene.asked.followed.clear()
        [nic, _] = port(1, "/one")
        scene.health.settle(Delta(removed={nic.key: nic}))
        assert scene.asked.followed == [("q", [], None)]

    play(tmp_path, story)


def test_the_next_agent_starts_with_what_was_kept_and_keeps_its_time(tmp_path: Path) -> None:
    async def first(scene: Scene) -> None:
        scene.health.replace(model(pool(), pool("q")))
        scene.asked.answers("p", "b")
        scene.health.take()
        await scene.health.save()

    async def second(scene: Scene) -> None:
        kept = {"p": at(1, "b"), "q": at(2, name="q")}
        assert scene.health.known == kept
        assert scene.health.news().contents == kept
        scene.health.replace(model(pool()))
        assert scene.asked.followed == [("p", ["a", "b"], frozenset("b"))]
        assert scene.health.take() == {"q": None}
        assert scene.health.known == {"p": at(1, "b")}

    play(tmp_path, first)
    play(tmp_path, second)
    assert [f.name for f in tmp_path.iterdir()] == [FILE]


def test_machines_of_another_life_of_the_lab_are_not_known(tmp_path: Path) -> None:
    """All of them were started again, and none has been asked yet."""

    async def first(scene: Scene) -> None:
        scene.health.replace(model(pool()))
        scene.asked.answers("p", "b")
        scene.health.take()
        await scene.health.save()
        assert Scene(tmp_path).health.known == {"p": at(1, "b")}
        assert Scene(tmp_path, "2").health.known == {}

    play(tmp_path, first)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="an empty file"),
        pytest.param(b"\xff[{", id="nonsense"),
        pytest.param(b'{"life":"1","contents":[{"type":"Contents","name":"p","members":3}]}', id="another form"),
    ],
)
def test_what_cannot_be_read_is_nothing(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).write_bytes(content)

    async def story(scene: Scene) -> None:
        assert scene.health.known == {}

    play(tmp_path, story)
    assert "cannot be read" in caplog.text


def test_what_cannot_be_kept_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(scene: Scene) -> None:
        scene.health.replace(model(pool()))
        scene.health.take()
        (tmp_path / FILE).mkdir()
        await scene.health.save()

    play(tmp_path, story)
    assert "not kept" in caplog.text


def test_why_members_fail_is_told_when_it_changes_and_counted(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.health.replace(model(pool()))
        scene.asked.answers("p", "a", "connection refused")
        scene.asked.answers("p", "b")
        assert await scene.tells() == Observed(reasons={"p": {"a": "connection refused"}})
        scene.asked.answers("p", "a")
        assert await scene.tells() == Observed(reasons={"p": {}})
        assert scene.health.counts() == {"p": {"a": (2, 1, ""), "b": (1, 0, "")}}
        gone = pool()
        scene.health.settle(Delta(removed={gone.key: gone}))
        assert await scene.tells() == Observed(reasons={"p": None})

    play(tmp_path, story)
