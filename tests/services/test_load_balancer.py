"""Load balancers: what clients read of them, and what they mean for packets."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.forwarding.model import (
    AccessList,
    AdminState,
    BalancingRule,
    Distribution,
    Frontend,
    Pool,
    Port,
    PortForward,
    ProbeProtocol,
    SourceNat,
)
from lazulite.resources.schema import encode
from lazulite.values import Protocol
from tests.build import Lab, Refused, ref, resource_id, subnet_ref
from tests.services.balancers import (
    FRONTENDS,
    NAT_POOLS,
    NAT_RULES,
    OUTBOUND,
    POOLS,
    PROBES,
    RULES,
    backend,
    balancer,
    child,
    configuration,
    ha_ports,
    nat,
    nat_range,
    network,
    outbound,
    part,
    part_id,
    pool,
    private,
    probe,
    public,
    rule,
)

VNET = resource_id("virtualNetworks", "v").key


@pytest.fixture
def lab() -> Lab:
    return network(Lab())


def stored(lab: Lab, wire: str, name: str) -> dict[str, Any]:
    """A child's properties as a client reads them."""
    found = lab.snapshot.resources[part_id(wire, name).key]
    return dict(encode(found.properties)) | lab.status(found.id)


def pool_key(name: str = "b", watched: str | None = None) -> str:
    return f"{part_id(POOLS, name).key}|{part_id(PROBES, watched).key if watched else ''}"


# What clients read.


def test_a_rule_answers_with_what_the_service_fills_in(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    assert stored(lab, RULES, "r") == {
        "protocol": "Tcp",
        "frontendPort": 80,
        "backendPort": 80,
        "frontendIPConfiguration": part(FRONTENDS, "f"),
        "backendAddressPool": part(POOLS, "b"),
        "backendAddressPools": [part(POOLS, "b")],
        "loadDistribution": "Default",
        "idleTimeoutInMinutes": 4,
        "enableFloatingIP": False,
        "enableTcpReset": False,
        "disableOutboundSnat": False,
        "enableDestinationServiceEndpoint": False,
        "allowBackendPortConflict": False,
    }


@pytest.mark.parametrize(
    ("wire", "body", "expected"),
    [
        pytest.param(
            PROBES,
            probe(),
            {"intervalInSeconds": 15, "probeThreshold": 1, "noHealthyBackendsBehavior": "AllProbedDown"},
            id="a probe: every 15 seconds, one result is enough, all down is down",
        ),
        pytest.param(
            OUTBOUND,
            outbound(),
            {"allocatedOutboundPorts": 0, "idleTimeoutInMinutes": 4, "enableTcpReset": False},
            id="an outbound rule: ports by size of pool, 4 minutes",
        ),
        pytest.param(
            NAT_RULES,
            nat(),
            {"idleTimeoutInMinutes": 4, "enableFloatingIP": False, "enableTcpReset": False, "frontendPort": 5000},
            id="an inbound NAT rule: 4 minutes, no floating IP, no reset",
        ),
    ],
)
def test_defaults(lab: Lab, wire: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    balancer(lab, **{wire: [body]})
    assert stored(lab, wire, body["name"]).items() >= expected.items()


def test_a_frontend_says_it_is_dynamic_and_ipv4(lab: Lab) -> None:
    balancer(lab)
    expected = {"privateIPAllocationMethod": "Dynamic", "privateIPAddressVersion": "IPv4"}
    assert stored(lab, FRONTENDS, "f").items() >= expected.items()


def test_empty_lists_are_there(lab: Lab) -> None:
    body = encode(balancer(lab).properties)
    assert [body[w] for w in (RULES, PROBES, NAT_RULES, NAT_POOLS)] == [[], [], [], []]


@pytest.mark.parametrize(
    ("sku", "shown"),
    [
        pytest.param("Standard", [], id="a Standard one shows that it has no outbound rules"),
        pytest.param("Basic", None, id="a Basic one does not know them"),
    ],
)
def test_outbound_rules_of_nobody(lab: Lab, sku: str, shown: list[Any] | None) -> None:
    found = balancer(lab, private(), sku=sku)
    assert lab.status(found).get(OUTBOUND) == shown


def test_every_part_knows_who_refers_to_it(lab: Lab) -> None:
    balancer(
        lab,
        **{
            RULES: [rule(disableOutboundSnat=True, probe=part(PROBES, "x"))],
            PROBES: [probe()],
            NAT_RULES: [nat_range("n", 5000, 5009)],
            OUTBOUND: [outbound()],
            POOLS: [pool("b"), pool("c")],
        },
    )
    assert lab.status(part_id(POOLS, "c")) == {"loadBalancerBackendAddresses": []}, "nobody's"
    rules, nats, outs = [part(RULES, "r")], [part(NAT_RULES, "n")], [part(OUTBOUND, "o")]
    assert lab.status(part_id(FRONTENDS, "f")) == {RULES: rules, NAT_RULES: nats, OUTBOUND: outs}
    assert lab.status(part_id(PROBES, "x")) == {RULES: rules}
    assert lab.status(part_id(POOLS, "b")) == {
        RULES: rules,
        NAT_RULES: nats,
        OUTBOUND: outs,
        "outboundRule": outs[0],
        "loadBalancerBackendAddresses": [],
    }


def test_a_pool_shows_the_interfaces_in_it(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat_range("n", 5000, 5009)]})
    backend(lab, "one", "b")
    shown = lab.status(part_id(POOLS, "b"))
    assert shown["backendIPConfigurations"] == [{"id": configuration("one").text}]
    (entry,) = shown["loadBalancerBackendAddresses"]
    assert (entry["name"], entry["type"]) == (
        "rg_onei",
        "Microsoft.Network/loadBalancers/backendAddressPools/loadBalancerBackendAddresses",
    )
    assert entry["properties"] == {
        "provisioningState": "Succeeded",
        "networkInterfaceIPConfiguration": {"id": configuration("one").text},
        "adminState": "None",
        "inboundNatRulesPortMapping": [{"inboundNatRuleName": "n", "frontendPort": 5000, "backendPort": 22}],
    }


