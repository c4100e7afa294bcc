"""What clients ask first, and the tokens they get."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from lazulite.arm.access.credentials import digest
from lazulite.arm.access.founding import CLI, LAB
from lazulite.arm.access.principals import User
from lazulite.arm.locations import REGIONS, normalise
from lazulite.arm.message import Request, Response
from lazulite.arm.router import Mount
from lazulite.arm.tokens import object_id
from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, Answer, Client, exchange
from tests.arm.garden import TENANT
from tests.arm.product import deploy, product

BASE = "https://localhost:8443"
ADFS, AAD = "/adfs/oauth2/token", f"/{TENANT}/oauth2/v2.0/token"


def form(arm: Client, path: str, **fields: str) -> Answer:
    return arm.runner.run(exchange(arm.api, "POST", path, "", {}, urlencode(fields).encode()))


def anonymous(arm: Client, path: str, query: str = "", **headers: str) -> Answer:
    return arm.runner.run(exchange(arm.api, "GET", path, query, headers))


def subscriptions(arm: Client, token: str) -> Answer:
    return anonymous(arm, "/subscriptions", "api-version=2022-12-01", authorization=f"Bearer {token}")


def test_the_clouds_come_as_one_object_or_as_a_list(arm: Client) -> None:
    one = anonymous(arm, "/metadata/endpoints", "api-version=2022-09-01").body
    assert anonymous(arm, "/metadata/endpoints", "api-version=2019-05-01").body == [one]
    assert (one["name"], one["resourceManager"]) == ("AzureCloud", f"{BASE}/")
    assert one["authentication"]["identityProvider"] == "AAD"


@pytest.mark.parametrize("authority", ["adfs", TENANT, "organizations"])
def test_an_authority_describes_itself(arm: Client, authority: str) -> None:
    version = "" if authority == "adfs" else "/v2.0"
    found = anonymous(arm, f"/{authority}{version}/.well-known/openid-configuration").body
    assert found["token_endpoint"] == f"{BASE}/{authority}/oauth2{version}/token"
    assert found["device_authorization_endpoint"] == f"{BASE}/{authority}/oauth2{version}/devicecode"
    keys = anonymous(arm, found["jwks_uri"].removeprefix(BASE)).body
    claims = jwt.decode(
        arm.token,
        jwt.PyJWK(keys["keys"][0]),
        ["ES256"],
        {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
    )
    assert (claims["oid"], claims["iss"]) == (object_id(LAB), f"{BASE}/{TENANT}/")


GRANTS = [
    pytest.param(
        {"grant_type": "client_credentials", "client_id": CLI, "scope": f"{BASE}//.default"},
        id="a service principal",
    ),
    pytest.param({"grant_type": "password", "username": "u@x", "password": "p", "resource": BASE}, id="a user"),
]


def new_user(arm: Client) -> None:
    """The user ``u@x`` with the password ``p``."""
    arm.api.router.access.directory.put(
        User(id="u-id", display_name="U", user_principal_name="u@x", digest=digest("p"))
    )


@pytest.mark.parametrize("path", [ADFS, AAD])
@pytest.mark.parametrize("fields", GRANTS)
def test_a_grant_opens_the_api(arm: Client, path: str, fields: dict[str, str]) -> None:
    new_user(arm)
    secret = {"client_secret": arm.api.router.access.cli_secret} if "client_id" in fields else {}
    grant = form(arm, path, **fields, **secret)
    assert (grant.status, grant.body["token_type"]) == (200, "Bearer")
    assert subscriptions(arm, grant.body["access_token"]).status == 200


def test_a_user_gets_what_msal_files_and_can_refresh_it(arm: Client) -> None:
    new_user(arm)
    grant = form(arm, ADFS, grant_type="password", username="u@x", password="p", scope="a/.default openid").body
    account = json.loads(base64.urlsafe_b64decode(grant["client_info"] + "=="))
    identity = jwt.decode(grant["id_token"], options={"verify_signature": False})
    assert (account["utid"], identity["preferred_username"], identity["oid"]) == (TENANT, "u@x", account["uid"])
    again = form(arm, AAD, grant_type="refresh_token", refresh_token=grant["refresh_token"]).body
    assert subscriptions(arm, again["access_token"]).status == 200
    assert subscriptions(arm, grant["refresh_token"]).outcome == (401, "InvalidAuthenticationToken")


def test_a_device_is_signed_in_at_once(arm: Client) -> None:
    code = form(arm, f"/{TENANT}/oauth2/v2.0/devicecode", client_id="c", scope="x").body
    assert code["interval"] > 0
    grant = form(arm, AAD, grant_type="urn:ietf:params:oauth:grant-type:device_code", device_code=code["device_code"])
    assert subscriptions(arm, grant.body["access_token"]).status == 200


@pytest.mark.parametrize(
    ("path", "header"), [("/metadata/identity/oauth2/token", "Metadata"), ("/msi/token", "X-IDENTITY-HEADER")]
)
def test_a_managed_identity_gets_a_token_with_its_times_as_strings(arm: Client, path: str, header: str) -> None:
    query = "api-version=2018-02-01&resource=https://localhost:8443/"
    assert anonymous(arm, path, query).body["error"] == "invalid_request"
    assert anonymous(arm, path, "api-version=2018-02-01", **{header: "true"}).status == 400
    grant = anonymous(arm, path, query, **{header: "true"}).body
    assert isinstance(grant["expires_on"], str)
    assert subscriptions(arm, grant["access_token"]).status == 200


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({}, "unsupported_grant_type", id="no grant"),
        pytest.param({"grant_type": "implicit"}, "unsupported_grant_type", id="a grant nobody has"),
        pytest.param({"grant_type": "client_credentials", "client_id": "c"}, "invalid_client", id="no secret"),
        pytest.param({"grant_type": "password", "username": "u"}, "invalid_grant", id="no password"),
        pytest.param(
            {"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant", id="a made-up refresh token"
        ),
        pytest.param({"grant_type": "device_code", "device_code": "x"}, "invalid_grant", id="a made-up device code"),
    ],
)
def test_a_bad_grant_is_refused_in_the_words_of_oauth(arm: Client, fields: dict[str, str], error: str) -> None:
    answer = form(arm, ADFS, **fields)
    assert (answer.status // 100, answer.body["error"]) == (4, error)


def test_without_a_token_of_ours_nothing_opens(arm: Client) -> None:
    missing = anonymous(arm, "/subscriptions", "api-version=2022-12-01")
    assert missing.outcome == (401, "AuthenticationFailed")
    assert f'authorization_uri="{BASE}/{TENANT}"' in missing.headers["www-authenticate"]
    forged = jwt.encode({"exp": 1 << 40, "use": "access"}, "x" * 32, "HS256")
    unsigned = jwt.encode({"exp": 1 << 40, "use": "access"}, None, "none")
    for token in (forged, unsigned, arm.token[:-4] + "AAAA", "rubbish"):
        assert subscriptions(arm, token).outcome == (401, "InvalidAuthenticationToken")


def test_a_token_ends(arm: Client) -> None:
    assert subscriptions(arm, arm.token).status == 200
    arm.backend.pass_time(3600)
    assert subscriptions(arm, arm.token).outcome == (401, "ExpiredAuthenticationToken")


def test_tokens_outlive_a_restart(arm: Client) -> None:
    again = type(arm.api.router.tokens)(arm.backend)
    assert again.read(arm.token, "access")["oid"] == object_id(LAB)


def test_tenants_subscriptions_and_locations(arm: Client) -> None:
    assert [t["tenantId"] for t in arm.get("/tenants").body["value"]] == [TENANT]
    listed = arm.get("/subscriptions").body["value"]
    assert listed == [arm.get(f"/subscriptions/{SUBSCRIPTION}").body]
    assert (listed[0]["subscriptionId"], listed[0]["state"], listed[0]["tenantId"]) == (SUBSCRIPTION, "Enabled", TENANT)
    names = [place["name"] for place in arm.get(f"/subscriptions/{SUBSCRIPTION}/locations").body["value"]]
    assert {"local", "westeurope", "eastus"} <= set(names)
    assert arm.get("/subscriptions/none").outcome == (404, "SubscriptionNotFound")


def test_providers_come_from_the_registry_and_can_be_registered(arm: Client) -> None:
    url = f"/subscriptions/{SUBSCRIPTION}/providers"
    found = [p["namespace"] for p in arm.get(url).body["value"]]
    assert found == ["Contoso.Garden", "Microsoft.Authorization", "Microsoft.Resources"]
    types = arm.get(f"{url}/contoso.garden").body["resourceTypes"]
    assert [t["resourceType"] for t in types] == ["beds", "beds/plants", "beds/tools", "gates", "wells"]
    assert arm.post(f"{url}/Contoso.Garden/unregister").body["registrationState"] == "Unregistered"
    assert arm.get(f"{url}/Contoso.Garden").body["registrationState"] == "Unregistered"
    assert arm.post(f"{url}/Contoso.Garden/register").body["registrationState"] == "Registered"
    assert arm.get(f"{url}/Contoso.Kitchen").outcome == (400, "InvalidResourceNamespace")
    assert arm.get("/providers/Contoso.Garden").body["id"] == "/providers/Contoso.Garden"


@pytest.mark.parametrize(
    "url",
    [
        f"{GROUP}/providers/Microsoft.Authorization/locks",
        f"{GARDEN}/wells/w/providers/Microsoft.Authorization/denyAssignments",
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/policyAssignments",
        f"/subscriptions/{SUBSCRIPTION}/tagNames",
    ],
)
def test_what_is_not_there_yet_lists_as_empty(garden: Client, url: str) -> None:
    assert garden.get(url).body == {"value": []}


def test_every_answer_has_a_request_id_and_echoes_the_clients_when_asked(arm: Client) -> None:
    headers = {"x-ms-client-request-id": "mine", "x-ms-return-client-request-id": "true"}
    answer: Any = arm.call("GET", "/subscriptions", headers=headers)
    assert answer.headers["x-ms-client-request-id"] == "mine"
    assert answer.headers["x-ms-request-id"] == answer.headers["x-ms-correlation-request-id"]
    assert "x-ms-client-request-id" not in arm.get("/subscriptions").headers


def test_a_mounted_room_wants_a_token_but_no_version(arm: Client) -> None:
    async def room(request: Request) -> Response:
        return Response(200, {"path": request.path})

    arm.api.router.mounts["lab"] = Mount(room)
    assert anonymous(arm, "/lab/status").outcome == (401, "AuthenticationFailed")
    assert anonymous(arm, "/lab/status", authorization=f"Bearer {arm.token}").body == {"path": "/lab/status"}


def test_providers_list_what_the_protocol_itself_answers_for() -> None:
    with product() as one:
        found = one.get(f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization").body["resourceTypes"]
    assert {"locks", "roleAssignments", "roleDefinitions"} <= {t["resourceType"] for t in found}


def test_every_region_is_named_by_its_display_name() -> None:
    assert len(REGIONS) > 55
    assert {normalise(r.display_name) for r in REGIONS.values()} == REGIONS.keys()


def test_templates_find_the_suffix_of_vaults_with_its_dot_and_clients_without() -> None:
    outputs = {"suffix": {"type": "string", "value": "[environment().suffixes.keyvaultDns]"}}
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    template = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": [], "outputs": outputs}
    with product() as one:
        done = deploy(one, {"properties": {"mode": "Incremental", "template": template}})
        assert done["outputs"]["suffix"]["value"] == ".vault.azure.net"
        found = one.get("/metadata/endpoints?api-version=2022-09-01").body
        assert found["suffixes"]["keyVaultDns"] == "vault.azure.net"
