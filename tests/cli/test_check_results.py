"""What becomes of assertions as people, programs and CI systems read it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from rich.console import Console

from lazulite.cli.check import proof
from lazulite.cli.check.assertions import Assertion, Who, parse
from lazulite.cli.check.expansion import Case, expand
from lazulite.cli.check.junit import xml
from lazulite.cli.check.proof import DISAGREES, FAILS, HOLDS, Finding, Outcome, _Prover
from lazulite.cli.check.report import EXIT, MOST_SHOWN, document, lines, table, worst
from lazulite.cli.errors import Failure
from lazulite.testing.assertions import is_ours

WEB, DB, FAR = (
    {"name": n, "group": "g", "kind": "vm", "addresses": [a], "publicAddresses": [], "forwards": False, "tags": {}}
    for n, a in (("web", "10.0.0.4"), ("db", "10.0.0.5"), ("far", "10.9.0.4"))
)
VISITOR = WEB | {"name": "visitor", "kind": "client", "addresses": ["198.18.0.9"], "publicAddresses": ["198.18.0.9"]}
NVA = WEB | {"name": "nva", "addresses": ["10.0.0.9"], "forwards": True}
RULE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/nsg/securityRules/no-ssh"


def case(line: str) -> Case:
    (found,) = expand(parse(f"checks:\n- {line}\n"), [WEB, DB, FAR, VISITOR, NVA])
    return found


def answer(passes: bool, *through: str, origin: str = RULE, hop: str = "VnetLocal") -> dict[str, Any]:
    """The model's."""
    step = {"stage": "route", "route": {"next_hop": hop}, "origin": origin, "detail": ""}
    flow = {"src": "10.0.0.4", "dst": "10.0.0.5"}
    way = {"through": list(through), "hops": [{"steps": [step]}], "flow": flow}
    return {"passes": passes, "decided": {"origin": origin, "detail": "", "stage": "nic-out"}, "forward": way}


class Prover(_Prover):
    """One that asks nobody."""

    def __init__(self, modelled: dict[str, Any]) -> None:
        super().__init__(None, [], True)  # type: ignore[arg-type]
        self._modelled = modelled

    def _traced(self, source: str, target: str, protocol: str, port: int) -> dict[str, Any]:
        return self._modelled


def judged(line: str, modelled: dict[str, Any], packet: dict[str, Any] | None, **carried: Any) -> Finding:
    return Prover(modelled)._judged(case(line), modelled, packet, carried)


YES, NO = {"passes": True, "detail": "connected"}, {"passes": False, "detail": "no answer"}
TIMED = {"arrived": 3, "sent": 3, "failed": 0, "ms": [1.0, 9.0, 2.0], "reason": ""}
SSH = "allow: {from: web, to: db, ports: 22}"
NO_SSH = "deny: {from: web, to: db, ports: 22}"
PATH = "path: {from: web, to: db, ports: 22, through: nva}"
NEXT = "path: {from: web, to: db, next_hop: VirtualAppliance}"
LATENCY = "latency: {from: web, to: db, ports: 22, max: 2 ms}"
FLOW = {("10.0.0.4", "10.0.0.5", "tcp", 22)}
TRACE = "lazulite trace g/web 10.0.0.5:22 --proto tcp --packet"
JUDGED = [
    pytest.param(SSH, answer(True), YES, {}, HOLDS, "nsg/no-ssh", id="passes as it should"),
    pytest.param(NO_SSH, answer(False), NO, {}, HOLDS, "nsg/no-ssh", id="does not, as it should"),
    pytest.param(
        SSH, answer(False), NO, {}, FAILS, "it does not pass, decided by nsg/no-ssh", id="a rule is in the way"
    ),
    pytest.param(NO_SSH, answer(True), YES, {}, FAILS, "it passes, decided by nsg/no-ssh", id="a rule is missing"),
    pytest.param(
        SSH,
        answer(True),
        NO,
        {},
        DISAGREES,
        "the model says that it passes (nsg/no-ssh), the packet does not pass (no answer)",
        id="the packet is lost",
    ),
    pytest.param(
        NO_SSH,
        answer(False),
        YES,
        {},
        DISAGREES,
        "the model says that it does not pass (nsg/no-ssh), the packet passes (connected)",
        id="the packet gets through",
    ),
    pytest.param(SSH, answer(True), None, {}, HOLDS, "nsg/no-ssh", id="by the model alone"),
    pytest.param(PATH, answer(True, "nva"), YES, {"nva": FLOW}, HOLDS, "through nva", id="the way is as asserted"),
    pytest.param(PATH, answer(True, "nva"), None, {}, HOLDS, "through nva", id="the way by the model alone"),
    pytest.param(
        PATH, answer(True), YES, {"nva": set()}, FAILS, "it goes through no appliance, not through nva", id="it is not"
    ),
    pytest.param(
        PATH,
        answer(True, "nva"),
        YES,
        {"nva": set()},
        DISAGREES,
        "the model sends it through nva, the packet went through no appliance",
        id="nobody saw the packet there",
    ),
    pytest.param(
        NEXT, answer(True, hop="VirtualAppliance"), YES, {}, HOLDS, "next hop VirtualAppliance", id="a next hop"
    ),
    pytest.param(
        NEXT, answer(True), YES, {}, FAILS, "the next hop is VnetLocal, not VirtualAppliance", id="another next hop"
    ),
    pytest.param(LATENCY, answer(True), TIMED, {}, HOLDS, "2 ms, the median of 3", id="fast enough"),
    pytest.param(
        LATENCY,
        answer(True),
        TIMED | {"ms": [2.5]},
        {},
        FAILS,
        "2.5 ms, the median of 1, is more than 2 ms",
        id="too slow",
    ),
    pytest.param(LATENCY, answer(True), None, {}, HOLDS, "nsg/no-ssh", id="the model knows no times"),
    pytest.param(
        LATENCY,
        answer(True),
        {"arrived": 0, "sent": 3, "failed": 3, "ms": [None] * 3, "reason": "no answer"},
        {},
        DISAGREES,
        "the model says that it passes (nsg/no-ssh), the packet does not pass (no answer)",
        id="no time at all",
    ),
]


