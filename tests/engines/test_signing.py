"""Signed zones: every answer is proven, what is not there is proven not to be, and who signs is vouched for from the
root down. dnspython checks the signatures."""

from __future__ import annotations

import dns.dnssec
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype as types
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.dns.message import DNSKEY, NSEC, NXNAME, RRSIG, SOA, A
from lazulite.engines.dns.service import Service
from lazulite.engines.dns.signing import HOUR_S, Signer
from lazulite.engines.dns.spec import REGISTRY, ROOT, ChoiceSpec, LinkSpec, Listener, PolicySpec, ServersSpec, ZoneSpec
from lazulite.engines.dns.tables import Set
from lazulite.engines.dns.world import World
from lazulite.forwarding.dnssec import delegation, keys
from lazulite.forwarding.domain import LONGEST_NAME, encode
from tests.engines.signed import asked, chain, proven, unsigned
from tests.engines.signed import keys as published

ZONE, OPEN, APEX = "contoso.com.", "open.com.", encode("contoso.com")
TEXT = """\
@ 3600 SOA NS1.one.com. Me.one.com. 1 3600 300 2419200 60
@ 3600 NS NS1.one.com.
@ 300 MX 10 Mail
@ 300 TXT "v=spf1 -all" "more"
@ 300 CAA 0 issue "ca.test"
mail 300 A 192.0.2.2
www 300 A 192.0.2.4
www 300 A 192.0.2.3
www 300 AAAA 2001:db8::1
go 300 CNAME WWW
chain 300 CNAME go
far 300 CNAME www.elsewhere.test.
dangling 300 CNAME nothing
a.b.c 300 A 192.0.2.5
*.wild 300 A 192.0.2.6
there.wild 300 A 192.0.2.7
*.alias 300 CNAME www
_sip._tcp 300 SRV 1 2 5060 Mail
ptr 300 PTR WWW
sub 300 NS ns.sub
ns.sub 300 A 192.0.2.8
safe 300 NS ns.sub
safe 300 DS 1 13 2 1111111111111111111111111111111111111111111111111111111111111111
tlsa 300 TLSA 3 1 1 2222222222222222222222222222222222222222222222222222222222222222
naptr 300 NAPTR 1 1 "U" "E2U+sip" "!^.*$!sip:a@b!" Mail
"""
CHOICES = (ChoiceSpec("1", address="192.0.2.9", weight=1), ChoiceSpec("2", address="192.0.2.10", weight=1))
ITEMS = [
    ZoneSpec("z", "contoso.com", 1, "seed"),
    ZoneSpec("o", "open.com", 1),
    ServersSpec("root", ROOT, ("a.root.test",), ("192.0.2.1",)),
    ServersSpec("tld", REGISTRY, ("a.tld.test",), ("192.0.2.2",)),
    ServersSpec("s", 1, ("ns1.one.com",), ("192.0.2.3",)),
    PolicySpec("weighted", "weighted", 30, CHOICES),
    PolicySpec("nobody", "subnet", 30, (ChoiceSpec("1", "one.test", subnets=("203.0.113.0/24",)),)),
    PolicySpec("alias", "priority", 30, (ChoiceSpec("1", "www.contoso.com"),)),
]


def sets(text: str, apex: str) -> list[Set]:
    origin = dns.name.from_text(apex)
    zone = dns.zone.from_text(text, origin, check_origin=False)
    return [
        Set(
            "" if n == dns.name.empty else str(n),
            types.to_text(r.rdtype),
            r.ttl,
            tuple(d.to_wire(origin=origin) for d in r),
        )
        for n, r in zone.iterate_rdatasets()
    ]


@pytest.fixture(scope="module")
def world() -> World:
    made = World()
    made.put(ITEMS)
    policies = [Set(n, "A", 30, (), n) for n in ("weighted", "nobody", "alias")]
    made.tables["z"].put([*sets(TEXT, ZONE), *policies])
    made.tables["o"].put(sets(TEXT.splitlines()[0], OPEN))
    return made


def by(world: World) -> dict[dns.name.Name, dns.rrset.RRset]:
    return {dns.name.from_text(ZONE): published(world, ZONE, 1)}


def nsec(answer: dns.message.Message, name: str) -> str:
    """What the proof about a name says that there is."""
    (found,) = answer.find_rrset(answer.authority, dns.name.from_text(name), 1, types.NSEC)
    assert found.next == dns.name.Name((b"\0", *dns.name.from_text(name)))
    return found.to_text().partition(" ")[2]


