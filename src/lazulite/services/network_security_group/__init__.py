"""Network security groups and application security groups."""

from lazulite.services.network_security_group.actions import effective_groups, service_tags
from lazulite.services.network_security_group.compile import interface_lists, subnet_lists
from lazulite.services.network_security_group.model import KINDS, ApplicationSecurityGroup, NetworkSecurityGroup
from lazulite.services.network_security_group.status import asg_status, group_status
from lazulite.services.network_security_group.validate import validate
from lazulite.services.service import Service
from lazulite.services.virtual_network.model import NetworkInterface, Subnet

SERVICE = Service(
    name="network_security_group",
    kinds=KINDS,
    validate=validate,
    compile={Subnet: subnet_lists, NetworkInterface: interface_lists},
    status={NetworkSecurityGroup: group_status, ApplicationSecurityGroup: asg_status},
    actions={"microsoft.network/networkinterfaces/effectivenetworksecuritygroups": effective_groups},
    collection_actions={"Microsoft.Network/locations/{location}/serviceTags": service_tags},
)
