"""Effective rules of an interface, and the list of service tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.network_security_group import tags, terms
from lazulite.services.network_security_group.defaults import DEFAULT_RULES
from lazulite.services.network_security_group.effective import effective_rules
from lazulite.services.network_security_group.model import NetworkSecurityGroup
from lazulite.services.network_security_group.place import Place, place
from lazulite.services.service import Context, Reply
from lazulite.services.virtual_network.model import NetworkInterface, Subnet

_CLOUD, _CHANGE = "Public", "1"


def effective_groups(nic: Resource[NetworkInterface], context: Context) -> Reply | Iterable[Violation]:
    """``effectiveNetworkSecurityGroups``: both groups that guard the interface, their tags expanded.

    Source: "Diagnose a virtual machine network traffic filter problem"; only for an interface of a running machine.
    """
    view = context.view
    machines = view.referrers(nic.id, VirtualMachine)
    if not any(m.properties.power_state == "running" for m in machines):
        message = (
            f"Network Interface {nic.id} must be attached to a running virtual machine to get its effective "
            "network security groups."
        )
        return (Violation("NetworkInterfaceNotAttachedToRunningVirtualMachine", message),)
    return Reply({"value": list(_effective(nic, view))}, slow=True)


def _effective(nic: Resource[NetworkInterface], view: View) -> Iterator[dict[str, Any]]:
    primary = nic.properties.primary_configuration
    subnet = view.get(primary.subnet, Subnet) if primary is not None else None
    if subnet is None:
        return
    where = place(view, subnet.id.key)
    for ref, association in (
        (subnet.properties.network_security_group, {"subnet": {"id": subnet.id.text}}),
        (nic.properties.network_security_group, {"networkInterface": {"id": nic.id.text}}),
    ):
        group = view.get(ref, NetworkSecurityGroup)
        if group is not None:
            yield {
                "networkSecurityGroup": {"id": group.id.text},
                "association": association,
                "effectiveSecurityRules": list(effective_rules(group, where, view)),
                "tagMap": _tag_map(group, where),
            }


def _tag_map(group: Resource[NetworkSecurityGroup], where: Place) -> dict[str, list[str]]:
    """Every tag that a rule of the group names, and its prefixes."""
    rules = [rule.properties for rule in (*group.properties.security_rules, *DEFAULT_RULES)]
    named = {tag for rule in rules for side in (terms.sources(rule), terms.destinations(rule)) for tag in side.tags}
    return {tag: [str(p) for p in where.expand(tag)] for tag in sorted(named)}


def service_tags(context: Context, placeholders: Mapping[str, str]) -> Any:
    """``GET locations/{location}/serviceTags``: the tags that stand for simulated services."""
    path = "/providers/Microsoft.Network/serviceTags"
    return {
        "name": _CLOUD,
        "id": f"{path}/{_CLOUD}",
        "type": "Microsoft.Network/serviceTags",
        "changeNumber": _CHANGE,
        "cloud": _CLOUD,
        "values": [_tag(tag, service, region) for tag, service, region in tags.services()],
    }


def _tag(tag: str, service: str, region: str) -> dict[str, Any]:
    return {
        "name": tag,
        "id": tag,
        "serviceTagChangeNumber": _CHANGE,
        "properties": {
            "changeNumber": _CHANGE,
            "region": region,
            "regionId": 0,
            "state": "GA",
            "systemService": "" if service == "AzureCloud" else service,
            "addressPrefixes": [str(p) for p in tags.prefixes(tag)],
        },
    }
