"""A connectivity check as a verb: what is sent into the machine, and what is made of what it prints."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lazulite.services.service import Run
from tests.build import Lab, resource_id
from tests.services.asking import codes, result
from tests.services.security_rules import group
from tests.services.watched import MACHINES, guard, machine_id, network

OUT = {"address": "10.0.0.5", "addresses": ["10.0.0.5"], "source": "10.0.0.4", "status": 0, "issue": "", "reason": ""}
FAILED = OUT | {"sent": 100, "failed": 100, "ms": [None] * 100, "reason": "no answer"}
ANSWERED = OUT | {"sent": 3, "failed": 0, "ms": [1.0, 2.0, 3.2]}


def body(**changes: Any) -> dict[str, Any]:
    default = {
        "source": {"resourceId": machine_id("a")},
        "destination": {"resourceId": machine_id("b"), "port": 80},
        "protocol": "Tcp",
    }
    return {k: v for k, v in (default | changes).items() if v is not None}


def to(address: str, port: int | None = None) -> dict[str, Any]:
    return {"destination": {"address": address} | ({"port": port} if port else {})}


def run(lab: Lab, **changes: Any) -> Run:
    given = result(lab, "connectivityCheck", body(**changes))
    assert isinstance(given, Run)
    return given


def wish(lab: Lab, **changes: Any) -> dict[str, Any]:
    """What the program in the machine is asked."""
    found = re.search(r"exec python3 - '(.*?)' <<", run(lab, **changes).script)
    assert found is not None
    asked: dict[str, Any] = json.loads(found[1])
    return asked


def told(lab: Lab, printed: Any, code: int = 0, **changes: Any) -> dict[str, Any]:
    text = printed if isinstance(printed, str) else json.dumps(printed)
    found: dict[str, Any] = run(lab, **changes).reply(code, text, "")
    return found


def test_it_runs_in_the_source_and_asks_for_the_address_of_the_destination() -> None:
    lab = network()
    given = run(lab)
    assert given.guest == resource_id(MACHINES, "a").key
    expected = {"host": "10.0.0.5", "port": 80, "protocol": "tcp", "count": 10, "source_port": 0, "version": 4}
    assert wish(lab) | expected == wish(lab)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(to("198.18.0.9", 443), {"host": "198.18.0.9", "port": 443}, id="an address and a port"),
        pytest.param(to("www.example.com", 80), {"host": "www.example.com", "port": 80}, id="a name"),
        pytest.param(
            to("http://www.example.com") | {"protocol": None},
            {"host": "www.example.com", "port": 80, "protocol": "http", "path": "/"},
            id="a URL says protocol and port",
        ),
        pytest.param(
            to("https://www.example.com:8443/alive?x=1") | {"protocol": None},
            {"port": 8443, "protocol": "https", "path": "/alive?x=1"},
            id="or all of it",
        ),
        pytest.param(
            to("198.18.0.9") | {"protocol": "Icmp"}, {"protocol": "icmp", "port": 0}, id="an echo has no port"
        ),
        pytest.param(
            to("198.18.0.9") | {"protocol": "Https"}, {"protocol": "https", "port": 443}, id="HTTPS is at 443"
        ),
        pytest.param({"protocol": None}, {"protocol": "tcp"}, id="TCP where nothing is said"),
        pytest.param(
            {"source": {"resourceId": machine_id("a"), "port": 1234}},
            {"source_port": 1234},
            id="a port of the source's",
        ),
        pytest.param({"preferredIPVersion": "IPv6"}, {"version": 6}, id="a version that is preferred"),
        pytest.param(to("fd00::7", 80), {"host": "fd00::7"}, id="an address of IPv6"),
    ],
)
def test_wishes(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    found = wish(network(), **changes)
    assert found | expected == found


def test_an_http_check_says_headers_and_the_codes_that_count() -> None:
    web = {"method": "Get", "headers": [{"name": "X-Key", "value": "1"}], "validStatusCodes": [200, 204]}
    found = wish(network(), protocol="Http", protocolConfiguration={"HTTPConfiguration": web})
    assert (found["headers"], found["statuses"]) == ({"X-Key": "1"}, [[200, 200], [204, 204]])


def test_who_answers_is_reachable_with_both_hops_and_the_times() -> None:
    found = told(network(), ANSWERED)
    assert (found["connectionStatus"], found["probesSent"], found["probesFailed"]) == ("Reachable", 3, 0)
    assert [found[f"{k}LatencyInMs"] for k in ("min", "avg", "max")] == [1, 2, 3]
    source, destination = found["hops"]
    assert [(h["type"], h["address"]) for h in found["hops"]] == [("Source", "10.0.0.4"), ("VnetLocal", "10.0.0.5")]
    nic = resource_id("networkInterfaces", "b-nic")
    assert destination["resourceId"] == nic.child("ipConfigurations", "ipconfig1").text
    assert source["nextHopIds"] == [destination["id"]]
    assert not source["issues"] + destination["issues"]


def issues(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Address of the hop, origin, type and the values of the context."""
    return [
        (h["address"], i["origin"], i["type"], " ".join(c["value"] for c in i["context"]))
        for h in found["hops"]
        for i in h["issues"]
    ]


