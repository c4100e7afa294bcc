"""Public addresses and prefixes: which address, whose, when, and what is refused."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from lazulite.forwarding.model import Port
from lazulite.services.service import Lab as LabConfiguration
from tests.build import LOCATION, Lab, Refused, ref, resource_id

STATIC = {"publicIPAllocationMethod": "Static"}


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    lab.vnet("v", "10.0.0.0/16", subnets={"a": "10.0.0.0/24"})
    return lab


def shown(lab: Lab, name: str) -> str | None:
    """The address a client reads."""
    found: str | None = lab.status(lab.get("publicIPAddresses", name)).get("ipAddress")
    return found


def prefix(lab: Lab, name: str) -> str:
    return str(lab.status(lab.get("publicIPPrefixes", name))["ipPrefix"])


def test_i1_a_static_address_is_given_at_creation_and_stays(lab: Lab) -> None:
    lab.public_ip("p")
    lab.public_ip("p", idleTimeoutInMinutes=10)
    assert shown(lab, "p") == "198.18.0.2"


def test_i1_a_dynamic_address_is_had_while_the_machine_runs(lab: Lab) -> None:
    lab.public_ip("p", sku="Basic")
    lab.nic("n", "v/a", publicIPAddress="p")
    seen = [shown(lab, "p")]
    lab.vm("m", "n")
    seen.append(shown(lab, "p"))
    lab.edit("Microsoft.Compute/virtualMachines", "m", power_state="deallocated")
    assert [*seen, shown(lab, "p")] == [None, "198.18.0.2", None]


def test_i1_a_dynamic_address_is_translated_while_it_is_had(lab: Lab) -> None:
    lab.public_ip("p", sku="Basic")
    lab.nic("n", "v/a", publicIPAddress="p")
    name = resource_id("networkInterfaces", "n").key
    before = lab.compile().all(Port)[name].public
    lab.vm("m", "n")
    assert (before, [str(p.public) for p in lab.compile().all(Port)[name].public]) == ((), ["198.18.0.2"])


def test_i1_the_client_does_not_choose_the_address(lab: Lab) -> None:
    lab.public_ip("p", ipAddress="198.18.7.7")
    assert shown(lab, "p") == "198.18.0.2"


def test_the_lowest_free_address_is_nobodys(lab: Lab) -> None:
    lab.put("Lazulite.Lab/clients", "c", {"country": "NL", "ipAddress": "198.18.0.3"}, location=None)
    for name in ("p", "q"):
        lab.public_ip(name)
    lab.delete("publicIPAddresses", "p")
    lab.public_ip("r")
    assert (shown(lab, "q"), shown(lab, "r")) == ("198.18.0.4", "198.18.0.2")


def test_an_ipv6_address_comes_from_the_ipv6_pool(lab: Lab) -> None:
    lab.public_ip("p", publicIPAddressVersion="IPv6")
    assert shown(lab, "p") == "2001:2::1"


def test_the_pool_is_the_labs_and_can_run_out() -> None:
    lab = Lab(LabConfiguration(public_pool=("203.0.113.0/30",)))
    lab.public_ip("p")
    lab.public_ip("q")
    assert (shown(lab, "p"), shown(lab, "q")) == ("203.0.113.1", "203.0.113.2")
    with pytest.raises(Refused, match="PublicIPAddressPoolExhausted"):
        lab.public_ip("r")


@pytest.mark.parametrize(
    ("version", "length", "expected"),
    [
        pytest.param("IPv4", 28, "198.18.0.16/28", id="the lowest aligned block without anybody's address"),
        pytest.param("IPv4", 31, "198.18.0.2/31", id="a small one fits lower"),
        pytest.param("IPv6", 124, "2001:2::10/124", id="IPv6"),
    ],
)
def test_a_prefix_is_a_free_aligned_block(lab: Lab, version: str, length: int, expected: str) -> None:
    lab.put("publicIPPrefixes", "x", {"prefixLength": length, "publicIPAddressVersion": version})
    assert prefix(lab, "x") == expected


def test_addresses_outside_a_prefix_are_never_in_it(lab: Lab) -> None:
    lab.put("publicIPPrefixes", "x", {"prefixLength": 31})
    lab.public_ip("p")
    assert (prefix(lab, "x"), shown(lab, "p")) == ("198.18.0.2/31", "198.18.0.4")


def test_a_prefix_gives_each_of_its_addresses_once(lab: Lab) -> None:
    lab.put("publicIPPrefixes", "x", {"prefixLength": 31})
    for name in ("p", "q"):
        lab.public_ip(name, publicIPPrefix=ref("publicIPPrefixes", "x"))
    assert {shown(lab, "p"), shown(lab, "q")} == {str(a) for a in ip_network("198.18.0.2/31")}
    with pytest.raises(Refused, match="PublicIPPrefixHasNoAvailableAddress"):
        lab.public_ip("r", publicIPPrefix=ref("publicIPPrefixes", "x"))
    members = lab.status(lab.get("publicIPPrefixes", "x"))["publicIPAddresses"]
    assert members == [ref("publicIPAddresses", "p"), ref("publicIPAddresses", "q")]
    with pytest.raises(Refused, match="PublicIpPrefixCannotBeDeleted"):
        lab.delete("publicIPPrefixes", "x")


@pytest.mark.parametrize(
    ("properties", "sku", "code"),
    [
        pytest.param({}, "Standard", "StandardSkuPublicIPAddressesCannotHaveDynamicAllocation", id="standard, dynamic"),
        pytest.param(STATIC, "Premium", "InvalidParameter", id="a SKU there is not"),
        pytest.param(STATIC | {"idleTimeoutInMinutes": 3}, "Standard", "InvalidParameter", id="I3 3 minutes"),
        pytest.param(STATIC | {"idleTimeoutInMinutes": 31}, "Standard", "InvalidParameter", id="I3 31 minutes"),
        pytest.param(
            STATIC | {"dnsSettings": {"domainNameLabel": "1up"}}, "Standard", "InvalidDomainNameLabel", id="a bad label"
        ),
        pytest.param(
            STATIC | {"publicIPPrefix": ref("publicIPPrefixes", "x")},
            "Standard",
            "InvalidResourceReference",
            id="no prefix",
        ),
        pytest.param(
            STATIC | {"ddosSettings": {"protectionMode": "Enabled"}}, "Standard", "FeatureNotSupported", id="protection"
        ),
    ],
)
def test_addresses_refused(lab: Lab, properties: dict[str, Any], sku: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        lab.put("publicIPAddresses", "p", properties, sku=sku)
    assert refusal.value.codes == [code]


@pytest.mark.parametrize(
    ("properties", "sku", "codes"),
    [
        pytest.param({}, None, ["InvalidPublicIPPrefixLength"], id="no length"),
        pytest.param({"prefixLength": 27}, None, ["InvalidPublicIPPrefixLength"], id="larger than a /28"),
        pytest.param(
            {"prefixLength": 28, "publicIPAddressVersion": "IPv6"}, None, ["InvalidPublicIPPrefixLength"], id="IPv6 /28"
        ),
        pytest.param({"prefixLength": 28}, "Basic", ["PublicIPPrefixSkuMustBeStandard"], id="basic"),
    ],
)
def test_prefixes_refused(lab: Lab, properties: dict[str, Any], sku: str | None, codes: list[str]) -> None:
    with pytest.raises(Refused) as refusal:
        lab.put("publicIPPrefixes", "x", properties, sku=sku)
    assert refusal.value.codes == codes


@pytest.mark.parametrize(
    ("properties", "sku", "code"),
    [
        pytest.param(STATIC, "Basic", "PublicIPAddressAndPrefixSkuMismatch", id="of another SKU"),
        pytest.param(
            STATIC | {"publicIPAddressVersion": "IPv6"},
            "Standard",
            "PublicIPAddressAndPrefixVersionMismatch",
            id="IPv6",
        ),
    ],
)
def test_an_address_fits_its_prefix(lab: Lab, properties: dict[str, Any], sku: str, code: str) -> None:
    lab.put("publicIPPrefixes", "x", {"prefixLength": 31})
    with pytest.raises(Refused) as refusal:
        lab.put("publicIPAddresses", "p", properties | {"publicIPPrefix": ref("publicIPPrefixes", "x")}, sku=sku)
    assert refusal.value.codes == [code]


def test_a_basic_address_can_become_standard_and_not_go_back(lab: Lab) -> None:
    lab.put("publicIPAddresses", "p", STATIC, sku="Basic")
    lab.put("publicIPAddresses", "p", STATIC, sku="Standard")
    with pytest.raises(Refused, match="PropertyChangeNotAllowed"):
        lab.put("publicIPAddresses", "p", STATIC, sku="Basic")


def test_zones_are_for_good(lab: Lab) -> None:
    lab.put("publicIPAddresses", "p", STATIC, sku="Standard", zones=("1",))
    with pytest.raises(Refused, match="ResourceAvailabilityZonesCannotBeModified"):
        lab.put("publicIPAddresses", "p", STATIC, sku="Standard", zones=("2",))


def test_i2_a_label_makes_a_name_that_is_unique_in_its_region(lab: Lab) -> None:
    named = {"dnsSettings": {"domainNameLabel": "catapp"}}
    address = lab.public_ip("p", **named)
    assert address.properties.dns_settings.fqdn == "catapp.westeurope.cloudapp.azure.com"
    with pytest.raises(Refused) as refusal:
        lab.public_ip("q", **named)
    assert [(v.code, v.message) for v in refusal.value.violations] == [
        (
            "DnsRecordInUse",
            "DNS record catapp.westeurope.cloudapp.azure.com is already used by another public IP.",
        )
    ]
    lab.put("publicIPAddresses", "far", STATIC | named, location="eastus", sku="Standard")


def test_a_name_is_free_until_somebody_has_it(lab: Lab) -> None:
    pattern, places = "Microsoft.Network/locations/{location}/CheckDnsNameAvailability", {"location": LOCATION}
    before = lab.ask(pattern, places, domainNameLabel="catapp")
    lab.public_ip("p", dnsSettings={"domainNameLabel": "catapp"})
    after = lab.ask(pattern, places, domainNameLabel="CatApp")
    assert (before, after) == ({"available": True}, {"available": False})


def test_an_address_in_use_cannot_be_deleted_and_names_its_holder(lab: Lab) -> None:
    lab.public_ip("p")
    lab.nic("n", "v/a", publicIPAddress="p")
    holder = resource_id("networkInterfaces", "n").child("ipConfigurations", "ipconfig1").text
    assert lab.status(lab.get("publicIPAddresses", "p"))["ipConfiguration"] == {"id": holder}
    with pytest.raises(Refused) as refusal:
        lab.delete("publicIPAddresses", "p")
    assert refusal.value.codes == ["PublicIPAddressCannotBeDeleted"]
    assert f"still allocated to resource {holder}." in refusal.value.violations[0].message
    lab.nic("n", "v/a")
    lab.delete("publicIPAddresses", "p")


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        pytest.param({}, "PublicIPAddressInUse", id="somebody else has"),
        pytest.param({"publicIPAddressVersion": "IPv6"}, "PublicIPAddressVersionMismatch", id="of another version"),
    ],
)
def test_an_interface_cannot_have_an_address(lab: Lab, properties: dict[str, Any], code: str) -> None:
    lab.public_ip("p", **properties)
    if not properties:
        lab.nic("n", "v/a", publicIPAddress="p")
    with pytest.raises(Refused) as refusal:
        lab.nic("m", "v/a", publicIPAddress="p")
    assert refusal.value.codes == [code]


def test_a_sku_is_spelled_in_any_case(lab: Lab) -> None:
    body = {"publicIPAllocationMethod": "Static"}
    found = lab.put("publicIPAddresses", "everywhere", body, sku="standard", tier="global")
    assert found.sku is not None
    assert (found.sku.name, found.sku.tier) == ("Standard", "Global")
