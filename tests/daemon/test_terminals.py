"""Terminals as the lab's API offers them, with the host's own shell in the place of a machine's."""

from __future__ import annotations

import asyncio
import base64
import json
import operator
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from lazulite.arm.access import Caller
from lazulite.arm.access.caller import acting
from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request, Response
from lazulite.daemon import terminals
from lazulite.daemon.terminals import Terminals
from lazulite.forwarding.model import ForwardingModel
from tests.daemon.test_programs import play as on_loop
from tests.daemon.test_programs import runs
from tests.packets.edges import machines
from tests.waiting import until

ME, OTHER = Caller("me", "me@lab"), Caller("other", "other@lab")
BOUND_S = 60.0


class Parts:
    """Enters nothing: what is to run in a machine runs here."""

    async def enter(self, workload: Any, argv: Sequence[str], term: str) -> list[str]:
        assert term == "xterm-256color"
        return list(argv)


class Network:
    async def asked(self, ask: Callable[[Any], Any]) -> Any:
        return await ask(None)


class Controller:
    def __init__(self) -> None:
        self.model, self.network = ForwardingModel(machines(1)), Network()


def made(method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> Request:
    return Request(method, f"/lazulite/{path}", query or {}, {}, json.dumps(body).encode() if body is not None else b"")


class Room:
    """Terminals, asked as principals ask."""

    def __init__(self) -> None:
        self.controller = Controller()
        self.terminals = Terminals(self.controller, Parts())  # type: ignore[arg-type]

    async def open(self, *argv: str, who: Caller = ME, **fields: Any) -> str:
        with acting(who):
            words = {"argv": argv} if argv else {}
            found = await self.terminals.open(made("POST", "terminals", {"name": "vm0", **words, **fields}))
        return str(found["id"])

    async def ask(self, method: str, path: str, body: Any = None, who: Caller = ME, **query: str) -> Any:
        with acting(who):
            return await self.terminals.below(made(method, f"terminals/{path}", body, query))

    async def refused(self, method: str, path: str, body: Any = None, who: Caller = ME, **query: str) -> ArmError:
        with pytest.raises(ArmError) as error:
            await self.ask(method, path, body, who, **query)
        return error.value

    async def frames(self, key: str, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        answer = await self.ask("GET", f"{key}/output", after=str(after))
        assert isinstance(answer, Response)
        assert answer.stream is not None
        async for part in answer.stream:
            yield json.loads(part.removeprefix(b"data: "))
        await answer.stream.aclose()


def play(story: Callable[[Room], Any]) -> Any:
    async def main() -> Any:
        room = Room()
        async with asyncio.timeout(BOUND_S):
            return await story(room)

    return on_loop(main())


async def told(room: Room, key: str, after: int = 0) -> tuple[bytes, dict[str, Any]]:
    """All output and the last frame."""
    output, frame = b"", {}
    async for frame in room.frames(key, after):
        output += base64.b64decode(frame.get("data", ""))
    return output, frame


def test_output_comes_with_offsets_and_ends_with_the_code() -> None:
    async def story(room: Room) -> None:
        key = await room.open("sh", "-c", "echo hello; exit 3")
        found = [frame async for frame in room.frames(key)]
        assert found[-1] == {"type": "ended", "code": 3, "machineGone": False}
        assert (found[0]["from"], found[-2]["to"]) == (0, len(b"hello\r\n"))
        assert await told(room, key, after=2) == (b"llo\r\n", found[-1])
        assert (await room.ask("GET", key))["state"] == "ended"

    play(story)


def test_what_is_typed_is_read_and_the_size_told() -> None:
    async def story(room: Room) -> None:
        key = await room.open("sh", "-c", "read x; stty size; echo got $x", rows=30, columns=90)
        assert await room.ask("POST", f"{key}/size", {"rows": 44, "columns": 100}) == {"rows": 44, "columns": 100}
        assert await room.ask("POST", f"{key}/input", {"text": "é\n"}) == {"taken": 2}
        assert (await told(room, key))[0].decode() == "44 100\r\ngot é\r\n"

    play(story)


def test_nobody_but_who_opened_it_finds_a_terminal() -> None:
    async def story(room: Room) -> None:
        key = await room.open("cat")
        for method, path in (("GET", ""), ("GET", "/output"), ("POST", "/input"), ("POST", "/size"), ("DELETE", "")):
            refused = await room.refused(method, f"{key}{path}", {"text": "x"}, who=OTHER)
            assert (refused.status, refused.code) == (404, "TerminalNotFound")
        with acting(OTHER):
            assert room.terminals.mine(made("GET", "terminals")) == {"value": []}
        with acting(ME):
            assert [t["id"] for t in room.terminals.mine(made("GET", "terminals"))["value"]] == [key]
        await room.ask("DELETE", key)
        assert (await room.refused("GET", key)).code == "TerminalNotFound"

    play(story)


WRONG = [
    pytest.param({"name": "vm0", "rows": 0}, "rows", id="no rows"),
    pytest.param({"name": "vm0", "columns": 1001}, "columns", id="too many columns"),
    pytest.param({"name": "vm0", "argv": []}, "argv", id="no command"),
    pytest.param({"name": "vm0", "argv": ["a\0b"]}, "argv", id="a null"),
    pytest.param({"name": "vm0", "argv": [""]}, "argv[0]", id="a program without a name"),
    pytest.param({"name": "vm0", "argv": ["x" * 70_000]}, "argv", id="a word that is too long"),
    pytest.param({"name": 7}, "name", id="a number for a name"),
]


@pytest.mark.parametrize(("body", "target"), WRONG)
def test_a_wish_that_is_wrong_names_the_member(body: Any, target: str) -> None:
    async def story(room: Room) -> None:
        with pytest.raises(ArmError) as error, acting(ME):
            await room.terminals.open(made("POST", "terminals", body))
        assert (error.value.status, error.value.target) == (400, target)

    play(story)


def test_what_is_asked_of_a_terminal_wrongly_is_refused() -> None:
    async def story(room: Room) -> None:
        key = await room.open("cat")
        long = {"text": "x" * (terminals.INPUT_LIMIT + 1)}
        assert (await room.refused("POST", f"{key}/input", long)).target == "text"
        assert (await room.refused("GET", f"{key}/output", after="-1")).target == "after"
        assert (await room.refused("GET", f"{key}/output", after="²")).status == 400
        assert (await room.refused("POST", f"{key}/nothing")).code == "NotFound"
        assert (await room.refused("POST", f"{key}/input/more", {"text": ""})).code == "NotFound"
        await room.ask("DELETE", key)

    play(story)


def test_there_are_only_so_many_and_one_that_ended_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminals, "AT_ONCE", 2)

    async def story(room: Room) -> None:
        first, second = await room.open("true"), await room.open("cat")
        await told(room, first)
        third = await room.open("cat")
        assert (await room.refused("GET", first)).code == "TerminalNotFound"
        with pytest.raises(ArmError, match="2 terminals are open"):
            await room.open("cat")
        for key in (second, third):
            await room.ask("DELETE", key)

    play(story)


def test_only_so_many_read_one_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminals, "READERS", 1)

    async def story(room: Room) -> None:
        key = await room.open("sh", "-c", "echo there; cat")
        reading = room.frames(key)
        assert (await anext(reading))["type"] == "output"
        assert (await room.refused("GET", f"{key}/output")).code == "TooManyReaders"
        await room.ask("DELETE", key)

    play(story)


