"""Security groups to access lists.

A list depends on the group and on the subnet (whose network, peers and routes decide what ``VirtualNetwork`` and
``Internet`` mean), never on the interfaces it guards: an edit of a rule compiles each list of the group once and
touches no port. Members of application security groups are address sets, so their coming and going touches no list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Network

import msgspec

from lazulite.forwarding.model import AccessList, Action, AddressSet, Rule
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Ref, Resource
from lazulite.resources.view import View
from lazulite.services.network_security_group import tags, terms
from lazulite.services.network_security_group.defaults import DEFAULT_RULES
from lazulite.services.network_security_group.model import ApplicationSecurityGroup, NetworkSecurityGroup, SecurityRule
from lazulite.services.network_security_group.place import Place, place
from lazulite.services.network_security_group.terms import Peers
from lazulite.services.virtual_network.model import IpConfiguration, NetworkInterface, Subnet
from lazulite.values import Direction, IPNetwork, PortRange, Protocol

_SPELLINGS = {Direction.INGRESS: "Inbound", Direction.EGRESS: "Outbound"}
_PLATFORM = "Azure platform traffic"
_EXEMPT: tuple[tuple[str, Protocol | None, tuple[IPNetwork, ...], tuple[int, ...]], ...] = (
    ("DHCP", Protocol.UDP, (tags.WIRE_SERVER, IPv4Network("255.255.255.255/32")), (67,)),
    ("DNS", None, (tags.WIRE_SERVER,), (53,)),
    ("health", Protocol.TCP, (tags.WIRE_SERVER,), (80, 32526)),
    ("metadata", Protocol.TCP, (tags.METADATA,), (80,)),
    ("licensing", Protocol.TCP, tags.prefixes("AzurePlatformLKM"), (1688,)),
)
"""What a machine sends to its host passes every security group, unless a rule names the service's own tag.
Source: "Network security groups", Azure platform considerations; ports: "What is IP address 168.63.129.16?"."""


def subnet_lists(subnet: Resource[Subnet], view: View) -> Iterable[AccessList]:
    """Have the lists of a subnet's own security group compiled."""
    _demand(view, subnet.properties.network_security_group, subnet.id.key)
    return ()


def interface_lists(nic: Resource[NetworkInterface], view: View) -> Iterable[AccessList]:
    """Have the lists of an interface's own security group compiled, for the subnet it is in."""
    first = nic.properties.primary_configuration
    if first is not None and first.subnet is not None:
        _demand(view, nic.properties.network_security_group, first.subnet.id.lower())
    return ()


def _demand(view: View, group: Ref | None, subnet_key: str) -> None:
    if group is not None:
        for direction in Direction:
            view.demand(access_list, group.id.lower(), subnet_key, direction)


def list_name(group_key: str, subnet_key: str, direction: Direction) -> str:
    return f"{group_key}|{subnet_key}|{direction}"


def access_list(view: View, group_key: str, subnet_key: str, direction: Direction) -> Iterator[AccessList]:
    """The rules of a group as they apply in a subnet. A group that does not exist lets nothing pass."""
    name, group = list_name(group_key, subnet_key, direction), view.get(group_key, NetworkSecurityGroup)
    if group is None:
        yield AccessList(name, group_key.rsplit("/", 1)[-1], direction, (), group_key)
        return
    where = place(view, subnet_key)
    rules = tuple(_rules(group, direction, where))
    for set_name in {s for rule in rules for s in rule.source_sets + rule.destination_sets}:
        view.demand(address_set, *set_name.split("|"))
    yield AccessList(name, group.id.name, direction, rules, group.id.text)


