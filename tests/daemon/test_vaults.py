"""The data plane of vaults, request by request, with no network before it."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazulite.arm.access.claims import claims
from lazulite.arm.access.founding import LAB
from lazulite.arm.app import Api
from lazulite.daemon.vaults import Vaults
from lazulite.services.key_vault.model import PEM, PFX, uri
from tests.arm.client import GROUP, Answer, Client, exchange
from tests.arm.garden import TENANT
from tests.arm.product import product
from tests.services.gateways import PASSWORD, opened, pem, pfx

HERE = f"{GROUP}/providers/Microsoft.KeyVault/vaults"
PART = "11111111-1111-1111-1111-111111111112"
AUDIENCE = "https://vault.azure.net"


class Door:
    """A client of vault shopvault, who may do everything in it."""

    def __init__(self, arm: Client) -> None:
        self.arm, self.router = arm, arm.api.router
        self.api: Api = arm.api.through(Vaults(arm.backend, self.router).answer)
        self.me = self.router.access.directory.client(LAB)
        self.headers = {"authorization": f"Bearer {self.token()}", "host": "shopvault.vault.azure.net"}

    def token(self, audience: str = AUDIENCE, tenant: str = TENANT) -> str:
        assert self.me is not None
        return self.router.tokens.sign("access", 60, claims(self.arm.backend, tenant, self.me, audience))

    def vault(self, *, name: str = "shopvault", permissions: Any = None, **more: Any) -> Answer:
        assert self.me is not None
        given_ = permissions or {"secrets": ["all"], "certificates": ["all"]}
        policy = {"tenantId": TENANT, "objectId": self.me.id, "permissions": given_}
        said = {"tenantId": TENANT, "sku": {"name": "standard"}, "accessPolicies": [policy]} | more
        return self.arm.put(f"{HERE}/{name}", {"location": "westeurope", "properties": said})

    def __call__(self, method: str, path: str, body: Any = None, query: str = "", **headers: str) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        asked = f"api-version=7.4{query}"
        said = {k: v for k, v in (self.headers | headers).items() if v}
        return self.arm.runner.run(exchange(self.api, method, path, asked, said, content))

    def found(self, method: str, path: str, body: Any = None, query: str = "") -> Any:
        answer = self(method, path, body, query)
        assert answer.status in (200, 202), answer.content
        return answer.body

    def refusal(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str, str]:
        """Status, code and inner code."""
        answer = self(method, path, body, **headers)
        return answer.status, answer.error["code"], answer.error.get("innererror", {}).get("code", "")


@pytest.fixture(scope="module")
def shared() -> Iterator[Door]:
    with product() as arm:
        yield Door(arm)


@pytest.fixture
def door(shared: Door) -> Door:
    """With a vault that nothing is in."""
    shared.arm.delete(f"{HERE}/shopvault")
    assert shared.vault().status == 200
    return shared


def last(found: Any) -> str:
    """The version that an answer is about."""
    return str(found["id"].rpartition("/")[2])


# ---- who asks


def test_without_a_token_a_client_is_told_where_to_get_one_and_for_what(door: Door) -> None:
    answer = door("GET", "/secrets/a", authorization="")
    assert answer.status == 401
    base = door.arm.backend.base_url
    said = f'Bearer authorization="{base}/{TENANT}", resource="{AUDIENCE}"'
    assert answer.headers["www-authenticate"] == said


@pytest.mark.parametrize(
    ("audience", "tenant", "why"),
    [
        pytest.param("https://management.azure.com/", TENANT, "AKV10022", id="a token for the control plane"),
        pytest.param("https://vault.azure.net.evil.test", TENANT, "AKV10022", id="a token for somebody like it"),
        pytest.param(AUDIENCE, PART, "AKV10032", id="a token of another tenant"),
    ],
)
def test_a_token_that_is_not_for_the_vault_opens_nothing(door: Door, audience: str, tenant: str, why: str) -> None:
    answer = door("GET", "/secrets/a", authorization=f"Bearer {door.token(audience, tenant)}")
    assert (answer.status, answer.error["message"].partition(":")[0]) == (401, why)


@pytest.mark.parametrize("host", ["other.vault.azure.net", "localhost", "", "shopvault.vault.azure.net.evil.test"])
def test_a_host_without_a_vault_has_nothing(door: Door, host: str) -> None:
    assert door.refusal("GET", "/secrets/a", host=host)[:2] == (404, "VaultNotFound")


def test_a_port_and_letter_case_of_the_host_do_not_count(door: Door) -> None:
    assert door("GET", "/secrets", host="SHOPVAULT.vault.azure.net:443").status == 200


@pytest.mark.parametrize(
    ("method", "path", "verb"),
    [
        ("GET", "/secrets", "list"),
        ("GET", "/secrets/a", "get"),
        ("PUT", "/secrets/a", "set"),
        ("PATCH", "/secrets/a", "update"),
        ("DELETE", "/secrets/a", "delete"),
        ("DELETE", "/deletedsecrets/a", "purge"),
        ("POST", "/deletedsecrets/a/recover", "recover"),
        ("POST", "/certificates/a/create", "create"),
        ("POST", "/certificates/a/import", "import"),
        ("GET", "/certificates/a/policy", "get"),
    ],
)
def test_what_nobody_was_given_is_forbidden_before_anything_is_looked_at(
    door: Door, method: str, path: str, verb: str
) -> None:
    door.vault(permissions={"keys": ["get"]})
    answer = door(method, path, {})
    assert (answer.status, answer.error["innererror"]["code"]) == (403, "AccessDenied")
    assert f"'{verb}'" in answer.error["message"]
    door.vault(enableRbacAuthorization=True)
    assert door.refusal(method, path, {}) == (403, "Forbidden", "ForbiddenByRbac")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/keys", 404),
        ("GET", "/", 404),
        ("GET", "/secrets/a/b/c", 405),
        ("POST", "/secrets", 405),
        ("POST", "/secrets/a/backup", 405),
        ("GET", "/certificates/a/contacts/x", 405),
        ("DELETE", "/certificates/a/pending", 405),
    ],
)
def test_what_no_vault_here_does_is_refused_by_name(door: Door, method: str, path: str, status: int) -> None:
    answer = door(method, path)
    assert (answer.status, answer.error["code"]) == (status, "NotSupported")
    assert path.rstrip("/") in answer.error["message"]


# ---- secrets


def test_a_secret_has_versions_and_the_newest_is_what_one_gets(door: Door) -> None:
    tags = {"tags": {"a": "b"}, "contentType": "text", "attributes": {"exp": 4102444800, "nbf": 5}}
    first = door.found("PUT", "/secrets/s", {"value": "one", **tags})
    second = door.found("PUT", "/secrets/s", {"value": "two"})
    assert first["id"] == uri("shopvault", "secrets", "s", last(first))
    assert (first["contentType"], first["tags"], first["attributes"]["exp"]) == ("text", {"a": "b"}, 4102444800)
    assert door.found("GET", "/secrets/s")["value"] == "two"
    assert door.found("GET", f"/secrets/S/{last(first)}")["value"] == "one"
    listed = door.found("GET", "/secrets/s/versions")["value"]
    assert [last(v) for v in listed] == [last(first), last(second)]
    assert not any("value" in v for v in listed)
    (one,) = door.found("GET", "/secrets")["value"]
    assert one["id"] == uri("shopvault", "secrets", "s")


def test_a_version_is_turned_off_and_on(door: Door) -> None:
    made = last(door.found("PUT", "/secrets/s", {"value": "one"}))
    shown = door.found("PATCH", f"/secrets/s/{made}", {"attributes": {"enabled": False}, "contentType": "x"})
    assert (shown["attributes"]["enabled"], shown["contentType"], "value" in shown) == (False, "x", False)
    assert door.refusal("GET", "/secrets/s") == (403, "Forbidden", "SecretDisabled")
    door.found("PATCH", "/secrets/s", {"attributes": {"enabled": True}})
    assert door.found("GET", "/secrets/s")["value"] == "one"


def test_what_is_deleted_is_kept_recovered_or_purged(door: Door) -> None:
    made = door.found("PUT", "/secrets/s", {"value": "one"})
    gone = door.found("DELETE", "/secrets/s")
    assert gone["recoveryId"] == uri("shopvault", "deletedsecrets", "s")
    assert gone["scheduledPurgeDate"] - gone["deletedDate"] == 90 * 86_400
    assert door.refusal("GET", "/secrets/s")[:2] == (404, "SecretNotFound")
    assert door.refusal("PUT", "/secrets/S", {"value": "x"})[2] == "ObjectIsDeletedButRecoverable"
    assert [d["recoveryId"] for d in door.found("GET", "/deletedsecrets")["value"]] == [gone["recoveryId"]]
    assert door.found("GET", "/deletedsecrets/s")["deletedDate"] == gone["deletedDate"]
    back = door.found("POST", "/deletedsecrets/s/recover")
    assert (back["id"], door.found("GET", "/secrets/s")["value"]) == (made["id"], "one")
    door("DELETE", "/secrets/s")
    assert door("DELETE", "/deletedsecrets/s").status == 204
    assert door.refusal("GET", "/deletedsecrets/s")[:2] == (404, "SecretNotFound")
    assert door.found("PUT", "/secrets/s", {"value": "new"})["value"] == "new"


def test_with_protection_nobody_purges(door: Door) -> None:
    door.vault(enablePurgeProtection=True)
    door.found("PUT", "/secrets/s", {"value": "one"})
    assert door.found("GET", "/secrets/s")["attributes"]["recoveryLevel"] == "Recoverable"
    door("DELETE", "/secrets/s")
    assert door.refusal("DELETE", "/deletedsecrets/s") == (403, "Forbidden", "OperationNotAllowed")


def test_a_list_goes_page_by_page(door: Door) -> None:
    for name in "abcde":
        door.found("PUT", f"/secrets/{name}", {"value": name})
    first = door.found("GET", "/secrets", query="&maxresults=3")
    assert [last(s) for s in first["value"]] == ["a", "b", "c"]
    where, _, query = first["nextLink"].partition("?")
    assert where == uri("shopvault", "secrets")
    rest = door.found("GET", "/secrets", query=f"&{query.partition('&')[2]}")
    assert ([last(s) for s in rest["value"]], rest["nextLink"]) == (["d", "e"], None)


@pytest.mark.parametrize("query", ["&maxresults=0", "&maxresults=26", "&maxresults=x", "&$skiptoken=-1"])
def test_a_page_that_is_none_is_refused(door: Door, query: str) -> None:
    assert door("GET", "/secrets", query=query).status == 400


def test_a_secret_of_the_control_plane_is_the_same_one(door: Door) -> None:
    where = f"{HERE}/shopvault/secrets/arm"
    shown = door.arm.put(where, {"properties": {"value": "one"}}).body["properties"]
    assert "value" not in shown
    assert door.found("GET", "/secrets/arm")["id"] == shown["secretUriWithVersion"]
    made = door.found("GET", "/secrets/arm")["attributes"]["created"]
    again = door.found("PUT", "/secrets/arm", {"value": "two"})
    assert again["attributes"]["created"] > 0 < made
    assert door.arm.get(where).body["properties"]["secretUriWithVersion"] == again["id"]
    kept = [v["attributes"]["created"] for v in door.found("GET", "/secrets/arm/versions")["value"]]
    assert kept[0] == made


def test_what_the_data_plane_turned_off_stays_off_when_the_control_plane_writes_something_else(door: Door) -> None:
    where = f"{HERE}/shopvault/secrets/arm"
    door.arm.put(where, {"properties": {"value": "one"}})
    door.found("PATCH", "/secrets/arm", {"attributes": {"enabled": False}})
    assert door.arm.patch(where, {"properties": {"contentType": "text"}}).status == 200
    assert door.refusal("GET", "/secrets/arm")[2] == "SecretDisabled"
    assert door.arm.patch(where, {"properties": {"attributes": {"enabled": True}}}).status == 200
    found = door.found("GET", "/secrets/arm")
    assert (found["value"], found["contentType"]) == ("one", "text")


def test_no_secret_is_shown_by_the_control_plane(door: Door) -> None:
    door.found("PUT", "/secrets/s", {"value": "very secret"})
    door.found("PUT", "/secrets/gone", {"value": "very secret"})
    door("DELETE", "/secrets/gone")
    for path in (f"{HERE}/shopvault", f"{HERE}/shopvault/secrets/s", f"{HERE}/shopvault/secrets", HERE):
        assert b"very secret" not in door.arm.get(path).content
    exported = door.arm.post(f"{GROUP}/exportTemplate", {"resources": ["*"]})
    assert b"very secret" not in exported.content


# ---- certificates


def importing(door: Door, *names: str, **more: Any) -> Any:
    return door.found("POST", "/certificates/c/import", {"value": pfx(*names), "pwd": PASSWORD} | more)


def test_an_imported_certificate_has_a_secret_with_its_key(door: Door) -> None:
    made = importing(door, "a.test", tags={"x": "y"})
    shown = x509.load_der_x509_certificate(b64decode(made["cer"]))
    assert shown == x509.load_pem_x509_certificate(pem(pfx("a.test")))
    assert made["attributes"]["exp"] == int(shown.not_valid_after_utc.timestamp())
    assert (made["contentType"], made["tags"], made["policy"]["issuer"]["name"]) == (PFX, {"x": "y"}, "Unknown")
    assert made["policy"]["x509_props"]["sans"]["dns_names"] == ["a.test"]
    secret = door.found("GET", f"/secrets/c/{last(made)}")
    assert (secret["managed"], secret["contentType"], secret["kid"]) == (True, PFX, made["kid"])
    again = door.found("POST", "/certificates/c/import", {"value": secret["value"]})
    assert again["cer"] == made["cer"]
    assert last(again) != last(made)


@pytest.mark.parametrize("encoded", [False, True], ids=["as it is", "in base64"])
def test_a_certificate_may_be_pem(door: Door, encoded: bool) -> None:
    text = "".join(opened(pfx("a.test")))
    value = b64encode(text.encode()).decode() if encoded else text
    made = door.found("POST", "/certificates/c/import", {"value": value})
    assert made["contentType"] == PEM
    kept = door.found("GET", "/secrets/c")["value"]
    assert kept.startswith("-----BEGIN PRIVATE KEY-----")
    assert "-----BEGIN CERTIFICATE-----" in kept


@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        pytest.param({"x509_props": {"subject": "CN=x"}}, "RSA", id="the usual key"),
        pytest.param(
            {"key_props": {"kty": "EC", "crv": "P-384"}, "x509_props": {"subject": "CN=x"}}, "EC", id="a curve"
        ),
    ],
)
def test_a_certificate_is_made_for_its_policy(door: Door, policy: dict[str, Any], kind: str) -> None:
    answer = door("POST", "/certificates/c/create", {"policy": policy})
    assert (answer.status, answer.body["status"]) == (202, "inProgress")
    assert door.found("GET", "/certificates/c/pending")["status"] == "completed"
    made = door.found("GET", "/certificates/c")
    found = x509.load_der_x509_certificate(b64decode(made["cer"]))
    assert (found.subject.rfc4514_string(), found.issuer) == ("CN=x", found.subject)
    assert made["policy"]["key_props"]["kty"] == kind
    again = door.found("POST", "/certificates/c/create", {})
    assert (again["status"], len(door.found("GET", "/certificates/c/versions")["value"])) == ("inProgress", 2)
    assert door.found("GET", "/certificates/c")["policy"]["key_props"]["kty"] == kind


BAD: list[Any] = [
    pytest.param("import", {}, id="nothing to import"),
    pytest.param("import", {"value": 7}, id="a number"),
    pytest.param("import", {"value": "eHl6"}, id="what is no certificate"),
    pytest.param("import", {"value": "-----BEGIN x"}, id="what is no PEM"),
    pytest.param("import", {"value": "é"}, id="what is no base64"),
    pytest.param("create", {"policy": {"issuer": {"name": "DigiCert"}}}, id="an authority that is none"),
    pytest.param("create", {"policy": 7}, id="a policy that is none"),
    pytest.param("create", {"policy": {}}, id="nobody to be issued to"),
    pytest.param("create", {"policy": {"x509_props": {"subject": "nonsense"}}}, id="a subject that is none"),
    pytest.param("create", {"policy": {"x509_props": {"subject": "CN=x", "ekus": ["x"]}}}, id="a use that is none"),
    pytest.param("create", {"policy": {"x509_props": {"subject": "CN=x", "validity_months": 0}}}, id="no time at all"),
    pytest.param("create", {"policy": {"x509_props": {"subject": "CN=x", "key_usage": ["fly"]}}}, id="a usage"),
    pytest.param("create", {"policy": {"x509_props": {"subject": "CN=x", "key_usage": 5}}}, id="usages that are none"),
    pytest.param("create", {"policy": {"x509_props": {"subject": 5}}}, id="a subject that is a number"),
    pytest.param("create", {"policy": {"x509_props": {"subject": "CN=x", "sans": 5}}}, id="names that are none"),
    pytest.param("create", {"policy": {"key_props": {"kty": "oct"}}}, id="a key of another kind"),
    pytest.param("create", {"policy": {"key_props": {"kty": []}}}, id="a kind that is none"),
    pytest.param("create", {"policy": {"key_props": {"key_size": 512}}}, id="a key that is too short"),
    pytest.param("create", {"policy": {"key_props": {"kty": "EC", "crv": "P-1"}}}, id="a curve that is none"),
    pytest.param("create", {"policy": {"key_props": {"kty": "EC", "crv": {}}}}, id="a curve of the wrong form"),
    pytest.param("create", {"policy": {"key_props": {"exportable": False}}}, id="a key that nobody gets"),
    pytest.param("create", {"policy": {"key_props": 5}}, id="properties that are none"),
    pytest.param("create", {"policy": {"secret_props": {"contentType": "x"}}}, id="a form that is none"),
]


@pytest.mark.parametrize(("verb", "body"), BAD)
def test_a_certificate_that_cannot_be_had_is_refused(door: Door, verb: str, body: dict[str, Any]) -> None:
    answer = door("POST", f"/certificates/c/{verb}", body)
    assert (answer.status, answer.error["code"]) == (400, "BadParameter")
    assert answer.error["message"]
    assert door.found("GET", "/certificates")["value"] == []


def test_a_password_that_is_wrong_is_refused_without_being_said(door: Door) -> None:
    answer = door("POST", "/certificates/c/import", {"value": pfx("a.test"), "pwd": "not the secret"})
    assert answer.status == 400
    assert b"not the secret" not in answer.content


def test_a_policy_is_changed_and_a_version_turned_off(door: Door) -> None:
    made = importing(door, "a.test")
    shown = door.found("PATCH", "/certificates/c/policy", {"x509_props": {"validity_months": 5}})
    assert shown["x509_props"]["validity_months"] == 5
    assert door.found("GET", "/certificates/c/policy")["x509_props"]["subject"] == "CN=a.test"
    off = door.found("PATCH", f"/certificates/c/{last(made)}", {"attributes": {"enabled": False, "exp": 5}})
    assert (off["attributes"]["enabled"], off["attributes"]["exp"]) == (False, made["attributes"]["exp"])


def test_a_certificate_and_its_secret_go_and_come_together(door: Door) -> None:
    importing(door, "a.test")
    assert door.refusal("DELETE", "/secrets/c")[2] == "ForbiddenByPolicy"
    assert door.refusal("PUT", "/secrets/c", {"value": "x"})[2] == "ForbiddenByPolicy"
    gone = door.found("DELETE", "/certificates/c")
    assert gone["recoveryId"].endswith("/deletedcertificates/c")
    assert door.refusal("GET", "/secrets/c")[1] == "SecretNotFound"
    assert door.refusal("GET", "/certificates/c")[1] == "CertificateNotFound"
    assert door.found("GET", "/deletedcertificates/c")["cer"] == gone["cer"]
    assert len(door.found("GET", "/deletedcertificates")["value"]) == 1
    assert door.found("POST", "/deletedcertificates/c/recover")["cer"] == gone["cer"]
    assert door.found("GET", "/secrets/c")["managed"] is True


def test_a_plain_secret_is_no_certificate(door: Door) -> None:
    door.found("PUT", "/secrets/s", {"value": "x"})
    assert door.refusal("GET", "/certificates/s")[:2] == (404, "CertificateNotFound")
    body = {"value": pfx("a.test"), "pwd": PASSWORD}
    assert door.refusal("POST", "/certificates/s/import", body)[2] == "ForbiddenByPolicy"
    assert door.found("GET", "/certificates")["value"] == []


def test_a_vault_that_goes_while_its_key_is_made_gets_none(door: Door) -> None:
    """The key takes its time, and the vault may be gone by then."""

    async def both() -> Answer:
        body = json.dumps({"policy": {"x509_props": {"subject": "CN=x"}}}).encode()
        asked = exchange(door.api, "POST", "/certificates/c/create", "api-version=7.4", door.headers, body)
        making = asyncio.create_task(asked)
        await asyncio.sleep(0)
        await door.arm.exchange("DELETE", f"{HERE}/shopvault")
        return await making

    answer = door.arm.runner.run(both())
    assert (answer.status, answer.error["code"]) == (404, "VaultNotFound")


# ---- whatever is sent

_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_MEMBERS = ("value", "pwd", "attributes", "tags", "contentType", "policy")
_POLICY = ("key_props", "x509_props", "secret_props", "issuer", "lifetime_actions")
_WITHIN = ("kty", "crv", "key_size", "subject", "sans", "ekus", "key_usage", "validity_months", "contentType", "name")
_PARTS = st.dictionaries(st.sampled_from(_POLICY), _ANY | st.dictionaries(st.sampled_from(_WITHIN), _ANY), max_size=4)
_TIMES = st.dictionaries(st.sampled_from(("enabled", "nbf", "exp")), _ANY)
_BODIES = _ANY | st.fixed_dictionaries(
    {}, optional={m: _ANY for m in _MEMBERS} | {"policy": _PARTS, "attributes": _TIMES}
)
_PATHS = st.builds(
    lambda kind, rest: "/" + "/".join([kind, *rest]),
    st.sampled_from(["secrets", "certificates", "deletedsecrets", "deletedcertificates", "keys", "Secrets"]),
    st.lists(
        st.sampled_from(["a", "b", "versions", "policy", "pending", "create", "import", "recover", "0" * 32, "é"]),
        max_size=3,
    ),
)


def test_whatever_is_asked_is_answered(shared: Door) -> None:
    shared.vault()

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE"]), _PATHS, _BODIES)
    def check(method: str, path: str, body: Any) -> None:
        answer = shared(method, path, body)
        assert answer.status < 500, (method, path, body, answer.content)
        assert answer.status < 400 or answer.error["code"]

    check()


_SUBJECT = {"subject": _ANY | st.just("CN=x"), "sans": _ANY | st.fixed_dictionaries({"dns_names": _ANY}), "ekus": _ANY}
_FORMED = st.fixed_dictionaries(
    {},
    optional={
        "key_props": st.fixed_dictionaries({"kty": st.just("EC") | _ANY}, optional={"crv": _ANY, "key_size": _ANY}),
        "x509_props": st.fixed_dictionaries({}, optional=_SUBJECT | {"key_usage": _ANY, "validity_months": _ANY}),
        "secret_props": _ANY | st.fixed_dictionaries({"contentType": _ANY | st.sampled_from([PEM, PFX])}),
        "issuer": _ANY | st.fixed_dictionaries({"name": _ANY}),
    },
)


def test_whatever_a_policy_says_it_is_taken_or_refused(shared: Door) -> None:
    shared.vault()
    shared(
        "POST", "/certificates/ec/create", {"policy": {"key_props": {"kty": "EC"}, "x509_props": {"subject": "CN=x"}}}
    )

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_FORMED, st.sampled_from(["create", "import"]))
    def check(policy: Any, verb: str) -> None:
        body = {"policy": policy, "value": "".join(opened(pfx("a.test")))}
        answer = shared("POST", f"/certificates/ec/{verb}", body)
        assert answer.status in (200, 202, 400), (policy, answer.content)
        assert shared("PATCH", "/certificates/ec/policy", policy).status in (200, 400)
        assert shared("GET", "/certificates/ec").status == 200

    check()
