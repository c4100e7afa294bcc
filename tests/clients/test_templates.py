"""Whole templates through the SDK: what this product has works, what it has not is named.

The templates are those that others wrote, beside a checkout that has them, and else our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.resource.deployments import models

from lazulite.testing import Lab
from tests.arm.deployments.test_templates import TEMPLATES, body_of
from tests.clients.sdk import LOCATION, Sdk

covers = pytest.mark.covers

MACHINES, GATEWAYS = "Microsoft.Compute/virtualMachines", "Microsoft.Network/applicationGateways"
_OF_OLD, _NAMED = "application-gateway-waf-firewall-policy", "GET-PREREQ-"
_PREREQUISITE = f"{_NAMED}existingNSG"
"""What the quickstarts' own tests replace by the id of a group that they made before."""


@covers("Microsoft.Resources/deployments", "create", client="sdk")
@pytest.mark.parametrize("path", TEMPLATES)
def test_a_template_works_or_names_what_is_missing(lab: Lab, sdk: Sdk, group: str, path: Path) -> None:
    body, known = body_of(path)["properties"], _known(sdk)
    if any(v.get("value") == _PREREQUISITE for v in body["parameters"].values()):
        _flow_log(sdk, group, body)
        return
    if path.parent.name == _OF_OLD:
        _without_priorities(sdk, group, body)
        return
    certain, possible = set(_types(body["template"], certain=True)), set(_types(body["template"], certain=False))
    done = _deploy(sdk, group, body)
    if isinstance(done, HttpResponseError):
        named = {_named(d.message) for d in done.error.details}
        assert done.error.code == "InvalidTemplateDeployment"
        assert named
        assert certain - known <= named <= possible - known
        return
    assert certain <= known
    machines = {r.id.rpartition("/")[2] for r in done.output_resources if _type(r.id) == MACHINES}
    guests = lab.client.get("/lazulite/guests")["value"]
    assert {g["name"] for g in guests} == machines
    for name in machines:
        assert lab.exec(name, ["hostname"]).returncode == 0


def _without_priorities(sdk: Sdk, group: str, body: dict[str, Any]) -> None:
    """A template of 2021-03-01, whose rules have no priority yet: from 2021-08-01 on they need one.

    The network that the parameters name is made first.
    """
    places = {f"{_NAMED}existingVnetResourceGroup": group, f"{_NAMED}existingVnetName": "net"}
    places[f"{_NAMED}existingSubnetName"] = "gateways"
    named = {n for n, v in body["parameters"].items() if str(v.get("value")) in places}
    if named:
        sdk.virtual_network(group, "net", "10.0.0.0/16", gateways="10.0.1.0/24")
        body["parameters"] |= {n: {"value": places[body["parameters"][n]["value"]]} for n in named}
    done = _deploy(sdk, group, body)
    gateways = [r.id.rpartition("/")[2] for r in done.output_resources if _type(r.id) == GATEWAYS]
    made = sdk.network.application_gateways.get(group, gateways[0])
    assert made.operational_state == "Running"
    assert [r.priority for r in made.request_routing_rules] == [None]
    made.request_routing_rules[0].name = "another"
    with pytest.raises(HttpResponseError, match="Priority for request routing rule another cannot be empty"):
        sdk.network.application_gateways.begin_create_or_update(group, made.name, made).result()


def _flow_log(sdk: Sdk, group: str, body: dict[str, Any]) -> None:
    """A template about a group that is there, deployed where the platform has the watcher that it writes."""
    sdk.virtual_network(group, "net", "10.0.0.0/16")
    nsg = sdk.security_group(group, "filter", 80)
    body["parameters"] |= {"existingNSG": {"value": nsg}, "location": {"value": LOCATION}}
    done = _deploy(sdk, "NetworkWatcherRG", body)
    made = {_type(r.id): r.id for r in done.output_resources}
    log = sdk.network.flow_logs.get("NetworkWatcherRG", f"NetworkWatcher_{LOCATION}", "FlowLog1")
    assert (log.target_resource_id, log.format.version) == (nsg, 2)
    sdk.resources.resources.begin_delete_by_id(
        made["Microsoft.Storage/storageAccounts"], api_version="2024-01-01"
    ).result()


def _deploy(sdk: Sdk, group: str, body: Mapping[str, Any]) -> Any:
    """What the deployment came to, or why it was refused."""
    described = models.Deployment(properties=models.DeploymentProperties(**body))
    try:
        return sdk.deployments.begin_create_or_update(group, "d", described).result().properties
    except HttpResponseError as refused:
        return refused


def _known(sdk: Sdk) -> set[str]:
    """Every type that the lab says it has, folded."""
    return {
        f"{p.namespace}/{t.resource_type}".lower() for p in sdk.resources.providers.list() for t in p.resource_types
    }


def _types(template: Mapping[str, Any], *, certain: bool) -> Iterator[str]:
    """Full types, folded, of resources, their children and templates nested in it; *certain*: without a condition."""
    resources = template.get("resources", [])
    for resource in resources.values() if isinstance(resources, dict) else resources:
        if not (certain and "condition" in resource):
            yield resource["type"].lower()
            yield from (f"{resource['type']}/{child}".lower() for child in _types(resource, certain=certain))
            yield from _types(resource.get("properties", {}).get("template", {}), certain=certain)


def _named(message: str) -> str:
    """The type that a message says is missing, folded."""
    found = re.search(r"resource type '(.+?)' could not be found in the namespace '(.+?)'", message)
    assert found is not None, message
    return f"{found[2]}/{found[1]}".lower()


def _type(resource_id: str) -> str:
    namespace, *rest = resource_id.rpartition("/providers/")[2].split("/")
    return "/".join([namespace, *rest[::2]])
