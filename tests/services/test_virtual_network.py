"""Networks, subnets, peerings and interfaces: what is refused, what is chosen, what it means for packets."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.compiler.engine import Compiler
from lazulite.forwarding.model import AccessList, Action, Peering, Port, RouteTable, Vrf
from lazulite.resources.ids import ResourceId
from lazulite.services import SERVICES
from tests.build import GROUP, LOCATION, Lab, Refused, ref, resource_id, subnet_ref

SPACE = "10.0.0.0/16"


@pytest.fixture
def lab() -> Lab:
    """A network ``v`` with subnets ``a`` (10.0.0.0/24) and ``b`` (10.0.1.0/24)."""
    lab = Lab()
    lab.vnet("v", SPACE, subnets={"a": "10.0.0.0/24", "b": "10.0.1.0/24"})
    return lab


def address(lab: Lab, nic: str, index: int = 0) -> str:
    return str(lab.get("networkInterfaces", nic).properties.ip_configurations[index].properties.private_ip_address)


def port(lab: Lab, nic: str) -> Port:
    found = lab.compile().get(Port, resource_id("networkInterfaces", nic).key)
    assert found is not None
    return found


# Address spaces and subnets


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param("224.0.0.0/8", id="multicast"),
        pytest.param("127.1.0.0/16", id="loopback"),
        pytest.param("169.254.0.0/16", id="link-local"),
        pytest.param("168.63.129.0/24", id="the platform's address"),
        pytest.param("255.255.255.0/24", id="broadcast"),
        pytest.param("10.0.0.0/30", id="smaller than a /29"),
        pytest.param("0.0.0.0/0", id="everything"),
    ],
)
def test_spaces_that_no_network_can_have(prefix: str) -> None:
    with pytest.raises(Refused) as refusal:
        Lab().vnet("v", prefix)
    assert set(refusal.value.codes) == {"NetcfgInvalidIPAddressPrefix"}


@pytest.mark.parametrize(
    ("prefixes", "codes"),
    [
        pytest.param((), ["NetcfgInvalidIPAddressPrefix"], id="none at all"),
        pytest.param(("fd00::/48",), ["NetcfgInvalidIPAddressPrefix"], id="IPv6 alone"),
        pytest.param((SPACE, "10.0.1.0/24"), ["NetcfgInvalidIPAddressPrefix"], id="two that overlap"),
        pytest.param((SPACE, "fd00::/80"), ["NetcfgInvalidIPAddressPrefix"], id="IPv6 smaller than a /64"),
        pytest.param(("10.0.0.1/16",), ["InvalidCIDRNotation"], id="host bits"),
        pytest.param(("10.0.0.0/40",), ["InvalidCIDRNotation"], id="no prefix"),
    ],
)
def test_spaces_refused(prefixes: tuple[str, ...], codes: list[str]) -> None:
    with pytest.raises(Refused) as refusal:
        Lab().vnet("v", *prefixes)
    assert refusal.value.codes == codes


@pytest.mark.parametrize(
    ("subnets", "codes"),
    [
        pytest.param({"a": "10.1.0.0/24"}, ["NetcfgInvalidSubnet"], id="outside the space"),
        pytest.param({"a": "10.0.0.0/24", "b": "10.0.0.128/25"}, ["NetcfgSubnetRangesOverlap"], id="inside another"),
        pytest.param({"a": "10.0.0.128/25", "b": "10.0.0.0/24"}, ["NetcfgSubnetRangesOverlap"], id="around another"),
        pytest.param({"a": "10.0.0.0/30"}, ["NetcfgInvalidSubnet"], id="smaller than a /29"),
        pytest.param({"a": {}}, ["NetcfgInvalidSubnet"], id="no prefix"),
        pytest.param({"a": {"addressPrefix": "10.0.0.0"}}, ["NetcfgInvalidSubnet"], id="a /32"),
        pytest.param({"a": {"addressPrefix": "10.0.0.1/24"}}, ["InvalidCIDRNotation", "x"], id="host bits"),
        pytest.param({"a": {"addressPrefixes": ["fd00::/64"]}}, ["NetcfgInvalidSubnet"], id="IPv6 alone"),
        pytest.param(
            {"a": {"addressPrefixes": ["10.0.0.0/24", "fd00::/80"]}}, ["NetcfgInvalidSubnet"], id="IPv6 but no /64"
        ),
        pytest.param(
            {"a": {"addressPrefix": "10.0.0.0/24", "addressPrefixes": ["10.0.1.0/24"]}},
            ["NetcfgInvalidSubnet"],
            id="two spellings that differ",
        ),
        pytest.param(
            {"a": {"addressPrefix": "10.0.0.0/24", "serviceEndpoints": [{"service": "Microsoft.Storage"}]}},
            ["FeatureNotSupported"],
            id="service endpoints, which would change where packets go",
        ),
        pytest.param(
            {"a": {"addressPrefix": "10.0.0.0/24", "natGateway": ref("natGateways", "n")}},
            ["InvalidResourceReference"],
            id="a NAT gateway that does not exist",
        ),
        pytest.param(
            {"a": {"addressPrefix": "10.0.0.0/24", "routeTable": ref("networkSecurityGroups", "n")}},
            ["InvalidJsonReferenceWrongType"],
            id="a security group as route table",
        ),
        pytest.param(
            {f"s{i}": f"10.0.{i // 32}.{i % 32 * 8}/29" for i in range(3001)}, ["SubnetCountLimitReached"], id="3,001"
        ),
    ],
)
def test_subnets_refused(subnets: dict[str, Any], codes: list[str]) -> None:
    with pytest.raises(Refused) as refusal:
        Lab().vnet("v", SPACE, "fd00::/48", subnets=subnets)
    assert refusal.value.codes[:1] == codes[:1]


def test_an_overlap_has_azures_words() -> None:
    with pytest.raises(Refused) as refusal:
        Lab().vnet("dmz", "10.0.0.0/26", subnets={"public": "10.0.0.0/28", "private": "10.0.0.0/27"})
    assert refusal.value.violations[0].message == (
        "Subnet 'private' is not valid because its IP address range overlaps with that of an existing subnet in "
        "virtual network 'dmz'."
    )


def test_neighbours_and_several_prefixes_do_not_overlap() -> None:
    lab = Lab()
    lab.vnet("v", SPACE, "fd00::/48", subnets={
        "a": {"addressPrefixes": ["10.0.0.0/24", "10.0.2.0/24", "fd00::/64"]},
        "b": {"addressPrefixes": ["10.0.1.0/24", "fd00:0:0:1::/64"]},
    })  # fmt: skip
    assert len(lab.get("virtualNetworks", "v").properties.subnets) == 2


def test_a_security_group_is_refused_on_the_gateway_subnet() -> None:
    lab = Lab()
    lab.put("networkSecurityGroups", "g", {})
    with pytest.raises(Refused, match="NetworkSecurityGroupCannotBeAttachedToGatewaySubnet"):
        lab.vnet("v", SPACE, subnets={"gatewaysubnet": {"addressPrefix": "10.0.0.0/27", "group": "g"}})


def test_a_route_table_of_another_region_is_refused() -> None:
    lab = Lab()
    lab.put("routeTables", "rt", {}, location="eastus")
    with pytest.raises(Refused, match="InvalidResourceReference"):
        lab.vnet("v", SPACE, subnets={"a": {"addressPrefix": "10.0.0.0/24", "table": "rt"}})


@pytest.mark.parametrize(
    "prefix", [pytest.param("10.0.0.0/25", id="smaller"), pytest.param("10.0.4.0/24", id="elsewhere")]
)
def test_an_occupied_prefix_cannot_be_changed(lab: Lab, prefix: str) -> None:
    lab.nic("n", "v/a")
    with pytest.raises(Refused) as refusal:
        lab.vnet("v", SPACE, subnets={"a": prefix, "b": "10.0.1.0/24"})
    assert [(v.code, v.message) for v in refusal.value.violations] == [
        (
            "InUsePrefixCannotBeDeleted",
            "IpPrefix 10.0.0.0/24 on Subnet a has active allocations and cannot be deleted.",
        )
    ]


def test_an_empty_subnet_can_be_changed_and_left_out(lab: Lab) -> None:
    lab.nic("n", "v/a")
    lab.vnet("v", SPACE, subnets={"a": "10.0.0.0/24", "b": "10.0.8.0/24"})
    lab.vnet("v", SPACE, subnets={"a": "10.0.0.0/24"})
    assert resource_id("virtualNetworks", "v/subnets/b").key not in lab.snapshot.resources


def test_an_occupied_subnet_cannot_be_left_out_nor_its_network_deleted(lab: Lab) -> None:
    lab.nic("n", "v/a")
    holder = resource_id("networkInterfaces", "n").child("ipConfigurations", "ipconfig1")
    message = (
        f"Subnet a is in use by {holder} and cannot be deleted. In order to delete the subnet, delete all the "
        "resources within the subnet. See aka.ms/deletesubnet."
    )
    with pytest.raises(Refused) as refusal:
        lab.vnet("v", SPACE, subnets={"b": "10.0.1.0/24"})
    assert [(v.code, v.message) for v in refusal.value.violations] == [("InUseSubnetCannotBeDeleted", message)]
    with pytest.raises(Refused) as refusal:
        lab.delete("virtualNetworks", "v")
    assert refusal.value.codes == ["InUseSubnetCannotBeDeleted"]
    lab.delete("networkInterfaces", "n")
    lab.delete("virtualNetworks", "v")


# Private addresses


@pytest.mark.parametrize(
    ("static", "code"),
    [
        pytest.param("10.0.0.0", "PrivateIPAddressInReservedRange", id="the network address"),
        pytest.param("10.0.0.1", "PrivateIPAddressInReservedRange", id="the gateway"),
        pytest.param("10.0.0.2", "PrivateIPAddressInReservedRange", id="the first for DNS"),
        pytest.param("10.0.0.3", "PrivateIPAddressInReservedRange", id="the second for DNS"),
        pytest.param("10.0.0.255", "PrivateIPAddressInReservedRange", id="the broadcast address"),
        pytest.param("10.0.1.9", "PrivateIPAddressNotInSubnet", id="in the subnet beside it"),
        pytest.param("10.0.0.7", "PrivateIPAddressIsAllocated", id="taken"),
        pytest.param("fd00::4", "PrivateIPAddressVersionMismatch", id="of the other version"),
        pytest.param("10.0.0.300", "InvalidIPAddressFormat", id="no address"),
    ],
)
def test_e4_static_addresses_refused(lab: Lab, static: str, code: str) -> None:
    lab.nic("first", "v/a", "10.0.0.7")
    with pytest.raises(Refused) as refusal:
        lab.nic("n", "v/a", static)
    assert code in refusal.value.codes


def test_e4_refusals_have_azures_words(lab: Lab) -> None:
    lab.nic("first", "v/a", "10.0.0.7")
    messages = []
    for static in ("10.0.0.1", "10.0.1.9", "10.0.0.7"):
        with pytest.raises(Refused) as refusal:
            lab.nic("n", "v/a", static)
        messages.append(refusal.value.violations[0].message)
    base = resource_id("networkInterfaces", "n").text
    assert messages == [
        "Private static IP address 10.0.0.1 falls within reserved IP range of subnet prefix 10.0.0.0/24.",
        "Private static IP address 10.0.1.9 does not belong to the range of subnet prefix 10.0.0.0/24.",
        f"IP configuration {base}/ipConfigurations/ipconfig1 is using the private IP address 10.0.0.7 which is already "
        f"allocated to resource {resource_id('networkInterfaces', 'first')}/ipConfigurations/ipconfig1.",
    ]


def test_e4_a_29_has_room_for_three() -> None:
    lab = Lab()
    lab.vnet("v", SPACE, subnets={"a": "10.0.0.0/29"})
    for index in range(3):
        lab.nic(f"n{index}", "v/a")
    assert [address(lab, f"n{i}") for i in range(3)] == ["10.0.0.4", "10.0.0.5", "10.0.0.6"]
    with pytest.raises(Refused) as refusal:
        lab.nic("n3", "v/a")
    assert refusal.value.codes == ["SubnetIsFull"]


def test_a_dynamic_address_is_the_lowest_free_one_and_stays(lab: Lab) -> None:
    lab.nic("one", "v/a", "10.0.0.4")
    lab.nic("two", "v/a")
    lab.nic("three", "v/a")
    lab.delete("networkInterfaces", "one")
    lab.nic("three", "v/a", enableIPForwarding=True)
    lab.nic("four", "v/a")
    assert [address(lab, n) for n in ("two", "three", "four")] == ["10.0.0.5", "10.0.0.6", "10.0.0.4"]


def test_moving_to_another_subnet_takes_an_address_there(lab: Lab) -> None:
    lab.nic("n", "v/a")
    lab.nic("n", "v/b")
    assert address(lab, "n") == "10.0.1.4"


def test_a_dynamic_address_the_client_sends_is_not_its_to_choose(lab: Lab) -> None:
    configuration = {"subnet": subnet_ref("v/a"), "privateIPAddress": "10.0.0.99"}
    lab.put("networkInterfaces", "n", {"ipConfigurations": [{"name": "c", "properties": configuration}]})
    assert address(lab, "n") == "10.0.0.4"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["add", "static", "delete"]), st.integers(0, 6)), max_size=25))
def test_no_address_is_ever_had_twice_or_out_of_range(steps: list[tuple[str, int]]) -> None:
    lab = Lab()
    lab.vnet("v", SPACE, subnets={"a": "10.0.0.0/28"})
    for verb, number in steps:
        name = f"n{number}"
        if verb == "delete":
            if resource_id("networkInterfaces", name).key in lab.snapshot.resources:
                lab.delete("networkInterfaces", name)
            continue
        with suppress(Refused):
            lab.nic(name, "v/a", f"10.0.0.{number + 4}" if verb == "static" else None)
    held = [a for p in lab.compile().all(Port).values() for a in p.addresses]
    assert len(held) == len(set(held)) == len(lab.compile().all(Port))
    assert all(4 <= int(a) - int(ip_address("10.0.0.0")) < 15 for a in held)


# Network interfaces


def configurations(*every: dict[str, Any]) -> dict[str, Any]:
    """Properties of an interface whose configurations are ``c0``, ``c1`` …"""
    return {"ipConfigurations": [{"name": f"c{i}", "properties": c} for i, c in enumerate(every)]}


A, B = {"subnet": subnet_ref("v/a")}, {"subnet": subnet_ref("v/b")}
SIX = {"privateIPAddressVersion": "IPv6"}


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        pytest.param({}, "IpConfigurationRequired", id="no configuration"),
        pytest.param(configurations({}), "SubnetIsRequired", id="no subnet"),
        pytest.param(configurations({"subnet": subnet_ref("v/x")}), "InvalidResourceReference", id="an absent subnet"),
        pytest.param(
            configurations({"subnet": ref("virtualNetworks", "v")}),
            "InvalidJsonReferenceWrongType",
            id="a network as subnet",
        ),
        pytest.param(
            configurations(A, B), "IpConfigurationsOnSameNicCannotUseDifferentSubnets", id="two subnets of a network"
        ),
        pytest.param(configurations(A, {"subnet": subnet_ref("w/a")}), "SubnetsNotInSameVnet", id="two networks"),
        pytest.param(
            configurations(A | {"primary": True}, A | {"primary": True}),
            "OnlyOnePrimaryIpConfigurationAllowed",
            id="two primary configurations",
        ),
        pytest.param(configurations(A | SIX), "PrimaryIpConfigurationMustBeIPv4", id="IPv6 as primary"),
        pytest.param(configurations(A, A | SIX), "SubnetHasNoPrefixOfIPVersion", id="IPv6 in an IPv4 subnet"),
        pytest.param(
            configurations(A | {"privateIPAllocationMethod": "Static"}), "PrivateIPAddressRequired", id="static, empty"
        ),
        pytest.param(
            configurations(*[A | {"privateIPAllocationMethod": "Static", "privateIPAddress": "10.0.0.9"}] * 2),
            "PrivateIPAddressIsAllocated",
            id="one address twice",
        ),
        pytest.param(configurations(*[A] * 257), "IpConfigurationCountLimitReached", id="257 configurations"),
        pytest.param(
            configurations(A | {"loadBalancerBackendAddressPools": [ref("loadBalancers", "lb/backendAddressPools/p")]}),
            "InvalidResourceReference",
            id="a load balancer that does not exist",
        ),
        pytest.param(configurations(A) | {"disableTcpStateTracking": True}, "FeatureNotSupported", id="no flow state"),
        pytest.param(configurations(A) | {"enableIpForwardin": True}, "InvalidRequestFormat", id="unknown property"),
    ],
)
def test_interfaces_refused(lab: Lab, properties: dict[str, Any], code: str) -> None:
    lab.vnet("w", "10.5.0.0/16", subnets={"a": "10.5.0.0/24"})
    with pytest.raises(Refused) as refusal:
        lab.put("networkInterfaces", "n", properties)
    assert code in refusal.value.codes


def test_an_interface_is_in_the_region_of_its_network(lab: Lab) -> None:
    with pytest.raises(Refused, match="InvalidResourceReference"):
        lab.nic("n", "v/a", location="eastus")


def test_an_interface_never_changes_its_network(lab: Lab) -> None:
    lab.vnet("w", "10.5.0.0/16", subnets={"a": "10.5.0.0/24"})
    lab.nic("n", "v/a")
    with pytest.raises(Refused, match="SubnetsNotInSameVnet"):
        lab.nic("n", "w/a")


def test_members_of_an_application_security_group_share_a_network(lab: Lab) -> None:
    lab.vnet("w", "10.5.0.0/16", subnets={"a": "10.5.0.0/24"})
    lab.put("applicationSecurityGroups", "web", {})
    group = {"applicationSecurityGroups": [ref("applicationSecurityGroups", "web")]}
    lab.put("networkInterfaces", "one", configurations(A | group))
    lab.put("networkInterfaces", "two", configurations(B | group))
    with pytest.raises(Refused, match="ApplicationSecurityGroupsNotInSameVnet"):
        lab.put("networkInterfaces", "far", configurations({"subnet": subnet_ref("w/a")} | group))


def test_an_interface_of_a_machine_cannot_be_deleted(lab: Lab) -> None:
    lab.nic("n", "v/a")
    lab.vm("m", "n")
    with pytest.raises(Refused, match="NicInUse"):
        lab.delete("networkInterfaces", "n")


def test_the_first_configuration_is_primary_unless_another_says_so(lab: Lab) -> None:
    lab.put("networkInterfaces", "n", configurations(A, A))
    lab.put("networkInterfaces", "m", configurations(A, A | {"primary": True}))
    primary = {
        name: [c.properties.primary for c in lab.get("networkInterfaces", name).properties.ip_configurations]
        for name in "nm"
    }
    assert primary == {"n": [True, False], "m": [False, True]}
    assert str(port(lab, "m").addresses[0]) == "10.0.0.7"


# Peering


@pytest.fixture
def three() -> Lab:
    """Networks ``a``, ``b``, ``c`` with a subnet each and no link."""
    lab = Lab()
    for index, name in enumerate("abc"):
        lab.vnet(name, f"10.{index}.0.0/16", subnets={"s": f"10.{index}.0.0/24"})
    return lab


def link(lab: Lab, one: str, other: str) -> dict[str, Any]:
    return lab.status(resource_id("virtualNetworks", one).child("virtualNetworkPeerings", f"to-{other}"))


def peer_state(lab: Lab, one: str, other: str) -> str:
    return str(link(lab, one, other)["peeringState"])


def connect(lab: Lab, one: str, other: str) -> None:
    lab.peer(one, other)
    lab.peer(other, one)


def peerings(lab: Lab) -> set[str]:
    """Connected ends in the forwarding model, ``a<b``: into a from b."""
    return {f"{ResourceId(p.vrf).name}<{ResourceId(p.remote).name}" for p in lab.compile().all(Peering).values()}


def test_p1_two_links_connect(three: Lab) -> None:
    three.peer("a", "b")
    assert (peer_state(three, "a", "b"), peerings(three)) == ("Initiated", set())
    three.peer("b", "a")
    assert [peer_state(three, *p) for p in ("ab", "ba")] == ["Connected", "Connected"]
    assert peerings(three) == {"a<b", "b<a"}


@pytest.mark.parametrize("gone", [pytest.param("ab", id="the first made"), pytest.param("ba", id="the second made")])
def test_p1_deleting_a_link_disconnects_the_other_for_good(three: Lab, gone: str) -> None:
    connect(three, "a", "b")
    three.unpeer(*gone)
    left = gone[::-1]
    assert (peer_state(three, *left), peerings(three)) == ("Disconnected", set())
    with pytest.raises(Refused, match="RemotePeeringIsDisconnected"):
        three.peer(*gone)
    three.unpeer(*left)
    connect(three, "a", "b")
    assert peerings(three) == {"a<b", "b<a"}


def test_p1_an_update_of_the_disconnected_link_begins_anew(three: Lab) -> None:
    connect(three, "a", "b")
    three.unpeer("b", "a")
    three.peer("a", "b", allowForwardedTraffic=True)
    assert peer_state(three, "a", "b") == "Initiated"
    three.peer("b", "a")
    assert peer_state(three, "a", "b") == "Connected"


def test_p1_a_network_recreated_under_its_name_is_another(three: Lab) -> None:
    connect(three, "a", "b")
    three.delete("virtualNetworks", "b")
    assert peer_state(three, "a", "b") == "Disconnected"
    three.vnet("b", "10.1.0.0/16")
    assert (peer_state(three, "a", "b"), peerings(three)) == ("Disconnected", set())
    with pytest.raises(Refused, match="RemotePeeringIsDisconnected"):
        three.peer("b", "a")


def test_p1_an_edit_of_something_else_leaves_a_disconnected_link_so(three: Lab) -> None:
    connect(three, "a", "b")
    three.unpeer("b", "a")
    three.edit("virtualNetworks", "a", flow_timeout=10)
    assert peer_state(three, "a", "b") == "Disconnected"


def test_e5_peering_is_not_transitive(three: Lab) -> None:
    connect(three, "a", "b")
    connect(three, "b", "c")
    table = three.compile().get(RouteTable, f"{resource_id('virtualNetworks', 'a').key}|")
    assert table is not None
    assert {str(r.prefix) for r in table.routes if r.target} == {"10.1.0.0/16"}


def test_e5_deleting_one_link_stops_traffic_both_ways(three: Lab) -> None:
    connect(three, "a", "b")
    three.unpeer("a", "b")
    model = three.compile()
    assert not model.all(Peering)
    assert not any(r.target for t in model.all(RouteTable).values() for r in t.routes)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param(({}, {}), {"a<b": (True, False), "b<a": (True, False)}, id="by default access and no transit"),
        pytest.param(
            ({"allowForwardedTraffic": True}, {}),
            {"a<b": (True, True), "b<a": (True, False)},
            id="E6 forwarded traffic is let in where it arrives",
        ),
        pytest.param(
            ({"allowVirtualNetworkAccess": False}, {}),
            {"a<b": (False, False), "b<a": (False, False)},
            id="P3 one side without access stops both directions",
        ),
    ],
)
def test_flags_of_a_link(three: Lab, flags: tuple[Any, Any], expected: dict[str, tuple[bool, bool]]) -> None:
    three.peer("a", "b", **flags[0])
    three.peer("b", "a", **flags[1])
    found = three.compile().all(Peering).values()
    assert {f"{ResourceId(p.vrf).name}<{ResourceId(p.remote).name}": (p.access, p.forwarded) for p in found} == expected


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        pytest.param({"useRemoteGateways": True}, "RemoteVnetHasNoGateways", id="P5 there is no gateway to use"),
        pytest.param(
            {"useRemoteGateways": True, "allowGatewayTransit": True, "doNotVerifyRemoteGateways": True},
            "AllowGatewayTransitAndUseRemoteGatewaysConflict",
            id="P5 offering a gateway and using the other's",
        ),
        pytest.param({"peerCompleteVnets": False}, "FeatureNotSupported", id="peering of some subnets"),
        pytest.param({"enableOnlyIPv6Peering": True}, "FeatureNotSupported", id="peering of IPv6 alone"),
        pytest.param({"to": "a"}, "VnetCannotBePeeredWithItself", id="with itself"),
        pytest.param({"to": "x"}, "InvalidResourceReference", id="with what is not there"),
        pytest.param({"to": "d"}, "VnetAddressSpacesOverlap", id="P2 with an overlapping space"),
    ],
)
def test_links_refused(three: Lab, flags: dict[str, Any], code: str) -> None:
    three.vnet("d", "10.0.128.0/17")
    with pytest.raises(Refused) as refusal:
        three.vnet("a", "10.0.0.0/16", subnets={"s": "10.0.0.0/24"}, peerings={"l": {"to": "b"} | flags})
    assert code in refusal.value.codes


def test_a_network_has_one_link_to_another(three: Lab) -> None:
    with pytest.raises(Refused, match="AnotherPeeringAlreadyReferencesRemoteVnet"):
        three.vnet("a", "10.0.0.0/16", peerings={"x": {"to": "b"}, "y": {"to": "b"}})


def test_p2_peers_of_one_network_may_not_overlap(three: Lab) -> None:
    three.vnet("twin", "10.2.0.0/16")
    connect(three, "b", "c")
    with pytest.raises(Refused) as refusal:
        three.peer("b", "twin")
    b, c, twin = (resource_id("virtualNetworks", n) for n in ("b", "c", "twin"))
    assert [(v.code, v.message) for v in refusal.value.violations] == [
        (
            "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet",
            f"Cannot create or update peering {b}/virtualNetworkPeerings/to-twin. Virtual networks {twin} and {b} "
            "cannot be peered because address space of the first virtual network overlaps with address space of "
            f"virtual network {c} already peered with the second virtual network. Overlapping address prefixes: "
            "10.2.0.0/16",
        )
    ]


def test_p6_a_prefix_added_later_waits_for_a_sync(three: Lab) -> None:
    connect(three, "a", "b")
    links = {"to-a": {"to": "a"}}
    three.vnet("b", "10.1.0.0/16", "10.9.0.0/16", subnets={"s": "10.1.0.0/24"}, peerings=links)
    assert (link(three, "a", "b")["peeringSyncLevel"], link(three, "b", "a")["peeringSyncLevel"]) == (
        "RemoteNotInSync",
        "LocalNotInSync",
    )
    assert link(three, "a", "b")["remoteAddressSpace"] == {"addressPrefixes": ["10.1.0.0/16"]}
    assert link(three, "a", "b")["remoteVirtualNetworkAddressSpace"]["addressPrefixes"][1:] == ["10.9.0.0/16"]
    assert "10.9.0.0/16" not in _routed(three, "a")
    three.peer("b", "a")
    assert link(three, "a", "b")["peeringSyncLevel"] == "FullyInSync"
    assert "10.9.0.0/16" in _routed(three, "a")


def _routed(lab: Lab, vnet: str) -> set[str]:
    table = lab.compile().get(RouteTable, f"{resource_id('virtualNetworks', vnet).key}|")
    assert table is not None
    return {str(r.prefix) for r in table.routes if r.target}


# What it compiles to


def test_a_network_alone_is_a_vrf_with_a_way_out(lab: Lab) -> None:
    lab.vnet("w", "10.5.0.0/16", flowTimeoutInMinutes=20)
    vrfs = {v.label: (v.flow_timeout_s, str(v.default_snat)) for v in lab.compile().all(Vrf).values()}
    assert vrfs == {"v": (240, "198.18.0.1"), "w": (1200, "198.18.0.2")}


def test_a_port_carries_what_its_subnet_and_interface_say(lab: Lab) -> None:
    for group in ("outer", "inner"):
        lab.put("networkSecurityGroups", group, {})
    lab.vnet("v", SPACE, subnets={
        "a": {"addressPrefix": "10.0.0.0/24", "group": "outer", "defaultOutboundAccess": False},
        "b": "10.0.1.0/24",
    })  # fmt: skip
    lab.nic("n", "v/a", networkSecurityGroup=ref("networkSecurityGroups", "inner"), enableIPForwarding=True)
    subnet = resource_id("virtualNetworks", "v/subnets/a").key
    outer, inner = (resource_id("networkSecurityGroups", g).key for g in ("outer", "inner"))
    found = port(lab, "n")
    assert found.egress == (f"{inner}|{subnet}|egress", f"{outer}|{subnet}|egress")
    assert found.ingress == (f"{outer}|{subnet}|ingress", f"{inner}|{subnet}|ingress")
    assert (found.own_list, found.forwards, found.default_outbound) == (True, True, False)
    assert found.gateways == (ip_network("10.0.0.0/24"),)
    assert found.mac.startswith("00-0D-3A-")
    assert set(found.egress + found.ingress) <= set(lab.compile().all(AccessList))


def test_a_port_knows_its_machine_and_its_place_in_it(lab: Lab) -> None:
    for nic in ("n0", "n1"):
        lab.nic(nic, "v/a")
    assert port(lab, "n0").guest is None
    machine = lab.vm("m", "n1", "n0")
    assert [(port(lab, n).guest, port(lab, n).slot) for n in ("n0", "n1")] == [(machine.id.key, 1), (machine.id.key, 0)]
    lab.edit("Microsoft.Compute/virtualMachines", "m", power_state="deallocated")
    assert port(lab, "n0").guest is None


def test_a_dual_stack_interface_has_an_address_of_each_version() -> None:
    lab = Lab()
    lab.vnet("v", SPACE, "fd00::/48", subnets={"a": {"addressPrefixes": ["10.0.0.0/24", "fd00:0:0:1::/64"]}})
    lab.put("networkInterfaces", "n", configurations(A | SIX, A | {"primary": True}))
    found = port(lab, "n")
    assert [str(a) for a in found.addresses] == ["10.0.0.4", "fd00:0:0:1::4"]
    assert [str(g) for g in found.gateways] == ["10.0.0.0/24", "fd00:0:0:1::/64"]


def test_public_addresses_are_translated_one_to_one(lab: Lab) -> None:
    for name in ("p0", "p1"):
        lab.public_ip(name)
    lab.put(
        "networkInterfaces",
        "n",
        configurations(*[A | {"publicIPAddress": ref("publicIPAddresses", f"p{i}")} for i in range(2)]),
    )
    assert [(str(p.private), str(p.public)) for p in port(lab, "n").public] == [
        ("10.0.0.4", "198.18.0.2"),
        ("10.0.0.5", "198.18.0.3"),
    ]


@pytest.mark.parametrize(
    ("sku", "group", "expected"),
    [
        pytest.param("Standard", None, ["standard public IP address"], id="I1 standard is closed without a group"),
        pytest.param("Standard", "g", ["g"], id="I1 a group decides where there is one"),
        pytest.param("Basic", None, [], id="I1 basic is open"),
    ],
)
def test_what_guards_a_public_address(lab: Lab, sku: str, group: str | None, expected: list[str]) -> None:
    lab.put("networkSecurityGroups", "g", {})
    lab.public_ip("p", sku=sku)
    guard = {"networkSecurityGroup": ref("networkSecurityGroups", group)} if group else {}
    lab.nic("n", "v/a", publicIPAddress="p", **guard)
    lab.vm("m", "n")
    lists = lab.compile().all(AccessList)
    assert [lists[name].label for name in port(lab, "n").ingress] == expected


def test_i1_the_closed_list_lets_private_sources_in_and_no_public_one(lab: Lab) -> None:
    lab.public_ip("p")
    lab.nic("n", "v/a", publicIPAddress="p")
    (name,) = port(lab, "n").ingress
    allow, deny = lab.compile().all(AccessList)[name].rules
    assert (allow.action, deny.action, deny.sources) == (Action.ALLOW, Action.DENY, ())
    inside = {s: any(ip_address(s) in p for p in allow.sources) for s in ("10.0.0.9", "192.168.1.1", "198.18.0.9")}
    assert inside == {"10.0.0.9": True, "192.168.1.1": True, "198.18.0.9": False}


def test_a_dangling_subnet_compiles_to_no_port(lab: Lab) -> None:
    lab.nic("n", "v/a")
    gone = resource_id("virtualNetworks", "v").key
    snapshot = lab.snapshot.with_changes(99, {gone: None})[0]
    compiler = Compiler(SERVICES)
    compiler.advance(snapshot)
    assert not compiler.model.all(Port)


def test_a_new_subnet_recompiles_no_interface(lab: Lab) -> None:
    for index in range(20):
        lab.nic(f"n{index}", "v/a")
    compiler = Compiler(SERVICES)
    compiler.advance(lab.snapshot)
    before, runs = lab.snapshot, compiler.runs
    lab.vnet("v", SPACE, subnets={"a": "10.0.0.0/24", "b": "10.0.1.0/24", "c": "10.0.2.0/24"})
    vnet = resource_id("virtualNetworks", "v").key
    after, touched = before.with_changes(100, {vnet: lab.snapshot.resources[vnet]})
    delta = compiler.advance(after, touched)
    assert not delta
    assert compiler.runs - runs < 10


# What a client reads


def test_e8_a_network_shows_its_subnets_and_who_is_in_them(lab: Lab) -> None:
    lab.nic("n", "v/a")
    holder = resource_id("networkInterfaces", "n").child("ipConfigurations", "ipconfig1").text
    assert lab.status(resource_id("virtualNetworks", "v/subnets/a"))["ipConfigurations"] == [{"id": holder}]
    assert lab.status(resource_id("virtualNetworks", "v/subnets/b")) == {}
    vnet = lab.get("virtualNetworks", "v")
    assert lab.status(vnet) == {"resourceGuid": vnet.guid}


def test_an_interface_shows_its_machine_mac_and_names(lab: Lab) -> None:
    lab.vnet("v", SPACE, subnets={"a": "10.0.0.0/24"}, dhcpOptions={"dnsServers": ["10.0.0.50"]})
    lab.nic("n", "v/a")
    lab.vm("m", "n")
    shown = lab.status(lab.get("networkInterfaces", "n"))
    assert shown["virtualMachine"] == {"id": resource_id("Microsoft.Compute/virtualMachines", "m").text}
    assert (shown["primary"], shown["hostedWorkloads"], shown["tapConfigurations"]) == (True, [], [])
    assert shown["dnsSettings"]["appliedDnsServers"] == ["10.0.0.50"]
    label, _, zone = shown["dnsSettings"]["internalDomainNameSuffix"].partition(".")
    assert (len(label), zone) == (26, "bx.internal.cloudapp.net")


def test_an_interfaces_own_dns_servers_override_the_networks(lab: Lab) -> None:
    lab.vnet("v", SPACE, subnets={"a": "10.0.0.0/24"}, dhcpOptions={"dnsServers": ["10.0.0.50"]})
    lab.nic("n", "v/a", dnsSettings={"dnsServers": ["1.1.1.1", "8.8.8.8"]})
    lab.vm("m", "n")
    assert lab.status(lab.get("networkInterfaces", "n"))["dnsSettings"]["appliedDnsServers"] == ["1.1.1.1", "8.8.8.8"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param("10.0.0.9", (True, [], False), id="a free address"),
        pytest.param(
            "10.0.0.4",
            (False, ["10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"], False),
            id="a taken one, with five others",
        ),
        pytest.param(
            "10.0.0.1",
            (False, ["10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"], True),
            id="one of the platform's",
        ),
    ],
)
def test_check_ip_address_availability(lab: Lab, asked: str, expected: tuple[bool, list[str], bool]) -> None:
    lab.nic("n", "v/a")
    found = lab.act("virtualNetworks", "v", "CheckIPAddressAvailability", ipAddress=asked)
    assert (found["available"], found["availableIPAddresses"], found["isPlatformReserved"]) == expected


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param("10.9.0.1", "PrivateIPAddressNotInAnySubnet", id="outside every subnet"),
        pytest.param("nine", "InvalidIPAddressFormat", id="no address"),
    ],
)
def test_check_ip_address_availability_refused(lab: Lab, asked: str, code: str) -> None:
    with pytest.raises(Refused, match=code):
        lab.act("virtualNetworks", "v", "CheckIPAddressAvailability", ipAddress=asked)


def test_usages_count_the_addresses_of_each_subnet(lab: Lab) -> None:
    lab.nic("n", "v/a")
    rows = lab.act("virtualNetworks", "v", "usages")["value"]
    assert [(r["id"], r["currentValue"], r["limit"]) for r in rows] == [
        (subnet_ref("v/a")["id"], 1, 251),
        (subnet_ref("v/b")["id"], 0, 251),
    ]


def test_usages_of_a_region_count_what_is_there(lab: Lab) -> None:
    lab.vnet("far", "10.6.0.0/16", location="eastus")
    rows = lab.ask("Microsoft.Network/locations/{location}/usages", {"location": LOCATION})["value"]
    counts = {r["name"]["value"]: (r["currentValue"], r["limit"]) for r in rows}
    assert counts["VirtualNetworks"] == (1, 1000)
    assert {r["id"].rpartition("/")[0] for r in rows} == {
        f"{GROUP.partition('/resourceGroups')[0]}/providers/Microsoft.Network/locations/{LOCATION}/usages"
    }
