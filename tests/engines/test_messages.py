"""Messages: hostile octets are answered or ignored, what we write is what an independent reader reads."""

from __future__ import annotations

import contextlib
import struct
from ipaddress import ip_network
from typing import Any

import dns.edns
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.engines.dns import message
from lazulite.engines.dns.message import Edns, Ignored, Query, Refused, Response
from lazulite.forwarding.domain import encode, labels, reverse, suffixes, text

HEAD = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
QUESTION = b"\3www\7contoso\3com\0\0\1\0\1"
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


def with_records(answers: int = 0, authorities: int = 0, additionals: int = 0, records: bytes = b"") -> bytes:
    return HEAD[:6] + struct.pack("!3H", answers, authorities, additionals) + QUESTION + records


def code(data: bytes) -> int | None:
    """The response code *data* gets, ``None`` for silence."""
    try:
        message.parse(data)
    except Ignored:
        return None
    except Refused as refused:
        answer = message.failure(data, refused)
        assert answer[:2] == data[:2]
        assert answer[2] & 0x80
        return refused.rcode
    return 0


MALFORMED: list[Any] = [
    pytest.param(b"", None, id="nothing"),
    pytest.param(HEAD[:11], None, id="less than a header"),
    pytest.param(HEAD[:2] + b"\x81\x00" + HEAD[4:] + QUESTION, None, id="an answer"),
    pytest.param(HEAD[:2] + b"\x29\x00" + HEAD[4:] + QUESTION, 4, id="an update"),
    pytest.param(HEAD[:2] + b"\x11\x00" + HEAD[4:] + QUESTION, 4, id="a server status request"),
    pytest.param(HEAD, 1, id="a question that is not there"),
    pytest.param(HEAD[:4] + b"\0\0" + HEAD[6:], 1, id="no question"),
    pytest.param(HEAD[:4] + b"\0\2" + HEAD[6:] + QUESTION * 2, 1, id="two questions"),
    pytest.param(HEAD + QUESTION[:-1], 1, id="half a class"),
    pytest.param(HEAD + b"\xc0\x0c\0\1\0\1", 1, id="a name that points to itself"),
    pytest.param(HEAD + b"\3www\xc0\x0c\0\1\0\1", 1, id="a name that points into itself"),
    pytest.param(HEAD + b"\x40" + b"x" * 64 + b"\0\0\1\0\1", 1, id="a label type of nobody's"),
    pytest.param(HEAD + (b"\x3f" + b"x" * 63) * 4 + b"\0\0\1\0\1", 1, id="a name of 257 octets"),
    pytest.param(HEAD + b"\x3fxx", 1, id="a label that is cut off"),
    pytest.param(HEAD + QUESTION[:-1] + b"\3", 5, id="the class chaos"),
    pytest.param(HEAD + QUESTION + b"junk", 1, id="octets behind the end"),
    pytest.param(with_records(answers=1), 1, id="an answer in a question"),
    pytest.param(with_records(additionals=1), 1, id="a record that is not there"),
    pytest.param(with_records(additionals=1, records=OPT[:-1]), 1, id="half a record"),
    pytest.param(with_records(additionals=2, records=OPT * 2), 1, id="EDNS twice"),
    pytest.param(with_records(additionals=1, records=b"\1a" + OPT), 1, id="EDNS with a name"),
    pytest.param(with_records(additionals=1, records=OPT[:6] + b"\1" + OPT[7:]), 16, id="another version of EDNS"),
    pytest.param(with_records(additionals=1, records=OPT[:-1] + b"\3\0\x0a\0"), 1, id="half an option"),
    pytest.param(with_records(additionals=1, records=OPT[:-1] + b"\6\0\x0a\0\2ab"), 1, id="a cookie of two octets"),
    pytest.param(
        with_records(additionals=1, records=OPT[:-1] + b"\x0c\0\x08\0\x08\0\1\x18\0\1\2\3\4"),
        1,
        id="a client subnet with more octets than its length",
    ),
    pytest.param(
        with_records(additionals=1, records=OPT[:-1] + b"\x0b\0\x08\0\x07\0\1\x18\x08\1\2\3"),
        1,
        id="a client subnet that claims a scope",
    ),
    pytest.param(
        with_records(additionals=1, records=OPT[:-1] + b"\x0b\0\x08\0\x07\0\3\x18\0\1\2\3"),
        1,
        id="a client subnet of no family",
    ),
    pytest.param(
        with_records(additionals=1, records=OPT[:-1] + b"\x0b\0\x08\0\x07\0\1\x17\0\1\2\3"),
        1,
        id="a client subnet with bits beyond its length",
    ),
    pytest.param(with_records(additionals=1, records=OPT[:-1] + b"\5\0\x08\0\1\0"), 1, id="half a client subnet"),
    pytest.param(with_records(additionals=1, records=b"\xc0\xff\0\x10\0\1" + bytes(6)), 0, id="a pointer nobody reads"),
]


