"""Where a packet goes and why it ends there; ids are the sentences of ``analysis/README.md``."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.analysis import Disposition, Index, round_trip, trace
from lazulite.analysis.routing import guest_exit
from lazulite.forwarding.model import PlatformResolver, Vrf
from lazulite.forwarding.stages import STAGES
from tests.analysis.build import access_list, flow, host, index, peered, port, route, table, vrf

NET = vrf("net", "10.0.0.0/16", "fd00::/64", snat="198.18.0.9")
SPOKE = vrf("spoke", "10.1.0.0/16")
FAR = vrf("far", "10.2.0.0/16")
SYSTEM = (
    route("10.0.0.0/16 local"),
    route("fd00::/64 local"),
    route("0.0.0.0/0 internet"),
    route("::/0 internet"),
    route("10.0.0.0/8 none"),
)
OPEN = ("100 allow * * > * :*",)
FORWARDED = {"forwarded": True}


def small(*extra: Any, network: Vrf = NET, routes: tuple[Any, ...] = SYSTEM, **of_b: Any) -> Index:
    """a (10.0.0.4) and b (10.0.1.4) in one network with a system table."""
    return index(
        network,
        table("net", *routes),
        port("a", "10.0.0.4/24 fd00::4/64"),
        port("b", "10.0.1.4/24 fd00::14/64", **of_b),
        *extra,
    )


def through_appliance(*extra: Any, forwards: bool = True, **of_appliance: Any) -> Index:
    """a's subnet sends 10.0.1.0/24 to an appliance at 10.0.2.4; b is behind it."""
    return index(
        NET,
        table("net", *SYSTEM),
        table("net", *SYSTEM, route("10.0.1.0/24 appliance user", via="10.0.2.4", target="net"), name="a"),
        port("a", "10.0.0.4/24", routes="net|a"),
        port("b", "10.0.1.4/24"),
        port("nva", "10.0.2.4/24", forwards=forwards, **of_appliance),
        *extra,
    )


TO_HUB = (route("10.2.0.0/16 appliance user", via="10.0.2.4", target="net"),)
FROM_HUB = (route("10.1.0.0/16 appliance user", via="10.0.2.4", target="net"),)
HUB_ROUTES = (*SYSTEM, route("10.1.0.0/16 peering", target="spoke"), route("10.2.0.0/16 peering", target="far"))


def hub_and_spokes(spoke: dict[str, bool], far: dict[str, bool], *links: Any) -> Index:
    """s (10.1.0.4) and f (10.2.0.4), each in a spoke, and an appliance in the hub between them."""
    ends = links or (*peered(NET, SPOKE, spoke=spoke), *peered(NET, FAR, far=far))
    return index(
        NET,
        SPOKE,
        FAR,
        list(ends),
        table("net", *HUB_ROUTES),
        table("spoke", route("10.1.0.0/16 local"), *TO_HUB, route("10.0.0.0/16 peering", target="net")),
        table("far", route("10.2.0.0/16 local"), *FROM_HUB),
        port("nva", "10.0.2.4/24", forwards=True),
        port("s", "10.1.0.4/24", "spoke"),
        port("f", "10.2.0.4/24", "far"),
    )


