"""What copies of packets want of the kernel: nothing without a tap, and the least with one."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lazulite.drivers.linux import names, realise_tap
from lazulite.drivers.linux.realise import Realiser
from lazulite.drivers.linux.state import Address, Chain, Element, Item, KernelRoute, Key, Veth, Vxlan
from lazulite.forwarding.model import BalancingRule, Frontend, Member, Peering, Pool, Tap, TapSource
from lazulite.values import Protocol
from tests.drivers.worlds import port, vrf

ROUTER, OTHER, MIRROR = names.router("/one"), names.router("/two"), names.mirror("guid /one/nic0")
COLLECTOR = names.nic("guid /one/nic1")
TAP = Tap("tap", "tap", "/one", ip_address("10.0.0.5"), 4790, 7, "tap")
SOURCE = TapSource("source", "/one/nic0", "tap", "source")
NETWORK = [vrf("/one"), *port(0, "/one"), *port(1, "/one")]


def wanted(*entries: Any) -> dict[Key, Item]:
    realiser = Realiser()
    realiser.advance(entries, ())
    return dict(realiser.wanted)


def more(*entries: Any) -> dict[Key, Any]:
    """What a network wants beyond itself."""
    plain = wanted(*NETWORK)
    return {k: i.spec for k, i in wanted(*NETWORK, *entries).items() if plain.get(k) != i}


def test_a_tap_without_a_source_and_a_source_without_a_tap_want_no_tunnel() -> None:
    assert more(SOURCE) == {}
    assert {type(s) for s in more(TAP).values()} <= {Veth, KernelRoute}


def test_what_one_tapped_interface_wants_of_its_own() -> None:
    found = more(TAP, SOURCE)
    own = {k: s for k, s in found.items() if "copy_" not in k[2] or MIRROR in k[2]}
    nic = names.nic("guid /one/nic0")
    assert {k: s for k, s in own.items() if k[0] == ROUTER} == {
        (ROUTER, "Address", "250.0.0.4/32"): Address("lo", hidden=True),
        (ROUTER, "Vxlan", MIRROR): Vxlan(0x7000 + 10, 4, "250.0.0.4", "10.0.0.5"),
        (ROUTER, "Chain", f"netdev|ingress_{MIRROR}"): Chain(
            (f'dup to "{MIRROR}"',), f'filter hook ingress device "{nic}" priority -300', (nic, MIRROR)
        ),
        (ROUTER, "Chain", f"netdev|egress_{MIRROR}"): Chain(
            (f'meta mark != 7 meta mark set 0 dup to "{MIRROR}"',),
            f'filter hook egress device "{nic}" priority 300',
            (nic, MIRROR),
        ),
        (ROUTER, "Chain", f"ip|copy_{MIRROR}"): Chain(
            ("ip saddr set 10.0.0.4", "@th,16,16 set 4790", "@th,96,24 set 0x7", "meta mark set 7", "accept")
        ),
        (ROUTER, "Element", "ip|links|loopout"): Element("accept"),
        (ROUTER, "Veth", COLLECTOR): replace(wanted(*NETWORK)[ROUTER, "Veth", COLLECTOR].spec, mtu=1600),
    }
    elements = {k[2]: s.value for k, s in found.items() if isinstance(s, Element) and "copy_" in k[2]}
    assert elements == {
        "ip|copy_sources|250.0.0.4 . 28682": f"goto copy_{MIRROR}",
        "ip|copy_senders|10.0.0.4": "goto copy_error_7",
    }


def test_a_collector_keeps_to_packets_of_the_usual_size() -> None:
    guest = names.guest("/one/vm1")
    routes = {k[2]: s.mtu for k, s in more(TAP, SOURCE).items() if k[0] == guest and isinstance(s, KernelRoute)}
    assert routes == {"254|0.0.0.0/0": 1500, "254|::/0": 1500}


def test_copies_for_a_peered_network_leave_in_its_router_and_meet_its_filter() -> None:
    far = replace(TAP, vrf="/two", address=ip_address("10.1.0.4"))
    links = [Peering(f"{a}{b}", a, b, vrf(b).prefixes) for a, b in (("/one", "/two"), ("/two", "/one"))]
    assert not any(isinstance(s, Vxlan) for s in more(vrf("/two"), far, SOURCE).values())
    found = more(vrf("/two"), *port(0, "/two"), *links, far, SOURCE)
    assert found[ROUTER, "Vxlan", MIRROR] == Vxlan(0x7000 + 10, 4, "250.0.0.4", "10.1.0.4", OTHER)
    assert found[OTHER, "Chain", f"ip|copy_{MIRROR}"].rules[-1] == f"goto from_{names.peer('/one')}"
    assert (OTHER, "Address", "250.0.0.4/32") in found
    assert not any("copy" in k[2] for k in found if k[0] == ROUTER)


def test_whoever_is_behind_a_frontend_that_gets_copies_has_a_link_for_them() -> None:
    front = Frontend("front", "front", "/one", ip_address("10.0.0.100"))
    pool = Pool("pool", "pool", "/one", (Member("m", ip_address("10.0.0.5")),))
    rule = BalancingRule("rule", "rule", "front", "pool", Protocol.UDP, 4790, 4790)
    tap = replace(TAP, address=front.address)
    found = wanted(*NETWORK, front, pool, rule, tap, SOURCE)
    link = found[ROUTER, "Veth", COLLECTOR].spec
    assert isinstance(link, Veth)
    assert link.mtu == 1600
    become = found[ROUTER, "Chain", f"ip|copy_{MIRROR}"].spec
    assert isinstance(become, Chain)
    assert not any("mark" in rule for rule in become.rules)
    emptied = wanted(*NETWORK, front, replace(pool, members=()), rule, tap, SOURCE)[ROUTER, "Veth", COLLECTOR].spec
    assert isinstance(emptied, Veth)
    assert emptied.mtu == 1500


@given(st.lists(st.ip_addresses(v=4), unique=True, min_size=2))
def test_no_two_tunnels_have_the_same_identifier_and_port(addresses: list[IPv4Address]) -> None:
    tunnels = [realise_tap.tunnel(a, "10.0.0.5", "") for a in addresses]
    assert len({(t.identifier, t.port) for t in tunnels}) == len(addresses)
    assert all(0x7000 <= t.port < 0x7100 and ip_address(t.local) >= ip_address("240.0.0.0") for t in tunnels)
