"""Answers in another order than they were asked for: what the page then shows, keeps, and says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from lazulite.testing import Lab
from tests.portal.conftest import DEMO, Open
from tests.portal.test_deployments import file, start
from tests.portal.test_resources import Make, at, demo, editor, go, make, network, rows, rule
from tests.portal.test_topology import box, verdict
from tests.waiting import until

__all__ = ["make"]

TIMEOUT = "Flow timeout in minutes"
OTHERS = "Somebody else changed"


class Held:
    """Requests of a page that the lab has answered, and whose answers are on their way for as long as a test wants."""

    def __init__(self, page: Page, path: str, method: str = "GET") -> None:
        self._page, self._method = page, method
        self._waiting: list[tuple[Route, APIResponse]] = []
        self._holds = True
        page.route(re.compile(path), self._take)

    def _take(self, route: Route) -> None:
        if self._holds and route.request.method == self._method:
            self._waiting.append((route, route.fetch()))
        else:
            route.fallback()

    def has(self, number: int = 1) -> None:
        """Waits until so many are on their way."""
        until(lambda: self._page.evaluate("0") is None or len(self._waiting) >= number)

    def let_pass(self) -> None:
        """What is asked from now on is answered at once."""
        self._holds = False

    def arrive(self, *, newest_first: bool = False) -> None:
        """Those on their way come, and none is held any more."""
        self.let_pass()
        for route, answer in reversed(self._waiting) if newest_first else self._waiting:
            route.fulfill(response=answer)


def insisted(lab: Lab, net: str, minutes: int) -> None:
    lab.put(net, {"location": "westeurope", "properties": network() | {"flowTimeoutInMinutes": minutes}})


# What was typed


def test_what_was_saved_is_shown_before_it_was_read_again_and_typing_goes_on_from_it(
    memory_lab: Lab, open_page: Open, make: Make
) -> None:
    net = make("virtualNetworks/saved", network())
    page = open_page(memory_lab, at(net, "Properties"))
    page.get_by_label(TIMEOUT).fill("10")
    reading = Held(page, "virtualNetworks/saved")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    reading.has()
    expect(page.get_by_label(TIMEOUT)).to_have_value("10")
    page.get_by_label(TIMEOUT).fill("12")
    expect(page.get_by_role("alert").filter(has_text=OTHERS)).to_have_count(0)
    reading.arrive()
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        page.get_by_role("button", name="Save").click()
    assert memory_lab.get(net)["properties"]["flowTimeoutInMinutes"] == 12


def test_what_is_typed_while_it_is_saved_stays(memory_lab: Lab, open_page: Open, make: Make) -> None:
    net = make("virtualNetworks/typed", network())
    page = open_page(memory_lab, at(net, "Properties"))
    page.get_by_label(TIMEOUT).fill("10")
    writing = Held(page, "virtualNetworks/typed", "PUT")
    page.get_by_role("button", name="Save").click()
    writing.has()
    page.get_by_label(TIMEOUT).fill("15")
    writing.arrive()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label(TIMEOUT)).to_have_value("15")
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        page.get_by_role("button", name="Save").click()
    assert memory_lab.get(net)["properties"]["flowTimeoutInMinutes"] == 15
    expect(page.get_by_role("alert").filter(has_text=OTHERS)).to_have_count(0)


def test_what_is_discarded_while_it_is_saved_is_shown_as_it_was_saved(
    memory_lab: Lab, open_page: Open, make: Make
) -> None:
    net = make("virtualNetworks/discarded", network())
    page = open_page(memory_lab, at(net, "Properties"))
    page.get_by_label(TIMEOUT).fill("10")
    reading = Held(page, "virtualNetworks/discarded")
    writing = Held(page, "virtualNetworks/discarded", "PUT")
    page.get_by_role("button", name="Save").click()
    writing.has()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_label(TIMEOUT)).to_have_value("")
    writing.arrive()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label(TIMEOUT)).to_have_value("10")
    reading.arrive()


def test_text_that_is_no_json_yet_is_not_lost_to_what_others_write(
    memory_lab: Lab, open_page: Open, make: Make
) -> None:
    net = make("virtualNetworks/begun", network())
    page = open_page(memory_lab, at(net, "JSON"))
    editor(page).fill("{")
    insisted(memory_lab, net, 20)
    expect(page.get_by_role("alert").filter(has_text=OTHERS)).to_be_visible()
    expect(editor(page)).to_have_value("{")
    page.get_by_role("button", name="Show theirs, drop mine").click()
    expect(editor(page)).to_have_value(re.compile('"flowTimeoutInMinutes": 20'))


def test_tags_of_others_are_not_overwritten_unseen(memory_lab: Lab, open_page: Open, make: Make) -> None:
    table = make("routeTables/tagged-by-two", tags={"a": "1"})
    page = open_page(memory_lab, at(table, "Tags"))
    page.get_by_label("Value of tag 1").fill("mine")
    memory_lab.put(table, {"location": "westeurope", "properties": {}, "tags": {"a": "1", "b": "theirs"}})
    expect(page.get_by_role("alert").filter(has_text=OTHERS)).to_be_visible()
    page.get_by_role("button", name="Save tags").click()
    expect(page.get_by_role("alert").filter(has_text="PreconditionFailed")).to_be_visible()
    assert memory_lab.get(table)["tags"] == {"a": "1", "b": "theirs"}
    page.get_by_role("button", name="Show theirs, drop mine").click()
    expect(page.get_by_label("Value of tag 2")).to_have_value("theirs")


def test_a_child_that_was_saved_is_edited_again_as_it_is_now(memory_lab: Lab, open_page: Open, make: Make) -> None:
    group = make("networkSecurityGroups/twice", {"securityRules": [{"name": "web", "properties": rule()}]})
    page = open_page(memory_lab, at(group, "Security rules"))
    page.get_by_role("button", name="Edit web").click()
    page.get_by_label("Access").select_option("Deny")
    reading = Held(page, r"networkSecurityGroups/twice\?")
    page.get_by_role("form", name="Edit web").get_by_role("button", name="Save").click()
    reading.has()
    expect(page.get_by_role("dialog")).to_be_visible()  # until the page knows what the next edit is of
    expect(page.get_by_role("alert").filter(has_text=OTHERS)).to_have_count(0)
    reading.arrive()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Edit web").click()
    expect(page.get_by_label("Access")).to_have_value("Deny")
    expect(page.get_by_role("alert")).to_have_count(0)


TYPE_AT_ONCE = """() => new Promise(done => {
  const seen = new MutationObserver(() => {
    const port = document.querySelector('form.ends input[type=number]');
    if (!port) return;
    seen.disconnect();
    port.value = '80';
    port.dispatchEvent(new Event('input', { bubbles: true }));
    requestAnimationFrame(() => requestAnimationFrame(done));
  });
  seen.observe(document.body, { childList: true, subtree: true });
  location.hash = '#/topology?from=visitor&to=web';
})"""
"""Types into a form the moment that it is there."""


def test_what_is_typed_as_soon_as_the_form_is_there_stays(memory_lab: Lab, open_page: Open) -> None:
    page = open_page(memory_lab, "#/topology?select=web")
    expect(page.get_by_role("tab", name="Trace")).to_be_visible()
    page.evaluate(TYPE_AT_ONCE)
    expect(page.get_by_label("Port")).to_have_value("80")


def test_a_child_is_edited_once_its_form_is_known(memory_lab: Lab, open_page: Open, make: Make) -> None:
    group = make("networkSecurityGroups/unread", {"securityRules": [{"name": "web", "properties": rule()}]})
    page = open_page(memory_lab)
    reading = Held(page, "/schema/Microsoft.Network/networkSecurityGroups/securityRules")
    go(page, at(group, "Security rules"))
    reading.has()
    expect(page.get_by_role("button", name="Edit web")).to_be_disabled()
    reading.arrive()
    page.get_by_role("button", name="Edit web").click()
    expect(page.get_by_role("form", name="Edit web").get_by_label("Access")).to_have_value("Allow")


# What is shown of what


def test_another_subscription_is_not_shown_with_the_resources_of_the_last(memory_lab: Lab, open_page: Open) -> None:
    page = open_page(memory_lab, "#/resources")
    expect(rows(page, "Resources").first).to_be_visible()
    reading = Held(page, r"/resources\?")
    page.get_by_label("Subscription").select_option("lazulite-collector")
    reading.has()
    expect(rows(page, "Resources")).to_have_count(0)
    reading.arrive()
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()


def test_a_machine_is_not_shown_with_the_routes_of_the_last(memory_page: Page) -> None:
    box(memory_page, "web, machine").click()
    memory_page.get_by_role("tab", name="Routes").click()
    routes = memory_page.get_by_role("table", name="Effective routes")
    expect(routes.get_by_role("row").filter(has_text="to-data")).to_be_visible()
    asking = Held(memory_page, "effectiveRouteTable", "POST")
    box(memory_page, "nva, machine").click()
    asking.has()
    expect(routes).to_have_count(0)
    asking.arrive()
    expect(routes).to_be_visible()
    expect(routes.get_by_role("row").filter(has_text="to-data")).to_have_count(0)


def test_a_verdict_is_of_the_question_that_stands_above_it(memory_lab: Lab, open_page: Open) -> None:
    page = open_page(memory_lab, "#/topology?from=web&to=db&port=5432")
    expect(verdict(page)).to_contain_text("Passes")
    asking = Held(page, "/lazulite/trace", "POST")
    go(page, "#/topology?from=nva&to=db&port=5432")
    asking.has()
    expect(page.get_by_role("heading", name="nva → db")).to_be_visible()
    expect(page.get_by_text("Passes")).to_have_count(0)
    asking.let_pass()
    go(page, "#/topology?from=visitor&to=web&port=80")
    expect(verdict(page)).to_contain_text("nsg-web/allow-http")
    asking.arrive()  # the answer to the question before
    expect(page.get_by_role("heading", name="visitor → web")).to_be_visible()
    expect(verdict(page)).to_contain_text("nsg-web/allow-http")


def test_the_packet_that_was_sent_last_is_told_of_whichever_comes_back_first(lab: Lab, open_page: Open) -> None:
    page = open_page(lab, "#/topology?from=web&to=db&port=5432")
    sending = Held(page, "/lazulite/probe", "POST")
    for number, end in ((1, "web"), (2, "nva")):
        go(page, f"#/topology?from={end}&to=db&port=5432")
        expect(page.get_by_role("heading", name=f"{end} → db")).to_be_visible()
        page.get_by_role("button", name="Send the real packet").click()
        sending.has(number)
    sending.arrive(newest_first=True)
    told = page.get_by_role("status").filter(has_text="Real packet")
    expect(told).to_contain_text("does not pass")
    expect(told).to_contain_text("Both agree")


def test_who_asked_something_else_meanwhile_is_not_led_back(memory_lab: Lab, open_page: Open, make: Make) -> None:
    properties = {"frontendIPConfigurations": [{"name": "f", "properties": {"subnet": {"id": subnet(memory_lab)}}}]}
    make("loadBalancers/slow-front", properties, sku={"name": "Standard"})
    page = open_page(memory_lab)
    box(page, "web, machine").click()
    asking = Held(page, "loadBalancers/slow-front")
    front = page.get_by_role("button", name=re.compile(r"^(f|slow-front)\b.*balancer"))
    front.first.click(modifiers=["Shift"])
    asking.has()
    go(page, "#/resources")
    expect(page.get_by_role("heading", name="Resources", level=1)).to_be_visible()
    asking.arrive()
    expect(rows(page, "Resources").first).to_be_visible()
    assert page.url.endswith("#/resources")


def subnet(lab: Lab) -> str:
    return demo(lab, "virtualNetworks/hub/subnets/") + str(
        lab.get(demo(lab, "virtualNetworks/hub"))["properties"]["subnets"][0]["name"]
    )


# What is said


def test_who_deletes_a_resource_is_not_told_that_somebody_did(memory_lab: Lab, open_page: Open, make: Make) -> None:
    table = make("routeTables/ones-own")
    page = open_page(memory_lab, at(table))
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete ones-own?")
    deleting = Held(page, "routeTables/ones-own", "DELETE")
    with page.expect_response(lambda answer: answer.status == 404):  # it was read again
        dialog.get_by_role("button", name="Delete", exact=True).click()
    deleting.has()
    expect(dialog).to_be_visible()
    expect(page.get_by_role("heading", name="ones-own was deleted")).to_have_count(0)
    deleting.arrive()
    expect(page.get_by_text("ones-own is deleted.")).to_be_visible()
    expect(page.get_by_role("heading", name="Resources", level=1)).to_be_visible()


def test_a_group_that_is_there_is_planned_as_such_before_the_list_of_groups_has_come(
    memory_lab: Lab, open_page: Open
) -> None:
    page = open_page(memory_lab, "#/deployments")
    expect(page.get_by_role("table", name="Deployments")).to_be_visible()
    reading = Held(page, r"/resourceGroups\?")
    new = start(page, "demo", file("again.json", json.loads(DEMO.read_text())))
    reading.has()
    expect(new.get_by_text("It will be made.")).to_have_count(0)
    new.get_by_role("button", name="Plan").click()
    expect(page.get_by_role("region", name="Plan").get_by_text("Nothing would change")).to_be_visible()
    reading.arrive()


@pytest.fixture
def no_recordings(lab: Lab) -> None:
    for each in lab.client.get("/lazulite/recordings")["value"]:
        lab.client.exchange("DELETE", f"/lazulite/recordings/{each['id']}")


@pytest.mark.usefixtures("no_recordings")
def test_a_list_that_is_asked_for_again_meanwhile_does_not_tell_of_an_error(lab: Lab, open_page: Open) -> None:
    page = open_page(lab, "#/captures?names=web")
    expect(page.get_by_text("No captures yet.")).to_be_visible()
    polling = Held(page, r"/lazulite/recordings$")
    polling.has()
    page.get_by_role("button", name="Start capture").click()
    polling.has(2)
    expect(page.get_by_role("alert")).to_have_count(0)
    polling.arrive()
    row = page.get_by_role("row").filter(has_text="recording")
    expect(row).to_be_visible()
    row.get_by_role("button", name=re.compile("^Delete|^Stop")).first.click()


@pytest.fixture
def opened(lab: Lab) -> Callable[[], list[str]]:
    """Names of the machines in which terminals are open; none at first."""

    def held() -> list[dict[str, str]]:
        found: list[dict[str, str]] = lab.client.get("/lazulite/terminals")["value"]
        return found

    for each in held():
        lab.client.exchange("DELETE", f"/lazulite/terminals/{each['id']}")
    return lambda: sorted(each["name"] for each in held())


def test_a_terminal_that_is_wanted_while_another_is_opened_is_opened_too(
    lab: Lab, open_page: Open, opened: Callable[[], list[str]]
) -> None:
    page = open_page(lab)
    opening = Held(page, r"/lazulite/terminals$", "POST")
    go(page, "#/terminals/web")
    opening.has()
    expect(page.get_by_text("No terminal is open")).to_have_count(0)
    go(page, "#/terminals/db")
    tab = partial(page.get_by_role, "tab", exact=True)
    expect(tab(name="web")).to_be_visible()  # the list has it by now
    opening.has(2)
    opening.arrive()
    expect(tab(name="db")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tab")).to_have_count(2)
    assert opened() == ["db", "web"]
    for name in ("db", "web"):
        page.get_by_role("button", name=f"Close the terminal {name}").click()
    expect(page.get_by_text("No terminal is open")).to_be_visible()
