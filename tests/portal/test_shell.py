"""The page around the views: signing in, navigation, what it says of the lab."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from lazulite.testing import Lab
from tests.portal.conftest import Open, Shot, sign_in
from tests.portal.watch import Watch


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_that_was_opened_with_a_code_is_signed_in_and_says_which_lab_it_is(
    memory_lab: Lab, open_page: Open, shot: Shot, scheme: str
) -> None:
    page = open_page(memory_lab, scheme=scheme)
    expect(page.get_by_text(memory_lab.directory.name, exact=True)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="enforced")).to_be_visible()
    shot(page, f"shell-{scheme}")


def follows(lab: Lab, page: Page) -> int:
    """The revision that a lab is at by now, once the page says so."""
    revision: int = lab.status()["revision"]["stored"]
    expect(page.get_by_text(f"revision {revision} · enforced")).to_be_visible()
    return revision


def test_the_revision_follows_a_write(memory_lab: Lab, memory_page: Page) -> None:
    seen = [follows(memory_lab, memory_page)]
    memory_lab.put("routeTables/follows", {"properties": {}})
    seen.append(follows(memory_lab, memory_page))
    memory_lab.delete("routeTables/follows")
    seen.append(follows(memory_lab, memory_page))
    assert len(set(seen)) == 3


def test_who_has_no_code_is_told_how_to_sign_in(memory_lab: Lab, browser: Browser, watch: Watch) -> None:
    page = browser.new_page()
    watch.over(page)
    page.goto(memory_lab.connection.portal)
    expect(page.get_by_text("lazulite portal")).to_be_visible()
    page.close()
    assert watch.found == []


def test_a_code_that_was_used_signs_nobody_in(memory_lab: Lab, browser: Browser, watch: Watch) -> None:
    code = memory_lab.client.post("/lazulite/codes")["code"]
    for wanted in ("Topology", "Sign in"):
        page = browser.new_context().new_page()
        watch.over(page)
        page.goto(f"{memory_lab.connection.portal}/#code={code}")
        expect(page.get_by_text(wanted, exact=True).first).to_be_visible()
        assert code not in page.url
        page.context.close()
    assert watch.found == []


def test_a_page_that_does_not_exist_says_so(memory_lab: Lab, open_page: Open) -> None:
    expect(open_page(memory_lab, "#/weather").get_by_text("no page called 'weather'")).to_be_visible()


def test_a_lab_that_goes_away_is_said_to_and_followed_again_when_it_is_back(browser: Browser, watch: Watch) -> None:
    from lazulite.testing import lab

    watch.tolerate("ERR_|net::|Failed to fetch")
    with lab(memory=True) as one:
        page = browser.new_page()
        watch.over(page)
        sign_in(one, page)
        expect(page.get_by_text("enforced")).to_be_visible()
        one.kill_controller()
        expect(page.get_by_text("connection lost")).to_be_visible()
        one.start_controller()
        expect(page.get_by_text("enforced")).to_be_visible()
        page.close()
    assert watch.found == []
