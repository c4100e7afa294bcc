"""Many members at once, over the loopback: who is asked, when somebody is told, and what nobody can delay."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from ipaddress import ip_address

import pytest
from msgspec.structs import replace

from lazulite.engines.probe import Assumed, Prober, Target
from lazulite.engines.probe.prober import AT_ONCE
from lazulite.engines.probe.standing import NOT_RUNNING, UNJUDGED
from lazulite.forwarding.model import Probe, ProbeProtocol
from tests.ports import free_port
from tests.waiting import until_async

"""Bound of what must happen."""
HOME = ip_address("127.0.0.1")


def stream(target: Target) -> socket.socket:
    opened = socket.socket()
    opened.setblocking(False)
    return opened


def at(number: int = 0, guest: str = "1") -> Target:
    return Target("net", HOME, f"port{number}", guest)


def tcp(port: int, interval_s: float = 20, threshold: int = 1) -> Probe:
    """Members are asked once, soon; those that are to be asked again need a shorter interval."""
    return Probe(ProbeProtocol.TCP, port, "", interval_s, threshold)  # type: ignore[arg-type]


class Scene:
    """A prober, and what it noted."""

    def __init__(self, open_socket: Callable[[Target], socket.socket] = stream) -> None:
        self.noted: list[tuple[str, bool]] = []
        self.turns: list[dict[str, int]] = []
        """At each turn, the probes that its pool's members had been sent."""
        self.prober = Prober(open_socket, self._note)

    def _note(self, pool: str, turned: bool) -> None:
        self.noted.append((pool, turned))
        if turned:
            self.turns.append({m: s.sent for m, s in self.prober.standings(pool).items()})

    def healthy(self, pool: str = "p") -> list[str]:
        return [m for m, s in self.prober.standings(pool).items() if s.healthy]

    def reasons(self, pool: str) -> set[str]:
        return {s.reason for s in self.prober.standings(pool).values()}

    async def until(self, condition: Callable[[], bool]) -> None:
        await until_async(condition, told=lambda: (self.noted, self.turns))

    async def asked(self, member: str, times: int, pool: str = "p") -> None:
        """Wait until that many more probes of the member have ended."""
        before = self.prober.standings(pool)[member].sent
        await self.until(lambda: self.prober.standings(pool)[member].sent >= before + times)


def play(story: Callable[[Scene], Awaitable[None]], scene: Callable[[], Scene] = Scene) -> Scene:
    async def played() -> Scene:
        made = scene()
        try:
            await story(made)
        finally:
            made.prober.close()
        return made

    return asyncio.run(played())


@pytest.fixture
def listening() -> Iterator[Callable[[int], int]]:
    """A function that listens, on the port that it is given or a free one, and returns it."""
    with ExitStack() as stack:

        def listen(port: int = 0) -> int:
            opened = stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=4096))
            return int(opened.getsockname()[1])

        yield listen


def test_a_member_turns_with_what_it_answers_both_ways() -> None:
    port = free_port()

    async def story(scene: Scene) -> None:
        scene.prober.follow("p", tcp(port, 0.3), {"m": at()}, frozenset())
        await scene.asked("m", 1)
        assert scene.healthy() == []
        assert scene.prober.standings("p")["m"].reason == "connection refused"
        with socket.create_server(("127.0.0.1", port)):
            await scene.until(lambda: scene.healthy() == ["m"])
        await scene.until(lambda: scene.healthy() == [])

    play(story)


def test_what_an_earlier_prober_knew_holds_until_the_threshold() -> None:
    async def story(scene: Scene) -> None:
        scene.prober.follow("p", tcp(free_port(), 0.1, threshold=2), {"m": at()}, frozenset("m"))
        assert scene.healthy() == ["m"]
        await scene.until(lambda: scene.healthy() == [])

    assert play(story).turns == [{"m": 0}, {"m": 2}]


def test_somebody_is_told_what_changed_and_nothing_else() -> None:
    async def story(scene: Scene) -> None:
        scene.prober.follow("p", tcp(free_port(), 0.1), {"m": at()}, frozenset())
        await scene.asked("m", 3)

    assert play(story).noted == [("p", True), ("p", False)]  # the pool is there; its member fails, and says why


