"""A Gateway load balancer as the forwarding model sees it: a detour by its appliances."""

from __future__ import annotations

from collections.abc import Iterable

from lazulite.forwarding.model import Detour, Tunnel
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.load_balancer.members import network_of_frontend, parts, pool_name
from lazulite.services.load_balancer.model import BackendAddressPool, FrontendIPConfiguration, LoadBalancer


def detour(child: Resource[FrontendIPConfiguration], balancer: Resource[LoadBalancer], view: View) -> Iterable[Detour]:
    """Nothing while a rule, a tunnel or an address is missing: then nothing passes what is chained to it."""
    network, address = network_of_frontend(child), child.properties.private_ip_address
    for rule in parts(balancer, "load_balancing_rules"):
        place, ref = rule.properties.frontend_ip_configuration, rule.properties.backend_address_pool
        if place is None or ref is None or place.target != child.id or network is None or address is None:
            continue
        pool = view.get(ref, BackendAddressPool)
        tunnels = {t.type: Tunnel(*t.ends) for t in pool.properties.tunnel_interfaces} if pool is not None else {}
        probe = rule.properties.probe
        if len(tunnels) == 2:
            name = pool_name(ref.target.key, probe.target.key if probe is not None else None)
            inside, outside = tunnels["Internal"], tunnels["External"]
            yield Detour(child.id.key, child.id.name, network, address, name, inside, outside, child.id.text)
            return
