"""Who gets a token, and which tokens open what."""

from __future__ import annotations

import base64
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from lazulite.arm.access.claims import claims
from lazulite.arm.access.credentials import digest
from lazulite.arm.access.founding import CLI, DEVICE_USER, LAB, MANAGED_IDENTITY
from lazulite.arm.access.principals import Application, Key, Password, ServicePrincipal, User
from lazulite.arm.tokens import object_id
from tests.arm.access.people import guid
from tests.arm.client import GARDEN, GROUP, Answer, Client, exchange
from tests.arm.garden import TENANT

BASE = "https://localhost:8443"
TOKEN = f"/{TENANT}/oauth2/v2.0/token"
APP = guid("app")


def form(arm: Client, **fields: str) -> Answer:
    return arm.runner.run(exchange(arm.api, "POST", TOKEN, "", {}, urlencode(fields).encode()))


def opened(arm: Client, token: str) -> Answer:
    headers = {"authorization": f"Bearer {token}"}
    return arm.runner.run(exchange(arm.api, "GET", "/subscriptions", "api-version=2022-12-01", headers))


def put(arm: Client, *objects: Any) -> None:
    for each in objects:
        arm.api.router.access.directory.put(each)


def password(secret: str, **times: str) -> Password:
    return Password(guid(secret), digest(secret), **times)


PRINCIPAL = ServicePrincipal(id=guid("principal"), app_id=APP, display_name="app")
SECRETS = [
    pytest.param({"client_id": APP, "client_secret": "own"}, None, id="a secret of the principal"),
    pytest.param({"client_id": APP.upper(), "client_secret": "of app"}, None, id="a secret of its application"),
    pytest.param({"client_id": APP, "client_secret": "wrong"}, "AADSTS7000215", id="a wrong secret"),
    pytest.param({"client_id": APP, "client_secret": "old"}, "AADSTS7000215", id="a secret whose time is over"),
    pytest.param({"client_id": APP, "client_secret": "later"}, "AADSTS7000215", id="a secret whose time is to come"),
    pytest.param({"client_id": guid("x"), "client_secret": "own"}, "AADSTS700016", id="an application nobody knows"),
    pytest.param({"client_id": APP, "client_assertion": "rubbish"}, "AADSTS700027", id="an assertion that is none"),
    pytest.param(
        {"client_id": MANAGED_IDENTITY, "client_secret": "x"}, "AADSTS7000215", id="a principal without any secret"
    ),
]


@pytest.mark.parametrize(("fields", "code"), SECRETS)
def test_a_service_principal_signs_in_with_its_secret(arm: Client, fields: dict[str, str], code: str | None) -> None:
    of_principal = (
        password("own"),
        password("old", end_date_time="2025-01-01T00:00:00Z"),
        password("later", start_date_time="2027-01-01T00:00:00Z"),
    )
    put(
        arm,
        msgspec.structs.replace(PRINCIPAL, passwords=of_principal),
        Application(id=guid("a"), app_id=APP, display_name="app", passwords=(password("of app"),)),
    )
    answer = form(arm, grant_type="client_credentials", scope=f"{BASE}/.default", **fields)
    if code is None:
        assert opened(arm, answer.body["access_token"]).status == 200
    else:
        assert answer.status in (400, 401)
        assert answer.body["error_description"].startswith(code)


def test_the_profiles_secret_is_the_labs_own(arm: Client) -> None:
    secret = arm.api.router.access.cli_secret
    assert form(arm, grant_type="client_credentials", client_id=CLI, client_secret=secret).status == 200
    assert form(arm, grant_type="client_credentials", client_id=CLI, client_secret="lazulite").status == 401
    assert type(arm.api.router.access)(arm.backend, arm.api.router._catalogue).cli_secret == secret


@dataclasses.dataclass
class Certified:
    """A certificate's key, and the certificate as it is kept."""

    private: Any
    key: Key


def certified(private: Any) -> Certified:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    content = certificate.public_bytes(serialization.Encoding.DER)
    return Certified(private, Key("k", base64.b64encode(content).decode()))


def test_a_service_principal_signs_in_with_its_certificate(arm: Client) -> None:
    mine, other = certified(rsa.generate_private_key(65537, 2048)), certified(ec.generate_private_key(ec.SECP256R1()))
    put(arm, msgspec.structs.replace(PRINCIPAL, keys=(mine.key,)))
    said = {"sub": APP, "iss": APP, "aud": "x", "exp": datetime.now(UTC) + timedelta(minutes=5)}

    def status(assertion: str) -> int:
        return form(arm, grant_type="client_credentials", client_id=APP, client_assertion=assertion).status

    assert status(jwt.encode(said, mine.private, "PS256")) == 200
    assert status(jwt.encode(said, mine.private, "RS256")) == 200
    assert status(jwt.encode(said, other.private, "ES256")) == 401
    assert status(jwt.encode({**said, "sub": CLI}, mine.private, "PS256")) == 401
    assert status(jwt.encode({**said, "exp": 1}, mine.private, "PS256")) == 401
    assert status(jwt.encode({"exp": said["exp"]}, mine.private, "PS256")) == 401
    assert status(jwt.encode(said, mine.key.key, "HS256")) == 401