def test_who_does_not_run_is_not_asked_and_not_healthy(listening: Callable[[], int]) -> None:
    port = listening()

    async def story(scene: Scene) -> None:
        scene.prober.follow("p", tcp(port), {"m": at()}, frozenset("m"))
        await scene.asked("m", 1)
        scene.noted.clear()
        scene.prober.follow("p", tcp(port), {"m": None}, frozenset())
        assert scene.noted == [("p", True)]
        standing = scene.prober.standings("p")["m"]
        assert (standing.healthy, standing.reason, standing.sent) == (False, NOT_RUNNING, 0)
        scene.prober.follow("p", tcp(port), {"m": at()}, frozenset())
        assert scene.healthy() == []  # before its first good probe
        await scene.until(lambda: scene.healthy() == ["m"])

    play(story)


def test_whoever_failed_before_it_was_stopped_is_told_as_stopped() -> None:
    async def story(scene: Scene) -> None:
        scene.prober.follow("p", tcp(free_port()), {"m": at()}, frozenset())
        await scene.until(lambda: ("p", False) in scene.noted)
        scene.noted.clear()
        scene.prober.follow("p", tcp(free_port()), {"m": None}, frozenset())
        scene.prober.follow("p", tcp(free_port()), {"m": None}, frozenset())
        assert scene.noted == [("p", False)]  # it is unhealthy as before, for another reason

    play(story)


def test_another_machine_at_the_address_starts_afresh(listening: Callable[[], int]) -> None:
    port = listening()

    async def story(scene: Scene) -> None:
        scene.prober.follow("p", tcp(port), {"m": at()}, frozenset("m"))
        scene.prober.follow("p", tcp(port), {"m": at(guest="2")}, frozenset("m"))
        assert scene.healthy() == []
        await scene.until(lambda: scene.healthy() == ["m"])

    play(story)


TRUSTED = [
    pytest.param(None, True, UNJUDGED, id="of whom nothing is known is trusted until probes have failed"),
    pytest.param(frozenset("m"), True, "", id="who was up when an earlier prober ended is up"),
    pytest.param(frozenset(), False, "", id="who was down is not trusted anew"),
]


@pytest.mark.parametrize(("known", "healthy", "told"), TRUSTED)
def test_trust_is_for_those_of_whom_nothing_is_known(known: frozenset[str] | None, healthy: bool, told: str) -> None:
    async def story(scene: Scene) -> None:
        scene.prober.follow("p", replace(tcp(1), trusting=True), {"m": at()}, known)
        standing = scene.prober.standings("p")["m"]
        assert (standing.healthy, standing.told) == (healthy, told)

    play(story)


def test_members_that_come_and_go_disturb_no_other(listening: Callable[[], int]) -> None:
    port = listening()

    async def story(scene: Scene) -> None:
        scene.prober.follow("p", tcp(port, 1, threshold=2), {"m": at()}, frozenset())
        await scene.asked("m", 1)
        kept = scene.prober.standings("p")["m"]
        scene.prober.follow("p", tcp(port, 1, threshold=2), {"n": at(1), "m": at()}, frozenset("n"))
        assert scene.prober.standings("p")["m"] is kept
        assert not scene.prober.standings("p")["n"].healthy  # nobody is promised anything in a pool that is known
        await scene.until(lambda: scene.healthy() == ["n", "m"])
        scene.prober.follow("p", tcp(port, 1, threshold=2), {"m": at()}, frozenset())
        assert list(scene.prober.standings("p")) == ["m"]
        scene.prober.forget("p")
        scene.prober.forget("p")
        assert scene.prober.standings("p") == {}

    play(story)


def test_another_probe_turns_a_member_only_by_its_own_results(listening: Callable[[], int]) -> None:
    port = listening()

    async def story(scene: Scene) -> None:
        scene.prober.follow("p", tcp(port), {"m": at()}, frozenset())
        await scene.until(lambda: scene.healthy() == ["m"])
        scene.prober.follow("p", tcp(free_port(), 0.1, threshold=2), {"m": at()}, frozenset())
        await scene.until(lambda: scene.healthy() == [])

    assert play(story).turns == [{"m": 0}, {"m": 1}, {"m": 3}]