# The chain.


def test_the_root_vouches_for_a_top_level_domain_and_that_for_the_zone(world: World) -> None:
    assert list(chain(world, ZONE, 1)) == [".", "com.", ZONE]


def test_a_zone_has_a_key_that_signs_keys_one_that_signs_the_rest_and_one_to_come(world: World) -> None:
    held = published(world, ZONE, 1)
    assert (held.ttl, [k.flags for k in held], {(k.protocol, k.algorithm) for k in held}) == (
        3600,
        [256, 257, 256],
        {(3, 13)},
    )
    answer = asked(world, 1, ZONE, "DNSKEY")
    tags = [s.key_tag for r in answer.answer if r.rdtype == types.RRSIG for s in r]
    assert tags == [dns.dnssec.key_id(next(k for k in held if k.flags == 257))]


def test_a_zone_that_is_not_signed_is_proven_to_be_so(world: World) -> None:
    com = {dns.name.from_text("com"): published(world, "com.", REGISTRY)}
    for rtype, section in (("A", "referral"), ("DS", "no data")):
        answer = asked(world, REGISTRY, "open.com", rtype)
        assert nsec(answer, "open.com") == "NS RRSIG NSEC", section
        assert "open.com. NSEC" in proven(answer.authority, com)
        assert answer.answer == []


def test_a_referral_to_a_signed_zone_names_its_key(world: World) -> None:
    com = {dns.name.from_text("com"): published(world, "com.", REGISTRY)}
    answer = asked(world, REGISTRY, "www.contoso.com", "A")
    assert proven(answer.authority, com) == ["contoso.com. DS"]
    assert unsigned(answer.authority, com) == ["contoso.com. NS"]
    assert not answer.flags & 0x0400


def test_a_signature_that_was_tampered_with_does_not_hold(world: World) -> None:
    answer = asked(world, 1, "mail.contoso.com", "A")
    rdata = dns.rdata.from_text(1, types.A, "192.0.2.99")
    forged = dns.rrset.from_rdata(answer.answer[0].name, 300, rdata)
    with pytest.raises(dns.dnssec.ValidationFailure):
        proven([forged, *answer.answer[1:]], by(world))


# Answers.


@pytest.mark.parametrize("rtype", ["SOA", "NS", "MX", "TXT", "CAA"])
def test_records_of_the_apex_are_signed(world: World, rtype: str) -> None:
    answer = asked(world, 1, ZONE, rtype)
    assert proven(answer.answer, by(world)) == [f"{ZONE} {rtype}"]


@pytest.mark.parametrize(
    ("name", "rtype", "said"),
    [
        ("www", "A", ["www A"]),
        ("WWW", "AAAA", ["WWW AAAA"]),
        ("go", "A", ["go CNAME", "www A"]),
        ("chain", "A", ["chain CNAME", "go CNAME", "www A"]),
        ("far", "A", ["far CNAME"]),
        ("x.wild", "A", ["x.wild A"]),
        ("y.x.wild", "A", ["y.x.wild A"]),
        ("*.wild", "A", ["*.wild A"]),
        ("q.alias", "A", ["q.alias CNAME", "www A"]),
        ("_sip._tcp", "SRV", ["_sip._tcp SRV"]),
        ("ptr", "PTR", ["ptr PTR"]),
        ("tlsa", "TLSA", ["tlsa TLSA"]),
        ("naptr", "NAPTR", ["naptr NAPTR"]),
        ("safe", "DS", ["safe DS"]),
        ("www", "ANY", ["www A", "www AAAA"]),
        ("weighted", "A", ["weighted A"]),
        ("alias", "A", ["alias CNAME", "www A"]),
    ],
)
def test_every_record_set_of_an_answer_is_signed(world: World, name: str, rtype: str, said: list[str]) -> None:
    answer = asked(world, 1, f"{name}.{ZONE}", rtype)
    expected = [f"{n}.{ZONE} {t}".lower() for n, t in (s.split() for s in said)]
    assert sorted(each.lower() for each in proven(answer.answer, by(world))) == sorted(expected)
    assert unsigned(answer.answer, by(world)) == []


