"""What names a forwarding model gives, answered by the engine itself in this process; dnspython asks and reads."""

from __future__ import annotations

from typing import Any, NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from lazulite.agent.names import items
from lazulite.engines.dns.service import Service, Waiting
from lazulite.engines.dns.spec import REGISTRY, ROOT, Listener
from lazulite.engines.dns.tables import Set
from lazulite.engines.dns.world import World
from lazulite.forwarding.model import ForwardingModel, RecordSet
from tests.build import resource_id

CLIENT = "198.18.0.9"
NETWORK = resource_id("virtualNetworks", "v").key
SERVERS = {"root": ROOT, "registry": REGISTRY, "set 1": 1, "set 2": 2, "set 3": 3}


class Said(NamedTuple):
    """An answer in words: its code, and the RDATA of its answer section in text, sorted within each name."""

    rcode: str
    answer: list[str]


def world(model: ForwardingModel) -> World:
    """What a server knows that was told *model*."""
    made = World()
    made.put([i for entry in model for i in items(entry) if not isinstance(i, Listener)])
    for entry in model.all(RecordSet).values():
        if entry.zone in made.tables:
            made.tables[entry.zone].put([Set(entry.owner, entry.rtype, entry.ttl, entry.records, entry.policy)])
    made.changed()
    return made


def asked(
    known: World, name: str, rtype: str = "A", *, of: str = NETWORK, client: str = CLIENT, **edns: Any
) -> dns.message.Message:
    """The whole answer to a question of a network (its key), of the Internet (``""``) or of a server."""
    number = SERVERS.get(of, 0)
    listener = Listener("l", "192.0.2.1", number=number, scope="" if number else of)
    query = dns.message.make_query(name, rtype, **edns)
    found = Service(known, listener, b"secret").answer(query.to_wire(), client, tcp=True)
    assert isinstance(found, bytes), "it has to ask somebody" if isinstance(found, Waiting) else "no answer"
    answer = dns.message.from_wire(found)
    assert query.is_response(answer)
    return answer


def said(known: World, name: str, rtype: str = "A", *, of: str = NETWORK, **edns: Any) -> Said:
    answer = asked(known, name, rtype, of=of, **edns)
    found = [text for rrset in answer.answer for text in sorted(f"{_kind(rrset)}{rdata}" for rdata in rrset)]
    return Said(dns.rcode.to_text(answer.rcode()), found)


def _kind(rrset: Any) -> str:
    return "-> " if rrset.rdtype == dns.rdatatype.CNAME else ""


def authority(answer: dns.message.Message) -> list[str]:
    return [f"{rrset.name} {dns.rdatatype.to_text(rrset.rdtype)}" for rrset in answer.authority]


def authoritative(answer: dns.message.Message) -> bool:
    return bool(answer.flags & dns.flags.AA)
