"""What becomes of packets to frontends and behind shared sources; ids are sentences of documentation."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.analysis import Disposition, Index, Trace, round_trip, trace
from lazulite.analysis.affected import affected
from lazulite.analysis.difference import differences
from lazulite.analysis.outside import parts
from lazulite.analysis.reachability import Endpoint, Matrix, endpoints, frontends
from lazulite.analysis.tracing import round_trips
from lazulite.forwarding.balancing import bucket, owners
from lazulite.forwarding.model import AdminState, Distribution, Member, Pool
from lazulite.values import Flow, Protocol
from tests.analysis.build import (
    PROBE,
    access_list,
    balance,
    flow,
    forward,
    frontend,
    gateway,
    healthy,
    host,
    index,
    outbound,
    peered,
    pool,
    port,
    route,
    table,
    vrf,
)

NET = vrf("net", "10.0.0.0/16", "fd00::/48", snat="198.18.0.9")
FAR = vrf("far", "10.1.0.0/16")
SYSTEM = (
    route("10.0.0.0/16 local"),
    route("fd00::/48 local"),
    route("10.1.0.0/16 peering", target="far"),
    route("0.0.0.0/0 internet"),
    route("::/0 internet"),
)
CLIENT = host("client", "198.18.1.1")
BACKENDS = ("10.0.1.4", "10.0.1.5", "10.0.1.6")
VIP, INSIDE = "198.18.0.8", "10.0.0.100"


def lab(*extra: Any, routes: tuple[Any, ...] = SYSTEM, **of_backends: Any) -> Index:
    """a (10.0.0.4), backends b4 to b6 in 10.0.1.0/24, x in a peered network, frontends on both sides."""
    return index(
        NET,
        FAR,
        peered(NET, FAR),
        table("net", *routes),
        table("far", route("10.1.0.0/16 local"), route("10.0.0.0/16 peering", target="net")),
        port("a", "10.0.0.4/24 fd00::4/64"),
        port("x", "10.1.0.4/24", "far"),
        *(port(f"b{each[-1]}", f"{each}/24", **of_backends) for each in BACKENDS),
        CLIENT,
        pool("pool", *BACKENDS),
        frontend("public", VIP),
        frontend("private", INSIDE),
        *extra,
    )


OUTSIDE_80, INSIDE_80 = balance("web public pool tcp 80>8080"), balance("app private pool tcp 80>8080")
EVERY = balance("every private pool * 0")
FROM_CLIENT, FROM_A = f"tcp 198.18.1.1 > {VIP}:80", f"tcp 10.0.0.4 > {INSIDE}:80"
DOWN = pool("pool", members=tuple(Member(b, flow(FROM_A).src, AdminState.DOWN) for b in BACKENDS))
CASES = [
    pytest.param(lab(OUTSIDE_80), "client", FROM_CLIENT, "delivered", id="a rule of a public frontend lets it in"),
    pytest.param(lab(INSIDE_80), "a", FROM_A, "delivered", id="a rule of a private frontend serves its network"),
    pytest.param(
        lab(INSIDE_80), "x", f"tcp 10.1.0.4 > {INSIDE}:80", "delivered", id="and the networks it is peered to"
    ),
    pytest.param(
        lab(OUTSIDE_80), "client", f"tcp 198.18.1.1 > {VIP}:81", "no rule", id="what no rule names is dropped"
    ),
    pytest.param(lab(OUTSIDE_80), "client", f"udp 198.18.1.1 > {VIP}:80", "no rule", id="a rule is of one protocol"),
    pytest.param(lab(OUTSIDE_80), "client", f"icmp 198.18.1.1 > {VIP}", "no rule", id="a frontend answers no echo"),
    pytest.param(lab(EVERY), "a", f"icmp 10.0.0.4 > {INSIDE}", "no rule", id="nor does one with every port"),
    pytest.param(lab(EVERY), "a", f"udp 10.0.0.4 > {INSIDE}:7", "delivered", id="a rule can be for every port"),
    pytest.param(lab(), "a", FROM_A, "no rule", id="a frontend without rules takes nothing"),
    pytest.param(
        lab(INSIDE_80, pool("pool")), "a", FROM_A, "no healthy backend", id="an empty pool has no healthy backend"
    ),
    pytest.param(
        lab(balance("app private gone tcp 80")), "a", FROM_A, "no healthy backend", id="nor has a pool that is gone"
    ),
    pytest.param(
        lab(INSIDE_80, pool("pool", *BACKENDS, probe=PROBE)),
        "a",
        FROM_A,
        "no healthy backend",
        id="before its first good probe no member gets a flow",
    ),
    pytest.param(
        lab(INSIDE_80, pool("pool", *BACKENDS, probe=PROBE, revive=True)),
        "a",
        FROM_A,
        "delivered",
        id="a pool may go on when all are probed down",
    ),
    pytest.param(lab(INSIDE_80, DOWN), "a", FROM_A, "no healthy backend", id="a member set down takes no new flow"),
    pytest.param(
        lab(INSIDE_80, pool("pool", "10.0.1.4")),
        "b4",
        f"tcp 10.0.1.4 > {INSIDE}:80",
        "sent to itself",
        id="a backend that a private frontend sends to itself gets no answer",
    ),
    pytest.param(
        lab(OUTSIDE_80, pool("pool", "10.0.1.4")),
        "b4",
        f"tcp 10.0.1.4 > {VIP}:80",
        "delivered",
        id="by a public frontend it reaches itself, as the public source it has become",
    ),
    pytest.param(
        lab(INSIDE_80, pool("pool", "10.0.1.99")),
        "a",
        FROM_A,
        "neighbor unreachable",
        id="an address that no interface has is chosen and not found",
    ),
    pytest.param(
        lab(OUTSIDE_80, running=False), "client", FROM_CLIENT, "guest down", id="a stopped backend without a probe"
    ),
    pytest.param(
        lab(OUTSIDE_80, access_list("l", "1 allow tcp * > 10.0.1.0/24 :8080"), ingress=("l",)),
        "client",
        FROM_CLIENT,
        "delivered",
        id="lists of a backend see its address and its port",
    ),
    pytest.param(
        lab(OUTSIDE_80, access_list("l", "1 allow tcp * > * :80"), ingress=("l",)),
        "client",
        FROM_CLIENT,
        "denied in",
        id="and not the frontend's",
    ),
    pytest.param(
        lab(OUTSIDE_80, access_list("l", "1 allow tcp 198.18.1.1/32 > * :*"), ingress=("l",)),
        "client",
        FROM_CLIENT,
        "delivered",
        id="the source is the client's",
    ),
    pytest.param(
        lab(INSIDE_80, access_list("l", f"1 deny * * > {INSIDE}/32 :*"), port("a", "10.0.0.4/24", egress=("l",))),
        "a",
        FROM_A,
        "denied out",
        id="lists of the sender see the frontend",
    ),
    pytest.param(
        lab(INSIDE_80, routes=(route(f"{INSIDE}/32 none user"), *SYSTEM)),
        "a",
        FROM_A,
        "null routed",
        id="the sender's own routes decide about a frontend first",
    ),
    pytest.param(
        lab(INSIDE_80, routes=(route("10.0.1.0/24 none user"), *SYSTEM)),
        "a",
        FROM_A,
        "delivered",
        id="and have no say in the way to the backend",
    ),
    pytest.param(
        lab(forward("ssh public tcp 50004>10.0.1.4:22")),
        "client",
        f"tcp 198.18.1.1 > {VIP}:50004",
        "delivered",
        id="a forward leads one port to one backend",
    ),
    pytest.param(
        lab(gateway("nat", "10.0.0.0/24", "198.18.0.7")),
        "a",
        "tcp 10.0.0.4 > 198.18.1.1:80",
        "exits network",
        id="a gateway translates what comes from its subnets",
    ),
    pytest.param(
        lab(gateway("nat", "10.0.1.0/24", "198.18.0.7"), default_outbound=False),
        "b4",
        "icmp 10.0.1.4 > 198.18.1.1",
        "untranslated",
        id="but no echo",
    ),
    pytest.param(
        lab(outbound("out", "10.0.1.4 198.18.0.8:1024-2047"), default_outbound=False),
        "b5",
        "tcp 10.0.1.5 > 198.18.1.1:80",
        "untranslated",
        id="a block of ports serves its own address alone",
    ),
]


@pytest.mark.parametrize(("network", "source", "line", "disposition"), CASES)
def test_where_a_packet_ends(network: Index, source: str, line: str, disposition: str) -> None:
    assert str(trace(network, source, flow(line)).disposition) == disposition


def test_every_disposition_of_balancers_has_a_case() -> None:
    assert {c.values[3] for c in CASES} >= {"no rule", "no healthy backend", "sent to itself"}


def steps(found: Trace) -> list[tuple[str, str]]:
    """Stage and detail of every step of the balancer and the edge."""
    stages = {"frontend", "inbound-nat", "load-balancer", "next-hop-balancing"}
    return [(s.stage, s.detail) for h in found.hops for s in h.steps if s.stage in stages or s.stage.endswith("nat")]


def chosen(found: Pool, line: str, distribution: Distribution = Distribution.FLOW) -> str:
    """The address that the definition of the choice gives."""
    all_owners = owners(found, None)
    return str(all_owners[bucket(flow(line), distribution, len(all_owners))].address)


@pytest.mark.parametrize("src_port", range(1024, 1040))
def test_the_backend_is_the_one_that_the_hash_of_the_flow_gives(src_port: int) -> None:
    line = f"tcp 198.18.1.1:{src_port} > {VIP}:80"
    arrived = trace(lab(OUTSIDE_80), "client", flow(line)).arrived
    assert arrived == flow(f"tcp 198.18.1.1:{src_port} > {chosen(pool('pool', *BACKENDS), line)}:8080")


@pytest.mark.parametrize("distribution", [Distribution.SOURCE, Distribution.SOURCE_PROTOCOL])
def test_affinity_keeps_a_client_on_one_backend(distribution: Distribution) -> None:
    network = lab(balance("web public pool tcp 80>8080", distribution=distribution))
    lines = [f"tcp 198.18.1.1:{p} > {VIP}:80" for p in range(1024, 1040)]
    found = {trace(network, "client", flow(line)).destination for line in lines}
    assert found == {"b" + chosen(pool("pool", *BACKENDS), lines[0], distribution)[-1]}


def test_an_answer_takes_the_address_and_port_that_were_asked() -> None:
    for network, source, line in ((lab(OUTSIDE_80), "client", FROM_CLIENT), (lab(INSIDE_80), "a", FROM_A)):
        trip = round_trip(network, source, flow(line))
        assert trip.established
        assert trip.reply is not None
        assert trip.reply.arrived is not None
        assert (trip.reply.arrived.src, trip.reply.arrived.src_port) == (flow(line).dst, 80)


def test_from_a_peered_network_too() -> None:
    assert round_trip(lab(INSIDE_80), "x", flow(f"tcp 10.1.0.4 > {INSIDE}:80")).established


def test_an_answer_needs_no_rule_of_either_end() -> None:
    network = lab(
        INSIDE_80,
        access_list("out", "1 allow * * > * :*"),
        access_list("in"),
        access_list("shut"),
        access_list("open", "1 allow * * > * :8080"),
        port("a", "10.0.0.4/24", egress=("out",), ingress=("in",)),
        egress=("shut",),
        ingress=("open",),
    )
    assert round_trip(network, "a", flow(FROM_A)).established


def test_answers_of_inbound_flows_go_back_as_they_came_whatever_the_gateway_says() -> None:
    behind = gateway("nat", "10.0.1.0/24", "198.18.0.7")
    assert round_trip(lab(OUTSIDE_80, behind), "client", flow(FROM_CLIENT)).established
    with_address = lab(behind, port("b4", "10.0.1.4/24", public={"10.0.1.4": "198.18.0.5"}))
    assert round_trip(with_address, "client", flow("tcp 198.18.1.1 > 198.18.0.5:22")).established


LADDER = [
    pytest.param({"gateway", "own", "pool", "default"}, "nat-gateway-snat", id="a gateway before all others"),
    pytest.param({"own", "pool", "default"}, "public-address-snat", id="an address of its own next"),
    pytest.param({"pool", "default"}, "load-balancer-outbound-snat", id="then a balancer's ports"),
    pytest.param({"default"}, "default-outbound-snat", id="then default outbound access"),
]


@pytest.mark.parametrize(("has", "stage"), LADDER)
def test_source_translation_has_one_order(has: set[str], stage: str) -> None:
    extra: list[Any] = [gateway("nat", "10.0.1.0/24", "198.18.0.7")] if "gateway" in has else []
    extra += [outbound("out", "10.0.1.4 198.18.0.6:1024-2047")] if "pool" in has else []
    own = {"public": {"10.0.1.4": "198.18.0.5"}} if "own" in has else {}
    network = lab(*extra, port("b4", "10.0.1.4/24", default_outbound="default" in has, **own))
    trip = round_trip(network, "b4", flow("tcp 10.0.1.4:40000 > 198.18.1.1:80"))
    assert [s for s, _ in steps(trip.forward)] == [stage]
    assert trip.established


def test_ports_of_a_block_are_quoted_and_used() -> None:
    network = lab(outbound("out", "10.0.1.4 198.18.0.6:1024-2047"))
    found = trace(network, "b4", flow("tcp 10.0.1.4:40000 > 198.18.1.1:80"))
    assert found.arrived == flow("tcp 198.18.0.6:1024 > 198.18.1.1:80")
    assert "port 1024-2047 of out; a flow beyond 1024 to one destination is dropped" in steps(found)[0][1]


def test_a_machine_that_calls_a_public_frontend_is_seen_with_its_public_source() -> None:
    network = lab(OUTSIDE_80, port("a", "10.0.0.4/24", public={"10.0.0.4": "198.18.0.5"}))
    trip = round_trip(network, "a", flow(f"tcp 10.0.0.4 > {VIP}:80"))
    assert trip.established
    assert trip.forward.arrived is not None
    assert str(trip.forward.arrived.src) == "198.18.0.5"


FLOATING = balance("web public pool tcp 80>8080", floating=True)


def test_a_floating_rule_keeps_the_frontend_s_address_and_may_change_the_port() -> None:
    trip = round_trip(lab(FLOATING), "client", flow(FROM_CLIENT))
    assert trip.established
    assert trip.forward.arrived == flow(f"tcp 198.18.1.1 > {VIP}:8080")


def test_a_backend_of_a_floating_rule_talks_to_that_address_without_the_network() -> None:
    found = trace(lab(FLOATING), "b4", flow(f"tcp 10.0.1.4 > {VIP}:80"))
    assert (found.destination, [s for h in found.hops for s in h.steps]) == ("b4", [])


def test_flows_that_a_backend_starts_from_a_floating_address_are_not_translated() -> None:
    found = trace(lab(FLOATING), "b4", flow(f"tcp {VIP} > 198.18.1.1:80"))
    assert found.disposition is Disposition.UNTRANSLATED


def test_without_a_floating_rule_the_address_is_nobody_s_to_send_from() -> None:
    found = trace(lab(OUTSIDE_80), "b4", flow(f"tcp {VIP} > 198.18.1.1:80"))
    assert found.disposition is Disposition.SOURCE_REFUSED


HOPPED = (route("10.1.0.0/16 appliance user", via=INSIDE, target="net"), *SYSTEM)


def appliances(*extra: Any, **of_backends: Any) -> Index:
    """a's subnet reaches the far network by a frontend with appliances behind it."""
    return lab(
        EVERY,
        table("net", *SYSTEM[:2], *HOPPED[:1], name="a"),
        port("a", "10.0.0.4/24", routes="net|a"),
        *extra,
        **({"forwards": True} | of_backends),
    )


