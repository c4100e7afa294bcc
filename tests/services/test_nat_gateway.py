"""Which flows a NAT gateway takes over, and which gateways and subnets are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lazulite.forwarding.model import Port, SourceNat
from tests.build import Lab, Refused, ref, resource_id, subnet_ref

SPACE = "10.0.0.0/16"


def gateway(lab: Lab, name: str = "gw", *, addresses: int = 1, **properties: object) -> None:
    """A NAT gateway with *addresses* public addresses of its own."""
    for number in range(addresses):
        public(lab, f"{name}-{number}")
    refs = [ref("publicIPAddresses", f"{name}-{number}") for number in range(addresses)]
    lab.put("natGateways", name, {"publicIpAddresses": refs} | properties)


def public(lab: Lab, name: str, sku: str = "Standard", **properties: object) -> str:
    given = {"publicIPAllocationMethod": "Static"} | properties
    return str(lab.put("publicIPAddresses", name, given, sku=sku).properties.held_address)


def network(lab: Lab, name: str = "v", third: int = 0, **gateways: str | None) -> None:
    """A network with a subnet for each of *gateways*: 10.third.0.0/24, 10.third.1.0/24 and so on."""
    subnets = {
        subnet: {"addressPrefix": f"10.{third}.{number}.0/24"}
        | ({"natGateway": ref("natGateways", gw)} if gw is not None else {})
        for number, (subnet, gw) in enumerate(gateways.items())
    }
    lab.vnet(name, f"10.{third}.0.0/16", subnets=subnets)


def translations(lab: Lab) -> list[SourceNat]:
    return list(lab.compile().all(SourceNat).values())


def test_all_subnets_of_a_network_that_name_it_leave_from_its_addresses() -> None:
    lab = Lab()
    gateway(lab, addresses=2)
    network(lab, a="gw", b="gw", c=None)
    (found,) = translations(lab)
    assert [str(p) for p in found.prefixes] == ["10.0.0.0/24", "10.0.1.0/24"]
    assert len(found.addresses) == 2
    assert found.vrf == resource_id("virtualNetworks", "v").key
    assert found.origin == resource_id("natGateways", "gw").text
    assert found.is_gateway


def test_a_prefix_is_used_whole() -> None:
    lab = Lab()
    lab.put("publicIPPrefixes", "p", {"prefixLength": 30})
    lab.put("natGateways", "gw", {"publicIpPrefixes": [ref("publicIPPrefixes", "p")]})
    network(lab, a="gw")
    assert len(translations(lab)[0].addresses) == 4


def test_a_gateway_without_addresses_translates_nothing() -> None:
    lab = Lab()
    gateway(lab, addresses=0)
    network(lab, a="gw")
    assert translations(lab) == []


def test_a_gateway_without_subnets_translates_nothing() -> None:
    lab = Lab()
    gateway(lab)
    assert translations(lab) == []


@pytest.mark.parametrize(("minutes", "seconds"), [(None, 240), (4, 240), (120, 7200)])
def test_the_idle_timeout_is_that_of_tcp_and_udp_stays_at_four_minutes(minutes: int | None, seconds: int) -> None:
    lab = Lab()
    gateway(lab, **({} if minutes is None else {"idleTimeoutInMinutes": minutes}))
    network(lab, a="gw")
    (found,) = translations(lab)
    assert (found.tcp_idle_s, found.udp_idle_s) == (seconds, 240)


def test_a_subnet_with_a_gateway_has_no_default_outbound_access() -> None:
    lab = Lab()
    gateway(lab)
    network(lab, a="gw", b=None)
    for name in ("a", "b"):
        lab.nic(name, f"v/{name}")
    ports = lab.compile().all(Port).values()
    assert {p.label: p.default_outbound for p in ports} == {"a": False, "b": True}


def test_an_address_that_joins_reaches_the_entry() -> None:
    lab = Lab()
    gateway(lab)
    network(lab, a="gw")
    late = public(lab, "late")
    lab.put("natGateways", "gw", {"publicIpAddresses": [ref("publicIPAddresses", "late")]})
    assert [str(a) for a in translations(lab)[0].addresses] == [late]


def test_it_tells_its_subnets_and_its_addresses_tell_it() -> None:
    lab = Lab()
    gateway(lab)
    network(lab, a="gw")
    assert lab.status(resource_id("natGateways", "gw"))["subnets"] == [subnet_ref("v/a")]
    assert lab.status(resource_id("publicIPAddresses", "gw-0"))["natGateway"] == ref("natGateways", "gw")


def _idle(minutes: int) -> Callable[[Lab], None]:
    return lambda lab: gateway(lab, idleTimeoutInMinutes=minutes)


def _seventeen(lab: Lab) -> None:
    gateway(lab, addresses=17)


def _prefix_and_one(lab: Lab) -> None:
    lab.put("publicIPPrefixes", "p", {"prefixLength": 28})
    gateway(lab, publicIpPrefixes=[ref("publicIPPrefixes", "p")])


def _basic(lab: Lab) -> None:
    public(lab, "b", "Basic")
    lab.put("natGateways", "gw", {"publicIpAddresses": [ref("publicIPAddresses", "b")]})


def _version_6(lab: Lab) -> None:
    public(lab, "six", publicIPAddressVersion="IPv6")
    lab.put("natGateways", "gw", {"publicIpAddresses": [ref("publicIPAddresses", "six")]})


def _shared_address(lab: Lab) -> None:
    gateway(lab)
    lab.put("natGateways", "other", {"publicIpAddresses": [ref("publicIPAddresses", "gw-0")]})


def _interfaces_address(lab: Lab) -> None:
    public(lab, "p")
    network(lab, a=None)
    lab.nic("n", "v/a", publicIPAddress="p")
    lab.put("natGateways", "gw", {"publicIpAddresses": [ref("publicIPAddresses", "p")]})


def _prefix_with_addresses(lab: Lab) -> None:
    lab.put("publicIPPrefixes", "p", {"prefixLength": 30})
    public(lab, "one", publicIPPrefix=ref("publicIPPrefixes", "p"))
    lab.put("natGateways", "gw", {"publicIpPrefixes": [ref("publicIPPrefixes", "p")]})


def _two_networks(lab: Lab) -> None:
    gateway(lab)
    network(lab, a="gw")
    network(lab, "w", 1, a="gw")


def _gateway_subnet(lab: Lab) -> None:
    gateway(lab)
    network(lab, GatewaySubnet="gw")


def _basic_beside(lab: Lab) -> None:
    gateway(lab)
    network(lab, a="gw")
    public(lab, "b", "Basic")
    lab.nic("n", "v/a", publicIPAddress="b")


def _basic_first(lab: Lab) -> None:
    gateway(lab)
    network(lab, a=None)
    public(lab, "b", "Basic")
    lab.nic("n", "v/a", publicIPAddress="b")
    network(lab, a="gw")


def _no_such(lab: Lab) -> None:
    network(lab, a="gw")


def _two_zones(lab: Lab) -> None:
    lab.put("natGateways", "gw", {}, zones=("1", "2"))


def _moved_zone(lab: Lab) -> None:
    lab.put("natGateways", "gw", {}, zones=("1",))
    lab.put("natGateways", "gw", {}, zones=("2",))


def _version_2(lab: Lab) -> None:
    lab.put("natGateways", "gw", {}, sku="StandardV2")


REFUSED = {
    "an idle timeout of 3 minutes is too short": (_idle(3), "InvalidIdleTimeout"),
    "an idle timeout of 121 minutes is too long": (_idle(121), "InvalidIdleTimeout"),
    "17 addresses are one too many": (_seventeen, "NatGatewayPublicIPAddressCountLimitReached"),
    "a /28 prefix and one address are one too many": (_prefix_and_one, "NatGatewayPublicIPAddressCountLimitReached"),
    "addresses are of the standard SKU": (_basic, "PublicIpNotStandard"),
    "addresses are of IPv4": (_version_6, "PublicIPAddressVersionMismatch"),
    "an address serves one gateway": (_shared_address, "PublicIPAddressInUse"),
    "an address of an interface does not serve a gateway": (_interfaces_address, "PublicIPAddressInUse"),
    "a prefix that gave out addresses does not serve a gateway": (_prefix_with_addresses, "PublicIPAddressInUse"),
    "a gateway cannot span two networks": (_two_networks, "NatGatewayCannotSpanVnets"),
    "a gateway cannot be attached to the GatewaySubnet": (_gateway_subnet, "NatGatewayCannotBeAttachedToGatewaySubnet"),
    "a basic address cannot come into a subnet with a gateway": (_basic_beside, "PublicIpNotStandard"),
    "a gateway cannot come into a subnet with a basic address": (_basic_first, "PublicIpNotStandard"),
    "a subnet names a gateway that exists": (_no_such, "InvalidResourceReference"),
    "a gateway is in one zone or none": (_two_zones, "InvalidAvailabilityZones"),
    "zones stand once the gateway does": (_moved_zone, "ResourceAvailabilityZonesCannotBeModified"),
    "the second version is refused by name": (_version_2, "InvalidParameter"),
}


@pytest.mark.parametrize(("attempt", "code"), REFUSED.values(), ids=REFUSED)
def test_refused(attempt: Callable[[Lab], None], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        attempt(Lab())
    assert refusal.value.codes == [code]


def test_sixteen_addresses_are_allowed() -> None:
    lab = Lab()
    gateway(lab, addresses=16)
    network(lab, a="gw")
    assert len(translations(lab)[0].addresses) == 16


def test_a_gateway_of_a_subnet_cannot_be_deleted_until_the_subnet_lets_go() -> None:
    lab = Lab()
    gateway(lab)
    network(lab, a="gw")
    with pytest.raises(Refused) as refusal:
        lab.delete("natGateways", "gw")
    assert refusal.value.codes == ["InUseNatGatewayCannotBeDeleted"]
    network(lab, a=None)
    lab.delete("natGateways", "gw")
    assert translations(lab) == []


def test_an_address_of_a_gateway_cannot_be_deleted() -> None:
    lab = Lab()
    gateway(lab)
    with pytest.raises(Refused) as refusal:
        lab.delete("publicIPAddresses", "gw-0")
    assert refusal.value.codes == ["PublicIPAddressCannotBeDeleted"]
