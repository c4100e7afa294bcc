"""The matrix against single traces."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.analysis import Disposition, Index, trace
from lazulite.analysis.headers import Region
from lazulite.analysis.reachability import Endpoint, Matrix, endpoints, frontends, matrix, witness
from lazulite.forwarding.model import ForwardingModel, Frontend, Peering, Port, Route
from lazulite.values import Flow, PortRange, Protocol
from tests.analysis.build import access_list, group, host, index, peered, port, route, table, vrf
from tests.analysis.networks import HOSTS, by_backend, networks, patient, port_numbers, protocols


def everywhere(network: Index) -> list[Endpoint]:
    """Private addresses, public ones and the hosts of the Internet."""
    public = [Endpoint(p.name, a.public) for p in network.model.all(Port).values() for a in p.public]
    return [*endpoints(network), *public, *frontends(network), *(Endpoint(h.name, h.addresses[0]) for h in HOSTS)]


def region_of(found: tuple[Region, ...], flow: Flow) -> Region:
    """The one region that holds the flow."""
    held = [
        r
        for r in found
        if r.protocol is flow.protocol and flow.src_port in r.src_ports and flow.dst_port in r.dst_ports
    ]
    assert len(held) == 1, held
    return held[0]


samples = st.lists(st.tuples(protocols, port_numbers, port_numbers), min_size=3, max_size=8)


@patient
@given(networks(), samples)
def test_every_sample_ends_as_its_region_says(network: ForwardingModel, asked: list[tuple[Protocol, int, int]]) -> None:
    found = Index(network)
    ends = everywhere(found)
    senders = [e for e in ends if found.model.get(Frontend, e.name) is None]
    whole = Matrix(found, senders, ends)
    for source in senders:
        for destination in ends:
            for protocol, dst_port, src_port in asked:
                flow = Flow(source.address, destination.address, protocol, dst_port, src_port)
                region = region_of(whole.between(source, destination), flow)
                assert is_so(region, found, source, flow)


def is_so(region: Region, network: Index, source: Endpoint, flow: Flow) -> bool:
    """Whether the region says of the flow what a trace says. Of several backends any may be the one that stops it."""
    single = trace(network, source.name, flow)
    if by_backend(single):
        return region.disposition is Disposition.DEPENDS_ON_BACKEND or (
            region.disposition.arrives is single.disposition.arrives
        )
    return (region.disposition, region.origin) == (single.disposition, single.origin)


@patient
@given(networks())
def test_witnesses_are_of_their_region_and_regions_are_disjoint_and_complete(network: ForwardingModel) -> None:
    found = Index(network)
    for each in matrix(found).classes():
        for protocol in Protocol:
            mine = [r for r in each.regions if r.protocol is protocol]
            assert sum(_size(r.src_ports) * _size(r.dst_ports) for r in mine) == 65536**2
        for region in each.regions:
            ends = next((s, d) for s in each.sources for d in each.destinations if not same_guest(found, s, d))
            flow = witness(*ends, region)
            assert region_of(each.regions, flow) is region
            assert is_so(region, found, ends[0], flow)


def _size(ports: PortRange) -> int:
    return ports.last - ports.first + 1


def same_guest(found: Index, one: Endpoint, other: Endpoint) -> bool:
    ports = [found.model.get(Port, end.name) for end in (one, other)]
    return ports[0] is not None and ports[1] is not None and ports[0].guest == ports[1].guest


@patient
@given(networks())
def test_neighbouring_regions_differ(network: ForwardingModel) -> None:
    for each in matrix(Index(network)).classes():
        for one, other in pairwise(each.regions):
            alike = (one.protocol, one.src_ports, one.disposition, one.origin) == (
                other.protocol,
                other.src_ports,
                other.disposition,
                other.origin,
            )
            assert not alike or not one.protocol.has_ports or one.dst_ports.last + 1 != other.dst_ports.first


def two_tiers(per_tier: int) -> Index:
    """Web servers that anybody may ask on port 80 and databases that only web servers may."""
    return index(
        vrf("net", "10.0.0.0/16"),
        table("net", route("10.0.0.0/16 local")),
        access_list("web", "100 allow tcp * > * :80"),
        access_list("db", "100 allow tcp 10.0.0.0/24 > * :5432"),
        *(port(f"web{i}", f"10.0.0.{4 + i}/24", ingress=("web",)) for i in range(per_tier)),
        *(port(f"db{i}", f"10.0.1.{4 + i}/24", ingress=("db",)) for i in range(per_tier)),
    )


def test_ports_that_nothing_tells_apart_are_one_class() -> None:
    found = list(matrix(two_tiers(30)).classes())
    assert {(len(c.sources), len(c.destinations)) for c in found} == {(30, 30)}
    assert len(found) == 4


def test_a_class_says_which_ports_are_open_and_by_which_rule() -> None:
    network = two_tiers(1)
    ends = {e.name: e for e in endpoints(network)}
    tcp = [r for r in matrix(network).between(ends["web0"], ends["db0"]) if r.protocol is Protocol.TCP]
    assert [(str(r.dst_ports), str(r.disposition), r.origin) for r in tcp] == [
        ("0-5431", "denied in", "db/no rule"),
        ("5432", "delivered", "rule 100"),
        ("5433-65535", "denied in", "db/no rule"),
    ]


NET, PEER = vrf("net", "10.0.0.0/16", snat="198.18.0.9"), vrf("peer", "10.1.0.0/16")
SYSTEM = (route("10.0.0.0/16 local"), route("10.1.0.0/16 peering", target="peer"), route("0.0.0.0/0 internet"))
STEERED = route("10.0.0.0/24 appliance", via="10.0.0.5", target="net")


def twins(
    *more: Any,
    lists: tuple[str, ...] = (),
    routes: tuple[Route, ...] = (),
    routes_of_b: str = "net|",
    outbound: bool = True,
    **of_b: Any,
) -> Index:
    """a and b are alike but for what a case says; c asks for both, and they ask for c."""
    alike = {"ingress": lists, "egress": lists, "default_outbound": outbound}
    return index(
        NET,
        table("net", *SYSTEM, *routes),
        port("a", "10.0.0.4/24", **alike),
        port("b", "10.0.0.5/24", routes=routes_of_b, **(alike | of_b)),
        port("c", "10.0.1.4/24"),
        host("client", "198.18.1.1"),
        *more,
    )


def narrow_peer() -> list[Any]:
    """A peer that takes a's address for the network's own and b's for a foreign one."""
    ends = peered(NET, PEER)
    mine = Peering("peer-net", "peer", "net", vrf("", "10.0.0.4/32").prefixes, origin="end in peer")
    return [PEER, ends[0], mine, *port("p", "10.1.0.4/24", "peer")]


