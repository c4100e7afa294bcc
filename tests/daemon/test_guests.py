"""Machines by the names people use."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest

from lazulite.daemon.guests import UnknownGuestError, find, machines
from lazulite.forwarding.model import ForwardingModel, Guest, InternetHost, Port, PublicAddress
from lazulite.values import IPAddress


def arm_id(group: str, name: str) -> str:
    return f"/subscriptions/s/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"


def guest(group: str, name: str) -> Guest:
    return Guest(arm_id(group, name).lower(), name, name, origin=arm_id(group, name))


def port(group: str, name: str, *addresses: str, slot: int = 0, public: str = "") -> Port:
    found: list[IPAddress] = [ip_address(a) for a in addresses]
    pairs = (PublicAddress(found[0], IPv4Address(public)),) if public else ()
    owner = arm_id(group, name).lower()
    return Port(
        f"{owner}-{slot}",
        f"nic{slot}",
        "",
        "v",
        "",
        tuple(found),
        (IPv4Network("10.0.0.0/24"),),
        owner,
        slot,
        public=pairs,
    )


MODEL = ForwardingModel(
    [
        guest("shop", "Web"),
        guest("shop", "db"),
        guest("test", "web"),
        port("shop", "Web", "10.0.9.4", slot=1),
        port("shop", "Web", "10.0.0.4", "fd00::4", public="198.18.0.2"),
        port("shop", "db", "10.0.0.5"),
        port("test", "web", "10.0.0.4"),
        InternetHost("visitor", "visitor", "", (IPv4Address("198.18.0.9"),)),
    ]
)


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        pytest.param("db", arm_id("shop", "db"), id="a name that is unique"),
        pytest.param("DB", arm_id("shop", "db"), id="in any case"),
        pytest.param("shop/web", arm_id("shop", "Web"), id="a group tells two of one name apart"),
        pytest.param("test/web", arm_id("test", "web"), id="the other one"),
    ],
)
def test_a_machine_by_name(name: str, origin: str) -> None:
    assert find(MODEL, name).entry.origin == origin


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("web", "Several machines are called 'web': shop/Web, test/web. Name one", id="two of one name"),
        pytest.param("nobody", "No machine called 'nobody' runs. Running: shop/db", id="none"),
        pytest.param("nowhere/db", "No machine called 'nowhere/db' runs.", id="none in that group"),
    ],
)
def test_a_name_that_does_not_do_says_which_would(name: str, message: str) -> None:
    with pytest.raises(UnknownGuestError) as caught:
        find(MODEL, name)
    assert str(caught.value).startswith(message)


def test_an_empty_lab_says_so() -> None:
    with pytest.raises(UnknownGuestError, match="None runs"):
        find(ForwardingModel(), "web")


def test_the_primary_interface_comes_first() -> None:
    assert find(MODEL, "shop/web").addresses[0] == IPv4Address("10.0.0.4")


@pytest.mark.parametrize(
    ("source", "version", "expected"),
    [
        pytest.param("db", 4, IPv4Address("10.0.0.4"), id="a machine uses the private address"),
        pytest.param("db", 6, IPv6Address("fd00::4"), id="of the version it asks for"),
        pytest.param("visitor", 4, IPv4Address("198.18.0.2"), id="a client the public one"),
        pytest.param("visitor", 6, None, id="which may not be there"),
    ],
)
def test_the_address_for_a_source(source: str, version: int, expected: IPAddress | None) -> None:
    assert find(MODEL, "shop/web").address_for(find(MODEL, source), version) == expected


def test_clients_come_last() -> None:
    assert [m.is_client for m in machines(MODEL)] == [False, False, False, True]
