"""Resources in the browser: found, looked at, changed, deleted, made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from lazulite.testing import Lab
from lazulite.testing import lab as fresh_lab
from tests.portal.conftest import Open, Shot
from tests.portal.watch import Watch

SCRIPT = "<img src=x onerror=alert(1)>"
Make = Callable[..., str]


@pytest.fixture
def make(memory_lab: Lab) -> Iterator[Make]:
    """``make("routeTables/a", properties, **more)``: a resource of the group ``test`` for a test; its id."""
    made: list[str] = []

    def one(path: str, properties: Any = None, **more: Any) -> str:
        memory_lab.put(path, {"location": "westeurope", "properties": properties or {}, **more})
        made.append(path)
        return memory_lab.id(path)

    yield one
    for path in reversed(made):
        memory_lab.delete(path)  # also what a test has deleted itself


def rule(priority: int = 100, access: str = "Allow", port: str = "80") -> dict[str, Any]:
    sides = {"sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*"}
    return {"priority": priority, "direction": "Inbound", "access": access, "protocol": "Tcp", **sides} | {
        "destinationPortRange": port
    }


def network(*subnets: dict[str, Any]) -> dict[str, Any]:
    return {"addressSpace": {"addressPrefixes": ["10.77.0.0/16"]}, "subnets": list(subnets)}


def at(resource: str, tab: str = "Overview") -> str:
    return f"#/resource/{quote(resource, safe='')}?tab={quote(tab)}"


def go(page: Page, where: str) -> None:
    page.evaluate("where => { location.hash = where; }", where)


def demo(lab: Lab, path: str) -> str:
    return f"{lab.client.subscription}/resourceGroups/demo/providers/Microsoft.Network/{path}"


def rows(page: Page, table: str) -> Locator:
    return page.get_by_role("table", name=table, exact=True).locator("tbody tr")


# Lists


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_resource_is_listed_by_type_and_by_group_with_counts(
    memory_lab: Lab, open_page: Open, shot: Shot, scheme: str
) -> None:
    page = open_page(memory_lab, "#/resources", scheme=scheme)
    tree = page.get_by_role("navigation", name="Resources by type")
    expect(tree.get_by_role("link", name="Virtual machines 4")).to_be_visible()
    shot(page, f"resources-{scheme}")
    tree.get_by_role("link", name="Virtual networks").click()
    expect(page.get_by_role("heading", name="Virtual networks", level=1)).to_be_visible()
    expect(rows(page, "Resources").get_by_role("link")).to_have_text(["hub", "spoke-app", "spoke-data"])


def test_a_table_is_filtered_by_words_and_by_what_resources_have(memory_lab: Lab, open_page: Open, make: Make) -> None:
    make("routeTables/tagged", tags={"team": "blue"})
    page = open_page(memory_lab, "#/resources")
    page.get_by_role("searchbox", name="Filter Resources").fill("nic- interface web")
    expect(rows(page, "Resources").get_by_role("link")).to_have_text(["nic-web"])
    page.get_by_role("searchbox", name="Filter Resources").fill("")
    page.get_by_role("group", name="Filters").get_by_label("Tag").select_option("team: blue")
    expect(rows(page, "Resources").get_by_role("link")).to_have_text(["tagged"])
    page.get_by_role("group", name="Filters").get_by_label("Group").select_option("demo")
    expect(page.get_by_text("No resource has all of these.")).to_be_visible()


def test_the_list_follows_what_others_write(memory_lab: Lab, open_page: Open, make: Make) -> None:
    page = open_page(memory_lab, "#/resources/Microsoft.Network/routeTables")
    expect(rows(page, "Resources").get_by_role("link", name="rt-app")).to_be_visible()
    make("routeTables/from-elsewhere")
    expect(rows(page, "Resources").get_by_role("link", name="from-elsewhere")).to_be_visible()
    memory_lab.delete("routeTables/from-elsewhere")
    expect(rows(page, "Resources").get_by_role("link", name="from-elsewhere")).to_have_count(0)


def test_another_subscription_can_be_chosen(memory_lab: Lab, open_page: Open) -> None:
    page = open_page(memory_lab, "#/resources")
    page.get_by_label("Subscription").select_option("lazulite-collector")
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()


def test_what_the_machine_refused_is_marked_with_the_reason(memory_lab: Lab, open_page: Open, make: Make) -> None:
    table = make("routeTables/refused")
    page = open_page(memory_lab)

    def refuse(route: Route) -> None:
        answer = route.fetch()
        told = answer.json() | {"refusals": [{"origin": f"{table}/routes/a", "message": "No room for it."}]}
        route.fulfill(response=answer, json=told)

    page.route("**/lazulite/status", refuse)
    go(page, "#/resources/Microsoft.Network/routeTables")
    marked = rows(page, "Resources").filter(has_text="No room for it.")
    expect(marked.get_by_role("link")).to_have_text(["refused"])
    expect(marked).to_contain_text("Refused")
    marked.get_by_role("link").click()
    expect(page.get_by_role("alert")).to_contain_text("The machine refused it. No room for it.")


# One resource


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_references_are_links_both_ways(memory_lab: Lab, open_page: Open, shot: Shot, scheme: str) -> None:
    page = open_page(memory_lab, at(demo(memory_lab, "networkInterfaces/nic-web")), scheme=scheme)
    expect(page.get_by_role("region", name="Essentials")).to_contain_text("westeurope")
    expect(
        page.get_by_role("region", name="Referred to by").get_by_role("link", name="virtualMachines/web")
    ).to_be_visible()
    shot(page, f"resource-{scheme}")
    page.get_by_role("region", name="Refers to").get_by_role(
        "link", name="virtualNetworks/spoke-app/subnets/web"
    ).click()
    expect(page.get_by_role("heading", name="spoke-app", level=1)).to_be_visible()
    back = page.get_by_role("region", name="Referred to by").get_by_role("link", name="networkInterfaces/nic-web")
    expect(back.first).to_be_visible()


def test_effective_rules_and_routes_are_those_of_the_interface(memory_lab: Lab, open_page: Open, shot: Shot) -> None:
    machine = demo(memory_lab, "").replace("Microsoft.Network/", "Microsoft.Compute/virtualMachines/web")
    page = open_page(memory_lab, at(machine, "Effective"))
    expect(rows(page, "Effective rules").filter(has_text="allow-http")).to_contain_text("nsg-web")
    expect(rows(page, "Effective routes").filter(has_text="to-data")).to_contain_text("10.0.1.4")
    shot(page, "effective")


def test_a_rule_is_changed_by_its_form(memory_lab: Lab, open_page: Open, make: Make) -> None:
    group = make("networkSecurityGroups/edited", {"securityRules": [{"name": "web", "properties": rule()}]})
    page = open_page(memory_lab, at(group, "Security rules"))
    page.get_by_role("button", name="Edit web").click()
    form = page.get_by_role("form", name="Edit web")
    form.get_by_label("Access").select_option("Deny")
    form.get_by_label("Destination port range").fill("80, 443")
    form.get_by_role("button", name="Save").click()
    expect(rows(page, "Security rules")).to_contain_text(["80, 443"])
    stored = memory_lab.get(f"{group}/securityRules/web")["properties"]
    assert stored["access"] == "Deny"
    assert stored["destinationPortRanges"] == ["80", "443"]
    assert "destinationPortRange" not in stored


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_refused_is_told_at_the_field_with_azures_code(
    memory_lab: Lab, open_page: Open, make: Make, shot: Shot, scheme: str
) -> None:
    group = make("networkSecurityGroups/wrong")
    page = open_page(memory_lab, at(group, "Security rules"), scheme=scheme)
    page.get_by_role("button", name="Add security rule").click()
    form = page.get_by_role("form", name="Add security rule")
    form.get_by_label("Name *").fill("web")
    for label, value in {
        "Priority": "5",
        "Protocol": "Tcp",
        "Source address prefix": "nonsense",
        "Source port range": "*",
    }.items():
        form.get_by_label(label).fill(value)
    form.get_by_label("Destination address prefix").fill("*")
    form.get_by_label("Destination port range").fill("99999")
    form.get_by_label("Direction").select_option("Inbound")
    form.get_by_label("Access").select_option("Allow")
    form.get_by_role("button", name="Save").click()
    for label, code in {
        "Priority": "SecurityRuleInvalidPriority",
        "Source address prefix": "SecurityRuleInvalidAddressPrefix",
        "Destination port range": "SecurityRuleInvalidPortRange",
    }.items():
        expect(form.get_by_label(label)).to_have_attribute("aria-invalid", "true")
        expect(form.get_by_label(label)).to_have_accessible_description(re.compile(code))
    shot(page, f"rule-refused-{scheme}")
    assert memory_lab.get(group)["properties"]["securityRules"] == []


def test_a_rule_is_added_and_deleted(memory_lab: Lab, open_page: Open, make: Make) -> None:
    group = make("networkSecurityGroups/grown", {"securityRules": [{"name": "old", "properties": rule()}]})
    page = open_page(memory_lab, f"#/create/rule?of={quote(group, safe='')}")
    page.get_by_label("Name *").fill("new")
    page.get_by_label("Priority").fill("200")
    page.get_by_label("Destination port range").fill("443")
    page.get_by_role("button", name="Show request").click()
    expect(page.get_by_label("Request", exact=True)).to_contain_text(f"PUT {group}/securityRules/new")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(rows(page, "Security rules").get_by_role("link")).to_have_text(["old", "new"])
    page.get_by_role("button", name="Delete old").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(rows(page, "Security rules").get_by_role("link")).to_have_text(["new"])


def test_a_rule_is_changed_on_its_own_page(memory_lab: Lab, open_page: Open, make: Make) -> None:
    group = make("networkSecurityGroups/paged", {"securityRules": [{"name": "web", "properties": rule()}]})
    page = open_page(memory_lab, at(f"{group}/securityRules/web", "Properties"))
    page.get_by_label("Access").select_option("Deny")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert memory_lab.get(f"{group}/securityRules/web")["properties"]["access"] == "Deny"
    page.get_by_role("link", name="paged").click()
    expect(page.get_by_role("heading", name="paged", level=1)).to_be_visible()


def test_what_the_platform_wrote_is_shown_and_not_changed(memory_lab: Lab, open_page: Open, make: Make) -> None:
    group = make("networkSecurityGroups/plain")
    page = open_page(memory_lab, at(f"{group}/defaultSecurityRules/DenyAllInBound"))
    expect(page.get_by_role("region", name="Essentials")).to_contain_text("65500")
    expect(page.get_by_text("it is not changed by itself")).to_be_visible()
    expect(page.get_by_role("tab")).to_have_text(["Overview", "JSON", "Activity"])
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)


def test_what_is_fixed_at_creation_cannot_be_typed_over(memory_lab: Lab, open_page: Open) -> None:
    machine = demo(memory_lab, "").replace("Microsoft.Network/", "Microsoft.Compute/virtualMachines/web")
    page = open_page(memory_lab, at(machine, "Properties"))
    name = page.get_by_label("Computer name")
    expect(name).to_be_disabled()
    expect(name).to_have_accessible_description("Fixed at creation.")


def test_a_probe_of_a_load_balancer_is_changed_by_the_form(memory_lab: Lab, open_page: Open, make: Make) -> None:
    probe = {"name": "alive", "properties": {"protocol": "Tcp", "port": 80}}
    make("virtualNetworks/balanced", network({"name": "a", "properties": {"addressPrefix": "10.77.0.0/24"}}))
    frontend = {"name": "f", "properties": {"subnet": memory_lab.ref("virtualNetworks/balanced/subnets/a")}}
    properties = {"frontendIPConfigurations": [frontend], "probes": [probe]}
    balancer = make("loadBalancers/probed", properties, sku={"name": "Standard"})
    page = open_page(memory_lab, at(balancer, "Properties"))
    alive = page.get_by_role("group", name="alive")
    alive.get_by_label("Port *").fill("70000")
    page.get_by_role("button", name="Save").click()
    expect(alive.get_by_label("Port *")).to_have_accessible_description(re.compile("InvalidParameter.*1-65535"))
    alive.get_by_label("Port *").fill("8080")
    page.get_by_role("button", name="Add probe").click()
    added = page.get_by_role("group", name="probe2")
    added.get_by_label("Protocol *").select_option("Http")
    added.get_by_label("Port *").fill("80")
    page.get_by_role("button", name="Save").click()
    wrong = added.get_by_label("Request path")
    expect(wrong).to_have_accessible_description(re.compile("RequestPath|requestPath|Probe"))
    wrong.fill("/health")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    stored = memory_lab.get(balancer)["properties"]["probes"]
    assert [(p["name"], p["properties"]["port"]) for p in stored] == [("alive", 8080), ("probe2", 80)]


def test_the_space_and_subnets_of_a_network_are_changed(memory_lab: Lab, open_page: Open, make: Make) -> None:
    net = make("virtualNetworks/edited", network())
    page = open_page(memory_lab, at(net, "Properties"))
    page.get_by_role("group", name="Address space").get_by_label("Address prefixes").fill("10.77.0.0/16\n10.78.0.0/16")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_role("tab", name="Subnets").click()
    page.get_by_role("button", name="Add subnet").click()
    form = page.get_by_role("form", name="Add subnet")
    form.get_by_label("Name *").fill("a")
    form.get_by_label("Address prefix").fill("10.99.0.0/24")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_label("Address prefix")).to_have_accessible_description(
        re.compile("NetcfgSubnetRangeOutsideVnet|Subnet")
    )
    form.get_by_label("Address prefix").fill("10.78.0.0/24")
    form.get_by_role("button", name="Save").click()
    expect(rows(page, "Subnets")).to_contain_text(["10.78.0.0/24"])


def test_an_interface_is_given_another_security_group(memory_lab: Lab, open_page: Open, make: Make) -> None:
    make("networkSecurityGroups/given")
    make("virtualNetworks/holder", network({"name": "a", "properties": {"addressPrefix": "10.77.0.0/24"}}))
    subnet = {"subnet": memory_lab.ref("virtualNetworks/holder/subnets/a")}
    nic = make("networkInterfaces/card", {"ipConfigurations": [{"name": "c", "properties": subnet}]})
    page = open_page(memory_lab, at(nic, "Properties"))
    page.get_by_label("Network security group").select_option(label="given (test)")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert memory_lab.get(nic)["properties"]["networkSecurityGroup"]["id"].endswith("/given")


def test_a_machine_is_stopped_and_started(memory_lab: Lab, open_page: Open) -> None:
    machine = demo(memory_lab, "").replace("Microsoft.Network/", "Microsoft.Compute/virtualMachines/batch")
    page = open_page(memory_lab, at(machine))
    header = page.get_by_role("main").locator("header").first
    expect(header.get_by_text("running", exact=True)).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(header.get_by_text("stopped", exact=True)).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(header.get_by_text("running", exact=True)).to_be_visible()


def test_tags_are_written_and_locks_hold(memory_lab: Lab, open_page: Open, make: Make) -> None:
    table = make("routeTables/labelled", tags={"old": "1"})
    page = open_page(memory_lab, at(table, "Tags"))
    page.get_by_role("button", name="Add tag").click()
    page.get_by_label("Name of tag 2").fill("note")
    page.get_by_label("Value of tag 2").fill(SCRIPT)
    page.get_by_role("button", name="Remove tag old").click()
    page.get_by_role("button", name="Save tags").click()
    expect(page.get_by_text("Tags saved.")).to_be_visible()
    assert memory_lab.get(table)["tags"] == {"note": SCRIPT}
    page.get_by_role("tab", name="Locks").click()
    page.get_by_label("Name", exact=True).fill("keep")
    page.get_by_role("button", name="Add lock").click()
    expect(rows(page, "Locks")).to_contain_text(["CanNotDelete"])
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("ScopeLocked")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Remove lock keep").click()
    expect(page.get_by_text("No lock.")).to_be_visible()


def test_markup_in_names_tags_and_descriptions_is_text(memory_lab: Lab, open_page: Open, make: Make) -> None:
    described = {"name": "r", "properties": rule() | {"description": SCRIPT}}
    group = make("networkSecurityGroups/marked", {"securityRules": [described]}, tags={"x": SCRIPT})
    page = open_page(memory_lab, "#/resources")
    expect(rows(page, "Resources").filter(has_text="marked")).to_contain_text(SCRIPT)
    for tab in ("Overview", "Security rules", "JSON", "Tags", "Activity"):
        go(page, at(group, tab))
        page.get_by_role("tab", name=tab, exact=True).click()
        expect(page.get_by_role("tabpanel", name=tab, exact=True)).to_be_visible()
    assert page.locator("main img").count() == 0


# JSON


def editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name="JSON of the resource")


def test_the_json_editor_marks_the_line_of_each_violation(
    memory_lab: Lab, open_page: Open, make: Make, shot: Shot
) -> None:
    group = make("networkSecurityGroups/document", {"securityRules": [{"name": "web", "properties": rule()}]})
    page = open_page(memory_lab, at(group, "JSON"))
    expect(editor(page)).to_have_value(re.compile("securityRules"))
    document = json.loads(editor(page).input_value())
    assert "etag" not in document
    document["properties"]["securityRules"][0]["properties"] |= {"priority": 5, "destinationPortRange": "99999"}
    text = json.dumps(document, indent=2)
    editor(page).fill(text)
    page.get_by_role("button", name="Save").click()
    wrong = page.get_by_role("alert", name="What is wrong")
    for word, code in {
        "priority": "SecurityRuleInvalidPriority",
        "destinationPortRange": "SecurityRuleInvalidPortRange",
    }.items():
        line = next(n for n, each in enumerate(text.splitlines(), 1) if f'"{word}":' in each)
        expect(wrong.get_by_role("listitem").filter(has_text=code)).to_contain_text(f"Line {line}")
        expect(page.locator(".gutter .wrong").filter(has_text=re.compile(f"^{line}$"))).to_have_count(1)
    shot(page, "json-violations")
    wrong.get_by_role("button").first.click()
    expect(editor(page)).to_be_focused()
    document["properties"]["securityRules"][0]["properties"] |= {"priority": 300, "destinationPortRange": "81"}
    editor(page).fill(json.dumps(document, indent=2))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert memory_lab.get(group)["properties"]["securityRules"][0]["properties"]["priority"] == 300


def test_a_property_that_azure_does_not_know_is_told_at_its_line(memory_lab: Lab, open_page: Open, make: Make) -> None:
    table = make("routeTables/slip")
    page = open_page(memory_lab, at(table, "JSON"))
    expect(editor(page)).to_have_value(re.compile("properties"))
    editor(page).fill('{\n  "location": "westeurope",\n  "properties": {\n    "routez": []\n  }\n}')
    page.get_by_role("button", name="Save").click()
    wrong = page.get_by_role("alert", name="What is wrong")
    expect(wrong).to_contain_text(re.compile("Line 4.*InvalidRequestFormat.*routez"))


def test_text_that_is_no_json_is_told_while_one_types_and_is_not_sent(
    memory_lab: Lab, open_page: Open, make: Make
) -> None:
    page = open_page(memory_lab, at(make("routeTables/typed"), "JSON"))
    expect(editor(page)).to_have_value(re.compile("properties"))
    editor(page).fill('{\n  "location": "westeurope"\n  "properties": {}\n}')
    expect(page.get_by_role("alert", name="What is wrong")).to_contain_text("Line 3")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()


def test_help_says_what_may_stand_at_the_cursor(memory_lab: Lab, open_page: Open, make: Make) -> None:
    page = open_page(
        memory_lab,
        at(
            make(
                "routeTables/helped",
                {"routes": [{"name": "a", "properties": {"addressPrefix": "10.0.0.0/8", "nextHopType": "None"}}]},
            ),
            "JSON",
        ),
    )
    expect(editor(page)).to_have_value(re.compile("nextHopType"))
    place = editor(page).input_value().index('"nextHopType"') + 3
    editor(page).evaluate("(area, at) => { area.focus(); area.setSelectionRange(at, at); }", place)
    editor(page).press("ArrowRight")
    aside = page.get_by_role("complementary", name="What is allowed here")
    expect(aside).to_contain_text("properties.routes[0].properties.nextHopType")
    expect(aside).to_contain_text("VirtualNetworkGateway or VnetLocal or Internet or VirtualAppliance or None")
    expect(aside).to_contain_text("addressPrefix")


# Others at work


def test_an_edit_of_somebody_else_is_told_before_it_would_be_overwritten(
    memory_lab: Lab, open_page: Open, make: Make
) -> None:
    net = make("virtualNetworks/shared", network())
    page = open_page(memory_lab, at(net, "Properties"))
    page.get_by_label("Flow timeout in minutes").fill("10")
    memory_lab.put(net, {"location": "westeurope", "properties": network() | {"flowTimeoutInMinutes": 20}})
    expect(page.get_by_role("alert").filter(has_text="Somebody else changed this resource")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").filter(has_text="PreconditionFailed")).to_be_visible()
    assert memory_lab.get(net)["properties"]["flowTimeoutInMinutes"] == 20
    page.get_by_role("button", name="Show theirs, drop mine").click()
    expect(page.get_by_label("Flow timeout in minutes")).to_have_value("20")
    page.get_by_label("Flow timeout in minutes").fill("10")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert memory_lab.get(net)["properties"]["flowTimeoutInMinutes"] == 10


def test_whoever_insists_overwrites_what_others_wrote(memory_lab: Lab, open_page: Open, make: Make) -> None:
    net = make("virtualNetworks/insisted", network())
    page = open_page(memory_lab, at(net, "Properties"))
    page.get_by_label("Flow timeout in minutes").fill("10")
    memory_lab.put(net, {"location": "westeurope", "properties": network() | {"flowTimeoutInMinutes": 20}})
    page.get_by_role("button", name="Overwrite theirs").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert memory_lab.get(net)["properties"]["flowTimeoutInMinutes"] == 10


def test_a_resource_that_is_deleted_meanwhile_says_so_and_leads_back(
    memory_lab: Lab, open_page: Open, make: Make
) -> None:
    table = make("routeTables/short-lived")
    page = open_page(memory_lab, at(table, "Properties"))
    expect(page.get_by_role("tabpanel", name="Properties")).to_be_visible()  # its name alone is there before it is read
    memory_lab.delete(table)
    expect(page.get_by_role("heading", name="short-lived was deleted")).to_be_visible()
    page.get_by_role("link", name="All resources").click()
    expect(page.get_by_role("table", name="Resources", exact=True)).to_be_visible()


def test_what_never_was_is_not_there(memory_lab: Lab, open_page: Open) -> None:
    page = open_page(memory_lab, at(memory_lab.id("routeTables/never")))
    expect(page.get_by_role("heading", name="never is not there")).to_be_visible()


# Deletes


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_delete_tells_what_would_refuse_it(memory_lab: Lab, open_page: Open, shot: Shot, scheme: str) -> None:
    page = open_page(memory_lab, at(demo(memory_lab, "networkInterfaces/nic-web")), scheme=scheme)
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete nic-web?")
    expect(dialog.get_by_role("alert")).to_contain_text("NicInUse")
    shot(page, f"delete-refused-{scheme}")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)


def test_a_delete_tells_which_flows_it_closes(memory_lab: Lab, open_page: Open, shot: Shot) -> None:
    group = demo(memory_lab, "networkSecurityGroups/nsg-web")
    page = open_page(memory_lab, at(group, "Security rules"))
    page.get_by_role("button", name="Delete allow-http").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("region", name="What goes")).to_contain_text("allow-http")
    closed = dialog.get_by_role("table", name="Flows that change").locator("tbody tr").filter(has_text="denied")
    expect(closed.filter(has_text="tcp 80").first).to_contain_text("web")
    shot(page, "delete-flows")
    dialog.get_by_role("button", name="Cancel").click()
    assert [r["name"] for r in memory_lab.get(group)["properties"]["securityRules"]] == ["allow-http"]


def test_a_group_is_deleted_when_its_name_is_typed(memory_lab: Lab, open_page: Open) -> None:
    group = f"{memory_lab.client.subscription}/resourceGroups/doomed"
    memory_lab.put(group, {"location": "westeurope"})
    memory_lab.put(f"{group}/providers/Microsoft.Network/routeTables/inside", {"location": "westeurope"})
    page = open_page(memory_lab, "#/resources")
    page.get_by_role("navigation", name="Resources by type").get_by_role("button", name="doomed").click()
    page.get_by_role("button", name="Delete group").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("region", name="What goes")).to_contain_text("routeTables/inside")
    expect(dialog.get_by_role("button", name="Delete", exact=True)).to_be_disabled()
    dialog.get_by_label("Type doomed to confirm").fill("doomed")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("The group doomed is deleted.")).to_be_visible()
    assert memory_lab.client.exchange("GET", group).status == 404


# The activity log


def test_the_activity_log_names_operation_status_caller_and_resource(
    memory_lab: Lab, open_page: Open, make: Make, shot: Shot
) -> None:
    table = make("routeTables/logged")
    memory_lab.client.exchange("PUT", table, {"location": "westeurope", "properties": {"routez": []}})
    page = open_page(memory_lab, "#/activity")
    page.get_by_role("group", name="Filters of the log").get_by_label("Status").select_option("Failed")
    failed = rows(page, "Activity").filter(has_text="routeTables/logged")
    expect(failed).to_contain_text(["routeTables/write"])
    shot(page, "activity")
    failed.get_by_role("link").first.click()
    page.get_by_role("tab", name="Activity").click()
    expect(rows(page, "Activity").filter(has_text="Succeeded")).to_have_count(1)


# Wizards


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_network_is_made_and_a_wrong_prefix_is_told_at_its_field(
    memory_lab: Lab, open_page: Open, shot: Shot, scheme: str
) -> None:
    name = f"made-{scheme}"
    page = open_page(memory_lab, "#/create/network", scheme=scheme)
    page.get_by_label("Name *").fill(name)
    page.get_by_label("Resource group").fill("test")
    page.get_by_label("Prefix of subnet 1").fill("10.0.0.1/24")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_label("Prefix of subnet 1")).to_have_accessible_description(re.compile("InvalidCIDRNotation"))
    shot(page, f"wizard-network-{scheme}")
    page.get_by_label("Prefix of subnet 1").fill("10.0.0.0/24")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    assert [s["name"] for s in memory_lab.get(f"virtualNetworks/{name}")["properties"]["subnets"]] == ["default"]
    memory_lab.delete(f"virtualNetworks/{name}")


def test_a_route_is_made(memory_lab: Lab, open_page: Open, make: Make) -> None:
    table = make("routeTables/routed")
    page = open_page(memory_lab, f"#/create/route?of={quote(table, safe='')}")
    page.get_by_label("Name *").fill("out")
    page.get_by_label("Address prefix").fill("10.0.0.0/8")
    page.get_by_label("Next hop IP address").fill("nowhere")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_label("Next hop IP address")).to_have_accessible_description(
        re.compile("InvalidNextHopIpAddress")
    )
    page.get_by_label("Next hop IP address").fill("10.1.2.3")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(rows(page, "Routes")).to_contain_text(["10.1.2.3"])


def test_a_zone_and_a_record_are_made(memory_lab: Lab, open_page: Open) -> None:
    page = open_page(memory_lab, "#/create/zone")
    page.get_by_label("Name *").fill("shop.example")
    page.get_by_label("Resource group").fill("test")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("tab", name="Record sets").click()
    page.get_by_role("link", name="Add record set").click()
    page.get_by_label("Name *").fill("www")
    page.get_by_label("IPv4 address").fill("10.0.0.300")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="10.0.0.300").first).to_be_visible()
    page.get_by_label("IPv4 address").fill("10.0.0.3")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(rows(page, "Record sets").filter(has_text="www")).to_contain_text("10.0.0.3")
    memory_lab.delete("dnszones/shop.example")


def test_a_load_balancer_is_made_with_its_address_pool_probe_and_rule(memory_lab: Lab, open_page: Open) -> None:
    page = open_page(memory_lab, "#/create/balancer")
    page.get_by_label("Name *").fill("front")
    page.get_by_label("Resource group").fill("demo")
    page.get_by_label("nic-web / ipconfig").check()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_text("It is there.")).to_be_visible()
    page.get_by_role("link", name="Show it").click()
    expect(page.get_by_role("heading", name="front", level=1)).to_be_visible()
    balancer = demo(memory_lab, "loadBalancers/front")
    made = memory_lab.get(balancer)["properties"]
    assert [
        len(made[n]) for n in ("frontendIPConfigurations", "backendAddressPools", "probes", "loadBalancingRules")
    ] == [1] * 4
    memory_lab.delete(balancer)
    memory_lab.delete(demo(memory_lab, "publicIPAddresses/front-ip"))


CONNECT = "import socket; socket.create_connection(('10.1.1.4', 80), 2).close()"


def test_a_machine_made_by_the_wizard_sends_a_packet_that_passes(lab: Lab, open_page: Open, shot: Shot) -> None:
    page = open_page(lab, "#/create/machine")
    page.get_by_label("Name *").fill("fresh")
    page.get_by_label("Resource group").fill("demo")
    page.get_by_label("Subnet *").select_option(label="spoke-app / batch (demo)")
    page.get_by_label("Private address").fill("10.9.9.9")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_label("Private address")).to_have_accessible_description(
        re.compile("PrivateIPAddressNotInSubnet")
    )
    page.get_by_label("Private address").fill("")
    page.get_by_label("Script at the first start").fill("#!/bin/sh\necho made > /tmp/made\n")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_text("It is there.")).to_be_visible()
    shot(page, "wizard-machine")
    try:
        done = lab.exec("fresh", ["python3", "-c", CONNECT])
        assert done.returncode == 0, done.stderr
        assert lab.trace("fresh", "web", 80)["passes"]
    finally:
        machine = demo(lab, "").replace("Microsoft.Network/", "Microsoft.Compute/virtualMachines/fresh")
        lab.delete(machine)
        lab.delete(demo(lab, "networkInterfaces/fresh-nic"))


def test_a_page_that_lost_the_lab_says_so_and_recovers_by_itself(open_page: Open, watch: Watch) -> None:
    watch.tolerate("ERR_|net::|Failed to fetch")
    with fresh_lab(memory=True) as one:
        one.put("routeTables/kept", {})
        page = open_page(one, at(one.id("routeTables/kept")))
        page.get_by_role("link", name="Resources", exact=True).first.click()
        expect(rows(page, "Resources").get_by_role("link")).to_have_text(["kept"])
        one.kill_controller()
        expect(page.get_by_text("connection lost")).to_be_visible()
        rows(page, "Resources").get_by_role("link", name="kept").click()
        expect(page.get_by_role("alert")).to_contain_text("The lab does not answer.")
        one.start_controller()
        expect(page.get_by_role("region", name="Essentials")).to_be_visible()
        page.context.close()
