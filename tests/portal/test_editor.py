"""The JSON of a resource, typed: what is wrong is marked, names and words are suggested, brackets close."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from lazulite.testing import Lab
from tests.portal.conftest import GROUP, Open, Shot
from tests.portal.test_accessibility import complaints
from tests.portal.test_resources import Make, at, editor, make, rule
from tests.waiting import until

__all__ = ["make"]

ROUTES = {"routes": [{"name": "out", "properties": {"addressPrefix": "10.0.0.0/8", "nextHopType": "None"}}]}
PUT = """([area, text, at]) => {
  area.focus();
  area.setSelectionRange(0, area.value.length);
  document.execCommand('insertText', false, text);
  area.setSelectionRange(at, at);
}"""


def write(page: Page, marked: str) -> None:
    """The text, with the cursor where it has a ``‸``."""
    page.evaluate(PUT, [editor(page).element_handle(), marked.replace("‸", ""), marked.index("‸")])
    editor(page).press("Shift")  # as after every key, the page looks where the cursor is


def text_with_cursor(page: Page) -> str:
    found: str = editor(page).evaluate(
        "area => area.value.slice(0, area.selectionStart) + '‸' + area.value.slice(area.selectionEnd)"
    )
    return found


def suggestions(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def wrong(page: Page) -> Locator:
    return page.get_by_role("status", name="What is wrong")


def line_of(page: Page, word: str) -> int:
    return next(n for n, each in enumerate(editor(page).input_value().splitlines(), 1) if f'"{word}"' in each)


@pytest.fixture
def table(memory_lab: Lab, open_page: Open, make: Make) -> Page:
    """The JSON of a route table."""
    page = open_page(memory_lab, at(make("routeTables/written", ROUTES), "JSON"))
    expect(editor(page)).to_have_value(re.compile("nextHopType"))
    return page


def test_what_the_schema_has_against_it_is_told_at_its_line_while_one_types(table: Page, shot: Shot) -> None:
    document = json.loads(editor(table).input_value())
    document["properties"] |= {"routez": []}
    document["properties"]["routes"][0]["properties"] |= {"nextHopType": "Nowhere"}
    editor(table).fill(json.dumps(document, indent=2))
    items = wrong(table).get_by_role("listitem")
    expect(items).to_have_count(2)
    for word, message in {"nextHopType": "nextHopType is one of", "routez": "routez is not known here"}.items():
        line = line_of(table, word)
        expect(items.filter(has_text=message)).to_contain_text(f"Line {line}")
        expect(table.locator(".gutter .wrong").filter(has_text=re.compile(f"^{line}$"))).to_have_count(1)
    expect(table.locator(".marks .wave")).to_have_count(2)
    expect(editor(table)).to_have_attribute("aria-invalid", "true")
    shot(table, "json-schema")
    items.filter(has_text="routez").get_by_role("button").click()
    expect(editor(table)).to_be_focused()
    chosen = editor(table).evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert chosen == '"routez": []'
    expect(table.get_by_role("button", name="Save")).to_be_enabled()  # the lab decides, not the page


def test_a_mark_lies_below_its_property(table: Page) -> None:
    editor(table).fill('{\n  "location": "westeurope",\n  "properties": {\n    "routez": []\n  }\n}')
    mark, area = table.locator(".marks .wave").bounding_box(), editor(table).bounding_box()
    assert mark is not None
    assert area is not None
    assert 8 + 3 * 18 - 2 <= mark["y"] - area["y"] <= 8 + 3 * 18 + 2, "the fourth line"
    letters = mark["width"] / len('"routez": []')
    assert 5 < letters < 10
    assert abs(mark["x"] - area["x"] - 8 - 4 * letters) < 2, "behind the four spaces of its indent"


def test_what_the_lab_says_stands_for_what_the_schema_says_of_the_same_property(
    memory_lab: Lab, open_page: Open, make: Make
) -> None:
    group = make("networkSecurityGroups/written", {"securityRules": [{"name": "web", "properties": rule()}]})
    page = open_page(memory_lab, at(group, "JSON"))
    expect(editor(page)).to_have_value(re.compile("securityRules"))
    document = json.loads(editor(page).input_value())
    document["properties"]["securityRules"][0]["properties"]["direction"] = "Sideways"
    editor(page).fill(json.dumps(document, indent=2))
    expect(wrong(page)).to_contain_text("direction is one of Inbound, Outbound")
    page.get_by_role("button", name="Save").click()
    refused = page.get_by_role("alert", name="What is wrong").get_by_role("listitem")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("Sideways")
    expect(refused).not_to_contain_text("Schema")


def test_nothing_is_wrong_with_what_the_lab_itself_wrote(memory_lab: Lab, open_page: Open) -> None:
    """Every resource of the demo, and all that the lab made beside them."""
    group = f"{memory_lab.client.subscription}/resourceGroups/{GROUP}"
    ids = [row["id"] for row in memory_lab.client.get(f"{group}/resources")["value"]]
    assert len({i.split("/")[7].lower() for i in ids}) >= 6
    page = open_page(memory_lab, "#/resources")
    for each in ids:
        page.evaluate("where => { location.hash = where; }", at(each, "JSON"))
        expect(page.get_by_role("heading", name=each.rpartition("/")[2], level=1)).to_be_visible()
        page.get_by_role("tab", name="JSON").click()
        expect(editor(page)).to_have_value(re.compile(r"\{\n"))
        expect(page.locator(".gutter .wrong")).to_have_count(0)


def test_names_and_words_are_suggested_and_taken_by_the_keyboard(table: Page, shot: Shot) -> None:
    write(table, '{\n  "location": "westeurope",\n  "properties": { "routes": [\n    { "properties": {‸} }\n  ] }\n}')
    table.keyboard.type('"')
    expect(suggestions(table).filter(has_text="nextHopType")).to_be_visible()
    table.keyboard.type("hopty")
    expect(suggestions(table)).to_have_count(1)
    expect(suggestions(table).first).to_have_attribute("aria-selected", "true")
    table.keyboard.press("Enter")
    expect(suggestions(table).first).to_have_text("VirtualNetworkGateway")
    shot(table, "json-suggestions")
    until(lambda: text_with_cursor(table), lambda found: '{ "properties": {"nextHopType": "‸"} }' in found)
    table.keyboard.press("ArrowDown")
    table.keyboard.press("ArrowDown")
    expect(suggestions(table).nth(2)).to_have_attribute("aria-selected", "true")
    active = suggestions(table).nth(2).get_attribute("id")
    expect(editor(table)).to_have_attribute("aria-activedescendant", active or "none")
    expect(table.get_by_role("status").filter(has_text="5 suggestions; Internet")).to_be_attached()
    table.keyboard.press("Enter")
    until(lambda: text_with_cursor(table), lambda found: '"nextHopType": "Internet"‸}' in found)
    expect(suggestions(table)).to_have_count(0)
    table.keyboard.press("Control+z")
    until(lambda: text_with_cursor(table), lambda found: "Internet" not in found)


def test_suggestions_come_when_they_are_asked_for_and_go_with_escape_or_a_click(table: Page) -> None:
    write(table, "{\n  ‸\n}")
    table.keyboard.press("Control+Space")
    expect(suggestions(table).first).to_be_visible()
    names = suggestions(table).locator("b").all_text_contents()
    assert {"location", "tags", "properties"} <= set(names)
    assert not {"id", "etag", "type"} & set(names), "what the service computes is not written"
    table.keyboard.press("Escape")
    expect(suggestions(table)).to_have_count(0)
    table.keyboard.press("Control+Space")
    suggestions(table).filter(has_text="location").click()
    expect(editor(table)).to_have_value(re.compile('"location": ""'))
    expect(editor(table)).to_be_focused()
    expect(suggestions(table).filter(has_text="westeurope")).to_be_attached()  # the regions there are


@pytest.mark.parametrize(
    ("before", "keys", "after"),
    [
        pytest.param("‸", ["{"], "{‸}", id="a brace comes with its partner"),
        pytest.param("{‸}", ["Enter"], "{\n  ‸\n}", id="a line in it is further to the right"),
        pytest.param('{\n  "tags": {},‸\n}', ["Enter"], '{\n  "tags": {},\n  ‸\n}', id="the next one stands below"),
        pytest.param('{ "tags": {‸} }', ["}"], '{ "tags": {}‸ }', id="a partner that is there is gone over"),
        pytest.param('{ "a‸" }', ['"'], '{ "a"‸ }', id="a quote too"),
        pytest.param("[‸]", ["Backspace"], "‸", id="an empty pair goes at once"),
        pytest.param("{\n‸1\n}", ["Control+]"], "{\n  ‸1\n}", id="a line moves to the right"),
        pytest.param("{\n  1‸\n}", ["Control+["], "{\n1‸\n}", id="and back"),
    ],
)
def test_brackets_and_indents_are_helped_with(table: Page, before: str, keys: list[str], after: str) -> None:
    write(table, before)
    for key in keys:
        table.keyboard.press(key)
    until(lambda: text_with_cursor(table), lambda found: found == after)


def test_the_partner_of_a_bracket_is_shown(table: Page) -> None:
    write(table, '{\n  "tags": {‸ "a": "b" }\n}')
    expect(table.locator(".marks .bracket")).to_have_count(2)
    write(table, '{\n  "tags": { "a": ‸"b" }\n}')
    expect(table.locator(".marks .bracket")).to_have_count(0)


def test_what_is_typed_is_put_in_order_and_can_be_undone(table: Page) -> None:
    write(table, '{"location":"westeurope","properties":{}}‸')
    table.get_by_role("button", name="Format").click()
    ordered = '{\n  "location": "westeurope",\n  "properties": {}\n}'
    expect(editor(table)).to_have_value(ordered)
    editor(table).press("Control+z")
    expect(editor(table)).to_have_value('{"location":"westeurope","properties":{}}')
    editor(table).fill("{")
    expect(table.get_by_role("button", name="Format")).to_be_disabled()


def test_the_keyboard_is_not_caught_in_the_editor(table: Page) -> None:
    editor(table).focus()
    table.keyboard.press("Tab")
    expect(editor(table)).not_to_be_focused()
    table.keyboard.press("Shift+Tab")
    expect(editor(table)).to_be_focused()
    expect(editor(table)).to_have_accessible_description(re.compile("Ctrl\\+Space suggests.*Tab leaves"))


def test_what_is_written_is_what_is_sent(memory_lab: Lab, table: Page) -> None:
    write(table, '{\n  "location": "westeurope",\n  "properties": {‸}\n}')
    for keys in ('"routes', "Enter"):
        table.keyboard.press(keys) if keys == "Enter" else table.keyboard.type(keys)
    until(lambda: text_with_cursor(table), lambda found: '"routes": [‸]' in found)
    table.keyboard.type('{"name')
    table.keyboard.press("Enter")
    table.keyboard.type("typed")
    table.keyboard.press("End")
    until(lambda: text_with_cursor(table), lambda found: '{"name": "typed"}]‸}' in found or '"typed"}]}‸' in found)
    value = (
        editor(table)
        .input_value()
        .replace('"typed"', '"typed", "properties": {"addressPrefix": "10.9.0.0/16", "nextHopType": "None"}')
    )
    editor(table).fill(value)
    table.get_by_role("button", name="Save").click()
    expect(table.get_by_text("Saved.")).to_be_visible()
    held: Any = memory_lab.get("routeTables/written")["properties"]["routes"]
    assert [(r["name"], r["properties"]["addressPrefix"]) for r in held] == [("typed", "10.9.0.0/16")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_suggestions_and_marks_are_not_in_the_way_of_assistive_technology(
    memory_lab: Lab, open_page: Open, make: Make, shot: Shot, scheme: str
) -> None:
    page = open_page(memory_lab, at(make("routeTables/read", ROUTES), "JSON"), scheme=scheme)
    expect(editor(page)).to_have_value(re.compile("nextHopType"))
    write(page, '{\n  "location": "westeurope",\n  "properties": { "routez": [], "dis‸": 1 }\n}')
    page.keyboard.press("Control+Space")
    expect(suggestions(page).first).to_be_visible()
    expect(wrong(page).get_by_role("listitem")).to_have_count(2)
    shot(page, f"json-editor-{scheme}")
    assert complaints(page) == []
