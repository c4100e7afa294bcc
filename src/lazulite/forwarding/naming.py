"""Entries that say which names there are, who answers for them and how. :mod:`lazulite.forwarding.model` has all
entries."""

from __future__ import annotations

import msgspec

from lazulite.forwarding.entry import Entry
from lazulite.values import IPAddress, IPNetwork


class Zone(Entry, frozen=True):
    """A table of names. ``fqdn`` is lower case, without the last dot; the records are :class:`RecordSet` entries.

    ``servers`` is the number of the set of name servers that serves it on the Internet; where a name has several
    zones, the lowest set is the one that is delegated to. A private zone (0) is seen through :class:`ZoneLink`. A zone
    with a ``seed`` is signed with the keys that :mod:`lazulite.forwarding.dnssec` makes of it.
    """

    fqdn: str
    servers: int = 0
    origin: str = ""
    seed: str = ""


class RecordSet(Entry, frozen=True):
    """All records of one name and type. ``owner`` is relative and lower case, empty at the apex.

    ``records`` is RDATA in wire form, names uncompressed. Where ``policy`` names an :class:`AnswerPolicy`, the
    answer is computed at each query and ``records`` is empty; a set with neither is a name without such records.
    """

    zone: str
    owner: str
    rtype: str
    ttl: int
    records: tuple[bytes, ...] = ()
    policy: str = ""
    origin: str = ""


class Choice(msgspec.Struct, frozen=True):
    """One of the targets a policy chooses among: a domain name, an address, or another policy (``nested``).

    ``name`` is its identity in the dynamic set of those that can be chosen. A ``nested`` policy counts as up while it
    has ``minimum`` choices that are, among them ``minimum_4`` and ``minimum_6`` of the two IP versions.
    """

    name: str
    target: str = ""
    address: IPAddress | None = None
    nested: str = ""
    minimum: int = 1
    minimum_4: int = 0
    minimum_6: int = 0
    priority: int = 1
    weight: int = 1
    location: str = ""
    places: tuple[str, ...] = ()
    """Codes of the geographic regions that are sent here."""
    subnets: tuple[IPNetwork, ...] = ()
    fixed: bool = False
    """Whether it can be chosen whatever the dynamic set says."""
    origin: str = ""


class AnswerPolicy(Entry, frozen=True):
    """How a name chooses its answer: ``method`` over those ``choices`` that the dynamic set ``available`` names.

    Who fills the set reports every choice it knows as up or down; one that it has not spoken of counts as up. When
    none is up, all are chosen among. A choice without target, address or policy can be found by its place, and has no
    answer. ``limit`` bounds how many addresses one answer has.
    """

    label: str
    method: str
    ttl: int
    choices: tuple[Choice, ...]
    available: str = ""
    limit: int = 1
    origin: str = ""


class Country(msgspec.Struct, frozen=True):
    """A country by its two letters: the regions around it, and milliseconds to each of :attr:`Countries.regions`."""

    code: str
    codes: tuple[str, ...]
    latencies: tuple[float, ...]


class Countries(Entry, frozen=True):
    """Where addresses are that no :class:`Place` holds, as far as their country is known."""

    regions: tuple[str, ...]
    held: tuple[Country, ...]
    origin: str = ""


class ZoneLink(Entry, frozen=True):
    """A VRF that sees a zone. ``fallback``: what the zone has no name for is asked of the Internet."""

    vrf: str
    zone: str
    fallback: bool = False
    origin: str = ""


class PlatformResolver(Entry, frozen=True):
    """Where a VRF's workloads ask for names: ``address`` answers in the VRF's router, in every subnet.

    ``seen_as`` is the public address by which policies and servers outside see its queries.
    """

    vrf: str
    address: IPAddress
    seen_as: IPAddress | None = None
    origin: str = ""


class NameServer(Entry, frozen=True):
    """Addresses of the Internet host ``host`` that answer on port 53.

    ``role``: ``root``, ``registry`` (of every top-level domain), ``authority`` (for the zones whose set is
    ``servers``) or ``resolver`` (recursive, for anybody). The addresses of the n-th of ``names`` are the n-th and, for
    each further IP version, those as many places further as there are names.
    """

    host: str
    role: str
    addresses: tuple[IPAddress, ...]
    names: tuple[str, ...] = ()
    servers: int = 0
    origin: str = ""


class ResolverEndpoint(Entry, frozen=True):
    """A resolver with an interface in a subnet: ``guest`` has a :class:`Port`, and answers on or asks from it.

    An inbound one answers on ``address`` what the platform resolver of ``vrf`` would.
    """

    guest: str
    vrf: str
    inbound: bool
    address: IPAddress | None = None
    guid: str = ""
    origin: str = ""


class Upstream(msgspec.Struct, frozen=True):
    """A name server of somebody else's."""

    address: IPAddress
    port: int = 53


class ForwardRule(msgspec.Struct, frozen=True):
    """Names at or below ``domain`` (empty: all) are asked of ``targets``, in order."""

    domain: str
    targets: tuple[Upstream, ...]
    enabled: bool = True
    origin: str = ""


class ForwardRuleset(Entry, frozen=True):
    """Rules for names that others answer, asked from the outbound endpoints ``via``, for the ``vrfs`` it is linked to.

    The longest domain decides; a disabled rule takes its domain out.
    """

    rules: tuple[ForwardRule, ...]
    via: tuple[str, ...]
    vrfs: tuple[str, ...]
    origin: str = ""
