"""What each provider lets a caller do, by name: what custom roles and the activity log are written in.

``GET /providers/{namespace}/operations``, and ``/providers/Microsoft.Authorization/providerOperations[/{namespace}]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.arm.catalogue import Catalogue
from lazulite.arm.errors import ArmError, method_not_allowed, unknown_namespace
from lazulite.arm.message import Request, Response
from lazulite.arm.paging import one_page
from lazulite.services.service import Service

_TYPE = "Microsoft.Authorization/providerOperations"
METADATA = _TYPE.lower().split("/")
_GENERIC = {"read": "Get", "write": "Create or Update", "delete": "Delete"}


class ProviderOperations:
    """Answers from the declarations of the services."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def operations(self, request: Request) -> Response:
        """``/providers/{namespace}/operations``."""
        if request.method != "GET":
            raise method_not_allowed(request.method, request.path)
        namespace = self._namespace(request.segments[1])
        return one_page(
            _operation(namespace, kind, verb) for kind, verbs in self._types(namespace).items() for verb in verbs
        )

    def metadata(self, request: Request) -> Response:
        """``/providers/Microsoft.Authorization/providerOperations[/{namespace}]``, for ``az provider operation``."""
        if request.method != "GET":
            raise method_not_allowed(request.method, request.path)
        if len(request.segments) == 3:
            return one_page(self._metadata(n) for n in sorted(self._catalogue.namespaces.values()))
        if len(request.segments) != 4:
            raise ArmError(404, "NotFound", f"There is nothing at '{request.path}'.")
        return Response(200, self._metadata(self._namespace(request.segments[3])))

    def _namespace(self, text: str) -> str:
        found = self._catalogue.namespaces.get(text.lower())
        if found is None:
            raise unknown_namespace(text)
        return found

    def _metadata(self, namespace: str) -> dict[str, Any]:
        kinds = [
            {"name": kind, "displayName": kind, "operations": [_named(namespace, kind, v) for v in verbs]}
            for kind, verbs in self._types(namespace).items()
            if kind
        ]
        own = [_named(namespace, "", v) for v in self._types(namespace).get("", ())]
        place = f"/providers/{_TYPE}/{namespace}"
        head = {"id": place, "name": namespace, "type": _TYPE, "displayName": namespace}
        return head | {"resourceTypes": kinds, "operations": own}

    def _types(self, namespace: str) -> dict[str, list[str]]:
        """By type without the namespace, empty for the provider itself: what can be done, each once."""
        types = {name: list(_GENERIC) for name in self._catalogue.type_names(namespace)}
        folded = {name.lower(): name for name in types}
        for service in self._catalogue.services:
            for kind, verb in _verbs(service, namespace.lower()):
                verbs = types.setdefault(folded.get(kind.lower(), kind), [])
                verbs += [] if verb in verbs else [verb]
        return types | {"": ["register/action", "unregister/action"]}


def _verbs(service: Service, namespace: str) -> Iterator[tuple[str, str]]:
    """Types and what *service* does to them in *namespace*; places in a pattern are no part of a type."""
    for name in service.actions:
        owner, _, rest = name.partition("/")
        if owner.lower() == namespace:
            kind, _, verb = rest.rpartition("/")
            yield kind, f"{verb}/action"
    for pattern in service.collection_actions:
        owner, *rest_of = [part for part in pattern.strip("/").split("/") if not part.startswith("{")]
        if owner.lower() == namespace:
            yield "/".join(rest_of), "action" if rest_of[-1].lower().startswith("check") else "read"


def _operation(namespace: str, kind: str, verb: str) -> dict[str, Any]:
    name = "/".join(filter(None, (namespace, kind, verb)))
    return {"name": name, "isDataAction": False, "display": _display(namespace, kind, verb)}


def _named(namespace: str, kind: str, verb: str) -> dict[str, Any]:
    """The same in the form of ``providerOperations``."""
    whole = _operation(namespace, kind, verb)
    shown = {"displayName": whole["display"]["operation"], "description": whole["display"]["description"]}
    return {"name": whole["name"], "isDataAction": False, "origin": "user,system"} | shown


def _display(namespace: str, kind: str, verb: str) -> dict[str, str]:
    done = _GENERIC.get(verb, verb.partition("/")[0])
    label = f"{done} {kind}".strip()
    return {"provider": namespace, "resource": kind, "operation": label, "description": f"{label} of {namespace}"}
