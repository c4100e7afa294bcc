"""TAPs: what a destination may be, who may be tapped, and what becomes of both in the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from lazulite.forwarding.model import Tap, TapSource
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.services.service import Lab as Configuration
from lazulite.services.virtual_network_tap.model import MAX_SOURCES, identifier
from tests.build import GROUP, Lab, Refused, ref, resource_id
from tests.services.balancers import balancer, private

TAPS = "virtualNetworkTaps"
NIC, FRONTEND = "destinationNetworkInterfaceIPConfiguration", "destinationLoadBalancerFrontEndIPConfiguration"
ELSEWHERE = GROUP.replace("00000001", "00000002")


def configuration(nic: str) -> dict[str, str]:
    return {"id": resource_id("networkInterfaces", nic).child("ipConfigurations", "ipconfig1").text}


def frontend(name: str = "f") -> dict[str, str]:
    return {"id": resource_id("loadBalancers", "lb").child("frontendIPConfigurations", name).text}


def machine(lab: Lab, name: str, subnet: str = "v/a", address: str | None = None) -> None:
    lab.nic(name, subnet, address)
    lab.vm(name, name)


def tap(lab: Lab, name: str = "t", *, location: str = "westeurope", **properties: Any) -> Resource[Any]:
    return lab.put(TAPS, name, properties or {NIC: configuration("collector")}, location=location)


def copy(lab: Lab, nic: str, to: str = "t", name: str = "c") -> Resource[Any]:
    """Tap an interface."""
    kind = f"Microsoft.Network/networkInterfaces/{nic}/tapConfigurations"
    return lab.put(kind, name, {"virtualNetworkTap": ref(TAPS, to)}, location=None)


@pytest.fixture
def lab() -> Lab:
    """A network with a machine and a collector, one that is not peered with it, and a balancer of each kind."""
    lab = Lab()
    lab.vnet("v", "10.0.0.0/16", "fd00::/48", subnets={"a": {"addressPrefixes": ["10.0.0.0/24", "fd00::/64"]}})
    lab.vnet("far", "10.1.0.0/16", subnets={"a": "10.1.0.0/24"})
    for name in ("web", "collector"):
        machine(lab, name)
    machine(lab, "stranger", "far/a", "10.1.0.9")
    balancer(lab, frontendIPConfigurations=[private()])
    return lab


def taps(lab: Lab) -> list[Tap]:
    return list(lab.compile().all(Tap).values())


def sources(lab: Lab) -> list[TapSource]:
    return list(lab.compile().all(TapSource).values())


def test_copies_go_to_the_private_address_of_a_collector() -> None:
    lab = Lab()
    lab.vnet("v", "10.0.0.0/16", subnets={"a": "10.0.0.0/24"})
    lab.nic("collector", "v/a", "10.0.0.9")
    made = tap(lab)
    (found,) = taps(lab)
    assert (str(found.address), found.port, found.vrf) == ("10.0.0.9", 4789, resource_id("virtualNetworks", "v").key)
    assert (found.origin, found.label) == (made.id.text, "t")


def test_copies_go_to_the_frontend_of_an_internal_load_balancer(lab: Lab) -> None:
    tap(lab, **{FRONTEND: frontend(), "destinationPort": 4790})
    (found,) = taps(lab)
    address = lab.get("loadBalancers", "lb").properties.frontend_ip_configurations[0].properties.private_ip_address
    assert (found.address, found.port) == (address, 4790)


@pytest.mark.parametrize(
    ("sent", "stored"), [({}, 4789), ({"destinationPort": 0}, 4789), ({"destinationPort": 8888}, 8888)]
)
def test_port_0_is_stored_as_4789(lab: Lab, sent: dict[str, int], stored: int) -> None:
    made = tap(lab, **{NIC: configuration("collector")}, **sent)
    assert made.properties.destination_port == stored


def test_the_identifier_is_the_begin_of_the_guid_and_never_zero(lab: Lab) -> None:
    made = tap(lab)
    shown = lab.status(made)["resourceGuid"]
    assert identifier(made) == UUID(shown).int >> 104
    assert taps(lab)[0].identifier == identifier(made)
    assert identifier(Resource(made.id, made.properties, guid="00000000-1111-2222-3333-444444444444")) == 1


def test_an_interface_is_copied_to_its_tap_and_both_tell_of_it(lab: Lab) -> None:
    made = tap(lab)
    assert "networkInterfaceTapConfigurations" not in lab.status(made)
    added = copy(lab, "web")
    (found,) = sources(lab)
    nic = resource_id("networkInterfaces", "web")
    assert (found.port, found.tap, found.origin) == (nic.key, made.id.key, added.id.text)
    assert lab.status(made)["networkInterfaceTapConfigurations"] == [{"id": added.id.text}]
    assert lab.status(nic)["tapConfigurations"] == [{"id": added.id.text}]
    assert lab.status(resource_id("networkInterfaces", "collector"))["tapConfigurations"] == []


def test_many_interfaces_share_a_tap(lab: Lab) -> None:
    tap(lab)
    machine(lab, "db")
    for name in ("web", "db"):
        copy(lab, name)
    assert {s.tap for s in sources(lab)} == {resource_id(TAPS, "t").key}
    assert len(sources(lab)) == 2


def test_the_peered_network_s_machines_may_be_tapped_once_the_peering_exists(lab: Lab) -> None:
    tap(lab)
    with pytest.raises(Refused):
        copy(lab, "stranger")
    for one, other in (("v", "far"), ("far", "v")):
        lab.peer(one, other)
    copy(lab, "stranger")
    assert [s.port for s in sources(lab)] == [resource_id("networkInterfaces", "stranger").key]


def test_an_interface_that_is_deleted_takes_its_configuration_along(lab: Lab) -> None:
    tap(lab)
    copy(lab, "web")
    lab.delete("Microsoft.Compute/virtualMachines", "web")
    lab.delete("networkInterfaces", "web")
    assert sources(lab) == []
    lab.delete(TAPS, "t")


def none(lab: Lab) -> None:
    lab.put(TAPS, "t", {})


def both(lab: Lab) -> None:
    tap(lab, **{NIC: configuration("collector"), FRONTEND: frontend()})


def another_region(lab: Lab) -> None:
    tap(lab, location="northeurope")


def public_frontend(lab: Lab) -> None:
    lab.public_ip("p")
    lab.put(
        "loadBalancers",
        "open",
        {"frontendIPConfigurations": [{"name": "f", "properties": {"publicIPAddress": ref("publicIPAddresses", "p")}}]},
        sku="Standard",
    )
    tap(lab, **{FRONTEND: {"id": frontend()["id"].replace("/lb/", "/open/")}})


def version_6(lab: Lab) -> None:
    six = {"subnet": lab.get("virtualNetworks", "v").id.child("subnets", "a").text}
    both_versions = [
        {"name": "four", "properties": {"subnet": {"id": six["subnet"]}, "primary": True}},
        {"name": "six", "properties": {"subnet": {"id": six["subnet"]}, "privateIPAddressVersion": "IPv6"}},
    ]
    lab.put("networkInterfaces", "dual", {"ipConfigurations": both_versions})
    tap(lab, **{NIC: {"id": resource_id("networkInterfaces", "dual").child("ipConfigurations", "six").text}})


def port(number: int) -> Callable[[Lab], None]:
    return lambda lab: void(tap(lab, **{NIC: configuration("collector"), "destinationPort": number}))


def void(_: object) -> None:
    return None


def detached(lab: Lab) -> None:
    tap(lab)
    lab.nic("loose", "v/a")
    copy(lab, "loose")


def second(lab: Lab) -> None:
    tap(lab)
    copy(lab, "web")
    copy(lab, "web", name="again")


def itself(lab: Lab) -> None:
    tap(lab)
    copy(lab, "collector")


def unpeered(lab: Lab) -> None:
    tap(lab)
    copy(lab, "stranger")


def moved_away(lab: Lab) -> None:
    tap(lab)
    copy(lab, "web")
    tap(lab, **{NIC: configuration("stranger")})


def moved_to_its_source(lab: Lab) -> None:
    tap(lab)
    copy(lab, "web")
    tap(lab, **{NIC: configuration("web")})


def nameless(lab: Lab) -> None:
    lab.put("Microsoft.Network/networkInterfaces/web/tapConfigurations", "c", {}, location=None)


def tap_in_another_region(lab: Lab) -> None:
    lab.vnet("n", "10.2.0.0/16", subnets={"a": "10.2.0.0/24"}, location="northeurope")
    lab.nic("north", "n/a", location="northeurope")
    tap(lab, "north", location="northeurope", **{NIC: configuration("north")})
    copy(lab, "web", "north")


@pytest.mark.parametrize(
    ("attempt", "code", "target"),
    [
        pytest.param(none, "VirtualNetworkTapMustHaveOneDestination", "properties", id="no destination"),
        pytest.param(both, "VirtualNetworkTapMustHaveOneDestination", "properties", id="both destinations"),
        pytest.param(another_region, "InvalidResourceReference", f"properties.{NIC}", id="a collector elsewhere"),
        pytest.param(
            public_frontend,
            "VirtualNetworkTapDestinationMustBePrivate",
            f"properties.{FRONTEND}",
            id="a public frontend",
        ),
        pytest.param(version_6, "VirtualNetworkTapDestinationMustBeIPv4", f"properties.{NIC}", id="an IPv6 address"),
        pytest.param(port(-1), "InvalidDestinationPort", "properties.destinationPort", id="a negative port"),
        pytest.param(port(65536), "InvalidDestinationPort", "properties.destinationPort", id="a port beyond the last"),
        pytest.param(detached, "NetworkInterfaceNotAttachedToVirtualMachine", "name", id="an interface of no machine"),
        pytest.param(second, "NetworkInterfaceTapConfigurationCountLimitReached", "name", id="a second configuration"),
        pytest.param(
            itself,
            "NetworkInterfaceIsDestinationOfVirtualNetworkTap",
            "properties.virtualNetworkTap",
            id="a collector copied to itself",
        ),
        pytest.param(
            unpeered,
            "VirtualNetworkTapDestinationNotReachable",
            "properties.virtualNetworkTap",
            id="a machine of a network that is not peered",
        ),
        pytest.param(
            moved_away,
            "VirtualNetworkTapDestinationNotReachable",
            f"properties.{NIC}",
            id="a new destination that a tapped machine does not reach",
        ),
        pytest.param(
            moved_to_its_source,
            "NetworkInterfaceIsDestinationOfVirtualNetworkTap",
            f"properties.{NIC}",
            id="a new destination that is tapped",
        ),
        pytest.param(nameless, "VirtualNetworkTapNotSpecified", "properties.virtualNetworkTap", id="no TAP named"),
        pytest.param(
            tap_in_another_region,
            "InvalidResourceReference",
            "properties.virtualNetworkTap",
            id="a TAP of another region",
        ),
    ],
)
def test_it_refuses(lab: Lab, attempt: Callable[[Lab], None], code: str, target: str) -> None:
    with pytest.raises(Refused) as refused:
        attempt(lab)
    assert [(v.code, v.target) for v in refused.value.violations] == [(code, target)]


def test_a_tap_has_no_more_than_a_hundred_interfaces(lab: Lab) -> None:
    tap(lab)
    for number in range(MAX_SOURCES):
        machine(lab, f"m{number}")
        copy(lab, f"m{number}")
    with pytest.raises(Refused) as refused:
        copy(lab, "web")
    assert [v.code for v in refused.value.violations] == ["VirtualNetworkTapConfigurationCountLimitReached"]
    copy(lab, "m7")  # the same one again


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        pytest.param(TAPS, "t", "InUseVirtualNetworkTapCannotBeDeleted", id="a TAP with a configuration"),
        pytest.param("networkInterfaces", "collector", "NicInUse", id="a collector"),
        pytest.param("loadBalancers", "lb", "", id="a balancer of collectors"),
    ],
)
def test_what_is_in_use_cannot_be_deleted(lab: Lab, kind: str, name: str, code: str) -> None:
    tap(lab)
    tap(lab, "balanced", **{FRONTEND: frontend()})
    copy(lab, "web")
    if kind == "networkInterfaces":
        lab.delete("Microsoft.Compute/virtualMachines", "collector")
    with pytest.raises(Refused) as refused:
        lab.delete(kind, name)
    assert code in refused.value.violations[0].code


def foreign() -> Lab:
    """As :func:`lab`, where the second subscription is another tenant's."""
    tenants = {"00000000-0000-0000-0000-000000000001": "ours", "00000000-0000-0000-0000-000000000002": "theirs"}
    return Lab(Configuration(tenants=tenants))