def test_a_shortage_here_is_no_fault_of_a_member(listening: Callable[[], int]) -> None:
    port = listening()
    failures = [OSError(errno.EMFILE, "too many"), OSError(errno.ENOBUFS, "no memory"), RuntimeError("our fault")]

    def failing(target: Target) -> socket.socket:
        if failures:
            raise failures.pop()
        return stream(target)

    async def story(scene: Scene) -> None:
        scene.prober.follow("p", tcp(port, 1), {"m": at()}, frozenset("m"))
        await scene.asked("m", 1)
        assert scene.healthy() == ["m"]

    assert play(story, lambda: Scene(failing)).noted == [("p", True)]
    assert failures == []


def test_who_cannot_be_heard_in_time_is_excused_but_not_for_ever(listening: Callable[[], int]) -> None:
    """The event loop stands still while the time of a probe ends, as on a machine that has no time for it."""
    port = listening()  # never says anything

    async def story(scene: Scene) -> None:
        probe = Probe(ProbeProtocol.HTTP, port, "/", 0.2)  # type: ignore[arg-type]
        scene.prober.follow("p", probe, {"m": at()}, frozenset("m"))
        while scene.healthy():
            time.sleep(0.3)
            await asyncio.sleep(0.005)

    assert play(story).turns == [{"m": 0}, {"m": 1}]


def test_a_network_that_is_not_there_is_a_failure() -> None:
    def absent(target: Target) -> socket.socket:
        raise FileNotFoundError(errno.ENOENT, "no such network")

    async def story(scene: Scene) -> None:
        scene.prober.follow("p", tcp(1), {"m": at()}, frozenset("m"))
        await scene.until(lambda: scene.healthy() == [])
        assert scene.prober.standings("p")["m"].reason == "no such file or directory"

    play(story, lambda: Scene(absent))


def test_hostile_members_delay_no_other(listening: Callable[[], int]) -> None:
    """Two hundred that say nothing, over and over, and one that says all there is to say at once."""

    async def story(scene: Scene) -> None:
        deaf = [listening() for _ in range(4)]
        server = await asyncio.start_server(_endless, "127.0.0.1", 0)
        for number, port in enumerate(deaf):
            probe = Probe(ProbeProtocol.HTTP, port, "/", 1)
            scene.prober.follow(f"deaf{number}", probe, {str(m): at(m) for m in range(50)}, frozenset())
        loud = Probe(ProbeProtocol.HTTP, server.sockets[0].getsockname()[1], "/", 1)
        scene.prober.follow("loud", loud, {str(m): at(m) for m in range(20)}, frozenset())
        scene.prober.follow("p", tcp(listening(), 0.3), {"m": at()}, frozenset())
        await scene.asked("19", 1, "loud")
        await scene.asked("49", 1, "deaf3")
        assert scene.prober.standings("p")["m"].sent > 1
        await scene.until(lambda: scene.healthy() == ["m"])
        await scene.until(lambda: scene.reasons("loud") == {"answer with endless headers"})
        await scene.until(lambda: scene.reasons("deaf0") == {"no answer in time"})
        server.close()

    play(story)


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    try:
        with suppress(OSError):
            while True:
                writer.write(b"A: b\r\n" * 1000)
                await writer.drain()
    finally:
        writer.close()


def test_a_crowd_that_is_due_at_once_leaves_the_event_loop_time_for_others() -> None:
    begun: list[int] = []
    turns = [0]

    def counted(target: Target) -> socket.socket:
        begun.append(turns[0])
        return stream(target)

    async def story(scene: Scene) -> None:
        members = {str(n): at(n) for n in range(200)}
        scene.prober.follow("p", tcp(free_port()), members, frozenset())
        time.sleep(0.4)  # until all of them are due
        while len(begun) < len(members):
            turns[0] += 1
            await asyncio.sleep(0)

    play(story, lambda: Scene(counted))
    assert max(Counter(begun).values()) <= AT_ONCE


def test_without_packets_whoever_runs_is_healthy() -> None:
    noted: list[tuple[str, bool]] = []
    assumed = Assumed(lambda pool, turned: noted.append((pool, turned)))
    for _ in range(2):
        assumed.follow("p", tcp(80), {"m": at(), "n": None}, frozenset())
    assert {m: (s.healthy, s.reason) for m, s in assumed.standings("p").items()} == {
        "m": (True, ""),
        "n": (False, NOT_RUNNING),
    }
    assert noted == [("p", True)]
    assumed.forget("p")
    assumed.close()
    assert assumed.standings("p") == {}