def test_an_inbound_nat_rule_shows_who_is_bound_to_it(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat()]})
    backend(lab, "one", rules=("n",))
    assert lab.status(part_id(NAT_RULES, "n")) == {"backendIPConfiguration": {"id": configuration("one").text}}


def test_a_public_address_shows_the_frontend_that_has_it(lab: Lab) -> None:
    lab.public_ip("dynamic", sku="Basic")
    balancer(lab, public(address="dynamic"), sku="Basic")
    shown = lab.status(lab.get("publicIPAddresses", "dynamic"))
    assert (shown["ipConfiguration"], shown["ipAddress"]) == (part(FRONTENDS, "f"), "198.18.0.3")


def test_a_prefix_shows_the_frontend_that_has_it(lab: Lab) -> None:
    lab.put("publicIPPrefixes", "x", {"prefixLength": 31})
    balancer(lab, child("f", publicIPPrefix=ref("publicIPPrefixes", "x")))
    shown = lab.status(lab.get("publicIPPrefixes", "x"))
    assert shown["loadBalancerFrontendIpConfiguration"] == part(FRONTENDS, "f")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param({"backendAddressPool": part(POOLS, "c")}, "c", id="the one pool, changed"),
        pytest.param({"backendAddressPools": [part(POOLS, "c")]}, "c", id="the list, changed"),
        pytest.param({}, "b", id="neither"),
    ],
)
def test_a_client_that_read_both_places_of_the_pool_may_change_either(
    lab: Lab, sent: dict[str, Any], expected: str
) -> None:
    pools = {POOLS: [pool("b"), pool("c")]}
    balancer(lab, **pools, **{RULES: [rule()]})
    changed = rule()
    changed["properties"] |= {"backendAddressPools": [part(POOLS, "b")]} | sent
    balancer(lab, **pools, **{RULES: [changed]})
    shown = stored(lab, RULES, "r")
    assert shown["backendAddressPool"] == part(POOLS, expected)
    assert shown["backendAddressPools"] == [part(POOLS, expected)]


# Private addresses.


def address(lab: Lab, frontend: str = "f") -> str | None:
    return stored(lab, FRONTENDS, frontend).get("privateIPAddress")


def test_a_dynamic_frontend_gets_the_lowest_free_address_and_keeps_it(lab: Lab) -> None:
    lab.nic("n", "v/a")
    balancer(lab, private())
    lab.delete("networkInterfaces", "n")
    balancer(lab, private())
    assert address(lab) == "10.0.0.5"


def test_an_interface_never_gets_a_frontends_address(lab: Lab) -> None:
    balancer(lab, private(), private("g", address="10.0.0.5"))
    lab.nic("n", "v/a")
    assert (
        address(lab),
        str(lab.get("networkInterfaces", "n").properties.primary_configuration.private_ip_address),
    ) == (
        "10.0.0.4",
        "10.0.0.6",
    )


