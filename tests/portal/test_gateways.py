"""What a gateway serves, in a browser that looks at it from the lab's Internet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from lazulite.testing import Lab
from tests.lab.test_application_gateway import front
from tests.lab.test_web_application_firewall import ATTACK, custom, here, policy
from tests.proxied import proxy

__all__ = ["here"]


@pytest.fixture
def visiting(here: Lab, browser: Browser) -> Iterator[Page]:
    """A page of a browser whose packets are the visitor's."""
    with proxy(here, "visitor") as address:
        context = browser.new_context(proxy={"server": address.replace("http://", "socks5://").rstrip("/")})
        yield context.new_page()
        context.close()


def test_a_browser_sees_what_a_gateway_serves_and_what_its_firewall_refuses(here: Lab, visiting: Page) -> None:
    policy(here)
    assert visiting.goto(f"http://{front(here)}/").status == 200  # type: ignore[union-attr]
    expect(visiting.locator("body")).to_have_text("served")
    assert visiting.goto(f"http://{front(here)}/{ATTACK}").status == 403  # type: ignore[union-attr]


def test_a_browser_answers_a_challenge_by_itself(here: Lab, visiting: Page) -> None:
    policy(here, "waf", custom("check", 1, "JSChallenge", "RequestUri", "BeginsWith", "/checked"))
    visiting.goto(f"http://{front(here)}/checked")
    expect(visiting.locator("body")).to_have_text("served", timeout=30_000)
