"""Zones and what is derived of them, against dnspython's own zones as the oracle of names."""

from __future__ import annotations

import itertools
from typing import Any

import dns.name
import dns.rdatatype
import dns.zone
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.engines.dns.message import A, Answer
from lazulite.engines.dns.policies import Asked
from lazulite.engines.dns.resolution import Forward, authority, resolve
from lazulite.engines.dns.spec import (
    REGISTRY,
    ROOT,
    ChoiceSpec,
    ForwardSpec,
    LinkSpec,
    PolicySpec,
    RulesSpec,
    ServersSpec,
    ZoneSpec,
)
from lazulite.engines.dns.tables import Set, Status, Table, packed, soa
from lazulite.engines.dns.world import World
from lazulite.forwarding.domain import encode, text

SOA = Set("", "SOA", 3600, (soa("ns1.test", "me.test", 1, 2, 3, 4, 60),))
ONE, TWO = b"\x0a\0\0\1", b"\x0a\0\0\2"


def a(owner: str, *records: bytes, ttl: int = 300) -> Set:
    return Set(owner, "A", ttl, records or (ONE,))


def ns(owner: str, *servers: str) -> Set:
    return Set(owner, "NS", 300, tuple(map(encode, servers)))


def cname(owner: str, target: str) -> Set:
    return Set(owner, "CNAME", 300, (encode(target),))


def table(*sets: Set, fqdn: str = "contoso.com") -> Table:
    return Table(fqdn, packed((SOA, *sets)))


def status(found: Table, name: str, qtype: int = A) -> str:
    return found.find(encode(f"{name}.contoso.com" if name else "contoso.com"), qtype).status.value


@pytest.mark.parametrize(
    ("name", "qtype", "expected"),
    [
        pytest.param("www", 1, "answer", id="a record of that type"),
        pytest.param("www", 28, "no data", id="a name without that type"),
        pytest.param("ent", 1, "no data", id="a name that only has names below"),
        pytest.param("x.ent", 1, "answer", id="a name below nothing"),
        pytest.param("", 6, "answer", id="the apex"),
        pytest.param("", 1, "no data", id="the apex has no address"),
        pytest.param("none", 1, "no name", id="a name that is not there"),
        pytest.param("go", 1, "alias", id="an alias for any type"),
        pytest.param("go", 5, "answer", id="but for its own"),
        pytest.param("go", 255, "answer", id="and for all"),
        pytest.param("sub", 1, "delegation", id="a cut"),
        pytest.param("a.b.sub", 1, "delegation", id="below a cut"),
        pytest.param("sub", 43, "answer", id="the DS records of a cut are the parent's"),
        pytest.param("glue.sub", 1, "delegation", id="addresses below a cut are not ours"),
        pytest.param("x.wild", 1, "answer", id="a wildcard"),
        pytest.param("y.x.wild", 1, "answer", id="deeper below a wildcard"),
        pytest.param("wild", 1, "no data", id="the wildcard's parent exists"),
        pytest.param("x.wild", 28, "no data", id="a wildcard without that type"),
        pytest.param("z.there.wild", 1, "no name", id="a name that is there keeps the wildcard out below it"),
    ],
)
def test_what_a_zone_says(name: str, qtype: int, expected: str) -> None:
    found = table(
        a("www"),
        a("x.ent"),
        cname("go", "www.contoso.com"),
        ns("sub", "glue.sub.contoso.com"),
        a("glue.sub"),
        Set("sub", "DS", 60, (b"\0\1\x08\2" + b"\0" * 32,)),
        a("*.wild"),
        a("there.wild"),
    )
    assert status(found, name, qtype) == expected


def test_a_delegation_names_the_cut() -> None:
    found = table(ns("sub", "ns.other.test")).find(encode("a.b.sub.contoso.com"), A)
    assert (found.status, text(found.owner)) == (Status.DELEGATION, "sub.contoso.com")


def test_an_empty_zone_exists_at_its_apex() -> None:
    assert status(Table("contoso.com"), "") == "no data"
    assert status(Table("contoso.com"), "a") == "no name"
    assert Table("contoso.com").negative() == []


# Against an independent implementation, over random zones.

