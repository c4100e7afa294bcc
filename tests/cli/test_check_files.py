"""Files of assertions: what they say, and everything that is wrong with one, with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.cli.check.assertions import NEXT_HOPS, Assertion, parse
from lazulite.cli.check.command import load
from lazulite.cli.check.document import LONGEST, DocumentError, read
from lazulite.cli.check.expansion import Case, expand
from lazulite.cli.errors import Failure


def only(line: str) -> Assertion:
    (found,) = parse(f"checks:\n- {line}\n").checks
    return found


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(DocumentError) as caught:
        parse(text)
    return [(p.line, p.message) for p in caught.value.problems]


def refusal(line: str) -> str:
    """What is wrong with the one check of a file."""
    ((at, message),) = problems(f"checks:\n- {line}\n")
    assert at == 2
    return message


SAID = [
    pytest.param("allow: {from: a, to: b}", ("icmp", ()), id="without ports an echo request is sent"),
    pytest.param("allow: {from: a, to: b, ports: 80}", ("tcp", (80,)), id="with ports it is TCP"),
    pytest.param(
        "deny: {from: a, to: b, ports: [22, 80-82, 81], protocol: UDP}",
        ("udp", (22, 80, 81, 82)),
        id="ports are listed",
    ),
    pytest.param("allow: {from: a, to: b, protocol: icmp}", ("icmp", ()), id="a protocol may be named"),
]


@pytest.mark.parametrize(("line", "expected"), SAID)
def test_protocol_and_ports(line: str, expected: tuple[str, tuple[int, ...]]) -> None:
    found = only(line)
    assert (found.protocol, found.ports) == expected


def test_names_are_texts_whatever_yaml_makes_of_them() -> None:
    found = only("allow: {from: no, to: [1e3, 22:30]}")
    assert [w.name for w in (*found.source, *found.target)] == ["no", "1e3", "22:30"]


def test_a_path_has_appliances_in_order_and_a_next_hop() -> None:
    found = only("path: {from: a, to: b, ports: 80, through: [n, m], next_hop: virtualappliance}")
    assert [w.name for w in found.through or ()] == ["n", "m"]
    assert found.next_hop == "VirtualAppliance"
    assert only("path: {from: a, to: b, through: []}").through == ()


@pytest.mark.parametrize(("text", "ms"), [("20", 20), ("20 ms", 20), ("0.5s", 500), ("1.5 ms", 1.5)])
def test_times_are_milliseconds_unless_they_say_seconds(text: str, ms: float) -> None:
    assert only(f"latency: {{from: a, to: b, max: {text}}}").max_ms == ms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("200", ((200, 200),), id="one"),
        pytest.param("[200-204, 404]", ((200, 204), (404, 404)), id="several"),
        pytest.param("2xx", ((200, 299),), id="a hundred"),
    ],
)
def test_statuses(text: str, expected: Any) -> None:
    assert only(f"http: {{from: a, url: 'http://b', status: {text}}}").statuses == expected


def test_a_page_is_fine_unless_it_is_an_error() -> None:
    assert only("http: {from: a, url: 'http://b'}").statuses == ((200, 399),)


def test_addresses_of_a_name_are_in_order() -> None:
    assert only("resolve: {from: a, name: db.corp, to: [10.0.0.5, 10.0.0.4]}").addresses == ("10.0.0.4", "10.0.0.5")
    assert only("resolve: {from: a, name: db.corp, to: []}").addresses == ()


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("allow: {from: [a, b], to: c, ports: 80}", "allow a, b > c tcp 80"),
        ("deny: {from: a, to: c, ports: [22, 80-90, 443]}", "deny a > c tcp 22,80-90,443"),
        ("deny: {from: a, to: c, ports: [9, 1, 3, 5, 7]}", "deny a > c tcp 1...9"),
        ("deny: {from: {tag: {role: web}}, to: c}", "deny role=web > c icmp"),
        ("path: {from: a, to: c, through: []}", "path a > c icmp through nobody"),
        ("latency: {from: a, to: c, max: 5}", "latency a > c icmp within 5 ms"),
        ("http: {from: a, url: 'http://c/x'}", "http a > http://c/x"),
        ("resolve: {from: a, name: n, to: []}", "resolve a > n"),
        ("{name: as it should be, allow: {from: a, to: b}}", "as it should be"),
    ],
)
def test_what_an_assertion_is_called(line: str, title: str) -> None:
    assert only(line).title == title


def test_two_of_one_name_are_told_apart_by_their_lines() -> None:
    found = parse("checks:\n- deny: {from: a, to: b}\n- deny: {from: a, to: b}\n")
    assert [c.title for c in found.checks] == ["deny a > b icmp (line 2)", "deny a > b icmp (line 3)"]


ONE_OF = "A check has one of allow, deny, path, latency, http, resolve"
WRONG = [
    ("allow: {to: b}", "'allow' lacks 'from'."),
    ("allow: {from: a, to: b, port: 80}", "'allow' has no 'port'; it has from, to, protocol, ports."),
    ("allow: web", "'allow' is a map of from, to, protocol, ports."),
    ("allow: {from: [], to: b}", "'from' names nobody."),
    ("allow: {from: a, to: b, ports: 0}", "'0' is no port; ports are 1 to 65535, as 443 or 8000-8010."),
    ("allow: {from: a, to: b, ports: 90-80}", "'90-80' is no port; ports are 1 to 65535, as 443 or 8000-8010."),
    ("allow: {from: a, to: b, ports: 1-9999}", "'1-9999' are more than 200 ports; name those that matter."),
    ("allow: {from: a, to: b, ports: [1-150, 301-400]}", "More than 200 ports; name those that matter."),
    ("allow: {from: a, to: b, protocol: tcp}", "tcp needs 'ports'."),
    ("allow: {from: a, to: b, protocol: icmp, ports: 1}", "icmp has no ports; leave 'ports' out, or say tcp or udp."),
    ("allow: {from: a, to: b, protocol: sctp, ports: 1}", "'sctp' is no protocol; it is tcp, udp or icmp."),
    ("allow: {from: '', to: b}", "Who is meant is a word."),
    ("allow: {from: {tag: web}, to: b}", "'tag' is one name and its value: {tag: {role: web}}."),
    ("allow: {from: {tag: {a: b}, name: web}, to: b}", "A choice by tag has no 'name'; it has tag."),
    ("{allow: {from: a, to: b}, deny: {from: a, to: b}}", f"{ONE_OF}; this has 2."),
    ("{name: x}", f"{ONE_OF}; this has none."),
    ("permit: {from: a, to: b}", "A check has no 'permit'; it has allow, deny, path, latency, http, resolve, name."),
    ("path: {from: a, to: b}", "A path says 'through' (appliances in order, [] for none) or 'next_hop', or both."),
    ("path: {from: a, to: b, next_hop: nva}", f"'nva' is no next hop; it is {', '.join(NEXT_HOPS)}."),
    ("latency: {from: a, to: b, max: soon}", "'soon' is no time above zero; times are as 20 ms or 0.5 s."),
    ("latency: {from: a, to: b, max: 0 ms}", "'0 ms' is no time above zero; times are as 20 ms or 0.5 s."),
    ("latency: {from: a, to: b, max: 5, protocol: udp, ports: 5}", "Latency is measured with tcp or icmp."),
    ("http: {from: a, url: 'ftp://b'}", "'ftp://b' is no URL as http://web:8080/health."),
    ("http: {from: a, url: 'http://b:99999'}", "'http://b:99999' is no URL as http://web:8080/health."),
    ("http: {from: a, url: 'http://b', status: 600}", "'600' is no HTTP status; it is as 200, 200-299 or 2xx."),
    ("http: {from: a, url: 'http://b', status: 299-200}", "'299-200' is no HTTP status; it is as 200, 200-299 or 2xx."),
    ("resolve: {from: a, name: n, to: web}", "'web' is no address; [] says that the name has none."),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), WRONG, ids=[line for line, _ in WRONG])
def test_what_is_wrong_with_an_assertion(line: str, message: str) -> None:
    assert refusal(line) == message


FILES = [
    pytest.param("", [(1, "The file lacks 'checks'.")], id="nothing at all"),
    pytest.param("checks: []", [(1, "There is nothing to check.")], id="no check"),
    pytest.param("checks: web", [(1, "'checks' is a list: each item begins with '-'.")], id="a word for a list"),
    pytest.param("- allow", [(1, "The file is a map of checks, groups.")], id="a list for a file"),
    pytest.param("a: 1\na: 2", [(2, "'a' stands here twice.")], id="a key twice"),
    pytest.param("a: &x 1\nb: *x", [(2, "Aliases (*name) are not supported; use a group.")], id="an alias"),
    pytest.param("a: 1\n---\nb: 2", [(2, "A file is one document; this begins another.")], id="two documents"),
    pytest.param("[a]: 1", [(1, "A key has to be a word.")], id="a list for a key"),
    pytest.param("[[1]]: 1", [(1, "A key has to be a word.")], id="a deeper list for a key"),
    pytest.param(
        "a: [1\nb: 2",
        [(2, "This is no YAML: while parsing a flow sequence, expected ',' or ']', but got ':'.")],
        id="no YAML",
    ),
    pytest.param(
        "a: \x00",
        [(1, "This is no YAML: unacceptable character #x0000: special characters are not allowed.")],
        id="no text",
    ),
    pytest.param("[" * 40 + "]" * 40, [(1, "This is nested too deeply.")], id="too deep"),
    pytest.param("#" * (LONGEST + 1), [(1, f"The file is longer than {LONGEST} characters.")], id="too long"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FILES)
def test_what_is_wrong_with_a_file(text: str, expected: list[tuple[int, str]]) -> None:
    assert problems(text) == expected


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = "checks:\n- allow: {from: a}\n- deny: {from: a, to: b, ports: x}\n- nothing\n"
    assert [line for line, _ in problems(text)] == [2, 3, 4]


def test_a_bomb_of_nesting_is_refused_and_not_followed() -> None:
    assert problems("[" * 20_000 + "]" * 20_000)[0][0] == 1


@given(st.text(st.sampled_from("abc:-[]{},&*!|>'\"#%@ \n\t0-9~?"), max_size=60))
def test_any_text_is_taken_or_refused(text: str) -> None:
    try:
        read(text)
        parse(text)
    except DocumentError as error:
        assert error.problems  # noqa: PT017


def test_a_file_that_is_wrong_is_one_failure_with_all_lines(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("checks:\n- allow: {from: a}\n- deny: {to: b}\n")
    with pytest.raises(Failure) as caught:
        load(file)
    assert caught.value.code == 2
    assert caught.value.details == (f"{file}:2: 'allow' lacks 'to'.", f"{file}:3: 'deny' lacks 'from'.")


@pytest.mark.parametrize(("content", "words"), [(None, "No such file"), (b"\xff\xfe\xff", "not UTF-8")])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "file.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Failure, match=words):
        load(file)


# Which conversations these are, among machines.


def machine(name: str, *, group: str = "g", kind: str = "vm", public: str = "", **rest: Any) -> dict[str, Any]:
    addresses = ["10.0.0.4"] if kind == "vm" else [public]
    known = {"name": name, "group": group, "id": f"/subscriptions/s/{name}", "kind": kind, "addresses": addresses}
    return known | {"publicAddresses": [public] * bool(public), "forwards": False, "tags": {}} | rest


GUESTS = [
    machine("web-1", tags={"role": "web"}),
    machine("web-2", tags={"role": "web"}, public="198.18.0.2"),
    machine("db", tags={"role": "data"}),
    machine("db", group="other"),
    machine("nva", forwards=True),
    machine("visitor", kind="client", public="198.18.0.9"),
]
GROUPS = "groups:\n  shop: [web-1, g/db]\n  there: [10.9.9.9, web-2]\n"


def cases(line: str) -> list[Case]:
    return expand(parse(f"{GROUPS}checks:\n- {line}\n"), GUESTS)


def talks(line: str) -> list[str]:
    return [f"{c.source['name']} > {c.told} {c.port}".removesuffix(" 0") for c in cases(line)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("allow: {from: web-1, to: g/db}", ["web-1 > db"], id="names"),
        pytest.param("allow: {from: WEB-1, to: G/DB}", ["web-1 > db"], id="in any case"),
        pytest.param("allow: {from: web-*, to: nva}", ["web-1 > nva", "web-2 > nva"], id="a pattern"),
        pytest.param("allow: {from: '*/db', to: nva}", ["db > nva", "db > nva"], id="a pattern of groups"),
        pytest.param("allow: {from: nva, to: shop}", ["nva > web-1", "nva > db"], id="a group of the file"),
        pytest.param("allow: {from: shop, to: shop}", ["web-1 > db", "db > web-1"], id="a group: each to all others"),
        pytest.param("allow: {from: {tag: {role: web}}, to: nva}", ["web-1 > nva", "web-2 > nva"], id="a tag"),
        pytest.param("allow: {from: internet, to: web-2}", ["visitor > web-2"], id="all clients"),
        pytest.param("allow: {from: nva, to: Internet}", ["nva > visitor"], id="and to them"),
        pytest.param("allow: {from: nva, to: 192.0.2.1}", ["nva > 192.0.2.1"], id="an address"),
        pytest.param("allow: {from: nva, to: there}", ["nva > web-2", "nva > 10.9.9.9"], id="a group with an address"),
        pytest.param("allow: {from: [web-1, web-*], to: nva}", ["web-1 > nva", "web-2 > nva"], id="nobody twice"),
        pytest.param("deny: {from: nva, to: web-1, ports: 1-2}", ["nva > web-1 1", "nva > web-1 2"], id="each port"),
        pytest.param(
            "allow: {from: '*', to: visitor}",
            [f"{n} > visitor" for n in ("web-1", "web-2", "db", "db", "nva")],
            id="a star is every machine and no client",
        ),
        pytest.param("http: {from: web-1, url: 'http://x/'}", ["web-1 > http://x/"], id="a page"),
        pytest.param("resolve: {from: web-1, name: x, to: []}", ["web-1 > x"], id="a name"),
    ],
)  # fmt: skip
def test_who_is_meant(line: str, expected: list[str]) -> None:
    assert talks(line) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        pytest.param("nva", "web-2", "10.0.0.4", id="from inside the private address"),
        pytest.param("visitor", "web-2", "198.18.0.2", id="from the Internet the public one"),
        pytest.param("visitor", "web-1", None, id="which not everybody has"),
        pytest.param("nva", "192.0.2.1", "192.0.2.1", id="an address is itself"),
    ],
)
def test_where_packets_go(source: str, target: str, expected: str | None) -> None:
    assert cases(f"allow: {{from: {source}, to: {target}}}")[0].address == expected


def test_appliances_are_named_in_order() -> None:
    assert cases("path: {from: web-1, to: web-2, through: nva}")[0].through == ("nva",)


KNOWN = "db, db, nva, visitor, web-1, web-2"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("allow: {from: nobody, to: nva}", f"Nobody is called 'nobody'. Running: {KNOWN}."),
        ("allow: {from: nva, to: xyz-*}", f"Nobody is called 'xyz-*'. Running: {KNOWN}."),
        ("allow: {from: {tag: {role: x}}, to: nva}", f"Nobody has the tag 'role=x'. Running: {KNOWN}."),
        ("allow: {from: db, to: nva}", "Several machines are called 'db': g/db, other/db."),
        ("allow: {from: nva, to: nva}", "This is about one machine and itself; nothing is sent."),
        ("allow: {from: 10.0.0.4, to: nva}", "'from' is a machine, which sends; 10.0.0.4 is an address."),
        ("path: {from: web-1, to: nva, through: web-2}", "web-2 is no appliance: IP forwarding is off at its interfaces."),  # noqa: E501
        ("http: {from: there, url: 'http://x'}", "'from' is a machine, which sends; 10.9.9.9 is an address."),
    ],
)  # fmt: skip
def test_assertions_that_fit_nobody(line: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        cases(line)
    assert [p.message for p in caught.value.problems] == [message]


def test_the_internet_needs_a_client() -> None:
    with pytest.raises(DocumentError) as caught:
        expand(parse("checks:\n- deny: {from: internet, to: nva}\n"), [machine("nva")])
    assert caught.value.problems == [(2, "Nobody is a client on 'internet'. Make one of Lazulite.Lab/clients.")]


def test_a_group_cannot_be_called_like_a_machine() -> None:
    with pytest.raises(DocumentError) as caught:
        expand(parse("groups:\n  NVA: web-1\nchecks:\n- allow: {from: web-1, to: web-2}\n"), GUESTS)
    assert caught.value.problems == [(2, "A group cannot be called 'NVA': something else is.")]


def test_contradictions_name_both_lines() -> None:
    text = "checks:\n- allow: {from: web-*, to: nva, ports: 1-9}\n- deny: {from: web-2, to: nva, ports: 5}\n"
    with pytest.raises(DocumentError) as caught:
        expand(parse(text), GUESTS)
    words = "This contradicts line 2: web-2 > nva tcp 5 cannot both pass and not pass."
    assert caught.value.problems == [(3, words)]


def test_other_ports_are_no_contradiction() -> None:
    text = "checks:\n- allow: {from: web-1, to: nva, ports: 1}\n- deny: {from: web-1, to: nva}\n"
    assert len(expand(parse(text), GUESTS)) == 2


def test_conversations_are_bounded() -> None:
    many = [machine(f"m{i}") for i in range(20)]
    text = "checks:\n- allow: {from: '*', to: '*', ports: 1-150}\n"
    with pytest.raises(DocumentError, match="57000 conversations; 50000 are the most"):
        expand(parse(text), many)
