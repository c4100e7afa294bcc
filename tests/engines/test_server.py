"""The server as its clients meet it: real sockets on the loopback address, real processes."""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from lazulite.engines.dns.limits import Limiter
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
from lazulite.engines.dns.tables import Set, soa
from lazulite.forwarding.domain import encode
from tests.engines.named import Named, listener, named
from tests.ports import LOOPBACK, free_port
from tests.waiting import until

PATIENCE_S = 60
FUZZED = int(os.environ.get("LAZULITE_DNS_FUZZ", "4000"))
"""Hostile datagrams a run sends."""
START = Set("", "SOA", 3600, (soa("ns1.one.com", "me.one.com", 1, 2, 3, 4, 60),))
SETS = [
    START,
    Set("www", "A", 300, (b"\x0a\0\0\1",)),
    Set("long", "TXT", 60, tuple(bytes([200]) + str(i).rjust(200).encode() for i in range(20))),
    Set("app", "ANY", 30, (), "p"),
]
ITEMS = (
    ZoneSpec("z", "contoso.com", 1, "seed"),
    ZoneSpec("p", "corp.test"),
    LinkSpec("l", "net", "p"),
    ServersSpec("root", ROOT, ("a.root.test",), ("192.0.2.1",)),
    ServersSpec("tld", REGISTRY, ("a.tld.test",), ("192.0.2.2",)),
    ServersSpec("s", 1, ("ns1.one.com",), ("192.0.2.3",)),
    PolicySpec("p", "priority", 30, (ChoiceSpec("1", "one.test"), ChoiceSpec("2", "two.test", priority=2)), "up"),
)


class Ports:
    """Where each view of the served world is."""

    def __init__(self) -> None:
        self.authority, self.resolver, self.limited, self.slow = (free_port() for _ in range(4))

    def listeners(self) -> list[Any]:
        return [
            listener("authority", self.authority, number=1),
            listener("resolver", self.resolver, scope="net"),
            listener("limited", self.limited, number=1, rate=5),
            listener("slow", self.slow, scope="net", rate=3),
        ]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Named, Ports]]:
    with named(tmp_path_factory.mktemp("dns")) as server:
        ports = Ports()
        done = server.load([*ITEMS, *ports.listeners()], {"z": SETS, "p": [START, Set("db", "A", 9, (b"\x0a\0\0\2",))]})
        assert done.problems == {}
        yield server, ports
        assert server.status().counters["errors"] == 0
        assert server.process.poll() is None


def ask(port: int, name: str, rtype: str = "A", *, tcp: bool = False, **options: Any) -> dns.message.Message:
    query = dns.message.make_query(name, rtype, **options)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, LOOPBACK, timeout=PATIENCE_S, port=port)


# Answers.


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_an_authority_answers_with_authority(served: tuple[Named, Ports], tcp: bool) -> None:
    answer = ask(served[1].authority, "www.contoso.com", tcp=tcp)
    assert answer.flags & dns.flags.AA
    assert not answer.flags & dns.flags.RA
    assert str(answer.answer[0][0]) == "10.0.0.1"


def test_a_resolver_offers_recursion_and_claims_no_authority(served: tuple[Named, Ports]) -> None:
    answer = ask(served[1].resolver, "db.corp.test")
    assert answer.flags & dns.flags.RA
    assert not answer.flags & dns.flags.AA
    assert str(answer.answer[0][0]) == "10.0.0.2"
    assert str(ask(served[1].resolver, "www.contoso.com").answer[0][0]) == "10.0.0.1"


def test_case_is_kept_whoever_asked_before(served: tuple[Named, Ports]) -> None:
    for name in ("www.contoso.com.", "wWw.CoNtOsO.cOm.", "WWW.CONTOSO.COM.", "wWw.CoNtOsO.cOm."):
        answer = ask(served[1].authority, name)
        assert (str(answer.question[0].name), str(answer.answer[0].name)) == (name, name)


def test_an_answer_that_does_not_fit_sends_its_client_to_tcp(served: tuple[Named, Ports]) -> None:
    for options in ({}, {"use_edns": 0, "payload": 65535}):
        answer = ask(served[1].authority, "long.contoso.com", "TXT", **options)
        assert answer.flags & dns.flags.TC
        assert answer.answer == []
    whole = ask(served[1].authority, "long.contoso.com", "TXT", tcp=True)
    assert not whole.flags & dns.flags.TC
    assert len(whole.answer[0]) == 20


