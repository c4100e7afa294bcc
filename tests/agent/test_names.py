"""The name server from the agent's side: what it is told, kept right through edits, deaths and second agents."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from lazulite.agent import names
from lazulite.agent.names import DnsNames, items
from lazulite.drivers.driver import ModelDelta
from lazulite.engines.dns import spec
from lazulite.engines.dns.spec import Listener
from lazulite.forwarding.model import (
    AnswerPolicy,
    Choice,
    Contents,
    ForwardRule,
    ForwardRuleset,
    Guest,
    NameServer,
    PlatformResolver,
    RecordSet,
    ResolverEndpoint,
    Upstream,
    Zone,
    ZoneLink,
)
from lazulite.incremental import Delta
from tests.engines.test_server import ask
from tests.ports import LOOPBACK, free_port
from tests.waiting import until, until_async

T = TypeVar("T")
ADDRESS = ip_address("10.0.0.1")


def zone(name: str = "z", fqdn: str = "contoso.com", servers: int = 1) -> Zone:
    return Zone(name, fqdn, servers, origin=name)


def record(owner: str, *records: bytes, name: str = "", of: str = "z", rtype: str = "A") -> RecordSet:
    return RecordSet(name or f"{of}|{owner}|{rtype}", of, owner, rtype, 60, records or (ADDRESS.packed,))


SERVER = NameServer("ns", "host", "authority", (ip_address(LOOPBACK),), ("ns1.test",), 1, "azure")


# What entries become.


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(zone(), [spec.ZoneSpec("z", "contoso.com", 1)], id="a zone"),
        pytest.param(ZoneLink("l", "net", "z", True), [spec.LinkSpec("l", "net", "z", True)], id="a link"),
        pytest.param(Guest("g", "g", "g"), [], id="what is no name"),
        pytest.param(ResolverEndpoint("e", "g", "net", False, ADDRESS), [], id="an endpoint that asks"),
        pytest.param(
            AnswerPolicy(
                "p", "p", "subnet", 30, (Choice("1", address=ADDRESS, subnets=(IPv4Network("10.0.0.0/8"),)),), "up", 2
            ),
            [
                spec.PolicySpec(
                    "p", "subnet", 30, (spec.ChoiceSpec("1", address="10.0.0.1", subnets=("10.0.0.0/8",)),), "up", 2
                )
            ],
            id="a policy",
        ),
    ],
)
def test_entries_become_items(entry: Any, expected: list[Any]) -> None:
    assert list(items(entry)) == expected


def test_a_platform_resolver_listens_in_its_router() -> None:
    (found,) = items(PlatformResolver("net", "net", ip_address("168.63.129.16"), ip_address("198.18.0.3")))
    assert isinstance(found, Listener)
    assert (found.address, found.scope, found.rate, found.seen_as) == ("168.63.129.16", "net", 1000, "198.18.0.3")
    assert found.namespace.startswith("/run/lazulite/net/router.net.")


def test_an_endpoint_listens_in_its_own_namespace_under_its_incarnation() -> None:
    found = [next(items(ResolverEndpoint("e", "g", "net", True, ADDRESS, guid))) for guid in "ab"]
    assert found[0].key != found[1].key
    assert isinstance(found[0], Listener)
    assert found[0].namespace.startswith("/run/lazulite/net/guest.g.")


@pytest.mark.parametrize(
    ("role", "number", "kinds"),
    [("root", -1, 2), ("registry", -2, 2), ("authority", 7, 2), ("resolver", 0, 1)],
)
def test_a_name_server_is_what_its_role_says(role: str, number: int, kinds: int) -> None:
    found = list(items(NameServer("n", "host", role, (ADDRESS,), ("ns.test",), 7 if role == "authority" else 0)))
    assert len(found) == kinds
    listener = found[-1]
    assert isinstance(listener, Listener)
    assert (listener.number, listener.scope, listener.rate > 0) == (number, "", True)


def test_rules_carry_where_they_are_asked_from_and_disabled_ones_nobody() -> None:
    rules = (
        ForwardRule("a.test", (Upstream(ADDRESS), Upstream(ADDRESS, 5353))),
        ForwardRule("b.test", (Upstream(ADDRESS),), False),
    )
    (found,) = items(ForwardRuleset("r", rules, ("out",), ("net",)))
    assert isinstance(found, spec.RulesSpec)
    assert [r.targets for r in found.rules] == [(("10.0.0.1", 53), ("10.0.0.1", 5353)), ()]
    assert found.via[0].startswith("/run/lazulite/net/guest.out.")


# The server of a lab.


class Kept:
    """The names of a lab on the loopback address, and the loop they live in."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory, self.port = directory, port
        self.runner = asyncio.Runner()
        self.names = DnsNames(directory)
        self.entries: dict[Any, Any] = {}

    def run(self, what: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await what

        return self.runner.run(awaited())

    def load(self, *entries: Any) -> list[Any]:
        self.entries = {e.key: e for e in entries}
        return self.run(self.names.load(entries))

    def change(self, *changed: Any, removed: tuple[Any, ...] = ()) -> list[Any]:
        delta: ModelDelta = Delta(
            {e.key: e for e in changed},
            {e.key: e for e in removed},
            {e.key: self.entries[e.key] for e in changed if e.key in self.entries},
        )
        for entry in removed:
            self.entries.pop(entry.key)
        self.entries |= delta.changed
        self.run(self.names.release(delta))
        return self.run(self.names.follow(delta))

    def answer(self, name: str) -> list[str]:
        found = ask(self.port, f"{name}.contoso.com")
        return [str(r) for rrset in found.answer for r in rrset]

    def server(self) -> int:
        """The process that holds the lab's lock, once there is one."""
        return until(self.holder)

    def holder(self) -> int:
        """The same, or 0. Where others lock and let go meanwhile, the kernel's list may lack it for a moment."""
        lock = (self.directory / spec.LOCK).stat()
        wanted = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        return next((int(row[4]) for row in rows if row[1] == "FLOCK" and row[5] == wanted), 0)

    def until(self, holds: Callable[[], bool]) -> None:
        """Let the loop run until it holds."""
        self.run(until_async(holds))

    def close(self) -> None:
        async def closed() -> None:
            self.names.engine.close()

        self.run(closed())
        self.runner.close()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    port = free_port()

    def here(entry: Any) -> Iterator[Any]:
        for item in items(entry):
            if isinstance(item, Listener):
                yield Listener(item.key, item.address, port=port, number=item.number, scope=item.scope)
            else:
                yield item

    monkeypatch.setattr(names, "items", here)
    lab = Kept(tmp_path, port)
    yield lab
    lab.close()
    until(lambda: ended(tmp_path), lambda left: left == [])


def ended(directory: Path) -> list[int]:
    """The name servers of a directory, told to end: on a busy machine a second one may still be on its way."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended by itself
            if f"--directory\0{directory}\0".encode() in (each / "cmdline").read_bytes():
                os.kill(int(each.name), signal.SIGTERM)
                found.append(int(each.name))
    return found


def test_nothing_to_say_starts_no_server(kept: Kept) -> None:
    assert kept.load() == []
    assert kept.change(Guest("g", "g", "g")) == []
    assert not (kept.directory / spec.LOCK).exists()


def test_what_was_loaded_is_served_and_what_changed_after_it(kept: Kept) -> None:
    assert kept.load(zone(), record("www"), SERVER) == []
    assert kept.answer("www") == ["10.0.0.1"]
    assert kept.change(record("www", b"\1\2\3\4"), record("new")) == []
    assert (kept.answer("www"), kept.answer("new")) == (["1.2.3.4"], ["10.0.0.1"])
    kept.change(removed=(kept.entries["RecordSet", "z|www|A"],))
    assert kept.answer("www") == []
    kept.change(removed=(zone(),))
    assert ask(kept.port, "new.contoso.com").rcode() == 5


def test_a_name_that_passes_from_one_entry_to_another_stays(kept: Kept) -> None:
    registered = record("vm", b"\1\1\1\1", name="registered")
    kept.load(zone(), registered, SERVER)
    kept.change(record("vm", b"\2\2\2\2", name="written"), removed=(registered,))
    assert kept.answer("vm") == ["2.2.2.2"]


def test_a_record_that_moves_to_another_name_leaves_its_old_one(kept: Kept) -> None:
    kept.load(zone(), record("one", name="r"), SERVER)
    kept.change(record("two", name="r"))
    assert (kept.answer("one"), kept.answer("two")) == ([], ["10.0.0.1"])


def test_an_address_that_cannot_be_had_is_refused_at_its_origin(kept: Kept) -> None:
    elsewhere = NameServer("far", "host", "authority", (ip_address("203.0.113.9"),), ("x.test",), 1, "/servers/far")
    (refusal,) = kept.load(zone(), SERVER, elsewhere)
    assert refusal.origin == "/servers/far"
    assert refusal.message.startswith("names: 203.0.113.9:")
    assert kept.change(removed=(elsewhere,)) == []


def test_a_server_that_dies_comes_back_with_everything(kept: Kept) -> None:
    kept.load(zone(), record("www"), SERVER)
    kept.change(record("new"))
    kept.run(kept.names.engine.tell_members("up", [], ["1"]))
    first = kept.server()
    os.kill(first, signal.SIGKILL)
    kept.until(lambda: kept.holder() not in (0, first) and kept.names.engine.running)
    assert (kept.answer("www"), kept.answer("new")) == (["10.0.0.1"], ["10.0.0.1"])
    assert kept.names.engine.members == {"up": ([], ["1"])}


def test_a_change_right_after_the_death_is_not_lost(kept: Kept) -> None:
    kept.load(zone(), record("www"), SERVER)
    os.kill(kept.server(), signal.SIGKILL)
    assert kept.change(record("new")) == []
    assert kept.answer("new") == ["10.0.0.1"]


def test_the_next_agent_finds_the_server_of_the_last(kept: Kept) -> None:
    kept.load(zone(), record("www"), SERVER)
    first = kept.server()
    kept.close()
    kept.runner, kept.names = asyncio.Runner(), DnsNames(kept.directory)
    assert kept.answer("www") == ["10.0.0.1"], "nobody is there, and names are"
    kept.load(zone(), record("www", b"\4\4\4\4"), SERVER)
    assert (kept.server(), kept.answer("www")) == (first, ["4.4.4.4"])


def test_any_path_of_changes_ends_where_a_load_does(kept: Kept) -> None:
    rng, owners = random.Random(4), [f"n{i}" for i in range(6)]
    kept.load(zone(), SERVER)
    for _ in range(40):
        owner = rng.choice(owners)
        held = kept.entries.get(("RecordSet", f"z|{owner}|A"))
        if held is not None and rng.random() < 0.4:
            kept.change(removed=(held,))
        else:
            kept.change(record(owner, rng.randbytes(4)))
    for owner in owners:
        held = kept.entries.get(("RecordSet", f"z|{owner}|A"))
        assert kept.answer(owner) == ([str(ip_address(held.records[0]))] if held is not None else [])


def test_who_is_up_comes_by_the_contents_of_a_set(kept: Kept) -> None:
    choices = tuple(Choice(n, address=ip_address(f"10.0.0.{n}"), priority=int(n)) for n in "123")
    policy = AnswerPolicy("p", "p", "priority", 30, choices, "up")
    computed = RecordSet("z|app|A", "z", "app", "A", 30, (), "p")
    kept.load(zone(), SERVER, policy, computed)
    seen = [kept.answer("app")]
    for members in (("2", "3"), ("3", "stranger"), ("1", "3")):
        kept.change(Contents("up", members))
        seen.append(kept.answer("app"))
    assert seen == [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.3"], ["10.0.0.1"]]
    kept.change(msgspec.structs.replace(policy, choices=choices[1:]))
    assert kept.answer("app") == ["10.0.0.3"]
    kept.change(removed=(kept.entries["Contents", "up"],))
    assert kept.answer("app") == ["10.0.0.2"], "a set that nobody fills speaks of nobody"
    kept.load(*kept.entries.values(), Contents("up", ("3",)))
    assert kept.answer("app") == ["10.0.0.3"]
