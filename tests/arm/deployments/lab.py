"""A resource group without a network: what the deployment tests deploy to."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lazulite.arm.deployments import Deployments, MemoryHistory
from lazulite.arm.deployments.evaluation import resolve
from lazulite.arm.deployments.frame import Frame, Scopes
from lazulite.arm.deployments.template import read, variables
from lazulite.arm.errors import ArmError
from lazulite.arm.message import Response
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP_ID = ResourceId(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab")
OTHER_ID = ResourceId(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/other")
GROUP = {"id": GROUP_ID.text, "name": "lab", "type": "Microsoft.Resources/resourceGroups", "location": "westeurope"}
OTHER = {"id": OTHER_ID.text, "name": "other", "type": "Microsoft.Resources/resourceGroups", "location": "northeurope"}
SUBSCRIPTION_RESOURCE = {
    "id": f"/subscriptions/{SUBSCRIPTION}",
    "subscriptionId": SUBSCRIPTION,
    "tenantId": "00000000-0000-0000-0000-00000000000f",
    "displayName": "Lab",
}
ENVIRONMENT = {"name": "Lazulite", "resourceManager": "https://localhost:8443/", "suffixes": {"storage": "core.test"}}
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
NET = "Microsoft.Network"


def net(path: str, group: ResourceId = GROUP_ID) -> ResourceId:
    """The id of a network resource: ``virtualNetworks/v``."""
    return ResourceId(f"{group}/providers/{NET}/{path}")


class FakeTarget:
    """Keeps what is put, with a state that only it knows; remembers the order of everything."""

    def __init__(self) -> None:
        self.resources: dict[ResourceId, dict[str, Any]] = {GROUP_ID: dict(GROUP), OTHER_ID: dict(OTHER)}
        self.log: list[str] = []
        self.unknown: set[str] = set()
        self.refused: dict[ResourceId, ArmError] = {}
        self.violations: dict[ResourceId, list[Violation]] = {}
        self.meet: Callable[[ResourceId], Any] | None = None
        """Awaited in the middle of every put."""

    async def put(self, resource_id: ResourceId, body: Mapping[str, Any], api_version: str) -> Mapping[str, Any]:
        self.log.append(f"+{resource_id.name}")
        await asyncio.sleep(0)
        if self.meet is not None:
            await self.meet(resource_id)
        if resource_id in self.refused:
            self.log.append(f"!{resource_id.name}")
            raise self.refused[resource_id]
        if not isinstance(body.get("properties", {}), dict):
            raise ArmError(400, "InvalidRequestContent", "The properties are not an object.")
        properties = {**body.get("properties", {}), "provisioningState": "Succeeded", "etag": 'W/"1"'}
        identity = {"id": resource_id.text, "name": resource_id.name, "type": resource_id.kind}
        self.resources[resource_id] = {**body, **identity, "properties": _computed(resource_id, properties)}
        self.log.append(f"-{resource_id.name}")
        return self.resources[resource_id]

    async def get(self, resource_id: ResourceId, api_version: str) -> Mapping[str, Any] | None:
        return self.resources.get(resource_id)

    async def delete(self, resource_id: ResourceId) -> None:
        if resource_id in self.refused:
            raise self.refused[resource_id]
        self.log.append(f"x{resource_id.name}")
        self.resources.pop(resource_id, None)

    async def action(self, resource_id: ResourceId, verb: str, body: Any, api_version: str) -> Any:
        return {"keys": [{"value": f"{verb} of {resource_id.name}"}], "body": body}

    def listing(self, group: ResourceId) -> list[ResourceId]:
        return [r for r in self.resources if r.within(group) and r != group]

    def known(self, kind: str) -> bool:
        return kind.lower() not in self.unknown

    def stored(self, resource_id: ResourceId) -> Mapping[str, Any] | None:
        return self.resources.get(resource_id)

    def check(self, resource_id: ResourceId, body: Mapping[str, Any]) -> list[Violation]:
        return self.violations.get(resource_id, [])

    @property
    def names(self) -> list[str]:
        """Resources in the order in which their writes began."""
        return [entry[1:] for entry in self.log if entry[0] == "+"]


def _computed(resource_id: ResourceId, properties: dict[str, Any]) -> dict[str, Any]:
    """Read-only values that templates read back."""
    name = resource_id.name
    computed = {
        "ipAddress": "198.18.0.7",
        "hostName": f"{name}.example",
        "nameServers": [f"ns1.{name}"],
        "primaryEndpoints": {"blob": f"https://{name}.blob.test/"},
        "principalId": f"principal of {name}",
        "vaultUri": f"https://{name}.vault.test/",
    }
    given = properties.get("dnsSettings", {})
    with_ids = {k: _with_ids(resource_id, k, v) for k, v in properties.items()}
    return computed | with_ids | {"dnsSettings": {"fqdn": f"{name}.example", **given}}


def _with_ids(resource_id: ResourceId, kind: str, value: Any) -> Any:
    """Named parts of a resource get ids of their own."""
    if not isinstance(value, list) or not all(isinstance(v, dict) and "name" in v for v in value):
        return value
    return [{"id": resource_id.child(kind, v["name"]).text, **v} for v in value]


class Lab:
    """Deployments over a fake target, one call a request."""

    def __init__(self) -> None:
        self.target = FakeTarget()
        self.history = MemoryHistory()
        self._ticks = itertools.count()
        self._ids = itertools.count(1)
        self.deployments = self.restarted()

    def restarted(self) -> Deployments:
        """The same lab after its controller began anew."""
        return Deployments(self.target, self.history, ENVIRONMENT, self.now, self.new_id)

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 15, 4, 5, tzinfo=UTC) + timedelta(milliseconds=next(self._ticks))

    def new_id(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._ids):012x}"

    async def call(
        self, method: str, path: str = "", body: Any = None, query: Mapping[str, str] | None = None
    ) -> Response:
        segments = [s for s in path.split("/") if s]
        return await self.deployments.handle(
            method, GROUP_ID, segments, query or {"api-version": "2025-04-01"}, body, GROUP, SUBSCRIPTION_RESOURCE
        )

    async def finished(self, name: str = "d") -> dict[str, Any]:
        """The deployment's properties when it has ended."""
        while (await self.call("GET", f"{name}/operationStatuses/1")).body["status"] == "Running":
            pass
        properties: dict[str, Any] = (await self.call("GET", name)).body["properties"]
        return properties

    async def deploy(
        self, template: Any, *, deployment: str = "d", mode: str = "Incremental", **parameters: Any
    ) -> dict[str, Any]:
        await self.call("PUT", deployment, request(template, mode, **parameters))
        return await self.finished(deployment)