def test_two_dynamic_frontends_get_two_addresses(lab: Lab) -> None:
    balancer(lab, private(), private("g"))
    assert (address(lab), address(lab, "g")) == ("10.0.0.4", "10.0.0.5")


def test_a_static_interface_cannot_take_a_frontends_address(lab: Lab) -> None:
    balancer(lab, private())
    with pytest.raises(Refused, match="PrivateIPAddressIsAllocated"):
        lab.nic("n", "v/a", "10.0.0.4")


def test_a_subnet_with_a_frontend_shows_it_and_cannot_be_deleted(lab: Lab) -> None:
    balancer(lab, private())
    subnet = resource_id("virtualNetworks", "v").child("subnets", "a")
    assert lab.status(subnet)["ipConfigurations"] == [part(FRONTENDS, "f")]
    with pytest.raises(Refused, match="InUseSubnetCannotBeDeleted"):
        lab.delete("virtualNetworks", "v")


@pytest.mark.parametrize("state", ["None", "Up"])
def test_az_sends_a_member_back_without_saying_which_interface_it_is(lab: Lab, state: str) -> None:
    balancer(lab)
    backend(lab, "one", "b")
    sent = {POOLS: [pool(loadBalancerBackendAddresses=[child("rg_onei", adminState=state)])]}
    balancer(lab, **sent)
    here = lab.status(part_id(POOLS, "b"))["loadBalancerBackendAddresses"]
    held = lab.snapshot.resources[part_id(POOLS, "b").key].properties.load_balancer_backend_addresses
    backend(lab, "one")
    balancer(lab, **sent)
    assert [a["properties"]["adminState"] for a in here] == [state]
    assert encode(held) == ([] if state == "None" else sent[POOLS][0]["properties"]["loadBalancerBackendAddresses"])
    assert lab.status(part_id(POOLS, "b")) == {"loadBalancerBackendAddresses": []}


# What it means for packets.


def test_a_public_frontend_is_in_the_network_of_its_backends(lab: Lab) -> None:
    balancer(lab)
    before = lab.compile().all(Frontend)
    backend(lab, "one", "b")
    (entry,) = lab.compile().all(Frontend).values()
    assert before == {}, "nobody's, while there are no backends"
    assert (entry.name, entry.vrf, str(entry.address), entry.public) == (
        part_id(FRONTENDS, "f").key,
        VNET,
        "198.18.0.2",
        True,
    )


def test_a_private_frontend_is_in_the_network_of_its_subnet(lab: Lab) -> None:
    balancer(lab, private())
    (entry,) = lab.compile().all(Frontend).values()
    assert (entry.vrf, str(entry.address), entry.public) == (VNET, "10.0.0.4", False)


def test_a_rule_names_its_frontend_and_its_pool_under_its_probe(lab: Lab) -> None:
    said = {"idleTimeoutInMinutes": 10, "enableTcpReset": True, "loadDistribution": "SourceIP"}
    balancer(lab, **{RULES: [rule("r", 80, 8080, probe=part(PROBES, "x"), **said)], PROBES: [probe()]})
    backend(lab, "one", "b")
    (entry,) = lab.compile().all(BalancingRule).values()
    assert entry == BalancingRule(
        part_id(RULES, "r").key,
        "r",
        part_id(FRONTENDS, "f").key,
        pool_key("b", "x"),
        Protocol.TCP,
        80,
        8080,
        Distribution.SOURCE,
        False,
        600,
        True,
        part_id(RULES, "r").text,
    )


def test_a_rule_for_all_ports_has_no_protocol(lab: Lab) -> None:
    balancer(lab, private(), **{RULES: [ha_ports()]})
    (entry,) = lab.compile().all(BalancingRule).values()
    assert (entry.protocol, entry.port, entry.backend_port) == (None, 0, 0)