def test_what_nobody_reads_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminals, "IDLE_S", 1.0)

    async def story(room: Room) -> None:
        key = await room.open("sh", "-c", "echo $$; sleep 86393")
        reading = room.frames(key)
        pid = int(base64.b64decode((await anext(reading))["data"]))
        await asyncio.sleep(1.5)
        assert runs(pid), "somebody reads it"
        await reading.aclose()  # type: ignore[attr-defined]
        while runs(pid):
            await asyncio.sleep(0.01)
        with acting(ME):
            while room.terminals.mine(made("GET", "terminals"))["value"]:
                await asyncio.sleep(0.01)

    play(story)


def test_all_end_with_the_controller() -> None:
    async def story(room: Room) -> list[int]:
        pids = []
        for _ in range(3):
            key = await room.open("sh", "-c", "trap '' HUP; sleep 86392 & echo $! $$; wait")
            async for frame in room.frames(key):
                pids += [int(word) for word in base64.b64decode(frame["data"]).split()]
                break
        return pids

    pids = play(story)  # the event loop ends as the controller's does
    assert len(pids) == 6
    until(lambda: [pid for pid in pids if runs(pid)], operator.not_)


def test_a_machine_that_is_gone_is_told_from_a_shell_that_ended() -> None:
    async def story(room: Room) -> None:
        key = await room.open("cat")
        room.controller.model = ForwardingModel([])
        room.terminals._open[key].process.resize(10, 10)
        await room.ask("POST", f"{key}/input", {"text": "\x04"})
        _, last = await told(room, key)
        assert last == {"type": "ended", "code": 0, "machineGone": True}

    play(story)