TCP = "tcp 10.0.0.4 > 10.0.1.4:80"
PUBLIC_B = {"public": {"10.0.1.4": "198.18.0.5"}}
CASES = [
    pytest.param(small(), "a", TCP, "delivered", "10.0.0.0/16 local", id="an address of the network is reached"),
    pytest.param(small(), "a", "udp fd00::4 > fd00::14", "delivered", "fd00::/64 local", id="and so is one of IPv6"),
    pytest.param(small(), "a", "tcp 10.0.0.4 > 10.0.0.4:1", "delivered", "", id="a guest reaches itself alone"),
    pytest.param(
        small(PlatformResolver("net", "net", ip_address("168.63.129.16"), origin="net")),
        "a",
        "udp 10.0.0.4 > 168.63.129.16:53",
        "platform",
        "",
        id="the platform's resolver is in every network",
    ),
    pytest.param(
        small(access_list("l", *OPEN), ingress=("l",)), "a", TCP, "delivered", "rule 100", id="the last list explains"
    ),
    pytest.param(
        small(access_list("l", "100 deny tcp * > * :80"), ingress=("l",)),
        "a",
        TCP,
        "denied in",
        "rule 100",
        id="a denying rule of the receiver ends it",
    ),
    pytest.param(
        small(access_list("l", "100 deny tcp * > * :80"), egress=("l",)),
        "b",
        "tcp 10.0.1.4 > 10.0.0.4:80",
        "denied out",
        "rule 100",
        id="a denying rule of the sender ends it",
    ),
    pytest.param(
        small(access_list("l"), ingress=("l",)), "a", TCP, "denied in", "l/no rule", id="a list with no match denies"
    ),
    pytest.param(small(ingress=("gone",)), "a", TCP, "denied in", "gone/no rule", id="a list that is gone denies"),
    pytest.param(
        small(access_list("l", *OPEN), access_list("shut"), ingress=("l", "shut")),
        "a",
        TCP,
        "denied in",
        "shut/no rule",
        id="both lists must agree",
    ),
    pytest.param(
        small(), "a", "tcp 10.0.0.9 > 10.0.1.4:80", "source refused", "a itself", id="a foreign source is refused"
    ),
    pytest.param(small(), "a", "tcp 10.0.0.4 > 10.0.9.9:1", "neighbor unreachable", "10.0.0.0/16 local", id="nobody"),
    pytest.param(small(), "a", "tcp 10.0.0.4 > 10.9.9.9:1", "null routed", "10.0.0.0/8 none", id="next hop None drops"),
    pytest.param(small(routes=()), "a", TCP, "no route", "", id="no route drops"),
    pytest.param(
        small(routes=(route("10.0.0.0/8 local", active=False),)),
        "a",
        TCP,
        "no route",
        "",
        id="inactive rows do not count",
    ),
    pytest.param(
        small(routes=(route("0.0.0.0/0 gateway user"),)),
        "a",
        TCP,
        "neighbor unreachable",
        "0.0.0.0/0 gateway user",
        id="a gateway that is not there drops",
    ),
    pytest.param(small(running=False), "a", TCP, "guest down", "b itself", id="a stopped receiver gets nothing"),
    pytest.param(
        small(running=False),
        "b",
        "tcp 10.0.1.4 > 10.0.0.4:1",
        "guest down",
        "b itself",
        id="a stopped sender sends nothing",
    ),
    pytest.param(
        through_appliance(),
        "a",
        TCP,
        "delivered",
        "10.0.0.0/16 local",
        id="an appliance passes packets on by its own table",
    ),
    pytest.param(
        through_appliance(forwards=False),
        "a",
        TCP,
        "destination refused",
        "nva itself",
        id="an appliance without IP forwarding is not sent what is not its own",
    ),
    pytest.param(
        through_appliance(running=False), "a", TCP, "guest down", "nva itself", id="a stopped appliance drops"
    ),
    pytest.param(
        through_appliance(access_list("l", "9 deny tcp * > 10.0.1.0/24 :*"), ingress=("l",)),
        "a",
        TCP,
        "denied in",
        "rule 9",
        id="the appliance's lists see the flow unchanged on the way in",
    ),
    pytest.param(
        through_appliance(access_list("l", "9 deny tcp 10.0.0.0/24 > * :*"), egress=("l",)),
        "a",
        TCP,
        "denied out",
        "rule 9",
        id="and again on the way out",
    ),
    pytest.param(
        through_appliance(),
        "a",
        "tcp 10.0.0.4 > 10.0.2.4:22",
        "delivered",
        "10.0.0.0/16 local",
        id="an appliance can be met",
    ),
    pytest.param(
        through_appliance(routes="net|a"),
        "a",
        TCP,
        "loop",
        "10.0.1.0/24 appliance user",
        id="an appliance whose own table leads to itself loops",
    ),
    pytest.param(
        small(routes=(route("10.0.1.0/24 appliance user", via="10.0.7.7", target="net"),)),
        "a",
        TCP,
        "neighbor unreachable",
        "10.0.1.0/24 appliance user",
        id="an appliance that nobody is drops",
    ),
    pytest.param(
        small(routes=(route("10.0.1.0/24 appliance user", via="10.0.0.4"),)),
        "a",
        TCP,
        "neighbor unreachable",
        "10.0.1.0/24 appliance user",
        id="an appliance out of reach drops",
    ),
    pytest.param(
        hub_and_spokes({}, FORWARDED),
        "s",
        "tcp 10.1.0.4 > 10.2.0.4:80",
        "delivered",
        "10.2.0.0/16 peering",
        id="an appliance in a peered network passes on what forwarded traffic admits",
    ),
    pytest.param(
        hub_and_spokes({}, {}),
        "s",
        "tcp 10.1.0.4 > 10.2.0.4:80",
        "peering refused",
        "end in far",
        id="a foreign source needs forwarded traffic",
    ),
    pytest.param(
        hub_and_spokes({}, {}, *peered(NET, SPOKE, net={"access": False})),
        "s",
        "tcp 10.1.0.4 > 10.0.2.4:80",
        "peering refused",
        "end in net",
        id="a peer's own space needs access",
    ),
    pytest.param(
        hub_and_spokes({}, {}, peered(NET, SPOKE)[0]),
        "s",
        "tcp 10.1.0.4 > 10.0.2.4:80",
        "peering refused",
        "",
        id="a peering with one end is none",
    ),
    pytest.param(
        hub_and_spokes({}, {}),
        "s",
        "tcp 10.1.0.4 > 10.0.9.9:80",
        "neighbor unreachable",
        "10.0.0.0/16 peering",
        id="nobody in a peered network",
    ),
    pytest.param(
        small(host("client", "198.18.1.1")),
        "a",
        "tcp 10.0.0.4 > 198.18.1.1:80",
        "exits network",
        "0.0.0.0/0 internet",
        id="the Internet is reached by default outbound access",
    ),
    pytest.param(
        small(host("client", "198.18.1.1"), default_outbound=False),
        "b",
        "tcp 10.0.1.4 > 198.18.1.1:80",
        "untranslated",
        "net itself",
        id="a port without default outbound access and public address does not get out",
    ),
    pytest.param(
        small(host("client", "198.18.1.1"), network=vrf("net", "10.0.0.0/16")),
        "a",
        "tcp 10.0.0.4 > 198.18.1.1:80",
        "untranslated",
        "net itself",
        id="nor one whose network has none",
    ),
    pytest.param(small(), "a", "tcp fd00::4 > 2001:2::1", "untranslated", "net itself", id="there is none for IPv6"),
    pytest.param(
        small(), "a", "tcp 10.0.0.4 > 198.18.1.1:80", "no route", "", id="an Internet address that nobody has"
    ),
    pytest.param(
        small(host("client", "198.18.1.1"), **PUBLIC_B),
        "client",
        "tcp 198.18.1.1 > 198.18.0.5:80",
        "delivered",
        "public 198.18.0.5",
        id="a public address leads to its port",
    ),
    pytest.param(
        small(
            host("client", "198.18.1.1"),
            access_list("l", "1 allow * 198.18.1.1/32 > 10.0.1.4/32 :*"),
            ingress=("l",),
            **PUBLIC_B,
        ),
        "client",
        "tcp 198.18.1.1 > 198.18.0.5:80",
        "delivered",
        "rule 1",
        id="lists on the way in see the private destination",
    ),
    pytest.param(
        small(
            host("client", "198.18.1.1"),
            access_list("l", "1 allow * 10.0.1.4/32 > 198.18.1.1/32 :*"),
            egress=("l",),
            **PUBLIC_B,
        ),
        "b",
        "tcp 10.0.1.4 > 198.18.1.1:80",
        "exits network",
        "rule 1",
        id="lists on the way out see the private source",
    ),
    pytest.param(
        small(host("client", "198.18.1.1")),
        "client",
        "tcp 198.18.1.9 > 198.18.0.5:80",
        "source refused",
        "client",
        id="an Internet host sends from its own address",
    ),
    pytest.param(
        small(host("client", "198.18.1.1")),
        "client",
        "tcp 198.18.1.1 > 198.18.0.9:80",
        "no route",
        "",
        id="nobody is let in at the address of default outbound access",
    ),
]


