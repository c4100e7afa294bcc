"""The portal in a real browser: labs, pages that are signed in, and a watch on all that a page must not do."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from lazulite.testing import Lab
from lazulite.testing import lab as fresh_lab
from tests.portal.slow import slow_down
from tests.portal.watch import Watch

DEMO = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))
GROUP = "demo"
SHOTS = Path(__file__).parent / "shots"
WAIT_MS = 30_000
"""For whatever a page is to show; far beyond what any of it takes."""
Open = Callable[..., Page]
Shot = Callable[[Page, str], None]
_OUTCOME = pytest.StashKey[pytest.CollectReport | pytest.TestReport]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Leaves with a test how it went, for a picture of what did not."""
    report = yield
    if report.when == "call":
        item.stash[_OUTCOME] = report
    return report


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    """The demo's hub and spokes, with packets, in the group ``demo``; a test that changes it makes it good again."""
    with fresh_lab() as one:
        one.deploy(DEMO, group=GROUP)
        yield one


@pytest.fixture(scope="package")
def memory_lab() -> Iterator[Lab]:
    """The same without packets."""
    with fresh_lab(memory=True) as one:
        one.deploy(DEMO, group=GROUP)
        yield one


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        expect.set_options(timeout=WAIT_MS)
        yield found


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "there is no chromium: script/setup portal installs it"
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []  # its sandbox is no use for root, and refuses to start
    one = playwright.chromium.launch(executable_path=program, args=arguments)
    slow_down(one)
    yield one
    one.close()


@pytest.fixture
def watch() -> Watch:
    """What pages of this test did that none may do; ``watch.tolerate(pattern)`` for what a test brings about."""
    return Watch()


@pytest.fixture
def open_page(browser: Browser, watch: Watch, request: pytest.FixtureRequest) -> Iterator[Open]:
    """``open_page(lab, "#/flows", scheme="dark", width=1440, height=900)``: a page of that lab, signed in, in a
    context of its own. After the test no page may have raised, complained, or met its policy."""
    contexts: list[BrowserContext] = []

    def opened(
        lab: Lab, where: str = "#/topology", *, scheme: Any = "light", width: int = 1440, height: int = 900
    ) -> Page:
        size = {"width": width, "height": height}
        context = browser.new_context(color_scheme=scheme, viewport=size, reduced_motion="reduce")  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        watch.over(page)
        sign_in(lab, page)
        if where != "#/topology":
            page.evaluate("where => { location.hash = where; }", where)
        return page

    yield opened
    outcome = request.node.stash.get(_OUTCOME, None)
    if outcome is not None and outcome.failed:
        for number, context in enumerate(contexts):
            for page in context.pages:
                picture(page, f"failed-{re.sub(r'[^A-Za-z0-9]+', '-', request.node.name)[:80]}-{number}")
    for context in contexts:
        context.close()
    assert watch.found == []


@pytest.fixture
def page(lab: Lab, open_page: Open) -> Page:
    """A page of the lab with packets, signed in, at the map."""
    return open_page(lab)


@pytest.fixture
def memory_page(memory_lab: Lab, open_page: Open) -> Page:
    """The same of the lab without packets."""
    return open_page(memory_lab)


@pytest.fixture
def shot() -> Shot:
    """``shot(page, "map-light")`` keeps a picture in ``tests/portal/shots``."""
    return picture


def loaded(page: Page) -> None:
    """Waits until the page has read whatever it shows: its heading alone is there before."""
    expect(page.locator("main h1").first).to_be_attached()
    expect(page.locator("main p.quiet").filter(has_text=re.compile("…$"))).to_have_count(0)


def picture(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def sign_in(lab: Lab, page: Page) -> None:
    """As ``lazulite portal`` does: a one-time code behind the ``#``."""
    code = lab.client.post("/lazulite/codes")["code"]
    page.goto(f"{lab.connection.portal}/#code={code}")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    assert code not in page.url, "the code stays in the address"