USERS = [
    pytest.param("ann@x", "right", None, id="the password"),
    pytest.param("ANN@x", "right", None, id="a name in other case"),
    pytest.param("ann@x", "wrong", "AADSTS50126", id="a wrong password"),
    pytest.param("bob@x", "right", "AADSTS50034", id="a user nobody knows"),
    pytest.param("off@x", "right", "AADSTS50057", id="a user who is disabled"),
    pytest.param(DEVICE_USER, "any", "AADSTS50126", id="a user without a password"),
]


def user(name: str, *, enabled: bool = True) -> User:
    return User(
        id=guid(name), display_name=name, user_principal_name=name, digest=digest("right"), account_enabled=enabled
    )


@pytest.mark.parametrize(("name", "secret", "code"), USERS)
def test_a_user_signs_in_with_a_password(arm: Client, name: str, secret: str, code: str | None) -> None:
    put(arm, user("ann@x"), user("off@x", enabled=False))
    answer = form(arm, grant_type="password", username=name, password=secret)
    if code is None:
        assert opened(arm, answer.body["access_token"]).status == 200
    else:
        assert (answer.body["error"], answer.body["error_description"][: len(code)]) == ("invalid_grant", code)


def attempt(arm: Client, secret: str, name: str = "ann@x") -> str:
    """The code of the answer to an attempt, empty when it was right."""
    said = form(arm, grant_type="password", username=name, password=secret).body
    return str(said.get("error_description", "")).partition(":")[0]


def test_who_guesses_a_password_is_made_to_wait_longer_and_longer(arm: Client) -> None:
    put(arm, user("ann@x"), user("bob@x"))
    wrong, locked = "AADSTS50126", "AADSTS50053"
    assert {attempt(arm, f"guess {n}") for n in range(10)} == {wrong}
    assert (attempt(arm, "guess"), attempt(arm, "right")) == (locked, locked)
    assert attempt(arm, "right", "bob@x") == ""
    arm.backend.pass_time(61)
    assert (attempt(arm, "guess"), attempt(arm, "right")) == (wrong, locked)
    arm.backend.pass_time(61)
    assert attempt(arm, "right") == locked
    arm.backend.pass_time(60)
    assert attempt(arm, "right") == ""
    assert attempt(arm, "guess") == wrong
    assert attempt(arm, "right") == ""


def test_refreshing_ends_with_the_user(arm: Client) -> None:
    ann = user("ann@x")
    put(arm, ann)
    refresh = form(arm, grant_type="password", username="ann@x", password="right").body["refresh_token"]
    assert form(arm, grant_type="refresh_token", refresh_token=refresh).status == 200
    arm.api.router.access.directory.delete(ann)
    assert form(arm, grant_type="refresh_token", refresh_token=refresh).body["error"] == "invalid_grant"


def test_without_its_user_no_device_is_signed_in(arm: Client) -> None:
    path = f"/{TENANT}/oauth2/v2.0/devicecode"
    code = arm.runner.run(exchange(arm.api, "POST", path, "", {}, b"client_id=c")).body["device_code"]
    device: Any = arm.api.router.access.directory.user(DEVICE_USER)
    arm.api.router.access.directory.delete(device)
    assert form(arm, grant_type="device_code", device_code=code).body["error"] == "invalid_grant"


def imds(arm: Client, **query: str) -> Answer:
    text = urlencode({"api-version": "2018-02-01", "resource": f"{BASE}/", **query})
    return arm.runner.run(exchange(arm.api, "GET", "/metadata/identity/oauth2/token", text, {"Metadata": "true"}))


SECRETLESS = [
    pytest.param("GET", "/metadata/identity/oauth2/token", "resource=x", b"", id="a managed identity"),
    pytest.param("GET", "/msi/token", "resource=x", b"", id="a managed identity of App Service"),
    pytest.param("POST", f"/{TENANT}/oauth2/v2.0/devicecode", "", b"client_id=c", id="a device code"),
    pytest.param("POST", f"/{TENANT}/oauth2/v2.0/token", "", b"grant_type=device_code&code=x", id="a device's token"),
]


@pytest.mark.parametrize(("method", "path", "query", "content"), SECRETLESS)
def test_nobody_but_the_user_of_the_lab_is_signed_in_without_a_secret(
    arm: Client, method: str, path: str, query: str, content: bytes
) -> None:
    headers = {"Metadata": "true", "X-Identity-Header": "x"}
    answer = arm.runner.run(exchange(arm.api, method, path, query, headers, content, near=False))
    assert (answer.status, answer.body["error"]) == (403, "access_denied")


PLAIN = {
    "/metadata/identity/oauth2/token": 200,
    "/msi/token": 200,
    "/subscriptions": 403,
    "/metadata/endpoints": 403,
    f"/{TENANT}/oauth2/token": 403,
    f"/{TENANT}/discovery/keys": 403,
    "/graph/v1.0/users": 403,
    "/": 403,
}


