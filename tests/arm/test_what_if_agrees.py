"""What-if against what the deployment then does, on every template at hand."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest

from tests.arm.client import GROUP, Client
from tests.arm.deployments.lab import nested, resource, template
from tests.arm.deployments.test_templates import body_of
from tests.arm.product import QUICKSTARTS, TEMPLATES, deploy, documents, product, settled, what_if

PATHS = [pytest.param(p, id=p.stem if p in TEMPLATES else p.parent.name) for p in [*TEMPLATES, *QUICKSTARTS]]
SEEDS = range(4)


def known(one: Client, body: Any) -> bool:
    """Whether the product has every type of the template."""
    answer = one.post(f"{GROUP}/providers/Microsoft.Resources/deployments/d/validate", body)
    return answer.status == 200


def mutated(document: Any, seed: int) -> Any:
    """The template with a tag more on some resources and some left out."""
    chance, changed = random.Random(seed), copy.deepcopy(document)
    listed = changed["resources"]
    for each in listed.values() if isinstance(listed, dict) else listed:
        if chance.random() < 0.4 and "existing" not in each:
            each["tags"] = {"seed": str(seed)}
    return changed


def agree(one: Client, body: Any) -> None:
    """Foresee, deploy, and compare every change with what became of the resource."""
    before = documents(one)
    foreseen = what_if(one, body)
    assert documents(one) == before
    done = deploy(one, body)
    errors = [d for d in foreseen["diagnostics"] if d["level"] == "Error"]
    assert (done["provisioningState"] == "Succeeded") is not bool(errors), (done, foreseen["diagnostics"])
    after = documents(one)
    kinds = {c["resourceId"].lower(): c["changeType"] for c in foreseen["changes"]}
    wrong = {
        i: (kind, happened(before.get(i), after.get(i)))
        for i, kind in kinds.items()
        if not fits(kind, before.get(i), after.get(i))
    }
    assert not wrong, [(before.get(i), after.get(i)) for i in wrong]
    made = {i for i in after.keys() - before.keys() if i.count("/") == 8 and "/networkwatcherrg/" not in i}
    assert made <= kinds.keys()  # but for what the platform made of its own accord


def happened(before: Any, after: Any) -> str:
    return "Create" if before is None else "Delete" if after is None else "NoChange" if before == after else "Modify"


def fits(kind: str, before: Any, after: Any) -> bool:
    real = happened(before, after)
    if kind in ("NoChange", "Ignore") and real == "Modify":
        return decided(before) == decided(after)
    return real == {"Ignore": "NoChange"}.get(kind, kind)


def decided(value: Any) -> Any:
    """Without what follows from other resources: lists of those that use this one."""
    computed = {"ipconfigurations", "networkinterfaces", "subnets", "virtualmachine", "virtualnetworkpeerings"}
    if isinstance(value, dict):
        return {k: decided(v) for k, v in value.items() if k.lower() not in computed}
    return [decided(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", PATHS)
def test_what_if_agrees_with_the_deployment(path: Path) -> None:
    body = body_of(path)
    with product() as one:
        if not known(one, body):
            assert path not in TEMPLATES
            return
        agree(one, body)
        agree(one, body)
        for seed in SEEDS:
            agree(one, {"properties": body["properties"] | {"template": mutated(body["properties"]["template"], seed)}})
        for mode in ("Complete",):
            left = template(resource("routeTables", "extra", location="westeurope", properties={}))
            agree(one, {"properties": {"mode": mode, "template": left}})
        assert [i.rsplit("/", 1)[1] for i in documents(one) if "/routetables/" in i] == ["extra"]


def test_enough_of_the_templates_were_tried() -> None:
    with product() as one:
        tried = [p for p in [*TEMPLATES, *QUICKSTARTS] if known(one, body_of(p))]
    assert len(tried) >= len(TEMPLATES) - 1


def test_a_nested_deployment_whose_parameters_only_the_network_knows_is_looked_into() -> None:
    inner = template(
        resource("routeTables", "[parameters('n')]", location="westeurope", properties={}),
        parameters={"n": {"type": "string"}},
    )
    given = {"n": {"value": "[concat('after-', reference('rt', '2024-05-01').provisioningState)]"}}
    options = {"expressionEvaluationOptions": {"scope": "inner"}, "parameters": given}
    document = template(
        resource("routeTables", "rt", location="westeurope", properties={}), nested("n", inner, properties=options)
    )
    with product() as one:
        found = what_if(one, {"properties": {"mode": "Incremental", "template": document}})
    assert [c["resourceId"].rsplit("/", 1)[1] for c in found["changes"]] == ["after-Succeeded", "rt"]


def test_a_deployment_that_will_fail_says_so() -> None:
    nic = {
        "ipConfigurations": [
            {
                "name": "a",
                "properties": {"subnet": {"id": f"{GROUP}/providers/Microsoft.Network/virtualNetworks/no/subnets/no"}},
            }
        ]
    }
    document = template(resource("networkInterfaces", "nic", location="westeurope", properties=nic))
    with product() as one:
        found = what_if(one, {"properties": {"mode": "Incremental", "template": document}})
    [note] = found["diagnostics"]
    assert (note["level"], note["code"]) == ("Error", "InvalidResourceReference")
    assert settled(found["changes"][0]["changeType"]) == "create"


def test_eight_hundred_resources() -> None:
    """The most a template can have. Source: "ARM template limits"."""
    groups = resource(
        "applicationSecurityGroups",
        "[format('asg{0}', copyIndex())]",
        location="westeurope",
        copy={"name": "all", "count": 800},
        properties={},
    )
    body = {"properties": {"mode": "Incremental", "template": template(groups)}}
    with product() as one:
        assert {c["changeType"] for c in what_if(one, body)["changes"]} == {"Create"}
        assert len(deploy(one, body)["outputResources"]) == 800
        assert {c["changeType"] for c in what_if(one, body)["changes"]} == {"NoChange"}
