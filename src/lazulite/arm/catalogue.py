"""Which service and which declaration answer for an id: the protocol's only knowledge of resource types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from lazulite.arm.errors import unknown_namespace, unknown_type
from lazulite.arm.scopes import KINDS
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Kind
from lazulite.resources.schema import FieldSpec, fields
from lazulite.resources.view import Registry
from lazulite.services.service import Service

_NO_SERVICE = Service("none", ())


class Step(msgspec.Struct, frozen=True):
    """From a model down to one of its children."""

    spec: FieldSpec
    name: str

    @property
    def model(self) -> type[Any]:
        assert self.spec.shape.item is not None
        found: type[Any] = self.spec.shape.item.python
        return found


class Address(msgspec.Struct, frozen=True):
    """Where an id points: a document of ``kind`` at ``root``, and the steps from there down to a child."""

    kind: Kind
    root: ResourceId
    steps: tuple[Step, ...] = ()

    @property
    def model(self) -> type[Any]:
        return self.steps[-1].model if self.steps else self.kind.model

    @property
    def type_name(self) -> str:
        """The full type in its canonical spelling."""
        return "/".join([self.kind.name, *(s.spec.wire for s in self.steps)])

    @property
    def writable(self) -> bool:
        """Whether it can be written at its own path."""
        return not self.steps or (len(self.steps) == 1 and self.steps[0].spec.wire in self.kind.creatable_children)

    @property
    def removable(self) -> bool:
        """Whether it can be deleted at its own path."""
        return self.writable or (len(self.steps) == 1 and self.steps[0].spec.wire in self.kind.removable_children)


class Catalogue:
    """The service table, indexed by type."""

    def __init__(self, services: Iterable[Service], registry: Registry) -> None:
        self.registry = registry
        self.services = tuple(services)
        self._services = {k.name.lower(): s for s in self.services for k in s.kinds}
        self.namespaces = {k.name.partition("/")[0].lower(): k.name.partition("/")[0] for k in registry.kinds.values()}

    def service(self, kind: Kind) -> Service:
        return self._services.get(kind.name.lower(), _NO_SERVICE)

    def objects(self, service: Service) -> bool:
        """Whether *service* ever refuses a delete for reasons of its own."""
        return service.deletable is not _NO_SERVICE.deletable

    def address(self, resource_id: ResourceId, api_version: str = "") -> Address:
        """Raises the error that names the namespace or the type nobody here answers for."""
        kind, depth = self._document(resource_id, api_version)
        segments = resource_id.text.split("/")
        count = len(resource_id.kind.split("/")) - 1 - depth
        root = ResourceId("/".join(segments[: len(segments) - 2 * count]))
        rest = segments[len(segments) - 2 * count :]
        steps: list[Step] = []
        model = kind.model
        for wire, name in zip(rest[::2], rest[1::2], strict=True):
            spec = child_field(model, wire)
            if spec is None:
                raise unknown_type(resource_id.kind, api_version)
            steps.append(Step(spec, name))
            model = steps[-1].model
        return Address(kind, root, tuple(steps))

    def _document(self, resource_id: ResourceId, api_version: str) -> tuple[Kind, int]:
        """The kind of the document that holds *resource_id*, and how many types its own name has."""
        namespace, *types = resource_id.kind.split("/")
        if namespace.lower() not in self.namespaces:
            raise unknown_namespace(namespace)
        # No type here is an extension of another's resource, and scopes have paths of their own.
        extension = resource_id.key.count("/providers/") > 1
        for depth in range(0 if extension else len(types), 0, -1):
            kind = self.registry.find("/".join([namespace, *types[:depth]]))
            if kind is not None and kind not in KINDS:
                return kind, depth
        raise unknown_type(resource_id.kind, api_version)

    def nested(self, kind: Kind) -> bool:
        """Whether there are documents whose ids stand below those of *kind*."""
        return any(name.startswith(kind.name.lower() + "/") for name in self.registry.kinds)

    def type_names(self, namespace: str) -> Iterator[str]:
        """Types of *namespace* without it, those of children that can be written included."""
        prefix = namespace.lower() + "/"
        for name, kind in sorted(self.registry.kinds.items()):
            if name.startswith(prefix):
                yield kind.name.partition("/")[2]
                yield from (f"{kind.name.partition('/')[2]}/{c}" for c in sorted(kind.creatable_children))

    def known(self, type_name: str) -> bool:
        """Whether resources of that full type can be written."""
        if self.registry.find(type_name) is not None:
            return True
        parent, _, wire = type_name.rpartition("/")
        kind = self.registry.find(parent)
        return kind is not None and wire.lower() in {c.lower() for c in kind.creatable_children}


def child_field(model: Any, wire: str) -> FieldSpec | None:
    """The property of *model* (a type) that holds children named *wire*."""
    spec = fields(model).get(wire.lower())
    is_child = spec is not None and spec.shape.item is not None and spec.shape.item.kind == "child"
    return spec if is_child else None