LABELS = ["a", "b", "*"]
OWNERS = [".".join(p) for n in (1, 2, 3) for p in itertools.product(LABELS, repeat=n) if "*" not in p[1:]]
ASKED = [".".join(p) for n in (1, 2, 3, 4) for p in itertools.product(["a", "b", "c"], repeat=n)]
content = st.dictionaries(st.sampled_from(OWNERS), st.sampled_from(["A", "TXT", "CNAME", "NS"]), max_size=6)


def naive(held: dict[str, str], name: str, rtype: str) -> str:
    """RFC 1034 4.3.2 read from the text, over a dictionary of owner to type."""
    parts = name.split(".")
    above = [".".join(parts[i:]) for i in range(len(parts) - 1, -1, -1)]
    cut = next((n for n in above if held.get(n) == "NS"), None)
    if cut is not None:
        return "delegation"
    exists = {o for owner in held for o in itertools.accumulate(reversed(owner.split(".")), lambda x, y: f"{y}.{x}")}
    if name in exists:
        return _at(held.get(name), rtype)
    encloser = next((n for n in reversed(above[:-1]) if n in exists), "")
    wild = f"*.{encloser}" if encloser else "*"
    return _at(held[wild], rtype) if wild in held else "no name"


def _at(here: str | None, rtype: str) -> str:
    return "answer" if here == rtype else "alias" if here == "CNAME" else "no data"


RDATA = {"A": ONE, "TXT": b"\1x", "CNAME": encode("t.test"), "NS": encode("ns.test")}


@settings(max_examples=300)
@given(content, st.lists(st.sampled_from(ASKED), min_size=5, max_size=10))
def test_a_zone_answers_as_the_standard_says(held: dict[str, str], names: list[str]) -> None:
    held = {o: t for o, t in held.items() if not (o.startswith("*") and t == "NS")}
    found = table(*(Set(o, t, 1, (RDATA[t],)) for o, t in held.items()))
    for name in names:
        for rtype, number in (("A", 1), ("TXT", 16)):
            assert status(found, name, number) == naive(held, name, rtype), (held, name)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(OWNERS), st.sampled_from(["A", "TXT"]), st.booleans()), max_size=12))
def test_a_zone_that_was_changed_answers_like_one_that_was_loaded(edits: list[tuple[str, str, bool]]) -> None:
    changed, held = table(), dict[tuple[str, str], None]()
    for owner, rtype, there in edits:
        if there:
            changed.put([Set(owner, rtype, 1, (RDATA[rtype],))])
            held[owner, rtype] = None
        else:
            changed.drop([(owner, rtype)])
            held.pop((owner, rtype), None)
    loaded = table(*(Set(o, t, 1, (RDATA[t],)) for o, t in held))
    assert [status(changed, n) for n in ASKED] == [status(loaded, n) for n in ASKED]
    assert sorted(map(repr, changed.everything())) == sorted(map(repr, loaded.everything()))


def test_dnspython_reads_a_zone_as_we_answer_it() -> None:
    theirs = dns.zone.from_text("@ 60 SOA ns me 1 2 3 4 60\n@ 60 NS ns\nns 60 A 10.0.0.1\n*.w 60 A 10.0.0.2", "z.test")
    ours = Table("z.test")
    for name, rdataset in theirs.iterate_rdatasets():
        owner = "" if name == dns.name.empty else str(name)
        wire = tuple(r.to_wire(origin=dns.name.from_text("z.test")) for r in rdataset)
        ours.put([Set(owner, dns.rdatatype.to_text(rdataset.rdtype), rdataset.ttl, wire)])
    for name in ("ns", "x.w", "@"):
        rdataset = theirs.get_rdataset("*.w" if name == "x.w" else name, "A")
        found = ours.find(encode("z.test" if name == "@" else f"{name}.z.test"), 1)
        assert (found.status is Status.ANSWER) is (rdataset is not None)
        assert rdataset is None or found.records.records == tuple(r.to_wire() for r in rdataset)  # type: ignore[union-attr]


# The world: servers, delegation, links, rules.


def world(*items: Any, **sets: tuple[Set, ...]) -> World:
    made = World()
    made.put([*INTERNET, *items])
    for zone, held in sets.items():
        made.tables[zone].put((SOA, *held))
    return made


