"""``Microsoft.Features``: preview features that a subscription registers for.

No behaviour of the lab hangs on one, so any name is accepted and remembered. Source: "Set up preview features in Azure
subscription".
"""

from __future__ import annotations

import re
from typing import Any

from lazulite.arm import scopes
from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError, method_not_allowed
from lazulite.arm.message import Request, Response
from lazulite.arm.paging import one_page
from lazulite.resources.ids import ResourceId

NAMESPACE = "microsoft.features"
AREA = "features"
_NAME = re.compile(r"[\w.-]{1,90}")
_STATES = {"register": "Registered", "unregister": "Unregistered"}


class FeatureRequests:
    """``/subscriptions/{s}/providers/Microsoft.Features/…``; features are documents by folded id."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def answer(self, request: Request) -> Response:
        holder = scopes.subscription(self._backend.store.snapshot, request.segments[1]).id
        below, folded = request.segments[4:], request.folded[4:]
        if folded == ["features"]:
            return self._list(request, f"{holder.key}/")
        if len(below) < 3 or folded[0] != "providers" or folded[2] != "features":
            raise ArmError(404, "NotFound", f"There is nothing at '{request.path}'.")
        if not all(_NAME.fullmatch(name) for name in [below[1], *below[3:]]):
            raise ArmError(400, "InvalidFeatureName", f"'{'/'.join(below[1::2])}' can not be the name of a feature.")
        if len(below) == 3:
            return self._list(request, f"{_id(holder, below[1], '')}".lower())
        return self._one(request, holder, below[1], below[3], folded[4:])

    def _list(self, request: Request, prefix: str) -> Response:
        """Those that were ever registered."""
        _only(request, "GET")
        stored = self._backend.store.documents.area(AREA)
        return one_page(f for key, f in sorted(stored.items()) if key.startswith(prefix))

    def _one(self, request: Request, holder: ResourceId, namespace: str, name: str, verb: list[str]) -> Response:
        place = _id(holder, namespace, name)
        stored: Any = self._backend.store.documents.get(AREA, place.lower())
        feature = stored or _feature(place, f"{namespace}/{name}", "NotRegistered")
        if not verb:
            _only(request, "GET")
            return Response(200, feature)
        if len(verb) > 1 or verb[0] not in _STATES:
            raise ArmError(404, "NotFound", f"There is nothing at '{request.path}'.")
        _only(request, "POST")
        feature = _feature(feature["id"], feature["name"], _STATES[verb[0]])
        self._backend.store.documents.put(AREA, place.lower(), feature)
        return Response(200, feature)


def _id(holder: ResourceId, namespace: str, name: str) -> str:
    return f"{holder}/providers/Microsoft.Features/providers/{namespace}/features/{name}"


def _feature(place: str, name: str, state: str) -> dict[str, Any]:
    return {"id": place, "name": name, "type": "Microsoft.Features/providers/features", "properties": {"state": state}}


def _only(request: Request, method: str) -> None:
    if request.method != method:
        raise method_not_allowed(request.method, request.path)
