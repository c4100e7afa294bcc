"""Managed identities: those that resources have of their own (``identity.type`` is ``SystemAssigned``), and resources
that are one (their model is a :class:`lazulite.resources.model.Principal`) for others to have.

They are not stored: a resource's incarnation makes its identity, so one that is deleted and made again is another
principal, without the roles of the first. Source: "What are managed identities for Azure resources?".
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from lazulite.arm.access.principals import ServicePrincipal
from lazulite.arm.backend import Backend
from lazulite.resources.model import Principal, Resource
from lazulite.resources.view import Snapshot, family

_NAMESPACE = uuid.UUID("6c617a75-6c69-7465-8000-6964656e7469")


class Identities:
    """The identities of one lab's resources."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._indexed: Snapshot | None = None
        self._index: dict[str, ServicePrincipal] = {}

    def find(self, object_id: str) -> ServicePrincipal | None:
        return self._current().get(object_id.lower())

    def all(self) -> Iterable[ServicePrincipal]:
        return self._current().values()

    def of(self, resource_id: str) -> ServicePrincipal | None:
        """The identity of the resource at *resource_id*."""
        resource = self._backend.store.snapshot.get(resource_id.lower())
        return identity(resource) if resource is not None else None

    def _current(self) -> Mapping[str, ServicePrincipal]:
        snapshot = self._backend.store.snapshot
        if self._indexed is not snapshot:
            are = (r for model in family(Principal) for r in snapshot.kinds.get(model, {}).values())
            have = (r for r in snapshot.resources.values() if r.envelope)
            found = map(identity, (*are, *have))
            self._indexed, self._index = snapshot, {i.id: i for i in found if i is not None}
        return self._index


def identity(resource: Resource[Any]) -> ServicePrincipal | None:
    """The principal that *resource* is or has of its own, ``None`` when there is none."""
    explicit = isinstance(resource.properties, Principal)
    if not explicit and not _has_own(resource):
        return None
    return ServicePrincipal(
        id=_derived(resource, "principal"),
        app_id=_derived(resource, "client"),
        display_name=resource.id.name,
        service_principal_type="ManagedIdentity",
        alternative_names=(f"isExplicit={explicit}", resource.id.text),
    )


def ids(resource: Resource[Any] | None) -> dict[str, str]:
    """How clients are told the principal of *resource*, empty when it has none."""
    found = identity(resource) if resource is not None else None
    return {} if found is None else {"principalId": found.id, "clientId": found.app_id}


def shown(resource: Resource[Any], snapshot: Snapshot, tenant: str) -> dict[str, Any]:
    """``identity`` as clients read it, empty when the resource has none; those it has are in *snapshot*."""
    wish = resource.envelope.get("identity")
    if not isinstance(wish, dict):
        return {}
    own = identity(resource)
    member = wish if own is None else {**wish, "principalId": own.id, "tenantId": tenant}
    if resource.assigned:
        held = {ref.id: ids(snapshot.get(ref.target.key)) for ref in resource.assigned}
        member = {**member, "userAssignedIdentities": held}
    return {"identity": member}


def _has_own(resource: Resource[Any]) -> bool:
    wish = resource.envelope.get("identity")
    return isinstance(wish, dict) and "systemassigned" in str(wish.get("type", "")).lower()


def _derived(resource: Resource[Any], purpose: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{resource.id.key} {resource.guid} {purpose}"))
