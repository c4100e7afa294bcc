"""Refusals of security groups and route tables, in Azure's words where they are known.

Sources: the error tables of "Virtual network" and "Network security groups", and recorded answers of Azure.
"""

from __future__ import annotations

from tests.reliability.bad_input import (
    ANYTHING,
    MISSING_WORDS,
    NEW_NSG,
    NEW_RT,
    OPEN,
    delete,
    here,
    named,
    put,
    ref,
    route,
    rule,
)

GROUPS = [
    put(
        "prefixes of both versions",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(sourceAddressPrefix="10.0.0.0/24", destinationAddressPrefix="fd00::/64")},
        "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies",
        ".*different address families.*",
        "properties",
    ),
    put(
        "a priority twice",
        "networkSecurityGroups/g",
        here(securityRules=[OPEN, named("twice", **rule(100))]),
        "SecurityRuleConflict",
        r"Security rule twice conflicts with rule open\. Rules cannot have the same Priority and Direction\. "
        r"To learn more, see "
        r"aka\.ms/nsgrules\.",
        "properties.securityRules[1].properties.priority",
    ),
    put(
        "a priority below 100",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(50)},
        "SecurityRuleInvalidPriority",
        r"Security rule has invalid Priority\. Value provided: 50 Allowed range 100-4096\.",
        "properties.priority",
    ),
    put(
        "a priority above 4096",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(4097)},
        "SecurityRuleInvalidPriority",
        ".*4097.*",
        "properties.priority",
    ),
    put(
        "the name of a default rule",
        "networkSecurityGroups/g/securityRules/DenyAllInBound",
        {"properties": rule()},
        "SecurityRuleConflict",
        ANYTHING,
        "name",
    ),
    put(
        "an unknown tag",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(sourceAddressPrefix="Moon")},
        "SecurityRuleInvalidAddressPrefix",
        ".*Moon.*",
        "properties.sourceAddressPrefix",
    ),
    put(
        "a prefix that is none",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(sourceAddressPrefix="10.0.0.0/33")},
        "SecurityRuleInvalidAddressPrefix",
        ".*10.0.0.0/33.*",
        "properties.sourceAddressPrefix",
    ),
    put(
        "a port above 65535",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(destinationPortRange="70000")},
        "SecurityRuleInvalidPortRange",
        ".*70000.*",
        "properties.destinationPortRange",
    ),
    put(
        "ports backwards",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(destinationPortRange="90-80")},
        "SecurityRuleInvalidPortRange",
        ".*90-80.*",
        "properties.destinationPortRange",
    ),
    put(
        "a prefix and prefixes",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(sourceAddressPrefixes=["10.0.0.0/24"])},
        "SecurityRuleParameterConflict",
        ANYTHING,
        "properties.sourceAddressPrefix",
    ),
    put(
        "a port and ports",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(destinationPortRanges=["81"])},
        "SecurityRuleParameterConflict",
        ANYTHING,
        "properties.destinationPortRange",
    ),
    put(
        "a prefix and a group of applications",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(sourceApplicationSecurityGroups=[ref("applicationSecurityGroups/web")])},
        "SecurityRuleParameterConflict",
        ANYTHING,
        "properties.sourceApplicationSecurityGroups",
    ),
    put(
        "an unknown protocol",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(protocol="Sctp")},
        "SecurityRuleParameterContainsUnsupportedValue",
        ".*Sctp.*",
        "properties.protocol",
    ),
    put(
        "ports of ICMP",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(protocol="Icmp")},
        "SecurityRuleParameterContainsUnsupportedValue",
        ANYTHING,
        "properties.destinationPortRange",
    ),
    put(
        "no source",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule(sourceAddressPrefix=None)},
        "SecurityRuleParameterMissing",
        ANYTHING,
        "properties.sourceAddressPrefix",
    ),
    put(
        "a group of applications that is not there",
        "networkSecurityGroups/g/securityRules/x",
        {
            "properties": rule(
                sourceAddressPrefix=None, sourceApplicationSecurityGroups=[ref("applicationSecurityGroups/none")]
            )
        },
        "InvalidResourceReference",
        MISSING_WORDS.format("applicationSecurityGroups/none", "networkSecurityGroups/g/securityRules/x"),
        "properties.sourceApplicationSecurityGroups[0]",
    ),
    put(
        "groups of applications of two networks",
        "networkSecurityGroups/g/securityRules/x",
        {
            "properties": rule(
                sourceAddressPrefix=None,
                destinationAddressPrefix=None,
                sourceApplicationSecurityGroups=[ref("applicationSecurityGroups/web")],
                destinationApplicationSecurityGroups=[ref("applicationSecurityGroups/spoke")],
            )
        },
        "AllApplicationSecurityGroupsInSecurityRuleMustBeFromSameVnet",
        ANYTHING,
        "properties",
    ),
    put(
        "a rule without a priority",
        "networkSecurityGroups/g/securityRules/x",
        {"properties": rule() | {"priority": None}},
        "InvalidRequestFormat",
        ".*priority is required.*",
        "properties.priority",
    ),
    put(
        "a rule of no group",
        "networkSecurityGroups/none/securityRules/x",
        {"properties": rule()},
        "ParentResourceNotFound",
        ANYTHING,
        status=404,
    ),
    put(
        "1,001 rules",
        NEW_NSG,
        here(securityRules=[named(f"r{n}", **rule(100 + n)) for n in range(1001)]),
        "NumberOfSecurityRulesInNetworkSecurityGroupLimitReached",
        ".*1000.*",
        "properties.securityRules",
    ),
    delete(
        "a group in use",
        "networkSecurityGroups/g",
        "InUseNetworkSecurityGroupCannotBeDeleted",
        r"Network security group @networkSecurityGroups/g cannot be deleted because it is in use by the "
        r"following resources: "
        r"@virtualNetworks/hub/subnets/a\. In order to delete the Network security group, remove the "
        r"association with the "
        r"resource\(s\)\. To learn how to do this, see aka\.ms/deletensg\.",
    ),
    delete(
        "a group of applications in use",
        "applicationSecurityGroups/web",
        "InUseApplicationSecurityGroupCannotBeDeleted",
        ".*networkInterfaces/web.*",
    ),
    delete(
        "a default rule",
        "networkSecurityGroups/g/defaultSecurityRules/DenyAllInBound",
        "MethodNotAllowed",
        ANYTHING,
        status=405,
    ),
]

