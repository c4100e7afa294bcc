"""A connectivity check: the worked examples of Azure's documentation, and what real connections on loopback say."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from ipaddress import ip_address
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.analysis import Index, round_trip
from lazulite.forwarding.model import AccessList, ForwardingModel, Port
from lazulite.services.network_watcher import connectivity
from lazulite.values import Flow
from tests.analysis.build import access_list, flow, host, index, peered, port, route, table, vrf
from tests.analysis.networks import flows, networks, patient

NET = vrf("net", "10.1.0.0/16", snat="198.18.0.9")
SYSTEM = (route("10.1.0.0/16 local"), route("0.0.0.0/0 internet"), route("172.16.0.0/12 none"))
GROUP = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg"
FAILED = {"sent": 100, "failed": 100, "ms": [None] * 100, "issue": "", "reason": "no answer"}
ANSWERED = {"sent": 3, "failed": 0, "ms": [0.2, 1.4, 7.1], "issue": "", "reason": ""}


def denying(name: str, rule: str) -> AccessList:
    """A list with one rule of a security group."""
    made = access_list(name, "100 deny tcp * > * :80")
    rules = tuple(msgspec.structs.replace(r, origin=f"{GROUP}/{rule}") for r in made.rules)
    return msgspec.structs.replace(made, rules=rules)


def chain(**of_last: Any) -> list[Any]:
    """10.1.1.4 reaches 10.1.4.4 through the appliances at 10.1.2.4 and 10.1.3.4."""
    first = route("10.1.4.0/24 appliance user", via="10.1.2.4", target="net")
    second = route("10.1.4.0/24 appliance user", via="10.1.3.4", target="net")
    return [
        NET,
        table("net", *SYSTEM),
        table("net", *SYSTEM, first, name="one"),
        table("net", *SYSTEM, second, name="two"),
        port("vm", "10.1.1.4/24", routes="net|one"),
        port("fw1", "10.1.2.4/24", routes="net|two", forwards=True),
        port("fw2", "10.1.3.4/24", **{"forwards": True} | of_last),
        port("db", "10.1.4.4/24"),
    ]


def owner(known: Index) -> connectivity.Owner:
    def asked(name: str, address: str) -> tuple[str, str]:
        where = ip_address(address)
        found = known.model.get(Port, name) if name else known.owner("net", where)
        if found is None:
            return "", ""
        own = where if where in found.addresses else found.addresses[0]
        return str(own), f"{found.name}/ipConfigurations/primary"

    return asked


def answered(known: Index, source: str, line: str, probe: dict[str, Any] | None) -> dict[str, Any]:
    trip = round_trip(known, source, flow(line))
    said: dict[str, Any] = msgspec.to_builtins(
        {"forward": trip.forward, "reply": trip.reply, "passes": trip.established}, enc_hook=str
    )
    return connectivity.information(said, probe, owner(known))


def hops(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(h["type"], h["address"], h["resourceId"].split("/")[0]) for h in answer["hops"]]


def issues(answer: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {h["address"]: h["issues"] for h in answer["hops"] if h["issues"]}


def issue(origin: str, kind: str, *context: str) -> dict[str, Any]:
    pairs = [{"key": k, "value": v} for k, _, v in (c.partition("=") for c in context)]
    return {"origin": origin, "severity": "Error", "type": kind, "context": pairs}


def test_a_rule_of_the_last_appliance_stops_the_packet_on_its_way_out() -> None:
    known = index(*chain(egress=("nsg",)), denying("nsg", "securityRules/Port80"))
    answer = answered(known, "vm", "tcp 10.1.1.4 > 10.1.4.4:80", FAILED)
    assert hops(answer) == [
        ("Source", "10.1.1.4", "vm"),
        ("VirtualAppliance", "10.1.2.4", "fw1"),
        ("VirtualAppliance", "10.1.3.4", "fw2"),
        ("VnetLocal", "10.1.4.4", "db"),
    ]
    assert issues(answer) == {"10.1.3.4": [issue("Outbound", "NetworkSecurityRule", "RuleName=UserRule_Port80")]}
    assert [answer[k] for k in ("connectionStatus", "probesSent", "probesFailed")] == ["Unreachable", 100, 100]
    assert not any(key.endswith("LatencyInMs") for key in answer)


def test_a_route_of_the_users_drops_the_packet_at_its_source() -> None:
    known = index(NET, table("net", *SYSTEM, route("13.107.21.200/32 none user")), port("vm", "10.1.1.4/24"))
    answer = answered(known, "vm", "tcp 10.1.1.4 > 13.107.21.200:80", FAILED)
    assert hops(answer) == [("Source", "10.1.1.4", "vm"), ("Destination", "13.107.21.200", "Unknown")]
    assert issues(answer) == {"10.1.1.4": [issue("Outbound", "UserDefinedRoute", "RouteType=User")]}


def test_a_site_on_the_internet_is_reached() -> None:
    known = index(NET, table("net", *SYSTEM), port("vm", "10.1.1.4/24"), host("bing", "198.18.7.7"))
    answer = answered(known, "vm", "tcp 10.1.1.4 > 198.18.7.7:80", ANSWERED)
    assert hops(answer) == [("Source", "10.1.1.4", "vm"), ("Internet", "198.18.7.7", "Internet")]
    assert issues(answer) == {}
    expected = {"connectionStatus": "Reachable", "probesSent": 3, "probesFailed": 0}
    assert answer.items() >= (expected | {"minLatencyInMs": 0, "avgLatencyInMs": 3, "maxLatencyInMs": 7}).items()
    link = answer["hops"][0]["links"][0]
    assert (link["nextHopId"], link["linkType"]) == (answer["hops"][1]["id"], "Internet")
    assert link["properties"] == {"roundTripTimeMin": 0, "roundTripTimeAvg": 3, "roundTripTimeMax": 7}


def test_hops_are_chained_by_their_ids() -> None:
    found = answered(index(*chain()), "vm", "tcp 10.1.1.4 > 10.1.4.4:80", ANSWERED)["hops"]
    ids = [h["id"] for h in found]
    assert len(set(ids)) == 4
    assert [h["nextHopIds"] for h in found] == [[ids[1]], [ids[2]], [ids[3]], []]
    assert [h["previousHopIds"] for h in found] == [[], [ids[0]], [ids[1]], [ids[2]]]
    assert [link["nextHopId"] for h in found for link in h["links"]] == ids[1:]


CASES = [
    pytest.param(
        [*chain(), denying("nsg", "defaultSecurityRules/DenyAllInBound")],
        {"ingress": ("nsg",)},
        FAILED,
        {"10.1.4.4": [issue("Inbound", "NetworkSecurityRule", "RuleName=DefaultRule_DenyAllInBound")]},
        id="a list of the destination stops it on its way in, by a rule of Azure's own",
    ),
    pytest.param(
        chain(),
        {},
        FAILED,
        {"10.1.4.4": [issue("Local", "GuestFirewall", "Reason=no answer")]},
        id="where the network lets it through, silence is the destination's own firewall",
    ),
    pytest.param(
        chain(),
        {},
        FAILED | {"reason": "refused"},
        {"10.1.4.4": [issue("Local", "Unknown", "Reason=refused")]},
        id="and a refusal says that nobody listens",
    ),
    pytest.param(
        chain(), {}, FAILED | {"failed": 99, "ms": [1.0, *[None] * 99]}, {}, id="one answer of a hundred is reachable"
    ),
    pytest.param(
        chain(), {}, None, {"10.1.1.4": [issue("Local", "AgentStopped")]}, id="a source that runs nothing is stopped"
    ),
    pytest.param(
        chain(),
        {},
        FAILED | {"issue": "SocketBind", "reason": "cannot bind"},
        {"10.1.1.4": [issue("Local", "SocketBind", "Reason=cannot bind")]},
        id="a port that is taken is the source's own fault",
    ),
    pytest.param(
        chain(forwards=False),
        {},
        FAILED,
        {
            "10.1.3.4": [
                issue(
                    "Outbound",
                    "Platform",
                    "Reason=destination refused: 10.1.4.4 is not an address of fw2 and its IP forwarding is off",
                )
            ]
        },
        id="an appliance whose interface may not forward is the platform's refusal",
    ),
]


@pytest.mark.parametrize(("entries", "of_destination", "probe", "expected"), CASES)
def test_who_is_to_blame(
    entries: list[Any], of_destination: dict[str, Any], probe: dict[str, Any] | None, expected: dict[str, Any]
) -> None:
    known = index(*entries, port("db", "10.1.4.4/24", **of_destination))
    assert issues(answered(known, "vm", "tcp 10.1.1.4 > 10.1.4.4:80", probe)) == expected


def test_a_system_route_that_drops_is_told_from_one_of_the_users() -> None:
    known = index(NET, table("net", *SYSTEM), port("vm", "10.1.1.4/24"))
    answer = answered(known, "vm", "tcp 10.1.1.4 > 172.31.0.100:80", FAILED)
    assert issues(answer) == {"10.1.1.4": [issue("Outbound", "UserDefinedRoute", "RouteType=System")]}


SPOKE = vrf("spoke", "10.2.0.0/16")
BOTH = (*SYSTEM, route("10.2.0.0/16 peering", target="spoke"))
BACK = (route("10.2.0.0/16 local"), route("10.1.0.0/16 peering", target="net"))


def spoke(*back: Any, **link: bool) -> list[Any]:
    """10.1.1.4 and, over a peering, 10.2.0.4."""
    ends = [*port("vm", "10.1.1.4/24"), *port("db", "10.2.0.4/24", "spoke")]
    return [NET, SPOKE, table("net", *BOTH), table("spoke", *(back or BACK)), peered(NET, SPOKE, spoke=link), ends]


def test_the_end_of_a_peering_that_lets_nothing_in_is_blamed_on_the_way_out_of_the_source() -> None:
    answer = answered(index(*spoke(access=False)), "vm", "tcp 10.1.1.4 > 10.2.0.4:80", FAILED)
    ((address, (found,)),) = issues(answer).items()
    assert (address, found["origin"], found["type"]) == ("10.1.1.4", "Outbound", "Platform")
    assert found["context"][0]["value"].startswith("peering refused")


def test_an_answer_that_does_not_come_back_is_blamed_on_who_answers() -> None:
    entries = spoke(BACK[0], route("10.1.0.0/16 none user"))
    answer = answered(index(*entries), "vm", "tcp 10.1.1.4 > 10.2.0.4:80", FAILED)
    assert hops(answer)[-1][:2] == ("VnetLocal", "10.2.0.4")
    assert issues(answer) == {"10.2.0.4": [issue("Outbound", "UserDefinedRoute", "RouteType=User")]}


def test_an_address_of_the_network_that_nobody_has_is_a_destination_unknown() -> None:
    known = index(NET, table("net", *SYSTEM), port("vm", "10.1.1.4/24"))
    answer = answered(known, "vm", "tcp 10.1.1.4 > 10.1.9.9:80", FAILED)
    assert hops(answer)[-1] == ("Destination", "10.1.9.9", "Unknown")
    assert issues(answer) == {"10.1.1.4": [issue("Outbound", "UserDefinedRoute", "RouteType=System")]}


def test_a_machine_that_asks_itself_is_its_own_destination() -> None:
    known = index(NET, table("net", *SYSTEM), port("vm", "10.1.1.4/24"))
    answer = answered(known, "vm", "tcp 10.1.1.4 > 10.1.1.4:80", ANSWERED)
    assert hops(answer) == [("Source", "10.1.1.4", "vm")]
    assert (answer["connectionStatus"], answer["hops"][0]["links"]) == ("Reachable", [])


def test_a_public_destination_that_a_rule_stops_is_still_on_the_internet() -> None:
    known = index(
        NET,
        table("net", *SYSTEM),
        port("vm", "10.1.1.4/24", egress=("nsg",)),
        denying("nsg", "securityRules/No"),
        host("bing", "198.18.7.7"),
    )
    answer = answered(known, "vm", "tcp 10.1.1.4 > 198.18.7.7:80", FAILED)
    assert hops(answer)[-1] == ("Internet", "198.18.7.7", "Internet")
    assert issues(answer) == {"10.1.1.4": [issue("Outbound", "NetworkSecurityRule", "RuleName=UserRule_No")]}


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        pytest.param(f"{GROUP}/securityRules/web", "UserRule_web", id="a rule of the user's"),
        pytest.param(f"{GROUP}/defaultSecurityRules/DenyAllInBound", "DefaultRule_DenyAllInBound", id="one of Azure's"),
        pytest.param(
            f"{GROUP}/DefaultSecurityRules/AllowVnetInBound", "DefaultRule_AllowVnetInBound", id="in any case"
        ),
    ],
)
def test_what_rules_are_called(origin: str, name: str) -> None:
    assert connectivity.rule_name(origin) == name


SILENT = FAILED | {"reason": "no answer"}


@patient
@given(networks(), flows, st.data())
def test_every_answer_is_a_chain_with_one_to_blame_or_nobody(network: ForwardingModel, asked: Flow, data: Any) -> None:
    known = Index(network)
    sender = data.draw(st.sampled_from(sorted(network.all(Port))))
    asked = msgspec.structs.replace(asked, src=network.all(Port)[sender].addresses[0])
    trip = round_trip(known, sender, asked)
    told: dict[str, Any] = msgspec.to_builtins(
        {"forward": trip.forward, "reply": trip.reply, "passes": trip.established}, enc_hook=str
    )
    for probe, blamed in ((SILENT, 1), (ANSWERED, 0)):
        answer = connectivity.information(told, probe, owner(known))
        assert answer["hops"][0]["type"] == "Source"
        assert sum(len(h["issues"]) for h in answer["hops"]) == blamed
        ids = [h["id"] for h in answer["hops"]]
        assert [i for h in answer["hops"] for i in h["nextHopIds"]] == ids[1:]
        assert [i for h in answer["hops"] for i in h["previousHopIds"]] == ids[:-1]
        assert answer["connectionStatus"] == ("Unreachable" if blamed else "Reachable")


# What the program finds out, on loopback.


def connect(*wishes: dict[str, Any]) -> list[dict[str, Any]]:
    program = files("lazulite").joinpath("services", "network_watcher", "programs", "connect.py").read_text()
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=json.dumps(list(wishes)), capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@contextmanager
def website(status: int) -> Iterator[tuple[int, list[tuple[str, str, str]]]]:
    """A port, and the method, path and ``X-Test`` of each request so far."""
    seen: list[tuple[str, str, str]] = []

    class Page(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            seen.append((self.command, self.path, self.headers.get("X-Test", "")))
            self.send_response(status)
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield server.server_port, seen
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server.getsockname()[1]


@pytest.fixture
def unused() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def test_each_connection_has_its_round_trip(listening: int) -> None:
    (found,) = connect({"host": "127.0.0.1", "port": listening, "count": 40, "timeout_s": 20})
    assert (found["sent"], found["failed"], len(found["ms"])) == (40, 0, 40)
    assert all(ms > 0 for ms in found["ms"])
    assert (found["address"], found["source"], found["reason"]) == ("127.0.0.1", "127.0.0.1", "")


def test_a_closed_port_refuses(unused: int) -> None:
    (found,) = connect({"host": "127.0.0.1", "port": unused, "count": 2})
    assert (found["sent"], found["failed"], found["ms"]) == (2, 2, [None, None])
    assert (found["reason"], found["issue"]) == ("refused", "")


def test_an_own_port_serves_all_connections_one_after_the_other(listening: int, unused: int) -> None:
    wish = {"host": "127.0.0.1", "port": listening, "count": 3, "source_port": unused, "timeout_s": 20}
    assert connect(wish)[0]["failed"] == 0


@pytest.mark.parametrize(
    ("wish", "issue", "words"),
    [
        pytest.param({"host": "127.0.0.1", "source": "192.0.2.1"}, "SocketBind", "cannot bind", id="a foreign source"),
        pytest.param(
            {"host": "nobody.invalid"}, "DnsResolution", "cannot resolve nobody.invalid", id="an unknown name"
        ),
        pytest.param({"host": "a..b"}, "DnsResolution", "cannot resolve a..b", id="a name that is none"),
    ],
)
def test_what_the_source_itself_cannot_do(wish: dict[str, Any], issue: str, words: str) -> None:
    (found,) = connect({"port": 80} | wish)
    assert found["issue"] == issue
    assert words in found["reason"]


def test_http_asks_as_it_is_told_and_reads_the_status() -> None:
    with website(404) as (port, seen):
        wish = {"host": "127.0.0.1", "port": port, "protocol": "http", "timeout_s": 20, "path": "/health"}
        head = wish | {"method": "HEAD", "headers": {"X-Test": "yes"}, "statuses": [[200, 299]]}
        answers = [*connect(wish), *connect(head)]
    assert seen == [("GET", "/health", ""), ("HEAD", "/health", "yes")]
    assert [(a["status"], a["failed"], a["reason"]) for a in answers] == [(404, 0, ""), (404, 1, "status 404")]


def test_https_from_somebody_who_has_none_is_a_failure_of_tls() -> None:
    with website(200) as (port, _):
        (found,) = connect({"host": "127.0.0.1", "port": port, "protocol": "https", "timeout_s": 20})
    assert (found["failed"], found["reason"]) == (1, "TLS failed")


def test_a_name_alone_is_resolved() -> None:
    (found,) = connect({"host": "localhost", "count": 0, "version": 4})
    assert found["address"] == "127.0.0.1"
    assert (found["sent"], found["issue"]) == (0, "")


def test_the_script_for_a_machine_runs_as_it_is(unused: int, tmp_path: Any) -> None:
    script = tmp_path / "script"
    script.write_text(connectivity.script({"host": "127.0.0.1", "port": unused, "path": "it's/$HOME"}))
    done = subprocess.run(["sh", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["reason"] == "refused"
