"""Flow logs to entries: which interfaces, which lists, where the records go."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.forwarding.model import FlowLog as Entry
from lazulite.forwarding.model import FlowLogFormat, Sink
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Ref, Resource
from lazulite.resources.view import View
from lazulite.services.flow_log.model import GROUPS, INTERFACES, NETWORKS, SUBNETS, FlowLog
from lazulite.services.network_security_group.model import NetworkSecurityGroup
from lazulite.services.network_security_group.names import list_names
from lazulite.services.network_watcher.machines import located, subnet_of, within, within_network
from lazulite.services.storage.model import StorageAccount
from lazulite.services.virtual_network.model import NetworkInterface, Subnet, VirtualNetwork
from lazulite.values import Direction

_OF_GROUPS, _OF_NETWORKS = "insights-logs-networksecuritygroupflowevent", "insights-logs-flowlogflowevent"
"""Containers. Source: "NSG flow logs overview" and "Virtual network flow logs", log format."""


def flow_log(log: Resource[FlowLog], view: View) -> Iterator[Entry]:
    """Nothing of a log that is disabled, or of one whose target or account is gone."""
    said = log.properties
    target = located(said.target_resource_id.target, view)
    account = view.get(said.storage_id, StorageAccount)
    if target is None or account is None or not said.enabled:
        return
    ports, lists = _seen(target.id, view)
    of_group = isinstance(target.properties, NetworkSecurityGroup)
    yield Entry(
        log.id.key,
        ports,
        lists,
        _format(said) if of_group else FlowLogFormat.NETWORK,
        target.id.text.upper(),
        log.guid,
        Sink(account.id.key, _OF_GROUPS, _group_prefix(target.id))
        if of_group
        else Sink(account.id.key, _OF_NETWORKS, _network_prefix(log.id)),
        days=said.retention_policy.days if said.retention_policy.enabled else 0,
        analytics_s=said.analytics.traffic_analytics_interval * 60 if said.analytics.enabled else 0,
        origin=log.id.text,
    )


def _format(said: FlowLog) -> FlowLogFormat:
    return FlowLogFormat.GROUP_2 if said.format.version == 2 else FlowLogFormat.GROUP_1


def _group_prefix(group: ResourceId) -> str:
    return f"resourceId={group.text.upper()}/"


def _network_prefix(log: ResourceId) -> str:
    """``flowLogResourceID=/{subscription}_{group}/{watcher}_{log}/``, all in upper case."""
    scope = f"{log.subscription}_{log.group}".upper()
    return f"flowLogResourceID=/{scope}/{log.parent.name.upper()}_{log.name.upper()}/"


def _seen(target: ResourceId, view: View) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the ports whose flows are told, and of the lists whose decisions are."""
    kind = target.kind.lower()
    if kind == GROUPS:
        return _guarded(target, view)
    found = {
        NETWORKS: lambda: _in_network(target, view),
        SUBNETS: lambda: within(target, view),
        INTERFACES: lambda: [n for n in [view.get(target, NetworkInterface)] if n is not None],
    }[kind]()
    return tuple(n.id.key for n in found), ()


def _in_network(target: ResourceId, view: View) -> list[Resource[NetworkInterface]]:
    network = view.get(target, VirtualNetwork)
    return within_network(network, view) if network is not None else []


def _guarded(group: ResourceId, view: View) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The interfaces that a group guards, by themselves or by their subnet, and its lists there."""
    ports: dict[str, None] = {}
    subnets: dict[str, None] = {}
    for nic in view.referrers(group, NetworkInterface):
        subnet = subnet_of(nic, view)
        if subnet is not None:
            ports[nic.id.key] = subnets[subnet.id.key] = None
    for subnet in view.referrers(group, Subnet):
        subnets[subnet.id.key] = None
        ports |= dict.fromkeys(n.id.key for n in within(subnet.id, view))
    named = (n for s in sorted(subnets) for d in Direction for n in list_names(Ref(group.text), s, d))
    return tuple(sorted(ports)), tuple(named)