@pytest.mark.parametrize(("data", "expected"), MALFORMED)
def test_malformed_queries(data: bytes, expected: int | None) -> None:
    assert code(data) == expected


@settings(max_examples=400)
@given(st.binary(max_size=80))
def test_whatever_arrives_is_parsed_refused_or_ignored(data: bytes) -> None:
    assert code(data) in (None, 0, 1, 4, 5, 16)
    assert code(HEAD + data) in (0, 1, 5, 16)
    assert code(with_records(additionals=1, records=data)) in (0, 1, 5, 16)


@settings(max_examples=200)
@given(st.binary(max_size=120), st.integers(0, 40), st.integers(0, 255))
def test_another_servers_answer_is_read_or_refused(data: bytes, at: int, octet: int) -> None:
    known = message.message(query(), 0, 0, (1, 0, 0), message.body(encode("www.contoso.com"), [A_RECORD]), b"")
    broken = known[:at] + bytes([octet]) + known[at + 1 :]
    for attempt in (data, known[:at], broken, HEAD[:2] + b"\x81\x80" + HEAD[4:] + data):
        with contextlib.suppress(ValueError):
            assert message.parse_answer(attempt).flags & 0x8000


A_RECORD = [(encode("www.contoso.com"), 1, 60, b"\x0a\0\0\1")]


def query(name: str = "www.contoso.com", qtype: int = 1, edns: Edns | None = None) -> Query:
    wire = encode(name)
    return Query(0x1234, 0x0100, wire + struct.pack("!HH", qtype, 1), wire.lower(), qtype, edns)


def test_an_answer_keeps_the_questions_spelling() -> None:
    data = HEAD + b"\3wWw\7COntoso\3com\0\0\1\0\1"
    parsed = message.parse(data)
    assert parsed.name == encode("www.contoso.com")
    records = message.body(parsed.name, [A_RECORD])
    answer = dns.message.from_wire(message.message(parsed, message.AA, 0, (1, 0, 0), records, b""))
    assert str(answer.question[0].name) == str(answer.answer[0].name) == "wWw.COntoso.com."


def test_options_of_the_client_are_understood() -> None:
    ecs = dns.edns.ECSOption("198.18.7.0", 24)
    asked = dns.message.make_query("www.contoso.com", "A", use_edns=0, payload=4096, want_dnssec=True, options=[ecs])
    parsed = message.parse(asked.to_wire())
    assert parsed.edns == Edns(4096, True, ip_network("198.18.7.0/24"))
    assert parsed.limit == 1232
    assert message.parse(dns.message.make_query("a.test", "A").to_wire()).limit == 512
    small = dns.message.make_query("a.test", "A", use_edns=0, payload=100)
    assert message.parse(small.to_wire()).limit == 512


def test_a_hidden_subnet_is_none() -> None:
    ecs = dns.edns.ECSOption("0.0.0.0", 0)
    asked = dns.message.make_query("www.contoso.com", "A", use_edns=0, options=[ecs])
    parsed = message.parse(asked.to_wire()).edns
    assert parsed is not None
    assert parsed.subnet is None


@pytest.mark.parametrize(("subnet", "scope", "said"), [("198.18.7.0/24", 16, 16), ("2001:db8::/48", 56, 48)])
def test_an_answer_tells_for_whom_it_is_good(subnet: str, scope: int, said: int) -> None:
    edns = Edns(1232, False, ip_network(subnet))
    made = message.message(query(edns=edns), 0, 0, (0, 0, 0), b"", message.opt(edns, 0, scope, b""))
    (option,) = dns.message.from_wire(made).options
    assert isinstance(option, dns.edns.ECSOption)
    assert (f"{option.address}/{option.srclen}", option.scopelen) == (subnet, said)


