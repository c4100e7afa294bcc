"""What of private resolvers a virtual network has."""

from __future__ import annotations

from lazulite.resources.model import Resource
from lazulite.services.dns_resolver.model import Resolver, RulesetLink
from lazulite.services.service import Context, Reply
from lazulite.services.virtual_network.model import VirtualNetwork


def resolvers(network: Resource[VirtualNetwork], context: Context) -> Reply:
    """``listDnsResolvers``."""
    found = context.view.referrers(network.id, Resolver)
    return Reply({"value": [{"id": r.id.text} for r in found]})


def rulesets(network: Resource[VirtualNetwork], context: Context) -> Reply:
    """``listDnsForwardingRulesets``."""
    found = context.view.referrers(network.id, RulesetLink)
    return Reply(
        {"value": [{"id": r.id.parent.text, "properties": {"virtualNetworkLink": {"id": r.id.text}}} for r in found]}
    )
