"""The map: what it shows, how it is walked and kept; a trace between two ends, and a packet that proves it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Locator, Page, expect

from lazulite.testing import Lab
from lazulite.testing import lab as fresh_lab
from tests.portal.conftest import GROUP, Open, Shot

NETWORK = "Microsoft.Network"
API = {"apiVersion": "2024-05-01", "location": "westeurope"}
CROWD = 64
"""Machines in one subnet: more than are drawn one by one from afar."""
SVG = "{http://www.w3.org/2000/svg}"


PLACES = """texts => texts.map(text => {
  const { x, y, width, height } = text.getBoundingClientRect();
  return [text.textContent, { x, y, width, height }];
})"""
"""Texts with their places, all of one moment."""


def canvas(page: Page) -> Locator:
    return page.get_by_role("group", name="Network map")


def box(page: Page, name: str) -> Locator:
    """A box of the map by its name and kind, ``web, machine``."""
    pattern = re.escape(name).replace("/", r"\/")
    return canvas(page).get_by_role("button", name=re.compile(rf"^{pattern}\b"))


def verdict(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Inspector").get_by_role("status").first


def demo(lab: Lab) -> str:
    """Where the network of the demo is."""
    return f"{lab.client.subscription}/resourceGroups/{GROUP}/providers/{NETWORK}"


@pytest.fixture(scope="module")
def crowd() -> Iterator[Lab]:
    """A subnet with many machines, without packets."""
    subnet = "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'plaza', 'all')]"
    prefixes = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    network = prefixes | {"subnets": [{"name": "all", "properties": {"addressPrefix": "10.0.0.0/24"}}]}
    loop = {"copy": {"name": "each", "count": CROWD}}
    nic = {"ipConfigurations": [{"name": "ip", "properties": {"subnet": {"id": subnet}}}]}
    nic_id = "[resourceId('Microsoft.Network/networkInterfaces', format('nic{0}', copyIndex()))]"
    vm = {"hardwareProfile": {"vmSize": "Standard_B1s"}, "networkProfile": {"networkInterfaces": [{"id": nic_id}]}}
    resources: list[dict[str, Any]] = [
        {"type": f"{NETWORK}/virtualNetworks", "name": "plaza", "properties": network} | API,
        {"type": f"{NETWORK}/networkInterfaces", "name": "[format('nic{0}', copyIndex())]", "properties": nic}
        | {"dependsOn": ["plaza"]}
        | loop
        | API,
        {"type": "Microsoft.Compute/virtualMachines", "name": "[format('vm{0}', copyIndex())]", "properties": vm}
        | {"dependsOn": [nic_id]}
        | loop
        | API
        | {"apiVersion": "2024-07-01"},
    ]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    with fresh_lab(memory=True) as one:
        one.deploy({"$schema": schema, "contentVersion": "1.0.0.0", "resources": resources}, group=GROUP)
        yield one


# What the map shows


def test_every_box_of_the_network_is_a_button_that_says_what_it_is(memory_page: Page) -> None:
    for name in ("web, machine, 10.1.1.4", "spoke-app, virtual network, 10.1.0.0/16", "batch, subnet, 10.1.2.0/24"):
        expect(box(memory_page, name)).to_be_visible()
    expect(box(memory_page, "visitor, client on the Internet")).to_be_visible()
    expect(
        memory_page.get_by_text("The map shows 3 virtual networks, 4 subnets, 4 machines, 1 client.")
    ).to_be_attached()


def test_a_network_that_is_made_appears_and_one_that_is_deleted_goes(memory_lab: Lab, memory_page: Page) -> None:
    expect(box(memory_page, "hub, virtual network")).to_be_visible()
    memory_lab.put(
        "virtualNetworks/late",
        {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.77.0.0/16"]}}},
    )
    expect(box(memory_page, "late, virtual network, 10.77.0.0/16")).to_be_visible()
    memory_lab.delete("virtualNetworks/late")
    expect(box(memory_page, "late")).to_have_count(0)


def test_a_peering_that_one_side_lacks_is_drawn_as_broken(memory_lab: Lab, memory_page: Page) -> None:
    for number, name in enumerate(("left", "right")):
        space = {"addressSpace": {"addressPrefixes": [f"10.{80 + number}.0.0/16"]}}
        memory_lab.put(f"virtualNetworks/{name}", {"properties": space})
    said = canvas(memory_page).get_by_text(re.compile("left and right|right and left"))
    for here, there, state in (("left", "right", "peered from one side only"), ("right", "left", ": peered")):
        remote = {"remoteVirtualNetwork": memory_lab.ref(f"virtualNetworks/{there}")}
        memory_lab.put(f"virtualNetworks/{here}/virtualNetworkPeerings/to-{there}", {"properties": remote})
        expect(said).to_have_text(re.compile(f"{state}$"))
    for name in ("left", "right"):
        memory_lab.delete(f"virtualNetworks/{name}")
    expect(said).to_have_count(0)


def test_an_empty_lab_says_how_to_begin(open_page: Open) -> None:
    with fresh_lab(memory=True) as empty:
        page = open_page(empty)
        expect(page.get_by_role("heading", name="No network yet")).to_be_visible()
        expect(page.get_by_role("link", name="Deployments").last).to_have_attribute("href", "#/deployments")


def test_from_afar_machines_are_dots_and_from_near_they_have_names_and_addresses(memory_page: Page) -> None:
    web = box(memory_page, "web, machine")
    expect(canvas(memory_page)).to_have_class(re.compile(r"\bnear\b"))
    expect(web.get_by_text("web", exact=True)).to_be_visible()
    expect(web.get_by_text("10.1.1.4")).to_be_visible()
    web.focus()
    for _ in range(5):
        memory_page.keyboard.press("-")
    expect(canvas(memory_page)).to_have_class(re.compile(r"\bfar\b"))
    expect(web.get_by_text("web", exact=True)).to_be_hidden()
    memory_page.get_by_role("button", name="Fit").click()
    expect(web.get_by_text("web", exact=True)).to_be_visible()


def test_a_layer_that_is_switched_off_is_not_drawn(memory_page: Page) -> None:
    web = box(memory_page, "web, machine")
    expect(web.get_by_text("10.1.1.4")).to_be_visible()
    memory_page.get_by_text("Layers").click()
    memory_page.get_by_role("checkbox", name="Addresses").uncheck()
    expect(web.get_by_text("10.1.1.4")).to_have_count(0)


def test_a_crowded_subnet_is_one_tile_until_it_is_wanted(crowd: Lab, open_page: Open, shot: Shot) -> None:
    page = open_page(crowd, width=900, height=520)
    expect(box(page, "all, subnet")).to_be_visible()
    for _ in range(4):
        page.get_by_role("button", name="Zoom out").click()
    tile = box(page, f"all, {CROWD} machines")
    expect(tile).to_be_visible()
    expect(box(page, "vm30, machine")).to_have_count(0)
    shot(page, "map-crowd")
    tile.click()
    expect(box(page, "vm30, machine")).to_be_visible()
    expect(tile).to_have_count(0)


# Finding and walking


def test_a_search_finds_by_name_and_by_address_and_enter_goes_there(memory_page: Page) -> None:
    search = memory_page.get_by_role("searchbox", name="Search the map")
    search.fill("10.2.1.4")
    expect(memory_page.get_by_text("1 found")).to_be_visible()
    expect(box(memory_page, "web, machine")).to_have_class(re.compile(r"\bdim\b"))
    expect(box(memory_page, "db, machine")).not_to_have_class(re.compile(r"\bdim\b"))
    search.press("Enter")
    expect(memory_page.get_by_role("heading", name="db", exact=True)).to_be_visible()
    search.fill("nobody has this name")
    expect(memory_page.get_by_text("nothing found")).to_be_visible()


def test_the_keyboard_walks_the_boxes_as_they_are_read_chooses_and_lets_go(memory_page: Page) -> None:
    expect(box(memory_page, "web, machine")).to_be_visible()
    memory_page.get_by_role("button", name="List").focus()
    memory_page.keyboard.press("Tab")
    expect(box(memory_page, "Internet")).to_be_focused()
    memory_page.keyboard.press("ArrowRight")
    expect(box(memory_page, "visitor")).to_be_focused()
    memory_page.keyboard.press("ArrowDown")
    expect(box(memory_page, "nva, machine")).to_be_focused()
    memory_page.keyboard.press("Enter")
    expect(memory_page.get_by_role("heading", name="nva", exact=True)).to_be_visible()
    expect(box(memory_page, "nva, machine")).to_have_attribute("aria-pressed", "true")
    memory_page.keyboard.press("Escape")
    expect(memory_page.get_by_role("heading", name="Network", exact=True)).to_be_visible()
    memory_page.keyboard.press("End")
    expect(box(memory_page, "db, machine")).to_be_focused()


def test_the_map_can_be_read_as_a_list(memory_page: Page) -> None:
    memory_page.get_by_role("button", name="List").click()
    listed = memory_page.get_by_role("region", name="Network as a list")
    listed.get_by_role("button", name="db, machine, 10.2.1.4").click()
    expect(memory_page.get_by_role("heading", name="db", exact=True)).to_be_visible()
    memory_page.get_by_role("button", name="Map").click()
    expect(box(memory_page, "db, machine")).to_have_attribute("aria-pressed", "true")


# The inspector


def test_a_link_may_name_the_box_that_it_is_about(memory_lab: Lab, open_page: Open) -> None:
    page = open_page(memory_lab, "#/topology?select=db")
    expect(page.get_by_role("heading", name="db", exact=True)).to_be_visible()


def test_a_machine_tells_of_its_place_its_rules_and_its_routes(memory_page: Page) -> None:
    box(memory_page, "web, machine").click()
    inspector = memory_page.get_by_role("complementary", name="Inspector")
    expect(inspector.get_by_role("link", name="nsg-web")).to_have_attribute("href", re.compile("networkSecurityGroups"))
    expect(inspector.get_by_role("img", name=re.compile("Throughput of web"))).to_be_visible()
    expect(inspector.get_by_role("link", name="Terminal")).to_have_attribute("href", "#/terminals/web")
    inspector.get_by_role("tab", name="Rules").click()
    inbound = inspector.get_by_role("table", name="Inbound rules of nsg-web")
    expect(inbound.get_by_role("row").filter(has_text="allow-http")).to_contain_text("Allow")
    inspector.get_by_role("tab", name="Routes").click()
    routes = inspector.get_by_role("table", name="Effective routes")
    expect(routes.get_by_role("row").filter(has_text="to-data")).to_contain_text("VirtualAppliance")


# A packet's way


def test_two_ends_that_are_clicked_tell_the_rule_that_stops_the_packet(memory_page: Page, shot: Shot) -> None:
    box(memory_page, "nva, machine").click()
    box(memory_page, "db, machine").click(modifiers=["Shift"])
    expect(verdict(memory_page)).to_contain_text("Does not pass")
    expect(verdict(memory_page)).to_contain_text("nsg-data/deny-the-rest")
    expect(verdict(memory_page)).to_contain_text("Deny anything from any to any, any port · inbound · priority 4000")
    edit = memory_page.get_by_role("link", name="Edit rule")
    expect(edit).to_have_attribute("href", re.compile(r"deny-the-rest\?tab=Properties$"))
    expect(memory_page.get_by_text("ends here")).to_be_attached()
    shot(memory_page, "map-denied")


def test_a_way_is_drawn_through_the_appliance_it_takes(memory_page: Page, shot: Shot) -> None:
    memory_page.evaluate("() => { location.hash = '#/topology?from=web&to=db&port=5432'; }")
    expect(verdict(memory_page)).to_contain_text("Passes")
    expect(verdict(memory_page)).to_contain_text("nsg-data/allow-app-postgres")
    expect(canvas(memory_page).locator(".way")).to_have_attribute("data-stops", "3")
    expect(memory_page.get_by_role("link", name="rt-app/to-data").first).to_be_visible()
    capture = memory_page.get_by_role("link", name="Capture on this path")
    expect(capture).to_have_attribute("href", "#/captures?names=web%2Cnva%2Cdb")
    shot(memory_page, "map-allowed")


def test_the_first_end_may_be_chosen_by_a_button_and_given_up(memory_page: Page) -> None:
    box(memory_page, "web, machine").click()
    memory_page.get_by_role("button", name="Trace from here").click()
    expect(memory_page.get_by_text("Trace from web")).to_be_visible()
    memory_page.get_by_role("button", name="Cancel").click()
    expect(memory_page.get_by_text("Trace from web")).to_be_hidden()
    memory_page.get_by_role("button", name="Trace from here").click()
    box(memory_page, "spoke-data, virtual network").click(position={"x": 12, "y": 12})
    expect(memory_page.get_by_text("spoke-data is no end of a packet")).to_be_visible()
    box(memory_page, "batch, machine").click()
    expect(verdict(memory_page)).to_contain_text("→ 10.1.2.4:443")


def test_a_form_asks_for_those_who_do_not_click(memory_page: Page) -> None:
    memory_page.get_by_role("combobox", name="From").fill("visitor")
    memory_page.get_by_role("combobox", name="To", exact=True).fill("web")
    memory_page.get_by_role("spinbutton", name="Port").fill("80")
    memory_page.keyboard.press("Enter")
    expect(verdict(memory_page)).to_contain_text("nsg-web/allow-http")
    expect(memory_page).to_have_url(re.compile(r"#/topology\?from=visitor&to=web&protocol=tcp&port=80$"))


def test_an_end_that_nobody_has_is_refused_in_the_lab_s_words(memory_lab: Lab, open_page: Open) -> None:
    page = open_page(memory_lab, "#/topology?from=web&to=nobody&port=80")
    expect(page.get_by_role("alert")).to_contain_text("MachineNotFound")
    assert page.get_by_role("alert").text_content()


def test_a_rule_that_changes_changes_the_verdict_that_is_shown(memory_lab: Lab, open_page: Open) -> None:
    page = open_page(memory_lab, "#/topology?from=visitor&to=web&port=22")
    expect(verdict(page)).to_contain_text("DenyAllInBound")
    rule = {"priority": 200, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourcePortRange": "*"}
    rule |= {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "destinationPortRange": "22"}
    place = f"{demo(memory_lab)}/networkSecurityGroups/nsg-web/securityRules/ssh"
    memory_lab.put(place, {"properties": rule})
    expect(verdict(page)).to_contain_text("nsg-web/ssh")
    memory_lab.delete(place)
    expect(verdict(page)).to_contain_text("DenyAllInBound")


@pytest.mark.parametrize(("source", "port", "says"), [("web", 5432, "Passes"), ("nva", 5432, "Does not pass")])
def test_a_real_packet_does_what_the_model_says(lab: Lab, open_page: Open, source: str, port: int, says: str) -> None:
    page = open_page(lab, f"#/topology?from={source}&to=db&port={port}")
    expect(verdict(page)).to_contain_text(says)
    page.get_by_role("button", name="Send the real packet").click()
    told = page.get_by_role("status").filter(has_text="Real packet")
    expect(told).to_contain_text("Both agree")
    expect(told).to_contain_text("Real packetpasses" if says == "Passes" else "Real packetdoes not pass")


# Keeping and looking


def test_the_map_is_kept_as_a_file_with_its_colours(memory_page: Page, tmp_path: Path) -> None:
    expect(box(memory_page, "web, machine")).to_be_visible()
    with memory_page.expect_download() as coming:
        memory_page.get_by_role("button", name="Export SVG").click()
    coming.value.save_as(tmp_path / "map.svg")
    root = ElementTree.parse(tmp_path / "map.svg").getroot()
    said = {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
    assert {"Internet", "hub", "spoke-app", "web", "10.1.1.4", "westeurope"} <= said
    assert all(rect.get("fill") for rect in root.iter(f"{SVG}rect"))
    assert not [e for e in root.iter() if e.get("class") or e.get("style")]
    expect(box(memory_page, "web, machine")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1600, 900), (1280, 720)])
def test_the_map_is_looked_at(
    memory_lab: Lab, open_page: Open, shot: Shot, scheme: str, width: int, height: int
) -> None:
    where = "#/topology?from=web&to=db&port=5432"
    page = open_page(memory_lab, where, scheme=scheme, width=width, height=height)
    expect(verdict(page)).to_contain_text("Passes")
    expect(canvas(page).locator(".way")).to_be_attached()
    shot(page, f"map-{scheme}-{width}")


def test_no_two_texts_of_the_map_meet(memory_page: Page) -> None:
    expect(box(memory_page, "web, machine")).to_be_visible()
    places: list[tuple[str, dict[str, float]]] = canvas(memory_page).locator("text").evaluate_all(PLACES)
    shown = [(name, b) for name, b in places if b["width"] and b["height"]]
    assert len(shown) > 10
    for i, (name, one) in enumerate(shown):
        for other_name, other in shown[i + 1 :]:
            apart = (
                one["x"] + one["width"] <= other["x"]
                or other["x"] + other["width"] <= one["x"]
                or one["y"] + one["height"] <= other["y"] + 3
                or other["y"] + other["height"] <= one["y"] + 3
            )
            assert apart, (name, other_name)
