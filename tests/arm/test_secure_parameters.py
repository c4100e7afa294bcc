"""Secure parameters are nowhere to be found: not in answers, not in the history, not in the store, not in the log."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.arm.client import GROUP, Client, client
from tests.arm.deployments.lab import nested, resource, template
from tests.arm.product import DEPLOYMENTS, HERE, Product, deploy

SECRET = "hunter22-Correct-Horse"
INNER = template(parameters={"plain": {"type": "string"}}, outputs={"n": {"type": "int", "value": 1}})
INTO = {
    "expressionEvaluationOptions": {"scope": "inner"},
    "parameters": {"plain": {"value": "[parameters('password')]"}},
}
DOCUMENT = template(
    resource("routeTables", "rt", location="westeurope", properties={}, tags={"t": "[length(parameters('password'))]"}),
    nested("n", INNER, properties=INTO),
    parameters={
        "password": {"type": "securestring"},
        "login": {"type": "secureObject"},
        "word": {"type": "securestring", "defaultValue": SECRET},
    },
    outputs={"o": {"type": "securestring", "value": "[parameters('password')]"}},
)
BROKEN = template(
    resource("routeTables", "rt", location="[parameters('password')]", properties={"routes": "[parameters('login')]"}),
    parameters=DOCUMENT["parameters"],
)
WORSE = template(
    resource("routeTables", "[concat('a', parameters('password'), '!')]", location="westeurope", properties={}),
    parameters=DOCUMENT["parameters"],
)


def body(document: Any) -> dict[str, Any]:
    values = {"password": {"value": SECRET}, "login": {"value": {"pass": SECRET}}}
    return {"properties": {"mode": "Incremental", "template": document, "parameters": values}}


def everything(one: Client) -> str:
    """What clients can read about the deployments."""
    url = f"{GROUP}/{DEPLOYMENTS}"
    answers = [one.get(url)]
    for each in one.get(url).body["value"]:
        answers += [one.get(each["id"]), one.get(f"{each['id']}/operations"), one.post(f"{each['id']}/exportTemplate")]
    return "".join(a.content.decode() for a in answers)


@pytest.mark.parametrize("document", [DOCUMENT, BROKEN, WORSE], ids=["it works", "it is refused", "its name is bad"])
def test_it_is_nowhere(document: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with client(f"sqlite:///{tmp_path}/lab.db", Product) as one:
        one.put(GROUP, HERE)
        foreseen = one.post(f"{GROUP}/{DEPLOYMENTS}/d/whatIf", body(document))
        checked = one.post(f"{GROUP}/{DEPLOYMENTS}/d/validate", body(document))
        if document is DOCUMENT:
            assert deploy(one, body(document))["provisioningState"] == "Succeeded"
        else:
            assert SECRET not in one.put(f"{GROUP}/{DEPLOYMENTS}/d", body(document)).content.decode()
        shown = everything(one)
    assert SECRET not in foreseen.content.decode()
    assert SECRET not in checked.content.decode()
    assert SECRET not in shown
    assert SECRET not in caplog.text
    held = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert SECRET.encode() not in held


def test_a_defect_of_the_lab_does_not_give_it_away(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(backend_type=Product) as one:
        one.put(GROUP, HERE)

        async def defect(*arguments: Any) -> Any:
            raise RuntimeError(f"no way to write {json.dumps(SECRET)}")

        monkeypatch.setattr(one.api.router.target, "put", defect)
        done = deploy(one, body(DOCUMENT))
        assert done["error"]["code"] == "InternalServerError"
        assert SECRET not in json.dumps(done)
        assert "no way to write" in caplog.text
        assert SECRET not in caplog.text
