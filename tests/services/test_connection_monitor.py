"""What a connection monitor becomes, and what is refused of one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lazulite.forwarding.model import Check, Monitor
from lazulite.services.connection_monitor.actions import query, turned
from lazulite.services.connection_monitor.ranges import is_range, statuses
from lazulite.services.service import Observations, Reply, Write
from tests.build import Lab, Refused, resource_id
from tests.services.watched import MACHINES, account_id, agent, held, key, machine_id, nested, network

A, B = resource_id(MACHINES, "a").key, resource_id(MACHINES, "b").key
SUBNET = resource_id("virtualNetworks", "v").child("subnets", "web").text


def machine(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "AzureVM", "resourceId": machine_id(name)} | more


def outside(name: str, address: str) -> dict[str, Any]:
    return {"name": name, "type": "ExternalAddress", "address": address}


def tcp(name: str = "tcp80", port: int | None = 80, **more: Any) -> dict[str, Any]:
    return {"name": name, "protocol": "Tcp", "tcpConfiguration": {"port": port}} | more


def group(
    name: str = "g", sources: str = "a", destinations: str = "b", tests: str = "tcp80", **more: Any
) -> dict[str, Any]:
    named = {"sources": sources, "destinations": destinations, "testConfigurations": tests}
    return {"name": name} | {k: v.split() for k, v in named.items()} | more


def monitor(lab: Lab, name: str = "m", location: str | None = None, **properties: Any) -> Any:
    body: dict[str, Any] = {
        "endpoints": [machine("a"), machine("b")],
        "testConfigurations": [tcp()],
        "testGroups": [group()],
    }
    return held(lab, "connectionMonitors", name, body | properties, location)


def first(lab: Lab, name: str = "m", **properties: Any) -> Any:
    """Of the first version."""
    body = {
        "source": {"resourceId": machine_id("a")},
        "destination": {"resourceId": machine_id("b"), "port": 80},
    } | properties
    return held(lab, "connectionMonitors", name, {k: v for k, v in body.items() if v is not None})


def entry(lab: Lab, name: str = "m") -> Monitor:
    found = lab.compile().get(Monitor, key("connectionMonitors", name))
    assert found is not None
    return found


def only(lab: Lab) -> Check:
    (check,) = entry(lab).checks
    return check


def test_a_test_is_from_a_machine_to_the_address_of_another() -> None:
    lab = network()
    made = monitor(lab)
    check = only(lab)
    assert (check.name, check.source, check.protocol) == ("g/tcp80/a/b", A, "tcp")
    assert (str(check.address), check.port, check.interval_s) == ("10.0.0.5", 80, 60)
    assert (check.failed_percent, check.round_trip_ms, check.listens) == (0, 0, "")
    found = entry(lab)
    assert (found.label, found.guid, found.stopped) == ("m", made.guid, False)
    assert found.origin == nested("connectionMonitors", "m").text


def test_tests_are_sources_times_destinations_times_configurations() -> None:
    """Three sources, two destinations and two configurations are twelve tests, as the documentation counts."""
    lab = network()
    for index, name in enumerate("cd", 6):
        lab.nic(f"{name}-nic", "v/web", f"10.0.0.{index}")
        lab.vm(name, f"{name}-nic")
        agent(lab, name)
    ends = [*(machine(n) for n in "abc"), outside("x", "198.18.0.9"), outside("y", "www.example.com")]
    tests = [tcp(), {"name": "ping", "protocol": "Icmp"}]
    groups = [group(sources="a b c", destinations="x y", tests="tcp80 ping")]
    monitor(lab, endpoints=ends, testConfigurations=tests, testGroups=groups)
    names = [c.name for c in entry(lab).checks]
    assert len(names) == len(set(names)) == 12
    assert {c.host for c in entry(lab).checks} == {"", "www.example.com"}


def test_an_http_test_says_all_that_is_sent_and_expected() -> None:
    lab = network()
    web = {
        "path": "alive",
        "method": "Post",
        "requestHeaders": [{"name": "X-Key", "value": "1"}],
        "validStatusCodeRanges": ["2xx", "301-304", "418"],
        "preferHTTPS": True,
    }
    limits = {"checksFailedPercent": 5, "roundTripTimeMs": 100}
    test = {
        "name": "web",
        "protocol": "Http",
        "httpConfiguration": web,
        "successThreshold": limits,
        "testFrequencySec": 30,
    }
    monitor(lab, testConfigurations=[test], testGroups=[group(tests="web")])
    check = only(lab)
    assert (check.protocol, check.port, check.method, check.path) == ("https", 443, "POST", "/alive")
    assert check.headers == (("X-Key", "1"),)
    assert check.statuses == ((200, 299), (301, 304), (418, 418))
    assert (check.failed_percent, check.round_trip_ms, check.interval_s) == (5, 100, 30)


@pytest.mark.parametrize(
    ("http", "protocol", "port"),
    [
        pytest.param({}, "http", 80, id="plain HTTP is at port 80"),
        pytest.param({"preferHTTPS": True}, "https", 443, id="HTTPS is at 443"),
        pytest.param({"port": 8080}, "http", 8080, id="or where it is said to be"),
    ],
)
def test_ports_of_http(http: dict[str, Any], protocol: str, port: int) -> None:
    lab = network()
    test = {"name": "web", "protocol": "Http", "httpConfiguration": http}
    monitor(lab, testConfigurations=[test], testGroups=[group(tests="web")])
    assert (only(lab).protocol, only(lab).port) == (protocol, port)


def test_a_destination_can_be_had_to_listen() -> None:
    lab = network()
    test = tcp(tcpConfiguration={"port": 80, "destinationPortBehavior": "ListenIfAvailable"})
    monitor(lab, testConfigurations=[test])
    assert only(lab).listens == B


def test_a_group_that_is_disabled_and_a_machine_to_itself_are_no_tests() -> None:
    lab = network()
    monitor(lab, testGroups=[group(disable=True), group("h", destinations="a b")])
    assert [c.name for c in entry(lab).checks] == ["h/tcp80/a/b"]


def test_a_subnet_is_every_machine_in_it_but_those_that_its_scope_leaves_out() -> None:
    lab = network()
    lab.nic("c-nic", "v/web", "10.0.0.6")
    lab.vm("c", "c-nic")
    agent(lab, "c")
    web = {"name": "web", "type": "AzureSubnet", "resourceId": SUBNET}
    endpoints = [web, outside("x", "198.18.0.9")]
    groups = [group(sources="web", destinations="x")]
    monitor(lab, endpoints=endpoints, testGroups=groups)
    assert [c.name.split("/")[2] for c in entry(lab).checks] == ["web a", "web b", "web c"]
    scope = {"include": [{"address": "10.0.0.4-10.0.0.5"}], "exclude": [{"address": "10.0.0.5/32"}]}
    monitor(lab, endpoints=[web | {"scope": scope}, endpoints[1]], testGroups=groups)
    assert only(lab).name == "g/tcp80/web a/x"
    whole = {"name": "web", "type": "AzureVNet", "resourceId": resource_id("virtualNetworks", "v").text}
    monitor(lab, endpoints=[whole, endpoints[1]], testGroups=groups)
    assert len(entry(lab).checks) == 3


def test_the_ip_version_that_is_preferred_is_taken_where_there_is_one() -> None:
    lab = network()
    test = tcp(preferredIPVersion="IPv6")
    monitor(lab, testConfigurations=[test])
    assert str(only(lab).address) == "10.0.0.5"


def test_a_machine_that_goes_takes_its_tests_along() -> None:
    lab = network()
    monitor(lab)
    lab.delete(MACHINES, "b")
    assert entry(lab).checks == ()


def test_a_monitor_of_the_first_version_is_one_test() -> None:
    lab = network()
    made = first(lab, monitoringIntervalInSeconds=42)
    check = only(lab)
    assert (check.name, check.source, str(check.address), check.port) == ("test", A, "10.0.0.5", 80)
    assert check.interval_s == 42
    first(lab, "named", destination={"address": "www.example.com", "port": 443})
    assert entry(lab, "named").checks[0].host == "www.example.com"
    assert lab.status(made.id)["connectionMonitorType"] == "SingleSourceDestination"


def test_it_starts_by_itself_unless_it_is_said_not_to() -> None:
    lab = network()
    first(lab, autoStart=False)
    assert entry(lab).stopped
    monitor(lab, "n")
    assert not entry(lab, "n").stopped


def prepared() -> Lab:
    lab = network()
    lab.nic("bare-nic", "v/web", "10.0.0.9")
    lab.vm("bare", "bare-nic")
    lab.vnet("far", "10.9.0.0/16", subnets={"s": "10.9.0.0/24"}, location="eastus")
    lab.nic("far-nic", "far/s", location="eastus")
    lab.put(
        MACHINES,
        "far",
        {"networkProfile": {"networkInterfaces": [{"id": resource_id("networkInterfaces", "far-nic").text}]}},
        location="eastus",
    )
    agent(lab, "far")
    return lab


BAD = "InvalidConnectionMonitor"


def ends(*more: dict[str, Any]) -> dict[str, Any]:
    return {"endpoints": [machine("a"), machine("b"), *more]}


def configured(*every: dict[str, Any]) -> dict[str, Any]:
    return {"testConfigurations": list(every)}


def source(endpoint: dict[str, Any]) -> dict[str, Any]:
    return {"endpoints": [endpoint, machine("b")], "testGroups": [group(sources=endpoint["name"])]}


REFUSED = [
    pytest.param({"testGroups": []}, [BAD], id="no test groups"),
    pytest.param({"testGroups": [group(sources="")]}, [BAD], id="a group without sources"),
    pytest.param({"testGroups": [group(sources="z")]}, [BAD], id="a source nobody knows"),
    pytest.param(
        {"testGroups": [group(destinations="z"), group("h", tests="z")]}, [BAD, BAD], id="all that is unknown"
    ),
    pytest.param({"testGroups": [group(), group()]}, [BAD], id="two groups of one name"),
    pytest.param({"testGroups": [group(str(n)) for n in range(21)]}, ["InvalidParameter"], id="21 groups"),
    pytest.param(ends(*(outside(f"e{n}", "198.18.0.9") for n in range(99))), ["InvalidParameter"], id="101 endpoints"),
    pytest.param(configured(*(tcp(f"{n}") for n in range(20)), tcp()), ["InvalidParameter"], id="21 configurations"),
    pytest.param(ends(machine("A", resourceId=machine_id("b"))), [BAD], id="names that differ only in case"),
    pytest.param(ends({"name": "x", "address": ""}), [BAD], id="an endpoint that is nowhere"),
    pytest.param(ends(outside("x", "300.1.2.3")), [BAD], id="an address that is none"),
    pytest.param(ends({"name": "x", "type": "AzureVM", "address": "10.0.0.5"}), [BAD], id="a machine by its address"),
    pytest.param(
        ends(machine("x", type="AzureSubnet")), [BAD, "InvalidResourceReference"], id="a type that contradicts"
    ),
    pytest.param(
        ends({"name": "x", "resourceId": account_id()}), ["InvalidTargetResource"], id="an endpoint that sends nothing"
    ),
    pytest.param(
        ends(machine("x", resourceId=machine_id("nobody"))), ["InvalidResourceReference"], id="a lost machine"
    ),
    pytest.param(
        ends({"name": "x", "resourceId": SUBNET, "scope": {"include": [{"address": "10.0.0.9-10.0.0.1"}]}}),
        [BAD],
        id="a scope that is no range",
    ),
    pytest.param(
        ends(machine("x", resourceId=machine_id("b"), filter={"type": "Include"})),
        ["FeatureNotSupported"],
        id="filters",
    ),
    pytest.param(configured(tcp(testFrequencySec=45)), [BAD], id="a frequency that is not offered"),
    pytest.param(configured(tcp(port=None)), [BAD], id="TCP without a port"),
    pytest.param(configured(tcp(port=70_000)), ["InvalidParameter"], id="a port beyond all"),
    pytest.param(configured(tcp(icmpConfiguration={})), [BAD], id="a configuration of another protocol"),
    pytest.param(
        configured(
            {"name": "tcp80", "protocol": "Http", "httpConfiguration": {"validStatusCodeRanges": ["600", "2x", "3xx"]}}
        ),
        [BAD, BAD],
        id="status codes that are none",
    ),
    pytest.param(
        configured({"name": "tcp80", "protocol": "Http", "httpConfiguration": {"requestHeaders": [{"name": "a b"}]}}),
        [BAD],
        id="a header that is none",
    ),
    pytest.param(configured(tcp(successThreshold={"checksFailedPercent": 101})), ["InvalidParameter"], id="over 100 %"),
    pytest.param(configured(tcp(successThreshold={"roundTripTimeMs": -1})), [BAD], id="faster than light"),
    pytest.param(configured(tcp(protocol="Udp")), ["InvalidRequestFormat"], id="a protocol that is not offered"),
    pytest.param(source(outside("x", "198.18.0.9")), [BAD], id="an address as source"),
    pytest.param(source(machine("bare")), ["NetworkWatcherAgentNotInstalled"], id="a source without the agent"),
    pytest.param(source(machine("far")), ["ResourceNotInNetworkWatcherRegion"], id="a source in another region"),
    pytest.param({"colour": "red"}, ["InvalidRequestFormat"], id="a property nobody knows"),
    pytest.param({"source": {"resourceId": machine_id("a")}}, [BAD], id="both versions at once"),
]


@pytest.mark.parametrize(("properties", "codes"), REFUSED)
def test_refused(properties: dict[str, Any], codes: list[str]) -> None:
    lab = prepared()
    with pytest.raises(Refused) as refused:
        monitor(lab, **properties)
    assert sorted(refused.value.codes) == sorted(codes), refused.value
    assert key("connectionMonitors", "m") not in lab.snapshot.resources


FIRST = [
    pytest.param({"source": None}, [BAD], id="no source"),
    pytest.param({"destination": None}, [BAD], id="no destination"),
    pytest.param({"destination": {"port": 80}}, [BAD], id="a destination that is nowhere"),
    pytest.param({"destination": {"address": "198.18.0.9"}}, [BAD], id="an address without a port"),
    pytest.param({"destination": {"address": "a b", "port": 80}}, [BAD], id="what is no address"),
    pytest.param(
        {"destination": {"resourceId": machine_id("a"), "port": 80}}, [BAD], id="source and destination the same"
    ),
    pytest.param({"monitoringIntervalInSeconds": 29}, ["InvalidParameter"], id="too often"),
    pytest.param({"source": {"resourceId": account_id()}}, ["InvalidTargetResource"], id="a source that cannot send"),
    pytest.param(
        {"source": {"resourceId": machine_id("bare")}}, ["NetworkWatcherAgentNotInstalled"], id="one without the agent"
    ),
    pytest.param(
        {"source": None, "destination": {"address": "198.18.0.9"}}, [BAD, BAD], id="all that is missing at once"
    ),
]


@pytest.mark.parametrize(("properties", "codes"), FIRST)
def test_refused_of_the_first_version(properties: dict[str, Any], codes: list[str]) -> None:
    lab = prepared()
    with pytest.raises(Refused) as refused:
        first(lab, **properties)
    assert refused.value.codes == codes, refused.value


def test_a_region_has_a_hundred_monitors() -> None:
    lab = network()
    made = monitor(lab)
    more = {}
    for number in range(99):
        identity = nested("connectionMonitors", f"m{number}")
        more[identity.key] = msgspec.structs.replace(made, id=identity)
    lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, more)[0]
    monitor(lab)
    with pytest.raises(Refused, match="ConnectionMonitorCountLimitReached"):
        monitor(lab, "another")


def test_a_monitor_elsewhere_than_its_watcher_is_refused() -> None:
    assert monitor(network()).location == "westeurope"
    with pytest.raises(Refused, match="InvalidResourceLocation"):
        monitor(network(), location="eastus")


def act(lab: Lab, *, off: bool) -> Write | Reply:
    made = lab.snapshot.resources[key("connectionMonitors", "m")]
    done = turned(off=off)(made, lab.context())
    if isinstance(done, Write):
        lab.snapshot = lab.snapshot.with_changes(lab.snapshot.revision + 1, {made.id.key: done.resource})[0]
    return done


def test_it_is_stopped_and_started_again() -> None:
    lab = network()
    made = first(lab)
    assert lab.status(made.id)["monitoringStatus"] == "Running"
    assert isinstance(act(lab, off=True), Write)
    assert (lab.status(made.id)["monitoringStatus"], entry(lab).stopped) == ("Stopped", True)
    assert isinstance(act(lab, off=True), Reply)
    assert isinstance(act(lab, off=False), Write)
    assert lab.status(made.id)["monitoringStatus"] == "Running"


def asked(lab: Lab, **report: Any) -> dict[str, Any]:
    made = lab.snapshot.resources[key("connectionMonitors", "m")]
    seen = Observations(reports={made.id.key: report} if report else {})
    answer: dict[str, Any] = query(made, msgspec.structs.replace(lab.context(), observations=seen)).body
    return answer


def test_a_query_tells_what_each_test_found() -> None:
    lab = network()
    made = monitor(lab)
    assert asked(lab)["sourceStatus"] == "Unknown"
    checks = {
        "g/tcp80/a/b": {
            "state": "Fail",
            "sent": 4,
            "failed": 4,
            "rtt": [],
            "last": [["2026-01-01T00:01:00Z", None]],
            "reason": "no answer",
        }
    }
    found = asked(lab, guid=made.guid, started="2026-01-01T00:00:00Z", checks=checks)
    assert found["sourceStatus"] == "Active"
    (state,) = found["states"]
    assert (state["checkName"], state["connectionState"], state["probesFailed"]) == ("g/tcp80/a/b", "Unreachable", 4)
    assert (state["startTime"], state["endTime"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z")
    assert (state["reason"], "avgLatencyInMs" in state) == ("no answer", False)
    checks["g/tcp80/a/b"] |= {"state": "Pass", "failed": 0, "rtt": [0.4, 1.6, 2.2], "reason": ""}
    (state,) = asked(lab, guid=made.guid, checks=checks)["states"]
    assert state["connectionState"] == "Reachable"
    assert [state[k] for k in ("minLatencyInMs", "avgLatencyInMs", "maxLatencyInMs")] == [0, 2, 2]


def test_what_was_found_for_an_earlier_monitor_of_the_name_is_not_told() -> None:
    lab = network()
    monitor(lab)
    (state,) = asked(lab, guid="another", checks={"g/tcp80/a/b": {"state": "Pass", "sent": 9}})["states"]
    assert (state["probesSent"], state["testResult"]) == (0, "Indeterminate")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("200", [(200, 200)], id="one code"),
        pytest.param("2xx", [(200, 299)], id="a class of codes"),
        pytest.param("301-304", [(301, 304)], id="from one to another"),
        pytest.param("304-301", [], id="the wrong way round"),
        pytest.param("99", [], id="below all"),
        pytest.param("ok", [], id="a word"),
    ],
)
def test_ranges_of_status_codes(text: str, expected: list[tuple[int, int]]) -> None:
    assert statuses(text) == expected


@pytest.mark.parametrize("text", ["10.0.0.4", "10.0.0.0/24", "10.0.0.4-10.0.0.9", "fd00::/64"])
def test_ranges_of_addresses(text: str) -> None:
    assert is_range(text)
    assert not is_range(f"{text}-")