def test_a_destination_of_another_tenant_is_refused() -> None:
    lab = foreign()
    lab.vnet("v", "10.0.0.0/16", subnets={"a": "10.0.0.0/24"})
    machine(lab, "collector")
    with pytest.raises(Refused) as refused:
        lab.put(TAPS, "theirs", {NIC: configuration("collector")}, group=ELSEWHERE)
    assert [(v.code, v.target) for v in refused.value.violations] == [
        ("VirtualNetworkTapInAnotherTenant", f"properties.{NIC}")
    ]


def test_a_destination_of_another_subscription_is_as_good(lab: Lab) -> None:
    """Source: rule 2, a TAP aggregates interfaces of several subscriptions of a tenant."""
    made = lab.put(TAPS, "theirs", {NIC: configuration("collector")}, group=ELSEWHERE)
    kind = "Microsoft.Network/networkInterfaces/web/tapConfigurations"
    lab.put(kind, "c", {"virtualNetworkTap": {"id": made.id.text}}, location=None)
    assert isinstance(made.id, ResourceId)
    assert [s.tap for s in sources(lab)] == [made.id.key]


@pytest.mark.parametrize("port", [1, 65535], ids=["the first port", "the last port"])
def test_every_port_but_none_may_be_the_destinations(lab: Lab, port: int) -> None:
    tap(lab, **{NIC: configuration("collector"), "destinationPort": port})
    assert taps(lab)[0].port == port


@pytest.mark.parametrize(
    ("named", "said"),
    [
        pytest.param({}, "It has none.", id="neither"),
        pytest.param({NIC: configuration("collector"), FRONTEND: frontend()}, "It has 2.", id="both"),
    ],
)
def test_a_tap_says_how_many_destinations_it_was_given(lab: Lab, named: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match="VirtualNetworkTapMustHaveOneDestination") as refused:
        lab.put(TAPS, "t", named)
    [wrong] = refused.value.violations
    assert wrong.message.endswith(said)


def test_a_destination_of_another_region_is_the_only_thing_said_of_it(lab: Lab) -> None:
    """Whether its sources reach it is no question then."""
    tap(lab)
    copy(lab, "web")
    with pytest.raises(Refused) as refused:
        tap(lab, location="eastus")
    assert "VirtualNetworkTapDestinationNotReachable" not in refused.value.codes
    assert "InvalidResourceReference" in refused.value.codes
