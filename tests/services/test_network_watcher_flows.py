"""IP flow verify and next hop: the documented answers, refusals, and the model that they agree with."""

from __future__ import annotations

from ipaddress import ip_address
from random import Random
from typing import Any

import pytest

from lazulite.analysis import Index, ip_flow_verify, trace
from lazulite.analysis.answers import Disposition, StepAction
from lazulite.forwarding.model import Port, RouteTable
from lazulite.values import Direction, Flow, Protocol
from tests.build import Lab, ref, resource_id
from tests.services.asking import ask, codes, result
from tests.services.security_rules import group
from tests.services.watched import MACHINES, WATCHER, guard, machine_id, network

GROUPS, TABLES = "networkSecurityGroups", "routeTables"


def flow(direction: str, local: str, remote: str, protocol: str = "TCP", machine: str = "a", **more: Any) -> Any:
    """Ends as ``10.0.0.4:80``."""
    here, there = local.rsplit(":", 1), remote.rsplit(":", 1)
    return {
        "targetResourceId": machine_id(machine),
        "direction": direction,
        "protocol": protocol,
        "localIPAddress": here[0],
        "localPort": here[1],
        "remoteIPAddress": there[0],
        "remotePort": there[1],
    } | more


def default_group() -> Lab:
    lab = network()
    guard(lab, "g", nic="a-nic")
    return lab


WORKED = [
    pytest.param(
        ("Outbound", "10.0.0.4:60000", "13.107.21.200:80"),
        "Allow",
        "AllowInternetOutBound",
        id="the Internet is reached",
    ),
    pytest.param(
        ("Outbound", "10.0.0.4:60000", "172.31.0.100:80"),
        "Deny",
        "DenyAllOutBound",
        id="private space of nobody is not",
    ),
    pytest.param(
        ("Inbound", "10.0.0.4:80", "172.31.0.100:60000"), "Deny", "DenyAllInBound", id="and nothing comes from there"
    ),
    pytest.param(
        ("Inbound", "10.0.0.4:80", "10.0.0.5:60000"), "Allow", "AllowVnetInBound", id="the network's machines may"
    ),
]


@pytest.mark.parametrize(("asked", "access", "rule"), WORKED)
def test_the_documented_flows(asked: tuple[str, str, str], access: str, rule: str) -> None:
    """Source: "Diagnose a virtual machine network traffic filter problem"."""
    answer = ask(default_group(), "ipFlowVerify", **flow(*asked))
    assert (answer["access"], answer["ruleName"]) == (access, f"defaultSecurityRules/{rule}")
    assert answer["ruleId"] == f"{resource_id(GROUPS, 'g').text}/defaultSecurityRules/{rule}"


def rule(name: str, **said: Any) -> dict[str, Any]:
    default = {"protocol": "Tcp", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "sourcePortRange": "*"}
    return {"name": name, "properties": default | said}


def recorded() -> Lab:
    """10.17.3.4 with the two rules of Az.Network's own live test."""
    lab = Lab()
    lab.put("networkWatchers", WATCHER, {})
    scr1 = rule("scr1", direction="Outbound", access="Deny", priority=122, destinationPortRange="80")
    sr2 = rule(
        "sr2", direction="Inbound", access="Allow", priority=123, sourcePortRange="23-45", destinationPortRange="46-56"
    )
    rdp = rule("default-allow-rdp", direction="Inbound", access="Allow", priority=1000, destinationPortRange="3389")
    lab.put(GROUPS, "g", {"securityRules": [scr1, sr2, rdp]})
    lab.vnet("v", "10.17.3.0/24", subnets={"s": "10.17.3.0/24"})
    lab.nic("a-nic", "v/s", "10.17.3.4", networkSecurityGroup=ref(GROUPS, "g"))
    lab.vm("a", "a-nic")
    return lab


@pytest.mark.parametrize(
    ("asked", "access", "rule"),
    [
        pytest.param(("Inbound", "10.17.3.4:50", "121.11.12.14:40"), "Allow", "sr2", id="sr2 allows from its ports"),
        pytest.param(("Outbound", "10.17.3.4:80", "12.11.12.14:80"), "Deny", "scr1", id="scr1 denies port 80"),
    ],
)
def test_the_recorded_flows(asked: tuple[str, str, str], access: str, rule: str) -> None:
    """Source: facts/wire-recordings.md, TestVerifyIPFlow."""
    answer = ask(recorded(), "ipFlowVerify", **flow(*asked))
    name = f"securityRules/{rule}"
    assert answer == {"access": access, "ruleName": name, "ruleId": f"{resource_id(GROUPS, 'g').text}/{name}"}