def address_set(view: View, group_key: str, network_key: str) -> Iterator[AddressSet]:
    """The addresses that are members of an application security group within a virtual network."""
    group = view.get(group_key, ApplicationSecurityGroup)
    members = view.referrers(ResourceId(group_key), IpConfiguration) if group is not None else ()
    addresses = {
        member.properties.private_ip_address
        for member in members
        if member.properties.subnet is not None and member.properties.subnet.target.parent.key == network_key
    }
    ordered = sorted((a for a in addresses if a is not None), key=lambda a: (a.version, int(a)))
    yield AddressSet(
        set_name(group_key, network_key), tuple(ordered), group.id.text if group is not None else group_key
    )


def set_name(group_key: str, network_key: str) -> str:
    return f"{group_key}|{network_key}"


def _rules(group: Resource[NetworkSecurityGroup], direction: Direction, where: Place) -> Iterator[Rule]:
    spelling, path = _SPELLINGS[direction], group.id.text
    own = [r for r in group.properties.security_rules if r.properties.direction == spelling]
    own.sort(key=lambda r: r.properties.priority)
    platform = tags.PLATFORM_PORTS.keys() if direction is Direction.EGRESS else ()
    if platform:
        for rule in own:
            yield from _platform_lines(rule.properties, f"{path}/securityRules/{rule.name}", where)
        yield from _exemptions()
    for rule in own:
        yield from _lines(rule.properties, f"{path}/securityRules/{rule.name}", where, platform)
    for rule in DEFAULT_RULES:
        if rule.properties.direction == spelling:
            yield from _lines(rule.properties, f"{path}/defaultSecurityRules/{rule.name}", where)


def _exemptions() -> Iterator[Rule]:
    for what, protocol, destinations, ports in _EXEMPT:
        yield Rule(
            0,
            Action.ALLOW,
            destinations=destinations,
            protocol=protocol,
            destination_ports=tuple(PortRange(p, p) for p in ports),
            origin=f"{_PLATFORM} ({what})",
        )


def _platform_lines(rule: SecurityRule, origin: str, where: Place) -> Iterator[Rule]:
    """What a rule says about the platform's services by name: it is asked before their exemption."""
    for tag in terms.destinations(rule).tags:
        port = tags.PLATFORM_PORTS.get(tag)
        if port is not None:
            only = (str(port),) if terms.EVERYTHING in terms.destination_ports(rule) else terms.destination_ports(rule)
            named = msgspec.structs.replace(
                rule,
                destination_address_prefix=tag,
                destination_address_prefixes=(),
                destination_application_security_groups=(),
                destination_port_range=None,
                destination_port_ranges=only,
            )
            yield from _lines(named, origin, where)


def _lines(rule: SecurityRule, origin: str, where: Place, skipped: Collection[str] = ()) -> Iterator[Rule]:
    """The rule as one line, or none when it names nobody. Destination tags in *skipped* are dealt with elsewhere."""
    sources, destinations = terms.sources(rule), terms.destinations(rule)
    source_ports, destination_ports = (
        terms.port_ranges(terms.source_ports(rule)),
        terms.port_ranges(terms.destination_ports(rule)),
    )
    left, right = _named(sources, where), _named(destinations, where, skipped)
    if left is None or right is None or source_ports is None or destination_ports is None:
        return
    yield Rule(
        rule.priority,
        Action(rule.access.lower()),
        left[0],
        right[0],
        left[1],
        right[1],
        terms.PROTOCOLS[rule.protocol.lower()],
        source_ports,
        destination_ports,
        origin,
    )


def _named(
    peers: Peers, where: Place, skipped: Collection[str] = ()
) -> tuple[tuple[IPNetwork, ...], tuple[str, ...]] | None:
    """Prefixes and address sets of one side; both empty is everyone, ``None`` is nobody."""
    if peers.everyone:
        return (), ()
    expanded = (prefix for tag in peers.tags if tag not in skipped for prefix in where.expand(tag))
    prefixes = (*peers.prefixes, *expanded)
    sets = tuple(set_name(ref.id.lower(), where.network) for ref in peers.groups)
    return (prefixes, sets) if prefixes or sets else None