TO_X = "tcp 10.0.0.4 > 10.1.0.4:80"


def test_a_frontend_with_every_port_is_a_next_hop_and_passes_packets_on_unchanged() -> None:
    found = list(round_trips(appliances(), "a", flow(TO_X)))
    assert {h.label for trip in found for h in trip.forward.hops if h.port[:1] == "b"} == {"b4", "b5", "b6"}
    assert {(t.forward.destination, t.forward.arrived) for t in found} == {("x", flow(TO_X))}


def test_a_next_hop_names_how_many_it_is_one_of() -> None:
    found = dict(steps(trace(appliances(), "a", flow(TO_X))))
    assert found["next-hop-balancing"] == "via b4 (10.0.1.4) of pool, one of 3; 3 of 3 without a probe"


@pytest.mark.parametrize(
    ("network", "line", "disposition"),
    [
        pytest.param(appliances(forwards=False), TO_X, "destination refused", id="its members have to forward"),
        pytest.param(appliances(), "icmp 10.0.0.4 > 10.1.0.4", "no rule", id="it balances no echo"),
        pytest.param(
            appliances(pool("pool", *BACKENDS, probe=PROBE)), TO_X, "no healthy backend", id="and needs a healthy one"
        ),
    ],
)
def test_a_next_hop_has_conditions(network: Index, line: str, disposition: str) -> None:
    assert str(trace(network, "a", flow(line)).disposition) == disposition


