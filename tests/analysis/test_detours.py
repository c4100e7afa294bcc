"""What becomes of packets from and to public addresses that are chained to appliances."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.analysis import Index, RoundTrip, Step, round_trip
from lazulite.analysis.affected import affected
from lazulite.forwarding.model import Detour, Port, Tunnel
from tests.analysis.build import (
    PROBE,
    balance,
    flow,
    frontend,
    healthy,
    host,
    index,
    model,
    pool,
    port,
    route,
    table,
    vrf,
)

OWN, VIP = "198.18.0.8", "198.18.0.9"
DETOUR = Detour(
    "gw", "gw", "nva", flow("tcp 10.9.0.9 > 10.9.0.9:1").src, "nvas", Tunnel(10800, 800), Tunnel(10801, 801), "gw"
)
APPLIANCES = pool("nvas", "10.9.0.4", "10.9.0.5", network="nva", probe=PROBE)
BOTH = healthy("nvas", "10.9.0.4", "10.9.0.5")
IN, OUT = f"tcp 198.18.1.1:9 > {OWN}:80", "tcp 10.0.0.4:9 > 198.18.1.1:80"


def entries(*extra: Any, detour: str = "gw") -> list[Any]:
    """a (10.0.0.4) with a public address of its own, b behind a public frontend, a client."""
    own = port("a", "10.0.0.4/24", public={"10.0.0.4": OWN})
    chained = [replace(p, public=(replace(p.public[0], detour=detour),)) if isinstance(p, Port) else p for p in own]
    return [
        vrf("net", "10.0.0.0/16"),
        vrf("nva", "10.9.0.0/16"),
        table("net", route("10.0.0.0/16 local"), route("0.0.0.0/0 internet")),
        *chained,
        port("b", "10.0.0.5/24"),
        host("client", "198.18.1.1"),
        pool("web", "10.0.0.5"),
        replace(frontend("front", VIP), detour=detour),
        balance("rule front web tcp 80"),
        *extra,
    ]


def lab(*extra: Any, **how: Any) -> Index:
    return index(*entries(*extra, **how))


def steps(trip: RoundTrip) -> list[Step]:
    """Those of the detour, of the packet and of its answer."""
    ways = [trip.forward, trip.reply] if trip.reply is not None else [trip.forward]
    return [s for way in ways for hop in way.hops for s in hop.steps if s.stage == "appliance-detour"]


@pytest.mark.parametrize(
    ("source", "packet"),
    [
        pytest.param("client", IN, id="to a machine's own address"),
        pytest.param("a", OUT, id="from it"),
        pytest.param("client", f"tcp 198.18.1.1:9 > {VIP}:80", id="to a frontend"),
    ],
)
def test_a_packet_and_its_answer_pass_one_of_the_appliances(source: str, packet: str) -> None:
    trip = round_trip(lab(DETOUR, APPLIANCES, BOTH), source, flow(packet))
    assert trip.established
    assert [s.detail.count("through 1 of 2 appliances of gw") for s in steps(trip)] == [1, 1]
    assert all("taken to give the packet back" in s.detail for s in steps(trip))


def test_between_two_chained_addresses_it_is_passed_for_each() -> None:
    found = steps(round_trip(lab(DETOUR, APPLIANCES, BOTH), "a", flow(f"tcp 10.0.0.4:9 > {VIP}:80")))
    assert [s.detail.split()[0] for s in found] == [OWN, VIP, VIP, OWN]


@pytest.mark.parametrize(("source", "packet"), [("client", IN), ("a", OUT)], ids=["in", "out"])
@pytest.mark.parametrize(
    "extra",
    [
        pytest.param((DETOUR, APPLIANCES, healthy("nvas")), id="when no appliance is healthy"),
        pytest.param((DETOUR, APPLIANCES), id="before the first probe"),
        pytest.param((DETOUR,), id="when there is no pool"),
        pytest.param((), id="when the load balancer has no rule or tunnels"),
    ],
)
def test_nothing_passes(extra: tuple[Any, ...], source: str, packet: str) -> None:
    trip = round_trip(lab(*extra), source, flow(packet))
    assert trip.forward.disposition == "no healthy backend"
    assert not trip.established


def test_what_is_not_chained_makes_no_detour() -> None:
    trip = round_trip(lab(DETOUR, APPLIANCES, BOTH, detour=""), "client", flow(IN))
    assert trip.established
    assert steps(trip) == []


@pytest.mark.parametrize(
    "then",
    [
        pytest.param((DETOUR, APPLIANCES, healthy("nvas")), id="health"),
        pytest.param((DETOUR, pool("nvas", "10.9.0.4", network="nva"), BOTH), id="appliances"),
        pytest.param((APPLIANCES, BOTH), id="the detour itself"),
    ],
)
def test_a_change_of_a_detour_may_concern_every_flow(then: tuple[Any, ...]) -> None:
    now = model(*entries(DETOUR, APPLIANCES, BOTH))
    assert affected(now, model(*entries(*then))) is None
