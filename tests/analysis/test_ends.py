"""Between whom flows are told."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from lazulite.analysis.ends import Ends, classed, joined, sendable, witness
from lazulite.analysis.reachability import Endpoint
from lazulite.values import ALL_PORTS, PortRange, Protocol
from tests.analysis.build import frontend, model, port, route, table, vrf

NETWORK = model(
    vrf("net", "10.0.0.0/16", snat="198.18.0.1"),
    table("net", route("10.0.0.0/16 local"), route("0.0.0.0/0 internet")),
    port("a", "10.0.0.4/24", public={"10.0.0.4": "198.18.0.9"}),
    port("b", "10.0.0.5/24 fd00::5/64"),
    frontend("private", "10.0.2.4"),
    frontend("public", "198.18.0.8"),
)
ENDS = Ends([NETWORK])


def end(name: str, version: int = 4, *, public: bool = False) -> Endpoint:
    found = [e for e in ENDS.targets if e.name == name and e.address.version == version]
    return next(e for e in found if (e in ENDS.public) is public)


def outside(version: int = 4) -> Endpoint:
    return next(e for e in ENDS.parts if e.address.version == version)


@pytest.mark.parametrize(
    ("source", "target", "talk"),
    [
        pytest.param(end("a"), end("b"), True, id="private addresses to each other"),
        pytest.param(end("a"), end("private"), True, id="and to private frontends"),
        pytest.param(end("a"), outside(), True, id="and to the Internet"),
        pytest.param(end("b"), end("a", public=True), False, id="not to public ones: there they are the Internet"),
        pytest.param(outside(), end("a", public=True), True, id="the Internet to public addresses"),
        pytest.param(outside(), end("public", public=True), True, id="and to public frontends"),
        pytest.param(outside(), end("a"), False, id="not to private ones"),
        pytest.param(outside(), outside(), False, id="not to itself"),
        pytest.param(end("a"), end("b", 6), False, id="nobody to another IP version"),
        pytest.param(end("b", 6), outside(6), True, id="IPv6 to the Internet of IPv6"),
    ],
)
def test_who_talks_to_whom(source: Endpoint, target: Endpoint, talk: bool) -> None:
    assert ENDS.talk(source, target) is talk


def test_the_internet_is_no_address_of_a_network() -> None:
    inside = [ip_network("10.0.0.0/8"), ip_network("198.18.0.1/32"), ip_network("198.18.0.8/31")]
    prefixes = [p for part in ENDS.parts.values() for p in part.prefixes if p.version == 4]
    assert not any(p.overlaps(mine) for p in prefixes for mine in inside)


def test_a_side_has_the_prefixes_of_parts_and_the_addresses_of_ports() -> None:
    found = ENDS.side([end("a"), outside()])
    assert found.prefixes[0] == ip_network("10.0.0.4/32")
    assert set(found.prefixes[1:]) == set(ENDS.parts[outside()].prefixes)


def test_endpoints_of_one_key_are_one_class_in_their_order() -> None:
    a, b, c = end("a"), end("b"), end("private")
    assert classed([(1, a), (2, b), (1, c)]) == [[a, c], [b]]


def test_rows_of_the_same_sources_and_then_of_the_same_destinations_are_one() -> None:
    a, b, c = end("a"), end("b"), end("private")
    assert list(joined([([a], [b]), ([a], [c]), ([b], [b, c])])) == [([a, b], [b, c])]


@pytest.mark.parametrize(
    ("protocol", "src_ports", "dst_ports", "flow"),
    [
        pytest.param(Protocol.TCP, ALL_PORTS, PortRange(80, 90), "tcp 10.0.0.4:49152 > 10.0.0.5:80", id="the first"),
        pytest.param(Protocol.TCP, PortRange(0, 9), ALL_PORTS, "tcp 10.0.0.4:1 > 10.0.0.5:1", id="never port 0"),
        pytest.param(Protocol.ICMP, ALL_PORTS, ALL_PORTS, "icmp 10.0.0.4 > 10.0.0.5", id="no port where there is none"),
    ],
)
def test_a_witness_is_what_a_socket_could_send(
    protocol: Protocol, src_ports: PortRange, dst_ports: PortRange, flow: str
) -> None:
    assert str(witness(end("a"), end("b"), protocol, src_ports, dst_ports)) == flow


def test_where_port_0_is_all_there_is_it_stands() -> None:
    assert sendable(PortRange(0, 0)) == 0