@pytest.mark.parametrize(("network", "source", "line", "disposition", "origin"), CASES)
def test_a_packet_ends_where_it_should_and_says_why(
    network: Index, source: str, line: str, disposition: str, origin: str
) -> None:
    found = trace(network, source, flow(line))
    assert (found.disposition, found.origin) == (Disposition(disposition), origin)
    assert (found.arrived is not None) == found.disposition.arrives


def test_every_disposition_has_a_case() -> None:
    elsewhere = {Disposition.NO_RULE, Disposition.NO_HEALTHY_BACKEND, Disposition.SENT_TO_ITSELF, Disposition.CUT_OFF}
    assert {c.values[3] for c in CASES} == set(Disposition) - elsewhere - {Disposition.DEPENDS_ON_BACKEND}


@pytest.mark.parametrize(("network", "source", "line", "disposition", "origin"), CASES)
def test_steps_of_a_port_name_stages_of_the_table_in_its_order(
    network: Index, source: str, line: str, disposition: str, origin: str
) -> None:
    ranks = {s.name: i for i, s in enumerate(STAGES)}
    for hop in trace(network, source, flow(line)).hops:
        passed = [ranks[step.stage] for step in hop.steps]
        assert not hop.port or passed == sorted(passed)


def test_a_trace_names_each_place_on_its_way() -> None:
    found = trace(hub_and_spokes({}, FORWARDED), "s", flow("tcp 10.1.0.4 > 10.2.0.4:80"))
    assert [(hop.label, hop.vrf) for hop in found.hops] == [
        ("s", "spoke"),
        ("net", "net"),
        ("nva", "net"),
        ("nva", "net"),
        ("far", "far"),
        ("f", "far"),
    ]


