"""The read-only properties of networks, subnets, links, interfaces and their configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Child, Ref, Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.load_balancer.model import BackendAddressPool, InboundNatRule
from lazulite.services.service import Observations
from lazulite.services.virtual_network.addresses import in_subnet
from lazulite.services.virtual_network.model import (
    IpConfiguration,
    NetworkInterface,
    Subnet,
    VirtualNetwork,
    VirtualNetworkPeering,
    internal_domain,
    mac_address,
)
from lazulite.services.virtual_network.peering import Peer, agreed, peer, remote_of, state
from lazulite.services.virtual_network_tap.destination import configurations
from lazulite.values import IPNetwork

Status = Mapping[str, Any]


def network(vnet: Resource[VirtualNetwork], view: View, observations: Observations) -> Status:
    return {"resourceGuid": vnet.guid}


def subnet(child: Resource[Subnet], view: View, observations: Observations) -> Status:
    users = [{"id": user.id.text} for user in in_subnet(child.id, view)]
    return {"ipConfigurations": users} if users else {}


def link(child: Resource[VirtualNetworkPeering], view: View, observations: Observations) -> Status:
    vnet = view.parent(child, VirtualNetwork)
    if vnet is None:
        return {}
    remote = remote_of(child.properties, view)
    space = remote.properties.prefixes if remote is not None else child.properties.known_remote
    found = peer(vnet, Child(child.id.name, child.properties), view)
    where = state(vnet, child.properties, view)
    return {
        "peeringState": where,
        "peeringSyncLevel": _sync_level(vnet, found, space) if found is not None else _UNCONNECTED[where],
        "localAddressSpace": _space(agreed(vnet.properties.prefixes, _known_local(child, found))),
        "localVirtualNetworkAddressSpace": _space(vnet.properties.prefixes),
        "remoteAddressSpace": _space(found.prefixes if found is not None else child.properties.known_remote),
        "remoteVirtualNetworkAddressSpace": _space(space),
    }


_UNCONNECTED = {"Initiated": "RemoteNotInSync", "Disconnected": "LocalAndRemoteNotInSync"}


def _known_local(child: Resource[VirtualNetworkPeering], found: Peer | None) -> tuple[IPNetwork, ...]:
    return found.local_prefixes if found is not None else child.properties.known_local


def _sync_level(vnet: Resource[VirtualNetwork], found: Peer, remote: tuple[IPNetwork, ...]) -> str:
    """Which side has prefixes that the other has not heard of."""
    here = set(vnet.properties.prefixes) <= set(found.local_prefixes)
    there = set(remote) <= set(found.prefixes)
    return {
        (True, True): "FullyInSync",
        (False, True): "LocalNotInSync",
        (True, False): "RemoteNotInSync",
        (False, False): "LocalAndRemoteNotInSync",
    }[here, there]


def _space(prefixes: tuple[IPNetwork, ...]) -> dict[str, list[str]]:
    return {"addressPrefixes": [str(p) for p in prefixes]}


def interface(nic: Resource[NetworkInterface], view: View, observations: Observations) -> Status:
    """A MAC address is there from the start, although Azure shows it when the machine first starts."""
    found: dict[str, Any] = {
        "resourceGuid": nic.guid,
        "macAddress": mac_address(nic),
        "hostedWorkloads": [],
        "tapConfigurations": [{"id": c.id.text} for c in configurations(nic, view)],
        "vnetEncryptionSupported": False,
        "dnsSettings": {
            **encode(nic.properties.dns_settings),
            "appliedDnsServers": [],
            "internalDomainNameSuffix": _domain(nic, view),
        },
    }
    machine = next(iter(view.referrers(nic.id, VirtualMachine)), None)
    if machine is not None:
        primary = machine.properties.network_profile.primary
        found["virtualMachine"] = {"id": machine.id.text}
        found["primary"] = primary is not None and primary.id.target == nic.id
        found["dnsSettings"]["appliedDnsServers"] = _dns_servers(nic, view)
    return found


def configuration(child: Resource[IpConfiguration], view: View, observations: Observations) -> Status:
    """Without pools and rules of load balancers that are no longer there: who was in them left with them."""
    shown: dict[str, Any] = {}
    for wire, refs in (
        ("loadBalancerBackendAddressPools", child.properties.load_balancer_backend_address_pools),
        ("loadBalancerInboundNatRules", child.properties.load_balancer_inbound_nat_rules),
    ):
        there = [{"id": r.id} for r in refs if _is_in(child.properties, r, view)]
        if len(there) < len(refs):
            shown[wire] = there
    return shown


def _is_in(configuration: IpConfiguration, ref: Ref, view: View) -> bool:
    found: Resource[Any] | None = view.get(ref, BackendAddressPool) or view.get(ref, InboundNatRule)
    return found is not None and found.properties.incarnation in configuration.places


def _network(nic: Resource[NetworkInterface], view: View) -> Resource[VirtualNetwork] | None:
    first = nic.properties.primary_configuration
    return view.get(first.subnet.target.parent, VirtualNetwork) if first is not None and first.subnet else None


def _dns_servers(nic: Resource[NetworkInterface], view: View) -> list[str]:
    """The interface's own list, else the network's; none stands for the platform's resolver.

    Source: "Name resolution for resources in Azure virtual networks", specify DNS servers.
    """
    vnet = _network(nic, view)
    options = vnet.properties.dhcp_options if vnet is not None else None
    return [str(s) for s in nic.properties.dns_settings.dns_servers or (options.dns_servers if options else ())]


def _domain(nic: Resource[NetworkInterface], view: View) -> str:
    vnet = _network(nic, view)
    return internal_domain(vnet.guid if vnet is not None else "")
