"""Gateways whose certificates are in a key vault: what they hold, what they take for themselves, and every refusal."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from msgspec.structs import replace

from lazulite.forwarding.model import Certificate, HttpBackend
from lazulite.resources.model import Resource
from lazulite.services.application_gateway import tls, vaulted
from lazulite.services.application_gateway.model import ApplicationGateway, SslCertificate
from lazulite.services.key_vault.model import Secret, Version
from lazulite.services.service import Lab as Configuration
from lazulite.services.service import Observations
from tests.build import Lab, Refused, resource_id
from tests.services.gateways import (
    CERTIFICATES,
    LISTENERS,
    PASSWORD,
    PORTS,
    PROBES,
    SETTINGS,
    child,
    gateway,
    listener,
    network,
    opened,
    part,
    pem,
    pfx,
    port,
    settings,
)

VAULT, IDENTITY = "Microsoft.KeyVault/vaults", "Microsoft.ManagedIdentity/userAssignedIdentities"
URL = "https://shopvault.vault.azure.net/secrets/shop"
KEY = resource_id("applicationGateways", "gw").child(CERTIFICATES, "cert").key


class Rights:
    """A directory in which roles give what *may* says."""

    may_read = False

    def principal(self, identity: Resource[Any]) -> str:
        return f"oid of {identity.id.name}"

    def holders(self, principal: str) -> Collection[str]:
        return (principal,)

    def may(self, principal: str, action: str, scope: str) -> bool:
        return self.may_read


class Vaulted(Lab):
    """A network, vault shopvault that identity *id* may read, and gateways that have it."""

    def __init__(self) -> None:
        self.rights = Rights()
        super().__init__(Configuration(directory=self.rights))
        network(self)
        self.put(IDENTITY, "id", {})
        self.vault()

    def vault(self, *permissions: str, **more: Any) -> None:
        given = {"tenantId": "t", "objectId": "oid of id", "permissions": {"secrets": [*(permissions or ("get",))]}}
        said = {"tenantId": "t", "sku": {"name": "standard"}, "accessPolicies": [given]}
        self.put(VAULT, "shopvault", said | more)

    def hold(self, *values: str, name: str = "shop") -> list[str]:
        """The secret has these versions, the newest last; their names."""
        where = resource_id(VAULT, "shopvault").child("secrets", name)
        versions = tuple(Version(f"{i:032x}", v) for i, v in enumerate(values))
        self.change(Resource(where, Secret(versions=versions), guid="s"))
        return [v.id for v in versions]

    def change(self, new: Resource[Any]) -> None:
        self.snapshot = self.snapshot.with_changes(self.snapshot.revision + 1, {new.id.key: new})[0]

    def forget(self, name: str = "shop") -> None:
        gone = resource_id(VAULT, "shopvault").child("secrets", name)
        self.snapshot = self.snapshot.with_changes(self.snapshot.revision + 1, {gone.key: None})[0]

    def _store(self, service: Any, new: Resource[Any], *more: Any) -> Resource[Any]:
        if isinstance(new.properties, ApplicationGateway) and "identity" not in new.envelope:
            given = {"type": "UserAssigned", "userAssignedIdentities": {resource_id(IDENTITY, "id").text: {}}}
            new = replace(new, envelope={"identity": given})
        return super()._store(service, new, *more)

    def go_on(self) -> int:
        """Have the service write what it wants by itself; how often it did."""
        writes = list(vaulted.progress(self.view, Observations(), self.configuration))
        for write in writes:
            self.change(write.resource)
        return len(writes)

    @property
    def served(self) -> Certificate | None:
        return self.compile().get(Certificate, KEY)

    @property
    def shown(self) -> dict[str, Any]:
        return self.status(resource_id("applicationGateways", "gw").child(CERTIFICATES, "cert"))


@cache
def sealed(*names: str) -> str:
    """As a vault's secret has it: PKCS #12 without a password."""
    key, found, _ = pkcs12.load_key_and_certificates(b64decode(pfx(*names)), PASSWORD.encode())
    assert found is not None
    return b64encode(pkcs12.serialize_key_and_certificates(None, key, found, None, NoEncryption())).decode()  # type: ignore[arg-type]


