"""The portal for somebody who may only see one resource group: all of it, and nothing of what is beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from lazulite.cli.api import Client
from lazulite.testing import Lab, probe
from lazulite.testing import lab as fresh_lab
from tests.portal.conftest import Open, Shot
from tests.portal.test_resources import at, go
from tests.portal.test_topology import box, canvas
from tests.two_groups import READER, SECRET, SECRET_PREFIX, Elsewhere, build, give, somebody
from tests.waiting import until


class Stage(NamedTuple):
    lab: Lab
    theirs: Elsewhere
    client: Client
    """Of who may do as they like with the group ``test``."""
    opened: Callable[..., Page]
    """A page of theirs, signed in."""


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Lab, Elsewhere, Client]]:
    """With packets."""
    with fresh_lab() as one:
        theirs = build(one)
        client = somebody(one)
        yield one, theirs, client
        client.close()


@pytest.fixture
def stage(shared: tuple[Lab, Elsewhere, Client], open_page: Open) -> Stage:
    one, theirs, client = shared

    def opened(where: str = "#/topology", **more: object) -> Page:
        return open_page(_Seen(one, client), where, **more)  # type: ignore[arg-type]

    return Stage(one, theirs, client, opened)


class _Seen:
    """The lab as somebody's client has it."""

    def __init__(self, lab: Lab, client: Client) -> None:
        self.connection, self.client = lab.connection, client


def blind(page: Page) -> None:
    """There is nothing of the other group on the page, nor in what it does not show."""
    content = page.content().lower()
    assert SECRET not in content
    assert SECRET_PREFIX not in content


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_map_shows_ones_own_and_what_holds_it_without_a_name(stage: Stage, shot: Shot, scheme: str) -> None:
    page = stage.opened(scheme=scheme)
    for name in ("mine-net, virtual network", "front, subnet", "mine-web, machine", "mine-guest, machine"):
        expect(box(page, name)).to_be_visible()
    expect(box(page, "not yours to read, virtual network")).to_be_visible()
    expect(canvas(page).get_by_role("button", name=re.compile("machine$|machine,"))).to_have_count(2)
    blind(page)
    shot(page, f"map-of-a-part-{scheme}")
    page.get_by_role("searchbox").first.fill(SECRET)
    expect(page.get_by_role("toolbar", name="Map").get_by_role("status")).to_have_text("nothing found")


def test_the_map_follows_what_one_is_given_and_what_is_taken_away(stage: Stage) -> None:
    page = stage.opened()
    expect(box(page, "mine-web, machine")).to_be_visible()
    blind(page)
    given = give(stage.lab, READER, stage.theirs.group)
    try:
        expect(box(page, "secret-vm, machine")).to_be_visible()
    finally:
        assert stage.lab.client.exchange("DELETE", given).status == 200
    expect(box(page, "secret-vm, machine")).to_have_count(0)
    expect(box(page, "mine-web, machine")).to_be_visible()
    until(lambda: SECRET not in page.content().lower())


def test_flows_name_neither_machines_nor_rules_of_others(stage: Stage) -> None:
    page = stage.opened("#/flows")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    expect(page.get_by_label("Machines", exact=True).get_by_role("option")).to_have_text(
        ["All machines", "mine-guest", "mine-web"]
    )
    denied = page.get_by_role("row").filter(has_text="10.77.1.10")

    def seen() -> bool:
        """Recording begins some time after it was asked for."""
        probe(stage.lab, "secret-vm", "mine-guest", tcp=9999)
        probe(stage.lab, "secret-vm", "mine-web", tcp=8888)
        return denied.filter(has_text="no rule").count() > 0 and denied.filter(has_text="mine-rule").count() > 0

    until(seen, limit_s=180)
    expect(denied.filter(has_text="no rule").first).to_contain_text("Denied")  # by a rule that is another's
    blind(page)
    denied.filter(has_text="mine-rule").get_by_role("link", name="mine-nsg/mine-rule").first.click()
    expect(page.get_by_role("heading", name="mine-rule", level=1)).to_be_visible()


def test_lists_references_and_what_a_delete_breaks_are_of_ones_own(stage: Stage) -> None:
    page = stage.opened("#/resources")
    expect(page.get_by_role("table", name="Resources").get_by_role("link", name="mine-net")).to_be_visible()
    blind(page)
    go(page, at(stage.lab.id("networkSecurityGroups/mine-nsg/securityRules/mine-rule")))
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete mine-rule?")
    expect(dialog.get_by_text("Only flows between what you may read were looked at.")).to_be_visible()
    expect(dialog.get_by_role("table", name="Flows that change").locator("tbody tr").first).to_contain_text("mine-web")
    blind(page)
    dialog.get_by_role("button", name="Cancel").click()
    go(page, at(stage.lab.id("networkSecurityGroups/mine-nsg")))
    expect(page.get_by_role("heading", name="mine-nsg", level=1)).to_be_visible()
    expect(
        page.get_by_role("tabpanel", name="Overview").get_by_role("link", name=re.compile("mine-net")).first
    ).to_be_visible()
    blind(page)


@pytest.mark.parametrize("path", ["virtualNetworks/secret-net", "networkInterfaces/secret-vm"])
def test_the_page_of_what_is_anothers_says_that_one_may_not(stage: Stage, path: str) -> None:
    page = stage.opened(at(stage.theirs.id(path)))
    expect(page.get_by_role("alert")).to_contain_text("AuthorizationFailed")
    expect(page.get_by_role("tab")).to_have_count(0)


def test_what_only_the_owner_of_the_lab_may_do_is_refused_in_its_place(stage: Stage) -> None:
    page = stage.opened("#/topology?from=mine-web&to=mine-guest&protocol=tcp&port=80")
    inspector = page.get_by_role("complementary", name="Inspector")
    expect(inspector.get_by_role("alert")).to_contain_text("AuthorizationFailed")
    blind(page)
