"""What Azure refuses of TAPs and of interfaces that are tapped. Source: facts/virtual-network-tap.md, rules 1 to 7."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Ref, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.load_balancer.model import FrontendIPConfiguration
from lazulite.services.service import Lab
from lazulite.services.virtual_network.model import IpConfiguration, NetworkInterface
from lazulite.services.virtual_network_tap.destination import (
    Destination,
    configurations,
    destination,
    network_of,
    reaches,
)
from lazulite.services.virtual_network_tap.model import MAX_SOURCES, TapConfiguration, VirtualNetworkTap

NIC_DESTINATION = "properties.destinationNetworkInterfaceIPConfiguration"
FRONTEND_DESTINATION = "properties.destinationLoadBalancerFrontEndIPConfiguration"
SOURCE = "properties.virtualNetworkTap"


def resource(new: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    if isinstance(new.properties, VirtualNetworkTap):
        yield from _tap(new, view, lab)
    else:
        yield from _configuration(new, view, lab)


def _tap(new: Resource[VirtualNetworkTap], view: View, lab: Lab) -> Iterator[Violation]:
    if not 1 <= new.properties.destination_port <= 65535:
        message = f"Destination port {new.properties.destination_port} of {new.id} is not between 1 and 65535."
        yield Violation("InvalidDestinationPort", message, "properties.destinationPort")
    named = [
        r for r in (new.properties.destination_configuration, new.properties.destination_frontend) if r is not None
    ]
    if len(named) != 1:
        message = (
            f"Virtual network tap {new.id} must have exactly one destination: an IP configuration of a network "
            f"interface or a frontend IP configuration of an internal load balancer. It has {len(named) or 'none'}."
        )
        yield Violation("VirtualNetworkTapMustHaveOneDestination", message, "properties")
        return
    path = NIC_DESTINATION if new.properties.destination_configuration is not None else FRONTEND_DESTINATION
    unfit = [*_abroad(new, named[0], path, lab), *_unfit(new, named[0], path, view)]
    yield from unfit
    found = destination(new.properties, view)
    if found is not None and not unfit:
        yield from _sources(new, found, path, view)


def _abroad(new: Resource[Any], ref: Ref, path: str, lab: Lab) -> Iterator[Violation]:
    """Whoever is copied, the TAP and its destination are one tenant's. Source: rule 2."""
    here, there = (lab.tenants.get(s.lower()) for s in (new.id.subscription, ref.target.subscription))
    if here != there:
        message = f"Resource {ref.id} referenced by resource {new.id} belongs to a subscription of another tenant."
        yield Violation("VirtualNetworkTapInAnotherTenant", message, path)


def _unfit(new: Resource[VirtualNetworkTap], ref: Ref, path: str, view: View) -> Iterator[Violation]:
    """A destination of another region, or that is no private IPv4 address."""
    nic = view.get(ref, IpConfiguration)
    target: Resource[Any] | None = nic or view.get(ref, FrontendIPConfiguration)
    if target is None:
        return
    if target.location != new.location:
        message = (
            f"Resource {ref.id} referenced by resource {new.id} was not found. Please make sure that the referenced "
            "resource exists, and that both resources are in the same region."
        )
        yield Violation("InvalidResourceReference", message, path)
    if nic is None and target.properties.subnet is None:
        message = f"Virtual network tap {new.id} needs an internal load balancer: frontend {ref.id} is public."
        yield Violation("VirtualNetworkTapDestinationMustBePrivate", message, path)
    elif target.properties.private_ip_address_version != "IPv4":
        message = f"Virtual network tap {new.id} cannot send to {ref.id}: it is not of version IPv4."
        yield Violation("VirtualNetworkTapDestinationMustBeIPv4", message, path)


def _sources(new: Resource[VirtualNetworkTap], found: Destination, path: str, view: View) -> Iterator[Violation]:
    """Interfaces that are tapped already have to reach another destination too."""
    for each in view.referrers(new.id, TapConfiguration):
        nic = view.parent(each, NetworkInterface)
        if nic is not None:
            yield from _route(nic, new, found, path, view)


def _route(
    nic: Resource[NetworkInterface], tap: Resource[VirtualNetworkTap], found: Destination, path: str, view: View
) -> Iterator[Violation]:
    """From an interface to where its copies would go."""
    network = network_of(nic, view)
    if network is not None and not reaches(network, found.network, view):
        message = (
            f"Network interface {nic.id} in virtual network {network.id} cannot be tapped to {tap.id}: the destination "
            f"is in virtual network {found.network.id}, which is neither the same nor peered with it."
        )
        yield Violation("VirtualNetworkTapDestinationNotReachable", message, path)
    collector = tap.properties.destination_configuration
    if collector is not None and collector.target.parent == nic.id:
        message = f"Network interface {nic.id} cannot be tapped to {tap.id}: it is the destination of the copies."
        yield Violation("NetworkInterfaceIsDestinationOfVirtualNetworkTap", message, path)


def _configuration(new: Resource[TapConfiguration], view: View, lab: Lab) -> Iterator[Violation]:
    ref = new.properties.virtual_network_tap
    nic, tap = view.parent(new, NetworkInterface), view.get(ref, VirtualNetworkTap)
    if ref is None:
        message = f"Tap configuration {new.id} must name a virtual network tap."
        yield Violation("VirtualNetworkTapNotSpecified", message, SOURCE)
    else:
        yield from _abroad(new, ref, SOURCE, lab)
    if nic is None:
        return
    yield from _tappable(new, nic, view)
    if tap is None:
        return
    if tap.location != nic.location:
        message = (
            f"Resource {tap.id} referenced by resource {new.id} was not found. Please make sure that the referenced "
            "resource exists, and that both resources are in the same region."
        )
        yield Violation("InvalidResourceReference", message, SOURCE)
        return
    found = destination(tap.properties, view)
    if found is not None:
        yield from _route(nic, tap, found, SOURCE, view)
    sources = [c for c in view.referrers(tap.id, TapConfiguration) if c.id != new.id]
    if len(sources) >= MAX_SOURCES:
        message = f"Virtual network tap {tap.id} cannot have more than {MAX_SOURCES} tap configurations."
        yield Violation("VirtualNetworkTapConfigurationCountLimitReached", message, SOURCE)


def _tappable(new: Resource[TapConfiguration], nic: Resource[NetworkInterface], view: View) -> Iterator[Violation]:
    """One configuration an interface, and only one of a machine's. Source: rules 3 and 5."""
    others = [c.id.text for c in configurations(nic, view) if c.id != new.id]
    if others:
        message = f"Network interface {nic.id} cannot have more than one tap configuration; it has {others[0]}."
        yield Violation("NetworkInterfaceTapConfigurationCountLimitReached", message, "name")
    if not view.referrers(nic.id, VirtualMachine):
        message = f"Network interface {nic.id} must be attached to a virtual machine to be tapped."
        yield Violation("NetworkInterfaceNotAttachedToVirtualMachine", message, "name")