@pytest.mark.parametrize(("line", "modelled", "packet", "carried", "result", "reason"), JUDGED)
def test_what_becomes_of_a_conversation(
    line: str,
    modelled: dict[str, Any],
    packet: dict[str, Any] | None,
    carried: dict[str, Any],
    result: str,
    reason: str,
) -> None:
    found = judged(line, modelled, packet, **carried)
    assert (found.result, found.reason, found.resource) == (result, reason, RULE)
    assert found.next.startswith("lazulite trace g/web 10.0.0.5")


def test_who_has_no_address_is_out_of_reach() -> None:
    denied = Prover({})._judged(case("deny: {from: visitor, to: db, ports: 22}"), None, None, {})
    allowed = Prover({})._judged(case("allow: {from: visitor, to: db, ports: 22}"), None, None, {})
    assert (denied.result, allowed.result) == (HOLDS, FAILS)
    assert allowed.reason == "db has no address that visitor could reach"
    assert allowed.next == "give it a public address"


PAGE = {"address": "10.0.0.5", "arrived": 1, "sent": 1, "failed": 0, "ms": [3.0], "status": 200, "reason": ""}
GET = "http: {from: web, url: 'http://db/'}"


@pytest.mark.parametrize(
    ("line", "passes", "page", "result", "reason"),
    [
        pytest.param(GET, True, PAGE, HOLDS, "status 200", id="a page"),
        pytest.param(
            GET,
            True,
            PAGE | {"failed": 1, "status": 500, "reason": "status 500"},
            FAILS,
            "status 500 from 10.0.0.5 port 80",
            id="a page with an error",
        ),
        pytest.param(
            GET,
            True,
            PAGE | {"failed": 1, "status": 0, "reason": "refused"},
            FAILS,
            "refused from 10.0.0.5 port 80",
            id="nobody serves it",
        ),
        pytest.param(
            GET,
            True,
            PAGE | {"failed": 1, "arrived": 0, "status": 0, "reason": "no answer"},
            DISAGREES,
            "the model says that it passes (nsg/no-ssh), the packet does not pass (no answer)",
            id="nobody answers although packets should arrive",
        ),
        pytest.param(
            GET,
            False,
            PAGE | {"failed": 1, "arrived": 0, "status": 0, "reason": "no answer"},
            FAILS,
            "it does not pass, decided by nsg/no-ssh",
            id="a rule is in the way",
        ),
        pytest.param(
            GET,
            True,
            PAGE | {"address": "", "reason": "cannot resolve db: unknown"},
            FAILS,
            "cannot resolve db: unknown",
            id="the name is unknown",
        ),
        pytest.param(GET, True, None, HOLDS, "a page is asked for with packets alone", id="without packets"),
        pytest.param(
            "http: {from: web, url: 'http://db/', max: 2}",
            True,
            PAGE,
            FAILS,
            "3 ms, the median of 1, is more than 2 ms",
            id="a slow page",
        ),
    ],
)
def test_what_becomes_of_a_page(line: str, passes: bool, page: dict[str, Any] | None, result: str, reason: str) -> None:
    found = Prover(answer(passes))._judged(case(line), None, page, {})
    assert (found.result, found.reason) == (result, reason)


def name(*wanted: str) -> str:
    return f"resolve: {{from: web, name: db.corp, to: [{', '.join(wanted)}]}}"


