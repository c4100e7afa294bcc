"""Lab clients: hosts of the simulated Internet."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.forwarding.model import InternetHost
from lazulite.services.service import Lab as Configuration
from tests.build import Lab, Refused, resource_id

KIND = "Lazulite.Lab/clients"


def client(lab: Lab, name: str = "anna", **properties: Any) -> Any:
    return lab.put(KIND, name, {"country": "DE"} | properties, location=None).properties


def codes(lab: Lab, **properties: Any) -> list[str]:
    try:
        client(lab, "new", **properties)
    except Refused as refused:
        return refused.codes
    return []


def test_a_client_is_a_host_on_the_internet() -> None:
    lab = Lab()
    client(lab, country="de", latitude=52.5, longitude=13.4)
    host = lab.compile().get(InternetHost, resource_id(KIND, "anna").key)
    assert host is not None
    assert (host.label, host.country) == ("anna", "DE")
    assert host.addresses == (lab.get(KIND, "anna").properties.ip_address,)


def test_addresses_are_allocated_apart_from_each_other_and_from_public_ones() -> None:
    lab = Lab()
    first = client(lab, "one").ip_address
    lab.public_ip("pip")
    lab.vnet("vnet", "10.0.0.0/16")
    second = client(lab, "two").ip_address
    held = lab.get("publicIPAddresses", "pip").properties.held_address
    outbound = lab.get("virtualNetworks", "vnet").properties.default_outbound_address
    assert len({first, second, held, outbound, None}) == 5


def test_a_client_keeps_its_address() -> None:
    lab = Lab()
    first = client(lab).ip_address
    assert client(lab, country="FR").ip_address == first


@pytest.mark.parametrize("address", ["198.18.4.4", "2001:2::44"])
def test_a_client_can_choose_its_address(address: str) -> None:
    lab = Lab()
    assert client(lab, ipAddress=address).ip_address == ip_address(address)
    assert client(lab, ipAddress=address).ip_address == ip_address(address)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        pytest.param({"country": "XX"}, ["InvalidParameter"], id="a country that is none"),
        pytest.param({"country": "Germany"}, ["InvalidParameter"], id="a country by its name"),
        pytest.param({"latitude": 1.0}, ["InvalidParameter"], id="latitude without longitude"),
        pytest.param({"latitude": 91, "longitude": 0}, ["InvalidParameter"], id="a latitude beyond the pole"),
        pytest.param({"ipAddress": "8.8.8.8"}, ["IPAddressNotInPool"], id="an address outside the pool"),
        pytest.param({"ipAddress": "198.19.0.1"}, ["IPAddressInReservedRange"], id="an address of a service"),
        pytest.param({"ipAddress": "198.18.7.7"}, ["IPAddressIsAllocated"], id="the address of another client"),
        pytest.param({"ipAddress": "nowhere"}, ["InvalidIPAddressFormat"], id="no address"),
    ],
)
def test_what_is_refused(properties: dict[str, Any], expected: list[str]) -> None:
    lab = Lab()
    client(lab, "there", ipAddress="198.18.7.7")
    assert codes(lab, **properties) == expected


def test_public_addresses_are_not_taken_twice() -> None:
    lab = Lab()
    lab.public_ip("pip")
    lab.vnet("vnet", "10.0.0.0/16")
    lab.put("publicIPPrefixes", "prefix", {"prefixLength": 28}, sku="Standard")
    prefix = lab.get("publicIPPrefixes", "prefix").properties.held_prefix
    taken = (
        lab.get("publicIPAddresses", "pip").properties.held_address,
        lab.get("virtualNetworks", "vnet").properties.default_outbound_address,
        prefix[3],
    )
    assert [codes(lab, ipAddress=str(a)) for a in taken] == [["IPAddressIsAllocated"]] * 3


def test_an_empty_pool_is_said() -> None:
    lab = Lab(Configuration(public_pool=("198.18.0.0/32",)))
    assert codes(lab) == ["PublicIPAddressPoolExhausted"]