def test_a_frontend_with_rules_for_some_ports_is_no_next_hop() -> None:
    some = index(*(e for e in appliances().model if e.name != "every"), INSIDE_80)
    assert trace(some, "a", flow(TO_X)).disposition is Disposition.NO_RULE


def test_a_choice_quotes_rule_backend_and_health() -> None:
    network = lab(
        OUTSIDE_80,
        pool("pool", *BACKENDS, probe=PROBE),
        healthy("pool", "10.0.1.4", "10.0.1.6"),
        port("b4", "10.0.1.4/24"),
    )
    found = trace(network, "client", flow(FROM_CLIENT))
    step = next(s for h in found.hops for s in h.steps if s.stage == "load-balancer")
    assert step.origin == "rule web"
    assert step.detail == (
        f"destination {VIP} becomes 10.0.1.6 port 8080: b6 (10.0.1.6) of pool: bucket 224 of Default hash; "
        "2 of 3 healthy since 2026-01-01T00:00:00Z by the prober"
    )


def test_only_healthy_members_get_flows() -> None:
    network = lab(OUTSIDE_80, pool("pool", *BACKENDS, probe=PROBE), healthy("pool", "10.0.1.5"))
    flows = [Flow(flow(FROM_CLIENT).src, flow(FROM_CLIENT).dst, flow(FROM_CLIENT).protocol, 80, p) for p in range(50)]
    assert {trace(network, "client", each).destination for each in flows} == {"b5"}