def test_who_does_not_ask_for_proof_gets_none(world: World) -> None:
    query = dns.message.make_query("nothing.contoso.com", "A", use_edns=0)
    said = Service(world, Listener("l", "192.0.2.1", number=1), b"s").answer(query.to_wire(), "192.0.2.9")
    assert isinstance(said, bytes)
    answer = dns.message.from_wire(said)
    assert (answer.rcode(), [types.to_text(r.rdtype) for r in answer.authority]) == (dns.rcode.NXDOMAIN, ["SOA"])


def test_one_question_with_and_without_proof_is_kept_apart(world: World) -> None:
    service = Service(world, Listener("l", "192.0.2.1", number=1), b"s")
    for want, codes in ((False, [A]), (True, [A, RRSIG])) * 2:
        query = dns.message.make_query("mail.contoso.com", "A", use_edns=0, want_dnssec=want)
        said = service.answer(query.to_wire(), "192.0.2.9", tcp=True)
        assert isinstance(said, bytes)
        assert [r.rdtype for r in dns.message.from_wire(said).answer] == codes


# What is not there.


@pytest.mark.parametrize(
    ("name", "rtype", "there"),
    [
        pytest.param("nothing", "A", "RRSIG NSEC NXNAME", id="a name that is not there"),
        pytest.param("www", "MX", "A AAAA RRSIG NSEC", id="a name without that type"),
        pytest.param("b.c", "A", "RRSIG NSEC", id="a name that only has others below it"),
        pytest.param("x.wild", "TXT", "A RRSIG NSEC", id="a wildcard without that type"),
        pytest.param("go", "NSEC3", "CNAME RRSIG NSEC", id="a type that nobody has, past an alias"),
        pytest.param("sub", "DS", "NS RRSIG NSEC", id="a delegation without a signed zone"),
        pytest.param("weighted", "AAAA", "A RRSIG NSEC", id="a computed name without that type"),
    ],
)
def test_what_is_not_there_is_proven_not_to_be(world: World, name: str, rtype: str, there: str) -> None:
    answer = asked(world, 1, f"{name}.{ZONE}", rtype)
    where = f"www.{ZONE}" if name == "go" else f"{name}.{ZONE}"
    there = "A AAAA RRSIG NSEC" if name == "go" else there
    assert answer.rcode() == dns.rcode.NOERROR
    assert nsec(answer, where) == there
    assert [s.lower() for s in proven(answer.authority, by(world))] == [f"{ZONE} SOA".lower(), f"{where} NSEC".lower()]
    assert unsigned(answer.authority, by(world)) == []


def test_the_code_of_a_missing_name_is_for_those_who_ask_for_it(world: World) -> None:
    for name in ("nothing", "dangling", "nobody"):
        answer = asked(world, 1, f"{name}.{ZONE}", "A", compact=True)
        assert (answer.rcode(), bool(answer.ednsflags & 0x4000)) == (dns.rcode.NXDOMAIN, True)
        assert unsigned(answer.authority, by(world)) == []
        assert asked(world, 1, f"{name}.{ZONE}", "A").rcode() == dns.rcode.NOERROR


def test_a_proof_can_be_asked_for_by_its_type(world: World) -> None:
    answer = asked(world, 1, f"www.{ZONE}", "NSEC")
    assert proven(answer.answer, by(world)) == [f"www.{ZONE} NSEC"]
    assert answer.authority == []


def test_nobody_can_ask_for_the_mark_of_a_missing_name(world: World) -> None:
    query = dns.message.make_query("www.contoso.com", types.RdataType.make(NXNAME))
    said = Service(world, Listener("l", "192.0.2.1", number=1), b"s").answer(query.to_wire(), "192.0.2.9")
    assert isinstance(said, bytes)
    assert dns.message.from_wire(said).rcode() == dns.rcode.FORMERR


def test_a_referral_out_of_a_signed_zone_is_proven_either_way(world: World) -> None:
    for name, there in (("sub", ["sub.contoso.com. NSEC"]), ("safe", ["safe.contoso.com. DS"])):
        answer = asked(world, 1, f"host.{name}.{ZONE}", "A")
        assert proven(answer.authority, by(world)) == there


# Of the platform's resolver.


def test_a_resolver_hands_on_the_signatures_of_whoever_asks_for_them(world: World) -> None:
    answer = asked(world, 0, f"go.{ZONE}", "A")
    assert proven(answer.answer, by(world)) == [f"go.{ZONE} CNAME", f"WWW.{ZONE} A"]
    assert not answer.flags & dns.flags.AD


