"""What a write needs on the resources that its body refers to. Pure.

Source: "Azure resource provider operations" (the ``join`` actions), "Virtual network peering" (permissions),
"Create a virtual network TAP" (permissions), "Azure built-in roles" (Managed Identity Operator).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import READ_ONLY
from lazulite.resources.schema import FieldSpec, Shape, fields

_NETWORK = "Microsoft.Network"
_JOINED = (
    "applicationGateways/backendAddressPools",
    "ddosProtectionPlans",
    "dscpConfiguration",
    "expressRouteCircuits",
    "firewallPolicies",
    "ipAllocations",
    "ipGroups",
    "loadBalancers/backendAddressPools",
    "loadBalancers/inboundNatPools",
    "loadBalancers/inboundNatRules",
    "loadBalancers/probes",
    "natGateways",
    "networkInterfaces",
    "networkSecurityGroups",
    "publicIPAddresses",
    "publicIPPrefixes",
    "routeTables",
    "serviceEndpointPolicies",
    "virtualHubs",
    "virtualNetworkGateways",
    "virtualNetworkTaps",
    "virtualNetworks",
    "virtualNetworks/subnets",
    "virtualWans",
)
_ENOUGH: dict[str, tuple[str, ...]] = {
    **{f"{_NETWORK}/{name}".lower(): (f"{_NETWORK}/{name}/join/action",) for name in _JOINED},
    f"{_NETWORK}/applicationSecurityGroups".lower(): (
        f"{_NETWORK}/applicationSecurityGroups/joinIpConfiguration/action",
    ),
    "microsoft.managedidentity/userassignedidentities": (
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    ),
    # A collector is joined, or only read: the documented role for TAPs has no more than that.
    f"{_NETWORK}/networkInterfaces/ipConfigurations".lower(): (
        f"{_NETWORK}/networkInterfaces/ipConfigurations/join/action",
        f"{_NETWORK}/networkInterfaces/read",
    ),
    f"{_NETWORK}/loadBalancers/frontendIPConfigurations".lower(): (
        f"{_NETWORK}/loadBalancers/frontendIPConfigurations/join/action",
        f"{_NETWORK}/loadBalancers/read",
    ),
}
"""By folded type of what is referred to: actions of which the caller needs one."""
_BY_HOLDER = {
    (f"{_NETWORK}/virtualNetworks/virtualNetworkPeerings".lower(), f"{_NETWORK}/virtualNetworks".lower()): (
        f"{_NETWORK}/virtualNetworks/peer/action",
    ),
    (
        f"{_NETWORK}/networkSecurityGroups/securityRules".lower(),
        f"{_NETWORK}/applicationSecurityGroups".lower(),
    ): (f"{_NETWORK}/applicationSecurityGroups/joinNetworkSecurityRule/action",),
}
"""By type of what refers and type of what it refers to, where those of :data:`_ENOUGH` do not hold."""


class Link(msgspec.Struct, frozen=True):
    """A resource that a body refers to, and the actions on it of which the caller needs one."""

    target: str
    actions: tuple[str, ...]


def needed(holder: str, target: ResourceId) -> tuple[str, ...]:
    """Actions of which one is needed on *target* to refer to it from a resource of type *holder*."""
    kind = target.kind
    found = _BY_HOLDER.get((holder.lower(), kind.lower())) or _ENOUGH.get(kind.lower())
    return found or (f"{kind}/read",)


def links(root: ResourceId, holder: str, model: Any, body: Any) -> Iterator[Link]:
    """What *body* (a request's, for a resource of type *holder* and properties *model*) refers to outside *root*.

    What has the wrong form refers to nothing: it is refused when it is decoded.
    """
    seen: set[str] = set()
    named = [found for properties in _members(body, "properties") for found in _below(holder, model, properties)]
    named += ((holder, text) for text in _identities(body))
    for kind, text in named:
        target = _parsed(text)
        if target is not None and not target.within(root) and (kind + target.key) not in seen:
            seen.add(kind + target.key)
            yield Link(text, needed(kind, target))


def moved_to(body: Any) -> Iterator[Link]:
    """Where a move of resources takes them: their new group is written. Source: "Move Azure resources", checklist."""
    for group in _members(body, "targetresourcegroup"):
        if isinstance(group, str):
            yield Link(group, ("Microsoft.Resources/subscriptions/resourceGroups/write",))


def _below(holder: str, model: Any, value: Any) -> Iterator[tuple[str, str]]:
    """(type that refers, id) of every reference in the JSON value of a *model*."""
    if not isinstance(value, Mapping):
        return
    specs = fields(model)
    for name, content in value.items():
        spec = specs.get(name.lower())
        if spec is not None and READ_ONLY.name not in spec.markers:
            yield from _inside(holder, spec, spec.shape, content)


def _identities(body: Any) -> Iterator[str]:
    """Ids of the managed identities that *body* gives to its resource."""
    for member in _members(body, "identity"):
        for named in _members(member, "userassignedidentities"):
            yield from (text for text, kept in named.items() if kept is not None) if isinstance(named, Mapping) else ()


def _inside(holder: str, spec: FieldSpec, shape: Shape, value: Any) -> Iterator[tuple[str, str]]:
    if shape.kind == "ref":
        texts = [value] if isinstance(value, str) else _members(value, "id")
        yield from ((holder, text) for text in texts if isinstance(text, str))
    elif shape.kind == "model":
        yield from _below(holder, shape.python, value)
    elif shape.kind == "child":
        for properties in _members(value, "properties"):
            yield from _below(f"{holder}/{spec.wire}", shape.python, properties)
    elif shape.kind == "list" and shape.item is not None and isinstance(value, list):
        for item in value:
            yield from _inside(holder, spec, shape.item, item)


def _members(value: Any, name: str) -> list[Any]:
    """Every member of that name: of several that differ in case, any may be the one that is decoded."""
    return [v for k, v in value.items() if k.lower() == name] if isinstance(value, Mapping) else []


def _parsed(text: str) -> ResourceId | None:
    try:
        return ResourceId.parse(text)
    except ValueError:
        return None
