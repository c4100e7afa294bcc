"""What a change opens and closes, against single traces in both networks."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.analysis import Disposition, Index, trace
from lazulite.analysis.affected import affected
from lazulite.analysis.difference import Change, Difference, differences
from lazulite.analysis.outside import parts
from lazulite.analysis.reachability import Endpoint
from lazulite.forwarding.model import ForwardingModel, Frontend, InternetHost, Port
from lazulite.values import Flow, Protocol
from tests.analysis.build import access_list, host, model, peered, port, route, table, vrf
from tests.analysis.networks import by_backend, networks, patient, port_numbers, protocols


@st.composite
def edits(draw: st.DrawFn) -> tuple[ForwardingModel, ForwardingModel]:
    """A network, and the same with a few entries as another has them."""
    now, other = draw(networks()), draw(networks())
    keys = sorted({e.key for m in (now, other) for e in m})
    chosen = draw(st.lists(st.sampled_from(keys), max_size=3, unique=True))
    then = {e.key: e for e in now}
    fresh = {e.key: e for e in other}
    for key in chosen:
        then.pop(key, None)
        then |= {key: fresh[key]} if key in fresh else {}
    return now, ForwardingModel(then.values())


def said(found: list[Difference], source: Endpoint, target: Endpoint, flow: Flow) -> bool | None:
    """Whether the flow is opened (or else closed); ``None`` when it is in no change."""
    held = [
        c for d in found if source in d.sources.endpoints and target in d.destinations.endpoints for c in of(d, flow)
    ]
    assert len(held) <= 1, held
    return held[0].opens if held else None


def of(difference: Difference, flow: Flow) -> list[Change]:
    return [
        c
        for c in difference.changes
        if flow.protocol in c.protocols and flow.src_port in c.src_ports and flow.dst_port in c.dst_ports
    ]


def arrives(network: Index, source: Endpoint, target: Endpoint, flow: Flow) -> bool:
    """Whether both ends are there and the flow gets from one to the other."""
    kinds = (Port, InternetHost, Frontend)
    there = (any(network.model.get(kind, e.name) for kind in kinds) for e in (source, target))
    return all(there) and trace(network, source.name, flow).disposition.arrives


samples = st.lists(st.tuples(protocols, port_numbers, port_numbers), min_size=2, max_size=5)


@patient
@given(edits(), samples)
def test_every_sample_changes_as_the_difference_says(
    pair: tuple[ForwardingModel, ForwardingModel], asked: list[tuple[Protocol, int, int]]
) -> None:
    outside = [p.host for p in parts(pair)]
    worlds = [Index([*m, *outside]) for m in pair]
    found = differences(*pair)
    ports = [p for m in pair for p in m.all(Port).values()]
    private = {Endpoint(p.name, a) for p in ports for a in p.addresses}
    public = {Endpoint(p.name, a.public) for p in ports for a in p.public}
    frontends = [f for m in pair for f in m.all(Frontend).values()]
    public |= {Endpoint(f.name, f.address) for f in frontends if f.public}
    inside = private | {Endpoint(f.name, f.address) for f in frontends if not f.public}
    hosts = {Endpoint(h.name, h.addresses[0]) for h in outside}
    wanted = [(s, d) for s in private for d in inside | hosts] + [(s, d) for s in hosts for d in public]
    for source, target in wanted:
        if any(together(w, source, target) for w in worlds) or moved(pair, source, target):
            continue
        for protocol, dst_port, src_port in asked:
            flow = Flow(source.address, target.address, protocol, dst_port, src_port)
            was, will = (arrives(w, source, target, flow) for w in worlds)
            told = said(found, source, target, flow)
            if any(decided_by_backend(w, source, flow) for w in worlds):
                assert told is None or told is will or was is will
            else:
                assert told == (None if was is will else will)


def decided_by_backend(network: Index, source: Endpoint, flow: Flow) -> bool:
    there = any(network.model.get(kind, source.name) for kind in (Port, InternetHost))
    return there and by_backend(trace(network, source.name, flow))


def together(network: Index, one: Endpoint, other: Endpoint) -> bool:
    ends = [network.model.get(Port, e.name) for e in (one, other)]
    return one.name == other.name or (ends[0] is not None and ends[1] is not None and ends[0].guest == ends[1].guest)


def moved(pair: tuple[ForwardingModel, ForwardingModel], *ends: Endpoint) -> bool:
    """Whether an end has its address in one network only: then there is nothing of its own to trace in the other."""
    for model_ in pair:
        for end in ends:
            frontend = model_.get(Frontend, end.name)
            if frontend is not None and end.address != frontend.address:
                return True
            found = model_.get(Port, end.name)
            if found is not None and end.address not in (*found.addresses, *(a.public for a in found.public)):
                return True
    return False


@patient
@given(edits())
def test_witnesses_are_real(pair: tuple[ForwardingModel, ForwardingModel]) -> None:
    outside = [p.host for p in parts(pair)]
    worlds = [Index([*m, *outside]) for m in pair]
    for each in differences(*pair):
        for change, sender, flow in zip(each.changes, each.senders, each.witnesses, strict=True):
            for world, outcome in zip(worlds, (change.now, change.then), strict=True):
                if any(world.model.get(kind, sender) for kind in (Port, InternetHost)):
                    single = trace(world, sender, flow)
                    if outcome.disposition is Disposition.DEPENDS_ON_BACKEND or by_backend(single):
                        continue
                    assert single.disposition.arrives is outcome.disposition.arrives or not outcome.origin
                    if outcome.origin:
                        assert (single.disposition, single.origin) == (outcome.disposition, outcome.origin)


@patient
@given(networks())
def test_no_change_opens_and_closes_nothing(network: ForwardingModel) -> None:
    assert affected(network, ForwardingModel(network)) == frozenset()
    assert differences(network, ForwardingModel(network)) == []


def shop(*extra: Any, web: tuple[str, ...] = (), routes: tuple[Any, ...] = ()) -> ForwardingModel:
    """Two web servers with a public address, and a database in a network beside."""
    one, other = vrf("net", "10.0.0.0/16", snat="198.18.0.1"), vrf("back", "10.1.0.0/16")
    return model(
        one,
        other,
        table("net", route("10.0.0.0/16 local"), *routes, route("0.0.0.0/0 internet")),
        table("back", route("10.1.0.0/16 local"), route("10.0.0.0/16 peering", target="net")),
        access_list("nsg", *web, "65000 allow * 10.0.0.0/8 > * :*"),
        *(
            port(f"web{i}", f"10.0.0.{i + 4}/24", ingress=("nsg",), public={f"10.0.0.{i + 4}": f"198.18.0.{i + 4}"})
            for i in range(2)
        ),
        port("db", "10.1.0.4/24", "back"),
        port("fw", "10.0.9.4/24", forwards=True),
        *extra,
    )


def told(found: list[Difference]) -> list[str]:
    """``+ tcp 0-65535>22 web0,web1 > db by old -> new``, one line a change; the Internet as such."""
    return sorted(
        f"{'+' if c.opens else '-'} {','.join(c.protocols)}>{c.dst_ports} {names(d.sources)} > {names(d.destinations)}"
        f" ({c.now.origin} -> {c.then.origin})"
        for d in found
        for c in d.changes
    )


def names(side: Any) -> str:
    return ",".join(e.name.partition("|")[0] for e in side.endpoints)


PEERED = peered(vrf("net", "10.0.0.0/16"), vrf("back", "10.1.0.0/16"))
TO_BACK = route("10.1.0.0/16 peering", target="back")
FIREWALL = (
    access_list("fw", "100 allow tcp 10.0.0.0/8 > * :5432"),
    port("fw", "10.0.9.4/24", forwards=True, ingress=("fw",), routes="net|fw"),
    table("net", route("10.0.0.0/16 local"), TO_BACK, route("0.0.0.0/0 internet"), name="fw"),
)
ANY = "tcp,udp,icmp,esp,ah>0-65535"

GOLD = [
    pytest.param(
        shop(),
        shop(web=("100 allow tcp * > * :22",)),
        ["+ tcp>22 internet > web0,web1 (nsg/no rule -> rule 100)"],
        id="a port is opened to the Internet",
    ),
    pytest.param(
        shop(),
        shop(web=("100 deny udp 10.0.9.4/32 > * :53",)),
        ["- udp>53 fw > web0,web1 (rule 65000 -> rule 100)"],
        id="a deny is added",
    ),
    pytest.param(
        shop(routes=(TO_BACK,)),
        shop(*PEERED, routes=(TO_BACK,)),
        [
            f"+ {ANY} db > fw ( -> 10.0.0.0/16 peering)",
            f"+ {ANY} db > web0,web1 ( -> rule 65000)",
            f"+ {ANY} web0,web1,fw > db ( -> 10.1.0.0/16 peering)",
        ],
        id="a peering is added",
    ),
    pytest.param(
        shop(*PEERED, routes=(TO_BACK,)),
        shop(*PEERED, routes=(route("10.1.0.0/16 none user"),)),
        [f"- {ANY} web0,web1,fw > db (10.1.0.0/16 peering -> 10.1.0.0/16 none user)"],
        id="a route to nowhere is added",
    ),
    pytest.param(
        shop(*PEERED, *FIREWALL, routes=(TO_BACK,)),
        shop(*PEERED, *FIREWALL, routes=(route("10.1.0.0/16 appliance user", via="10.0.9.4", target="net"),)),
        [
            "- tcp>0-5431 web0,web1 > db (10.1.0.0/16 peering -> fw/no rule)",
            "- tcp>5433-65535 web0,web1 > db (10.1.0.0/16 peering -> fw/no rule)",
            "- udp,icmp,esp,ah>0-65535 web0,web1 > db (10.1.0.0/16 peering -> fw/no rule)",
        ],
        id="a route to an appliance is added",
    ),
    pytest.param(
        shop(),
        shop(port("new", "10.0.7.4/24", default_outbound=False)),
        [
            f"+ {ANY} new > fw ( -> 10.0.0.0/16 local)",
            f"+ {ANY} new > web0,web1 ( -> rule 65000)",
            f"+ {ANY} web0,web1,fw > new ( -> 10.0.0.0/16 local)",
        ],
        id="a workload is added",
    ),
]


@pytest.mark.parametrize(("now", "then", "expected"), GOLD)
def test_gold(now: ForwardingModel, then: ForwardingModel, expected: list[str]) -> None:
    assert told(differences(now, then)) == expected


def test_the_internet_is_cut_where_rules_cut_it() -> None:
    network = shop(web=("100 allow tcp 203.0.113.0/24 > * :22",))
    found = {p.host.name: p for p in parts((network,))}
    office = next(p for p in found.values() if ip_address("203.0.113.7") in p.prefixes[0])
    assert office.prefixes == (ip_network("203.0.113.0/24"),)
    assert len(found) == 2
    everything = [p for part in found.values() for p in part.prefixes]
    assert not any(
        ip_address(a) in p for p in everything for a in ("10.0.0.4", "198.18.0.4", "127.0.0.1", "198.18.0.1")
    )
    assert any(ip_address("198.18.7.7") in p for p in everything)


def test_a_client_that_both_networks_have_stands_for_its_part() -> None:
    now, then = (shop(host("visitor", "203.0.113.9"), web=rules) for rules in ((), ("1 allow tcp * > * :80",)))
    [found] = differences(now, then)
    assert (found.senders, str(found.witnesses[0])) == (("visitor",), "tcp 203.0.113.9:49152 > 198.18.0.4:80")
    assert sum(p.num_addresses for p in found.sources.prefixes) > 2**31


def test_a_workload_that_goes_takes_its_flows_along() -> None:
    now = shop()
    gone = ForwardingModel(e for e in now if e.name != "vm-fw")
    lines = told(differences(now, gone))
    assert f"- {ANY} web0,web1 > fw (10.0.0.0/16 local -> fw itself)" in lines


def test_an_edit_of_one_list_concerns_its_ports_alone() -> None:
    assert affected(shop(), shop(web=("100 allow tcp * > * :22",))) == {"web0", "web1"}
    forwarding = msgspec.structs.replace(shop().all(Port)["fw"], ingress=("gone",))
    assert affected(shop(), shop(forwarding)) is None
