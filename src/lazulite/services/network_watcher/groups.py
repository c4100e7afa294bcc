"""``securityGroupView``: the rules that guard each interface of a machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Child, Link, Properties, Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.network_security_group.defaults import DEFAULT_RULES
from lazulite.services.network_security_group.effective import effective_rules
from lazulite.services.network_security_group.model import NetworkSecurityGroup, SecurityRule
from lazulite.services.network_security_group.place import Place, place
from lazulite.services.network_watcher import question
from lazulite.services.network_watcher.machines import interfaces, subnet_of
from lazulite.services.network_watcher.model import NetworkWatcher
from lazulite.services.service import Context, Reply
from lazulite.services.virtual_network.model import NetworkInterface

_SPELLED = {"securityRules": "UserRule", "defaultSecurityRules": "DefaultRule"}


class ViewQuestion(Properties, frozen=True):
    target_resource_id: Link


def security_group_view(watcher: Resource[NetworkWatcher], context: Context) -> Reply:
    """``{"networkInterfaces": [{"id", "securityRuleAssociations"}]}``."""
    asked = question.read(ViewQuestion, context)
    found = question.machine(watcher, asked.target_resource_id, context.view, "targetResourceId")
    every = [_interface(nic, context.view) for nic in interfaces(found, context.view)]
    return Reply({"networkInterfaces": every}, slow=True)


def _interface(nic: Resource[NetworkInterface], view: View) -> dict[str, Any]:
    subnet = subnet_of(nic, view)
    own = view.get(nic.properties.network_security_group, NetworkSecurityGroup)
    outer = view.get(subnet.properties.network_security_group, NetworkSecurityGroup) if subnet is not None else None
    groups = [g for g in (own, outer) if g is not None]
    associations: dict[str, Any] = {}
    if own is not None:
        associations["networkInterfaceAssociation"] = {"id": nic.id.text, "securityRules": list(_rules(own))}
    if subnet is not None and outer is not None:
        associations["subnetAssociation"] = {"id": subnet.id.text, "securityRules": list(_rules(outer))}
    associations["defaultSecurityRules"] = [
        _rule(g, "defaultSecurityRules", r) for g in groups[:1] for r in DEFAULT_RULES
    ]
    if subnet is not None:
        where = place(view, subnet.id.key)
        associations["effectiveSecurityRules"] = [r for g in groups for r in _effective(g, where, view)]
    return {"id": nic.id.text, "securityRuleAssociations": associations}


def _rules(group: Resource[NetworkSecurityGroup]) -> Iterator[dict[str, Any]]:
    return (_rule(group, "securityRules", r) for r in group.properties.security_rules)


def _rule(group: Resource[NetworkSecurityGroup], wire: str, rule: Child[SecurityRule]) -> dict[str, Any]:
    """A rule as a resource."""
    return {
        "name": rule.name,
        "id": group.id.child(wire, rule.name).text,
        "etag": group.etag,
        "type": f"Microsoft.Network/networkSecurityGroups/{wire}",
        "properties": {"provisioningState": "Succeeded", **encode(rule.properties)},
    }


def _effective(group: Resource[NetworkSecurityGroup], where: Place, view: View) -> Iterator[dict[str, Any]]:
    """As recorded here: ``UserRule_web``, protocols in capitals."""
    for rule in effective_rules(group, where, view):
        collection, _, name = rule["name"].partition("/")
        protocol = rule["protocol"] if rule["protocol"] == "All" else rule["protocol"].upper()
        yield rule | {"name": f"{_SPELLED[collection]}_{name}", "protocol": protocol}