ROUTES = [
    put(
        "a tag that no route can have",
        "routeTables/t/routes/x",
        {"properties": route("VirtualNetwork", "None")},
        "InvalidRouteServiceTag",
        ".*VirtualNetwork.*",
        "properties.addressPrefix",
    ),
    put(
        "an appliance without an address",
        "routeTables/t/routes/x",
        {"properties": route("10.8.0.0/16", "VirtualAppliance")},
        "InvalidNextHopIpAddress",
        ANYTHING,
        "properties.nextHopIpAddress",
    ),
    put(
        "an address without an appliance",
        "routeTables/t/routes/x",
        {"properties": route("10.8.0.0/16", "Internet", "10.0.0.4")},
        "InvalidNextHopIpAddress",
        ANYTHING,
        "properties.nextHopIpAddress",
    ),
    put(
        "an appliance of the other version",
        "routeTables/t/routes/x",
        {"properties": route("10.8.0.0/16", "VirtualAppliance", "fd00::4")},
        "InvalidNextHopIpAddress",
        ANYTHING,
        "properties.nextHopIpAddress",
    ),
    put(
        "an appliance that is no address",
        "routeTables/t/routes/x",
        {"properties": route("10.8.0.0/16", "VirtualAppliance", "nva")},
        "InvalidNextHopIpAddress",
        ".*'nva'.*",
        "properties.nextHopIpAddress",
    ),
    put(
        "peering as next hop",
        "routeTables/t/routes/x",
        {"properties": route("10.8.0.0/16", "VNetPeering")},
        "InvalidRequestFormat",
        ".*VNetPeering.*",
        "properties.nextHopType",
    ),
    put(
        "a prefix with host bits",
        "routeTables/t/routes/x",
        {"properties": route("10.8.0.1/16", "None")},
        "InvalidCIDRNotation",
        ".*10.8.0.1/16.*",
        "properties.addressPrefix",
    ),
    put(
        "a prefix that is none",
        "routeTables/t/routes/x",
        {"properties": route("eight", "None")},
        "InvalidAddressPrefixFormat",
        ".*eight.*",
        "properties.addressPrefix",
    ),
    put(
        "a prefix twice",
        "routeTables/t/routes/x",
        {"properties": route("10.9.0.0/16", "None")},
        "RouteConflict",
        ANYTHING,
        "properties.addressPrefix",
    ),
    put(
        "a route of no table",
        "routeTables/none/routes/x",
        {"properties": route("10.8.0.0/16", "None")},
        "ParentResourceNotFound",
        ANYTHING,
        status=404,
    ),
    put(
        "401 routes",
        NEW_RT,
        here(routes=[named(f"r{n}", **route(f"10.{n // 256}.{n % 256}.0/24", "None")) for n in range(601)]),
        "RouteCountLimitReached",
        ANYTHING,
        "properties.routes",
    ),
    delete("a table in use", "routeTables/t", "InUseRouteTableCannotBeDeleted", ".*@virtualNetworks/hub/subnets/a.*"),
]