def deploy(template: Any, lab: Lab | None = None, **options: Any) -> dict[str, Any]:
    """The properties of a whole deployment, run to its end."""
    return asyncio.run((lab or Lab()).deploy(template, **options))


def request(template_: Any, mode: str = "Incremental", **parameters: Any) -> dict[str, Any]:
    values = {name: {"value": value} for name, value in parameters.items()}
    return {"properties": {"mode": mode, "template": template_, "parameters": values}}


def template(*resources: Any, **sections: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": list(resources), **sections}


def resource(kind: str, name: Any, /, **members: Any) -> dict[str, Any]:
    """A network resource of a template: ``resource("virtualNetworks", "v", properties={…})``."""
    full = kind if "." in kind else f"{NET}/{kind}"
    return {"type": full, "apiVersion": "2024-05-01", "name": name, **members}


def nested(name: str, inner: Any, /, **members: Any) -> dict[str, Any]:
    properties = {"mode": "Incremental", "template": inner} | members.pop("properties", {})
    return resource("Microsoft.Resources/deployments", name, properties=properties, **members)


def value(expression: Any, **names: Any) -> Any:
    """What *expression* is worth, among ``parameters``, ``variables``, ``functions`` and ``answers``."""
    document = template(variables=names.pop("variables", {}), functions=names.pop("functions", []))
    parsed = read(document)
    scopes = Scopes(GROUP, SUBSCRIPTION_RESOURCE, ENVIRONMENT, {"name": "d"})
    frame = Frame(scopes=scopes, variables=variables(parsed), functions=parsed.functions, **names)
    return resolve(expression, frame)
