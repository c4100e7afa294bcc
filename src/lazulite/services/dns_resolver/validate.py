"""What Azure refuses of a private resolver. Codes that nobody recorded are ours; the README says which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.forwarding.domain import encode
from lazulite.resources.model import Ref, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.dns_resolver.model import (
    DELEGATION,
    MAX_ENDPOINTS,
    MAX_LINKS,
    MAX_RULES,
    SMALLEST_SUBNET,
    ForwardingRule,
    InboundEndpoint,
    OutboundEndpoint,
    Resolver,
    Ruleset,
    RulesetLink,
)
from lazulite.services.service import Lab
from lazulite.services.virtual_network.addresses import occupants, reserved
from lazulite.services.virtual_network.model import Subnet, VirtualNetwork

BAD = "BadRequest"


def resource(new: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    match new.properties:
        case Resolver():
            yield from _resolver(new, view)
        case InboundEndpoint() | OutboundEndpoint():
            yield from _endpoint(new, view)
            yield from _fits(new, view)
        case Ruleset():
            yield from _ruleset(new, view)
        case ForwardingRule():
            yield from _rule(new, view)
        case RulesetLink():
            yield from _link(new, view)


def _near(new: Resource[Any], ref: Ref, path: str, view: View) -> Iterator[Violation]:
    """A network of the resource's own region."""
    network = view.get(ref, VirtualNetwork)
    if network is not None and network.location != new.location:
        message = f"The virtual network {ref.id} is in {network.location}, not in {new.location}."
        yield Violation(BAD, message, path)


def _resolver(new: Resource[Resolver], view: View) -> Iterator[Violation]:
    """One resolver a network. Source: "What is Azure DNS Private Resolver?", virtual network restrictions."""
    ref, path = new.properties.virtual_network, "properties.virtualNetwork"
    yield from _near(new, ref, path, view)
    others = [r for r in view.referrers(ref.target, Resolver) if r.id != new.id]
    if others:
        message = f"The virtual network {ref.id} has a DNS resolver already: {others[0].id}."
        yield Violation(BAD, message, path)


def _endpoint(new: Resource[Any], view: View) -> Iterator[Violation]:
    """The subnet is the resolver's network's, delegated, and its alone.

    Source: "What is Azure DNS Private Resolver?", subnet restrictions.
    """
    path = (
        "properties.ipConfigurations[0].subnet"
        if isinstance(new.properties, InboundEndpoint)
        else ("properties.subnet")
    )
    ref, resolver = new.properties.subnet, view.get(new.id.parent, Resolver)
    subnet = view.get(ref, Subnet)
    if resolver is None or subnet is None:
        return
    if resolver.location != new.location:
        yield Violation(BAD, f"The endpoint must be in {resolver.location}, where its resolver is.", "location")
    if subnet.id.parent != resolver.properties.virtual_network.target:
        message = f"The subnet {ref.id} is not in the virtual network of the resolver."
        yield Violation(BAD, message, path)
    services = [d.properties.service_name.lower() for d in subnet.properties.delegations]
    if DELEGATION.lower() not in services:
        yield Violation(BAD, f"The subnet {ref.id} must be delegated to {DELEGATION}.", path)
    if all(p.version == 4 and p.prefixlen > SMALLEST_SUBNET for p in subnet.properties.prefixes):
        yield Violation(BAD, f"The subnet {ref.id} must be a /{SMALLEST_SUBNET} or larger.", path)
    used = [r for r in view.referrers(subnet.id, OutboundEndpoint) if r.id != new.id]
    inbound = [r for r in view.referrers(subnet.id, InboundEndpoint) if r.id != new.id]
    if used or (inbound and isinstance(new.properties, OutboundEndpoint)):
        message = f"The subnet {ref.id} is used by another endpoint: {(used or inbound)[0].id}."
        yield Violation(BAD, message, path)