def test_a_source_port_may_be_any() -> None:
    lab = default_group()
    assert ask(lab, "ipFlowVerify", **flow("Outbound", "10.0.0.4:*", "8.8.8.8:80"))["access"] == "Allow"
    assert ask(lab, "ipFlowVerify", **flow("Inbound", "10.0.0.4:80", "8.8.8.8:*"))["access"] == "Deny"
    assert codes(lab, "ipFlowVerify", **flow("Outbound", "10.0.0.4:1", "8.8.8.8:*")) == ["InvalidPort"]


def test_a_machine_without_a_group_lets_everything_pass_and_names_no_rule() -> None:
    answer = ask(network(), "ipFlowVerify", **flow("Inbound", "10.0.0.4:80", "8.8.8.8:60000"))
    assert answer == {"access": "Allow", "ruleName": ""}


def test_the_answer_to_ip_flow_verify_is_there_at_once_and_that_to_next_hop_is_polled() -> None:
    lab = default_group()
    assert not result(lab, "ipFlowVerify", flow("Inbound", "10.0.0.4:80", "8.8.8.8:60000")).slow  # type: ignore[union-attr]
    assert result(lab, "nextHop", hop("8.8.8.8")).slow  # type: ignore[union-attr]


def test_the_subnets_group_has_its_say_after_the_interfaces_on_the_way_out() -> None:
    lab = network()
    group(lab, "outer", "100 out deny tcp * > * :443")
    group(lab, "inner", "100 out allow tcp * > * :*")
    guard(lab, "outer", subnet="web")
    guard(lab, "inner", nic="a-nic")
    assert ask(lab, "ipFlowVerify", **flow("Outbound", "10.0.0.4:*", "8.8.8.8:443"))["ruleId"].startswith(
        resource_id(GROUPS, "outer").text
    )


def two_interfaces(*, forwards: bool) -> Lab:
    lab = network()
    lab.nic("one", "v/web", "10.0.0.20", enableIPForwarding=forwards)
    lab.nic("two", "v/db", "10.0.1.20")
    lab.vm("c", "one", "two")
    return lab


def test_of_several_interfaces_the_address_says_which_is_meant() -> None:
    lab = two_interfaces(forwards=False)
    guard(lab, "g", nic="two")
    for address, access in (("10.0.0.20", "Allow"), ("10.0.1.20", "Deny")):
        asked = flow("Inbound", f"{address}:80", "8.8.8.8:60000", machine="c")
        assert ask(lab, "ipFlowVerify", **asked)["access"] == access


def test_of_several_interfaces_one_must_be_named_where_one_forwards() -> None:
    lab = two_interfaces(forwards=True)
    asked = flow("Inbound", "10.0.1.20:80", "8.8.8.8:60000", machine="c")
    assert codes(lab, "ipFlowVerify", **asked) == ["TargetNetworkInterfaceMustBeSpecified"]
    named = {"targetNicResourceId": resource_id("networkInterfaces", "two").text}
    assert ask(lab, "ipFlowVerify", **asked | named)["access"] == "Allow"
    other = {"targetNicResourceId": resource_id("networkInterfaces", "a-nic").text}
    assert codes(lab, "ipFlowVerify", **asked | other) == ["InvalidTargetNetworkInterface"]


REFUSED = [
    pytest.param({"direction": "Sideways"}, ["InvalidRequestFormat"], id="a direction that is none"),
    pytest.param({"protocol": "ICMP"}, ["InvalidRequestFormat"], id="a protocol without ports"),
    pytest.param({"localPort": "65536"}, ["InvalidPort"], id="a port beyond all"),
    pytest.param({"remotePort": "http"}, ["InvalidPort"], id="a service's name"),
    pytest.param({"localIPAddress": "10.0.0.99"}, ["InvalidLocalIPAddress"], id="an address of somebody else"),
    pytest.param({"localIPAddress": "ten"}, ["InvalidIPAddressFormat"], id="what is no address"),
    pytest.param({"remoteIPAddress": "fd00::1"}, ["InvalidIPAddressFormat"], id="two IP versions"),
    pytest.param({"targetResourceId": machine_id("z")}, ["ResourceNotFound"], id="a machine that is not there"),
    pytest.param({"targetResourceId": "z"}, ["LinkedInvalidPropertyId"], id="what is no id"),
    pytest.param({"colour": "red"}, ["InvalidRequestFormat"], id="a member nobody knows"),
    pytest.param(
        {"direction": None, "protocol": None},
        ["InvalidRequestFormat", "InvalidRequestFormat"],
        id="all that is missing",
    ),
]


