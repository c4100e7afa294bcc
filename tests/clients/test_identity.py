"""Signing in as programs do: every credential gets a token with which the lab answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    AzureCliCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    DeviceCodeCredential,
    ManagedIdentityCredential,
)
from azure.mgmt.resource.resources import ResourceManagementClient

from lazulite.testing import Lab
from tests.clients.az import Az
from tests.clients.sdk import principal

_OUTSIDE = ("AZURE_", "IDENTITY_", "MSI_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Starts of names that azure-identity and requests read."""


@pytest.fixture
def environment(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that knows the lab's certificate, and of identities only what a test adds."""
    for name in [n for n in os.environ if n.startswith(_OUTSIDE)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", lab.environment["REQUESTS_CA_BUNDLE"])
    monkeypatch.setenv("HOME", str(lab.directory))
    return monkeypatch


def service_principal(lab: Lab, environment: pytest.MonkeyPatch) -> TokenCredential:
    return ClientSecretCredential("adfs", *principal(lab), authority=lab.connection.endpoint)


def service_principal_of_a_tenant(lab: Lab, environment: pytest.MonkeyPatch) -> TokenCredential:
    return ClientSecretCredential(
        lab.connection.tenant,
        *principal(lab),
        authority=lab.connection.endpoint,
        disable_instance_discovery=True,
    )


def device_code(lab: Lab, environment: pytest.MonkeyPatch) -> TokenCredential:
    return DeviceCodeCredential(
        tenant_id="adfs", authority=lab.connection.endpoint, prompt_callback=lambda where, code, expires: None
    )


def machine_identity(lab: Lab, environment: pytest.MonkeyPatch) -> TokenCredential:
    environment.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", lab.connection.metadata)
    return ManagedIdentityCredential()


def app_service_identity(lab: Lab, environment: pytest.MonkeyPatch) -> TokenCredential:
    environment.setenv("IDENTITY_ENDPOINT", f"{lab.connection.metadata}/msi/token")
    environment.setenv("IDENTITY_HEADER", "secret")
    return ManagedIdentityCredential()


def default_from_the_environment(lab: Lab, environment: pytest.MonkeyPatch) -> TokenCredential:
    environment.setenv("AZURE_AUTHORITY_HOST", lab.connection.endpoint)
    environment.setenv("AZURE_TENANT_ID", "adfs")
    known = principal(lab)
    environment.setenv("AZURE_CLIENT_ID", known.client_id)
    environment.setenv("AZURE_CLIENT_SECRET", known.secret)
    return DefaultAzureCredential()


def default_from_the_machine(lab: Lab, environment: pytest.MonkeyPatch) -> TokenCredential:
    environment.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", lab.connection.metadata)
    return DefaultAzureCredential()


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(service_principal, id="a service principal, from the ADFS endpoint"),
        pytest.param(service_principal_of_a_tenant, id="a service principal, from its tenant's endpoint"),
        pytest.param(device_code, id="a user with a device code"),
        pytest.param(machine_identity, id="a machine with a managed identity"),
        pytest.param(app_service_identity, id="an app with a managed identity"),
        pytest.param(default_from_the_environment, id="whatever the environment holds"),
        pytest.param(default_from_the_machine, id="whatever the machine is"),
    ],
)
def test_a_credential_opens_the_lab(
    lab: Lab, environment: pytest.MonkeyPatch, credential: Callable[[Lab, pytest.MonkeyPatch], TokenCredential]
) -> None:
    assert "test" in _groups(lab, credential(lab, environment))


def test_programs_may_borrow_the_sign_in_of_az(lab: Lab, az: Az, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AZURE_CONFIG_DIR", lab.environment["AZURE_CONFIG_DIR"])
    environment.setenv("PATH", f"{Path(__file__).parents[2] / '.venv-az' / 'bin'}:{os.environ['PATH']}")
    assert "test" in _groups(lab, AzureCliCredential(process_timeout=60))


@pytest.fixture(scope="module")
def keeper(lab: Lab) -> Iterator[dict[str, str]]:
    """The names of a user-assigned identity that may read a group and nothing else."""
    group = f"{lab.client.subscription}/resourceGroups/keepers"
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/keeper"
    lab.client.put(group, {"location": "westeurope"})
    who = lab.client.put(path, {"location": "westeurope"})["properties"]
    role = f"{group}/providers/Microsoft.Authorization/roleAssignments/{who['clientId']}"
    reader = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
    lab.client.put(role, {"properties": {"roleDefinitionId": reader, "principalId": who["principalId"]}})
    yield {"resource_id": path, "client_id": who["clientId"], "object_id": who["principalId"]}
    lab.client.delete(role)
    lab.client.delete(group)


@pytest.mark.parametrize("name", ["client_id", "object_id", "resource_id"])
def test_a_machine_signs_in_as_the_identity_it_names(
    lab: Lab, environment: pytest.MonkeyPatch, keeper: dict[str, str], name: str
) -> None:
    environment.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", lab.connection.metadata)
    one = {"identity_config": {name: keeper[name]}} if name != "client_id" else {"client_id": keeper[name]}
    assert _groups(lab, ManagedIdentityCredential(**one)) == {"keepers"}


@pytest.mark.parametrize("name", ["client_id", "object_id"])
def test_az_shows_the_principal_of_an_identity(az: Az, keeper: dict[str, str], name: str) -> None:
    found = az.run(["ad", "sp", "show", "--id", keeper[name]])
    assert (found["displayName"], found["servicePrincipalType"]) == ("keeper", "ManagedIdentity")
    assert (found["id"], found["appId"]) == (keeper["object_id"], keeper["client_id"])
    assert keeper["resource_id"] in found["alternativeNames"]


class _Stranger:
    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken("not.a.token", 2**31)


def test_a_foreign_token_opens_nothing(lab: Lab) -> None:
    with pytest.raises(ClientAuthenticationError) as refused:
        _groups(lab, _Stranger())
    assert refused.value.status_code == 401
    assert "authorization_uri" in refused.value.response.headers["WWW-Authenticate"]


def _groups(lab: Lab, credential: TokenCredential) -> set[str]:
    with ResourceManagementClient(
        credential,
        lab.connection.subscription,
        base_url=lab.connection.endpoint,
        credential_scopes=[f"{lab.connection.endpoint}/.default"],
        connection_verify=lab.connection.ca,
    ) as client:
        return {g.name for g in client.resource_groups.list()}
