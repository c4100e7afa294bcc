"""Requests about resources, their children, their lists and their verbs: the generic path of every type."""

from __future__ import annotations

from typing import Any

import msgspec

from lazulite.arm import scopes
from lazulite.arm.actions import Actions
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Address, Catalogue, child_field
from lazulite.arm.errors import (
    ArmError,
    child_not_found,
    method_not_allowed,
    resource_not_found,
    unknown_namespace,
    unknown_type,
)
from lazulite.arm.message import Request, Response
from lazulite.arm.operation_requests import poll_headers
from lazulite.arm.operations import Operation
from lazulite.arm.paging import page
from lazulite.arm.representation import Representation
from lazulite.arm.writes import Writes, Written
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import READ_ONLY, Kind, Resource
from lazulite.resources.view import View
from lazulite.services.service import Reply

_SUBSCRIPTION_PROVIDER = 3
"""Index of the namespace in ``subscriptions/{s}/providers/{namespace}/…``."""


class ResourceRequests:
    """Answers everything below ``…/providers/{namespace}`` that is no operation and no deployment."""

    def __init__(
        self, backend: Backend, catalogue: Catalogue, shown: Representation, writes: Writes, actions: Actions
    ) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._shown = shown
        self._writes = writes
        self._actions = actions

    async def answer(self, request: Request, provider: int) -> Response:
        """*provider* is the index of the namespace in the request's segments."""
        reply = self._collection(request, provider)
        if reply is not None:
            return reply
        if (len(request.segments) - provider) % 2:
            return await self._named(request)
        return await self._unnamed(request, provider)

    async def _named(self, request: Request) -> Response:
        resource_id = _parsed(request.path)
        method = request.method
        if method == "GET" and resource_id.kind.count("/") > 1:
            verb = "/".join(request.segments[-2:])
            address = self._catalogue.address(resource_id.parent, request.api_version)
            if self._actions.find(address, verb) is not None:
                return await self._act(request, resource_id.parent, address, verb)
        if method in ("GET", "HEAD"):
            return self._get(request, resource_id)
        if method == "PUT":
            written = self._writes.put(resource_id, request.body, request.headers, request.api_version)
            return await self._written(request, written)
        if method == "PATCH":
            written = self._writes.patch(resource_id, request.body, request.headers, request.api_version)
            return await self._patched(request, written)
        if method == "DELETE":
            return await self._delete(request, resource_id)
        raise method_not_allowed(method, request.path)

    async def _unnamed(self, request: Request, provider: int) -> Response:
        """A path that ends in a type or a verb."""
        namespace = request.segments[provider]
        if namespace.lower() not in self._catalogue.namespaces:
            raise unknown_namespace(namespace)
        if len(request.segments) - provider == 2:
            return self._list(request, namespace)
        holder = ResourceId("/" + "/".join(request.segments[:-1]))
        verb = request.segments[-1]
        address = self._catalogue.address(_parsed(holder.text), request.api_version)
        if request.method == "GET":
            nested = self._catalogue.registry.find(f"{address.type_name}/{verb}")
            if nested is not None:
                return self._list_nested(request, holder, nested)
            if child_field(address.model, verb) is not None:
                return self._list_children(request, holder, address, verb)
        return await self._act(request, holder, address, verb)

    def _get(self, request: Request, resource_id: ResourceId) -> Response:
        computed = self._computed(resource_id, request.api_version) or self._derived(resource_id, request.api_version)
        if computed is not None:
            return Response(200, computed)
        address, root = self._found(resource_id, request.api_version)
        if request.method == "HEAD":
            return Response(204)
        return Response(200, self._shown.resource(address, root), {"ETag": root.etag})

    def _computed(self, resource_id: ResourceId, version: str) -> Any | None:
        """A child that no document holds and a service computes, as it stands in its parent: a default rule."""
        address = self._catalogue.address(resource_id, version)
        if len(address.steps) != 1 or READ_ONLY.name not in address.steps[0].spec.markers:
            return None
        root_address, root = self._found(address.root, version)
        held = self._shown.resource(root_address, root)["properties"].get(address.steps[0].spec.wire, ())
        return next((c for c in held if c["name"].lower() == resource_id.name.lower()), None)

    def _derived(self, resource_id: ResourceId, version: str) -> Any | None:
        """What stands below a resource without a document of its own."""
        address, snapshot = self._catalogue.address(resource_id, version), self._backend.store.snapshot
        if address.steps or resource_id.key in snapshot.resources:
            return None
        holder, service = resource_id.parent, self._catalogue.service(address.kind)
        found = service.derived(holder, address.kind.name, View(snapshot))
        return next((d for d in found if d["name"].lower() == resource_id.name.lower()), None)

    def _found(self, resource_id: ResourceId, version: str) -> tuple[Address, Resource[Any]]:
        """The address and the document of what must be there."""
        snapshot = self._backend.store.snapshot
        scopes.scope_of(snapshot, resource_id)
        address = self._catalogue.address(resource_id, version)
        if resource_id.key not in snapshot.resources:
            holds = address.steps and address.root.key in snapshot.resources
            raise child_not_found(resource_id) if holds else resource_not_found(resource_id)
        return address, snapshot.resources[address.root.key]

    async def _written(self, request: Request, written: Written) -> Response:
        assert written.resource is not None
        headers = {"ETag": written.resource.etag}
        if not written.address.kind.asynchronous:
            await written.operation.finish()
        elif not await written.operation.over(self._backend.grace_s):
            headers |= self._poll_headers(request, written.operation, written.resource.location)
            del headers["Location"]  # what a PUT leads to is the resource itself
        body = self._shown.resource(written.address, written.resource, written.snapshot)
        kind = written.address.kind
        created, updated = kind.created_status, kind.updated_status
        if written.address.steps:
            created, updated = 201, kind.updated_child_status
        return Response(created if written.created else updated, body, headers)

    async def _patched(self, request: Request, written: Written) -> Response:
        if request.body.keys() == {"tags"}:  # no packet depends on them, and clients do not poll
            assert written.resource is not None
            body = self._shown.resource(written.address, written.resource, written.snapshot)
            return Response(200, body, {"ETag": written.resource.etag})
        return msgspec.structs.replace(await self._written(request, written), status=200)

    async def _delete(self, request: Request, resource_id: ResourceId) -> Response:
        snapshot = self._backend.store.snapshot
        written = self._writes.delete(resource_id, request.headers, request.api_version)
        if written is None:
            return Response(204)
        if not written.address.kind.asynchronous:
            await written.operation.finish()
            deleted = written.address.kind.deleted
            return Response(200) if deleted is None else Response(200, deleted)
        if await written.operation.over(self._backend.grace_s):
            return Response(written.address.kind.deleted_status)
        location = snapshot.resources[written.address.root.key].location
        return Response(202, headers=self._poll_headers(request, written.operation, location))

    def _list(self, request: Request, namespace: str) -> Response:
        """All resources of a type in a group or a subscription."""
        _only(request, "GET")
        kind = self._catalogue.registry.find(f"{namespace}/{request.segments[-1]}")
        if kind is None or kind in scopes.KINDS:
            raise unknown_type(f"{namespace}/{request.segments[-1]}", request.api_version)
        scope = _parsed("/" + "/".join(request.segments[:-3]))
        scopes.scope_of(self._backend.store.snapshot, scope)
        return self._page(request, kind, scope)

    def _list_nested(self, request: Request, holder: ResourceId, kind: Kind) -> Response:
        self._found(holder, request.api_version)
        response = self._page(request, kind, holder)
        if "nextLink" not in response.body:
            service, view = self._catalogue.service(kind), View(self._backend.store.snapshot)
            response.body["value"] += list(service.derived(holder, kind.name, view))
        return response

    def _list_children(self, request: Request, holder: ResourceId, address: Address, wire: str) -> Response:
        _, root = self._found(holder, request.api_version)
        spec = child_field(address.model, wire)
        assert spec is not None
        if spec.ignored_on_input:
            return Response(200, {"value": self._shown.resource(address, root)["properties"].get(spec.wire, [])})
        parent = self._backend.store.snapshot.resources[holder.key]
        names = [c.name for c in getattr(parent.properties, spec.attribute)]
        found = [self._backend.store.snapshot.resources[parent.id.child(spec.wire, n).key] for n in names]

        def show(child: Resource[Any]) -> Any:
            return self._shown.resource(self._catalogue.address(child.id), root)

        return page(request, self._backend.base_url, sorted(found, key=lambda r: r.id), show)

    def _page(self, request: Request, kind: Kind, scope: ResourceId) -> Response:
        prefix, name = scope.key + "/", kind.name.lower()
        held = self._backend.store.snapshot.kinds.get(kind.model, {})
        found = [r for k, r in sorted(held.items()) if k.startswith(prefix) and r.id.kind.lower() == name]
        return page(request, self._backend.base_url, found, lambda r: self._shown.resource(Address(kind, r.id), r))

    def _collection(self, request: Request, provider: int) -> Response | None:
        """The answer of a verb at subscription scope, wherever its pattern puts it: ``locations/…``, ``skus``."""
        if provider != _SUBSCRIPTION_PROVIDER or request.method not in ("GET", "POST"):
            return None
        subscription, path = request.segments[1], request.segments[provider:]
        reply = self._actions.collection(subscription, path, request.body, request.query)
        if reply is None:
            return None
        scopes.subscription(self._backend.store.snapshot, subscription)
        return Response(200, reply.body)

    async def _act(self, request: Request, holder: ResourceId, address: Address, verb: str) -> Response:
        action = self._actions.find(address, verb)
        if action is None:
            raise unknown_type(f"{address.type_name}/{verb}", request.api_version)
        if request.method not in ("GET", "POST"):
            raise method_not_allowed(request.method, request.path)
        _, root = self._found(holder, request.api_version)
        part = self._backend.store.snapshot.resources[holder.key]
        result = self._actions.perform(action, address, part, request.body, request.query)
        if isinstance(result, Reply):
            return Response(200, result.body)
        if result.body is not msgspec.UNSET:  # known already: clients wait for it with the request
            await result.finish()
            return Response(200, result.body)
        return Response(202, None, self._poll_headers(request, result, root.location))

    def _poll_headers(self, request: Request, operation: Operation, location: str | None) -> dict[str, str]:
        return poll_headers(self._backend.base_url, operation.subject, location, operation, request.api_version)


def _parsed(path: str) -> ResourceId:
    try:
        return ResourceId.parse(path)
    except ValueError:
        raise ArmError(404, "NotFound", f"'{path}' is not the path of a resource.") from None


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise method_not_allowed(request.method, request.path)
