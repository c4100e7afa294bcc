"""Key vaults as Azure's own clients use them, and gateways that show what is in them, seen by real handshakes."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.certificates import CertificateClient, CertificateContentType, CertificatePolicy
from azure.keyvault.secrets import SecretClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from cryptography import x509

from lazulite.testing import Lab, lab
from tests.arm.deployments.lab import resource, template
from tests.clients.az import Az, AzError
from tests.clients.sdk import principal
from tests.clients.test_storage import options, proxy
from tests.services.gateways import PASSWORD, pem, pfx
from tests.waiting import until

KIND, GATEWAY = "Microsoft.KeyVault/vaults", "Microsoft.Network/applicationGateways"
covers = pytest.mark.covers
URL = "https://lzvault01.vault.azure.net"


class Vaulted(NamedTuple):
    """The lab with vault lzvault01, and what clients on this host need to reach it as the visitor would."""

    lab: Lab
    az: Az
    options: dict[str, Any]
    files: Path

    @property
    def group(self) -> str:
        return self.lab.group.rpartition("/")[2]

    @property
    def credential(self) -> ClientSecretCredential:
        found = self.lab.connection
        return ClientSecretCredential(
            found.tenant,
            *principal(self.lab),
            authority=found.endpoint,
            connection_verify=found.ca,
            disable_instance_discovery=True,
        )

    def secrets(self) -> SecretClient:
        return SecretClient(URL, self.credential, **self.options)

    def certificates(self) -> CertificateClient:
        return CertificateClient(URL, self.credential, **self.options)

    def file(self, name: str, *hosts: str) -> str:
        """A file with a certificate for *hosts* and its key, sealed with ``PASSWORD``."""
        where = self.files / name
        where.write_bytes(b64decode(pfx(*hosts)))
        return str(where)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vaulted]:
    with lab() as made:
        made.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})
        with proxy(made, "visitor") as address:
            az = Az(made, HTTPS_PROXY=address, NO_PROXY="localhost,127.0.0.1")
            az.install()
            try:
                az("keyvault create -g test -n lzvault01 --enable-rbac-authorization false")
                yield Vaulted(made, az, options(made, address), tmp_path_factory.mktemp("certificates"))
            finally:
                az.close()


@covers(KIND, "create", "show", "list", "delete", client="az")
def test_az_makes_a_vault_and_takes_it_away(one: Vaulted) -> None:
    made = one.az(f"keyvault create -g {one.group} -n lzvault02 --enable-rbac-authorization")
    assert made["properties"]["vaultUri"] == "https://lzvault02.vault.azure.net/"
    assert one.az("keyvault show -n lzvault02")["properties"]["enableRbacAuthorization"]
    assert {v["name"] for v in one.az("keyvault list")} >= {"lzvault01", "lzvault02"}
    with pytest.raises(AzError, match="already"):
        one.az(f"keyvault create -g {one.group} -n lzvault02")
    one.az("keyvault delete -n lzvault02")
    assert "lzvault02" not in {v["name"] for v in one.az("keyvault list")}


@covers(KIND, "check-name", "get", "list", client="sdk")
def test_the_management_sdk_reads_vaults_and_asks_for_names(one: Vaulted) -> None:
    found = one.lab.connection
    client = KeyVaultManagementClient(
        one.credential,
        found.subscription,
        base_url=found.endpoint,
        credential_scopes=[f"{found.endpoint}/.default"],
        connection_verify=found.ca,
    )
    assert client.vaults.get(one.group, "lzvault01").properties.vault_uri == f"{URL}/"
    answer = client.vaults.check_name_availability({"name": "lzvault01", "type": KIND})
    assert (answer.name_available, answer.reason) == (False, "AlreadyExists")
    assert list(client.vaults.list_deleted()) == []


@covers(KIND, "secret set", "secret show", "secret list", "secret delete", "secret recover", client="az")
def test_az_keeps_a_secret_in_versions_and_has_it_back(one: Vaulted) -> None:
    at = "--vault-name lzvault01 -n from-az"
    first = one.az(f"keyvault secret set {at} --value one --description text --expires 2030-01-01T00:00:00Z")
    second = one.az(f"keyvault secret set {at} --value two --tags a=b")
    assert first["attributes"]["expires"].startswith("2030")
    assert one.az(f"keyvault secret show {at}")["value"] == "two"
    assert one.az(f"keyvault secret show --id {first['id']}")["value"] == "one"
    assert len(one.az(f"keyvault secret list-versions {at}")) == 2
    one.az(f"keyvault secret set-attributes {at} --enabled false")
    with pytest.raises(AzError, match="disabled"):
        one.az(f"keyvault secret show {at}")
    assert one.az(f"keyvault secret show --id {first['id']}")["value"] == "one"
    one.az(f"keyvault secret set-attributes --id {second['id']} --enabled true")
    one.az(f"keyvault secret delete {at}")
    with pytest.raises(AzError, match="NotFound"):
        one.az(f"keyvault secret show {at}")
    assert "from-az" in {s["name"] for s in one.az("keyvault secret list-deleted --vault-name lzvault01")}
    one.az(f"keyvault secret recover {at}")
    assert one.az(f"keyvault secret show {at}")["value"] == "two"


@covers(KIND, "certificate import", "certificate create", "certificate show", "certificate list", client="az")
def test_az_imports_certificates_and_has_them_made(one: Vaulted) -> None:
    sealed = one.file("a.pfx", "a.test")
    made = one.az(f"keyvault certificate import --vault-name lzvault01 -n imported -f {sealed} --password {PASSWORD}")
    shown = one.az("keyvault certificate show --vault-name lzvault01 -n imported")
    assert b64decode(shown["cer"]) == pem_to_der(pem(pfx("a.test")))
    assert (shown["sid"], shown["kid"]) == (made["sid"], made["kid"])
    policy = one.az("keyvault certificate get-default-policy")
    (one.files / "policy.json").write_text(
        str(policy).replace("'", '"').replace("True", "true").replace("None", "null")
    )
    one.az(f"keyvault certificate create --vault-name lzvault01 -n created -p @{one.files}/policy.json")
    found = one.az("keyvault certificate show --vault-name lzvault01 -n created")
    assert found["policy"]["issuerParameters"]["name"] == "Self"
    assert x509.load_der_x509_certificate(b64decode(found["cer"])).subject.rfc4514_string() == "CN=CLIGetDefaultPolicy"
    names = {c["name"] for c in one.az("keyvault certificate list --vault-name lzvault01")}
    assert names >= {"imported", "created"}
    one.az("keyvault certificate delete --vault-name lzvault01 -n created")
    one.az("keyvault certificate purge --vault-name lzvault01 -n created")


def pem_to_der(text: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificate(text).public_bytes(Encoding.DER)


@covers(KIND, "secret set", "secret get", "secret list", "secret delete", "secret purge", client="sdk")
def test_the_sdk_goes_page_by_page_and_purges(one: Vaulted) -> None:
    client = one.secrets()
    for number in range(30):
        client.set_secret(f"page-{number:02}", str(number))
    names = [s.name for s in client.list_properties_of_secrets() if str(s.name).startswith("page-")]
    assert names == [f"page-{n:02}" for n in range(30)]
    client.begin_delete_secret("page-00").wait()
    with pytest.raises(HttpResponseError, match="recoverable"):
        client.set_secret("page-00", "again")
    client.purge_deleted_secret("page-00")
    assert client.set_secret("page-00", "again").value == "again"
    with pytest.raises(ResourceNotFoundError):
        client.get_secret("nowhere")


@covers(KIND, "certificate create", "certificate import", "certificate update", "certificate delete", client="sdk")
def test_the_sdk_makes_a_certificate_whose_secret_has_its_key(one: Vaulted) -> None:
    client = one.certificates()
    policy = CertificatePolicy(
        "Self",
        subject="CN=sdk.test",
        san_dns_names=["sdk.test", "www.sdk.test"],
        content_type=CertificateContentType.pem,
        key_type="EC",
        key_curve_name="P-256",
        validity_in_months=3,
    )
    made = client.begin_create_certificate("by-sdk", policy).result()
    found = x509.load_der_x509_certificate(bytes(made.cer))
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["sdk.test", "www.sdk.test"]
    text = one.secrets().get_secret("by-sdk").value
    assert text is not None
    assert "BEGIN PRIVATE KEY" in text
    again = client.import_certificate("by-sdk", text.encode(), policy=policy)
    assert again.properties.version != made.properties.version
    assert len(list(client.list_properties_of_certificate_versions("by-sdk"))) == 2
    off = client.update_certificate_properties("by-sdk", again.properties.version, enabled=False)
    assert off.properties.enabled is False
    client.begin_delete_certificate("by-sdk").wait()
    with pytest.raises(ResourceNotFoundError):
        client.get_certificate("by-sdk")
    client.begin_recover_deleted_certificate("by-sdk").wait()
    assert client.get_certificate("by-sdk").name == "by-sdk"
    with pytest.raises(HttpResponseError, match="issuer must be Self"):
        client.begin_create_certificate("by-other", CertificatePolicy("DigiCert", subject="CN=x"))


TOLD = {"long": "[length(parameters('word'))]"}
DEPLOYED = template(
    resource("routeTables", "told", location="westeurope", tags=TOLD, properties={}),
    parameters={"word": {"type": "securestring"}},
)


@covers("Microsoft.Resources/deployments", "create", client="az")
def test_az_deploys_a_template_whose_parameter_is_in_the_vault(one: Vaulted) -> None:
    vault = one.az("keyvault show -n lzvault01")["id"]
    one.az("keyvault secret set --vault-name lzvault01 -n word --value Correct-Horse")
    (one.files / "told.json").write_text(json.dumps(DEPLOYED))
    given = {"word": {"reference": {"keyVault": {"id": vault}, "secretName": "word"}}}
    (one.files / "given.json").write_text(json.dumps({"contentVersion": "1.0.0.0", "parameters": given}))
    create = f"deployment group create -g {one.group} -f {one.files}/told.json -p @{one.files}/given.json"
    one.az("keyvault update -n lzvault01 --enabled-for-template-deployment false")
    with pytest.raises(AzError, match="KeyVaultParameterReferenceSecretRetrieveFailed"):
        one.az(create)
    one.az("keyvault update -n lzvault01 --enabled-for-template-deployment true")
    shown = one.az(create)["properties"]["parameters"]["word"]
    assert shown["reference"]["secretName"] == "word"
    assert one.lab.get("routeTables/told")["tags"] == {"long": "13"}


def test_a_vault_is_closed_to_tokens_for_others_and_to_those_without_permission(one: Vaulted) -> None:
    """The arm's token is not the vault's, and the owner of a subscription has no secrets by that."""
    done = one.lab.exec("visitor", ["curl", "-s", "-i", f"{URL}/secrets/x?api-version=7.4"])
    assert re.search(r'(?i)www-authenticate: Bearer authorization=".+/1{8}-.+", resource="https://vault', done.stdout)
    arm = f"Authorization: Bearer {one.lab.connection.token}"
    done = one.lab.exec("visitor", ["curl", "-s", "-H", arm, f"{URL}/secrets/x?api-version=7.4"])
    assert "AKV10022" in done.stdout
    one.az(f"keyvault create -g {one.group} -n lzvault03 --enable-rbac-authorization")
    other = SecretClient("https://lzvault03.vault.azure.net", one.credential, **one.options)
    with pytest.raises(HttpResponseError) as refused:
        other.set_secret("a", "b")
    assert (refused.value.status_code, "ForbiddenByRbac" in str(refused.value)) == (403, True)
    scope = one.lab.id(f"{KIND}/lzvault03")
    me = one.az("ad sp show --id " + principal(one.lab).client_id)["id"]
    given = f"--assignee-object-id {me} --assignee-principal-type ServicePrincipal --scope {scope}"
    one.az(f"role assignment create {given} --role 'Key Vault Secrets Officer'")
    assert other.set_secret("a", "b").value == "b"
    wrong = ClientSecretCredential(
        one.lab.connection.tenant,
        principal(one.lab).client_id,
        "wrong",
        authority=one.lab.connection.endpoint,
        connection_verify=one.lab.connection.ca,
        disable_instance_discovery=True,
    )
    with pytest.raises(ClientAuthenticationError):
        SecretClient(URL, wrong, **one.options).get_secret("a")


def test_the_lab_itself_is_not_to_be_had_by_the_vaults_door(one: Vaulted) -> None:
    """Whatever host a client of the network names, vaults answer."""
    token = f"Authorization: Bearer {one.lab.connection.token}"
    at = one.lab.exec("visitor", ["sh", "-c", "getent hosts lzvault01.vault.azure.net | cut -d' ' -f1"]).stdout.strip()
    asked = [
        "curl",
        "-s",
        "-k",
        "-H",
        token,
        "-H",
        "Host: localhost",
        f"https://{at}/subscriptions?api-version=2022-12-01",
    ]
    assert "VaultNotFound" in one.lab.exec("visitor", asked).stdout


def test_a_vaults_secrets_outlive_the_controller(one: Vaulted) -> None:
    one.secrets().set_secret("kept", "for ever")
    one.lab.kill_controller()
    one.lab.start_controller()
    assert one.secrets().get_secret("kept").value == "for ever"


# ---- gateways


GW = "network application-gateway"


@pytest.fixture(scope="module")
def gateway(one: Vaulted) -> Vaulted:
    """Gateway gw on address front with identity gw-id, certificate shop from the vault, and a listener for it."""
    az, group = one.az, one.group
    az(
        f"network vnet create -g {group} -n net --address-prefixes 10.0.0.0/16 --subnet-name gw "
        "--subnet-prefixes 10.0.0.0/24"
    )
    az(f"network public-ip create -g {group} -n front --sku Standard")
    identity = az(f"identity create -g {group} -n gw-id")
    az(
        f"{GW} create -g {group} -n gw --vnet-name net --subnet gw --public-ip-address front --sku Standard_v2 "
        f"--servers 10.0.1.4 --priority 100 --identity {identity['id']}"
    )
    importing(one, "shop", "first.test", "shop.test")
    az(f"{GW} frontend-port create -g {group} --gateway-name gw -n p443 --port 443")
    with pytest.raises(AzError, match="ApplicationGatewayKeyVaultSecretAccessDenied"):
        certificate(one)
    az(f"keyvault set-policy -n lzvault01 --object-id {identity['principalId']} --secret-permissions get")
    certificate(one)
    az(
        f"{GW} http-listener create -g {group} --gateway-name gw -n tls --frontend-port p443 --ssl-cert shop "
        "--frontend-ip appGatewayFrontendIP"
    )
    az(f"{GW} rule create -g {group} --gateway-name gw -n tls --http-listener tls --priority 50 --rule-type Basic")
    return one


def importing(one: Vaulted, name: str, *hosts: str) -> str:
    """A new version of certificate *name*; the URL of its secret."""
    sealed = one.file(f"{hosts[0]}.pfx", *hosts)
    made = one.az(f"keyvault certificate import --vault-name lzvault01 -n {name} -f {sealed} --password {PASSWORD}")
    return str(made["sid"])


def certificate(one: Vaulted, name: str = "shop", version: str = "") -> Any:
    url = version or f"{URL}/secrets/shop"
    return one.az(f"{GW} ssl-cert create -g {one.group} --gateway-name gw -n {name} --key-vault-secret-id {url}")


def shown(one: Vaulted) -> str:
    """Whose certificate a client of the gateway is shown."""
    front = one.lab.get("publicIPAddresses/front")["properties"]["ipAddress"]
    asked = f"openssl s_client -connect {front}:443 -servername shop.test < /dev/null 2> /dev/null"
    script = f"{asked} | openssl x509 -noout -subject"
    done = one.lab.exec("visitor", ["sh", "-c", script])
    return done.stdout.strip().rpartition("CN = ")[2]


@covers(GATEWAY, "ssl-cert create", "ssl-cert show", client="az")
def test_a_gateway_shows_the_certificate_that_a_vault_has_and_what_comes_after_it(gateway: Vaulted) -> None:
    until(lambda: shown(gateway), "first.test".__eq__)
    found = gateway.az(f"{GW} ssl-cert show -g {gateway.group} --gateway-name gw -n shop")
    assert (found["keyVaultSecretId"], found["provisioningState"]) == (f"{URL}/secrets/shop", "Succeeded")
    assert "publicCertData" in found
    assert {"data", "password", "held"} & {k for k, v in found.items() if v} == set()
    importing(gateway, "shop", "second.test", "shop.test")
    until(lambda: shown(gateway), "second.test".__eq__)


def test_a_connection_outlives_the_exchange_of_its_certificate(gateway: Vaulted) -> None:
    """A client asks over a connection that it opened before, once others are shown the new certificate."""
    front = gateway.lab.get("publicIPAddresses/front")["properties"]["ipAddress"]

    def said(file: str) -> str:
        return gateway.lab.exec("visitor", ["cat", f"/tmp/{file}"]).stdout.strip()

    start = f"cat > /tmp/patient.py; setsid -f python3 /tmp/patient.py {front} > /tmp/told 2>&1 < /dev/null"
    gateway.lab.exec("visitor", ["sh", "-c", start], stdin=_PATIENT)
    until(lambda: said("asked"), "yes".__eq__)
    importing(gateway, "shop", "third.test", "shop.test")
    until(lambda: said("told"), "same connection other certificate".__eq__)


_PATIENT = """
import http.client, pathlib, ssl, sys, time
def opened():
    to = http.client.HTTPSConnection(sys.argv[1], context=ssl._create_unverified_context(), timeout=20)
    to.connect()
    return to, to.sock.getpeercert(True)