def test_codes_beyond_four_bits_go_into_the_edns_record() -> None:
    refused = Refused(message.BADVERS, 12 + len(QUESTION))
    answer = dns.message.from_wire(message.failure(HEAD + QUESTION, refused))
    assert answer.rcode() == dns.rcode.BADVERS


def test_a_cookie_is_known_only_to_who_got_it() -> None:
    secret, client = b"s" * 16, b"12345678"
    whole = message.server_cookie(secret, client, "198.18.0.9")
    assert (whole[:8], len(whole)) == (client, 16)
    assert message.knows_cookie(secret, whole, "198.18.0.9")
    assert not message.knows_cookie(secret, whole, "198.18.0.8")
    assert not message.knows_cookie(secret, client, "198.18.0.9")
    assert not message.knows_cookie(b"t" * 16, whole, "198.18.0.9")


# Names.

label = st.binary(min_size=1, max_size=63)


@given(st.lists(label, max_size=3))
def test_any_name_is_written_and_read_back(parts: list[bytes]) -> None:
    wire = b"".join(bytes([len(p)]) + p for p in parts) + b"\0"
    assert encode(text(wire)) == wire
    assert list(labels(wire)) == parts
    found = list(suffixes(wire))
    assert (found[0], found[-1], len(found)) == (wire, b"\0", len(parts) + 1)


@pytest.mark.parametrize("name", ["", "."])
def test_the_root_is_one_octet(name: str) -> None:
    assert encode(name) == b"\0"
    assert text(b"\0") == "."


@pytest.mark.parametrize("name", ["a..b", ".a", "x" * 64, ".".join(["x" * 63] * 4), "€.test", "a\\999.b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        encode(name)


def test_dots_in_labels_are_escaped() -> None:
    assert encode("first\\.last.test") == b"\x0afirst.last\4test\0"
    assert text(encode("first\\.last.test")) == "first\\.last.test"
    assert encode("a\\032b.test.") == b"\3a b\4test\0"


def test_addresses_have_names() -> None:
    from ipaddress import ip_address

    assert reverse(ip_address("10.0.0.4")) == "4.0.0.10.in-addr.arpa"


# Compression.

words = st.sampled_from(["a", "b", "www", "mail", "x" * 63])
names = st.lists(words, min_size=0, max_size=3).map(lambda ws: encode(".".join([*ws, "contoso.com"])))


def rdata_of(rtype: int) -> st.SearchStrategy[bytes]:
    if rtype == message.SOA:
        return st.tuples(names, names).map(lambda n: n[0] + n[1] + b"\0" * 20)
    prefix = {message.MX: b"\0\x0a", message.SRV: b"\0\1\0\2\0\3"}.get(rtype, b"")
    return names.map(lambda n: prefix + n)


def records(rtype: int) -> st.SearchStrategy[Any]:
    return st.tuples(names, st.just(rtype), st.integers(0, 1000), rdata_of(rtype))


some = st.lists(
    st.sampled_from([message.NS, message.CNAME, message.PTR, message.MX, message.SRV, message.SOA]).flatmap(records),
    max_size=12,
)


@settings(max_examples=150)
@given(some, some)
def test_what_is_compressed_reads_as_it_was(answer: Any, more: Any) -> None:
    asked = query("www.contoso.com", 255)
    made = message.message(asked, 0, 0, (len(answer), len(more), 0), message.body(asked.name, [answer, more]), b"")
    read = message.parse_answer(made)
    assert (read.answer, read.authority) == (answer, more)
    theirs = dns.message.from_wire(made, one_rr_per_rrset=True)
    for mine, rrset in zip(answer, theirs.answer, strict=True):
        expected = dns.rdata.from_wire(dns.rdataclass.IN, mine[1], mine[3], 0, len(mine[3]))
        assert (rrset.name.to_wire(), rrset.ttl, rrset[0]) == (mine[0], mine[2], expected)


def test_a_long_answer_points_no_further_than_pointers_reach() -> None:
    many = [(encode(f"n{i}.contoso.com"), 16, 1, b"\xff" + b"x" * 255) for i in range(200)]
    made = message.message(query(), 0, 0, (len(many), 0, 0), message.body(encode("www.contoso.com"), [many]), b"")
    assert len(made) > 0x4000
    assert message.parse_answer(made).answer == many


def test_an_answer_of_nothing_has_no_records() -> None:
    assert message.body(encode("a.test"), [Response().answer]) == b""