def test_what_is_for_the_frontend_itself_meets_its_rules_whoever_s_next_hop_it_is() -> None:
    own = route(f"{INSIDE}/32 appliance user", via=INSIDE, target="net")
    network = lab(INSIDE_80, table("net", *SYSTEM, own, name="a"), port("a", "10.0.0.4/24", routes="net|a"))
    assert trace(network, "a", flow(FROM_A)).disposition is Disposition.DELIVERED


SHUT = port("b4", "10.0.1.4/24", ingress=("shut",))


def regions(network: Index, name: str, to: str, protocol: Protocol = Protocol.TCP) -> list[tuple[str, str, str]]:
    """Destination ports, disposition and origin of what a port or host sends to a frontend."""
    source = next((e for e in endpoints(network) if e.name == name), Endpoint("client", CLIENT.addresses[0]))
    target = next(e for e in frontends(network) if str(e.address) == to)
    found = Matrix(network, [source], [target]).between(source, target)
    return [(str(r.dst_ports), str(r.disposition), r.origin) for r in found if r.protocol is protocol]


def test_a_frontend_is_open_where_its_rules_are() -> None:
    assert regions(lab(OUTSIDE_80), "client", VIP) == [
        ("0-79", "no rule", "public itself"),
        ("80", "delivered", "rule web"),
        ("81-65535", "no rule", "public itself"),
    ]