def test_a_public_rule_without_backends_means_nothing(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    assert (lab.compile().all(BalancingRule), lab.compile().all(Pool)) == ({}, {})


def test_members_are_the_interfaces_of_running_machines(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    backend(lab, "one", "b")
    backend(lab, "two", "b", runs=False)
    members = lab.compile().all(Pool)[pool_key()].members
    assert [(m.name, str(m.address)) for m in members] == [(configuration("one").key, "10.0.0.4")]


def test_members_by_address_are_taken_at_their_word(lab: Lab) -> None:
    balancer(lab, **{POOLS: [pool("b", {"one": "10.0.0.9"})], RULES: [rule()]})
    entry = lab.compile().all(Pool)[pool_key()]
    name = part_id(POOLS, "b").child("loadBalancerBackendAddresses", "one").key
    assert (entry.vrf, [(m.name, str(m.address)) for m in entry.members]) == (VNET, [(name, "10.0.0.9")])


def test_rules_with_one_probe_share_a_pool_and_others_have_their_own(lab: Lab) -> None:
    watched = [rule("r1", 80, probe=part(PROBES, "x")), rule("r2", 81, probe=part(PROBES, "x")), rule("r3", 82)]
    balancer(lab, **{RULES: watched, PROBES: [probe()]})
    backend(lab, "one", "b")
    assert set(lab.compile().all(Pool)) == {pool_key("b", "x"), pool_key("b")}


def test_a_probe_is_declared_with_the_pool(lab: Lab) -> None:
    said = probe("x", 8080, "Http", requestPath="/ready", intervalInSeconds=5, probeThreshold=3, numberOfProbes=2)
    said["properties"]["noHealthyBackendsBehavior"] = "AllProbedUp"
    balancer(lab, **{RULES: [rule(probe=part(PROBES, "x"))], PROBES: [said]})
    backend(lab, "one", "b")
    entry = lab.compile().all(Pool)[pool_key("b", "x")]
    assert entry.probe is not None
    found = entry.probe
    assert (found.protocol, found.port, found.path, found.interval_s, found.threshold) == (
        ProbeProtocol.HTTP,
        8080,
        "/ready",
        5,
        3,
    )
    assert entry.revive


@pytest.mark.parametrize("state", ["Up", "Down", "None"])
def test_a_member_carries_the_admin_state_that_the_user_gave_its_address(lab: Lab, state: str) -> None:
    balancer(lab, **{RULES: [rule()]})
    backend(lab, "one", "b")
    echoed = child("rg_onei", networkInterfaceIPConfiguration={"id": configuration("one").text}, adminState=state)
    balancer(lab, **{POOLS: [pool(loadBalancerBackendAddresses=[echoed])], RULES: [rule()]})
    (member,) = lab.compile().all(Pool)[pool_key()].members
    assert (member.admin, str(member.address)) == (AdminState(state), "10.0.0.4")


def test_a_pool_that_is_sent_back_as_it_was_read_stays_what_it_is(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    backend(lab, "one", "b")
    before = lab.compile()
    read = lab.status(part_id(POOLS, "b"))
    balancer(lab, **{POOLS: [child("b", **read)], RULES: [rule()]})
    assert lab.compile() == before


def test_a_member_that_left_meanwhile_is_not_brought_back_by_an_echo(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    backend(lab, "one", "b")
    read = lab.status(part_id(POOLS, "b"))
    backend(lab, "one")
    balancer(lab, **{POOLS: [child("b", **read)], RULES: [rule()]})
    assert lab.status(part_id(POOLS, "b")) == {RULES: [part(RULES, "r")], "loadBalancerBackendAddresses": []}


def test_a_nat_rule_forwards_to_who_is_bound_to_it(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat("n", 5000, 22, idleTimeoutInMinutes=5)]})
    unbound = lab.compile().all(PortForward)
    backend(lab, "one", rules=("n",))
    (entry,) = lab.compile().all(PortForward).values()
    assert unbound == {}
    assert entry == PortForward(
        part_id(NAT_RULES, "n").key,
        "n",
        part_id(FRONTENDS, "f").key,
        Protocol.TCP,
        5000,
        ip_address("10.0.0.4"),
        22,
        False,
        300,
        False,
        part_id(NAT_RULES, "n").text,
    )


def test_a_nat_rule_alone_makes_the_frontend_known(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat()]})
    backend(lab, "one", rules=("n",))
    assert [f.vrf for f in lab.compile().all(Frontend).values()] == [VNET]


def test_a_nat_rule_for_all_protocols_forwards_tcp_and_udp(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat(protocol="All")]})
    backend(lab, "one", rules=("n",))
    found = {(e.name.rpartition("/")[2], e.protocol) for e in lab.compile().all(PortForward).values()}
    assert found == {("n", Protocol.TCP), ("n|udp", Protocol.UDP)}


def test_a_range_has_a_port_for_each_member(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat_range("n", 5000, 5009)]})
    for name in ("one", "two"):
        backend(lab, name, "b")
    found = {e.name: (e.port, str(e.target)) for e in lab.compile().all(PortForward).values()}
    key = part_id(NAT_RULES, "n").key
    assert found == {
        f"{key}|{configuration('one').key}": (5000, "10.0.0.4"),
        f"{key}|{configuration('two').key}": (5001, "10.0.0.5"),
    }