@pytest.mark.parametrize(("path", "status"), PLAIN.items())
def test_without_tls_only_managed_identities_are_given(arm: Client, path: str, status: int) -> None:
    headers = {"Metadata": "true", "X-Identity-Header": "x", "Authorization": f"Bearer {arm.token}"}
    query = urlencode({"api-version": "2022-12-01", "resource": f"{BASE}/"})
    answer = arm.runner.run(exchange(arm.api, "GET", path, query, headers, scheme="http"))
    assert answer.status == status
    if status == 403:
        assert answer.error["code"] == "HttpsRequired"


def test_a_managed_identity_is_that_of_the_resource_one_names(garden: Client) -> None:
    body = {"location": "local", "identity": {"type": "SystemAssigned"}}
    principal = garden.made(f"{GARDEN}/beds/b", body)["identity"]["principalId"]
    by_resource = imds(garden, msi_res_id=f"{GARDEN}/beds/b").body
    by_object = imds(garden, object_id=principal).body
    by_client = imds(garden, client_id=by_resource["client_id"]).body
    for answer in (by_resource, by_object, by_client):
        said = jwt.decode(answer["access_token"], options={"verify_signature": False})
        assert said["oid"] == principal
    said = jwt.decode(imds(garden).body["access_token"], options={"verify_signature": False})
    assert said["oid"] == object_id(MANAGED_IDENTITY)


IDENTITIES = [
    pytest.param({"client_id": LAB}, id="a service principal that is no managed identity"),
    pytest.param({"object_id": object_id(LAB)}, id="nor by its object"),
    pytest.param({"object_id": object_id(DEVICE_USER)}, id="a user"),
    pytest.param({"mi_res_id": GROUP}, id="a resource without an identity"),
    pytest.param({"mi_res_id": f"{GARDEN}/beds/none"}, id="a resource that is not there"),
]


@pytest.mark.parametrize("query", IDENTITIES)
def test_other_identities_are_not_given_away(garden: Client, query: dict[str, str]) -> None:
    answer = imds(garden, **query)
    assert (answer.status, answer.body["error_description"]) == (400, "Identity not found")


def signed(arm: Client, **changes: Any) -> str:
    """A token of the lab's owner, but for *changes* of its claims."""
    me: Any = arm.api.router.access.directory.find(object_id(LAB))
    return arm.api.router.tokens.sign("access", 3600, {**claims(arm.backend, TENANT, me, f"{BASE}/"), **changes})


AUDIENCES = [
    pytest.param(f"{BASE}/", 200, id="the API itself"),
    pytest.param(BASE, 200, id="without its slash"),
    pytest.param("https://management.azure.com/", 200, id="Azure's own address"),
    pytest.param("https://management.core.windows.net", 200, id="and the older one"),
    pytest.param("https://localhost:8444/", 401, id="another port"),
    pytest.param(f"{BASE}/graph", 401, id="the directory"),
    pytest.param("https://vault.azure.net", 401, id="another service"),
    pytest.param(f"{BASE}.evil.test/", 401, id="a longer host"),
    pytest.param("", 401, id="none"),
    pytest.param([BASE], 401, id="a list"),
]


@pytest.mark.parametrize(("audience", "status"), AUDIENCES)
def test_a_token_is_for_one_audience(arm: Client, audience: Any, status: int) -> None:
    answer = opened(arm, signed(arm, aud=audience))
    assert answer.status == status
    if status == 401:
        assert answer.error["code"] == "InvalidAuthenticationToken"
        assert "Bearer authorization_uri=" in answer.headers["www-authenticate"]


def test_a_token_of_another_tenant_is_refused(arm: Client) -> None:
    answer = opened(arm, signed(arm, tid=guid("tenant"), iss="https://sts.windows.net/other/"))
    assert answer.outcome == (401, "InvalidAuthenticationTokenTenant")
    assert "wrong issuer 'https://sts.windows.net/other/'" in answer.error["message"]


@pytest.mark.parametrize("oid", [guid("nobody"), "", None, 5, object_id(LAB) + "x"])
def test_a_token_of_nobody_is_refused(arm: Client, oid: Any) -> None:
    assert opened(arm, signed(arm, oid=oid)).outcome == (401, "InvalidAuthenticationToken")


def test_a_token_ends_with_its_principal(arm: Client) -> None:
    put(arm, PRINCIPAL)
    token = signed(arm, oid=PRINCIPAL.id)
    assert opened(arm, token).status == 200
    put(arm, msgspec.structs.replace(PRINCIPAL, account_enabled=False))
    assert opened(arm, token).outcome == (401, "InvalidAuthenticationToken")
    put(arm, PRINCIPAL)
    arm.api.router.access.directory.delete(PRINCIPAL)
    assert opened(arm, token).outcome == (401, "InvalidAuthenticationToken")
