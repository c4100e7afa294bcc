"""Subscriptions and resource groups: the scopes that hold everything else, stored like any resource."""

from __future__ import annotations

from typing import Any

from lazulite.arm.errors import group_not_found, subscription_not_found
from lazulite.arm.locks import LOCK
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Kind, Properties, Resource
from lazulite.resources.view import Snapshot


class Subscription(Properties, frozen=True, rename="camel"):
    display_name: str
    tenant_id: str
    state: str = "Enabled"


class ResourceGroup(Properties, frozen=True, rename="camel"):
    pass


SUBSCRIPTION = Kind("Microsoft.Resources/subscriptions", Subscription, located=False, tracked=False)
RESOURCE_GROUP = Kind(
    "Microsoft.Resources/resourceGroups",
    ResourceGroup,
    envelope=frozenset({"managedBy"}),
    tracked=False,
    # Source: "Naming rules and restrictions for Azure resources", resourcegroups.
    name_pattern=r"[-\w._()]{0,89}[-\w_()]",
)
KINDS = (SUBSCRIPTION, RESOURCE_GROUP, LOCK)
"""What every registry must hold beside the services' kinds."""


def new_subscription(guid: str, display_name: str, tenant_id: str) -> Resource[Subscription]:
    """The document of a subscription, for whoever founds a lab."""
    return Resource(ResourceId(f"/subscriptions/{guid}"), Subscription(display_name, tenant_id), guid=guid)


def subscriptions(snapshot: Snapshot) -> list[Resource[Subscription]]:
    return [r for _, r in sorted(snapshot.kinds.get(Subscription, {}).items())]


def subscription(snapshot: Snapshot, name: str) -> Resource[Subscription]:
    """Raises the 404 of a subscription that is not there."""
    found = snapshot.get(f"/subscriptions/{name.lower()}")
    if found is None:
        raise subscription_not_found(name)
    return found


def group(snapshot: Snapshot, subscription_name: str, name: str) -> Resource[ResourceGroup]:
    """Raises the 404 of the subscription or the group that is not there."""
    holder = subscription(snapshot, subscription_name)
    found = snapshot.get(f"{holder.id.key}/resourcegroups/{name.lower()}")
    if found is None:
        raise group_not_found(name)
    return found


def scope_of(snapshot: Snapshot, resource_id: ResourceId) -> Resource[Any]:
    """The group (or subscription) that *resource_id* lives in; raises the 404 when there is none."""
    if resource_id.group is None:
        return subscription(snapshot, resource_id.subscription)
    return group(snapshot, resource_id.subscription, resource_id.group)


def members(snapshot: Snapshot, scope: ResourceId) -> list[Resource[Any]]:
    """Whole resources (not their children, not scopes) within *scope*, in id order."""
    prefix = scope.key + "/"
    held = {k: r for k, r in snapshot.resources.items() if k.startswith(prefix) and r.revision}
    return [r for _, r in sorted(held.items()) if not isinstance(r.properties, ResourceGroup)]
