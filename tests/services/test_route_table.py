"""Which route a packet takes, and which route tables are refused."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.forwarding.model import NextHop, Port, Route, RouteSource, RouteTable
from lazulite.resources.ids import ResourceId
from lazulite.services.network_security_group.tags import REGIONS
from tests.build import Lab, Refused, resource_id, subnet_ref

E1_ROUTES = {
    "10.0.0.0/16": "10.0.100.4",
    "10.0.0.0/24": "VnetLocal",
    "10.1.0.0/16": "None",
    "10.2.0.0/16": "None",
    "10.10.0.0/16": "10.0.100.4",
    "0.0.0.0/0": "10.0.100.4",
}
"""Source: "Virtual network traffic routing", routing example (its gateway and service endpoint left out)."""


def routed(routes: dict[str, str], *space: str, peers: dict[str, tuple[str, ...]] | None = None) -> Lab:
    """A network with ``bare`` and ``routed`` subnets, connected to *peers*."""
    lab = Lab()
    lab.route_table("rt", routes)
    space = space or ("10.0.0.0/16",)
    first = space[0].rsplit(".", 2)[0]
    lab.vnet(
        "v",
        *space,
        subnets={"routed": {"addressPrefix": f"{first}.0.0/24", "table": "rt"}, "bare": f"{first}.1.0/24"},
    )
    for name, prefixes in (peers or {}).items():
        lab.vnet(name, *prefixes)
        lab.peer("v", name)
        lab.peer(name, "v")
    return lab


def table(lab: Lab, subnet: str) -> RouteTable:
    """The routes of a subnet of ``v``."""
    vnet = resource_id("virtualNetworks", "v").key
    own = resource_id("routeTables", "rt").key if subnet == "routed" else ""
    found = lab.compile().get(RouteTable, f"{vnet}|{own}")
    assert found is not None
    return found


def shown(route: Route) -> str:
    via = f" {route.via}" if route.via else ""
    target = f" in {ResourceId(route.target).name}" if route.target else ""
    return f"{route.prefix} {route.source} {'Active' if route.active else 'Invalid'} {route.next_hop}{via}{target}"


def next_hop(lab: Lab, subnet: str, destination: str) -> str:
    """The longest active prefix decides."""
    address = ip_address(destination)
    fitting = [r for r in table(lab, subnet).routes if r.active and address in r.prefix]
    best = max(fitting, key=lambda r: r.prefix.prefixlen)
    return f"{best.next_hop} {best.via}" if best.via else str(best.next_hop)


@pytest.fixture
def example() -> Lab:
    return routed(E1_ROUTES, peers={"v2": ("10.1.0.0/16", "10.2.0.0/16")})


def test_e1_the_subnet_with_the_table_lists_user_routes_over_the_system_routes_they_beat(example: Lab) -> None:
    assert sorted(map(shown, table(example, "routed").routes)) == sorted(
        [
            "10.0.0.0/16 Default Invalid VnetLocal",
            "10.0.0.0/16 User Active VirtualAppliance 10.0.100.4 in v",
            "10.0.0.0/24 User Active VnetLocal",
            "10.1.0.0/16 Default Invalid VNetPeering in v2",
            "10.2.0.0/16 Default Invalid VNetPeering in v2",
            "10.1.0.0/16 User Active None",
            "10.2.0.0/16 User Active None",
            "10.10.0.0/16 User Active VirtualAppliance 10.0.100.4 in v",
            "0.0.0.0/0 Default Invalid Internet",
            "0.0.0.0/0 User Active VirtualAppliance 10.0.100.4 in v",
        ]
    )


def test_e1_the_subnet_without_a_table_has_system_routes_only(example: Lab) -> None:
    assert sorted(map(shown, table(example, "bare").routes)) == sorted(
        [
            "10.0.0.0/16 Default Active VnetLocal",
            "10.1.0.0/16 Default Active VNetPeering in v2",
            "10.2.0.0/16 Default Active VNetPeering in v2",
            "0.0.0.0/0 Default Active Internet",
            "10.0.0.0/8 Default Active None",
            "172.16.0.0/12 Default Active None",
            "192.168.0.0/16 Default Active None",
            "100.64.0.0/10 Default Active None",
        ]
    )


@pytest.mark.parametrize(
    ("subnet", "destination", "expected"),
    [
        pytest.param("routed", "10.0.0.9", "VnetLocal", id="within the subnet directly"),
        pytest.param(
            "routed", "10.0.1.9", "VirtualAppliance 10.0.100.4", id="to the next subnet through the appliance"
        ),
        pytest.param("routed", "10.1.3.3", "None", id="a user route to None drops what the peering would carry"),
        pytest.param("routed", "10.10.5.5", "VirtualAppliance 10.0.100.4", id="on-premises through the appliance"),
        pytest.param("routed", "8.8.8.8", "VirtualAppliance 10.0.100.4", id="the Internet through the appliance"),
        pytest.param(
            "routed", "192.168.7.7", "VirtualAppliance 10.0.100.4", id="a default route takes private space too"
        ),
        pytest.param("bare", "192.168.7.7", "None", id="private space leads nowhere without one"),
        pytest.param("bare", "10.77.0.1", "None", id="nor does the rest of 10/8"),
        pytest.param("bare", "10.2.9.9", "VNetPeering", id="a peer's space goes over the peering"),
    ],
)
def test_e2_next_hops(example: Lab, subnet: str, destination: str, expected: str) -> None:
    assert next_hop(example, subnet, destination) == expected


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        pytest.param("10.9.0.5", "VirtualAppliance 10.0.9.1", id="in both prefixes the longer one"),
        pytest.param("10.9.1.5", "VirtualAppliance 10.0.9.2", id="outside it the shorter one"),
    ],
)
def test_e3_the_longest_prefix_wins(destination: str, expected: str) -> None:
    lab = routed({"10.9.0.0/24": "10.0.9.1", "10.9.0.0/16": "10.0.9.2"})
    assert next_hop(lab, "routed", destination) == expected


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        pytest.param("10.0.0.0/16", "10.0.0.0/8 Default Active None", id="a smaller space leaves the None route"),
        pytest.param("10.0.0.0/8", "10.0.0.0/8 Default Active VnetLocal", id="an equal space takes its place"),
        pytest.param("172.0.0.0/8", None, id="a larger space removes it"),
    ],
)
def test_r1_private_space_that_the_network_covers_leads_inside(space: str, expected: str | None) -> None:
    lab = routed({}, space)
    listed = "172.16.0.0/12" if space == "172.0.0.0/8" else "10.0.0.0/8"
    found = [shown(r) for r in table(lab, "bare").routes if str(r.prefix) == listed]
    assert found == ([expected] if expected else [])


def test_r8_an_explicit_prefix_beats_a_tag_and_a_regional_tag_its_parent() -> None:
    lab = routed({"AzureCloud": "None", "AzureCloud.WestEurope": "Internet", "Storage.WestEurope": "10.0.9.1"})
    regional = next(r for r in table(lab, "routed").routes if r.origin.endswith("to-Storage.WestEurope"))
    host = str(regional.prefix.network_address + 1)
    assert next_hop(lab, "routed", host) == "VirtualAppliance 10.0.9.1"
    lab.route_table("rt", {"Storage.WestEurope": "Internet", str(regional.prefix): "None"})
    assert next_hop(lab, "routed", host) == "None"


@pytest.mark.parametrize(
    ("appliance", "home"),
    [
        pytest.param("10.0.9.1", "v", id="in the network itself"),
        pytest.param("10.1.0.4", "v2", id="in a directly peered network"),
        pytest.param("10.3.0.4", None, id="nowhere else, so the traffic is dropped"),
    ],
)
def test_r9_an_appliance_is_reached(appliance: str, home: str | None) -> None:
    lab = routed({"0.0.0.0/0": appliance}, peers={"v2": ("10.1.0.0/16",)})
    lab.vnet("v3", "10.3.0.0/16")
    lab.peer("v2", "v3")
    lab.peer("v3", "v2")
    route = next(r for r in table(lab, "routed").routes if r.source is RouteSource.USER)
    assert (ResourceId(route.target).name if route.target else None) == home


def test_r11_a_default_route_leaves_traffic_within_the_network_alone() -> None:
    lab = routed({"0.0.0.0/0": "10.0.9.1"})
    assert next_hop(lab, "routed", "10.0.1.9") == "VnetLocal"


def test_a_gateway_route_without_a_gateway_is_listed_and_has_no_target() -> None:
    lab = routed({"10.50.0.0/16": "VirtualNetworkGateway"})
    route = next(r for r in table(lab, "routed").routes if r.source is RouteSource.USER)
    assert (route.next_hop, route.active, route.target) == (NextHop.GATEWAY, True, None)


def test_a_network_with_ipv6_has_an_ipv6_default_route() -> None:
    lab = Lab()
    lab.vnet("v", "10.0.0.0/16", "fd00::/48", subnets={"bare": {"addressPrefixes": ["10.0.1.0/24", "fd00::/64"]}})
    assert next_hop(lab, "bare", "2001:db8::1") == "Internet"
    assert next_hop(lab, "bare", "fd00::7") == "VnetLocal"


def test_a_peer_in_another_region_is_a_global_peering() -> None:
    lab = Lab()
    lab.vnet("v", "10.0.0.0/16", subnets={"bare": "10.0.1.0/24"})
    lab.vnet("far", "10.9.0.0/16", location="eastus")
    lab.peer("v", "far")
    lab.peer("far", "v")
    assert next_hop(lab, "bare", "10.9.0.4") == "VNetGlobalPeering"


def test_subnets_of_one_network_share_the_routes_of_one_table() -> None:
    lab = routed({"0.0.0.0/0": "10.0.9.1"})
    subnets = {n: {"addressPrefix": f"10.0.{i}.0/24", "table": "rt"} for i, n in enumerate("abc")}
    lab.vnet("v", "10.0.0.0/16", subnets=subnets)
    lab.nic("n", "v/a")
    model = lab.compile()
    assert len(model.all(RouteTable)) == 1
    assert next(iter(model.all(Port).values())).routes in model.all(RouteTable)


REFUSED: list[Any] = [
    pytest.param({"10.0.0.0/33": "Internet"}, ["InvalidAddressPrefixFormat"], id="a prefix that is none"),
    pytest.param({"10.0.0.1/24": "Internet"}, ["InvalidCIDRNotation"], id="host bits"),
    pytest.param({"Storag": "Internet"}, ["InvalidAddressPrefixFormat"], id="an unknown service tag"),
    pytest.param({"VirtualNetwork": "Internet"}, ["InvalidRouteServiceTag"], id="a tag that depends on the subnet"),
    pytest.param({"10.0.0.0/8": "127.0.0.1"}, ["InvalidNextHopIpAddress"], id="loopback as appliance"),
    pytest.param({"10.0.0.0/8": "224.0.0.1"}, ["InvalidNextHopIpAddress"], id="multicast as appliance"),
    pytest.param({"10.0.0.0/8": "fd00::4"}, ["InvalidNextHopIpAddress"], id="an IPv6 appliance for an IPv4 prefix"),
    pytest.param({"10.0.0.0/8": "VnetPeering"}, ["InvalidRequestFormat"], id="R5 peering as next hop"),
    pytest.param(
        {f"10.{i // 256}.{i % 256}.0/24": "Internet" for i in range(401)}, ["RouteCountLimitReached"], id="401 routes"
    ),
    pytest.param(
        {f"{tag}.{region}": "Internet" for tag in ("Storage", "Sql") for region in REGIONS[:13]},
        ["ServiceTagRouteCountLimitReached"],
        id="R8 26 routes with service tags",
    ),
]


@pytest.mark.parametrize(("routes", "codes"), REFUSED)
def test_refused(routes: dict[str, str], codes: list[str]) -> None:
    with pytest.raises(Refused) as refusal:
        Lab().route_table("rt", routes)
    assert refusal.value.codes == codes


@pytest.mark.parametrize(
    ("route", "code"),
    [
        pytest.param(
            {"addressPrefix": "10.0.0.0/8", "nextHopType": "Internet", "nextHopIpAddress": "10.0.0.4"},
            "InvalidNextHopIpAddress",
            id="a next hop address without an appliance",
        ),
        pytest.param(
            {"addressPrefix": "10.0.0.0/8", "nextHopType": "VirtualAppliance"},
            "InvalidNextHopIpAddress",
            id="an appliance without an address",
        ),
        pytest.param({"nextHopType": "Internet"}, "InvalidAddressPrefixFormat", id="no prefix"),
        pytest.param({"addressPrefix": "10.0.0.0/8"}, "InvalidRequestFormat", id="no next hop type"),
    ],
)
def test_refused_route(route: dict[str, str], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        Lab().put("routeTables", "rt", {"routes": [{"name": "r", "properties": route}]})
    assert code in refusal.value.codes


def test_two_routes_of_one_prefix_are_refused() -> None:
    route = {"addressPrefix": "10.0.0.0/8", "nextHopType": "Internet"}
    with pytest.raises(Refused, match="RouteConflict"):
        Lab().put("routeTables", "rt", {"routes": [{"name": n, "properties": route} for n in "ab"]})


def test_r7_a_default_route_stays_off_the_gateway_subnet_from_both_sides() -> None:
    lab = Lab()
    lab.route_table("rt", {"10.9.0.0/16": "None"})
    subnets = {"GatewaySubnet": {"addressPrefix": "10.0.0.0/27", "table": "rt"}}
    lab.vnet("v", "10.0.0.0/16", subnets=subnets)
    with pytest.raises(Refused, match="DefaultRouteNotAllowedOnGatewaySubnet"):
        lab.route_table("rt", {"0.0.0.0/0": "Internet"})
    lab.route_table("other", {"0.0.0.0/0": "Internet"})
    subnets["GatewaySubnet"]["table"] = "other"
    with pytest.raises(Refused, match="DefaultRouteNotAllowedOnGatewaySubnet"):
        lab.vnet("v", "10.0.0.0/16", subnets=subnets)


def test_a_table_in_use_cannot_be_deleted_and_names_its_subnets() -> None:
    lab = routed({})
    with pytest.raises(Refused, match="InUseRouteTableCannotBeDeleted") as refusal:
        lab.delete("routeTables", "rt")
    assert subnet_ref("v/routed")["id"] in refusal.value.violations[0].message
    assert lab.status(lab.get("routeTables", "rt"))["subnets"] == [subnet_ref("v/routed")]


def test_no_route_beats_a_longer_prefix_of_bgp() -> None:
    table = routed({"10.0.0.0/8": "None"})
    [route] = table.get("routeTables", "rt").properties.routes
    assert table.status(resource_id("routeTables", "rt").child("routes", route.name)) == {"hasBgpOverride": False}


def test_effective_routes_have_azures_shape() -> None:
    lab = routed({"0.0.0.0/0": "10.0.9.1"})
    lab.nic("n", "v/routed")
    with pytest.raises(Refused, match="NetworkInterfaceNotAttachedToRunningVirtualMachine"):
        lab.act("networkInterfaces", "n", "effectiveRouteTable")
    lab.vm("m", "n")
    rows = lab.act("networkInterfaces", "n", "effectiveRouteTable")["value"]
    user = {
        "name": "to-0.0.0.0-0",
        "source": "User",
        "state": "Active",
        "addressPrefix": ["0.0.0.0/0"],
        "nextHopIpAddress": ["10.0.9.1"],
        "nextHopType": "VirtualAppliance",
        "disableBgpRoutePropagation": False,
    }
    assert user in rows
    assert [r["nextHopType"] for r in rows if r["state"] == "Invalid"] == ["Internet"]


def test_effective_routes_gather_the_prefixes_of_a_tag_in_one_row() -> None:
    lab = routed({"Storage": "Internet"})
    lab.nic("n", "v/routed")
    lab.vm("m", "n")
    rows = lab.act("networkInterfaces", "n", "effectiveRouteTable")["value"]
    assert [len(r["addressPrefix"]) for r in rows if r["source"] == "User"] == [2]


def test_an_empty_address_is_none_as_exported_templates_write_it() -> None:
    lab = Lab()
    hop = {"addressPrefix": "10.0.0.0/8", "nextHopType": "None", "nextHopIpAddress": ""}
    made = lab.put("routeTables", "rt", {"routes": [{"name": "r", "properties": hop}]})
    assert made.properties.routes[0].properties.next_hop_ip_address is None
    with pytest.raises(Refused):
        lab.put("routeTables", "rt", {"routes": [{"name": "r", "properties": hop | {"addressPrefix": ""}}]})
