"""Network Watcher's questions; the worked examples of the fact sheets as tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.analysis import Index, effective_routes, effective_rules, ip_flow_verify, next_hop, topology, trace
from lazulite.analysis.graph import Relation
from lazulite.forwarding.model import ForwardingModel, Port
from lazulite.values import Direction, Flow
from tests.analysis.build import access_list, flow, group, index, model, peered, port, route, table, vrf
from tests.analysis.networks import flows, networks, patient

VNET = "10.0.0.0/16"
DEFAULT_IN = (f"65000 allow * {VNET} > {VNET} :*", "65500 deny * * > * :*")
DEFAULT_OUT = (
    f"65000 allow * {VNET} > {VNET} :*",
    "65001 allow * * > 0.0.0.0/1,128.0.0.0/2 :*",
    "65500 deny * * > * :*",
)
IN, OUT = Direction.INGRESS, Direction.EGRESS


def four_machines(nsg1: tuple[str, ...] = (), nsg2: tuple[str, ...] = ()) -> Index:
    """E1 of "Network security groups": NSG1 on subnet 1 (VM1, VM2), NSG2 on the NICs of VM1 and VM3, VM4 bare."""
    return index(
        vrf("net", VNET),
        table("net", route(f"{VNET} local")),
        access_list("NSG1", *nsg1, *DEFAULT_IN),
        access_list("NSG2", *nsg2, *DEFAULT_IN),
        port("VM1", "10.0.0.4/24", ingress=("NSG1", "NSG2"), own_list=True),
        port("VM2", "10.0.0.5/24", ingress=("NSG1",)),
        port("VM3", "10.0.1.4/24", ingress=("NSG2",), own_list=True),
        port("VM4", "10.0.2.4/24"),
    )


OPEN = ("100 allow tcp * > * :80",)
VERDICTS = [
    pytest.param((), (), "VM1", "deny NSG1", id="with default rules the subnet's group stops VM1"),
    pytest.param((), (), "VM2", "deny NSG1", id="and VM2"),
    pytest.param((), (), "VM3", "deny NSG2", id="the group of its own stops VM3"),
    pytest.param((), (), "VM4", "allow ", id="nothing stops VM4"),
    pytest.param(OPEN, (), "VM1", "deny NSG2", id="the subnet's leave alone does not help VM1"),
    pytest.param(OPEN, (), "VM2", "allow NSG1", id="it helps VM2"),
    pytest.param(OPEN, OPEN, "VM1", "allow NSG2", id="both must allow; the last one is quoted"),
    pytest.param(OPEN, OPEN, "VM3", "allow NSG2", id="VM3 asks its own only"),
]


@pytest.mark.parametrize(("nsg1", "nsg2", "name", "expected"), VERDICTS)
def test_ip_flow_verify_asks_subnet_and_nic(
    nsg1: tuple[str, ...], nsg2: tuple[str, ...], name: str, expected: str
) -> None:
    network = four_machines(nsg1, nsg2)
    dst = network.port(name).addresses[0]
    found = ip_flow_verify(network, name, IN, flow(f"tcp 8.8.8.8 > {dst}:80"))
    assert f"{found.action} {found.label}" == expected


def test_a_port_with_no_list_says_so() -> None:
    assert ip_flow_verify(four_machines(), "VM4", IN, flow("tcp 8.8.8.8 > 10.0.2.4:80")).origin == "no access list"


@pytest.mark.parametrize(
    ("direction", "line", "origin"),
    [
        pytest.param(OUT, "tcp 10.0.0.4:60000 > 13.107.21.200:80", "rule 65001", id="out to the Internet is allowed"),
        pytest.param(OUT, "tcp 10.0.0.4:60000 > 192.0.2.100:80", "rule 65500", id="out to what is not Internet is not"),
        pytest.param(IN, "tcp 172.31.0.100:60000 > 10.0.0.4:80", "rule 65500", id="in from elsewhere is not"),
    ],
)
def test_the_worked_examples_of_network_watcher(direction: Direction, line: str, origin: str) -> None:
    network = index(
        vrf("net", VNET),
        access_list("in", *DEFAULT_IN),
        access_list("out", *DEFAULT_OUT),
        port("vm", "10.0.0.4/24", egress=("out",), ingress=("in",)),
    )
    assert ip_flow_verify(network, "vm", direction, flow(line)).origin == origin


NVA: dict[str, Any] = {"via": "10.0.100.4", "target": "net"}
SUBNET1 = (
    route("10.0.0.0/16 local", active=False),
    route("10.0.0.0/16 appliance user", **NVA),
    route("10.0.0.0/24 local user"),
    route("10.1.0.0/16 peering", target="peer", active=False),
    route("10.1.0.0/16 none user"),
    route("10.10.0.0/16 appliance user", **NVA),
    route("0.0.0.0/0 internet", active=False),
    route("0.0.0.0/0 appliance user", **NVA),
)
SUBNET2 = (
    route("10.0.0.0/16 local"),
    route("10.2.0.0/16 peering", target="peer"),
    route("0.0.0.0/0 internet"),
    route("10.0.0.0/8 none"),
    route("192.168.0.0/16 none"),
)
E2 = index(
    vrf("net", "10.0.0.0/16"),
    table("net", *SUBNET1, name="s1"),
    table("net", *SUBNET2, name="s2"),
    port("one", "10.0.0.4/24", routes="net|s1"),
    port("two", "10.0.1.4/24", routes="net|s2"),
    port("lost", "10.0.2.4/24", routes="net|gone"),
)


@pytest.mark.parametrize(
    ("name", "dst", "expected"),
    [
        ("one", "10.0.0.9", "10.0.0.0/24 local user"),
        ("one", "10.0.1.9", "10.0.0.0/16 appliance user"),
        ("one", "10.1.3.3", "10.1.0.0/16 none user"),
        ("one", "10.10.5.5", "10.10.0.0/16 appliance user"),
        ("one", "8.8.8.8", "0.0.0.0/0 appliance user"),
        ("one", "192.168.7.7", "0.0.0.0/0 appliance user"),
        ("two", "192.168.7.7", "192.168.0.0/16 none"),
        ("two", "10.77.0.1", "10.0.0.0/8 none"),
        ("two", "10.2.9.9", "10.2.0.0/16 peering"),
        ("lost", "10.0.0.4", None),
    ],
)
def test_next_hop_of_the_worked_example(name: str, dst: str, expected: str | None) -> None:
    """E2 of "Virtual network"."""
    found = next_hop(E2, name, flow(f"tcp 10.0.0.4 > {dst}").dst)
    assert (found.origin if found else None) == expected


def test_effective_routes_keep_the_rows_that_lost() -> None:
    assert effective_routes(E2, "one") == SUBNET1
    assert effective_routes(E2, "lost") == ()


def test_effective_rules_say_where_each_list_stands_and_who_its_sets_are() -> None:
    network = index(
        access_list("nic", "1 allow * web > * :*"),
        access_list("subnet"),
        group("web", "10.0.0.4"),
        port("vm", "10.0.0.4/24", egress=("nic", "subnet"), ingress=("subnet", "nic"), own_list=True),
        port("half", "10.0.0.5/24", egress=("gone",), ingress=("subnet",)),
    )
    assert [(e.stage, e.label) for e in effective_rules(network, "vm")] == [
        ("nic-access-list-out", "nic"),
        ("subnet-access-list-out", "subnet"),
        ("subnet-access-list-in", "subnet"),
        ("nic-access-list-in", "nic"),
    ]
    assert effective_rules(network, "vm")[0].members == {"web": frozenset(group("", "10.0.0.4").members)}
    assert [(e.stage, e.rules) for e in effective_rules(network, "half")] == [
        ("subnet-access-list-out", ()),
        ("subnet-access-list-in", ()),
    ]


@pytest.mark.parametrize("ask", [effective_routes, effective_rules])
def test_an_unknown_port_is_an_error(ask: Any) -> None:
    with pytest.raises(LookupError):
        ask(E2, "nobody")


@patient
@given(networks(), st.lists(flows, min_size=5, max_size=10))
def test_a_trace_and_ip_flow_verify_agree_at_the_sender(network: ForwardingModel, asked: list[Flow]) -> None:
    found = Index(network)
    for each in asked:
        for name in network.all(Port):
            steps = [s for s in trace(found, name, each).hops[0].steps if "list" in s.stage]
            if steps:
                verdict = ip_flow_verify(found, name, OUT, each)
                assert (verdict.origin, verdict.label) == (steps[-1].origin, steps[-1].detail)


def test_topology_joins_what_exists() -> None:
    one, other = vrf("one", "10.0.0.0/16"), vrf("two", "10.1.0.0/16")
    found = topology(
        model(
            one,
            other,
            peered(one, other),
            table("one", route("10.0.0.0/16 local")),
            access_list("l"),
            port("a", "10.0.0.4/24", "one", egress=("l",), ingress=("l", "gone")),
        )
    )
    assert [n.name for n in found.nodes if n.kind == "Vrf"] == ["one", "two"]
    assert {(link.source[1], link.relation, link.target[1]) for link in found.links} == {
        ("one", Relation.CONTAINS, "a"),
        ("a", Relation.ASSOCIATED, "vm-a"),
        ("a", Relation.ASSOCIATED, "l"),
        ("a", Relation.ASSOCIATED, "one|"),
        ("one", Relation.PEERED, "two"),
    }
