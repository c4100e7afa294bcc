"""The firewall's processes, asked as Envoy asks them: answers, new policies, deaths, and what Envoy is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from lazulite.engines.http import firewall
from lazulite.engines.waf import nursery, spec, worker
from lazulite.engines.waf.spec import State, Use, use_of, used
from lazulite.engines.waf.supervise import Firewall
from lazulite.forwarding.model import HttpProxy, HttpRule, Site, WafBody, WafLimit, WafPolicy
from lazulite.values import IPAddress
from tests.engines.waf import condition, policy, rule
from tests.json_lines import rows as whole_lines
from tests.waiting import until, until_async

LIMIT_S = 60.0
KEY = "0123456789abcdef"
USE = Use("waf", "Global", "Global", "site", "/gw", "gw")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose name is short enough for sockets; whatever runs for it is ended."""
    with TemporaryDirectory(prefix="waf") as made:
        yield Path(made)
        keeper = Path(made, spec.PID)
        if keeper.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(keeper.read_text()), signal.SIGKILL)


def workers(place: Path) -> list[int]:
    """The processes that look into requests for *place*."""
    return called(place, worker.COMM)


def called(place: Path, comm: str) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = (each / "cmdline").read_bytes().split(b"\0")
            if str(place).encode() in told and (each / "comm").read_text().strip() == comm:
                found.append(int(each.name))
    return found


async def asked(place: Path, path: str = "/", body: bytes = b"", **headers: str) -> tuple[int, str]:
    """Status and body of the answer to one question."""
    reader, writer = await asyncio.open_unix_connection(str(place / spec.SOCKET))
    told = {"host": "shop.test", "content-length": str(len(body)), spec.CLIENT: "192.0.2.1", spec.VERSION: "HTTP/1.1"}
    told[spec.KEY] = KEY
    told |= {k.replace("_", "-"): v for k, v in headers.items()}
    head = "".join(f"{k}: {v}\r\n" for k, v in told.items())
    writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    try:
        first = (await reader.readline()).split()
        length = 0
        while (line := (await reader.readline()).strip().lower()) != b"":
            length = int(line.split(b":")[1]) if line.startswith(b"content-length") else length
        return int(first[1]) if first else 0, (await reader.readexactly(length)).decode()
    finally:
        writer.close()


def state(*rules: Any, **more: Any) -> State:
    return State({"waf": policy(*rules, **more)}, {KEY: USE}, [("192.0.2.0/24", "DE")])


@contextlib.asynccontextmanager
async def served(place: Path, given: State) -> AsyncIterator[Firewall]:
    made = Firewall(place)
    try:
        assert await made.serve(given) == {}
        yield made
    finally:
        made.close()


BLOCKED = rule("r", "block", condition("uri", "contains", "blocked"))


def test_it_answers_and_takes_new_policies(place: Path) -> None:
    async def told() -> None:
        async with served(place, state(BLOCKED)) as made:
            assert (await asked(place, "/fine"))[0] == 200
            status, page = await asked(place, "/blocked")
            assert (status, "403 Forbidden" in page) == (403, True)
            again = rule("r", "block", condition("address", "country", "DE"))
            assert await made.serve(state(again, status=451, page="sorry")) == {}
            assert await asked(place, "/fine") == (451, "sorry")
            assert await made.serve(State()) == {}
            assert (await asked(place, "/fine"))[0] == 503

    asyncio.run(told())
    lines = whole_lines(place / spec.LOG)
    assert [p["properties"]["requestUri"] for p in lines] == ["/blocked", "/fine"]


def test_a_policy_that_cannot_be_compiled_is_told_and_lets_nothing_pass(place: Path) -> None:
    async def told() -> None:
        broken = WafPolicy("broken", "broken", rules=(rule("r", "block", condition("address", "network", 'a"b')),))
        given = State({"waf": policy(BLOCKED), "broken": broken}, {KEY: USE, "f" * 16: Use("broken", "", "", "", "")})
        made = Firewall(place)
        assert list(await made.serve(given)) == ["broken"]
        assert (await asked(place, "/fine"))[0] == 200
        made.close()

    asyncio.run(told())


def test_what_a_client_says_in_the_engine_s_headers_is_not_believed(place: Path) -> None:
    """The first of two is the client's; Envoy overwrites it, and no rule sees either."""

    async def told() -> None:
        seen = rule("r", "block", condition("header", "contains", "192.0.2"))
        async with served(place, state(seen)):
            assert (await asked(place))[0] == 200
            assert (await asked(place, **{spec.FORWARDED: "192.0.2.7"}))[0] == 403  # as X-Forwarded-For
            assert (await asked(place, **{spec.FORWARDED: "-"}))[0] == 200

    asyncio.run(told())