def asked(to):
    to.request("GET", "/")
    to.getresponse().read()
old, first = opened()
asked(old)
held = old.sock
pathlib.Path("/tmp/asked").write_text("yes")
end = time.monotonic() + 40
while opened()[1] == first and time.monotonic() < end:
    time.sleep(0.1)
asked(old)
print("same connection" if old.sock is held else "another connection", end=" ")
print("other certificate" if opened()[1] != first else "same certificate")
"""


def test_a_version_that_is_named_stays(gateway: Vaulted) -> None:
    named = importing(gateway, "shop", "fourth.test", "shop.test")
    certificate(gateway, version=named)
    until(lambda: shown(gateway), "fourth.test".__eq__)
    importing(gateway, "shop", "fifth.test", "shop.test")
    certificate(gateway, "other")  # the gateway has been written since, and reads the vault anew
    assert shown(gateway) == "fourth.test"
    certificate(gateway)
    until(lambda: shown(gateway), "fifth.test".__eq__)


def test_a_gateway_goes_on_when_its_vault_is_closed_or_gone(gateway: Vaulted) -> None:
    before = shown(gateway)

    def state() -> str:
        found = gateway.lab.get("applicationGateways/gw")["properties"]["sslCertificates"]
        return str(next(c for c in found if c["name"] == "shop")["properties"]["provisioningState"])

    gateway.az("keyvault certificate delete --vault-name lzvault01 -n shop")
    until(state, "Failed".__eq__)
    assert shown(gateway) == before
    gateway.az("keyvault certificate recover --vault-name lzvault01 -n shop")
    until(state, "Succeeded".__eq__)
    gateway.az("keyvault delete -n lzvault01")
    until(state, "Failed".__eq__)
    assert shown(gateway) == before
    with pytest.raises(AzError, match="KeyVaultNotFound"):
        certificate(gateway)