@pytest.mark.parametrize(("change", "expected"), REFUSED)
def test_refused(change: dict[str, Any], expected: list[str]) -> None:
    body = flow("Inbound", "10.0.0.4:80", "8.8.8.8:60000") | change
    assert codes(default_group(), "ipFlowVerify", **body) == expected


def test_a_machine_elsewhere_and_one_that_is_stopped_are_refused() -> None:
    lab = network(location="eastus")
    body = flow("Inbound", "10.0.0.4:80", "8.8.8.8:60000")
    lab.edit(MACHINES, "a", power_state="stopped")
    wrong = ["ResourceNotInNetworkWatcherRegion", "TargetVirtualMachineNotRunning"]
    assert codes(lab, "ipFlowVerify", **body) == wrong


def hop(destination: str, source: str = "10.0.0.4", machine: str = "a", **more: Any) -> Any:
    named = {"targetResourceId": machine_id(machine), "sourceIPAddress": source, "destinationIPAddress": destination}
    return named | more


def routed(**routes: str) -> Lab:
    """``nva`` is 10.0.1.4; routes by prefix with ``_`` for dots."""
    lab = network()
    lab.nic("nva-nic", "v/db", "10.0.1.4", enableIPForwarding=True)
    lab.vm("nva", "nva-nic")
    if routes:
        lab.route_table("rt", {k.strip("_").replace("_", ".").replace("s", "/"): v for k, v in routes.items()})
        subnets = {"web": {"addressPrefix": "10.0.0.0/24", "table": "rt"}, "db": "10.0.1.0/24"}
        lab.vnet("v", "10.0.0.0/16", subnets=subnets)
    return lab


SYSTEM = "System Route"


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        pytest.param("13.107.21.200", "Internet", id="the Internet"),
        pytest.param("172.31.0.100", "None", id="private space of nobody leads nowhere"),
        pytest.param("10.0.1.4", "VnetLocal", id="the network itself"),
        pytest.param("192.168.0.1", "None", id="and none of the other private spaces"),
    ],
)
def test_the_documented_hops(destination: str, expected: str) -> None:
    """Source: "Diagnose a virtual machine network routing problem"."""
    assert ask(routed(), "nextHop", **hop(destination)) == {"nextHopType": expected, "routeTableId": SYSTEM}


def test_space_that_the_network_holds_is_local() -> None:
    lab = network()
    lab.vnet("v", "10.0.0.0/16", "172.31.0.0/16", subnets={"web": "10.0.0.0/24", "db": "10.0.1.0/24"})
    assert ask(lab, "nextHop", **hop("172.31.0.100"))["nextHopType"] == "VnetLocal"


def test_a_route_of_the_users_names_its_table() -> None:
    lab = routed(_0_0_0_0s0="10.0.1.4")
    found = ask(lab, "nextHop", **hop("12.11.12.14"))
    table = resource_id(TABLES, "rt").text
    assert found == {"nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.0.1.4", "routeTableId": table}
    assert ask(lab, "nextHop", **hop("12.11.12.14", "10.0.1.4", "nva"))["routeTableId"] == SYSTEM


def test_a_route_to_nowhere_is_the_users_too() -> None:
    """Source: TestGetNextHop of Az.Network, whose table sends 10.1.3.0/24 nowhere."""
    lab = routed(_10_1_3_0s24="None")
    found = ask(lab, "nextHop", **hop("10.1.3.6"))
    assert found == {"nextHopType": "None", "routeTableId": resource_id(TABLES, "rt").text}


def test_a_peer_is_the_next_hop_to_its_space() -> None:
    lab = network()
    lab.vnet("other", "10.5.0.0/16", subnets={"s": "10.5.0.0/24"})
    lab.peer("v", "other")
    lab.peer("other", "v")
    assert ask(lab, "nextHop", **hop("10.5.0.4"))["nextHopType"] == "VNetPeering"


