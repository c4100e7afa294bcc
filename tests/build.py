"""Small networks in few words: resources as a client would have left them in the store, for table tests.

``Lab`` runs decode → assign → validate → snapshot as a PUT does, without a server. Names are short: ``vnet``,
``vnet/subnet``; every id is in one subscription and group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec

from lazulite.arm.checks import dangling, in_use
from lazulite.arm.replacement import carried, changed_immutables, parts
from lazulite.compiler.engine import Compiler
from lazulite.forwarding.model import ForwardingModel
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Kind, Resource, Sku, Violation
from lazulite.resources.schema import Decoder
from lazulite.resources.view import Snapshot, View
from lazulite.services import SERVICES
from lazulite.services.service import Context, Observations, Reply, Service
from lazulite.services.service import Lab as LabConfiguration

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg"
LOCATION = "westeurope"
VERSION = "2025-01-01"
"""Of the API, that clients speak."""

_ROWS: dict[str, tuple[Service, Kind]] = {k.name.lower(): (s, k) for s in SERVICES for k in s.kinds}


def resource_id(kind: str, name: str) -> ResourceId:
    """``resource_id("virtualNetworks", "hub")``; the namespace is Microsoft.Network unless *kind* has one."""
    full = kind if "/" in kind else f"Microsoft.Network/{kind}"
    return ResourceId(f"{GROUP}/providers/{full}/{name}")


def ref(kind: str, name: str) -> dict[str, str]:
    return {"id": resource_id(kind, name).text}


def subnet_ref(path: str) -> dict[str, str]:
    """``subnet_ref("hub/web")``."""
    vnet, _, name = path.partition("/")
    return {"id": resource_id("virtualNetworks", vnet).child("subnets", name).text}


class Refused(Exception):
    """A write that the service refused."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{v.code}: {v.message} ({v.target})" for v in self.violations))

    @property
    def codes(self) -> list[str]:
        return [v.code for v in self.violations]


