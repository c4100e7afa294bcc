"""The wire form of resources: envelope, encoded properties, and what services compute when asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lazulite.arm.access import identities
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Address, Catalogue
from lazulite.arm.operations import Operations
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Kind, Principal, Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import Snapshot, View, children, family


class Representation:
    """Shows resources as a client reads them."""

    def __init__(self, backend: Backend, catalogue: Catalogue, operations: Operations) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._operations = operations
        self._status = _by_model(s.status for s in catalogue.services)
        self._beside = _by_model(s.beside for s in catalogue.services)

    def resource(self, address: Address, root: Resource[Any], snapshot: Snapshot | None = None) -> dict[str, Any]:
        """The resource or child at *address* in the document *root*; both are in *snapshot* (``None``: the newest)."""
        snapshot = snapshot or self._backend.store.snapshot
        if not address.steps:
            return self._root(address.kind.name, root, snapshot)
        wires = "/".join(s.spec.wire for s in address.steps)
        part = _part(root.id, address, snapshot)
        shown: dict[str, Any] = {"name": part.id.name}
        self._stamp(shown, part.id, f"{address.kind.name}/{wires}", root)
        if part.zones:
            shown["zones"] = list(part.zones)
        shown |= self._found(self._beside, part, snapshot)
        return shown | {"properties": self._properties(part, shown["type"], root, snapshot)}

    def summary(self, type_name: str, resource: Resource[Any]) -> dict[str, Any]:
        """An entry of the list of all resources: the envelope alone."""
        shown: dict[str, Any] = {"id": resource.id.text, "name": resource.id.name, "type": type_name}
        return shown | self._envelope(resource) | self._identity(resource, self._backend.store.snapshot)

    def _root(self, type_name: str, resource: Resource[Any], snapshot: Snapshot) -> dict[str, Any]:
        shown: dict[str, Any] = {"name": resource.id.name}
        self._stamp(shown, resource.id, type_name, resource)
        shown |= self._envelope(resource) | self._identity(resource, snapshot)
        properties = self._properties(resource, type_name, resource, snapshot)
        kind = self._catalogue.registry.find(type_name)
        outward = kind.outward if kind is not None else None
        return shown | {"properties": properties if outward is None else outward(properties)}

    @staticmethod
    def _stamp(shown: dict[str, Any], resource_id: ResourceId, type_name: str, root: Resource[Any]) -> None:
        shown |= {"id": resource_id.text, "etag": root.etag, "type": type_name}

    @staticmethod
    def _envelope(resource: Resource[Any]) -> dict[str, Any]:
        members: dict[str, Any] = {
            "location": resource.location,
            "tags": resource.tags,
            "sku": resource.sku and {k: v for k, v in encode(resource.sku).items() if v is not None},
            "zones": list(resource.zones) or None,
        }
        return {k: v for k, v in members.items() if v is not None} | resource.envelope

    def _identity(self, resource: Resource[Any], snapshot: Snapshot) -> dict[str, Any]:
        if "identity" not in resource.envelope:
            return {}
        return identities.shown(resource, snapshot, self._backend.tenants[0].id)

    def _properties(
        self, part: Resource[Any], type_name: str, root: Resource[Any], snapshot: Snapshot
    ) -> dict[str, Any]:
        shown: dict[str, Any] = {"provisioningState": self._operations.state(root.id.key, part.id.key)}
        shown |= encode(part.properties)
        places: dict[str, int] = {}
        for wire, child in children(part.properties):
            if wire not in shown:
                continue
            entry = shown[wire][places.get(wire, 0)]
            places[wire] = places.get(wire, 0) + 1
            held = snapshot.resources[part.id.child(wire, child.name).key]
            self._stamp(entry, held.id, f"{type_name}/{wire}", root)
            entry["properties"] = self._properties(held, f"{type_name}/{wire}", root, snapshot)
        if isinstance(part.properties, Principal):
            shown |= {**identities.ids(part), "tenantId": self._backend.tenants[0].id}
        return shown | self._found(self._status, part, snapshot)

    def _found(self, functions: Mapping[type, list[Any]], part: Resource[Any], snapshot: Snapshot) -> dict[str, Any]:
        """What services compute of *part*, one after the other."""
        view, found = View(snapshot), dict[str, Any]()
        for function in functions.get(type(part.properties), ()):
            found |= function(part, view, self._backend.observations)
        return found


def _part(root: ResourceId, address: Address, snapshot: Snapshot) -> Resource[Any]:
    part = root
    for step in address.steps:
        part = part.child(step.spec.wire, step.name)
    return snapshot.resources[part.key]


def _by_model(tables: Iterable[Mapping[type, Any]]) -> dict[type, list[Any]]:
    """The functions of each model, those for what it extends among them."""
    found: dict[type, list[Any]] = {}
    for table in tables:
        for model, function in table.items():
            for each in family(model):
                found.setdefault(each, []).append(function)
    return found


def decided(part: Resource[Any], kind: Kind, *, child: bool) -> dict[str, Any]:
    """What a write decided of a resource or child: no id, no state, nothing that a service computes."""
    zones = {"zones": list(part.zones)} if part.zones else {}
    properties = encode(part.properties)
    if not child and kind.outward is not None:
        properties = kind.outward(properties)
    return (zones if child else Representation._envelope(part)) | {"properties": properties}