def test_a_hop_from_an_address_of_somebody_else_is_refused() -> None:
    assert codes(routed(), "nextHop", **hop("8.8.8.8", "10.0.0.77")) == ["InvalidLocalIPAddress"]
    assert codes(routed(), "nextHop", **hop("fd00::1")) == ["InvalidIPAddressFormat"]
    assert codes(routed(), "nextHop") == ["InvalidRequestFormat"] * 3


def random_network(chance: Random) -> Lab:
    """Groups on interfaces and the subnet, a table on the subnet: whatever chance says."""
    lab = network()
    sides = ["*", "10.0.0.0/24", "Internet", "VirtualNetwork", "10.0.0.5", "8.8.8.0/24"]
    for name in ("inner", "outer"):
        lines = [
            f"{100 + number} {chance.choice(['in', 'out'])} {chance.choice(['allow', 'deny'])} "
            f"{chance.choice(['tcp', 'udp', '*'])} {chance.choice(sides)} > {chance.choice(sides)} "
            f":{chance.choice(['*', '80', '22-443'])}"
            for number in range(chance.randrange(4))
        ]
        group(lab, name, *lines)
    if chance.random() < 0.7:
        guard(lab, "outer", subnet="web")
    if chance.random() < 0.7:
        guard(lab, "inner", nic="a-nic")
    return lab


@pytest.mark.parametrize("seed", range(40))
def test_ip_flow_verify_says_what_becomes_of_the_packet(seed: int) -> None:
    """In random networks: denied out exactly when the answer is Deny, and by the rule that it names."""
    chance = Random(seed)
    lab = random_network(chance)
    index = Index(lab.compile())
    remote = chance.choice(["10.0.0.5", "10.0.1.77", "8.8.8.8", "9.9.9.9", "172.31.0.100"])
    protocol, port = chance.choice(["TCP", "UDP"]), chance.choice([22, 80, 443, 8080])
    answer = ask(lab, "ipFlowVerify", **flow("Outbound", "10.0.0.4:49152", f"{remote}:{port}", protocol))
    sent = Flow(ip_address("10.0.0.4"), ip_address(remote), Protocol(protocol.lower()), port)
    way = trace(index, resource_id("networkInterfaces", "a-nic").key, sent)
    assert (answer["access"] == "Deny") is (way.disposition is Disposition.DENIED_OUT)
    first = [s for s in way.hops[0].steps if s.action in (StepAction.ALLOWED, StepAction.DENIED)]
    assert answer.get("ruleId", "") == (first[-1].origin if first else "")
    back = flow("Inbound", f"10.0.0.4:{port}", f"{remote}:49152", protocol)
    inbound = Flow(ip_address(remote), ip_address("10.0.0.4"), Protocol(protocol.lower()), port)
    said = ip_flow_verify(index, resource_id("networkInterfaces", "a-nic").key, Direction.INGRESS, inbound)
    assert ask(lab, "ipFlowVerify", **back)["access"].lower() == said.action.value


@pytest.mark.parametrize("seed", range(40))
def test_next_hop_is_the_effective_route_that_is_longest(seed: int) -> None:
    chance = Random(seed)
    hops = ["10.0.1.4", "Internet", "None", "VnetLocal"]
    prefixes = ["_0_0_0_0s0", "_8_0_0_0s8", "_10_0_0_0s8", "_10_0_1_0s24", "_172_16_0_0s12", "_8_8_8_8s32"]
    chosen = {p: chance.choice(hops) for p in prefixes if chance.random() < 0.5}
    lab = routed(**chosen)
    model = lab.compile()
    port = model.all(Port)[resource_id("networkInterfaces", "a-nic").key]
    rows = [r for r in model.all(RouteTable)[port.routes].routes if r.active]
    for destination in ("8.8.8.8", "8.9.9.9", "10.0.1.4", "10.7.0.1", "172.31.0.100", "10.0.0.5"):
        fitting = [r for r in rows if ip_address(destination) in r.prefix]
        best = max(fitting, key=lambda r: r.prefix.prefixlen)
        found = ask(lab, "nextHop", **hop(destination))
        assert found["nextHopType"] == best.next_hop.value
        assert found.get("nextHopIpAddress") == (str(best.via) if best.via else None)
        assert (found["routeTableId"] == SYSTEM) is (best.source.value != "User")