def secure(lab: Vaulted, url: str = URL, **more: Any) -> None:
    """A gateway whose listener shows certificate cert of the vault."""
    here = listener("tls", 443, protocol="Https", sslCertificate=part(CERTIFICATES, "cert"))
    rows = [child("cert", keyVaultSecretId=url, **more)]
    gateway(lab, **{PORTS: [port(), port(443)], LISTENERS: [listener(), here], CERTIFICATES: rows})


@pytest.fixture
def lab() -> Vaulted:
    return Vaulted()


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda: sealed("a.test"), id="PKCS #12"),
        pytest.param(lambda: "".join(reversed(opened(pfx("a.test")))), id="PEM, the key before the certificate"),
        pytest.param(lambda: "".join(opened(pfx("a.test"))), id="PEM, the certificate before the key"),
    ],
)
def test_a_gateway_serves_what_the_vault_has(lab: Vaulted, form: Any) -> None:
    lab.hold(form())
    secure(lab)
    found = lab.served
    assert found is not None
    assert (found.chain.encode(), found.private_key) == (pem(pfx("a.test")), opened(pfx("a.test"))[1])
    assert lab.shown["publicCertData"]
    assert "provisioningState" not in lab.shown


def test_nothing_of_the_copy_is_shown(lab: Vaulted) -> None:
    from lazulite.resources.schema import encode

    lab.hold(sealed("a.test"))
    secure(lab)
    held = lab.get("applicationGateways", "gw").properties.ssl_certificates[0]
    assert held.properties.held
    assert set(encode(held)["properties"]) == {"keyVaultSecretId"}


def test_a_new_version_is_taken_once(lab: Vaulted) -> None:
    lab.hold(sealed("a.test"))
    secure(lab)
    assert lab.go_on() == 0
    lab.hold(sealed("a.test"), sealed("b.test"))
    assert (lab.go_on(), lab.go_on()) == (1, 0)
    assert lab.served is not None
    assert lab.served.chain.encode() == pem(pfx("b.test"))


def test_a_version_that_is_named_is_kept(lab: Vaulted) -> None:
    first, _ = lab.hold(sealed("a.test"), sealed("b.test"))
    secure(lab, f"{URL}/{first}")
    lab.hold(sealed("a.test"), sealed("b.test"), sealed("c.test"))
    assert lab.go_on() == 0
    assert lab.served is not None
    assert lab.served.chain.encode() == pem(pfx("a.test"))


LOSSES: list[Any] = [
    pytest.param(lambda lab: lab.forget(), id="the secret is deleted"),
    pytest.param(lambda lab: lab.vault("list"), id="the permission is taken away"),
    pytest.param(lambda lab: lab.delete(VAULT, "shopvault"), id="the vault is deleted"),
    pytest.param(lambda lab: lab.vault(enableRbacAuthorization=True), id="roles count from now on"),
    pytest.param(lambda lab: lab.hold("no certificate"), id="the new version is no certificate"),
]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_gateway_goes_on_with_its_copy_and_says_that_it_failed(lab: Vaulted, lose: Any) -> None:
    lab.hold(sealed("a.test"))
    secure(lab)
    before = lab.served
    lose(lab)
    assert (lab.go_on(), lab.go_on()) == (1, 0)
    assert lab.served == before
    assert lab.shown["provisioningState"] == "Failed"


def test_it_is_well_again_when_the_vault_is(lab: Vaulted) -> None:
    lab.hold(sealed("a.test"))
    secure(lab)
    lab.vault(enableRbacAuthorization=True)
    lab.go_on()
    lab.rights.may_read = True
    assert lab.go_on() == 1
    assert "provisioningState" not in lab.shown


