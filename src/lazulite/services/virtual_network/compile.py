"""Virtual networks, peering links and network interfaces as the forwarding model sees them."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

from lazulite.forwarding.model import AccessList, Action, Peering, Port, PublicAddress, Rule, Vrf
from lazulite.resources.model import Child, Resource
from lazulite.resources.view import View
from lazulite.services.compute.model import label
from lazulite.services.load_balancer.model import BackendAddressPool
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.route_table.model import table_name
from lazulite.services.virtual_network.attachment import attachment
from lazulite.services.virtual_network.model import (
    PRIVATE_SPACES,
    IpConfiguration,
    NetworkInterface,
    Subnet,
    VirtualNetwork,
    VirtualNetworkPeering,
    mac_address,
)
from lazulite.services.virtual_network.peering import peer, peers
from lazulite.values import Direction, IPAddress, IPNetwork

DEFAULT_FLOW_TIMEOUT_MINUTES = 4
"""Source: "Network security groups", flow records."""
PLATFORM = IPv4Network("168.63.129.16/32")
"""Source: "What is IP address 168.63.129.16?"."""


def network(vnet: Resource[VirtualNetwork], view: View) -> Iterable[Vrf]:
    minutes = vnet.properties.flow_timeout or DEFAULT_FLOW_TIMEOUT_MINUTES
    yield Vrf(
        vnet.id.key,
        vnet.id.name,
        vnet.properties.prefixes,
        minutes * 60,
        vnet.properties.default_outbound_address,
        origin=vnet.id.text,
    )


def link(child: Resource[VirtualNetworkPeering], view: View) -> Iterable[Peering]:
    """The end of a connected link; one that is not connected lets nothing in."""
    vnet = view.parent(child, VirtualNetwork)
    found = peer(vnet, Child(child.id.name, child.properties), view) if vnet is not None else None
    if vnet is not None and found is not None:
        yield Peering(
            child.id.key,
            vnet.id.key,
            found.remote.id.key,
            found.prefixes,
            found.access,
            found.link.allow_forwarded_traffic,
            origin=child.id.text,
        )


def port(nic: Resource[NetworkInterface], view: View) -> Iterable[Port]:
    first = nic.properties.primary_configuration
    subnet = view.get(first.subnet, Subnet) if first is not None else None
    if subnet is None:
        return
    vnet, attached = subnet.id.parent.key, attachment(nic.id, view)
    pairs, table = _addresses(nic, subnet), subnet.properties.route_table
    public, closed = _public(nic, view, running=attached is not None)
    pools = _pools(nic, view)
    closed = closed or any(p.closes for p in pools)
    ingress = _lists(nic, subnet, Direction.INGRESS)
    if closed and not ingress:
        view.demand(closed_to_internet, vnet)
        ingress = (_closed_name(vnet),)
    yield Port(
        nic.id.key,
        label=label(nic.id),
        guid=nic.guid,
        vrf=vnet,
        mac=mac_address(nic),
        addresses=tuple(a for a, _ in pairs),
        gateways=tuple(p for _, p in pairs),
        guest=attached.guest if attached is not None else None,
        slot=attached.slot if attached is not None else 0,
        forwards=nic.properties.enable_ip_forwarding,
        egress=_lists(nic, subnet, Direction.EGRESS),
        ingress=ingress,
        own_list=nic.properties.network_security_group is not None,
        routes=table_name(vnet, table.id.lower() if table is not None else None),
        public=public,
        default_outbound=subnet.properties.default_outbound_access is not False
        and subnet.properties.nat_gateway is None
        and not any(p.takes_default for p in pools),
        origin=nic.id.text,
    )


def _pools(nic: Resource[NetworkInterface], view: View) -> list[BackendAddressPool]:
    """The pools that the interface is in. Those that list its address do not count.

    One of a Standard load balancer takes the default way out from it, and when that is public the interface is closed
    until a security group opens it.
    Source: "Default outbound access in Azure", when is it provided; "What is Azure Load Balancer?", secure by default.
    """
    found = []
    for child in nic.properties.ip_configurations:
        pools = (view.get(r, BackendAddressPool) for r in child.properties.load_balancer_backend_address_pools)
        found += [p.properties for p in pools if p is not None and p.properties.incarnation in child.properties.places]
    return found


def _addresses(nic: Resource[NetworkInterface], subnet: Resource[Subnet]) -> list[tuple[IPAddress, IPNetwork]]:
    """Each address with its prefix, the primary configuration's first."""
    found = []
    for child in sorted(nic.properties.ip_configurations, key=lambda c: not c.properties.primary):
        address = child.properties.private_ip_address
        prefix = subnet.properties.prefix_of(address) if address is not None else None
        if address is not None and prefix is not None:
            found.append((address, prefix))
    return found


def _lists(nic: Resource[NetworkInterface], subnet: Resource[Subnet], direction: Direction) -> tuple[str, ...]:
    """Names of the access lists in the order a packet meets them: the subnet's is the outer one.

    Source: "How network security groups filter network traffic".
    """
    groups = (subnet.properties.network_security_group, nic.properties.network_security_group)
    names = tuple(f"{g.id.lower()}|{subnet.id.key}|{direction}" for g in groups if g is not None)
    return names if direction is Direction.INGRESS else names[::-1]


def _public(nic: Resource[NetworkInterface], view: View, *, running: bool) -> tuple[tuple[PublicAddress, ...], bool]:
    """The interface's own public addresses, and whether one of them is closed until a security group opens it.

    Source: "Public IP addresses", SKU: a standard address is secure by default.
    """
    found, closed = [], False
    for child in nic.properties.ip_configurations:
        address = view.get(child.properties.public_ip_address, PublicIPAddress)
        if address is None:
            continue
        translated = _translated(child.properties, address, running=running)
        if translated is not None:
            found.append(translated)
            closed = closed or (address.sku is not None and address.sku.name in ("Standard", "StandardV2"))
    return tuple(found), closed


def _translated(
    configuration: IpConfiguration, address: Resource[PublicIPAddress], *, running: bool
) -> PublicAddress | None:
    """A dynamic address is given up while the machine does not run."""
    private, public = configuration.private_ip_address, address.properties.held_address
    if private is None or public is None or private.version != public.version:
        return None
    if address.properties.public_ip_allocation_method == "Dynamic" and not running:
        return None
    detour = configuration.gateway_load_balancer.target.key if configuration.gateway_load_balancer is not None else ""
    return PublicAddress(private, public, address.id.text, detour)


def closed_to_internet(view: View, vnet: str) -> Iterable[AccessList]:
    """What stands in for the missing security group of a standard public address: nothing from the Internet."""
    found = view.get(vnet, VirtualNetwork)
    if found is None:
        return
    inside = dict.fromkeys((*found.properties.prefixes, *(p for q in peers(found, view) for p in q.prefixes)))
    origin = "standard public IP address without a network security group"
    rules = (
        Rule(1, Action.ALLOW, (*inside, *PRIVATE_SPACES, PLATFORM), origin=origin),
        Rule(2, Action.DENY, origin=origin),
    )
    yield AccessList(_closed_name(vnet), "standard public IP address", Direction.INGRESS, rules, origin)


def _closed_name(vnet: str) -> str:
    return f"standard public ip address|{vnet}|{Direction.INGRESS}"