def test_lengths_that_were_announced_count(place: Path) -> None:
    async def told() -> None:
        async with served(place, state(body=WafBody(limit=10))):
            assert (await asked(place, body=b"a" * 10, **{spec.LENGTH: "10"}))[0] == 200
            assert (await asked(place, body=b"a" * 10, **{spec.LENGTH: "11"}))[0] == 413
            assert (await asked(place, body=b"a" * 11, **{"x-envoy-auth-partial-body": "true"}))[0] == 413

    asyncio.run(told())


def test_processes_count_together(place: Path) -> None:
    async def told() -> None:
        limit = rule("r", "block", condition("uri", "any"), limit=WafLimit(6, 300, "none"))
        async with served(place, state(limit)):
            answers = await asyncio.gather(*(asked(place) for _ in range(20)))
            assert sorted(status for status, _ in answers) == [200] * 6 + [403] * 14

    asyncio.run(told())


async def insisted(place: Path, path: str = "/", **headers: str) -> int:
    """The status as Envoy gets it, which asks again where somebody hangs up."""
    for _ in range(4):
        with contextlib.suppress(ConnectionError, FileNotFoundError, asyncio.IncompleteReadError):
            if found := (await asked(place, path, **headers))[0]:
                return found
        await asyncio.sleep(0.02)
    return 0


async def meanwhile(place: Path, condition: Any) -> set[int]:
    """What was answered until *condition* held, and for some questions more."""
    found = set()
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            found.add(await insisted(place, "/blocked"))
    return found | {await insisted(place, "/blocked") for _ in range(10)}


def test_a_worker_that_dies_is_replaced_by_one_that_knows_everything(place: Path) -> None:
    async def told() -> None:
        async with served(place, state(BLOCKED)):
            first = workers(place)
            assert len(first) == 2
            os.kill(first[0], signal.SIGKILL)
            assert await meanwhile(place, lambda: first[0] not in workers(place) and len(workers(place)) == 2) == {403}

    asyncio.run(told())


def test_while_a_keeper_is_replaced_its_workers_go_on_and_then_leave(place: Path) -> None:
    async def told() -> None:
        async with served(place, state(BLOCKED)):
            first, old = keeper(place), workers(place)
            os.kill(first, signal.SIGKILL)
            assert await meanwhile(place, lambda: keeper(place) != first) == {403}
            assert await meanwhile(place, lambda: not set(old) & set(workers(place))) == {403}
            assert len(workers(place)) == 2

    asyncio.run(told())


def keeper(place: Path) -> int:
    return int((place / spec.PID).read_text())


def test_a_keeper_that_dies_before_it_serves_is_replaced_too(place: Path) -> None:
    async def told() -> None:
        async with served(place, state(BLOCKED)):
            for _ in range(3):
                first = keeper(place)
                os.kill(first, signal.SIGKILL)
                await until_async(lambda first=first: keeper(place) != first)
            before = (place / spec.SOCKET).stat().st_ino
            assert await meanwhile(place, lambda: (place / spec.SOCKET).stat().st_ino != before) == {403}

    asyncio.run(told())


def test_without_a_nursery_all_are_replaced_and_the_workers_go_on_until_then(place: Path) -> None:
    async def told() -> None:
        async with served(place, state(BLOCKED)):
            before = {*called(place, nursery.COMM), *workers(place)}
            os.kill(called(place, nursery.COMM)[0], signal.SIGKILL)

            def replaced() -> bool:
                now = {*called(place, nursery.COMM), *workers(place)}
                return not now & before and len(now) == len(before)

            assert await meanwhile(place, replaced) == {403}

    asyncio.run(told())


def test_a_nursery_ends_with_its_keeper_and_workers_do_not(place: Path) -> None:
    async def told() -> None:
        made = Firewall(place)
        await made.serve(state(BLOCKED))
        made.close()
        old = workers(place)
        os.kill(keeper(place), signal.SIGKILL)
        await until_async(lambda: not called(place, nursery.COMM))
        assert await insisted(place, "/blocked") == 403
        assert set(workers(place)) == set(old)

    asyncio.run(told())