REFUSALS: list[Any] = [
    pytest.param(lambda lab: lab.vault("list"), "AccessDenied", "DoesNotHaveGetPermission", id="no permission"),
    pytest.param(lambda lab: lab.forget(), "Exception", "SecretDeletedFromKeyVault", id="no secret"),
    pytest.param(lambda lab: lab.delete(VAULT, "shopvault"), "Exception", "KeyVaultNotFound", id="no vault"),
    pytest.param(lambda lab: lab.hold("x"), "Exception", "CertificateInvalidData", id="what is no certificate"),
]


@pytest.mark.parametrize(("lose", "code", "why"), REFUSALS)
def test_who_writes_a_gateway_is_told_what_cannot_be_read(lab: Vaulted, lose: Any, code: str, why: str) -> None:
    lab.hold(sealed("a.test"))
    lose(lab)
    with pytest.raises(Refused, match=why) as refused:
        secure(lab)
    (found,) = refused.value.violations
    assert found.code == f"ApplicationGatewayKeyVaultSecret{code}"
    assert found.target == "properties.sslCertificates[0].properties.keyVaultSecretId"


def test_a_url_of_no_secret_is_refused(lab: Vaulted) -> None:
    with pytest.raises(Refused, match="InvalidSecretId"):
        secure(lab, "https://example.com/shop.pfx")


def test_a_certificate_is_the_vaults_or_the_clients(lab: Vaulted) -> None:
    """The vault's has precedence; who sends data instead has that, and the copy goes."""
    lab.hold(sealed("a.test"))
    secure(lab, data=pfx("c.test"), password=PASSWORD)
    kept = lab.get("applicationGateways", "gw").properties.ssl_certificates[0].properties
    assert (kept.data, kept.password) == (None, None)
    assert lab.served is not None
    assert lab.served.chain.encode() == pem(pfx("a.test"))
    here = listener("tls", 443, protocol="Https", sslCertificate=part(CERTIFICATES, "cert"))
    rows = [child("cert", data=pfx("c.test"), password=PASSWORD)]
    gateway(lab, **{PORTS: [port(), port(443)], LISTENERS: [listener(), here], CERTIFICATES: rows})
    kept = lab.get("applicationGateways", "gw").properties.ssl_certificates[0].properties
    assert (kept.held, lab.served.chain.encode()) == (None, pem(pfx("c.test")))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(lambda: sealed("root.test"), id="a certificate with its key"),
        pytest.param(lambda: pem(pfx("root.test")).decode(), id="PEM"),
        pytest.param(lambda: b64encode(pem(pfx("root.test"))).decode(), id="PEM in base64"),
    ],
)
def test_roots_of_servers_may_be_in_a_vault_too(lab: Vaulted, value: Any) -> None:
    lab.hold(value(), name="shop")
    trusted = {"trustedRootCertificates": [part("trustedRootCertificates", "root")]}
    rows = [child("root", keyVaultSecretId=URL)]
    gateway(lab, trustedRootCertificates=rows, **{SETTINGS: [settings(protocol="Https", port=443, **trusted)]})
    found = lab.compile().get(
        Certificate, resource_id("applicationGateways", "gw").child("trustedRootCertificates", "root").key
    )
    assert found is not None
    assert (found.chain.encode(), found.private_key) == (pem(pfx("root.test")), "")


def test_a_certificate_without_its_key_serves_nobody() -> None:
    with pytest.raises(ValueError, match=r"private key|load"):
        tls.unsealed(pem(pfx("a.test")).decode())
    other = opened(pfx("b.test"))[1]
    with pytest.raises(ValueError, match="no certificate of its private key"):
        tls.unsealed(other + pem(pfx("a.test")).decode())
    with pytest.raises(ValueError, match=r"."):
        tls.presented(SslCertificate(key_vault_secret_id=URL))


# ---- what else a gateway says of its servers


