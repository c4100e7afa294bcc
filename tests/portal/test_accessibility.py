"""Every page for people who do not see it, or not all of it: axe-core finds nothing, light or dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from lazulite.testing import Lab
from tests.portal.conftest import GROUP, Open, loaded

AXE = Path(__file__).parents[2] / ".venv/js/node_modules/axe-core/axe.min.js"
SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
_NETWORK = f"{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Network"
ROUTES = {
    "topology": "#/topology",
    "resources": "#/resources",
    "resources of a type": "#/resources/Microsoft.Network/virtualNetworks",
    "a virtual network": f"#/resource/{_NETWORK.replace('/', '%2F')}%2FvirtualNetworks%2Fhub",
    "a security group": f"#/resource/{_NETWORK.replace('/', '%2F')}%2FnetworkSecurityGroups%2Fnsg-web",
    "a wizard": "#/create/network",
    "deployments": "#/deployments",
    "activity": "#/activity",
    "flows": "#/flows",
    "captures": "#/captures",
    "monitors": "#/monitors",
    "metrics": "#/metrics",
    "terminals": "#/terminals",
    "nothing": "#/weather",
}


def complaints(page: Page) -> list[str]:
    """What axe-core finds, by rule and place."""
    assert AXE.is_file(), "there is no axe-core: script/setup portal installs it"
    page.evaluate(f"{AXE.read_text()}\n;undefined")
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    # A try-out of axe's: it takes the texts of a box of the map, a name and a prefix, for one word that no name has.
    off = {"label-content-name-mismatch": {"enabled": False}}
    ask = "([runOnly, rules]) => axe.run(document, { runOnly, rules })"
    found: dict[str, Any] = page.evaluate(ask, [rules, off])
    return [
        f"{v['id']}: {n['html'][:160]} ({n['failureSummary'][:300]})" for v in found["violations"] for n in v["nodes"]
    ]


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_nothing_is_in_the_way_of_assistive_technology(
    memory_lab: Lab, open_page: Open, route: str, scheme: str
) -> None:
    page = open_page(memory_lab, route, scheme=scheme)
    loaded(page)
    expect(page.locator("main [aria-busy=true]")).to_have_count(0)
    assert complaints(page) == []


def test_the_sign_in_page_is_too(memory_lab: Lab, browser: Any) -> None:
    page = browser.new_page()
    page.goto(memory_lab.connection.portal)
    expect(page.get_by_text("Sign in", exact=True)).to_be_visible()
    assert complaints(page) == []
    page.close()


def test_the_keyboard_reaches_the_page_past_the_navigation(memory_page: Page) -> None:
    memory_page.keyboard.press("Tab")
    expect(memory_page.get_by_role("link", name="Skip to the page")).to_be_focused()
    memory_page.keyboard.press("Enter")
    expect(memory_page.locator("main")).to_be_focused()
    assert memory_page.url.endswith("#/topology") or "#" not in memory_page.url or memory_page.url.endswith("/")