INTERNET = (
    ServersSpec("root", ROOT, ("a.root.test",), ("192.0.2.1", "2001:db8::1")),
    ServersSpec("tld", REGISTRY, ("a.tld.test",), ("192.0.2.2",)),
    ServersSpec("s1", 1, ("ns1.one.com", "ns2.one.net"), ("192.0.2.11", "192.0.2.12")),
    ServersSpec("s2", 2, ("ns1.two.com",), ("192.0.2.21",)),
)
CONTOSO = ZoneSpec("z", "contoso.com", 1)


def walked(made: World, name: str, qtype: int = A, scope: str = "") -> tuple[int, list[bytes]]:
    """Code and RDATA of a resolver that nobody has to help."""
    pending = resolve(made, scope, encode(name), Asked(qtype))
    with pytest.raises(StopIteration) as done:
        next(pending)
    response = done.value.value
    return response.rcode, [r[3] for r in response.answer]


def forwarded(made: World, name: str, scope: str = "") -> Forward:
    return next(resolve(made, scope, encode(name), Asked(A)))


def test_a_zone_nobody_lies_above_is_registered() -> None:
    made = world(CONTOSO, ZoneSpec("c", "child.contoso.com", 2), z=(a("www"),), c=(a("www", TWO),))
    referral = authority(made, REGISTRY, encode("www.contoso.com"), Asked(A))
    assert [text(r[3]) for r in referral.authority] == ["ns1.one.com", "ns2.one.net"]
    assert [(text(r[0]), r[3]) for r in referral.additional] == [("ns1.one.com", bytes((192, 0, 2, 11)))]
    assert not referral.authoritative
    assert walked(made, "www.contoso.com") == (0, [ONE])
    assert walked(made, "www.child.contoso.com") == (3, []), "the parent has not delegated"
    made.tables["z"].put([ns("child", "ns1.two.com")])
    assert walked(made, "www.child.contoso.com") == (0, [TWO])


def test_the_lowest_set_has_a_name_that_two_zones_have() -> None:
    made = world(ZoneSpec("y", "contoso.com", 2), CONTOSO, z=(a("www"),), y=(a("www", TWO),))
    assert walked(made, "www.contoso.com") == (0, [ONE])
    made.drop([("ZoneSpec", "z")])
    assert walked(made, "www.contoso.com") == (0, [TWO])


def test_the_root_knows_every_top_level_domain() -> None:
    made = world(CONTOSO, ZoneSpec("i", "lab.info", 1))
    for name, top in (("a.contoso.com", "com"), ("b.lab.info", "info")):
        found = authority(made, ROOT, encode(name), Asked(A))
        assert {text(r[0]) for r in found.authority} == {top}
    assert authority(made, ROOT, encode("a.test"), Asked(A)).rcode == 3
    assert walked(made, "nothing.org") == (3, [])
    assert walked(made, "lab.info", 6)[0] == 0


def test_a_server_refuses_what_it_does_not_serve() -> None:
    made = world(CONTOSO)
    assert authority(made, 2, encode("www.contoso.com"), Asked(A)).rcode == 5
    assert authority(made, 1, encode("contoso.net"), Asked(A)).rcode == 5


def test_the_ds_records_of_a_zone_are_asked_of_its_parent() -> None:
    made = world(CONTOSO, ZoneSpec("c", "child.contoso.com", 1), z=(ns("child", "ns1.one.com"),), c=())
    found = authority(made, 1, encode("child.contoso.com"), Asked(43))
    assert (found.authoritative, found.answer) == (True, [])
    assert text(found.authority[0][0]) == "contoso.com"


def test_a_delegation_to_a_server_that_does_not_serve_it_fails() -> None:
    made = world(CONTOSO, z=(ns("lame", "ns1.two.com"), ns("self", "ns1.one.com")))
    assert walked(made, "www.lame.contoso.com") == (2, [])
    assert walked(made, "www.self.contoso.com") == (2, [])


def test_names_of_servers_of_ones_own_lead_to_the_same_servers() -> None:
    vanity = Set("ns", "A", 60, (bytes((192, 0, 2, 21)),))
    made = world(CONTOSO, ZoneSpec("c", "child.contoso.com", 2), z=(ns("child", "ns.contoso.com"), vanity), c=(a("w"),))
    assert walked(made, "w.child.contoso.com") == (0, [ONE])


def test_a_users_own_server_is_asked() -> None:
    glue = Set("ns.child", "A", 60, (bytes((198, 18, 0, 9)),))
    made = world(CONTOSO, z=(ns("child", "ns.child.contoso.com"), glue))
    found = forwarded(made, "w.child.contoso.com")
    assert (found.targets, found.via, found.recursive) == ((("198.18.0.9", 53),), (), False)


