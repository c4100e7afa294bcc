"""What ``dig`` asks, reads and tells; the program inside a guest against a world of names in this process."""

from __future__ import annotations

import io
import json
from typing import Any

import dns.message
import dns.rrset
import pytest

from lazulite.cli import dig
from lazulite.cli.errors import Failure
from lazulite.engines.dns import message
from lazulite.engines.dns.service import Service
from lazulite.engines.dns.spec import REGISTRY, ROOT, Listener
from lazulite.engines.dns.world import World
from lazulite.inside import resolve
from tests.engines.test_tables import CONTOSO, ZoneSpec, a, cname, encode, ns, world

PLACES = {"192.0.2.1": ROOT, "192.0.2.2": REGISTRY, "192.0.2.11": 1, "192.0.2.12": 1, "192.0.2.21": 2}
RESOLVER = "192.0.2.53"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose servers are where :data:`PLACES` says; whoever else is asked does not answer."""
    own = ZoneSpec("n", "one.com", 1)
    other = ZoneSpec("o", "one.net", 1)
    made = world(
        CONTOSO,
        ZoneSpec("c", "child.contoso.com", 2),
        ZoneSpec("t", "two.com", 2),
        own,
        other,
        z=(a("www"), cname("go", "www.contoso.com"), ns("child", "ns1.two.com")),
        c=(a("www", b"\2\2\2\2"),),
        t=(a("ns1", bytes((192, 0, 2, 21))),),
        n=(a("ns1", bytes((192, 0, 2, 11))),),
        o=(a("ns2", bytes((192, 0, 2, 12))),),
    )

    def exchange(wire: bytes, server: str, timeout_s: float) -> tuple[bytes, bool]:
        if server != RESOLVER and server not in PLACES:
            raise TimeoutError("timed out")
        service = Service(made, Listener("l", server, number=PLACES.get(server, 0)), b"s")
        answer = service.answer(wire, "198.18.0.9", tcp=True)
        assert isinstance(answer, bytes)
        return answer, False

    monkeypatch.setattr(resolve, "exchange", exchange)
    monkeypatch.setattr(resolve, "resolvers", lambda: ["192.0.2.99", RESOLVER])
    return made


def wanted(name: str, rtype: str = "A", server: str = "", walk: bool = False) -> dict[str, Any]:
    return {"name": name, "type": rtype, "server": server, "walk": walk, "timeout_s": 1.0}


def test_the_second_resolver_is_asked_when_the_first_is_silent(known: World) -> None:
    (step,) = resolve.resolve(wanted("go.contoso.com"))
    assert (step["server"], step["rcode"], step["flags"]) == (RESOLVER, "NOERROR", ["rd", "ra"])
    assert [(r["name"], r["type"], r["data"]) for r in step["answer"]] == [
        ("go.contoso.com.", "CNAME", "www.contoso.com."),
        ("www.contoso.com.", "A", "10.0.0.1"),
    ]


def test_nobody_who_answers_is_an_error(known: World) -> None:
    with pytest.raises(TimeoutError):
        resolve.resolve(wanted("www.contoso.com", server="192.0.2.99"))


def test_a_walk_tells_every_step(known: World) -> None:
    steps = resolve.walk(wanted("www.contoso.com", server="192.0.2.1", walk=True))
    assert [s["server"] for s in steps] == ["192.0.2.1", "192.0.2.2", "192.0.2.11"]
    assert [s["flags"] for s in steps] == [[], [], ["aa"]]
    assert steps[-1]["answer"][0]["data"] == "10.0.0.1"


def test_a_walk_looks_for_servers_that_come_without_an_address(known: World) -> None:
    steps = resolve.walk(wanted("www.child.contoso.com", server="192.0.2.1", walk=True))
    assert (steps[-1]["server"], steps[-1]["answer"][0]["data"]) == ("192.0.2.21", "2.2.2.2")


def test_a_walk_ends_where_a_server_has_no_address(known: World) -> None:
    known.tables["z"].put([ns("lost", "ns.nowhere.two.com")])
    known.changed()
    with pytest.raises(OSError, match="has no address"):
        resolve.walk(wanted("www.lost.contoso.com", server="192.0.2.11", walk=True))


def test_what_was_asked_is_a_sound_query() -> None:
    parsed = message.parse(resolve.query("WWW.contoso.com.", "MX", True))
    assert (parsed.name, parsed.qtype, parsed.flags & message.RD) == (encode("www.contoso.com"), 15, message.RD)
    assert parsed.edns is not None
    assert (parsed.edns.size, parsed.edns.dnssec) == (1232, False)
    proven = message.parse(resolve.query("www.contoso.com", "A", True, dnssec=True)).edns
    assert proven is not None
    assert proven.dnssec


@pytest.mark.parametrize(
    ("rtype", "data"),
    [
        ("A", "10.0.0.1"),
        ("AAAA", "2001:db8::1"),
        ("CNAME", "other.contoso.com."),
        ("NS", "ns1.contoso.com."),
        ("PTR", "host.contoso.com."),
        ("MX", "10 mail.contoso.com."),
        ("SRV", "1 2 5060 sip.contoso.com."),
        ("TXT", '"one" "two words"'),
        ("TXT", '"say \\"hello\\"" "back\\\\slash" "\\027[31mred"'),
        ("CNAME", "a\\.b.c\\032d.\\255.contoso.com."),
        ("SOA", "ns1.contoso.com. me.contoso.com. 1 2 3 4 5"),
        ("CAA", '0 issue "ca.example"'),
        ("DS", "29486 13 2 " + "AB" * 32),
        ("DNSKEY", "257 3 13 " + "qqqq" * 16),
        ("RRSIG", "A 13 3 300 2000000000 1700000000 29486 contoso.com. " + "qqqq" * 16),
        ("NSEC", "\\000.www.contoso.com. A TYPE300"),
    ],
)
def test_records_read_as_zone_files_have_them(rtype: str, data: str) -> None:
    query = dns.message.make_query("www.contoso.com", rtype)
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text("www.contoso.com.", 60, "IN", rtype, data))
    said, (answer, authority, additional) = resolve.records(response.to_wire())
    assert said["rcode"] == "NOERROR"
    assert answer == [{"name": "www.contoso.com.", "type": rtype, "ttl": 60, "data": data}]
    assert (authority, additional) == ([], [])


def test_what_nobody_reads_is_shown_in_hexadecimal() -> None:
    assert resolve.shown(b"\1\2\xff", 99, 0, 3) == "0102ff"


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: dict[str, Any]) -> Any:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(asked)))
    resolve.main()
    return json.loads(capsys.readouterr().out)


def test_the_program_says_what_it_found_or_what_went_wrong(
    known: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(monkeypatch, capsys, wanted("www.contoso.com"))
    assert (found["error"], found["steps"][0]["answer"][0]["data"]) == ("", "10.0.0.1")
    found = run(monkeypatch, capsys, wanted("www.contoso.com", server="192.0.2.99"))
    assert found == {"steps": [], "error": "timed out"}


# The command around it.


@pytest.mark.parametrize(
    ("name", "rtype", "expected"),
    [
        ("www.contoso.com", "TXT", ("www.contoso.com", "TXT")),
        ("10.0.0.4", "A", ("4.0.0.10.in-addr.arpa", "PTR")),
        ("2001:db8::1", "A", ("1" + ".0" * 23 + ".8.b.d.0.1.0.0.2.ip6.arpa", "PTR")),
    ],
)
def test_an_address_stands_for_its_name(name: str, rtype: str, expected: tuple[str, str]) -> None:
    assert dig._asked(name, rtype) == expected


class Guests:
    """A client of a lab with these machines."""

    def __init__(self, *found: tuple[str, str]) -> None:
        self._found = [{"group": "g", "name": n, "kind": k} for n, k in found]

    def get(self, path: str) -> Any:
        assert path == "/lazulite/guests"
        return {"value": self._found}


def test_a_client_asks_before_a_machine_does_and_without_any_there_is_nobody() -> None:
    assert dig._anybody(Guests(("web", "vm"), ("visitor", "client"))) == "g/visitor"  # type: ignore[arg-type]
    assert dig._anybody(Guests(("web", "vm"))) == "g/web"  # type: ignore[arg-type]
    with pytest.raises(Failure, match="no VM and no client"):
        dig._anybody(Guests())  # type: ignore[arg-type]


def test_a_step_is_told_line_by_line() -> None:
    record = {"name": "www.contoso.com.", "ttl": 60, "type": "A", "data": "10.0.0.1"}
    step = {"server": "192.0.2.1", "tcp": True, "rcode": "NOERROR", "flags": ["aa"], "answer": [record]}
    assert dig.lines(step | {"authority": []}) == [
        "192.0.2.1 over TCP: NOERROR (aa)",
        "  answer: www.contoso.com. 60 A 10.0.0.1",
    ]
    assert dig.lines(step | {"tcp": False, "flags": [], "answer": [], "authority": []}) == [
        "192.0.2.1: NOERROR (no flags)"
    ]


def test_the_walk_begins_at_the_labs_root() -> None:
    from lazulite.services.dns.addresses import ROOT as WHERE

    assert str(WHERE[0]) == dig.ROOT
