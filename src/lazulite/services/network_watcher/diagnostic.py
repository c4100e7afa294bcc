"""``networkConfigurationDiagnostic``: what every group on the way says of traffic, rule by rule.

A rule matches when it holds *all* of a profile's traffic: a destination of ``*`` is not in ``VirtualNetwork``.
Source: facts/wire-recordings.md, networkConfigurationDiagnostic: four rules, five booleans each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import collapse_addresses
from typing import Annotated, Any, Literal, cast

import msgspec

from lazulite.resources.model import Bounds, Link, Properties, Ref, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.network_security_group import tags, terms
from lazulite.services.network_security_group.defaults import DEFAULT_RULES
from lazulite.services.network_security_group.model import NetworkSecurityGroup, SecurityRule
from lazulite.services.network_security_group.place import Place, place
from lazulite.services.network_watcher import question
from lazulite.services.network_watcher.machines import interfaces, subnet_of
from lazulite.services.network_watcher.model import NetworkWatcher
from lazulite.services.service import Context, Reply
from lazulite.services.virtual_network.model import IpConfiguration, NetworkInterface
from lazulite.values import IPAddress, IPNetwork, PortRange, host_prefix

_ANY = "*"
_PROTOCOLS = ("tcp", "udp", "icmp", "esp", "ah")


class Profile(Properties, frozen=True):
    """Traffic to diagnose: sides are an address, a prefix, a service tag or ``*``."""

    direction: Literal["Inbound", "Outbound"]
    protocol: str
    source: str
    destination: str
    destination_port: str


class DiagnosticQuestion(Properties, frozen=True):
    target_resource_id: Link
    profiles: Annotated[tuple[Profile, ...], Bounds(1, 100)]
    verbosity_level: Literal["Normal", "Minimum", "Full"] = "Normal"


class _Traffic(msgspec.Struct, frozen=True):
    """A profile, read. ``None`` for a side is everyone."""

    profile: Profile
    source: tuple[IPNetwork, ...] | None
    destination: tuple[IPNetwork, ...] | None
    ports: PortRange


def diagnose(watcher: Resource[NetworkWatcher], context: Context) -> Reply:
    """Of a machine's primary interface, or of the interface that is named."""
    asked = question.read(DiagnosticQuestion, context)
    nic = _target(watcher, asked, context.view)
    subnet = subnet_of(nic, context.view)
    if subnet is None:
        raise question.WrongQuestionError(question.missing(asked.target_resource_id, "targetResourceId"))
    where, wrong = place(context.view, subnet.id.key), list[Violation]()
    every = [_traffic(p, where, f"profiles[{i}]", wrong) for i, p in enumerate(asked.profiles)]
    if wrong:
        raise question.WrongQuestionError(*wrong)
    groups = [
        (subnet.id.text, context.view.get(subnet.properties.network_security_group, NetworkSecurityGroup)),
        (nic.id.text, context.view.get(nic.properties.network_security_group, NetworkSecurityGroup)),
    ]
    known = [(to, group) for to, group in groups if group is not None]
    brief = asked.verbosity_level == "Minimum"
    return Reply({"results": [_result(t, known, where, context.view, brief=brief) for t in every]})


def _target(watcher: Resource[NetworkWatcher], asked: DiagnosticQuestion, view: View) -> Resource[NetworkInterface]:
    link, target = asked.target_resource_id, "targetResourceId"
    nic = view.get(link, NetworkInterface)
    if nic is None:
        machine = view.get(link, VirtualMachine)
        nic = next(iter(interfaces(machine, view)), None) if machine is not None else None
    if nic is None:
        raise question.WrongQuestionError(question.missing(link, target))
    wrong = list(question.elsewhere(watcher, nic, target))
    if wrong:
        raise question.WrongQuestionError(*wrong)
    return nic


def _traffic(profile: Profile, where: Place, target: str, wrong: list[Violation]) -> _Traffic:
    """What is wrong goes to *wrong*."""
    if profile.protocol.lower() not in (*_PROTOCOLS, _ANY, "all", "any"):
        message = f"'{profile.protocol}' is not a protocol of security rules."
        wrong.append(Violation("InvalidProtocol", message, f"{target}.protocol"))
    ports = terms.read_ports(profile.destination_port.strip())
    if ports is None:
        message = f"'{profile.destination_port}' is not a port, a range of ports or {_ANY}."
        wrong.append(Violation("InvalidPort", message, f"{target}.destinationPort"))
    sides = [_side(getattr(profile, s), where, f"{target}.{s}", wrong) for s in ("source", "destination")]
    return _Traffic(profile, sides[0], sides[1], ports or PortRange())