def test_a_probe_says_how_many_servers_are_asked_whatever_it_finds(lab: Vaulted) -> None:
    probe = child("x", protocol="Http", host="p.test", path="/", minServers=2)
    gateway(lab, **{PROBES: [probe], SETTINGS: [settings(probe=part(PROBES, "x"))]})
    (found,) = lab.compile().all(HttpBackend).values()
    assert found.least == 2


@pytest.mark.parametrize(
    ("healthy", "least", "expected"),
    [
        (("a", "b", "c"), 0, "abc"),
        (("b",), 0, "b"),
        (("b",), 2, "ab"),
        (("c",), 3, "abc"),
        ((), 1, "a"),
        ((), 9, "abc"),
        (None, 0, ""),
        (None, 1, "a"),
    ],
)
def test_those_who_are_asked_are_the_healthy_and_as_many_others_as_it_takes(
    healthy: tuple[str, ...] | None, least: int, expected: str
) -> None:
    from lazulite.forwarding.model import Server

    servers = tuple(Server(n) for n in "abc")
    backend = HttpBackend("b", "b", "gw", 80, servers, "set", least=least)
    assert "".join(s.name for s in backend.asked(healthy)) == expected
    assert replace(backend, available="").asked(healthy) == servers


def test_a_servers_certificate_may_be_for_another_name(lab: Vaulted) -> None:
    gateway(lab, **{SETTINGS: [settings(protocol="Https", port=443, hostName="x.test", validateSNI=False)]})
    (found,) = lab.compile().all(HttpBackend).values()
    assert found.tls is not None
    assert (found.tls.verify, found.tls.named) == (True, False)


UNDONE: list[Any] = [
    pytest.param({"privateLinkConfigurations": [{"name": "x"}]}, "privateLinkConfigurations", id="private links"),
    pytest.param({"listeners": [{"name": "x"}]}, "listeners", id="listeners of TCP"),
    pytest.param({"routingRules": [{"name": "x"}]}, "routingRules", id="rules of TCP"),
    pytest.param({"backendSettingsCollection": [{"name": "x"}]}, "backendSettingsCollection", id="settings of TCP"),
    pytest.param({"loadDistributionPolicies": [{"name": "x"}]}, "loadDistributionPolicies", id="weighted pools"),
    pytest.param({"entraJWTValidationConfigs": [{"name": "x"}]}, "entraJWTValidationConfigs", id="tokens"),
    pytest.param({"globalConfiguration": {"enableRequestBuffering": False}}, "globalConfiguration", id="buffers"),
    pytest.param({"authenticationCertificates": [{"name": "x"}]}, "authenticationCertificates", id="version 1"),
    pytest.param({"advancedRoutingMaps": [{"name": "x"}]}, "advancedRoutingMaps", id="maps by more than the path"),
    pytest.param({"reservedCapacity": {"a": 1}}, "reservedCapacity", id="capacity that is reserved"),
    pytest.param(
        {"sslProfiles": [child("p", clientAuthConfiguration={"verifyClientCertIssuerDN": True})]},
        "sslProfiles[0].properties.clientAuthConfiguration.verifyClientCertIssuerDN",
        id="who issued a client's certificate",
    ),
    pytest.param(
        {"sslProfiles": [child("p", clientAuthConfiguration={"verifyClientRevocation": "OCSP"})]},
        "sslProfiles[0].properties.clientAuthConfiguration.verifyClientRevocation",
        id="whether it was taken back",
    ),
    pytest.param(
        {PROBES: [child("x", protocol="Http", host="h", path="/", enableProbeProxyProtocolHeader=True)]},
        "probes[0].properties.enableProbeProxyProtocolHeader",
        id="probes with the PROXY protocol",
    ),
]


@pytest.mark.parametrize(("parts", "where"), UNDONE)
def test_what_is_not_done_is_refused_by_name(lab: Vaulted, parts: dict[str, Any], where: str) -> None:
    with pytest.raises(Refused) as refused:
        gateway(lab, **parts)
    (found,) = refused.value.violations
    assert (found.code, found.target) == ("FeatureNotSupported", f"properties.{where}")
