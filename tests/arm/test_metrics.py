"""Metrics in the shape of Azure Monitor's: what is asked, what it comes to, and every way to ask wrongly."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazulite.arm.errors import ArmError
from lazulite.arm.metric_query import GRAINS, TOP, Metric, Window, aggregated, query, when
from lazulite.arm.metric_requests import MOST_POINTS
from lazulite.resources.ids import ResourceId
from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, Client, client

NOW = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
T = int(datetime(2026, 5, 1, 11, 0, tzinfo=UTC).timestamp())
WHOLE = f"/subscriptions/{SUBSCRIPTION}"
WELLS = ("w1", "w2", "w3")
KIND = "Contoso.Garden/wells"
SPAN = f"timespan={when(T)}/{when(T + 300)}"
DRAWN = Metric("Drawn", "Water Drawn", "Count", "Total", "Buckets.")
DEPTH = Metric("Depth", "Depth", "Percent", "Average", "Of water.")


class Wells:
    """Five minutes from T on: what each well was drawn, nothing known in the middle one; ``Depth`` is nowhere known."""

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[tuple[ResourceId, str]], int, int]] = []
        self.failing = False

    def metrics(self, kind: str) -> Sequence[Metric]:
        return (DRAWN, DEPTH) if kind.lower() == KIND.lower() else ()

    async def minutes(
        self, wanted: Sequence[tuple[ResourceId, str]], first: int, end: int
    ) -> tuple[int, list[list[float | None]]]:
        self.asked.append((wanted, first, end))
        if self.failing:
            raise ConnectionError("the agent does not answer")
        return T, [[float(i), 2.0 * i, None, 4.0 * i, 0.0] if n == "Drawn" else [] for i, n in map(_numbered, wanted)]


def _numbered(wanted: tuple[ResourceId, str]) -> tuple[int, str]:
    resource, name = wanted
    return int(resource.name[1:]), name


@pytest.fixture(scope="module")
def garden() -> Iterator[Client]:
    with client() as one:
        one.api.router.metrics.source = Wells()
        assert one.put(GROUP, {"location": "local"}).status == 201
        for name in WELLS:
            assert one.put(f"{GARDEN}/wells/{name}", {"location": "local"}).status in (200, 201)
        yield one


def metrics(one: Client, query: str = "", scope: str = f"{GARDEN}/wells/w1", last: str = "metrics") -> Any:
    return one.get(f"{scope}/providers/Microsoft.Insights/{last}?{query}")


def data(one: Client, query: str, **more: Any) -> list[dict[str, Any]]:
    answer = metrics(one, f"{SPAN}&{query}", **more)
    assert answer.status == 200, answer.content
    found: list[dict[str, Any]] = answer.body["value"][0]["timeseries"][0]["data"]
    return found


def test_an_answer_has_the_shape_of_azures(garden: Client) -> None:
    body = metrics(garden, f"{SPAN}&metricnames=Drawn&aggregation=Total").body
    times = [when(T + 60 * n) for n in range(5)]
    points = [{"timeStamp": t, "total": v} for t, v in zip(times, (1, 2, None, 4, 0), strict=True)]
    points[2].pop("total")  # what nobody knows has no value
    assert body == {
        "cost": 4,
        "timespan": f"{when(T)}/{when(T + 300)}",
        "interval": "PT1M",
        "namespace": KIND,
        "resourceregion": "local",
        "value": [
            {
                "id": f"{GARDEN}/wells/w1/providers/Microsoft.Insights/metrics/Drawn",
                "type": "Microsoft.Insights/metrics",
                "name": {"value": "Drawn", "localizedValue": "Water Drawn"},
                "displayDescription": "Buckets.",
                "unit": "Count",
                "errorCode": "Success",
                "timeseries": [{"metadatavalues": [], "data": points}],
            }
        ],
    }


def test_only_aggregations_that_are_asked_for_appear_and_without_any_the_one_that_says_most(garden: Client) -> None:
    assert data(garden, "aggregation=Average,Count&interval=PT5M") == [
        {"timeStamp": when(T), "average": 1.75, "count": 4.0}
    ]
    assert data(garden, "interval=PT5M") == [{"timeStamp": when(T), "total": 7.0}]
    assert data(garden, "metricnames=Depth&interval=FULL") == [{"timeStamp": when(T)}]


def test_without_names_it_is_the_first_metric_and_with_several_all_of_them(garden: Client) -> None:
    assert [m["name"]["value"] for m in metrics(garden, SPAN).body["value"]] == ["Drawn"]
    both = metrics(garden, f"{SPAN}&metricnames=depth,%20Drawn,DEPTH").body["value"]
    assert [m["name"]["value"] for m in both] == ["Depth", "Drawn"]


def test_az_encodes_the_timespan_twice_and_is_understood(garden: Client) -> None:
    twice = quote(quote(f"{when(T)}/{when(T + 60)}", safe=""), safe="")
    assert metrics(garden, f"timespan={twice}").body["timespan"] == f"{when(T)}/{when(T + 60)}"


def test_only_which_series_there_are_may_be_asked(garden: Client) -> None:
    [found] = metrics(garden, f"{SPAN}&resultType=Metadata").body["value"]
    assert found["timeseries"] == [{"metadatavalues": []}]


def test_definitions_say_what_may_be_asked(garden: Client) -> None:
    found = metrics(garden, last="metricDefinitions").body["value"]
    assert [(d["name"]["value"], d["unit"], d["primaryAggregationType"]) for d in found] == [
        ("Drawn", "Count", "Total"),
        ("Depth", "Percent", "Average"),
    ]
    assert [a["timeGrain"] for a in found[0]["metricAvailabilities"]] == list(GRAINS)
    assert found[0]["resourceId"] == f"{GARDEN}/wells/w1"
    [namespace] = metrics(garden, last="metricNamespaces").body["value"]
    assert namespace["properties"] == {"metricNamespaceName": KIND}


def test_a_type_without_metrics_has_no_definitions_and_says_so_when_it_is_asked_for_one(garden: Client) -> None:
    assert metrics(garden, scope=GROUP, last="metricDefinitions").body == {"value": []}
    assert metrics(garden, scope=GROUP, last="metricNamespaces").body == {"value": []}
    answer = metrics(garden, scope=GROUP)
    assert answer.outcome == (400, "BadRequest")
    assert "Failed to find metric configuration for provider: Microsoft.Resources" in answer.error["message"]


def across(one: Client, query: str = "", region: str = "local") -> Any:
    return metrics(one, f"{SPAN}&region={region}&metricnamespace={KIND}&interval=FULL&{query}", scope=WHOLE)


def totals(answer: Any) -> dict[str, float]:
    assert answer.status == 200, answer.content
    series = answer.body["value"][0]["timeseries"]
    assert all(s["metadatavalues"][0]["name"]["value"] == "microsoft.resourceid" for s in series)
    return {s["metadatavalues"][0]["value"].rpartition("/")[2]: s["data"][0].get("total") for s in series}


def test_a_subscription_is_asked_for_all_of_a_type_in_a_region(garden: Client) -> None:
    assert totals(across(garden)) == {"w1": 7.0, "w2": 14.0, "w3": 21.0}
    assert across(garden, region="Lo%20Cal").body["resourceregion"] == "Lo Cal"
    assert totals(across(garden, region="Lo%20Cal")) == {"w1": 7.0, "w2": 14.0, "w3": 21.0}
    assert totals(across(garden, region="elsewhere")) == {}
    assert totals(across(garden, region="")) == {"w1": 7.0, "w2": 14.0, "w3": 21.0}
    assert across(garden, region="").body["resourceregion"] == "global"


def filtered(expression: str) -> str:
    return f"$filter={quote(expression)}"


CUT = [
    pytest.param("orderby=total%20desc&top=2", ["w3", "w2"], id="the largest first, as many as are wanted"),
    pytest.param("orderby=sum%20asc&top=1", ["w1"], id="the smallest first"),
    pytest.param("top=2", ["w1", "w2"], id="in the order of names"),
    pytest.param(filtered("Microsoft.ResourceId eq '*'"), ["w1", "w2", "w3"], id="all of them"),
    pytest.param(filtered(f"Microsoft.ResourceId eq '{GARDEN}/wells/W2'"), ["w2"], id="one of them"),
    pytest.param(
        filtered(" or ".join(f"microsoft.resourceid eq '{GARDEN}/wells/w{n}'" for n in (1, 3, 9))),
        ["w1", "w3"],
        id="some of them",
    ),
]


@pytest.mark.parametrize(("query", "expected"), CUT)
def test_series_are_chosen_and_ordered(garden: Client, query: str, expected: list[str]) -> None:
    assert list(totals(across(garden, query))) == expected


def test_what_is_not_known_comes_last(garden: Client) -> None:
    found = across(garden, "metricnames=Depth&orderby=average%20desc")
    assert totals(found) == dict.fromkeys(WELLS)


WRONG = [
    pytest.param("interval=PT2M", "interval", id="a grain there is none of"),
    pytest.param("interval=P1Y", "interval", id="a year"),
    pytest.param("timespan=yesterday", "timespan", id="a time that is none"),
    pytest.param("timespan=2026-01-01T00:00:00Z", "timespan", id="one time"),
    pytest.param(f"timespan={when(T)}/{when(T)}", "timespan", id="no time at all"),
    pytest.param("timespan=0001-01-01/9999-12-31", "timespan", id="all of history"),
    pytest.param("aggregation=Median", "aggregation", id="an aggregation there is none of"),
    pytest.param("top=0", "top", id="no series"),
    pytest.param("top=many", "top", id="many series"),
    pytest.param("orderby=name", "orderby", id="an order by name"),
    pytest.param("orderby=total%20sideways", "orderby", id="an order in no direction"),
    pytest.param("resultType=Everything", "resulttype", id="another kind of answer"),
    pytest.param("rollupby=Direction", "rollupby", id="dimensions that are not there"),
    pytest.param("AutoAdjustTimegrain=perhaps", "autoadjusttimegrain", id="a truth that is none"),
    pytest.param("metricnames=Height", "metricnames", id="a metric it has not"),
    pytest.param("metricnamespace=Contoso.Garden/beds", "metricnamespace", id="the metrics of another type"),
    pytest.param("$filter=Colour%20eq%20'red'", "$filter", id="a dimension it has not"),
]


@pytest.mark.parametrize(("query", "target"), WRONG)
def test_what_cannot_be_answered_is_refused_at_its_parameter(garden: Client, query: str, target: str) -> None:
    answer = metrics(garden, query)
    assert (answer.status, answer.error["target"]) == (400, target)


def test_everything_that_is_wrong_is_said_at_once(garden: Client) -> None:
    answer = metrics(garden, "interval=PT2M&timespan=x&top=-1")
    assert [d["target"] for d in answer.error["details"]] == ["interval", "timespan", "top"]


def test_a_grain_that_is_none_is_adjusted_for_who_allows_it(garden: Client) -> None:
    assert metrics(garden, f"{SPAN}&interval=PT2M&AutoAdjustTimegrain=true").body["interval"] == "PT1M"


LOCAL = f"region=local&metricnamespace={KIND}"
ACROSS = [
    pytest.param("region=local", "metricnamespace", id="a subscription without a type"),
    pytest.param(f"region=local&metricnamespace={KIND}&$filter=Colour%20eq%20'red'", "$filter", id="another dimension"),
    pytest.param(
        f"region=local&metricnamespace={KIND}&$filter="
        + quote("Microsoft.ResourceId eq 'a' and Microsoft.ResourceId eq 'b'"),
        "$filter",
        id="two resources at once",
    ),
    pytest.param(f"region=local&metricnamespace={KIND}&$filter=(", "$filter", id="half a filter"),
    pytest.param("region=local&metricnamespace=Contoso.Garden/beds", "metricnames", id="a type without metrics"),
]


@pytest.mark.parametrize(("query", "target"), ACROSS)
def test_what_a_subscription_cannot_answer_is_refused_at_its_parameter(garden: Client, query: str, target: str) -> None:
    answer = metrics(garden, query, scope=WHOLE)
    assert (answer.status, answer.error["target"]) == (400, target)


NOT_THERE = [
    pytest.param("GET", f"{GARDEN}/wells/none", "metrics", 404, "ResourceNotFound", id="of a well that is not there"),
    pytest.param("GET", f"{WHOLE}0", "metrics", 404, "SubscriptionNotFound", id="of no subscription"),
    pytest.param("GET", WHOLE, "metricDefinitions", 404, "NotFound", id="definitions of a subscription"),
    pytest.param("GET", f"{GARDEN}/wells/w1", "metrics/Drawn", 404, "NotFound", id="one metric by its name"),
    pytest.param("POST", f"{GARDEN}/wells/w1", "metrics", 405, "MethodNotAllowed", id="with another method"),
]


@pytest.mark.parametrize(("method", "scope", "last", "status", "code"), NOT_THERE)
def test_metrics_of_what_is_not_there_are_not_found(
    garden: Client, method: str, scope: str, last: str, status: int, code: str
) -> None:
    answer = garden.call(method, f"{scope}/providers/microsoft.insights/{last}?api-version=2023-10-01")
    assert answer.status == status
    assert answer.error["code"] in (code, "InvalidSubscriptionId", "HttpMethodNotSupported")


def test_an_answer_that_would_be_too_long_is_refused(garden: Client) -> None:
    month = f"timespan={when(T)}/{when(T + 31 * 86_400)}"
    answer = metrics(garden, f"{month}&region=local&metricnamespace={KIND}&metricnames=Drawn", scope=WHOLE)
    assert MOST_POINTS > 3 * 31 * 1440
    assert answer.status == 200
    many = f"{month}&region=local&metricnamespace={KIND}&metricnames=Drawn,Depth"
    for number in range(4, 8):
        garden.put(f"{GARDEN}/wells/w{number}", {"location": "local"})
    assert metrics(garden, many, scope=WHOLE).error["target"] == "timespan"
    for number in range(4, 8):
        garden.call("DELETE", f"{GARDEN}/wells/w{number}?api-version=2023-10-01")


def test_a_network_that_does_not_answer_is_said_so(garden: Client) -> None:
    source: Any = garden.api.router.metrics.source
    source.failing = True
    assert metrics(garden).outcome == (409, "NetworkNotReady")
    source.failing = False


def test_a_process_that_measures_nothing_has_no_metrics() -> None:
    with client() as one:
        one.put(GROUP, {"location": "local"})
        assert one.put(f"{GARDEN}/wells/w1", {"location": "local"}).status in (200, 201)
        assert metrics(one, last="metricDefinitions").body == {"value": []}
        assert metrics(one).outcome == (400, "BadRequest")


def test_who_asks_for_no_time_means_the_last_hour_by_the_minute() -> None:
    asked = query({}, NOW)
    assert (asked.window.span, asked.window.interval) == ("2026-05-01T11:00:00Z/2026-05-01T12:00:30Z", "PT1M")
    assert (asked.window.points, asked.top, asked.order, asked.names) == (61, TOP, None, ())


def test_a_span_that_is_too_long_is_cut_to_its_last_month() -> None:
    window = query({"timespan": "2020-01-01/2026-05-01", "interval": "P1D"}, NOW).window
    assert (window.span, window.points) == ("2026-03-31T00:00:00Z/2026-05-01T00:00:00Z", 31)


ZONES = [
    pytest.param("2026-05-01T13:00:00+02:00/2026-05-01T12:00:00Z", "2026-05-01T11:00:00Z", id="an offset"),
    pytest.param("2026-05-01T13:00:00 02:00/2026-05-01T12:00:00Z", "2026-05-01T11:00:00Z", id="a plus taken for blank"),
    pytest.param("2026-05-01T11:00:00/2026-05-01T12:00:00", "2026-05-01T11:00:00Z", id="no zone is UTC"),
]


@pytest.mark.parametrize(("span", "start"), ZONES)
def test_times_are_understood_with_their_zones(span: str, start: str) -> None:
    assert when(query({"timespan": span}, NOW).window.start) == start


@given(
    st.lists(st.none() | st.floats(0, 1e12), max_size=200),
    st.integers(-100, 100),
    st.sampled_from(sorted(GRAINS.values())),
    st.integers(1, 300),
)
def test_points_hold_each_minute_of_the_window_once(
    values: list[float | None], late: int, grain: int, length: int
) -> None:
    window = Window(T, T + 60 * length, grain, "")
    points = list(window.binned(T + 60 * late, values))
    inside = [v for n, v in enumerate(values) if v is not None and 0 <= n + late < length]
    assert [v for _, known in points for v in known] == inside
    assert [at for at, _ in points] == [T + grain * n for n in range(window.points)]


def test_aggregations_of_a_point_agree_with_each_other() -> None:
    values = [3.0, 1.0, 8.0]
    found: Mapping[str, float] = {n: aggregated(n, values) for n in ("average", "minimum", "maximum", "total", "count")}
    assert found == {"average": 4.0, "minimum": 1.0, "maximum": 8.0, "total": 12.0, "count": 3.0}


WORDS = ("timespan", "interval", "metricnames", "aggregation", "top", "orderby", "resulttype", "rollupby")
KEYS = st.sampled_from([*WORDS, "autoadjusttimegrain", "validatedimensions"])
TEXTS = st.text(max_size=20) | st.sampled_from(["PT1M", "FULL", "total", "2026-01-01/2026-01-02", "%25", "a,b", "1"])


@given(st.dictionaries(KEYS, TEXTS))
def test_whatever_is_asked_is_understood_or_refused(asked: Mapping[str, str]) -> None:
    with contextlib.suppress(ArmError):
        found = query(asked, NOW)
        assert 0 < found.window.points <= 31 * 1440


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.dictionaries(KEYS | st.sampled_from(["region", "metricnamespace", "$filter"]), TEXTS, max_size=5))
def test_no_query_makes_the_lab_fail(garden: Client, asked: Mapping[str, str]) -> None:
    words = "&".join(f"{k}={quote(v, safe='')}" for k, v in asked.items())
    for scope in (WHOLE, f"{GARDEN}/wells/w1"):
        answer = metrics(garden, words, scope=scope)
        assert answer.status in (200, 400), answer.content
        json.loads(answer.content)