def test_edns_is_answered_with_edns_and_nothing_else_is(served: tuple[Named, Ports]) -> None:
    assert ask(served[1].authority, "www.contoso.com").edns == -1
    answer = ask(served[1].authority, "www.contoso.com", use_edns=0, payload=1400, want_dnssec=True)
    assert (answer.edns, answer.payload, bool(answer.ednsflags & dns.flags.DO)) == (0, 1232, True)


def test_transfers_are_refused(served: tuple[Named, Ports]) -> None:
    for rtype in ("AXFR", "IXFR"):
        query = dns.message.make_query("contoso.com", rtype)
        with socket.create_connection((LOOPBACK, served[1].authority), timeout=PATIENCE_S) as link:
            wire = query.to_wire()
            link.sendall(len(wire).to_bytes(2) + wire)
            assert dns.message.from_wire(read(link)).rcode() == dns.rcode.REFUSED


def read(link: socket.socket) -> bytes:
    size = int.from_bytes(exactly(link, 2))
    return exactly(link, size)


def exactly(link: socket.socket, size: int) -> bytes:
    out = b""
    while len(out) < size:
        data = link.recv(size - len(out))
        assert data, "the connection has ended"
        out += data
    return out


def test_a_connection_takes_many_questions_in_pieces(served: tuple[Named, Ports]) -> None:
    queries = [dns.message.make_query(f"n{i}.contoso.com", "A") for i in range(30)]
    stream = b"".join(len(q.to_wire()).to_bytes(2) + q.to_wire() for q in queries)
    with socket.create_connection((LOOPBACK, served[1].authority), timeout=PATIENCE_S) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(stream), 7):
            link.sendall(stream[at : at + 7])
        answers = [dns.message.from_wire(read(link)) for _ in queries]
    assert [a.id for a in answers] == [q.id for q in queries]


def test_a_client_that_leaves_in_the_middle_harms_nobody(served: tuple[Named, Ports]) -> None:
    for end in (b"", b"\xff", b"\0\x20half"):
        with socket.create_connection((LOOPBACK, served[1].authority), timeout=PATIENCE_S) as link:
            link.sendall(end)
    assert ask(served[1].authority, "www.contoso.com", tcp=True).rcode() == dns.rcode.NOERROR


def test_connections_beyond_the_bound_make_room_for_new_ones(served: tuple[Named, Ports]) -> None:
    links = []
    try:
        for _ in range(520):
            links.append(socket.create_connection((LOOPBACK, served[1].authority), timeout=PATIENCE_S))
        assert ask(served[1].authority, "www.contoso.com", tcp=True).rcode() == dns.rcode.NOERROR
    finally:
        for link in links:
            link.close()


# Limits.


def test_a_client_over_the_limit_is_held_back_and_sent_to_tcp(served: tuple[Named, Ports]) -> None:
    before, sent = served[0].status().counters["held"], list[bytes]()
    query = dns.message.make_query("www.contoso.com", "A").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(PATIENCE_S)

        def asked() -> int:
            """One time is not enough where the server has no time, and each second counts anew."""
            for _ in range(200):
                link.sendto(query, (LOOPBACK, served[1].limited))
                sent.append(query)
            return served[0].status().counters["held"]

        until(asked, lambda held: held > before + 100)
        link.settimeout(0.2)
        got = []
        while True:
            try:
                got.append(dns.message.from_wire(link.recv(4096)))
            except TimeoutError:
                break
    truncated = sum(bool(a.flags & dns.flags.TC) for a in got)
    assert truncated > 0
    assert len(got) < len(sent)
    assert ask(served[1].limited, "www.contoso.com", tcp=True).rcode() == dns.rcode.NOERROR


def test_a_proven_client_is_not_held_back(served: tuple[Named, Ports]) -> None:
    cookie = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")
    first = ask(served[1].authority, "www.contoso.com", use_edns=0, options=[cookie])
    (given,) = first.options
    whole = given.to_wire() or b""
    assert (whole[:8], len(whole)) == (b"12345678", 16)
    again = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, whole)
    for _ in range(30):
        answer = ask(served[1].limited, "www.contoso.com", use_edns=0, options=[again])
        assert answer.answer