def test_only_nat_rules_mean_no_way_out_from_the_load_balancer_and_the_default_stays(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat()]})
    backend(lab, "one", rules=("n",))
    (port,) = lab.compile().all(Port).values()
    assert (lab.compile().all(SourceNat), port.default_outbound) == ({}, True)


@pytest.mark.parametrize(
    ("sku", "frontend", "expected"),
    [
        pytest.param("Standard", public(), False, id="public Standard: no"),
        pytest.param("Standard", private(), False, id="internal Standard alone: no outbound at all"),
        pytest.param("Basic", private(), True, id="Basic: yes"),
    ],
)
def test_default_outbound_of_who_is_in_a_pool(lab: Lab, sku: str, frontend: dict[str, Any], expected: bool) -> None:
    balancer(lab, frontend, sku=sku)
    backend(lab, "one", "b")
    (port,) = lab.compile().all(Port).values()
    assert port.default_outbound is expected


def test_default_outbound_comes_back_when_the_interface_leaves(lab: Lab) -> None:
    balancer(lab)
    backend(lab, "one", "b")
    backend(lab, "one")
    (port,) = lab.compile().all(Port).values()
    assert port.default_outbound


def test_who_is_listed_by_address_keeps_the_default_way_out(lab: Lab) -> None:
    backend(lab, "one")
    balancer(lab, **{POOLS: [pool("b", {"one": "10.0.0.4"})], RULES: [rule()]})
    (port,) = lab.compile().all(Port).values()
    assert (port.default_outbound, lab.compile().all(SourceNat)) == (True, {})


@pytest.mark.parametrize(
    ("frontend", "closed"),
    [
        pytest.param(public(), True, id="public: closed until a security group opens it"),
        pytest.param(private(), False, id="internal: as without"),
    ],
)
def test_a_member_without_a_security_group(lab: Lab, frontend: dict[str, Any], closed: bool) -> None:
    balancer(lab, frontend)
    backend(lab, "one", "b")
    (port,) = lab.compile().all(Port).values()
    assert (bool(port.ingress), bool(lab.compile().all(AccessList))) == (closed, closed)


# Deletion.


def test_who_was_in_a_deleted_load_balancer_is_not_in_its_successor(lab: Lab) -> None:
    children = {RULES: [rule()], NAT_RULES: [nat()]}
    balancer(lab, **children)
    backend(lab, "one", "b", rules=("n",))
    lab.delete("loadBalancers", "lb")
    (port,) = lab.compile().all(Port).values()
    shown = lab.status(configuration("one"))
    balancer(lab, **children)
    assert port.default_outbound
    assert shown == {"loadBalancerBackendAddressPools": [], "loadBalancerInboundNatRules": []}
    assert "backendIPConfigurations" not in lab.status(part_id(POOLS, "b"))
    assert lab.compile().all(PortForward) == {}


def test_who_was_in_a_deleted_pool_is_not_in_its_successor(lab: Lab) -> None:
    balancer(lab)
    backend(lab, "one", "b")
    balancer(lab, **{POOLS: []})
    balancer(lab)
    assert lab.status(part_id(POOLS, "b")) == {"loadBalancerBackendAddresses": []}


def test_a_public_address_of_a_frontend_cannot_be_deleted(lab: Lab) -> None:
    balancer(lab)
    with pytest.raises(Refused, match="PublicIPAddressCannotBeDeleted"):
        lab.delete("publicIPAddresses", "p")


def test_an_interface_that_goes_leaves_the_pool(lab: Lab) -> None:
    balancer(lab, private(), **{RULES: [rule()]})
    backend(lab, "one", "b")
    lab.delete("Microsoft.Compute/virtualMachines", "vm-one")
    lab.delete("networkInterfaces", "one")
    assert lab.compile().all(Pool)[pool_key()].members == ()


def test_a_secondary_configuration_can_be_a_member_too(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    every = [
        child("i", subnet=subnet_ref("v/a"), primary=True),
        child("j", subnet=subnet_ref("v/a"), loadBalancerBackendAddressPools=[part(POOLS, "b")]),
    ]
    lab.put("networkInterfaces", "one", {"ipConfigurations": every})
    lab.vm("vm", "one")
    (member,) = lab.compile().all(Pool)[pool_key()].members
    assert str(member.address) == "10.0.0.5"