def test_a_rule_that_denies_is_named_at_its_hop() -> None:
    lab = network()
    group(lab, "g", "100 in deny tcp * > * :80")
    guard(lab, "g", nic="b-nic")
    found = told(lab, FAILED)
    assert (found["connectionStatus"], "avgLatencyInMs" in found) == ("Unreachable", False)
    assert issues(found) == [("10.0.0.5", "Inbound", "NetworkSecurityRule", "UserRule_r100-in")]


def test_a_route_to_nowhere_is_named_at_the_source() -> None:
    """Source: facts/network-watcher.md, connection troubleshoot, example (b)."""
    lab = network()
    lab.route_table("rt", {"13.107.21.0/24": "None"})
    lab.vnet("v", "10.0.0.0/16", subnets={"web": {"addressPrefix": "10.0.0.0/24", "table": "rt"}, "db": "10.0.1.0/24"})
    found = told(lab, FAILED | {"address": "13.107.21.200"}, **to("13.107.21.200", 80))
    assert issues(found) == [("10.0.0.4", "Outbound", "UserDefinedRoute", "User")]
    assert (found["hops"][-1]["type"], found["hops"][-1]["resourceId"]) == ("Destination", "Unknown")


def test_a_program_that_did_not_run_is_the_agents_fault() -> None:
    for code, printed in ((1, "{}"), (0, "Traceback"), (0, "[]"), (127, "")):
        found = told(network(), printed, code)
        assert issues(found) == [("10.0.0.4", "Local", "AgentStopped", "")]
        assert found["probesSent"] == 0


def test_a_name_that_nobody_knows_is_an_issue_of_the_source() -> None:
    said = {"address": "", "addresses": [], "source": "", "sent": 0, "failed": 0, "ms": [], "status": 0}
    said |= {"issue": "DnsResolution", "reason": "cannot resolve www.example.com"}
    found = told(network(), said, **to("www.example.com", 80))
    assert [i[:3] for i in issues(found)] == [("10.0.0.4", "Local", "DnsResolution")]
    assert len(found["hops"]) == 1


def test_a_name_is_followed_to_the_address_that_it_has() -> None:
    found = told(network(), ANSWERED, **to("db.internal", 80))
    assert found["hops"][-1]["address"] == "10.0.0.5"


def test_an_address_of_a_version_that_the_source_does_not_have() -> None:
    found = told(network(), FAILED | {"address": "fd00::7", "reason": "no route"}, **to("fd00::7", 80))
    assert (found["connectionStatus"], found["probesFailed"]) == ("Unreachable", 100)
    assert found["hops"][0]["address"] == "10.0.0.4"


BAD = "InvalidConnectivityCheck"
REFUSED = [
    pytest.param({"destination": {}}, [BAD, BAD], id="a destination that is nowhere and has no port"),
    pytest.param({"destination": {"address": "8.8.8.8"}}, [BAD], id="an address without a port"),
    pytest.param({"destination": {"address": "a b", "port": 80}}, [BAD], id="what is no address"),
    pytest.param({"destination": {"address": "ftp://x.example", "port": 21}}, [BAD], id="a URL of another protocol"),
    pytest.param({"destination": {"address": "http://[::1", "port": 80}}, [BAD], id="a URL that is broken"),
    pytest.param({"destination": {"address": "300.1.2.3", "port": 80}}, [BAD], id="numbers that are no address"),
    pytest.param(
        {"destination": {"address": "8.8.8.8", "resourceId": machine_id("b"), "port": 80}}, [BAD], id="two destinations"
    ),
    pytest.param({"destination": {"resourceId": machine_id("a"), "port": 80}}, [BAD], id="the source itself"),
    pytest.param(
        {"destination": {"resourceId": machine_id("z"), "port": 80}}, ["ResourceNotFound"], id="a lost machine"
    ),
    pytest.param({"source": {"resourceId": machine_id("z")}}, ["ResourceNotFound"], id="a lost source"),
    pytest.param({"source": None}, ["InvalidRequestFormat"], id="no source"),
    pytest.param({"protocol": "Sctp"}, ["InvalidRequestFormat"], id="a protocol that is not offered"),
    pytest.param({"destination": {"address": "8.8.8.8", "port": 65536}}, ["InvalidParameter"], id="a port beyond all"),
]


@pytest.mark.parametrize(("changes", "expected"), REFUSED)
def test_refused(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(network(), "connectivityCheck", **body(**changes)) == expected


def test_a_source_without_the_agent_is_refused() -> None:
    lab = network()
    lab.nic("c-nic", "v/web", "10.0.0.9")
    lab.vm("c", "c-nic")
    wrong = codes(lab, "connectivityCheck", **body(source={"resourceId": machine_id("c")}))
    assert wrong == ["NetworkWatcherAgentNotInstalled"]