UNKNOWN = {"addresses": [], "reason": "cannot resolve db.corp: Name or service not known"}


@pytest.mark.parametrize(
    ("line", "found", "result", "reason"),
    [
        pytest.param(name("10.0.0.5"), {"addresses": ["10.0.0.5"], "reason": ""}, HOLDS, "10.0.0.5", id="as asserted"),
        pytest.param(
            name("10.0.0.5"), {"addresses": ["10.0.0.6"], "reason": ""}, FAILS, "10.0.0.6, not 10.0.0.5", id="another"
        ),
        pytest.param(name(), UNKNOWN, HOLDS, UNKNOWN["reason"], id="no address, as asserted"),
        pytest.param(name("10.0.0.5"), UNKNOWN, FAILS, f"{UNKNOWN['reason']}, not 10.0.0.5", id="no address"),
        pytest.param(
            name(),
            {"addresses": [], "reason": "cannot resolve db.corp: no name server answers"},
            FAILS,
            "cannot resolve db.corp: no name server answers, not none",
            id="silence proves nothing",
        ),
        pytest.param(name(), None, HOLDS, "names are resolved with packets alone", id="without packets"),
    ],
)
def test_what_becomes_of_a_name(line: str, found: dict[str, Any] | None, result: str, reason: str) -> None:
    finding = Prover({})._judged(case(line), None, found, {})
    assert (finding.result, finding.reason) == (result, reason)


def finding(result: str, reason: str = "nsg/no-ssh", resource: str = RULE) -> Finding:
    return Finding(case(SSH), result, True, True, reason, resource, TRACE)


def outcome(line: int, title: str, *results: str) -> Outcome:
    said = Assertion("allow", line, title, (Who("web", line),), (Who("db", line),), "tcp", (22,))
    return Outcome(said, [finding(r) for r in results])


OUTCOMES = [
    outcome(2, "web reaches db", HOLDS),
    outcome(4, "nobody <else> & co\x07", HOLDS, FAILS),
    outcome(7, "odd", FAILS, DISAGREES),
]
JUNIT = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="lazulite check" tests="3" failures="1" errors="1" time="1.500">
  <testsuite name="net/shop.lazulite.yaml" tests="3" failures="1" errors="1" skipped="0" time="1.500" timestamp="2026-01-01T00:00:00">
    <testcase classname="shop" name="web reaches db" file="net/shop.lazulite.yaml" line="2" time="0.500" />
    <testcase classname="shop" name="nobody &lt;else&gt; &amp; co?" file="net/shop.lazulite.yaml" line="4" time="0.500">
      <failure message="web &gt; db tcp/22: nsg/no-ssh" type="fails">web &gt; db tcp/22: nsg/no-ssh
  at {RULE}
  next: {TRACE}</failure>
    </testcase>
    <testcase classname="shop" name="odd" file="net/shop.lazulite.yaml" line="7" time="0.500">
      <error message="web &gt; db tcp/22: nsg/no-ssh" type="disagrees">web &gt; db tcp/22: nsg/no-ssh
  at {RULE}
  next: {TRACE}
web &gt; db tcp/22: nsg/no-ssh
  at {RULE}
  next: {TRACE}</error>
    </testcase>
  </testsuite>