def test_workers_that_cannot_load_anything_are_tried_again_until_they_can(place: Path) -> None:
    async def told() -> None:
        async with served(place, state(BLOCKED)):
            file, log = place / spec.FILE, place / "waf.log"
            good = file.read_bytes()
            file.write_bytes(b"no policies")
            for each in workers(place):
                os.kill(each, signal.SIGKILL)
            await until_async(lambda: log.read_text().count("nothing could be loaded") >= 3)
            file.write_bytes(good)
            async with asyncio.timeout(LIMIT_S):
                while await insisted(place, "/blocked") != 403:
                    await asyncio.sleep(0.02)

    asyncio.run(told())


def test_a_policy_is_there_for_the_first_who_asks_whatever_else_is_still_to_be_compiled(place: Path) -> None:
    """All processes are gone at once; the policy that routes have is compiled before the others."""

    async def told() -> None:
        many = {f"p{n}": policy(managed=True, body=WafBody(limit=1000 + n)) for n in range(20)}
        given = State({**many, "waf": policy(BLOCKED)}, {KEY: USE})
        async with served(place, given):
            before = {keeper(place), *called(place, nursery.COMM), *workers(place)}
            for each in before:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)  # Some end by themselves when the first ones are gone.
            assert await meanwhile(place, lambda: keeper(place) not in before and len(workers(place)) == 2) <= {0, 403}
            assert await insisted(place, "/blocked") == 403

    asyncio.run(told())


def test_limits_hold_while_there_is_no_keeper(place: Path) -> None:
    """With nobody who would start another one."""

    async def told() -> None:
        limit = rule("r", "block", condition("uri", "any"), limit=WafLimit(3, 300, "none"))
        made = Firewall(place)
        await made.serve(state(limit))
        made.close()
        old = workers(place)
        os.kill(keeper(place), signal.SIGKILL)
        answers = [await insisted(place) for _ in range(12)]
        assert set(answers) == {200, 403}  # Whoever of them was asked less lets more pass, so in any order.
        assert 3 <= answers.count(200) <= 3 * (1 + len(old))
        assert set(workers(place)) == set(old)

    asyncio.run(told())


def test_who_is_left_behind_ends_with_the_directory() -> None:
    async def told(place: Path) -> list[int]:
        async with served(place, state(BLOCKED)):
            pass
        left = workers(place)
        os.kill(keeper(place), signal.SIGKILL)
        return left

    with TemporaryDirectory(prefix="waf") as made:
        left = asyncio.run(told(Path(made)))
    assert len(left) == 2
    until(lambda: not any(Path("/proc", str(each)).exists() for each in left))


def test_new_policies_come_without_a_question_that_nobody_answers(place: Path) -> None:
    """Each answer is that of the policy before or of the one after."""

    async def told() -> None:
        async with served(place, state(BLOCKED)) as made:
            for status in (451, 452, 453):
                serving = asyncio.create_task(made.serve(state(BLOCKED, managed=True, status=status)))
                assert await meanwhile(place, serving.done) <= {403, 451, 452, status}
                assert await insisted(place, "/blocked") == status

    asyncio.run(told())


def test_the_number_of_a_request_is_the_one_that_the_gateway_gave_it(place: Path) -> None:
    async def told() -> None:
        async with served(place, state(BLOCKED)):
            await asked(place, "/blocked", **{spec.TRANSACTION: "a" * 32})

    asyncio.run(told())
    (line,) = (place / spec.LOG).read_text().splitlines()
    assert json.loads(line)["properties"]["transactionId"] == "a" * 32


def test_another_who_keeps_it_finds_it_running(place: Path) -> None:
    async def told() -> None:
        async with served(place, state(BLOCKED)):
            first = int((place / spec.PID).read_text())
        async with served(place, state()):
            assert int((place / spec.PID).read_text()) == first
            assert (await asked(place, "/blocked"))[0] == 200

    asyncio.run(told())


def test_without_policies_nothing_is_started(place: Path) -> None:
    async def told() -> None:
        assert await Firewall(place).serve(State()) == {}

    asyncio.run(told())
    assert list(place.iterdir()) == []


def address() -> IPAddress:
    from ipaddress import ip_address

    return ip_address("10.0.0.4")


def site(name: str = "l", of: str = "", *rules: HttpRule) -> Site:
    return Site(name, address(), 80, (), rules, policy=of)