class Lab:
    """A store with no server before it."""

    def __init__(self, configuration: LabConfiguration | None = None) -> None:
        self.configuration = configuration or LabConfiguration()
        self.snapshot = Snapshot()

    @property
    def view(self) -> View:
        return View(self.snapshot)

    def put(
        self,
        kind: str,
        name: str,
        properties: Mapping[str, Any],
        *,
        location: str | None = LOCATION,
        sku: str | None = None,
        tier: str = "Regional",
        zones: tuple[str, ...] = (),
        group: str = GROUP,
        version: str = VERSION,
    ) -> Resource[Any]:
        """Write a resource; raise :class:`Refused` with everything that speaks against it."""
        identity = ResourceId(resource_id(kind, name).text.replace(GROUP, group, 1))
        service, row = _ROWS[identity.kind.lower()]
        old = self.snapshot.get(identity.key)
        decoder = Decoder()
        given = dict(properties)
        if row.inward is not None:
            given, wrong = row.inward(given)
            decoder.violations += wrong
        decoded = decoder.model(row.model, given, "properties")
        if decoder.violations:
            raise Refused(decoder.violations)
        revision = self.snapshot.revision + 1
        guid = old.guid if old is not None else str(uuid5(NAMESPACE_OID, f"{identity.key}/{revision}"))
        chosen = Sku(sku, tier) if sku is not None else row.default_sku
        kept = carried(decoded, old.properties if old is not None else None)
        new = Resource(identity, kept, location, {}, chosen, zones, {}, guid, revision)
        return self._store(service, new, old, version)

    def _store(
        self, service: Service, new: Resource[Any], old: Resource[Any] | None, version: str = VERSION
    ) -> Resource[Any]:
        new = service.assign(new, old, self.view, self.configuration)
        found = list(dangling(new, old, self.snapshot))
        if old is not None:
            left = {part.key for part, _ in parts(new.id, new.properties)}
            found += changed_immutables(new.properties, old.properties)
            found += self._in_use([p for p, _ in parts(old.id, old.properties) if p.key not in left], old)
        found += service.validate(new, self.view, self.configuration)
        found += service.since(new, old, version)
        if found:
            raise Refused(found)
        born = service.companions(new, self.view, self.configuration) if old is None else ()
        changes = {new.id.key: new} | {r.id.key: r for r in born}
        self.snapshot = self.snapshot.with_changes(self.snapshot.revision + 1, changes)[0]
        return new

    def _in_use(self, gone: list[ResourceId], owner: Resource[Any]) -> list[Violation]:
        kind, inside = _ROWS[owner.id.kind.lower()][1], owner.id.key
        return list(in_use(kind, gone, lambda k: k == inside or k.startswith(inside + "/"), self.snapshot))

    def delete(self, kind: str, name: str) -> None:
        old = self.snapshot.resources[resource_id(kind, name).key]
        found = self._in_use([p for p, _ in parts(old.id, old.properties)], old)
        found += _ROWS[old.id.kind.lower()][0].deletable(old, self.view)
        if found:
            raise Refused(found)
        below = [k for k in self.snapshot.resources if k.startswith(old.id.key + "/")]
        documents = {k: None for k in below if k.count("/") % 2 == 0 and self._is_document(k)}
        self.snapshot = self.snapshot.with_changes(self.snapshot.revision + 1, {old.id.key: None} | documents)[0]

    @staticmethod
    def _is_document(key: str) -> bool:
        return ResourceId(key).kind in _ROWS

    def edit(self, kind: str, name: str, **properties: Any) -> Resource[Any]:
        """Write a resource again with some typed properties replaced."""
        old = self.snapshot.resources[resource_id(kind, name).key]
        new = msgspec.structs.replace(
            old, properties=msgspec.structs.replace(old.properties, **properties), revision=self.snapshot.revision + 1
        )
        return self._store(_ROWS[old.id.kind.lower()][0], new, old)

    def get(self, kind: str, name: str) -> Resource[Any]:
        return self.snapshot.resources[resource_id(kind, name).key]

    def status(self, who: ResourceId | Resource[Any], observations: Observations | None = None) -> dict[str, Any]:
        """The read-only properties of a resource or child."""
        resource = who if isinstance(who, Resource) else self.snapshot.resources[who.key]
        found: dict[str, Any] = {}
        for service in SERVICES:
            models = (m for m in type(resource.properties).__mro__ if m in service.status)
            function = next((service.status[m] for m in models), None)
            if function is not None:
                found |= function(resource, self.view, observations or Observations())
        return found

    def compile(self) -> ForwardingModel:
        compiler = Compiler(SERVICES)
        compiler.advance(self.snapshot)
        return compiler.model

    def act(self, kind: str, name: str, verb: str, **query: str) -> Any:
        """The body an action answers with; raise :class:`Refused` when it is refused."""
        resource, key = self.get(kind, name), f"{resource_id(kind, name).kind}/{verb}".lower()
        action = next(s.actions[key] for s in SERVICES if key in s.actions)
        answer = action(resource, self.context(**query))
        if isinstance(answer, Reply):
            return answer.body
        raise Refused(answer)  # type: ignore[arg-type]

    def ask(self, pattern: str, places: Mapping[str, str], **query: str) -> Any:
        """The answer of a verb at subscription scope."""
        function = next(s.collection_actions[pattern] for s in SERVICES if pattern in s.collection_actions)
        return function(self.context(**query), {"subscription": GROUP.split("/")[2]} | places)

    def context(self, **query: str) -> Context:
        return Context(self.view, self.compile(), self.configuration, "2025-01-01T00:00:00Z", None, query)

    # The resources most tests need.

    def vm(self, name: str, *nics: str, **properties: Any) -> Resource[Any]:
        """A running machine; the first interface is its primary one."""
        attached = [
            ref("networkInterfaces", nic) | {"properties": {"primary": not index}} for index, nic in enumerate(nics)
        ]
        return self.put(
            "Microsoft.Compute/virtualMachines",
            name,
            {"networkProfile": {"networkInterfaces": attached}, "osProfile": {"computerName": name}} | properties,
        )

    def vnet(
        self,
        name: str,
        *prefixes: str,
        subnets: Mapping[str, Any] | None = None,
        location: str = LOCATION,
        peerings: Mapping[str, Mapping[str, Any]] | None = None,
        **properties: Any,
    ) -> Resource[Any]:
        """``vnet("hub", "10.0.0.0/16", subnets={"web": "10.0.0.0/24"}, peerings={"to-spoke": {"to": "spoke"}})``."""
        body = {
            "addressSpace": {"addressPrefixes": list(prefixes)},
            "subnets": [{"name": n, "properties": _subnet(s)} for n, s in (subnets or {}).items()],
            "virtualNetworkPeerings": [{"name": n, "properties": _peering(p)} for n, p in (peerings or {}).items()],
        }
        return self.put("virtualNetworks", name, body | properties, location=location)

    def peer(self, one: str, other: str, **flags: Any) -> None:
        """Add the link ``to-{other}`` to *one*."""
        link = {"name": f"to-{other}", "properties": _peering({"to": other, **flags})}
        decoder = Decoder()
        vnet = self.get("virtualNetworks", one)
        model = _ROWS["microsoft.network/virtualnetworks"][1].model
        body = {"virtualNetworkPeerings": [link]}
        child = decoder.model(model, body, "properties").virtual_network_peerings[0]
        if decoder.violations:
            raise Refused(decoder.violations)
        kept = [c for c in vnet.properties.virtual_network_peerings if c.name != child.name]
        was = next((c for c in vnet.properties.virtual_network_peerings if c.name == child.name), None)
        child = Child(child.name, carried(child.properties, was.properties if was is not None else None))
        self.edit("virtualNetworks", one, virtual_network_peerings=(*kept, child))

    def unpeer(self, one: str, other: str) -> None:
        vnet = self.get("virtualNetworks", one)
        kept = tuple(c for c in vnet.properties.virtual_network_peerings if c.name != f"to-{other}")
        self.edit("virtualNetworks", one, virtual_network_peerings=kept)

    def nic(
        self, name: str, subnet: str, address: str | None = None, *, location: str = LOCATION, **properties: Any
    ) -> Resource[Any]:
        """A network interface with one configuration, static when it has an *address*."""
        configuration: dict[str, Any] = {"subnet": subnet_ref(subnet)}
        if address is not None:
            configuration |= {"privateIPAddress": address, "privateIPAllocationMethod": "Static"}
        if "publicIPAddress" in properties:
            configuration["publicIPAddress"] = ref("publicIPAddresses", properties.pop("publicIPAddress"))
        body = {"ipConfigurations": [{"name": "ipconfig1", "properties": configuration}]}
        return self.put("networkInterfaces", name, body | properties, location=location)

    def route_table(self, name: str, routes: Mapping[str, str], **properties: Any) -> Resource[Any]:
        """``route_table("rt", {"10.0.0.0/8": "10.0.0.4", "0.0.0.0/0": "Internet"})``: an address is an appliance."""
        body = {"routes": [{"name": _name(p), "properties": _user_route(p, hop)} for p, hop in routes.items()]}
        return self.put("routeTables", name, body | properties)

    def public_ip(self, name: str, *, sku: str = "Standard", **properties: Any) -> Resource[Any]:
        body = {"publicIPAllocationMethod": "Static" if sku == "Standard" else "Dynamic"}
        return self.put("publicIPAddresses", name, body | properties, sku=sku)


def _subnet(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"addressPrefix": value}
    body = dict(value)
    table, group = body.pop("table", None), body.pop("group", None)
    if table is not None:
        body["routeTable"] = ref("routeTables", table)
    if group is not None:
        body["networkSecurityGroup"] = ref("networkSecurityGroups", group)
    return body


def _peering(value: Mapping[str, Any]) -> dict[str, Any]:
    body = dict(value)
    return {"remoteVirtualNetwork": ref("virtualNetworks", body.pop("to"))} | body


def _user_route(prefix: str, hop: str) -> dict[str, Any]:
    if hop[0].isdigit() or ":" in hop:
        return {"addressPrefix": prefix, "nextHopType": "VirtualAppliance", "nextHopIpAddress": hop}
    return {"addressPrefix": prefix, "nextHopType": hop}


def _name(prefix: str) -> str:
    return "to-" + prefix.replace("/", "-").replace(":", "_")
