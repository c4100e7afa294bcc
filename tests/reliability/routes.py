"""Every route of the product, made from what the product declares: a service that is added is asked like the others.

The routes of resources, children, verbs and collections come from the table of services, those of the protocol's own
rooms from the tables that the router and the lab's API are made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lazulite.arm.access.graph import _COLLECTIONS
from lazulite.arm.access.requests import TYPES as ACCESS
from lazulite.arm.locks import LOCK
from lazulite.arm.move_requests import VERBS as MOVES
from lazulite.arm.reserved_names import PATH as RESERVED
from lazulite.arm.tags import TYPE as TAGS
from lazulite.daemon.surface import Surface
from lazulite.resources.model import Kind
from lazulite.resources.schema import fields
from lazulite.services import SERVICES
from tests.reliability.declared import Declared, children, location, named

ALL = [k for s in SERVICES for k in s.kinds]
GUID = "11111111-2222-3333-4444-555555555555"
PLACES = {"location": "westeurope", "subscription": "{s}"}
PARTS = ("", "operations", "validate", "whatIf", "cancel", "exportTemplate", "operationStatuses/x", "operations/x")
"""What stands below a deployment."""


NAMED = {
    "schema/*": "schema/Microsoft.Network/routeTables",
    "terminals/*": "terminals/x/input",
    "recordings/*": "recordings/x/stop",
}
"""Rooms of the lab that are about something, asked about it."""


class Route(NamedTuple):
    """A path, and a body that is right for it (``None``: it takes none, or one that is not known here)."""

    path: str
    body: Any = None
    lists: bool = False
    """A GET of it is a list, and always there."""
    leads: bool = True
    """There is something to ask; without it the path only looks as if."""


def routes(group: str, declared: Declared) -> list[Route]:
    """Every route, with the names that are taken in a furnished group."""
    subscription = group.rpartition("/resourceGroups/")[0]
    found = [*_resources(group, subscription, declared), *_verbs(group), *_collections(subscription)]
    return [*found, *_protocol(group, subscription), *_directory(), *_lab()]


def path_of(group: str, kind: Kind) -> str:
    """The path of one of *kind*, below parents of the same name."""
    namespace, *types = kind.name.split("/")
    full = ["/".join([namespace, *types[: depth + 1]]) for depth in range(len(types))]
    parts = (f"{each}/{named(whole, 'aaa')}" for each, whole in zip(types, full, strict=True))
    return f"{group}/providers/{namespace}/" + "/".join(parts)


def _resources(group: str, subscription: str, declared: Declared) -> Iterator[Route]:
    for kind in ALL:
        path = path_of(group, kind)
        yield Route(path, {"location": location(kind), "properties": declared.sound(kind)})
        nested = kind.name.count("/") > 1
        yield Route(path.rpartition("/")[0], lists=not nested)
        if not nested:
            yield Route(f"{subscription}/providers/{kind.name}", lists=True)
        writable = {spec.wire: declared.child(spec) for spec in children(kind)}
        for spec in fields(kind.model).values():
            if spec.shape.item is not None and spec.shape.item.kind == "child":
                yield Route(f"{path}/{spec.wire}")
                yield from (Route(f"{path}/{spec.wire}/{name}", writable.get(spec.wire)) for name in ("a", "none"))


def _verbs(group: str) -> Iterator[Route]:
    spelled = {k.name.lower(): k for k in ALL}
    for verb in (v for s in SERVICES for v in s.actions):
        holder, _, word = verb.rpartition("/")
        kind = next(k for n in (holder, holder.rpartition("/")[0]) if (k := spelled.get(n)) is not None)
        below = f"/{_part(kind, holder.rpartition('/')[2])}" if kind.name.lower() != holder else ""
        yield Route(f"{path_of(group, kind)}{below}/{word}", {})


def _part(kind: Kind, word: str) -> str:
    """A child of *kind* that is called a, or what merely lies on the way to a verb of two words."""
    held = {s.wire.lower() for s in fields(kind.model).values() if s.shape.item and s.shape.item.kind == "child"}
    return f"{word}/a" if word in held else word


def _collections(subscription: str) -> Iterator[Route]:
    for pattern in (p for s in SERVICES for p in s.collection_actions):
        filled = re.sub(r"\{(\w+)\}", lambda match: PLACES.get(match[1], "x"), pattern)
        yield Route(f"{subscription}/providers/{filled}", {"name": "abc", "type": "Microsoft.Storage/storageAccounts"})


def _protocol(group: str, subscription: str) -> Iterator[Route]:
    """The rooms of the protocol."""
    for scope in (subscription, group, f"{group}/providers/Microsoft.Network/routeTables/aaa", ""):
        yield from _extensions(scope)
    for scope in (subscription, group):
        yield from _deployments(f"{scope}/providers/Microsoft.Resources/deployments")
        yield Route(f"{scope}/resources", lists=True)
    for namespace in sorted({k.name.partition("/")[0] for k in ALL}):
        yield from _namespace(subscription, namespace)
    resource = f"{group}/providers/Microsoft.Network/routeTables/aaa"
    yield from (Route(f"{group}/{verb}", {"resources": [resource], "targetResourceGroup": group}) for verb in MOVES)
    yield from (Route(f"{subscription}/tagNames{name}") for name in ("", "/x", "/x/tagValues/y"))
    features = f"{subscription}/providers/Microsoft.Features"
    yield from (Route(f"{features}/{rest}") for rest in ("features", "providers/Microsoft.Network/features/x/register"))
    yield Route(f"{subscription}/providers/Microsoft.Insights/eventtypes/management/values")
    for scope, last in ((subscription, ""), (resource, ""), (resource, "Definitions"), (resource, "Namespaces")):
        yield Route(f"{scope}/providers/Microsoft.Insights/metric{last or 's'}")
    yield Route(f"{group}/exportTemplate", {"resources": ["*"]})
    yield Route("/" + "/".join(RESERVED), {"name": "a", "type": "b"})
    yield Route(f"{subscription}/resourceGroups/bbb", {"location": "westeurope"})
    lists = (f"{subscription}/{rest}" for rest in ("resourceGroups", "locations", "providers"))
    yield from (Route(path, lists=True) for path in ("/subscriptions", "/tenants", "/providers", *lists))


def _extensions(scope: str) -> Iterator[Route]:
    """What any scope can have: at the root there is only what leads nowhere."""
    for kind in (LOCK.name, TAGS, *(f"Microsoft.Authorization/{kind}" for kind in ACCESS)):
        for name in ("", "/default", f"/{GUID}", "/x"):
            leads = bool(scope) and (kind != TAGS or name == "/default")
            yield Route(f"{scope}/providers/{kind}{name}", {"properties": {}}, leads=leads)


def _deployments(collection: str) -> Iterator[Route]:
    yield Route(collection, lists=True)
    yield from (Route(f"{collection}/x/{part}".rstrip("/"), {"properties": {}}) for part in PARTS)


def _namespace(subscription: str, namespace: str) -> Iterator[Route]:
    provider = f"{subscription}/providers/{namespace}"
    yield from (Route(f"{provider}{verb}") for verb in ("", "/unregister", "/register"))
    yield from (Route(f"{provider}/locations/westeurope/{kind}/x") for kind in ("operations", "operationResults"))
    yield Route(f"/providers/{namespace}/operations")


def _directory() -> Iterator[Route]:
    """The rooms of the directory; they want a token of their own."""
    for collection in _COLLECTIONS:
        yield from (Route(f"/graph/v1.0/{collection}{rest}", {"displayName": "x"}) for rest in ("", f"/{GUID}", "/x/y"))
    yield from (Route(f"/graph/v1.0/{rest}", {}) for rest in ("me", "directoryObjects/getByIds"))
    yield Route("/graph/v1.0/x", {}, leads=False)


def _lab() -> Iterator[Route]:
    """The lab's own rooms, those that put another state in the place of this one at the end."""
    found: Any = Surface("x", None, None, None, str)  # type: ignore[arg-type]
    verbs = sorted({verb for _, verb in found._routes}, key=lambda verb: verb in ("reset", "snapshot"))
    yield from (Route(f"/lazulite/{NAMED.get(verb, verb)}", {}) for verb in verbs)
