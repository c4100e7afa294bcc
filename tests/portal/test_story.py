"""Somebody who has read nothing: deploys a network, finds what keeps visitors out, mends it, sees the packet pass."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lazulite.testing import Lab
from lazulite.testing import lab as fresh_lab
from tests.portal.conftest import DEMO, Open, Shot
from tests.portal.test_deployments import file, start
from tests.portal.test_topology import box, verdict

PICTURE = Path(__file__).parents[2] / "docs" / "portal.png"
DRAW = "LAZULITE_PICTURES"
"""Environment variable: set, the picture in README is drawn anew."""


@pytest.fixture
def empty_lab() -> Iterator[Lab]:
    with fresh_lab() as one:
        yield one


def go(page: Page, where: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=where).click()


def trace(page: Page) -> None:
    """Ask, on the map, whether a visitor reaches the web server."""
    go(page, "Topology")
    box(page, "visitor").click()
    page.get_by_role("button", name="Trace from here").click()
    box(page, "web, machine").click()
    page.get_by_label("Port").fill("80")
    page.get_by_role("button", name="Trace", exact=True).click()


def test_a_network_is_deployed_found_broken_mended_and_proven_in_the_browser(
    empty_lab: Lab, open_page: Open, shot: Shot
) -> None:
    broken = json.loads(DEMO.read_text())
    rule = broken["resources"][0]["properties"]["securityRules"][0]
    assert rule["name"] == "allow-http"
    rule["properties"]["access"] = "Deny"
    page = open_page(empty_lab)
    go(page, "Deployments")
    start(page, "shop", file("network.json", broken)).get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_role("region", name="Progress").get_by_role("status")).to_have_text(re.compile("Succeeded"))

    trace(page)
    expect(verdict(page)).to_contain_text("Does not pass")
    expect(verdict(page)).to_contain_text("nsg-web/allow-http")
    page.get_by_role("button", name="Send the real packet").click()
    expect(page.get_by_text("Both agree")).to_be_visible()
    shot(page, "story-broken")

    page.get_by_role("link", name="Edit rule").click()
    page.get_by_label("Access").select_option("Allow")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()

    trace(page)
    expect(verdict(page)).to_contain_text("Passes")
    page.get_by_role("button", name="Send the real packet").click()
    expect(page.get_by_text("Both agree")).to_be_visible()
    shot(page, "story-mended")
    if os.environ.get(DRAW):
        while page.get_by_role("button", name="Dismiss").count():
            page.get_by_role("button", name="Dismiss").first.click()
        page.screenshot(path=PICTURE)