def test_what_some_backends_deny_depends_on_the_backend() -> None:
    network = lab(INSIDE_80, access_list("shut", "7 deny tcp * > * :*", "8 allow * * > * :*"), SHUT)
    assert ("80", "depends on the backend", "rule 7") in regions(network, "a", INSIDE)


def test_a_backend_reaches_a_private_frontend_by_the_others_alone() -> None:
    assert ("80", "depends on the backend", "rule app") in regions(lab(INSIDE_80), "b4", INSIDE)


def test_protocols_that_a_gateway_does_not_serve_are_regions_of_their_own() -> None:
    network = lab(gateway("nat", "10.0.1.0/24", "198.18.0.7"), default_outbound=False)
    source = next(e for e in endpoints(network) if e.name == "b4")
    target = Endpoint("client", CLIENT.addresses[0])
    found = {r.protocol: str(r.disposition) for r in Matrix(network, [source], [target]).between(source, target)}
    assert found == dict.fromkeys(Protocol, "untranslated") | dict.fromkeys(
        (Protocol.TCP, Protocol.UDP), "exits network"
    )


def told(now: Index, then: Index) -> set[tuple[str, str, str, bool]]:
    """Destination, ports, the origin then and whether it opens, of all TCP flows that the change concerns."""
    return {
        (endpoint.name, str(change.dst_ports), change.then.origin, change.opens)
        for found in differences(now.model, then.model)
        for change in found.changes
        if Protocol.TCP in change.protocols
        for endpoint in found.destinations.endpoints
    }