@pytest.mark.parametrize(
    ("path", "listener", "gateway", "found"),
    [
        pytest.param("p", "l", "g", ("p", "Location", "/a/*"), id="the path's before all"),
        pytest.param("", "l", "g", ("l", "Listener", "l"), id="the listener's before the gateway's"),
        pytest.param("", "", "g", ("g", "Global", "Global"), id="the gateway's"),
        pytest.param("", "", "", None, id="none"),
    ],
)
def test_the_most_specific_policy_counts(path: str, listener: str, gateway: str, found: Any) -> None:
    """Source: facts/web-application-firewall.md, "What it does"."""
    one = HttpRule("r", "/a/*", policy=path)
    chosen = use_of(HttpProxy("gw", "gw", "gw", policy=gateway), site("l", listener), one)
    assert (chosen and (chosen[1].policy, chosen[1].scope, chosen[1].scope_name)) == found
    assert chosen is None or len(chosen[0]) == spec.KEY_LENGTH


def test_every_use_has_its_key() -> None:
    rules = (HttpRule("a", "/a", policy="x"), HttpRule("b"))
    proxy = HttpProxy("gw", "gw", "gw", (site("l", "", *rules), site("m", "y", *rules)), policy="z")
    assert sorted(u.policy for u in used([proxy]).values()) == ["x", "x", "y", "z"]
    assert used([HttpProxy("gw", "gw", "gw", (site("l", "", HttpRule("b")),))]) == {}


def settings(found: WafPolicy | None) -> dict[str, Any]:
    proxy = HttpProxy("gw", "gw", "gw", policy="waf")
    return firewall.asked(proxy, site(), HttpRule("r"), {"waf": found} if found is not None else {})


def test_a_route_without_a_policy_asks_nobody_and_one_that_is_off_neither() -> None:
    assert firewall.asked(HttpProxy("gw", "gw", "gw"), site(), HttpRule("r"), {}) == {}
    assert settings(policy(enabled=False)) == {}


def test_who_detects_is_passed_by_while_nobody_answers_and_who_prevents_or_is_unknown_is_not() -> None:
    both = {firewall.OPEN, firewall.CLOSED}
    assert both & settings(policy(detect=True)).keys() == {firewall.OPEN}
    assert both & settings(policy()).keys() == both & settings(None).keys() == {firewall.CLOSED}
    by_name = {f["name"]: f for f in firewall.filters()}
    assert by_name[firewall.OPEN]["typed_config"]["failure_mode_allow"] is True
    assert by_name[firewall.CLOSED]["typed_config"]["failure_mode_allow"] is False
    assert all(by_name[n]["disabled"] for n in (firewall.OPEN, firewall.CLOSED))


def test_who_dies_over_a_question_has_another_process_asked() -> None:
    for found in firewall.filters():
        if found["name"] not in (firewall.OPEN, firewall.CLOSED):
            continue
        again = found["typed_config"]["http_service"]["retry_policy"]
        assert again["num_retries"] > 0
        assert {"connect-failure", "reset"} <= set(again["retry_on"].split(","))


@pytest.mark.parametrize(
    ("body", "most"),
    [
        pytest.param(WafBody(inspected=4096, limit=9000), 9001, id="the longer of what is looked at and of the limit"),
        pytest.param(WafBody(inspected=4096, limit=9000, enforce=False), 4097, id="what is looked at"),
        pytest.param(WafBody(check=False, limit=9000), 9001, id="the limit"),
        pytest.param(WafBody(check=False, enforce=False), 1025, id="enough to know a file"),
        pytest.param(WafBody(check=False, enforce=False, enforce_files=False), None, id="nothing"),
    ],
)
def test_how_much_of_a_body_is_asked_about(body: WafBody, most: int | None) -> None:
    said = settings(policy(body=body))[firewall.CLOSED]["check_settings"]
    assert "http_service" not in said  # Envoy would make one for each request.
    if most is None:
        assert said["disable_request_body_buffering"] is True
    else:
        assert said["with_request_body"]["max_request_bytes"] == most


def test_a_route_s_policy_is_told_by_its_key_whatever_the_client_says() -> None:
    (told,) = (s for s in settings(policy()).values() if "mutations" in s)
    (said,) = (m["append"] for m in told["mutations"]["request_mutations"])
    assert said["header"] == {"key": spec.KEY, "value": next(iter(used([with_rule()])))}
    assert said["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"


def with_rule() -> HttpProxy:
    return HttpProxy("gw", "gw", "gw", (site("l", "", HttpRule("r")),), policy="waf")