</testsuites>
"""  # noqa: E501


def junit() -> str:
    return xml("net/shop.lazulite.yaml", OUTCOMES, 1.5, "2026-01-01T00:00:00")


def test_junit_as_it_is_written() -> None:
    assert junit() == JUNIT


SCHEMA: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"name", "tests", "failures", "errors", "time"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time", "timestamp"}, {"testcase"}),
    "testcase": ({"classname", "name", "file", "line", "time"}, {"failure", "error"}),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
}
"""Elements, their attributes and what is in them: the part of the format that Jenkins, GitLab and GitHub's reporters
all read (github.com/testmoapp/junitxml, "Complete JUnit XML example")."""


def elements(root: Element) -> list[Element]:
    return list(root.iter())


def test_junit_has_nothing_that_readers_do_not_know() -> None:
    for element in elements(fromstring(junit().encode())):
        attributes, inner = SCHEMA[element.tag]
        assert set(element.attrib) == attributes
        assert {e.tag for e in element} <= inner


def test_counts_of_junit_are_those_of_its_cases() -> None:
    root = fromstring(junit().encode())
    for counted in (root, root[0]):
        assert counted.attrib["tests"] == str(len(list(root.iter("testcase"))))
        assert counted.attrib["failures"] == str(len(list(root.iter("failure"))))
        assert counted.attrib["errors"] == str(len(list(root.iter("error"))))


def test_the_worst_result_is_the_exit_code() -> None:
    assert [EXIT[worst(OUTCOMES[:n])] for n in (0, 1, 2, 3)] == [0, 0, 1, 4]


def test_long_lists_of_wrongs_are_cut_short() -> None:
    found = lines(outcome(1, "many", *[FAILS] * (MOST_SHOWN + 5)))
    assert found[-1] == "and 5 more"
    assert len(found) == 3 * MOST_SHOWN + 1


def test_people_read_what_decided_and_what_to_do_next() -> None:
    console = Console(width=300, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table("shop.yaml", OUTCOMES, 1.5))
    console.file.close()
    said = console.export_text().splitlines()
    assert said[0] == "holds  shop.yaml:2  web reaches db (nsg/no-ssh)"
    assert said[1].startswith("fails  shop.yaml:4  nobody <else>")
    assert said[2:5] == ["    web > db tcp/22: nsg/no-ssh", f"      at {RULE}", f"      next: {TRACE}"]
    assert said[5] == "model and packet disagree  shop.yaml:7  odd"
    assert said[-1] == "1 of 3 assertions hold, 1 fail, of 1 model and packet disagree: 5 conversations, 1.5 s"


def test_programs_read_all_of_it() -> None:
    found = document("shop.yaml", OUTCOMES, 1.5)
    assert (found["result"], [c["result"] for c in found["checks"]]) == (DISAGREES, [HOLDS, FAILS, DISAGREES])
    row = found["checks"][0]["conversations"][0]
    ends = {"from": "web", "to": "db", "protocol": "tcp", "port": 22, "expected": True, "model": True, "packet": True}
    assert row == ends | {"result": HOLDS, "reason": "nsg/no-ssh", "resource": RULE, "next": TRACE}


def broken(*_: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], 127, "", "sh: 1: python3: not found\n")


def endless(*_: Any) -> subprocess.CompletedProcess[str]:
    raise subprocess.TimeoutExpired("python3", 60)


@pytest.mark.parametrize(
    ("run", "message", "details"),
    [
        pytest.param(broken, "Nothing could be sent from g/web.", ("sh: 1: python3: not found",), id="no Python there"),
        pytest.param(endless, "What g/web was to send did not end.", (), id="a machine that stands still"),
    ],
)
def test_a_machine_that_runs_nothing_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, run: Any, message: str, details: tuple[str, ...]
) -> None:
    monkeypatch.setattr(proof, "run", run)
    with pytest.raises(Failure, match=message) as caught:
        proof._run(None, "g/web", "probe", [{"timeout_s": 1.5}])  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.details) == (3, details)


def test_what_is_expected_is_waited_for_longer_than_what_is_not() -> None:
    waits = [proof._probe(case(SSH), answer(passes))["timeout_s"] for passes in (True, False)]
    assert waits[0] > waits[1]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(GET, {"host": "db", "port": 80, "path": "/", "protocol": "http", "count": 1}, id="a page"),
        pytest.param(
            "http: {from: web, url: 'https://db:8443/a?b=c', status: 2xx}",
            {"host": "db", "port": 8443, "path": "/a?b=c", "protocol": "https", "statuses": ((200, 299),)},
            id="a page with a query",
        ),
        pytest.param(
            LATENCY, {"host": "10.0.0.5", "port": 22, "protocol": "tcp", "count": 5, "at_once": 1}, id="round trips"
        ),
        pytest.param(name(), {"host": "db.corp", "count": 0}, id="a name"),
    ],
)
def test_what_machines_are_asked_to_measure(line: str, expected: dict[str, Any]) -> None:
    wish = proof._wish(case(line))
    assert {k: wish[k] for k in expected} == expected


def test_only_machines_that_get_datagrams_answer_for_the_time_of_the_check() -> None:
    lines = ("allow: {from: web, to: db, ports: 53-54, protocol: udp}", SSH)
    text = "checks:\n" + "".join(f"- {line}\n" for line in lines)
    assert proof._datagram_ports(expand(parse(text), [WEB, DB])) == {"g/db": {53, 54}}


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        pytest.param("net.lazulite.yaml", "", True, id="a file of ours"),
        pytest.param("net.lazulite.yml", "checks: []", True, id="with the other ending"),
        pytest.param("check_net.yaml", "# ours\nchecks:\n- allow: {}\n", True, id="one that is called and looks so"),
        pytest.param("check_net.yaml", "steps:\n- checks: 1\n", False, id="one that is only called so"),
        pytest.param("net.yaml", "checks: []", False, id="one that only looks so"),
        pytest.param("check_net.json", "checks: []", False, id="no YAML"),
    ],
)
def test_which_files_pytest_takes_for_assertions(tmp_path: Path, file: str, content: str, expected: bool) -> None:
    (tmp_path / file).write_text(content)
    assert is_ours(tmp_path / file) is expected
