"""What is answered: by the servers of a zone, and by a resolver that looks along the delegation.

A resolver's answer is a generator. It yields a :class:`Forward` for what only somebody else's server knows, and is
sent that server's answer or ``None``; in a lab whose names are all its own it never does.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

import msgspec

from lazulite.engines.dns.message import (
    AAAA,
    ANY,
    CNAME,
    DS,
    MX,
    NOERROR,
    NS,
    NSEC,
    NXDOMAIN,
    NXNAME,
    REFUSED,
    SERVFAIL,
    SRV,
    A,
    Answer,
    Record,
    Response,
)
from lazulite.engines.dns.policies import Asked, Chosen, choose
from lazulite.engines.dns.signing import Signer
from lazulite.engines.dns.spec import ROOT
from lazulite.engines.dns.tables import Found, Records, Status, Table
from lazulite.engines.dns.world import World
from lazulite.forwarding.domain import encode
from lazulite.values import IPAddress

LONGEST_CHAIN = 16
"""Aliases that are followed before the answer is a failure."""
_DEEPEST = 40
"""Delegations on the way to a name: more than its labels are not possible."""
_DEEPEST_SERVER = 3
"""Servers whose own names have to be looked for, one within the other."""
_TARGETS = {NS: 0, MX: 2, SRV: 6}
"""Types whose RDATA names a host, and where."""


class Forward(msgspec.Struct, frozen=True):
    """A question for somebody else's servers, asked from one of the namespaces ``via`` (none: from the Internet)."""

    name: bytes
    qtype: int
    targets: tuple[tuple[str, int], ...]
    via: tuple[str, ...] = ()
    recursive: bool = True


Asking: TypeAlias = Generator[Forward, Answer | None, Response]


def authority(world: World, number: int, name: bytes, asked: Asked) -> Response:
    """The answer of a set of servers: aliases are followed within the zone, what others serve is referred to."""
    qtype = asked.qtype
    table = world.served(number, name, qtype)
    if table is None:
        return Response(REFUSED)
    response, seen = Response(NOERROR, authoritative=True), {name}
    for _ in range(LONGEST_CHAIN):
        found = table.find(name, qtype)
        target = _say(world, table, found, name, asked, response)
        if target is None or target in seen or not target.endswith(table.apex):
            break
        if world.served(number, target, qtype) is not table:
            break
        name = target
        seen.add(name)
    if found.status is Status.DELEGATION:
        response.authoritative = bool(response.answer)
    _add_hosts(table, response)
    return response


def _say(world: World, table: Table, found: Found, name: bytes, asked: Asked, response: Response) -> bytes | None:
    """Write down what a table found, and proof of it; the name to go on with, if it is an alias."""
    answers, authorities = len(response.answer), len(response.authority)
    target = _plainly(world, table, found, name, asked, response)
    if asked.dnssec and table.signer is not None:
        response.answer[answers:] = table.signer.signed(response.answer[answers:])
        response.authority[authorities:] = _proven(table, table.signer, found, name, asked, response, authorities)
    return target


def _proven(
    table: Table, signer: Signer, found: Found, name: bytes, asked: Asked, response: Response, first: int
) -> list[Record]:
    """What an authority section says from its *first* record on, with what proves it.

    A delegation is proven by the parent's DS records or by their absence; that a name is not there shows in the proof,
    and in the code for those alone who ask for both. Source: RFC 4035, section 3.1.4; RFC 9824, sections 3 and 5.
    """
    said = response.authority[first:]
    if found.status is Status.DELEGATION:
        held = table.get(found.owner, DS)
        lasts = next((ttl for _, _, ttl, _ in table.negative()), 0)
        proof = held.at(found.owner, DS) if held is not None else []
        return said + (signer.signed(proof) or signer.denial(found.owner, table.types(found.owner), lasts))
    if not said:
        return []
    missing = response.rcode == NXDOMAIN
    if missing and not asked.compact:
        response.rcode = NOERROR
    types = {NXNAME} if missing else table.types(name) - {asked.qtype, CNAME}
    denial = signer.denial(name, types, said[0][2])
    if asked.qtype == NSEC and not response.answer:
        response.answer = denial
        return []
    return signer.signed(said) + denial


def _plainly(world: World, table: Table, found: Found, name: bytes, asked: Asked, response: Response) -> bytes | None:
    match found.status:
        case Status.DELEGATION:
            assert found.records is not None
            response.authority += found.records.at(found.owner, NS)
        case Status.NO_DATA:
            response.authority += table.negative()
        case Status.NO_NAME:
            response.rcode = NXDOMAIN
            response.authority += table.negative()
        case Status.ALIAS | Status.ANSWER:
            assert found.records is not None
            return _records(world, table, found, found.records, name, asked, response)
    return None


def _records(
    world: World, table: Table, found: Found, records: Records, name: bytes, asked: Asked, response: Response
) -> bytes | None:
    if records.policy:
        return _computed(world, table, records, name, asked, response)
    if found.rtype == ANY:
        for rtype, each in table.node(name).items():
            response.answer += each.at(name, rtype) if not each.policy else []
        return None
    if not records.records:  # an alias whose target is gone
        response.authority += table.negative()
        return None
    response.answer += records.at(name, found.rtype)
    return records.records[0].lower() if found.status is Status.ALIAS else None


