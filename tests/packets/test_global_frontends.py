"""Addresses of several regions: whom the nearest region serves, what a failed one leaves to others, and what stays.

Source: facts/load-balancer.md, "Cross-region load balancer" (cross-region-overview).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.analysis import Index, round_trip
from lazulite.analysis.answers import Disposition
from lazulite.forwarding.model import Distribution, GlobalMember, GlobalRule, Nearness, Port, PublicAddress
from lazulite.values import Flow, Protocol
from tests.packets.edges import (
    CLIENT,
    OTHER,
    PROBE,
    VIP,
    VIP_2,
    Backends,
    address,
    client,
    connected,
    frontend,
    guest,
    healthy,
    is_open,
    machines,
    ping,
    pool,
    rule,
    talks,
    trying,
)
from tests.packets.net import Net

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
GLOBAL = "198.18.9.9"
EUROPE, AMERICA = "westeurope", "eastus"
NEAR = {CLIENT: "/one", OTHER: "/two"}
"""By client: the network whose region is nearest to it."""


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.close()


def regions(**fields: Any) -> list[Any]:
    """A network with two machines behind a public frontend in each of two regions, and a client near each."""
    made: list[Any] = [
        client("/dutch", CLIENT),
        client("/texan", OTHER),
        Nearness("/dutch", (EUROPE, AMERICA), "/dutch"),
        Nearness("/texan", (AMERICA, EUROPE), "/texan"),
    ]
    for network, vip in (("/one", VIP), ("/two", VIP_2)):
        made += machines(2, network)
        made += [pool(range(2), network, **fields), frontend(vip, network), rule(network), datagram_rule(network)]
    return made


def datagram_rule(network: str) -> Any:
    return rule(network, "datagrams", protocol=Protocol.UDP)


def everywhere(port: int = 80, protocol: Protocol = Protocol.TCP, **fields: Any) -> GlobalRule:
    """A global rule with a member in Europe and one in America."""
    name = "web" if protocol is Protocol.TCP else "datagrams"
    members = (GlobalMember(f"/one {name}", EUROPE), GlobalMember(f"/two {name}", AMERICA))
    full = f"global {protocol} {port}"
    said: dict[str, Any] = {"members": members} | fields
    return GlobalRule(full, full, ip_address(GLOBAL), protocol, port, origin=full, **said)


def both(net: Net, kind: str = "tcp") -> Backends:
    places = [(guest(n, w), str(address(n, w)), 8080) for w in ("/one", "/two") for n in range(2)]
    return Backends(net, places, kind)


def who(source: str) -> str:
    return "/dutch" if source == CLIENT else "/texan"


def said(net: Net, source: str, port: int, to: str = GLOBAL, protocol: Protocol = Protocol.TCP) -> str | Disposition:
    """The machine that the model says, or why there is none."""
    flow = Flow(ip_address(source), ip_address(to), protocol, 80, port)
    found = round_trip(Index(net.entries.values()), who(source), flow)
    if not found.established:
        return found.forward.disposition
    return net.entries["Port", found.forward.destination].guest


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_a_client_is_served_by_the_region_nearest_to_it(net: Net, protocol: Protocol) -> None:
    """The backend sees the client, and the client the global address."""
    net.become([*regions(), everywhere(protocol=protocol)])
    backends = both(net, str(protocol))
    for source, network in NEAR.items():
        for port in range(20000, 20006):
            if protocol is Protocol.TCP:
                opened = connected(net, who(source), source, (GLOBAL, 80), port)
                where, accepted, peer = backends.next()
                assert talks(opened, accepted)
            else:
                opened = net.socket(who(source), "udp", source, port)
                opened.sendto(b"?", (GLOBAL, 80))
                where, backend, (_, peer) = backends.next()
                backend.sendto(b"!", peer)
                assert opened.recvfrom(8) == (b"!", (GLOBAL, 80))
            assert peer == (source, port)
            assert where.startswith(network)
            assert where == said(net, source, port, protocol=protocol)


def test_the_regional_address_goes_on_serving(net: Net) -> None:
    net.become([*regions(), everywhere()])
    backends = both(net)
    connected(net, "/texan", OTHER, (VIP, 80), 21000)
    assert backends.next()[0] == said(net, OTHER, 21000, VIP)


def test_the_port_of_the_global_rule_may_be_another_than_the_regional_one(net: Net) -> None:
    net.become([*regions(), everywhere(8000)])
    backends = both(net)
    connected(net, "/dutch", CLIENT, (GLOBAL, 8000))
    assert backends.next()[0].startswith("/one")
    refused = trying(net, "/dutch", CLIENT, (GLOBAL, 80))
    ping(net, "/dutch", CLIENT, GLOBAL)
    connected(net, "/dutch", CLIENT, (GLOBAL, 8000))
    backends.next()
    assert not is_open(refused)
    assert said(net, CLIENT, 22000) is Disposition.NO_RULE


def test_a_region_that_fails_leaves_new_flows_to_the_next_one_until_it_is_back(net: Net) -> None:
    """Flows that stand in the other region stay there when the nearer one is back."""
    entries = [*regions(probe=PROBE), everywhere()]
    up = {w: healthy(0, 1, network=w) for w in ("/one", "/two")}
    net.become([*entries, *up.values()])
    backends = both(net)
    connected(net, "/dutch", CLIENT, (GLOBAL, 80))
    assert backends.next()[0].startswith("/one")
    net.put(healthy(network="/one"))
    assert str(said(net, CLIENT, 23000)).startswith("/two")
    opened = connected(net, "/dutch", CLIENT, (GLOBAL, 80), 23000)
    where, accepted, _ = backends.next()
    assert where == said(net, CLIENT, 23000)
    net.put(up["/one"])
    connected(net, "/dutch", CLIENT, (GLOBAL, 80), 23001)
    assert backends.next()[0] == said(net, CLIENT, 23001)
    assert str(said(net, CLIENT, 23001)).startswith("/one")
    assert talks(opened, accepted)


def test_datagrams_move_away_from_a_region_that_failed(net: Net) -> None:
    """Of one socket too: there is no new flow to wait for."""
    entries = [*regions(probe=PROBE), everywhere(protocol=Protocol.UDP)]
    net.become([*entries, *(healthy(0, 1, network=w) for w in ("/one", "/two"))])
    backends = both(net, "udp")
    opened = net.socket("/dutch", "udp", CLIENT, 24000)
    for network in ("/one", "/two"):
        opened.sendto(b"?", (GLOBAL, 80))
        where, backend, (_, peer) = backends.next()
        assert where.startswith(network)
        backend.sendto(b"!", peer)
        assert opened.recvfrom(8) == (b"!", (GLOBAL, 80))
        net.put(healthy(network=network))


def test_no_region_that_can_serve_lets_nothing_in(net: Net) -> None:
    net.become([*regions(probe=PROBE), everywhere(), healthy(network="/one")])
    before = net.count("drop:balancer_no_region")
    refused = trying(net, "/dutch", CLIENT, (GLOBAL, 80), 25000)
    net.decided("drop:balancer_no_region", before + 1)
    assert not is_open(refused)
    assert said(net, CLIENT, 25000) is Disposition.NO_HEALTHY_BACKEND


@pytest.mark.parametrize("distribution", Distribution)
def test_two_members_in_one_region_share_its_flows_by_hash(net: Net, distribution: Distribution) -> None:
    members = (GlobalMember("/one web", EUROPE), GlobalMember("/two web", EUROPE))
    net.become([*regions(), everywhere(members=members, distribution=distribution)])
    backends, found = both(net), []
    for port in range(26000, 26024):
        connected(net, "/dutch", CLIENT, (GLOBAL, 80), port)
        found.append(backends.next()[0])
        assert found[-1] == said(net, CLIENT, port)
    networks = {where.rpartition("/")[0] for where in found}
    assert (len(networks) == 2) is (distribution is Distribution.FLOW)


def test_a_machine_reaches_the_region_nearest_to_its_network(net: Net) -> None:
    """Its source is translated first: the backend sees the public one."""
    entries = {e.key: e for e in [*regions(), everywhere()]}

    sender = next(e for e in entries.values() if isinstance(e, Port) and e.guest == guest(0, "/two"))
    pair = PublicAddress(address(0, "/two"), ip_address("198.18.7.7"), "pair")
    fields = {f: getattr(sender, f) for f in sender.__struct_fields__}
    entries[sender.key] = Port(**fields | {"public": (pair,)})
    net.become([*entries.values(), Nearness("/two", (EUROPE, AMERICA), "/two")])
    backends = both(net)
    connected(net, guest(0, "/two"), str(address(0, "/two")), (GLOBAL, 80), 27000)
    where, _, peer = backends.next()
    assert (where.startswith("/one"), peer) == (True, ("198.18.7.7", 27000))
    flow = Flow(address(0, "/two"), ip_address(GLOBAL), Protocol.TCP, 80, 27000)
    found = round_trip(Index(net.entries.values()), sender.name, flow)
    assert net.entries["Port", found.forward.destination].guest == where
    assert found.established


def test_a_source_that_is_nowhere_gets_the_first_region_by_name(net: Net) -> None:
    entries = [e for e in regions() if not isinstance(e, Nearness)]
    net.become([*entries, everywhere()])
    backends = both(net)
    connected(net, "/dutch", CLIENT, (GLOBAL, 80), 28000)
    where = backends.next()[0]
    assert where == said(net, CLIENT, 28000)
    assert where.startswith("/two")


def test_a_restarted_driver_keeps_flows_and_learns_what_changed(net: Net) -> None:
    entries = [*regions(probe=PROBE), everywhere()]
    net.become([*entries, *(healthy(0, 1, network=w) for w in ("/one", "/two"))])
    backends = both(net)
    opened = connected(net, "/texan", OTHER, (GLOBAL, 80), 29000)
    _, accepted, _ = backends.next()
    net.restart(healthy(network="/one"))
    assert talks(opened, accepted)
    connected(net, "/dutch", CLIENT, (GLOBAL, 80), 29001)
    assert backends.next()[0].startswith("/two")


def test_what_is_no_member_any_more_serves_no_longer(net: Net) -> None:
    net.become([*regions(), everywhere()])
    backends = both(net)
    opened = connected(net, "/dutch", CLIENT, (GLOBAL, 80), 30000)
    backends.next()
    net.put(everywhere(members=(GlobalMember("/two web", AMERICA),)))
    connected(net, "/dutch", CLIENT, (GLOBAL, 80), 30001)
    assert backends.next()[0].startswith("/two")
    opened.close()
    net.drop(everywhere())
    assert said(net, CLIENT, 30002) is not None
    assert not is_open(trying(net, "/dutch", CLIENT, (GLOBAL, 80), 30002))