def test_a_rule_opens_a_frontend_to_the_internet() -> None:
    assert told(lab(), lab(OUTSIDE_80)) == {("public", "80", "rule web", True)}
    assert told(lab(OUTSIDE_80), lab()) == {("public", "80", "public itself", False)}


def test_a_list_that_shuts_one_backend_closes_a_part_of_a_frontend() -> None:
    shut = access_list("shut", "7 deny tcp * > * :*", "8 allow * * > * :*")
    assert ("public", "80", "rule 7", False) in told(lab(OUTSIDE_80), lab(OUTSIDE_80, shut, SHUT))


def test_the_witness_of_a_part_goes_to_the_backend_that_makes_it() -> None:
    shut = access_list("shut", "7 deny tcp * > * :*", "8 allow * * > * :*")
    now, then = lab(OUTSIDE_80), lab(OUTSIDE_80, shut, SHUT)
    found = [
        (sender, asked)
        for each in differences(now.model, then.model)
        if each.destinations.endpoints[0].name == "public"
        for sender, asked in zip(each.senders, each.witnesses, strict=True)
        if asked.dst_port == 80
    ]
    assert found
    hosts = [part.host for part in parts([now.model, then.model])]
    for sender, asked in found:
        worlds = (Index([*network.model, *hosts]) for network in (now, then))
        assert [trace(world, sender, asked).disposition.arrives for world in worlds] == [True, False]


@pytest.mark.parametrize(
    ("change", "concerned"),
    [
        pytest.param([OUTSIDE_80], {"public"}, id="a rule concerns its frontend"),
        pytest.param([pool("pool", "10.0.1.4"), INSIDE_80], {"private"}, id="a pool the frontends of its rules"),
        pytest.param([forward("ssh public tcp 50004>10.0.1.4:22")], {"public"}, id="a forward its frontend"),
        pytest.param([gateway("nat", "10.0.1.0/24", "198.18.0.7")], {"b4", "b5", "b6"}, id="a gateway its subnets"),
        pytest.param([outbound("o", "10.0.1.5 198.18.0.7:1024-2047")], {"b5"}, id="a block its address"),
        pytest.param(
            [balance("web public pool tcp 80", floating=True)],
            {"public", "b4", "b5", "b6"},
            id="a floating rule its backends too",
        ),
    ],
)
def test_a_change_concerns_who_can_notice(change: list[Any], concerned: set[str]) -> None:
    assert affected(lab().model, lab(*change).model) == concerned


def test_a_change_of_a_next_hop_may_concern_everyone() -> None:
    assert affected(appliances().model, appliances(pool("pool", "10.0.1.4")).model) is None
