"""Every stage that the Linux driver claims to realise is in what it would load."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from lazulite.drivers.linux import LinuxDriver, names, skeleton, skeleton_internal
from lazulite.drivers.linux.realise import Realiser
from lazulite.drivers.linux.state import Address, Chain, Item, Key
from lazulite.drivers.memory import MemoryDriver
from lazulite.forwarding.model import Detour, Fault, GlobalRule, PlatformResolver, Tap, TapSource, Tunnel, Vrf
from lazulite.forwarding.stages import STAGES, UNSUPPORTED
from lazulite.values import Protocol
from tests.drivers.worlds import port, vrf


def resolver() -> dict[Key, Item]:
    """What a network with the platform's resolver wants."""
    realiser = Realiser()
    realiser.advance([Vrf("net", "net", ()), PlatformResolver("net", "net", ip_address("168.63.129.16"))], ())
    return realiser.wanted


def detour() -> dict[Key, Item]:
    """What a detour by appliances wants."""
    realiser = Realiser()
    tunnels = Tunnel(10800, 800), Tunnel(10801, 801)
    realiser.advance([Vrf("net", "net", ()), Detour("d", "d", "net", ip_address("10.0.0.9"), "pool", *tunnels)], ())
    return realiser.wanted


def global_address() -> dict[Key, Item]:
    """What an address of several regions wants."""
    realiser = Realiser()
    realiser.advance([GlobalRule("all", "all", ip_address("198.18.9.9"), Protocol.TCP, 80, ())], ())
    return realiser.wanted


def tapped() -> dict[Key, Item]:
    """What a port wants whose packets are copied."""
    realiser = Realiser()
    tap = Tap("tap", "tap", "/one", ip_address("10.0.0.9"), 4789, 7)
    realiser.advance([vrf("/one"), *port(0, "/one"), tap, TapSource("s", "/one/nic0", "tap")], ())
    return realiser.wanted


def disturbed() -> list[Key]:
    """What a port wants that is cut off."""
    realiser = Realiser()
    realiser.advance([vrf("/one"), *port(0, "/one"), Fault("f", "/one/nic0", cut=True)], ())
    return [k for k, i in realiser.wanted.items() if isinstance(i.spec, Chain) and i.spec.rules == ("drop",)]


DETOUR = "\n".join(r for i in detour().values() if isinstance(i.spec, Chain) for r in i.spec.rules)
ROUTER, EDGE = skeleton.router(4, 240) + skeleton.steering(), skeleton.edge(4)
BALANCER = "\n".join(r for _, spec in skeleton_internal.ruleset(4) if isinstance(spec, Chain) for r in spec.rules)
REALISED = {
    "own-address-set": "set own " in ROUTER,
    "fragment-set": "set fragments_out " in ROUTER and "set fragments_in " in ROUTER,
    "interface-flow-set": all(f"set {n} " in ROUTER for n in ("tcp_flows", "udp_flows", "echo_sent", "other_flows")),
    "access-list-chain": all(f"vmap @{w}" in ROUTER for w in ("egress_nic", "egress_subnet", "ingress_nic")),
    "router-address": any(isinstance(i.spec, Address) and i.spec.interface == "lo" for i in resolver().values()),
    "marked-route-table": "meta mark set iifname map @marks" in ROUTER,
    "steering-mac": "map steer " in ROUTER,
    "peering-link-chain": "iifname vmap @links" in ROUTER,
    "public-address-map": "@to_private" in EDGE and "@to_public" in EDGE,
    "default-outbound-set": "@default_outbound" in EDGE,
    "gateway-prefix-map": "vmap @gateways" in EDGE,
    "port-block-map": "vmap @port_blocks" in EDGE,
    "marker-route": f'@lb_vips fib daddr . mark oifname "{names.LOOP_IN}"' in BALANCER,
    "port-map": "vmap @forwarded" in EDGE and "vmap @lb_rules" in BALANCER,
    "bucket-map": "vmap @balanced" in EDGE and "vmap @lb_every_port" in BALANCER,
    "kept-member-map": "meta mark vmap @lb_hops" in BALANCER,
    "region-chain": any(
        isinstance(i.spec, Chain) and i.spec.hook and k[0] == names.INTERNET for k, i in global_address().items()
    ),
    "detour-tunnels": "symhash" in DETOUR,
    "duplicating-chain": sum("dup to" in r for i in tapped().values() for r in getattr(i.spec, "rules", ())) == 2,
    "fault-chain": len(disturbed()) == 2,
    "internet-router": names.INTERNET == "internet",
}


@pytest.mark.parametrize("stage", STAGES, ids=lambda s: f"{s.pipeline} {s.name}")
def test_a_stage_is_realised_or_declared_unsupported(stage: object) -> None:
    realisation = LinuxDriver.capabilities[stage.name]  # type: ignore[attr-defined]
    assert realisation == UNSUPPORTED or REALISED[realisation]
    assert MemoryDriver.capabilities[stage.name] == "model"  # type: ignore[attr-defined]


def test_no_realisation_is_left_over() -> None:
    assert set(REALISED) == {s.drivers["linux"] for s in STAGES} - {UNSUPPORTED}
