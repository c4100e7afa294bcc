"""Who reaches whom, against single traces."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.analysis import Disposition, round_trip, trace
from lazulite.analysis.reach import Reach, Reached, Service, Wanted, decisions, of_names
from lazulite.forwarding.model import ForwardingModel
from lazulite.values import Flow, PortRange, Protocol
from tests.analysis.build import access_list, frontend, host, model, port, route, table, vrf
from tests.analysis.networks import HOSTS, by_backend, networks, patient, port_numbers, protocols

samples = st.lists(st.tuples(protocols, port_numbers, port_numbers), min_size=2, max_size=5)


def holding(found: list[Reached], source: Any, target: Any, flow: Flow) -> list[Reached]:
    """The rows that speak of a flow between two endpoints."""
    return [
        r
        for r in found
        if source in r.sources.endpoints
        and target in r.destinations.endpoints
        and flow.protocol in r.protocols
        and flow.src_port in r.src_ports
        and flow.dst_port in r.dst_ports
    ]


@patient
@given(networks(), samples)
def test_every_sampled_flow_is_in_one_row_that_says_what_its_trace_says(
    network: ForwardingModel, asked: list[tuple[Protocol, int, int]]
) -> None:
    reach = Reach(network)
    found = list(reach.flows(denied=True))
    for senders, receivers, _ in reach.pairs():
        pairs = [(s, t) for s in senders for t in receivers if reach.pair([s], [t])]
        for (source, target), (protocol, dst_port, src_port) in zip(pairs[:3], asked * 2, strict=False):
            flow = Flow(source.address, target.address, protocol, dst_port, src_port)
            [row] = holding(found, source, target, flow)
            single = trace(reach.index, source.name, flow)
            if by_backend(single):  # of several backends any may be the one that stops it
                assert row.disposition is Disposition.DEPENDS_ON_BACKEND or (
                    row.disposition.arrives is single.disposition.arrives
                )
            else:
                assert (row.disposition, row.origin) == (single.disposition, single.origin)


@patient
@given(networks())
def test_witnesses_fare_as_their_row_says_and_quote_what_they_met(network: ForwardingModel) -> None:
    reach = Reach(network)
    for row in reach.flows(denied=True):
        trip = round_trip(reach.index, row.sender, row.witness)
        assert row.answered is trip.established
        assert row.rules == tuple(decisions(trip.forward))
        if not by_backend(trip.forward):
            assert row.disposition is trip.forward.disposition


@patient
@given(networks(), samples)
def test_asking_for_one_machine_gives_the_rows_of_all_that_speak_of_it(
    network: ForwardingModel, asked: list[tuple[Protocol, int, int]]
) -> None:
    whole = Reach(network)
    everything = list(whole.flows(denied=True))
    name = next(iter({s.name for senders, _, _ in whole.pairs() for s in senders}))
    mine = list(Reach(network, of_names(name)).flows(denied=True))
    assert {e.name for row in mine for e in row.sources.endpoints} == {name}
    for row in mine:
        source, target = row.sources.endpoints[0], row.destinations.endpoints[0]
        if source.name == target.name:
            continue
        for other in holding(everything, source, target, row.witness):
            assert (other.disposition, other.origin) == (row.disposition, row.origin)


def shop() -> ForwardingModel:
    """A web server that the Internet may ask on 443, a database that only web may ask, and an office that may SSH."""
    return model(
        vrf("net", "10.0.0.0/16", snat="198.18.0.1"),
        table("net", route("10.0.0.0/16 local"), route("0.0.0.0/0 internet")),
        access_list("web", "100 allow tcp * > * :443", "110 allow tcp 198.18.7.0/24 > * :22"),
        access_list("db", "100 allow tcp 10.0.0.0/24 > * :5432"),
        port("web", "10.0.0.4/24", ingress=("web",), public={"10.0.0.4": "198.18.0.9"}),
        port("db", "10.0.1.4/24", ingress=("db",)),
        host("office", "198.18.7.7"),
    )


def said(found: list[Reached]) -> set[tuple[str, str, str, str]]:
    return {
        (
            ",".join(sorted({e.name.partition("|")[0] for e in r.sources.endpoints})),
            ",".join(sorted({e.name.partition("|")[0] for e in r.destinations.endpoints})),
            ",".join(r.protocols),
            str(r.dst_ports),
        )
        for r in found
    }


def test_who_can_reach_a_machine_is_told_with_its_rule_and_a_flow() -> None:
    found = list(Reach(shop(), targets=of_names("db")).flows())
    assert said(found) == {("web", "db", "tcp", "5432")}
    [row] = found
    assert str(row.witness) == "tcp 10.0.0.4:49152 > 10.0.1.4:5432"
    assert [(d.port, d.stage, d.origin) for d in row.rules] == [("db", "subnet-access-list-in", "rule 100")]
    assert row.answered


def test_a_public_address_is_open_to_the_part_of_the_internet_that_its_rules_name() -> None:
    found = list(Reach(shop(), targets=of_names("web")).flows([Service(Protocol.TCP, 22)]))
    assert said(found) == {("office", "web", "tcp", "22")}
    assert found[0].sources.prefixes == (ip_network("198.18.7.0/24"),)
    assert found[0].witness.src == ip_address("198.18.7.7")


def test_a_service_cuts_the_rows_down_to_its_port() -> None:
    found = list(Reach(shop()).flows([Service(Protocol.TCP, 5432)], denied=True))
    assert {r.dst_ports for r in found} == {PortRange(5432, 5432)}
    assert {r.protocols for r in found} == {(Protocol.TCP,)}


def test_a_protocol_without_ports_is_asked_for_without_one() -> None:
    found = list(Reach(shop(), of_names("web"), of_names("db")).flows([Service(Protocol.ICMP)], denied=True))
    assert [(r.protocols, r.disposition) for r in found] == [((Protocol.ICMP,), Disposition.DENIED_IN)]


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        pytest.param("10.0.1.0/24", {"db"}, id="a prefix inside asks about the machines in it"),
        pytest.param("198.18.7.9/32", {"office"}, id="an address outside asks about its part of the Internet"),
        pytest.param("192.168.0.0/16", set(), id="nobody is where no network is"),
    ],
)
def test_senders_may_be_named_by_prefix(prefix: str, names: set[str]) -> None:
    reach = Reach(shop(), Wanted(prefixes=(ip_network(prefix),)))
    assert {e.name for senders, _, _ in reach.pairs() for e in senders} == names


def test_a_private_frontend_is_a_destination_of_the_network_and_not_of_the_internet() -> None:
    reach = Reach(model(*shop(), frontend("fe", "10.0.2.4")), targets=of_names("fe"))
    assert {e.name for senders, _, _ in reach.pairs() for e in senders} == {"web", "db"}


def test_hosts_of_the_lab_stand_for_their_part_of_the_internet() -> None:
    assert {h.name for h in HOSTS}
    reach = Reach(shop(), targets=of_names("web"))
    assert reach.size([e for senders, _, _ in reach.pairs() for e in senders if reach.outside(e)]) > 1 << 31