def test_private_zones_are_not_signed() -> None:
    made = World()
    made.put([ZoneSpec("p", "corp.test"), LinkSpec("l", "", "p")])
    made.tables["p"].put(sets("db 9 A 10.0.0.2", "corp.test."))
    assert [r.rdtype for r in asked(made, 0, "db.corp.test", "A").answer] == [A]


# The life of signatures and keys.


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_signature_is_made_once_an_hour_and_holds_for_a_day_around_it() -> None:
    clock = Clock()
    signer = Signer(APEX, "seed", clock)
    first = signer.signature(APEX, A, 60, (b"\1\2\3\4",))
    assert signer.signature(APEX, A, 60, (b"\1\2\3\4",)) == first
    expires, begins = (int.from_bytes(first[i : i + 4]) for i in (8, 12))
    assert begins + 24 * HOUR_S <= clock.now <= expires - 24 * HOUR_S
    clock.now += HOUR_S
    later = signer.signature(APEX, A, 60, (b"\1\2\3\4",))
    assert int.from_bytes(later[8:12]) == expires + HOUR_S


def test_signatures_of_keys_hold_for_weeks() -> None:
    clock = Clock()
    signer = Signer(APEX, "seed", clock)
    made = signer.signature(APEX, DNSKEY, 3600, signer.key_set.records)
    expires, begins = (int.from_bytes(made[i : i + 4]) for i in (8, 12))
    assert expires - begins == 60 * 24 * HOUR_S


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lazulite.engines.dns.signing._REMEMBERED", 4)
    signer = Signer(APEX, "seed")
    for i in range(9):
        signer.signature(APEX, A, 60, (bytes(4) + bytes([i]),))
    assert len(signer._known) <= 4


def test_a_zone_whose_signing_ends_says_so_at_once_and_signed_anew_it_has_other_keys(world: World) -> None:
    made = World()
    made.put(ITEMS)
    made.tables["z"].put(sets(TEXT, ZONE))
    before = published(made, ZONE, 1)
    made.put([ZoneSpec("z", "contoso.com", 1)])
    assert [r.rdtype for r in asked(made, 1, f"mail.{ZONE}", "A").answer] == [A]
    assert asked(made, REGISTRY, ZONE, "DS").answer == []
    made.put([ZoneSpec("z", "contoso.com", 1, "another")])
    assert list(chain(made, ZONE, 1)) == [".", "com.", ZONE]
    assert not {*before} & {*published(made, ZONE, 1)}


def test_keys_follow_from_their_seed() -> None:
    assert [k.rdata for k in keys("a").all] == [k.rdata for k in keys("a").all]
    assert len({k.rdata for seed in ("a", "b") for k in keys(seed).all}) == 6


@given(st.text(max_size=8))
def test_tags_and_digests_are_those_that_others_work_out(seed: str) -> None:
    for key in keys(seed).all:
        theirs = dns.rdata.from_wire(1, types.DNSKEY, key.rdata, 0, len(key.rdata))
        assert dns.dnssec.key_id(theirs) == key.tag
        assert dns.dnssec.make_ds(dns.name.from_text("Contoso.com"), theirs, "SHA256").to_wire() == delegation(
            APEX, key
        )


LABEL = st.binary(min_size=1, max_size=63)


@given(st.lists(LABEL, max_size=3), st.sets(st.integers(1, 65535), min_size=1, max_size=20))
def test_a_proof_is_one_that_others_read(name: list[bytes], there: set[int]) -> None:
    owner = b"".join(len(part).to_bytes(1) + part.lower() for part in name) + APEX
    records = Signer(APEX, "seed").denial(owner, there, 60)
    rdata = dns.rdata.from_wire(1, types.NSEC, records[0][3], 0, len(records[0][3]))
    told = {
        w << 8 | i << 3 | b for w, bits in rdata.windows for i, o in enumerate(bits) for b in range(8) if o & 0x80 >> b
    }
    assert told == there | {RRSIG, NSEC}
    assert [r[1] for r in records] == [NSEC, RRSIG]


def test_a_name_with_no_room_below_it_is_followed_by_the_zone() -> None:
    owner = (
        b"".join(bytes([63]) + b"x" * 63 for _ in range(3)) + bytes([54]) + b"y" * 54 + encode("a.test")[:-1] + b"\0"
    )
    assert LONGEST_NAME - 2 < len(owner) <= LONGEST_NAME
    (made, _) = Signer(encode("a.test"), "seed").denial(owner, {SOA}, 60)
    assert made[3].startswith(encode("a.test"))