def _fits(new: Resource[Any], view: View) -> Iterator[Violation]:
    """The address, and how many endpoints a resolver has."""
    model, address = type(new.properties), new.properties.private_ip_address
    subnet, path = view.get(new.properties.subnet, Subnet), "properties.ipConfigurations[0].privateIpAddress"
    if subnet is not None:
        prefix = subnet.properties.prefix_of(address) if address is not None else None
        if address is None:
            yield Violation("SubnetIsFull", f"Subnet {subnet.id} has no free address.", path)
        elif prefix is None or reserved(address, prefix):
            message = f"The address {address} is not one that can be given out in subnet {subnet.id}."
            yield Violation("PrivateIPAddressNotInSubnet", message, path)
        elif address in occupants(subnet.id, view, beside=new.id):
            yield Violation("PrivateIPAddressIsAllocated", f"The address {address} is already allocated.", path)
    prefix_key = new.id.parent.key + "/"
    held = [k for k in view.snapshot.kinds.get(model, ()) if k.startswith(prefix_key) and k != new.id.key]
    if len(held) >= MAX_ENDPOINTS:
        yield Violation("DnsResolverEndpointCountLimitReached", f"A resolver has {MAX_ENDPOINTS} endpoints at most.")


def _ruleset(new: Resource[Ruleset], view: View) -> Iterator[Violation]:
    for index, ref in enumerate(new.properties.dns_resolver_outbound_endpoints):
        endpoint = view.get(ref, OutboundEndpoint)
        if endpoint is not None and endpoint.location != new.location:
            message = f"The outbound endpoint {ref.id} is not in {new.location}."
            yield Violation(BAD, message, f"properties.dnsResolverOutboundEndpoints[{index}]")


def _rule(new: Resource[ForwardingRule], view: View) -> Iterator[Violation]:
    name, path = new.properties.domain_name, "properties.domainName"
    try:
        wire = encode(name)
    except ValueError as error:
        yield Violation(BAD, f"The domain name {name[:80]!r} is invalid: {error}.", path)
        return
    if not name.endswith("."):
        yield Violation(BAD, f"The domain name {name!r} must end with a dot.", path)
    prefix = new.id.parent.key + "/"
    held = [
        r for k, r in view.snapshot.kinds.get(ForwardingRule, {}).items() if k.startswith(prefix) and r.id != new.id
    ]
    for other in held:
        if encode(other.properties.domain_name).lower() == wire.lower():
            yield Violation(BAD, f"The rule {other.id.name} has the domain name {name!r} already.", path)
    if len(held) >= MAX_RULES:
        yield Violation("ForwardingRuleCountLimitReached", f"A ruleset has {MAX_RULES} rules at most.")


def _link(new: Resource[RulesetLink], view: View) -> Iterator[Violation]:
    """One ruleset a network. Source: "Azure DNS Private Resolver endpoints and rulesets", ruleset links."""
    ref, path = new.properties.virtual_network, "properties.virtualNetwork"
    ruleset, network = view.get(new.id.parent, Ruleset), view.get(ref, VirtualNetwork)
    if ruleset is not None and network is not None and ruleset.location != network.location:
        message = f"The virtual network {ref.id} is in {network.location}, not in {ruleset.location}."
        yield Violation(BAD, message, path)
    others = [r for r in view.referrers(ref.target, RulesetLink) if r.id != new.id]
    if others:
        message = f"The virtual network {ref.id} is linked to a ruleset already: {others[0].id.parent}."
        yield Violation(BAD, message, path)
    prefix = new.id.parent.key + "/"
    held = sum(k.startswith(prefix) for k in view.snapshot.kinds.get(RulesetLink, ()) if k != new.id.key)
    if held >= MAX_LINKS:
        yield Violation("VirtualNetworkLinkCountLimitReached", f"A ruleset has {MAX_LINKS} links at most.")


def deletable(gone: Resource[Any], view: View) -> Iterator[Violation]:
    """A resolver goes after its endpoints, a ruleset after its links. Source: facts/dns.md, errors."""
    nested: tuple[type, ...] = ()
    if isinstance(gone.properties, Resolver):
        nested = (InboundEndpoint, OutboundEndpoint)
    elif isinstance(gone.properties, Ruleset):
        nested = (RulesetLink,)
    prefix = gone.id.key + "/"
    held = [r.id.text for m in nested for k, r in view.snapshot.kinds.get(m, {}).items() if k.startswith(prefix)]
    if held:
        message = f"Can not delete resource before nested resources are deleted: {', '.join(sorted(held))}."
        yield Violation("CannotDeleteResource", message)
