"""Rules of global load balancers as the forwarding model sees them, and who is near to which region."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.forwarding.model import Distribution, GlobalMember, GlobalRule, Nearness
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.geography import AZURE, Region, nearest_first, regions
from lazulite.services.lab.model import Client
from lazulite.services.load_balancer.model import (
    RULES,
    BackendAddressPool,
    FrontendIPConfiguration,
    LoadBalancer,
    LoadBalancingRule,
)
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.virtual_network.model import VirtualNetwork
from lazulite.values import Protocol

_NOWHERE = Region("", "")
"""Of a country that the list of regions does not have: the middle of the map."""


def rule(
    child: Resource[LoadBalancingRule],
    place: Resource[FrontendIPConfiguration],
    pool: Resource[BackendAddressPool],
    view: View,
) -> Iterator[GlobalRule]:
    """A rule with the regional ones on its backend port. Source: "Global load balancer", overview."""
    said, public = child.properties, view.get(place.properties.public_ip_address, PublicIPAddress)
    address = public.properties.held_address if public is not None else None
    if address is None or said.protocol not in ("Tcp", "Udp"):
        return
    view.demand(nearness)
    yield GlobalRule(
        child.id.key,
        child.id.name,
        address,
        Protocol(said.protocol.lower()),
        said.frontend_port,
        tuple(sorted(_members(said, pool, view))),
        Distribution(said.load_distribution),
        said.idle_timeout * 60,
        child.id.text,
    )


def _members(said: LoadBalancingRule, pool: Resource[BackendAddressPool], view: View) -> Iterator[GlobalMember]:
    for backend in pool.properties.load_balancer_backend_addresses:
        ref = backend.properties.load_balancer_frontend_ip_configuration
        balancer = view.get(ref.target.parent, LoadBalancer) if ref is not None else None
        place = view.get(ref, FrontendIPConfiguration)
        if place is None or place.properties.gateway_load_balancer is not None:
            continue  # nothing reaches such a frontend but by its appliances, and flows from here would
        for regional in balancer.properties.load_balancing_rules if balancer is not None else ():
            there = regional.properties
            same = (there.protocol, there.frontend_port) == (said.protocol, said.backend_port)
            front = there.frontend_ip_configuration
            if balancer is not None and ref is not None and same and front is not None and front.target == ref.target:
                yield GlobalMember(balancer.id.child(RULES, regional.name).key, balancer.location or "")


def nearness(view: View) -> Iterator[Nearness]:
    """Of every lab client by its country or where exactly it is, of every network by its region."""
    for client in view.all(Client):
        said = client.properties
        country = regions().get(said.country.upper(), _NOWHERE)
        latitude, longitude = country.latitude, country.longitude
        if said.latitude is not None and said.longitude is not None:
            latitude, longitude = said.latitude, said.longitude
        yield Nearness(client.id.key, nearest_first(latitude, longitude), client.id.text)
    for network in view.all(VirtualNetwork):
        home = AZURE.get(network.location or "")
        if home is not None:
            yield Nearness(network.id.key, nearest_first(*home[:2]), network.id.text)
