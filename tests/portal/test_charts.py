"""Charts: what was before the page was opened is there at once, whatever became of the controller meanwhile."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from lazulite.testing import Lab
from lazulite.testing import lab as fresh_lab
from tests.portal.conftest import DEMO, GROUP, Open, Shot
from tests.waiting import until

MACHINES, CLIENTS = "Microsoft.Compute/virtualMachines", "Lazulite.Lab/clients"
PASSED = "Network In Total,Network Out Total"
MINUTE_S = 60
WHOLE_MINUTE_S = 180.0
"""Until a minute has ended and the machine had time for it."""
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


def metrics(lab: Lab, path: str, names: str = PASSED) -> list[dict[str, Any]]:
    """All points of all metrics of a resource in the last hour."""
    scope = f"{lab.client.subscription}/resourceGroups/{GROUP}/providers/{path}"
    query = f"api-version=2023-10-01&metricnames={quote(names)}"
    answer = lab.client.get(f"{scope}/providers/Microsoft.Insights/metrics?{query}")
    return [point for metric in answer["value"] for point in metric["timeseries"][0]["data"]]


def total(points: list[dict[str, Any]], until_s: float = float("inf")) -> float:
    """What grew in minutes that have ended by *until_s*."""
    return sum(p.get("total", 0) for p in points if _second(p["timeStamp"]) + MINUTE_S <= until_s)


def _second(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def talk(lab: Lab, source: str = "web", to: str = "db", port: int = 5432) -> None:
    """A packet and its answer."""
    assert lab.client.post("/lazulite/probe", {"from": source, "to": to, "port": port})["packet"]["passes"]


def chart(page: Page, name: str) -> Any:
    return page.get_by_role("img", name=re.compile(f"^{name}:"))


def test_what_was_before_the_page_and_before_its_controller_is_there_at_once(open_page: Open, shot: Shot) -> None:
    with fresh_lab() as one:
        one.deploy(DEMO, group=GROUP)
        talk(one)
        machine, rule = f"{MACHINES}/web", "networkSecurityGroups/nsg-data/securityRules/allow-app-postgres"
        counted = until(lambda: total(metrics(one, machine)))
        assert total(metrics(one, f"Microsoft.Network/{rule}", "Packets")) >= 1
        one.kill_controller()
        one.start_controller()
        assert total(metrics(one, machine)) >= counted
        until(lambda: total(metrics(one, machine), time.time()), limit_s=WHOLE_MINUTE_S, pause_s=0.5)
        began = time.time()
        page = open_page(one, "#/metrics")
        drawn = chart(page, "Throughput")
        expect(drawn).to_have_attribute("data-since", re.compile(r"^\d"))
        expect(drawn).to_have_accessible_name(re.compile("web.*; since [0-9:]+"))
        assert until(lambda: float(drawn.get_attribute("data-since") or began), lambda at: at < began) < began
        shot(page, "charts-history")
        page.get_by_role("tab", name="Rule hits").click()
        expect(page.get_by_role("figure").get_by_text("nsg-data/allow-app-postgres")).to_be_visible()
        of_rules = chart(page, "Packets of rules")
        assert until(lambda: float(of_rules.get_attribute("data-since") or began), lambda at: at < began) < began


def test_a_chart_goes_on_from_what_was_kept(lab: Lab, open_page: Open) -> None:
    talk(lab)
    until(lambda: total(metrics(lab, f"{MACHINES}/web")))
    page = open_page(lab, "#/metrics")
    drawn = chart(page, "Throughput")
    expect(drawn).to_have_accessible_name(re.compile("; since"))
    busy = page.get_by_role("img", name=re.compile(r"^Throughput: .*web [1-9]"))

    def seen() -> int:
        talk(lab)
        return busy.count()

    until(seen)


def canned(url: str) -> dict[str, Any]:
    """An hour of two machines and a client: one at full rate with twenty minutes that nobody saw, one that rises, and
    one that never said anything."""
    asked = parse_qs(urlsplit(url).query)
    [kind], end = asked["metricnamespace"], int(time.time()) // MINUTE_S * MINUTE_S
    scope = urlsplit(url).path.partition("/providers/")[0]
    rows = {"web": lambda n: None if 20 <= n < 40 else 6e6, "db": lambda n: 1e5 * n, "batch": lambda n: 0}
    if kind == CLIENTS:
        rows = {"visitor": lambda n: 3e6}
    times = [time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(end - MINUTE_S * (60 - n))) for n in range(60)]
    whole = asked.get("interval") == ["FULL"]
    series = []
    for name, value in rows.items():
        points = [{"timeStamp": t} | ({"total": value(n)} if value(n) is not None else {}) for n, t in enumerate(times)]
        sums = [{"timeStamp": times[0], "total": sum(p.get("total", 0) for p in points)}]
        of = f"{scope}/resourceGroups/{GROUP}/providers/{kind}/{name}"
        said = [{"name": {"value": "microsoft.resourceid"}, "value": of}]
        series.append({"metadatavalues": said, "data": sums if whole else points})
    return {"value": [{"id": "subscriptions/providers/Microsoft.Insights/metrics/x", "timeseries": series}]}


@SCHEMES
def test_an_hour_with_a_gap_is_drawn_with_its_busiest_first(
    memory_lab: Lab, open_page: Open, shot: Shot, scheme: str
) -> None:
    page = open_page(memory_lab, "#/topology", scheme=scheme)

    def answer(route: Route) -> None:
        route.fulfill(status=200, content_type="application/json", body=json.dumps(canned(route.request.url)))

    page.route("**/providers/Microsoft.Insights/metrics?*", answer)
    page.evaluate("() => { location.hash = '#/metrics'; }")
    drawn = chart(page, "Throughput")
    expect(drawn).to_have_accessible_name(re.compile("^Throughput: web .*visitor .*db .*; since [0-9:]+$"))
    since = float(drawn.get_attribute("data-since") or 0)
    assert 55 * MINUTE_S < time.time() - since < 65 * MINUTE_S
    shot(page, f"charts-hour-{scheme}")
    page.get_by_label("Time").select_option("last five minutes")
    until(lambda: float(drawn.get_attribute("data-since") or 0), lambda at: time.time() - at < 6 * MINUTE_S)
    shot(page, f"charts-minutes-{scheme}")


def test_a_history_that_is_refused_is_no_reason_to_draw_nothing(memory_lab: Lab, open_page: Open, watch: Any) -> None:
    watch.tolerate("403|Failed to load resource")
    page = open_page(memory_lab, "#/topology")

    def refuse(route: Route) -> None:
        error = {"error": {"code": "AuthorizationFailed", "message": "no", "details": []}}
        route.fulfill(status=403, content_type="application/json", body=json.dumps(error))

    page.route("**/providers/Microsoft.Insights/metrics?*", refuse)
    with page.expect_request(re.compile("/virtualMachines/.*/metrics")):
        page.evaluate("() => { location.hash = '#/metrics'; }")
    expect(chart(page, "Throughput")).to_have_accessible_name(re.compile("web"))
    expect(page.get_by_role("alert")).to_have_count(0)
