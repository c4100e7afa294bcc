"""A validator over a world of zones: from the trust anchor down, as a resolver does it, with dnspython's signatures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype as types
import dns.rrset

from lazulite.engines.dns.service import Service
from lazulite.engines.dns.spec import REGISTRY, ROOT, Listener
from lazulite.engines.dns.world import World

CLIENT = "198.18.0.9"


def asked(known: World, number: int, name: str, rtype: str, **more: bool) -> dns.message.Message:
    """What a set of servers answers to somebody who wants proof."""
    query = dns.message.make_query(name, rtype, want_dnssec=True)
    if more.get("compact"):
        query.ednsflags |= 0x4000
    said = Service(known, Listener("l", "192.0.2.1", number=number), b"s").answer(query.to_wire(), CLIENT, tcp=True)
    assert isinstance(said, bytes)
    return dns.message.from_wire(said)


def keys(known: World, zone: str, number: int) -> dns.rrset.RRset:
    """The keys of a zone, by which they are signed themselves."""
    answer = asked(known, number, zone, "DNSKEY")
    apex = dns.name.from_text(zone)
    found = answer.find_rrset(answer.answer, apex, 1, types.DNSKEY)
    proven(answer.answer, {apex: found})
    return found


def proven(section: list[dns.rrset.RRset], by: dict[dns.name.Name, dns.rrset.RRset]) -> list[str]:
    """What of a section has a signature; each is checked, and raises if it does not hold."""
    signatures = [r for r in section if r.rdtype == types.RRSIG]
    found = []
    for rrset in section:
        mine = [s for s in signatures if s.name == rrset.name and s.covers == rrset.rdtype]
        for signature in mine:
            dns.dnssec.validate(rrset, signature, by)
            found.append(f"{rrset.name} {types.to_text(rrset.rdtype)}")
    return found


def unsigned(section: list[dns.rrset.RRset], by: dict[dns.name.Name, dns.rrset.RRset]) -> list[str]:
    """What of a section has none."""
    signed = {*proven(section, by)}
    every = (f"{r.name} {types.to_text(r.rdtype)}" for r in section if r.rdtype != types.RRSIG)
    return [each for each in every if each not in signed]


def chain(known: World, zone: str, number: int) -> Iterator[str]:
    """The zones on the way from the root that vouch for the next, the zone last. Raises where one does not."""
    servers = {".": ROOT, f"{zone.rstrip('.').rpartition('.')[2]}.": REGISTRY, zone: number}
    names = list(servers)
    for above, name in pairwise(names):
        held = keys(known, above, servers[above])
        answer = asked(known, servers[above], name, "DS")
        assert unsigned(answer.answer, {held.name: held}) == []
        (named,) = answer.find_rrset(answer.answer, dns.name.from_text(name), 1, types.DS)
        below = keys(known, name, servers[name])
        assert named in [dns.dnssec.make_ds(below.name, key, "SHA256") for key in below if key.flags & 1]
        yield above
    yield zone