def _computed(
    world: World, table: Table, records: Records, name: bytes, asked: Asked, response: Response
) -> bytes | None:
    asked = msgspec.structs.replace(asked, place=world.places.find(asked.client, asked.bits))
    chosen = choose(world.policies, records.policy, asked, world.down)
    response.static = response.static and chosen is not None and chosen.lasting
    response.scope = max(response.scope, chosen.scope if chosen is not None else 0)
    if chosen is not None and chosen.target:
        target = encode(chosen.target)
        response.answer.append((name, CNAME, chosen.ttl, target))
        return target.lower() if asked.qtype != CNAME else None
    if chosen is not None and chosen.missing and not response.answer:
        response.rcode = NXDOMAIN
    answers = _addresses(chosen, name, asked.qtype) if chosen is not None else []
    response.answer += answers
    response.authority += [] if answers else table.negative()
    return None


def _addresses(chosen: Chosen, name: bytes, qtype: int) -> list[Record]:
    return [(name, qtype, chosen.ttl, a.packed) for a in chosen.addresses if qtype == (A if a.version == 4 else AAAA)]


def _add_hosts(table: Table, response: Response) -> None:
    """The addresses of hosts that the answer names, as far as the zone holds them."""
    hosts = {
        rdata[_TARGETS[rtype] :].lower(): None
        for _, rtype, _, rdata in (*response.answer, *response.authority)
        if rtype in _TARGETS
    }
    for host in hosts:
        if host.endswith(table.apex):
            response.additional += table.addresses(host)


def resolve(world: World, scope: str, name: bytes, asked: Asked) -> Asking:
    """The answer of a resolver to the network *scope* (empty: to the Internet)."""
    response, seen = Response(NOERROR), {name}
    for _ in range(LONGEST_CHAIN):
        target = yield from _step(world, scope, name, asked, response)
        if target is None:
            return response
        if target in seen:
            break
        name = target
        seen.add(name)
    return Response(SERVFAIL)


def _step(
    world: World, scope: str, name: bytes, asked: Asked, response: Response
) -> Generator[Forward, Answer | None, bytes | None]:
    """One name of a chain; the next one, or ``None`` at the end.

    Order: linked private zones, the network's forwarding rules, the Internet. Source: facts/dns.md, private resolution
    chain.
    """
    linked = world.linked(scope, name)
    if linked is not None:
        table, fallback = linked
        found = table.find(name, asked.qtype)
        if found.status is not Status.NO_NAME or not fallback:
            return _say(world, table, found, name, asked, response)
    rule = world.rule(scope, name)
    if rule is not None:
        _relay((yield Forward(name, asked.qtype, rule.targets, rule.via)), response)
        return None
    return (yield from _public(world, name, asked, response))


def _relay(answer: Answer | None, response: Response) -> None:
    """Somebody else's answer is the end of it: they followed the aliases."""
    response.static = False
    if answer is None:
        response.rcode = SERVFAIL
        return
    response.rcode = answer.flags & 15
    response.answer += answer.answer
    response.authority += answer.authority if not answer.answer else []


def _public(
    world: World, name: bytes, asked: Asked, response: Response, depth: int = 0
) -> Generator[Forward, Answer | None, bytes | None]:
    """Down from the root."""
    number, above = ROOT, -1
    for _ in range(_DEEPEST):
        table = world.served(number, name, asked.qtype)
        if table is None or len(table.apex) <= above:
            break  # nobody there serves what was delegated to it
        found = table.find(name, asked.qtype)
        if found.status is not Status.DELEGATION:
            return _say(world, table, found, name, asked, response)
        assert found.records is not None
        servers = found.records.records
        known = next((n for n in map(world.number_of, servers) if n is not None), None)
        if known is None:
            targets = yield from _targets(world, table, servers, asked.client, depth)
            known = next((n for n in (world.number_at(a) for a, _ in targets) if n is not None), None)
            if known is None:
                _relay((yield from _foreign(name, asked.qtype, targets)), response)
                return None
        number, above = known, len(table.apex)
    response.rcode, response.answer, response.authority = SERVFAIL, [], []
    return None


def _targets(
    world: World, table: Table, servers: tuple[bytes, ...], client: IPAddress | None, depth: int
) -> Generator[Forward, Answer | None, list[tuple[str, int]]]:
    """Where servers are that go by names of the users' own: by glue, else by looking for their names."""
    found: list[tuple[str, int]] = []
    for server in servers:
        said = Response(NOERROR, answer=table.addresses(server.lower()))
        if not said.answer and depth < _DEEPEST_SERVER:
            yield from _public(world, server.lower(), Asked(A, client), said, depth + 1)
        found += [(".".join(map(str, rdata)), 53) for _, rtype, _, rdata in said.answer if rtype == A]
    return found


def _foreign(
    name: bytes, qtype: int, targets: list[tuple[str, int]]
) -> Generator[Forward, Answer | None, Answer | None]:
    """A delegation to servers that are none of the lab's own; one that refers further is not followed."""
    answer = (yield Forward(name, qtype, tuple(targets), recursive=False)) if targets else None
    if answer is None or (not answer.answer and not answer.flags & 15 and _refers(answer)):
        return None
    return answer


def _refers(answer: Answer) -> bool:
    return any(rtype == NS for _, rtype, _, _ in answer.authority)
