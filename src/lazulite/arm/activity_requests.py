"""``GET /subscriptions/{s}/providers/Microsoft.Insights/eventtypes/management/values``.

Source: "Activity Logs - List": the filters and the properties that can be selected; "Azure Activity Log event schema".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from lazulite.arm import scopes
from lazulite.arm.activity import Activity, Event
from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError, method_not_allowed
from lazulite.arm.filters import Clause, Joined, parse, unsupported
from lazulite.arm.message import Request, Response
from lazulite.arm.paging import skip_link, skip_token
from lazulite.arm.times import wire_time

PATH = ["microsoft.insights", "eventtypes", "management", "values"]
_PAGE = 1000
_TICKS_OF_1970 = 621_355_968_000_000_000
"""Ticks of 100 ns between the year 1 and 1970."""

Test = Callable[[Event], bool]

_EQUAL: Mapping[str, Callable[[Event], str]] = {
    "resourcegroupname": lambda e: _group(e.resource),
    "resourceuri": lambda e: e.resource,
    "resourceid": lambda e: e.resource,
    "resourceprovider": lambda e: e.action.partition("/")[0],
    "correlationid": lambda e: e.call.correlation,
    "caller": lambda e: e.call.caller,
    "status": lambda e: e.status,
    "levels": lambda e: _level(e),
    "eventchannels": lambda e: "Operation",
}
_COMPARED: Mapping[str, Callable[[datetime, datetime], bool]] = {
    "ge": lambda at, limit: at >= limit,
    "gt": lambda at, limit: at > limit,
    "le": lambda at, limit: at <= limit,
    "lt": lambda at, limit: at < limit,
}


class ActivityRequests:
    """Lists the activity log, newest first."""

    def __init__(self, backend: Backend, activity: Activity) -> None:
        self._backend = backend
        self._activity = activity

    def answer(self, request: Request) -> Response:
        if request.method != "GET":
            raise method_not_allowed(request.method, request.path)
        subscription = scopes.subscription(self._backend.store.snapshot, request.segments[1])
        wanted = _wanted(request.query.get("$filter", ""))
        selected = _selected(request.query.get("$select", ""))
        tenant, prefix = subscription.properties.tenant_id, subscription.id.key
        before = _before(skip_token(request))
        older = (e for e in reversed(self._activity.events) if e.sequence < before)
        found = list(islice((e for e in older if _below(e.resource, prefix) and wanted(e)), _PAGE + 1))
        shown = (show(e, subscription.id.subscription, tenant) for e in found[:_PAGE])
        body: dict[str, Any] = {"value": [_part(event, selected) for event in shown]}
        if len(found) > _PAGE:
            body["nextLink"] = skip_link(request, self._backend.base_url, str(found[_PAGE - 1].sequence))
        return Response(200, body)


def _part(event: dict[str, Any], selected: frozenset[str]) -> dict[str, Any]:
    return {k: v for k, v in event.items() if k.lower() in selected} if selected else event


def _below(resource: str, prefix: str) -> bool:
    key = resource.lower()
    return key == prefix or key.startswith(prefix + "/")


def _before(token: str) -> float:
    return int(token) if token.isdigit() else float("inf")


def _selected(text: str) -> frozenset[str]:
    return frozenset(w.strip().lower() for w in text.split(",") if w.strip())


def _wanted(expression: str) -> Test:
    """Every clause must hold. Raises the 400 of a filter without a start, or with what is not understood."""
    parsed = parse(expression)
    clauses = parsed.parts if parsed is not None and parsed.word == "and" else ()
    if not any(isinstance(c, Clause) and c.name == "eventtimestamp" and c.operator in ("ge", "gt") for c in clauses):
        message = "The $filter must say where to start: eventTimestamp ge '2026-01-01T00:00:00Z'."
        raise ArmError(400, "BadRequest", message, "$filter")
    tests = [_test(c, expression) for c in clauses]
    return lambda event: all(test(event) for test in tests)


def _test(clause: Clause | Joined, expression: str) -> Test:
    if isinstance(clause, Clause) and clause.name == "eventtimestamp" and clause.operator in _COMPARED:
        compare, limit = _COMPARED[clause.operator], _moment(clause.value, expression)
        return lambda event: compare(datetime.fromisoformat(event.at), limit)
    if isinstance(clause, Clause) and clause.operator == "eq" and clause.name in _EQUAL:
        read, value = _EQUAL[clause.name], clause.value.lower()
        return lambda event: read(event).lower() == value
    raise unsupported(expression, "it compares what events can not be found by")


def _moment(text: str, expression: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError:
        raise unsupported(expression, f"'{text}' is not a time") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _group(resource: str) -> str:
    parts = resource.split("/")
    return parts[4] if len(parts) > 4 and parts[3].lower() == "resourcegroups" else ""


def _level(event: Event) -> str:
    return "Error" if event.status == "Failed" else "Informational"


def show(event: Event, subscription: str, tenant: str) -> dict[str, Any]:
    """The wire form. Operation names are in upper case, as recorded ("Network cloud exceptions")."""
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{event.call.correlation}/{event.sequence}"))
    moment = datetime.fromisoformat(event.at)
    ticks, at = _TICKS_OF_1970 + int(moment.timestamp() * 10_000_000), wire_time(event.at)
    namespace, operation = event.action.partition("/")[0].upper(), event.action.upper()
    phase = "BeginRequest" if event.status == "Started" else "EndRequest"
    return {
        "authorization": {"action": event.action, "scope": event.resource},
        "caller": event.call.caller,
        "channels": "Operation",
        "claims": dict(event.call.claims),
        "correlationId": event.call.correlation,
        "description": "",
        "eventDataId": name,
        "eventName": {"value": phase, "localizedValue": "Begin request" if phase[0] == "B" else "End request"},
        "category": _word("Administrative"),
        "eventTimestamp": at,
        "id": f"{event.resource}/events/{name}/ticks/{ticks}",
        "level": _level(event),
        "operationId": event.call.correlation,
        "operationName": _word(operation),
        "resourceGroupName": _group(event.resource),
        "resourceProviderName": _word(namespace),
        "resourceType": _word(operation.rpartition("/")[0].removesuffix("/" + _verb(operation))),
        "resourceId": event.resource,
        "status": _word(event.status),
        "subStatus": {"value": event.reason, "localizedValue": _sub_status(event)},
        "submissionTimestamp": at,
        "subscriptionId": subscription,
        "tenantId": tenant,
        "properties": _properties(event),
        "httpRequest": {
            "clientRequestId": event.call.client_request or event.call.correlation,
            "clientIpAddress": "127.0.0.1",
            "method": event.call.method,
        },
    }


def _word(value: str) -> dict[str, str]:
    return {"value": value, "localizedValue": value}


def _verb(operation: str) -> str:
    """The verb before ``/ACTION``, which is no part of the type."""
    verb, _, ending = operation.rpartition("/")
    return verb.rpartition("/")[2] if ending == "ACTION" else ""


def _sub_status(event: Event) -> str:
    return f"{event.reason} (HTTP Status Code: {event.code})" if event.code else ""


def _properties(event: Event) -> dict[str, str]:
    shown = {"eventCategory": "Administrative", "entity": event.resource, "message": event.action}
    if event.code:
        shown |= {"statusCode": event.reason, "serviceRequestId": ""}
    return shown | ({"statusMessage": event.message} if event.message else {})
