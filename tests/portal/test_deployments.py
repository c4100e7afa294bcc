"""Deployments in the browser: a template dropped, planned, deployed; what fails, and what changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from lazulite.testing import Lab
from tests.portal.conftest import DEMO, Open, Shot

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
VERSION = "2024-05-01"


@pytest.fixture
def group(memory_lab: Lab) -> Iterator[str]:
    """The name of a group that is not there yet, and that goes with the test."""
    name = "planned"
    yield name
    place = f"{memory_lab.client.subscription}/resourceGroups/{name}"
    if memory_lab.client.exchange("GET", place).status == 200:
        memory_lab.client.delete(place)
    assert memory_lab.client.exchange("GET", place).status == 404


def template(*resources: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": parameters, "resources": list(resources)}


def resource(kind: str, name: str, properties: Any, **more: Any) -> dict[str, Any]:
    head = {"type": f"Microsoft.Network/{kind}", "apiVersion": VERSION, "name": name, "location": "westeurope"}
    return head | {"properties": properties} | more


def table(prefix: str) -> dict[str, Any]:
    route = {"name": "r", "properties": {"addressPrefix": prefix, "nextHopType": "None"}}
    return resource("routeTables", "[parameters('name')]", {"routes": [route]})


def file(name: str, content: Any) -> FilePayload:
    text = content if isinstance(content, str) else json.dumps(content)
    return {"name": name, "mimeType": "application/json", "buffer": text.encode()}


def start(page: Page, group: str, *files: FilePayload | Path) -> Locator:
    """The form of a new deployment of *files* to *group*."""
    page.get_by_label("Template files").set_input_files(list(files))  # type: ignore[arg-type]
    page.get_by_label("Resource group").fill(group)
    return page.get_by_role("region", name="New deployment")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_template_is_planned_deployed_and_then_changes_nothing(
    memory_lab: Lab, open_page: Open, group: str, shot: Shot, scheme: str
) -> None:
    page = open_page(memory_lab, "#/deployments", scheme=scheme)
    new = start(page, group, DEMO)
    expect(new.get_by_text("It will be made.")).to_be_visible()
    new.get_by_role("button", name="Plan").click()
    plan = page.get_by_role("region", name="Plan")
    expect(plan.get_by_text("22 to create")).to_be_visible()
    expect(plan.get_by_role("table", name="Flows that change")).to_contain_text("Internet")
    shot(page, f"plan-{scheme}")
    assert memory_lab.client.exchange("GET", f"{memory_lab.client.subscription}/resourceGroups/{group}").status == 404
    new.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_role("region", name="Progress").get_by_role("status")).to_have_text("Succeeded 21 resources")
    expect(page.get_by_role("region", name="Outputs")).to_contain_text("webAddress")
    shot(page, f"deployed-{scheme}")
    new.get_by_role("button", name="Plan").click()
    expect(plan.get_by_text("Nothing would change: 21 unchanged.")).to_be_visible()
    expect(plan.get_by_text("No flow becomes allowed or denied.")).to_be_visible()


def test_a_parameter_file_fills_the_form_and_what_is_missing_is_asked_for(
    memory_lab: Lab, open_page: Open, group: str
) -> None:
    page = open_page(memory_lab, "#/deployments")
    wanted = template(
        table("10.0.0.0/8"), name={"type": "string"}, kind={"type": "string", "allowedValues": ["a", "b"]}
    )
    values = {"parameters": {"name": {"value": "from-file"}}}
    new = start(
        page, group, file("net.json", "// a comment\n" + json.dumps(wanted)), file("net.parameters.json", values)
    )
    expect(new.get_by_label("name *")).to_have_value("from-file")
    expect(new.get_by_role("button", name="Deploy", exact=True)).to_be_disabled()
    new.get_by_label("kind *").select_option("b")
    new.get_by_role("button", name="Show request").click()
    expect(new.get_by_label("Request", exact=True)).to_contain_text(re.compile(r'"kind": \{\s+"value": "b"'))
    new.get_by_role("button", name="Deploy", exact=True).click()
    progress = page.get_by_role("region", name="Progress")
    expect(progress.get_by_role("link", name="routeTables/from-file")).to_be_visible()
    expect(progress.get_by_role("status")).to_contain_text("Succeeded")
    expect(page.get_by_role("table", name="Deployments").locator("tbody tr").filter(has_text=group)).to_contain_text(
        "net"
    )


def test_a_parameter_that_is_in_a_vault_stays_there(memory_lab: Lab, open_page: Open, shot: Shot, group: str) -> None:
    client = memory_lab.client
    vault = f"{client.subscription}/resourceGroups/test/providers/Microsoft.KeyVault/vaults/portal-vault"
    said = {"tenantId": memory_lab.connection.tenant, "sku": {"name": "standard"}, "enabledForTemplateDeployment": True}
    client.put(vault, {"location": "westeurope", "properties": said})
    client.put(f"{vault}/secrets/word", {"properties": {"value": "from-the-vault"}})
    page = open_page(memory_lab, "#/deployments")
    given = {"parameters": {"name": {"reference": {"keyVault": {"id": vault}, "secretName": "word"}}}}
    wanted = template(table("10.0.0.0/8"), name={"type": "securestring"})
    new = start(page, group, file("kept.json", wanted), file("kept.parameters.json", given))
    expect(new.get_by_label("name *")).to_have_value("Secret word of the key vault portal-vault")
    expect(new.get_by_label("name *")).not_to_be_editable()
    shot(page, "vault")
    new.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_role("region", name="Progress").get_by_role("status")).to_contain_text("Succeeded")
    held = client.get(f"{client.subscription}/resourceGroups/{group}/resources")["value"]
    assert [r["name"] for r in held] == ["from-the-vault"]
    new.get_by_role("button", name="Give name a value instead").click()
    expect(new.get_by_label("name *")).to_be_editable()
    expect(new.get_by_role("button", name="Deploy", exact=True)).to_be_disabled()


def test_a_plan_shows_each_property_that_changes_and_the_flows_that_close(
    memory_lab: Lab, open_page: Open, shot: Shot
) -> None:
    page = open_page(memory_lab, "#/deployments")
    changed = json.loads(DEMO.read_text())
    rule = changed["resources"][0]["properties"]["securityRules"][0]["properties"]
    assert rule["destinationPortRange"] == "80"
    rule["destinationPortRange"] = "8080"
    start(page, "demo", file("changed.json", changed)).get_by_role("button", name="Plan").click()
    plan = page.get_by_role("region", name="Plan")
    modified = plan.get_by_role("listitem").filter(has_text="networkSecurityGroups/nsg-web").first
    expect(modified).to_contain_text("Modify")
    expect(modified).to_contain_text(re.compile(r"destinationPortRange\s*80\s*→\s*8080"))
    flows = plan.get_by_role("table", name="Flows that change").locator("tbody tr")
    expect(flows.filter(has_text="denied").filter(has_text="tcp 80").first).to_be_visible()
    expect(flows.filter(has_text="allowed").filter(has_text="tcp 8080").first).to_be_visible()
    shot(page, "plan-modify")


def test_the_resource_that_fails_is_told_with_its_error_and_a_link(
    memory_lab: Lab, open_page: Open, group: str, shot: Shot
) -> None:
    page = open_page(memory_lab, "#/deployments")
    net = resource("virtualNetworks", "net", {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}})
    outside = resource("virtualNetworks/subnets", "net/a", {"addressPrefix": "10.9.0.0/24"}, dependsOn=["net"])
    del outside["location"]
    new = start(page, group, file("fails.json", template(net, outside)))
    new.get_by_role("button", name="Plan").click()
    expect(page.get_by_role("region", name="Plan").get_by_role("alert")).to_contain_text("It would fail.")
    new.get_by_role("button", name="Deploy", exact=True).click()
    failure = page.get_by_role("region", name="Progress").get_by_role("alert")
    expect(failure).to_contain_text("NetcfgInvalidSubnet")
    expect(failure.get_by_role("link", name="virtualNetworks/net/subnets/a")).to_be_visible()
    shot(page, "deployment-failed")
    new.get_by_role("button", name="Close").click()
    listed = page.get_by_role("table", name="Deployments").locator("tbody tr").filter(has_text="fails")
    expect(listed).to_contain_text("Failed")
    listed.get_by_role("link", name="fails").click()
    expect(page.get_by_role("region", name="Progress").get_by_role("alert")).to_contain_text("NetcfgInvalidSubnet")


def test_what_preflight_refuses_is_told_with_azures_code(memory_lab: Lab, open_page: Open, group: str) -> None:
    page = open_page(memory_lab, "#/deployments")
    new = start(page, group, file("wrong.json", template(resource("routeTables", "a", {"routez": []}))))
    new.get_by_role("button", name="Plan").click()
    expect(new.get_by_role("alert")).to_contain_text("routez")


def test_text_that_is_no_template_is_told_at_its_line(memory_lab: Lab, open_page: Open, group: str) -> None:
    page = open_page(memory_lab, "#/deployments")
    page.get_by_role("button", name="Paste a template").click()
    page.get_by_label("Template as JSON").fill('{\n  "resources": [\n}')
    expect(page.get_by_label("Template as JSON")).to_have_accessible_description(re.compile("Line 3"))
    expect(page.get_by_role("button", name="Plan")).to_be_disabled()


def test_files_can_be_dropped(memory_lab: Lab, open_page: Open, group: str) -> None:
    page = open_page(memory_lab, "#/deployments")
    text = json.dumps(template(resource("routeTables", "a", {})))
    held = page.evaluate_handle(
        "text => { const d = new DataTransfer(); d.items.add(new File([text], 'dropped.json')); return d; }", text
    )
    page.get_by_role("region", name="New deployment").dispatch_event("drop", {"dataTransfer": held})
    expect(page.get_by_label("Name", exact=True)).to_have_value("dropped")


def test_templates_that_link_to_one_another_are_dropped_together(memory_lab: Lab, open_page: Open, group: str) -> None:
    page = open_page(memory_lab, "#/deployments")
    link = {"mode": "Incremental", "templateLink": {"relativePath": "inner.json"}}
    nested = {"type": "Microsoft.Resources/deployments", "apiVersion": VERSION, "name": "inside", "properties": link}
    outer, inner = template(nested), template(resource("routeTables", "linked", {}))
    new = start(page, group, file("inner.json", inner), file("outer.json", outer))
    expect(new.get_by_label("Name", exact=True)).to_have_value("outer")
    new.get_by_role("button", name="Plan").click()
    expect(page.get_by_role("region", name="Plan")).to_contain_text("routeTables/linked")
    new.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_role("region", name="Progress").get_by_role("status")).to_contain_text("Succeeded")
    made = f"{memory_lab.client.subscription}/resourceGroups/{group}/providers/Microsoft.Network/routeTables/linked"
    assert memory_lab.client.exchange("GET", made).status == 200
