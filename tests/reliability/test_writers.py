"""Sixteen clients at once, over HTTPS: no update is lost, no reference dangles, and it all happened in some order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lazulite.arm.app import Api
from lazulite.arm.rehearsal import Rehearsal
from lazulite.resources.view import references
from tests.arm.client import Client, client
from tests.arm.product import Product, documents, settled
from tests.reliability.races import WRITERS, Done, at_once, here, in_order, raced, rule, subnet
from tests.reliability.served import GROUP, NETWORK, Caller, Served, served

COUNTS, ROUNDS = 4, 12
SEEDS = range(int(os.environ.get("LAZULITE_WRITER_SEEDS", "2")))
WRITES = 25
SHARED = f"{NETWORK}/networkSecurityGroups/shared"
NET = f"{NETWORK}/virtualNetworks/net"
REFUSALS = {
    "InvalidResourceReference",
    "InUseSubnetCannotBeDeleted",
    "InUseNetworkSecurityGroupCannotBeDeleted",
    "PublicIPAddressCannotBeDeleted",
    "PublicIPAddressInUse",
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as one:
        yield one


def made(lab: Served, path: str, body: Any) -> None:
    with lab.caller() as caller:
        assert caller.call("PUT", path, body).status == 201


def shown(lab: Served, path: str) -> Any:
    with lab.caller() as caller:
        return caller.call("GET", path).body


def test_sixteen_clients_that_count_with_if_match_lose_no_count(lab: Served) -> None:
    made(lab, SHARED, here() | {"tags": {"n": "0"}})

    def count(caller: Caller, number: int) -> list[int]:
        mine: list[int] = []
        while len(mine) < COUNTS:
            found = caller.call("GET", SHARED).body
            wanted = int(found["tags"]["n"]) + 1
            answer = caller.call("PUT", SHARED, here() | {"tags": {"n": str(wanted)}}, If_Match=found["etag"])
            assert answer.outcome in [(200, ""), (412, "PreconditionFailed")]
            mine += [wanted] if answer.status == 200 else []
        return mine

    counted = sorted(n for mine in at_once(lab, count) for n in mine)
    assert counted == list(range(1, WRITERS * COUNTS + 1))
    assert shown(lab, SHARED)["tags"] == {"n": str(WRITERS * COUNTS)}
    assert lab.at_rest() == []


CONTESTED: dict[str, tuple[str, str, Any]] = {
    "a PUT of a resource": ("PUT", SHARED, here()),
    "a PATCH of its tags": ("PATCH", SHARED, {"tags": {"by": "{number}"}}),
    "a PUT of a child": ("PUT", f"{SHARED}/securityRules/kept", rule(300)),
    "a PUT of a new child's sibling": ("PUT", f"{SHARED}/securityRules/kept", rule(301)),
}


@pytest.mark.parametrize("title", CONTESTED)
def test_of_sixteen_writes_with_one_etag_one_is_taken(lab: Served, title: str) -> None:
    method, path, body = CONTESTED[title]
    made(lab, SHARED, here())
    made(lab, f"{SHARED}/securityRules/kept", rule(300))
    for _ in range(ROUNDS):
        etag = shown(lab, path)["etag"]

        def attempt(caller: Caller, number: int, etag: str = etag) -> int:
            sent = {"tags": {"by": str(number)}} if method == "PATCH" else body
            return caller.call(method, path, sent, If_Match=etag).status

        assert Counter(at_once(lab, attempt)) == {200: 1, 412: WRITERS - 1}
    assert lab.at_rest() == []


def test_of_sixteen_that_create_what_must_not_be_there_one_does(lab: Served) -> None:
    for number in range(ROUNDS):
        path = f"{NETWORK}/routeTables/t{number}"

        def create(caller: Caller, _: int, path: str = path) -> int:
            return caller.call("PUT", path, here(), If_None_Match="*").status

        found = at_once(lab, create)
        assert Counter(found) == {201: 1, 412: WRITERS - 1}
    assert lab.at_rest() == []


def test_children_written_at_once_are_all_in_their_parent(lab: Served) -> None:
    made(lab, SHARED, here())
    made(lab, NET, here(addressSpace={"addressPrefixes": ["10.0.0.0/16"]}))

    def write(caller: Caller, number: int) -> list[int]:
        mine = range(number * COUNTS, (number + 1) * COUNTS)
        rules = [caller.call("PUT", f"{SHARED}/securityRules/r{n}", rule(100 + n)).status for n in mine]
        return rules + [caller.call("PUT", f"{NET}/subnets/s{n}", subnet(n)).status for n in mine]

    assert {status for mine in at_once(lab, write) for status in mine} == {201}
    names = set(range(WRITERS * COUNTS))
    assert {r["name"] for r in shown(lab, SHARED)["properties"]["securityRules"]} == {f"r{n}" for n in names}
    assert {s["name"] for s in shown(lab, NET)["properties"]["subnets"]} == {f"s{n}" for n in names}
    assert lab.at_rest() == []


@pytest.mark.parametrize("seed", SEEDS)
def test_references_and_what_they_refer_to_are_raced_and_one_order_explains_every_answer(
    lab: Served, seed: int
) -> None:
    made(lab, NET, here(addressSpace={"addressPrefixes": ["10.0.0.0/16"]}))
    first = lab.revision
    done = raced(lab, seed, WRITES)
    assert {d.answer.outcome[1] for d in done if not d.accepted} <= REFUSALS
    assert min(sum(d.accepted for d in done), sum(not d.accepted for d in done)) > len(done) // 10
    assert dangling(lab) == []
    assert lab.at_rest() == []
    with client(backend_type=Product) as replay:
        replay.put(GROUP, {"location": "westeurope"})
        replay.put(NET, here(addressSpace={"addressPrefixes": ["10.0.0.0/16"]}))
        assert unexplained(lab, replay, done, first) == []
        with lab.caller() as caller:
            ids = [r.id.text for r in lab.controller.store.snapshot.resources.values() if "/providers/" in r.id.text]
            now = {i.lower(): settled(caller.call("GET", i).body) for i in ids}
        assert nameless(documents(replay)) == nameless(now)


def unexplained(lab: Served, replay: Client, done: list[Done], first: int) -> list[Done]:
    """Play what was accepted in the order of its revisions; gives the answers that no moment of that order gives.

    A write that changed nothing may have been decided at any revision between its sending and its answer.
    """
    changing = in_order(lab, done, first)
    waiting = [d for d in done if not d.accepted or d.answer.status == 204]
    assert sorted(changing) == list(range(first + 1, lab.revision + 1)), "each revision is one write's"
    wrong = []
    for revision in range(first, lab.revision + 1):
        if revision > first:
            each = changing[revision]
            wrong += [] if said(replay.call(*each.write)) == said(each.answer) else [each]
        waiting = [d for d in waiting if not (d.before <= revision <= d.after and explains(replay, d))]
    return wrong + waiting


def explains(replay: Client, done: Done) -> bool:
    """Whether the write would be answered so now; nothing is changed."""
    beside = replay.runner.run(_beside(replay))
    return said(Client(beside, replay.backend, replay.runner).call(*done.write)) == said(done.answer)


async def _beside(replay: Client) -> Api:
    return Api(Rehearsal(replay.backend))


def said(answer: Any) -> tuple[int, str]:
    """The outcome, whether the client was to ask again for the end of it or not."""
    status, code = answer.outcome
    return 200 if status == 202 else status, code


def nameless(value: Any) -> Any:
    """*value* without what follows from the GUIDs that each lab draws for itself."""
    if isinstance(value, dict):
        return {k: nameless(v) for k, v in value.items() if k not in ("macAddress", "internalDomainNameSuffix")}
    return [nameless(v) for v in value] if isinstance(value, list) else value


def dangling(lab: Served) -> list[str]:
    """References to what is not there."""
    held = lab.controller.store.snapshot.resources
    return [r.id for one in held.values() for r, _ in references(one.properties) if r.target.key not in held]