def test_between_two_public_addresses_both_ends_are_translated() -> None:
    network = index(
        NET,
        table("net", *SYSTEM),
        port("a", "10.0.0.4/24", public={"10.0.0.4": "198.18.0.4"}),
        port("b", "10.0.1.4/24", public={"10.0.1.4": "198.18.0.5"}),
    )
    found = trace(network, "a", flow("tcp 10.0.0.4:1025 > 198.18.0.5:80"))
    assert found.arrived == flow("tcp 198.18.0.4:1025 > 10.0.1.4:80")
    assert round_trip(network, "a", found.flow).established


def test_an_appliance_does_not_lend_its_network_s_outbound_access_to_a_peer() -> None:
    network = index(
        NET,
        SPOKE,
        peered(NET, SPOKE),
        table("net", *HUB_ROUTES),
        table("spoke", route("0.0.0.0/0 appliance user", via="10.0.2.4", target="net")),
        port("nva", "10.0.2.4/24", forwards=True),
        port("s", "10.1.0.4/24", "spoke"),
        host("client", "198.18.1.1"),
    )
    found = trace(network, "s", flow("tcp 10.1.0.4 > 198.18.1.1:80"))
    assert found.disposition is Disposition.UNTRANSLATED


def two_armed(**rest: Any) -> list[Any]:
    return [
        *port("outer", "10.0.2.4/24", guest="fw", forwards=True, **rest),
        *port("inner", "10.0.1.9/24", guest="fw", forwards=True, slot=1),
    ]


def test_a_guest_leaves_by_the_port_of_the_subnet_it_is_in() -> None:
    network = index(
        NET,
        table("net", *SYSTEM),
        table("net", route("10.0.1.0/24 appliance user", via="10.0.2.4", target="net"), name="a"),
        port("a", "10.0.0.4/24", routes="net|a"),
        port("b", "10.0.1.4/24"),
        two_armed(),
    )
    hops = trace(network, "a", flow(TCP)).hops
    assert [hop.port for hop in hops] == ["a", "outer", "inner", "b"]


def test_of_two_ports_in_one_subnet_a_guest_leaves_by_the_further_one() -> None:
    """The primary has a default route alone; the further one has a route for its subnet, which is longer."""
    network = index(
        NET,
        table("net", *SYSTEM),
        table("net", *SYSTEM, route("10.0.1.0/24 appliance user", via="10.0.2.4", target="net"), name="a"),
        port("a", "10.0.0.4/24", routes="net|a"),
        port("b", "10.0.1.4/24"),
        port("zero", "10.0.2.4/24", guest="fw", forwards=True),
        port("one", "10.0.2.5/24", guest="fw", forwards=True, slot=1),
    )
    assert [h.port for h in trace(network, "a", flow(TCP)).hops] == ["a", "zero", "zero", "b"]
    assert [h.port for h in trace(network, "a", flow("tcp 10.0.0.4 > 10.0.2.4:22")).hops] == ["a", "zero"]
    answer = round_trip(network, "a", flow("tcp 10.0.0.4 > 10.0.2.5:22")).reply
    assert answer is not None
    assert answer.hops[0].port == "zero"
    leaves_by = guest_exit(network, "fw", flow("tcp 10.0.0.4 > 10.0.2.9:1").dst)
    assert leaves_by is not None
    assert leaves_by.name == "one"


def test_a_guest_answers_for_its_other_port_s_address() -> None:
    network = index(
        NET,
        table("net", *SYSTEM),
        table("net", route("10.0.1.0/24 appliance user", via="10.0.2.4", target="net"), name="a"),
        port("a", "10.0.0.4/24", routes="net|a"),
        two_armed(),
    )
    found = trace(network, "a", flow("tcp 10.0.0.4 > 10.0.1.9:22"))
    assert (found.disposition, found.destination) == (Disposition.DELIVERED, "outer")


def test_a_guest_with_no_primary_of_that_version_has_nowhere_to_pass_it_on() -> None:
    network = index(
        NET,
        table("net", *SYSTEM, route("10.0.1.0/24 appliance user", via="10.0.2.4", target="net")),
        port("a", "10.0.0.4/24"),
        port("arm", "10.0.2.4/24", forwards=True, slot=1),
    )
    found = trace(network, "a", flow(TCP))
    assert (found.disposition, found.origin) == (Disposition.NO_ROUTE, "arm itself")


def test_an_unknown_source_is_an_error() -> None:
    with pytest.raises(LookupError, match="no port nobody"):
        trace(small(), "nobody", flow(TCP))
