"""Parameters that are secrets of a key vault, as deployments of templates read them.

Source: "Use Azure Key Vault to pass secure parameter value during deployment".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.arm.access.people import someone
from tests.arm.client import GROUP, Client
from tests.arm.deployments.lab import nested, resource, template
from tests.arm.garden import SUBSCRIPTION, TENANT
from tests.arm.product import DEPLOYMENTS, HERE, deploy, product, what_if

KEYS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/keys"
KIND = "Microsoft.KeyVault/vaults"
VAULT = f"{KEYS}/providers/{KIND}/lab-vault"
SECRET, FORMER = "hunter22-Correct-Horse", "former-Battery-Staple"
OPEN = {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}, "enabledForTemplateDeployment": True}
TABLE = f"{GROUP}/providers/Microsoft.Network/routeTables/rt"
ADMIN = {"password": {"type": "securestring"}}
USING = template(
    resource("routeTables", "rt", properties={}, tags={"long": "[length(parameters('password'))]"}, **HERE),
    parameters=ADMIN,
)


@pytest.fixture
def arm() -> Iterator[Client]:
    """A vault ``lab-vault`` in a group ``keys``, with the secrets ``admin`` (of two versions) and ``off``."""
    with product() as one:
        one.put(KEYS, HERE)
        assert one.put(VAULT, {"properties": OPEN} | HERE).status in (200, 201)
        for value in (FORMER, SECRET):
            assert one.put(f"{VAULT}/secrets/admin", {"properties": {"value": value}}).status in (200, 201)
        off = {"value": SECRET, "attributes": {"enabled": False}}
        assert one.put(f"{VAULT}/secrets/off", {"properties": off}).status in (200, 201)
        yield one


def reference(secret: str = "admin", vault: str = VAULT, **more: Any) -> dict[str, Any]:
    return {"keyVault": {"id": vault}, "secretName": secret} | more


def body(*given: Any, document: Any = USING, **more: Any) -> dict[str, Any]:
    """A deployment of *document* with *given* for its parameters, in their order."""
    values = dict(zip(document["parameters"], given, strict=True))
    return {"properties": {"mode": "Incremental", "template": document, "parameters": values, **more}}


def long(arm: Client) -> int:
    return int(arm.get(TABLE).body["tags"]["long"])


def test_a_parameter_is_the_secret_that_it_refers_to(arm: Client) -> None:
    done = deploy(arm, body({"reference": reference()}))
    assert done["provisioningState"] == "Succeeded", done
    assert done["parameters"] == {"password": {"type": "SecureString", "reference": reference()}}
    assert long(arm) == len(SECRET)


def test_a_version_can_be_named(arm: Client) -> None:
    version = arm.get(f"{VAULT}/secrets/admin").body["properties"]["secretUriWithVersion"].rpartition("/")[2]
    assert arm.put(f"{VAULT}/secrets/admin", {"properties": {"value": "newest"}}).status == 200
    assert deploy(arm, body({"reference": reference()}))["provisioningState"] == "Succeeded"
    assert long(arm) == len("newest")
    assert deploy(arm, body({"reference": reference(secretVersion=version)}))["provisioningState"] == "Succeeded"
    assert long(arm) == len(SECRET)


def test_the_value_is_shown_nowhere_whatever_the_type(arm: Client) -> None:
    document = template(
        resource("routeTables", "rt", properties={}, tags={"t": "[parameters('plain')]"}, **HERE),
        parameters={"plain": {"type": "string"}},
    )
    said = body({"reference": reference()}, document=document)
    done, foreseen = deploy(arm, said), what_if(arm, said)
    assert done["provisioningState"] == "Succeeded"
    read = [arm.get(f"{GROUP}/{DEPLOYMENTS}/d{more}") for more in ("", "/operations")]
    assert SECRET not in json.dumps([done, foreseen, *(a.body for a in read)])
    assert arm.get(TABLE).body["tags"] == {"t": SECRET}  # the template wrote it there itself


def test_a_nested_deployment_refers_to_a_vault_as_well(arm: Client) -> None:
    inner = {
        "expressionEvaluationOptions": {"scope": "inner"},
        "parameters": {"password": {"reference": reference(vault="[parameters('vault')]")}},
    }
    document = template(nested("n", USING, properties=inner), parameters={"vault": {"type": "string"}})
    done = deploy(arm, body({"value": VAULT}, document=document))
    assert done["provisioningState"] == "Succeeded", done
    assert long(arm) == len(SECRET)
    shown = arm.get(f"{GROUP}/{DEPLOYMENTS}/n").body["properties"]["parameters"]
    assert shown == {"password": {"type": "SecureString", "reference": reference()}}


def test_the_vault_may_be_made_by_the_template_around(arm: Client) -> None:
    here = f"{GROUP}/providers/{KIND}/own-vault"
    inner = {
        "expressionEvaluationOptions": {"scope": "inner"},
        "parameters": {"password": {"reference": reference("word", here)}},
    }
    document = template(
        resource(KIND, "own-vault", properties=OPEN, **HERE),
        resource(f"{KIND}/secrets", "own-vault/word", properties={"value": "ten--chars"}, dependsOn=["own-vault"]),
        nested("n", USING, properties=inner, dependsOn=[f"{here}/secrets/word"]),
        parameters={},
    )
    done = deploy(arm, body(document=document))
    assert done["provisioningState"] == "Succeeded", done
    assert long(arm) == 10


def test_what_is_deployed_again_on_an_error_is_read_again(arm: Client) -> None:
    assert deploy(arm, body({"reference": reference()}), name="well")["provisioningState"] == "Succeeded"
    arm.put(f"{VAULT}/secrets/admin", {"properties": {"value": "newest"}})
    missing = template(outputs={"o": {"type": "string", "value": f"[reference('{TABLE}x', '2024-05-01').id]"}})
    broken = template(nested("n", missing), parameters={})
    on_error = {"type": "LastSuccessful"}
    failed = deploy(arm, body(document=broken, onErrorDeployment=on_error))
    assert failed["provisioningState"] == "Failed"
    assert failed["onErrorDeployment"]["provisioningState"] == "Succeeded", failed
    assert long(arm) == len("newest")


LOST, SHUT = "KeyVaultParameterReferenceNotFound", "KeyVaultParameterReferenceSecretRetrieveFailed"


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        pytest.param({"reference": reference(vault=f"{VAULT}2")}, LOST, "lab-vault2", id="a vault that is not there"),
        pytest.param({"reference": reference("none")}, SHUT, "no such secret", id="a secret that is not there"),
        pytest.param({"reference": reference("off")}, SHUT, "disabled", id="a secret that is disabled"),
        pytest.param(
            {"reference": reference(secretVersion="0" * 32)}, SHUT, "no such version", id="a version that is not there"
        ),
        pytest.param(
            {"reference": reference(), "value": "x"}, "InvalidTemplate", "both", id="a value beside the reference"
        ),
        pytest.param({"reference": {"secretName": "admin"}}, "InvalidTemplate", "'keyVault'", id="no vault"),
        pytest.param({"reference": reference(secretVersion=7)}, "InvalidTemplate", "'secretName'", id="a number"),
        pytest.param({"reference": "admin"}, "InvalidTemplate", "'keyVault'", id="a text"),
        pytest.param({"reference": reference(vault="lab-vault")}, "InvalidTemplate", "not to a key vault", id="a name"),
        pytest.param({"reference": reference(vault=TABLE)}, "InvalidTemplate", "not to a key vault", id="another type"),
    ],
)
def test_a_reference_is_refused_and_nothing_changes(arm: Client, given: Any, code: str, says: str) -> None:
    before = arm.backend.store.snapshot.revision
    for verb, answer in (("PUT", arm.put), ("POST", arm.post)):
        url = f"{GROUP}/{DEPLOYMENTS}/d" + ("/validate" if verb == "POST" else "")
        refused = answer(url, body(given))
        assert refused.outcome == (400, code), refused.content
        assert says in refused.error["message"]
        assert "password" in refused.error["message"]
    assert arm.backend.store.snapshot.revision == before
    assert arm.get(f"{GROUP}/{DEPLOYMENTS}/d").status == 404


def test_a_vault_is_closed_to_templates_unless_it_says_otherwise(arm: Client) -> None:
    shut = {k: v for k, v in OPEN.items() if k != "enabledForTemplateDeployment"}
    assert arm.put(VAULT, {"properties": shut} | HERE).status == 200
    refused = arm.put(f"{GROUP}/{DEPLOYMENTS}/d", body({"reference": reference()}))
    assert refused.outcome == (400, SHUT)
    assert "enabledForTemplateDeployment" in refused.error["message"]


def test_every_wrong_reference_is_told_at_once(arm: Client) -> None:
    document = template(parameters={"a": {"type": "securestring"}, "b": {"type": "securestring"}})
    given = [{"reference": reference("none")}, {"reference": reference(vault=f"{VAULT}2")}]
    refused = arm.put(f"{GROUP}/{DEPLOYMENTS}/d", body(*given, document=document))
    assert refused.outcome == (400, "MultipleErrorsOccurred")
    told = [(d["code"], d["target"]) for d in refused.error["details"]]
    assert told == [(SHUT, "properties.parameters.a"), (LOST, "properties.parameters.b")]


def test_who_deploys_needs_the_right_to_deploy_from_the_vault(arm: Client) -> None:
    said = body({"reference": reference()})
    without = someone(arm, ("Contributor", GROUP), ("Reader", KEYS), name="without")
    refused = without.put(f"{GROUP}/{DEPLOYMENTS}/d", said)
    assert refused.outcome == (403, "KeyVaultParameterReferenceAuthorizationFailed")
    assert "Microsoft.KeyVault/vaults/deploy/action" in refused.error["message"]
    allowed = someone(arm, ("Contributor", GROUP), ("Contributor", VAULT), name="with")
    assert deploy(allowed, said)["provisioningState"] == "Succeeded"


def test_nobody_reads_a_secret_by_that_verb(arm: Client) -> None:
    asked, unknown = (arm.post(f"{VAULT}/{verb}", {"secretName": "admin"}) for verb in ("deploy", "deplore"))
    assert asked.outcome == unknown.outcome == (400, "InvalidResourceType")