def answered(made: World, name: str, answer: Answer | None) -> int:
    pending = resolve(made, "", encode(name), Asked(A))
    next(pending)
    with pytest.raises(StopIteration) as done:
        pending.send(answer)
    return int(done.value.value.rcode)


def test_a_users_server_that_refers_further_is_not_followed() -> None:
    glue = Set("ns.child", "A", 60, (bytes((198, 18, 0, 9)),))
    made = world(CONTOSO, z=(ns("child", "ns.child.contoso.com"), glue))
    refers = Answer(0, 0x8000, b"", [], [(encode("x.test"), 2, 1, encode("ns.test"))])
    assert answered(made, "w.child.contoso.com", refers) == 2
    assert answered(made, "w.child.contoso.com", Answer(0, 0x8003, b"", [], [])) == 3
    assert answered(made, "w.child.contoso.com", None) == 2


def test_servers_whose_names_need_each_other_are_given_up() -> None:
    other = ZoneSpec("o", "other.com", 1)
    made = world(CONTOSO, other, z=(ns("c", "ns.d.other.com"),), o=(ns("d", "ns.c.contoso.com"),))
    assert walked(made, "w.c.contoso.com") == (2, [])


def test_aliases_that_lead_in_a_circle_end() -> None:
    made = world(CONTOSO, z=(cname("a", "b.contoso.com"), cname("b", "a.contoso.com")))
    assert len(authority(made, 1, encode("a.contoso.com"), Asked(A)).answer) == 2
    assert walked(made, "a.contoso.com") == (2, [])


def test_a_long_chain_of_aliases_ends() -> None:
    made = world(CONTOSO, z=tuple(cname(f"n{i}", f"n{i + 1}.contoso.com") for i in range(40)))
    assert walked(made, "n0.contoso.com") == (2, [])


def test_an_alias_into_another_zone_is_the_clients_to_follow_and_the_resolvers() -> None:
    made = world(CONTOSO, ZoneSpec("o", "other.com", 2), z=(cname("go", "www.other.com"),), o=(a("www", TWO),))
    assert [r[1] for r in authority(made, 1, encode("go.contoso.com"), Asked(A)).answer] == [5]
    assert walked(made, "go.contoso.com") == (0, [encode("www.other.com"), TWO])


def test_hosts_that_an_answer_names_come_with_their_addresses() -> None:
    mx = Set("", "MX", 60, (b"\0\x0a" + encode("Mail.contoso.com"), b"\0\x14" + encode("mail.other.com")))
    made = world(CONTOSO, z=(mx, a("mail")))
    found = authority(made, 1, encode("contoso.com"), Asked(15))
    assert [(text(r[0]), r[3]) for r in found.additional] == [("mail.contoso.com", ONE)]


def test_any_gives_everything_at_a_name() -> None:
    made = world(CONTOSO, z=(a("www"), Set("www", "TXT", 60, (b"\1x",)), a("*.w")))
    found = authority(made, 1, encode("www.contoso.com"), Asked(255))
    assert sorted(r[1] for r in found.answer) == [1, 16]
    assert [r[1] for r in authority(made, 1, encode("q.w.contoso.com"), Asked(255)).answer] == [1]


def test_links_may_come_before_their_zones_and_go_one_by_one() -> None:
    made = World()
    made.put([LinkSpec("l", "net", "p"), LinkSpec("m", "other", "p")])
    assert made.linked("net", encode("a.corp.test")) is None
    made.put([ZoneSpec("p", "corp.test")])
    assert made.linked("net", encode("a.corp.test")) is not None
    made.drop([("LinkSpec", "l")])
    assert made.linked("net", encode("a.corp.test")) is None
    assert made.linked("other", encode("a.corp.test")) is not None
    made.put([LinkSpec("late", "net", "q")])
    made.drop([("LinkSpec", "late"), ("LinkSpec", "never")])
    made.put([ZoneSpec("q", "q.test")])
    assert made.linked("net", encode("q.test")) is None


def test_a_zone_that_moves_to_other_servers_keeps_its_records() -> None:
    made = world(CONTOSO, z=(a("www"),))
    made.put([ZoneSpec("z", "contoso.com", 2)])
    assert authority(made, 1, encode("www.contoso.com"), Asked(A)).rcode == 5
    assert walked(made, "www.contoso.com") == (0, [ONE])


