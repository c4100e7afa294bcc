"""Template deployments through the application: mounted, durable, gone with their group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.arm.client import GARDEN, GROUP, Client, client

HERE = {"location": "local"}
TEMPLATE = """{
  // as az sends it: no JSON
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "resources": [
    {"type": "Contoso.Garden/beds", "apiVersion": "2025-01-01", "name": "b", "location": "local",
     "dependsOn": ["[resourceId('Contoso.Garden/wells', 'w')]"],
     "properties": {"plants": [{"name": "p", "properties":
       {"water": {"id": "[resourceId('Contoso.Garden/wells', 'w')]"}}}]}},
    {"type": "Contoso.Garden/wells", "apiVersion": "2025-01-01", "name": "w", "location": "local", "properties": {}},
  ],
  "outputs": {"serial": {"type": "string", "value": "[reference('b').serial]"}}
}"""
BODY = f'{{"properties": {{"mode": "Incremental", template:{TEMPLATE}}}}}'.encode()


def deploy(garden: Client, url: str) -> Any:
    answer = garden.call("PUT", url, content=BODY)
    assert answer.status == 201, answer.content
    assert garden.settle(answer)["status"] == "Succeeded"
    return garden.get(url).body


@pytest.mark.parametrize("path", ["providers/Microsoft.Resources/deployments", "deployments"])
def test_a_template_becomes_resources_in_order(garden: Client, path: str) -> None:
    done = deploy(garden, f"{GROUP}/{path}/d")
    assert done["properties"]["outputs"]["serial"]["value"] == "bed-1"
    assert garden.get(f"{GARDEN}/beds/b").body["properties"]["provisioningState"] == "Succeeded"


def test_deployments_outlive_a_restart_but_not_their_group(tmp_path: Path) -> None:
    url, path = f"sqlite:///{tmp_path}/lab.db", f"{GROUP}/providers/Microsoft.Resources/deployments"
    with client(url) as before:
        before.put(GROUP, HERE)
        done = deploy(before, f"{path}/d")
    with client(url) as after:
        assert after.get(f"{path}/d").body == done
        assert [d["name"] for d in after.get(path).body["value"]] == ["d"]
        assert after.delete(GROUP).status == 202
        after.put(GROUP, HERE)
        assert after.get(path).body["value"] == []


def test_a_deployment_needs_its_group(arm: Client) -> None:
    assert arm.call("PUT", f"{GROUP}/deployments/d", content=BODY).outcome == (404, "ResourceGroupNotFound")