def _side(text: str, where: Place, target: str, wrong: list[Violation]) -> tuple[IPNetwork, ...] | None:
    if text.strip() == _ANY:
        return None
    prefix, tag = terms.read_prefix(text.strip()), tags.canonical(text.strip())
    if prefix is None and tag is None:
        message = f"'{text}' is not an address, a prefix, a service tag or {_ANY}."
        wrong.append(Violation("InvalidAddressPrefix", message, target))
    return (prefix,) if prefix is not None else where.expand(tag or "")


def _result(
    traffic: _Traffic,
    groups: list[tuple[str, Resource[NetworkSecurityGroup]]],
    where: Place,
    view: View,
    *,
    brief: bool,
) -> dict[str, Any]:
    """In the order a packet meets the groups. Source: "How network security groups filter network traffic"."""
    ordered = groups if traffic.profile.direction == "Inbound" else groups[::-1]
    evaluated = [_evaluated(to, group, traffic, where, view, brief=brief) for to, group in ordered]
    denied = any(e["matchedRule"]["action"] == "Deny" for e in evaluated)
    profile = traffic.profile
    return {
        "profile": {
            "direction": profile.direction,
            "protocol": profile.protocol,
            "source": profile.source,
            "destination": profile.destination,
            "destinationPort": profile.destination_port,
        },
        "networkSecurityGroupResult": {
            "securityRuleAccessResult": "Deny" if denied else "Allow",
            "evaluatedNetworkSecurityGroups": evaluated,
        },
    }


def _evaluated(
    applied_to: str, group: Resource[NetworkSecurityGroup], traffic: _Traffic, where: Place, view: View, *, brief: bool
) -> dict[str, Any]:
    """Rules in the order they are asked, up to the one that matches; the last one of a group matches everything."""
    seen, matched = list[dict[str, Any]](), {"ruleName": "", "action": "Deny"}
    for name, rule in _rules(group, traffic.profile.direction):
        found = _compared(rule, traffic, where, view)
        seen.append({"name": name, **found})
        if all(found.values()):
            matched = {"ruleName": name, "action": rule.access}
            break
    shown: dict[str, Any] = {
        "networkSecurityGroupId": group.id.text,
        "appliedTo": applied_to,
        "matchedRule": matched,
    }
    return shown if brief else shown | {"rulesEvaluationResult": seen}


def _rules(group: Resource[NetworkSecurityGroup], direction: str) -> Iterator[tuple[str, SecurityRule]]:
    for prefix, rules in (("UserRule", group.properties.security_rules), ("DefaultRule", DEFAULT_RULES)):
        for rule in sorted(rules, key=lambda r: r.properties.priority):
            if rule.properties.direction == direction:
                yield f"{prefix}_{rule.name}", rule.properties


def _compared(rule: SecurityRule, traffic: _Traffic, where: Place, view: View) -> dict[str, bool]:
    """Any source port is meant, so a rule that names some does not hold it all."""
    protocol = rule.protocol.lower()
    return {
        "protocolMatched": protocol in (_ANY, traffic.profile.protocol.lower()),
        "sourceMatched": _holds(terms.sources(rule), traffic.source, where, view),
        "sourcePortMatched": _covers(terms.port_ranges(terms.source_ports(rule)), PortRange()),
        "destinationMatched": _holds(terms.destinations(rule), traffic.destination, where, view),
        "destinationPortMatched": _covers(terms.port_ranges(terms.destination_ports(rule)), traffic.ports),
    }


def _holds(peers: terms.Peers, side: tuple[IPNetwork, ...] | None, where: Place, view: View) -> bool:
    """Whether all of a profile's side is in a rule's."""
    if peers.everyone:
        return True
    if side is None:
        return False
    named = [*peers.prefixes, *(p for t in peers.tags for p in where.expand(t))]
    named += [host_prefix(a) for g in peers.groups for a in _members(g, where, view)]
    whole = [*_collapsed(named, 4), *_collapsed(named, 6)]
    return bool(side) and all(any(_inside(part, p) for p in whole) for part in side)


def _inside(part: IPNetwork, whole: IPNetwork) -> bool:
    return part.version == whole.version and part.subnet_of(cast(Any, whole))


def _collapsed(prefixes: Iterable[IPNetwork], version: int) -> Iterable[IPNetwork]:
    return collapse_addresses(cast(Any, [p for p in prefixes if p.version == version]))


def _members(group: Ref, where: Place, view: View) -> Iterator[IPAddress]:
    """Addresses of an application security group within the network."""
    for member in view.referrers(group.target, IpConfiguration):
        said = member.properties
        if said.subnet is not None and said.subnet.target.parent.key == where.network and said.private_ip_address:
            yield said.private_ip_address


def _covers(ranges: tuple[PortRange, ...] | None, wanted: PortRange) -> bool:
    """Whether ranges, which may touch each other, hold all of *wanted*; none at all is every port."""
    if ranges is None:
        return False
    if not ranges:
        return True
    free = wanted.first
    for each in sorted(ranges):
        if each.first <= free <= each.last:
            free = each.last + 1
    return free > wanted.last