def test_rules_go_as_they_came() -> None:
    rules = RulesSpec("r", ("net",), (ForwardSpec("corp.test", (("10.0.0.9", 53),)),), ("out",))
    made = world(CONTOSO, rules)
    found = forwarded(made, "a.corp.test", "net")
    assert (found.targets, found.via) == ((("10.0.0.9", 53),), ("out",))
    made.drop([("RulesSpec", "r")])
    assert made.rule("net", encode("a.corp.test")) is None


# Names with a policy.


def policy(method: str, *choices: ChoiceSpec, **fields: Any) -> PolicySpec:
    return PolicySpec("p", method, 30, choices, "up", **fields)


def to(name: str, target: str = "", address: str = "", **fields: Any) -> ChoiceSpec:
    return ChoiceSpec(name, target, address, **fields)


def with_policy(*policies: PolicySpec) -> World:
    made = world(CONTOSO, *policies)
    made.tables["z"].put([Set("app", "ANY", 30, (), "p"), Set("www", "A", 60, (ONE,))])
    return made


def chosen(made: World, qtype: int = A) -> list[bytes]:
    return [r[3] for r in authority(made, 1, encode("app.contoso.com"), Asked(qtype)).answer]


def test_the_first_choice_that_is_up_is_answered() -> None:
    first, second = to("1", "one.test", priority=1), to("2", "two.test", priority=2)
    made = with_policy(policy("priority", second, first))
    assert chosen(made) == [encode("one.test")]
    made.down["up"] = frozenset({"1"})
    assert chosen(made) == [encode("two.test")]
    made.down["up"] = frozenset({"1", "2"})
    assert chosen(made) == [encode("one.test")], "when none is up, all are"


def test_a_choice_that_is_fixed_is_never_down() -> None:
    made = with_policy(policy("priority", to("1", "one.test", fixed=True), to("2", "two.test", priority=2)))
    made.down["up"] = frozenset({"1"})
    assert chosen(made) == [encode("one.test")]


def test_a_target_in_the_zone_is_followed_at_once() -> None:
    assert chosen(with_policy(policy("priority", to("1", "www.contoso.com")))) == [encode("www.contoso.com"), ONE]


def test_addresses_are_those_of_the_version_that_was_asked_for() -> None:
    made = with_policy(policy("multivalue", to("4", address="10.0.0.1"), to("6", address="fd00::1"), limit=5))
    assert chosen(made) == [ONE]
    assert len(chosen(made, 28)[0]) == 16


def test_weights_share_the_answers() -> None:
    made = with_policy(policy("weighted", to("1", address="10.0.0.1", weight=3), to("2", address="10.0.0.2")))
    found = [chosen(made)[0] for _ in range(400)]
    assert 220 < found.count(ONE) < 380


def test_a_nested_policy_counts_while_it_has_enough() -> None:
    inner = PolicySpec("inner", "priority", 20, (to("a", "a.test"), to("b", "b.test", priority=2)), "inner-up")
    outer = policy("priority", to("n", nested="inner", minimum=2), to("2", "two.test", priority=2))
    made = with_policy(inner, outer)
    assert chosen(made) == [encode("a.test")]
    made.down["inner-up"] = frozenset({"a"})
    assert chosen(made) == [encode("two.test")]


def test_policies_that_nest_in_a_circle_or_are_unknown_answer_nothing() -> None:
    made = with_policy(policy("priority", to("n", nested="p")))
    assert chosen(made) == []
    assert chosen(with_policy(policy("astrology", to("1", "one.test")))) == []
    assert chosen(with_policy()) == []


@pytest.mark.parametrize(
    ("method", "drawn"), [("priority", False), ("weighted", True), ("multivalue", True), ("performance", True)]
)
def test_who_draws_says_so_and_who_asks_where_the_client_is(method: str, drawn: bool) -> None:
    made, asked = with_policy(policy(method, to("1", "one.test"), to("2", "two.test"))), Asked(A)
    assert authority(made, 1, encode("app.contoso.com"), asked).static is (method != "performance")
    assert asked.chance.drawn is drawn
    assert authority(made, 1, encode("www.contoso.com"), Asked(A)).static