def test_a_machine_that_asks_too_much_is_dropped(served: tuple[Named, Ports]) -> None:
    query = dns.message.make_query("db.corp.test", "A").to_wire()
    before = served[0].status().counters["held"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:

        def asked() -> int:
            for _ in range(100):
                link.sendto(query, (LOOPBACK, served[1].slow))
            return served[0].status().counters["held"]

        until(asked, lambda held: held >= before + 90)
    assert ask(served[1].slow, "db.corp.test", tcp=True).answer


def test_a_second_later_it_counts_anew() -> None:
    now = [10.0]
    limiter = Limiter(2, network=True, clock=lambda: now[0])
    assert [limiter.allows(b"\1\2\3") for _ in range(4)] == [True, True, False, False]
    assert limiter.allows(b"\1\2\4")
    assert limiter.slips
    now[0] = 11.0
    assert limiter.allows(b"\1\2\3")
    assert all(Limiter(0, network=False).allows(b"x") for _ in range(9))


@pytest.mark.parametrize(
    ("network", "family", "octets"),
    [
        pytest.param(True, socket.AF_INET, 3, id="a server counts networks"),
        pytest.param(True, socket.AF_INET6, 8, id="of version 6 too"),
        pytest.param(False, socket.AF_INET, 4, id="a resolver counts machines"),
    ],
)
def test_who_counts_as_one_client(network: bool, family: int, octets: int) -> None:
    assert Limiter(1, network=network).octets(family) == octets


# Changes.


def test_a_change_is_served_when_it_was_told(served: tuple[Named, Ports]) -> None:
    server, ports = served
    for i in range(50):
        address = bytes((10, 0, 1, i))
        server.change(sets={"z": [Set("new", "A", 60, (address,))]})
        assert ask(ports.authority, "new.contoso.com").answer[0][0].to_wire() == address
    server.change(gone={"z": [("new", "A")]})
    assert ask(ports.authority, "new.contoso.com").rcode() == dns.rcode.NXDOMAIN


def test_health_is_told_without_a_change(served: tuple[Named, Ports]) -> None:
    server, ports = served
    seen = []
    for down in ([], ["1"], ["1", "2"], []):
        server.members("up", [], down)
        seen.append(str(ask(ports.authority, "app.contoso.com", "CNAME").answer[0][0]))
    assert seen == ["one.test.", "two.test.", "one.test.", "one.test."]


def test_listeners_come_move_and_go(served: tuple[Named, Ports]) -> None:
    server, _ = served
    port, other = free_port(), free_port()
    assert server.change([listener("extra", port, number=1)]).problems == {}
    assert ask(port, "www.contoso.com").answer
    server.change([listener("extra", other, number=1)])
    assert ask(other, "www.contoso.com").answer
    with pytest.raises(ConnectionRefusedError):
        ask(port, "www.contoso.com", tcp=True)
    server.change(drop=[("Listener", "extra")])
    with pytest.raises(ConnectionRefusedError):
        ask(other, "www.contoso.com", tcp=True)


def test_an_address_that_cannot_be_had_is_reported_until_it_is_given_up(served: tuple[Named, Ports]) -> None:
    server, ports = served
    wrong = listener("wrong", free_port(), number=1)
    elsewhere = type(wrong)("wrong", "203.0.113.1", port=wrong.port, number=1)
    assert "wrong" in server.change([elsewhere]).problems
    assert "wrong" in server.status().problems
    nowhere = type(wrong)("nowhere", LOOPBACK, namespace="/no/such/namespace", port=wrong.port)
    assert set(server.change([nowhere]).problems) == {"wrong", "nowhere"}
    assert server.change(drop=[("Listener", "wrong"), ("Listener", "nowhere")]).problems == {}
    assert ask(ports.authority, "www.contoso.com").answer


def test_a_load_replaces_everything_but_what_is_the_same(served: tuple[Named, Ports]) -> None:
    server, ports = served
    with socket.create_connection((LOOPBACK, ports.authority), timeout=PATIENCE_S) as link:
        server.load([*ITEMS, *ports.listeners()], {"z": [START], "p": [START]})
        wire = dns.message.make_query("www.contoso.com", "A").to_wire()
        link.sendall(len(wire).to_bytes(2) + wire)
        assert dns.message.from_wire(read(link)).rcode() == dns.rcode.NXDOMAIN, "its connections stay"
    server.load([*ITEMS, *ports.listeners()], {"z": SETS, "p": [START, Set("db", "A", 9, (b"\x0a\0\0\2",))]})
    assert ask(ports.authority, "www.contoso.com").answer


def test_nonsense_on_the_control_is_hung_up_on(served: tuple[Named, Ports]) -> None:
    from lazulite.engines.dns.control import reachable

    server, _ = served
    with socket.socket(socket.AF_UNIX) as link, reachable(server.directory) as path:
        link.settimeout(PATIENCE_S)
        link.connect(path)
        link.sendall(b"\0\0\0\4junk")
        assert link.recv(1) == b""
    assert server.status().problems == {}


# Hostile packets.


def hostile(rng: random.Random) -> bytes:
    """Noise, sound queries with octets changed, cut or doubled, names that are pointers, options that lie."""
    rtype = rng.choice(["A", "TXT", "ANY", "SOA", "DNSKEY", "DS", "NSEC", "RRSIG"])
    sound = dns.message.make_query(
        "www.contoso.com", rtype, use_edns=rng.choice([-1, 0]), want_dnssec=rng.random() < 0.5
    )
    wire = bytearray(sound.to_wire())
    match rng.randrange(6):
        case 0:
            return rng.randbytes(rng.randrange(200))
        case 1:
            for _ in range(rng.randrange(1, 6)):
                wire[rng.randrange(len(wire))] = rng.randrange(256)
            return bytes(wire)
        case 2:
            return bytes(wire[: rng.randrange(len(wire))])
        case 3:
            return bytes(wire) + rng.randbytes(rng.randrange(40))
        case 4:
            pointer = struct.pack("!H", 0xC000 | rng.randrange(64))
            return bytes(wire[:12]) + rng.randbytes(rng.randrange(3)) + pointer + b"\0\1\0\1"
        case _:
            option = struct.pack("!HH", rng.choice([3, 8, 10, 11]), rng.randrange(60)) + rng.randbytes(
                rng.randrange(60)
            )
            record = b"\0\0\x29\x04\xd0" + rng.randbytes(4) + struct.pack("!H", rng.choice([len(option), 9])) + option
            return bytes(wire[:10]) + b"\0\1" + bytes(wire[12:33]) + record


def test_hostile_packets_neither_end_nor_stall_it(served: tuple[Named, Ports]) -> None:
    server, ports = served
    rng = random.Random(20)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.setblocking(False)
        for count in range(FUZZED):
            link.sendto(hostile(rng), (LOOPBACK, rng.choice([ports.authority, ports.resolver])))
            drain(link)
            if count % 500 == 0:
                assert ask(ports.authority, "www.contoso.com").answer
    assert server.status().counters["errors"] == 0


def drain(link: socket.socket) -> None:
    """Whatever comes back is an answer to something: it has the bit of one."""
    try:
        while True:
            assert link.recv(65535)[2] & 0x80
    except BlockingIOError:
        return


def test_hostile_streams_neither_end_nor_stall_it(served: tuple[Named, Ports]) -> None:
    rng = random.Random(21)
    for _ in range(FUZZED // 40):
        with socket.create_connection((LOOPBACK, served[1].authority), timeout=PATIENCE_S) as link:
            body = hostile(rng)
            link.sendall(rng.choice([len(body).to_bytes(2), rng.randbytes(2)]) + body)
    assert ask(served[1].authority, "www.contoso.com", tcp=True).answer


# Somebody else's servers.


class Other:
    """A name server of somebody else's: answers one name, counts, and may misbehave."""

    def __init__(self, mood: str = "well") -> None:
        self.mood, self.asked = mood, 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                data, source = self._socket.recvfrom(4096)
            except OSError:
                return
            self.asked += 1
            for answer in self._answers(dns.message.from_wire(data)):
                self._socket.sendto(answer, source)

    def _answers(self, query: dns.message.Message) -> list[bytes]:
        response = dns.message.make_response(query)
        if self.mood == "silent":
            return []
        if self.mood == "failing":
            response.set_rcode(dns.rcode.SERVFAIL)
            return [response.to_wire()]
        name = query.question[0].name
        response.answer.append(dns.rrset.from_text(name, 2, "IN", "A", "10.9.9.9"))
        if self.mood != "forging":
            return [response.to_wire()]
        wire = response.to_wire()
        return [b"noise", bytes([wire[0] ^ 1]) + wire[1:], wire.replace(b"\3www", b"\3evi"), wire]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def forwarding(served: tuple[Named, Ports]) -> Iterator[Callable[..., int]]:
    """Have corp.example asked of these servers; gives the resolver's port."""
    server, ports = served
    others: list[Other] = []

    def start(*moods: str) -> int:
        others.extend(Other(m) for m in moods)
        targets = tuple((LOOPBACK, o.port) for o in others)
        server.change([RulesSpec("rules", ("net",), (ForwardSpec("corp.example", targets),), ("",))])
        start.others = others  # type: ignore[attr-defined]
        return ports.resolver

    yield start
    server.change(drop=[("RulesSpec", "rules")])
    for other in others:
        other.close()


def test_names_of_others_are_asked_of_them_and_remembered(forwarding: Any) -> None:
    port = forwarding("well")
    for _ in range(3):
        answer = ask(port, "www.corp.example")
        assert str(answer.answer[0][0]) == "10.9.9.9"
    before = forwarding.others[0].asked
    assert before < 3, "it is remembered for two seconds, in which a busy machine may not come to the second question"
    assert answer.answer[0].ttl <= 2
    until(lambda: bool(ask(port, "www.corp.example")) and forwarding.others[0].asked > before)


def test_over_tcp_too(forwarding: Any) -> None:
    assert ask(forwarding("well"), "www.corp.example", tcp=True).answer


@pytest.mark.parametrize("mood", ["silent", "failing"])
def test_a_server_that_does_not_answer_is_followed_by_the_next(forwarding: Any, mood: str) -> None:
    assert ask(forwarding(mood, "well"), "www.corp.example").answer


def test_when_none_answers_the_client_hears_of_the_failure(forwarding: Any) -> None:
    assert ask(forwarding("failing"), "www.corp.example").rcode() == dns.rcode.SERVFAIL


def test_answers_that_are_not_the_servers_own_are_not_believed(forwarding: Any) -> None:
    answer = ask(forwarding("forging"), "www.corp.example")
    assert [str(r) for r in answer.answer[0]] == ["10.9.9.9"]
    assert str(answer.answer[0].name) == "www.corp.example."


def test_others_are_answered_while_one_waits(forwarding: Any, served: tuple[Named, Ports]) -> None:
    port = forwarding("silent")
    query = dns.message.make_query("www.corp.example", "A").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.sendto(query, (LOOPBACK, port))
        until(lambda: forwarding.others[0].asked > 0)
        assert ask(port, "db.corp.test").answer


# Processes.


def test_a_second_server_leaves_the_lab_to_the_first(served: tuple[Named, Ports]) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "lazulite.engines.dns", "--directory", str(served[0].directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "another name server has this lab\n")


def test_a_server_ends_when_asked_to(tmp_path: Path) -> None:
    with named(tmp_path) as server:
        server.load([], {})
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_S) == 0


def test_a_large_world_is_served_at_once_and_unpacked_when_asked(tmp_path: Path) -> None:
    zones = [ZoneSpec(f"z{i}", f"zone{i}.com", 1) for i in range(50)]
    sets = [START, *(Set(f"h{i}", "A", 60, (i.to_bytes(4),)) for i in range(1000))]
    port = free_port()
    with named(tmp_path) as server:
        server.load([*ITEMS, *zones, listener("l", port, number=1)], {z.key: sets for z in zones})
        answer = ask(port, "h999.zone49.com")
        assert answer.answer[0][0].to_wire() == (999).to_bytes(4)
        server.change(sets={"z7": [Set("h5", "A", 60, (b"\1\2\3\4",))]}, gone={"z8": [("h6", "A")]})
        assert ask(port, "h5.zone7.com").answer[0][0].to_wire() == b"\1\2\3\4"
        assert ask(port, "h6.zone8.com").rcode() == dns.rcode.NXDOMAIN
        assert ask(port, "h6.zone7.com").answer


def test_names_are_encoded_the_same_way_everywhere() -> None:
    assert encode("www.contoso.com") == dns.name.from_text("www.contoso.com").to_wire()
