"""Load balancers: frontends, pools, rules, probes, inbound NAT and outbound rules."""

from lazulite.services.load_balancer import actions, assign, compile, outbound, status
from lazulite.services.load_balancer.model import (
    KINDS,
    FrontendIPConfiguration,
    InboundNatPool,
    InboundNatRule,
    LoadBalancer,
    LoadBalancingRule,
)
from lazulite.services.load_balancer.validate import resource as validate
from lazulite.services.service import Service

SERVICE = Service(
    "load_balancer",
    KINDS,
    assign=assign.resource,
    validate=validate,
    compile={
        LoadBalancer: outbound.sources,
        FrontendIPConfiguration: compile.frontend,
        LoadBalancingRule: compile.rule,
        InboundNatRule: compile.nat_rule,
        InboundNatPool: compile.nat_pool,
    },
    status=status.FUNCTIONS,
    actions={
        "microsoft.network/loadbalancers/loadbalancingrules/health": actions.health,
        "microsoft.network/loadbalancers/backendaddresspools/queryinboundnatruleportmapping": actions.port_mapping,
        "microsoft.network/loadbalancers/migratetoipbased": actions.migrate,
        "microsoft.network/loadbalancers/networkinterfaces": actions.interfaces,
        "microsoft.network/networkinterfaces/loadbalancers": actions.balancers_of,
    },
)
