"""DNS Private Resolver: endpoints in subnets, and rules for what others answer."""

from lazulite.services.dns_resolver import actions, assign, compile, status, validate
from lazulite.services.dns_resolver.model import KINDS, InboundEndpoint, OutboundEndpoint, Resolver, Ruleset
from lazulite.services.service import Service

_NETWORK = "microsoft.network/virtualnetworks"

SERVICE = Service(
    "dns_resolver",
    KINDS,
    assign=assign.resource,
    validate=validate.resource,
    deletable=validate.deletable,
    compile={InboundEndpoint: compile.endpoint, OutboundEndpoint: compile.endpoint, Ruleset: compile.ruleset},
    status={
        Resolver: status.resolver,
        InboundEndpoint: status.part,
        OutboundEndpoint: status.part,
        Ruleset: status.part,
    },
    actions={
        f"{_NETWORK}/listdnsresolvers": actions.resolvers,
        f"{_NETWORK}/listdnsforwardingrulesets": actions.rulesets,
    },
)