BOTH, SENT, RECEIVED, NEITHER = (True, True), (True, False), (False, True), (False, False)
TWINS = [  # alike as senders, as receivers
    pytest.param(twins(), BOTH, id="nothing tells them apart"),
    pytest.param(twins(access_list("l", "1 deny * 10.0.0.5/32 > * :*"), lists=("l",)), RECEIVED, id="a rule's source"),
    pytest.param(twins(access_list("l", "1 deny * * > 10.0.0.5/32 :*"), lists=("l",)), SENT, id="a rule's destination"),
    pytest.param(
        twins(access_list("l", "1 allow * web > * :*"), group("web", "10.0.0.5"), lists=("l",)), NEITHER, id="a set"
    ),
    pytest.param(twins(access_list("l"), egress=("l",)), RECEIVED, id="a list on the way out"),
    pytest.param(twins(access_list("l"), ingress=("l",)), SENT, id="a list on the way in"),
    pytest.param(twins(table("net", name="b"), routes_of_b="net|b"), RECEIVED, id="a table of its own"),
    pytest.param(twins(forwards=True), BOTH, id="one may forward and is never asked to"),
    pytest.param(twins(routes=(route("10.0.0.5/32 none"),)), SENT, id="a route to one"),
    pytest.param(twins(routes=(STEERED,)), NEITHER, id="a route by way of one"),
    pytest.param(twins(running=False), NEITHER, id="one is stopped"),
    pytest.param(twins(public={"10.0.0.5": "198.18.0.5"}), NEITHER, id="a public address"),
    pytest.param(twins(guest="vm-c", slot=1), NEITHER, id="a guest with another port"),
    pytest.param(twins(narrow_peer()), RECEIVED, id="a peering knows one of them"),
    pytest.param(twins(outbound=False), BOTH, id="none has default outbound access"),
    pytest.param(twins(default_outbound=False), RECEIVED, id="one has default outbound access"),
]


@pytest.mark.parametrize(("network", "alike"), TWINS)
def test_what_a_packet_can_tell_apart_is_never_one_class(network: Index, alike: tuple[bool, bool]) -> None:
    ends = [*endpoints(network), Endpoint("client", ip_address("198.18.1.1"))]
    whole = Matrix(network, ends, ends)
    for source in ends:
        for destination in ends:
            flow = Flow(source.address, destination.address, Protocol.TCP, 80)
            region, single = region_of(whole.between(source, destination), flow), trace(network, source.name, flow)
            assert (region.disposition, region.origin) == (single.disposition, single.origin)
    pair, found = set(ends[:2]), list(whole.classes())
    assert (any(pair <= {*c.sources} for c in found), any(pair <= {*c.destinations} for c in found)) == alike


def test_addresses_of_two_versions_have_nothing_between_them() -> None:
    network = index(
        vrf("net", "10.0.0.0/16"), table("net"), port("a", "10.0.0.4/24 fd00::4/64"), port("b", "fd00::5/64")
    )
    ends = endpoints(network)
    assert matrix(network).between(ends[0], ends[2]) == ()
    assert matrix(network).between(ends[1], ends[2]) != ()
