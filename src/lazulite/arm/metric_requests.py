"""``{resource}/providers/Microsoft.Insights/metrics`` and its definitions; of a whole subscription by region and type.

Sources: "Metrics - List", "Metrics - List At Subscription Scope", "Metric Definitions - List". What Azure Monitor has
beyond that is not here. One thing is ours: without a ``region``, which Azure demands, a subscription answers for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from lazulite.arm import scopes
from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError, method_not_allowed, resource_not_found
from lazulite.arm.filters import Clause, Joined, parse, unsupported
from lazulite.arm.message import Request, Response
from lazulite.arm.metric_query import GRAINS, Metric, Query, aggregated, query, when
from lazulite.arm.paging import one_page
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource

_NAMESPACE = "microsoft.insights"
_METRICS, _DEFINITIONS, _NAMESPACES = "metrics", "metricdefinitions", "metricnamespaces"
PATHS = [[_NAMESPACE, last] for last in (_METRICS, _DEFINITIONS, _NAMESPACES)]
"""How a path that is answered here ends."""
_RESOURCE_ID = "microsoft.resourceid"
_GLOBAL = "global"
"""Where what has no location is."""
MOST_POINTS = 500_000
"""Of one answer. Ours."""


class Source(Protocol):
    """Who has metrics."""

    def metrics(self, kind: str) -> Sequence[Metric]:
        """Those of the type *kind*, in any case."""

    async def minutes(
        self, wanted: Sequence[tuple[ResourceId, str]], first: int, end: int
    ) -> tuple[int, list[list[float | None]]]:
        """Of resources and names of their metrics values by the minute, as :class:`Window` takes them."""


class Nothing:
    """A :class:`Source` for a process that measures nothing."""

    def metrics(self, kind: str) -> Sequence[Metric]:
        return ()

    async def minutes(
        self, wanted: Sequence[tuple[ResourceId, str]], first: int, end: int
    ) -> tuple[int, list[list[float | None]]]:
        return first, [[] for _ in wanted]


class MetricRequests:
    """Whoever asks has been authorised for the resource or the subscription."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.source: Source = Nothing()

    async def answer(self, request: Request, provider: int) -> Response:
        """*provider* is the index of the namespace in the request's segments."""
        if request.method != "GET":
            raise method_not_allowed(request.method, request.path)
        if len(request.segments) != provider + 2:
            raise ArmError(404, "NotFound", f"'{request.path}' was not found.")
        scope = "/" + "/".join(request.segments[: provider - 1])
        if provider == 3:
            return await self._of_subscription(request)
        found = self._backend.store.snapshot.get(scope.lower())
        if found is None:
            raise resource_not_found(_parsed(scope))
        last, kind = request.folded[-1], found.id.kind
        if last == _METRICS:
            return await self._of_resource(request, found)
        metrics = self.source.metrics(kind)
        if last == _NAMESPACES:
            return one_page([_namespace(found.id, kind)] if metrics else [])
        _only(request.query.get("metricnamespace", ""), kind)
        return one_page(_definition(found.id, kind, m) for m in metrics)

    async def _of_resource(self, request: Request, found: Resource[Any]) -> Response:
        kind = found.id.kind
        asked = query(request.query, self._backend.now())
        _only(request.query.get("metricnamespace", ""), kind)
        if expression := request.query.get("$filter", "").strip():
            raise unsupported(expression, "the lab's metrics of a resource have no dimensions")
        metrics = _chosen(self.source.metrics(kind), kind, asked.names)
        return await self._answered(asked, kind, _region(found), metrics, [found.id], dimension=False)

    async def _of_subscription(self, request: Request) -> Response:
        snapshot = self._backend.store.snapshot
        scope = scopes.subscription(snapshot, request.segments[1])
        if request.folded[-1] != _METRICS:
            raise ArmError(404, "NotFound", f"'{request.path}' was not found.")
        asked = query(request.query, self._backend.now())
        region, kind = request.query.get("region", "").strip(), _required(request, "metricnamespace")
        metrics = _chosen(self.source.metrics(kind), kind, asked.names)
        wanted = _wanted(request.query.get("$filter", ""))
        within = [r for r in self._of_kind(kind) if r.id.key.startswith(scope.id.key + "/")]
        chosen = [
            r.id for r in within if (not region or _same(_region(r), region)) and (wanted is None or r.id.key in wanted)
        ]
        return await self._answered(asked, kind, region or _GLOBAL, metrics, chosen, dimension=True)

    def _of_kind(self, kind: str) -> Iterable[Resource[Any]]:
        """Children of resources among them."""
        found, folded = self._backend.store.snapshot.resources.items(), kind.lower()
        return (r for _, r in sorted(found) if r.id.kind.lower() == folded)

    async def _answered(
        self, asked: Query, kind: str, region: str, metrics: Sequence[Metric], ids: list[ResourceId], *, dimension: bool
    ) -> Response:
        window = asked.window
        if window.points * max(1, len(ids)) * len(metrics) > MOST_POINTS:
            message = f"The answer would have more than {MOST_POINTS} points: ask for a coarser interval or less time."
            raise ArmError(400, "BadRequest", message, "timespan")
        wanted = [(i, m.name) for m in metrics for i in ids]
        try:
            first, rows = await self.source.minutes(wanted, window.start, window.end)
        except ConnectionError as error:
            raise ArmError(409, "NetworkNotReady", f"The network does not answer: {error}.") from None
        value = []
        for number, metric in enumerate(metrics):
            found = list(zip(ids, rows[number * len(ids) : (number + 1) * len(ids)], strict=True))
            series = _cut(found, asked, metric) if dimension else found
            timeseries = [_series(i, asked, metric, first, values, dimension=dimension) for i, values in series]
            value.append(_metric(ids[0] if ids and not dimension else None, metric) | {"timeseries": timeseries})
        said = {"cost": max(1, (window.end - window.start) // 60 - 1), "timespan": window.span}
        said |= {"interval": window.interval} if window.interval in GRAINS else {}
        return Response(200, said | {"value": value, "namespace": kind, "resourceregion": region})


def _region(found: Resource[Any]) -> str:
    return found.location or _GLOBAL


def _parsed(text: str) -> ResourceId:
    try:
        return ResourceId.parse(text)
    except ValueError as error:
        raise ArmError(404, "NotFound", f"There is nothing at '{text}': {error}.") from None


def _same(one: str, other: str) -> bool:
    """Regions have names with and without blanks."""
    return one.replace(" ", "").lower() == other.replace(" ", "").lower()


def _required(request: Request, name: str) -> str:
    text = request.query.get(name, "").strip()
    if not text:
        raise ArmError(400, "BadRequest", f"The metrics of a subscription are asked for with '{name}'.", name)
    return text


def _only(namespace: str, kind: str) -> None:
    if namespace and namespace.lower() != kind.lower():
        message = f"'{kind}' has metrics of no namespace but its own, and not of '{namespace[:200]}'."
        raise ArmError(400, "BadRequest", message, "metricnamespace")


def _chosen(known: Sequence[Metric], kind: str, names: Sequence[str]) -> list[Metric]:
    """The metrics of these names, the first of all without any. Raises the 400 of one that is not there."""
    by_name = {m.name.lower(): m for m in known}
    if wrong := [name for name in names if name.lower() not in by_name] or ([] if known else [""]):
        provider, _, rest = kind.partition("/")
        there = ",".join(m.name for m in known)
        message = f"Failed to find metric configuration for provider: {provider}, resource Type: {rest}, "
        raise ArmError(400, "BadRequest", f"{message}metric: {wrong[0][:200]}, Valid metrics: {there}", "metricnames")
    return list(dict.fromkeys(by_name[n.lower()] for n in names)) or [known[0]]


def _wanted(expression: str) -> frozenset[str] | None:
    """Folded ids of ``Microsoft.ResourceId eq '…' or …``, ``None`` for all."""
    parsed = parse(expression)
    if parsed is None:
        return None
    clauses = list(_clauses(parsed, expression))
    if any(c.name != _RESOURCE_ID or c.operator != "eq" for c in clauses):
        raise unsupported(expression, "series are told apart by Microsoft.ResourceId alone")
    return None if any(c.value == "*" for c in clauses) else frozenset(c.value.lower() for c in clauses)


def _clauses(parsed: Clause | Joined, expression: str) -> Iterable[Clause]:
    if isinstance(parsed, Clause):
        return [parsed]
    if parsed.word == "and" and len(parsed.parts) > 1:
        raise unsupported(expression, "a series is of one resource")
    return [clause for part in parsed.parts for clause in _clauses(part, expression)]


_Series = tuple[ResourceId, list[float | None]]


def _cut(found: list[_Series], asked: Query, metric: Metric) -> list[_Series]:
    """As many as are wanted, in the wanted order; what is not known comes last."""
    if asked.order is not None:
        by, falling = asked.order

        def place(one: _Series) -> tuple[bool, float]:
            known = [v for v in one[1] if v is not None]
            return not known, (-1 if falling else 1) * aggregated(by, known) if known else 0.0

        found = sorted(found, key=place)
    return found[: asked.top]


def _series(
    resource: ResourceId, asked: Query, metric: Metric, first: int, values: list[float | None], *, dimension: bool
) -> dict[str, Any]:
    named = {"value": _RESOURCE_ID, "localizedValue": "Microsoft.ResourceId"}
    said = {"metadatavalues": [{"name": named, "value": resource.text}] if dimension else []}
    if asked.bare:
        return said
    words = asked.aggregations or (metric.primary.lower(),)
    points = asked.window.binned(first, values)
    return said | {"data": [_point(at, words, known) for at, known in points]}


def _point(at: int, words: Sequence[str], known: Sequence[float]) -> Mapping[str, Any]:
    """What nobody knows has no value."""
    return {"timeStamp": when(at)} | ({word: aggregated(word, known) for word in words} if known else {})


def _name(metric: Metric) -> dict[str, str]:
    return {"value": metric.name, "localizedValue": metric.shown}


def _metric(resource: ResourceId | None, metric: Metric) -> dict[str, Any]:
    of = resource.text if resource is not None else "subscriptions"
    said = {"id": f"{of}/providers/Microsoft.Insights/metrics/{metric.name}", "type": "Microsoft.Insights/metrics"}
    told = {"displayDescription": metric.described, "unit": metric.unit, "errorCode": "Success"}
    return said | {"name": _name(metric)} | told


def _definition(resource: ResourceId, kind: str, metric: Metric) -> dict[str, Any]:
    place = f"{resource.text}/providers/microsoft.insights/metricdefinitions/{metric.name}"
    return {
        "id": place,
        "resourceId": resource.text,
        "namespace": kind,
        "name": _name(metric),
        "displayDescription": metric.described,
        "isDimensionRequired": False,
        "unit": metric.unit,
        "primaryAggregationType": metric.primary,
        "supportedAggregationTypes": ["None", "Average", "Minimum", "Maximum", "Total", "Count"],
        "metricAvailabilities": [{"timeGrain": grain, "retention": "P1D"} for grain in GRAINS],
        "dimensions": [],
    }


def _namespace(resource: ResourceId, kind: str) -> dict[str, Any]:
    place = f"{resource.text}/providers/microsoft.insights/metricNamespaces/{kind}"
    whole = {"id": place, "type": "Microsoft.Insights/metricNamespaces", "name": kind}
    return whole | {"classification": "Platform", "properties": {"metricNamespaceName": kind}}
