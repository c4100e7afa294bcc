"""Application gateways in few words, for the tests of the room and of those that meet it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

from lazulite.resources.model import Resource
from lazulite.services.application_gateway import tls
from tests.build import Lab, ref, resource_id, subnet_ref

FRONTENDS, PORTS, POOLS = "frontendIPConfigurations", "frontendPorts", "backendAddressPools"
SETTINGS, LISTENERS, RULES = "backendHttpSettingsCollection", "httpListeners", "requestRoutingRules"
PROBES, PATHS, REDIRECTS, CERTIFICATES = "probes", "urlPathMaps", "redirectConfigurations", "sslCertificates"
PASSWORD = "secret"


def part(wire: str, name: str, gateway: str = "gw") -> dict[str, str]:
    """A reference to a part of a gateway."""
    return {"id": resource_id("applicationGateways", gateway).child(wire, name).text}


def child(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "properties": properties}


def port(number: int = 80) -> dict[str, Any]:
    return child(f"p{number}", port=number)


def pool(name: str = "b", *addresses: str) -> dict[str, Any]:
    rows = [{"ipAddress": a} if a[0].isdigit() else {"fqdn": a} for a in addresses]
    return child(name, backendAddresses=rows)


def settings(name: str = "s", **properties: Any) -> dict[str, Any]:
    return child(name, **({"port": 80, "protocol": "Http"} | properties))


def listener(name: str = "l", number: int = 80, **properties: Any) -> dict[str, Any]:
    places = {"frontendIPConfiguration": part(FRONTENDS, "f"), "frontendPort": part(PORTS, f"p{number}")}
    return child(name, **(places | {"protocol": "Http"} | properties))


def to(pool_name: str = "b", settings_name: str = "s", default: str = "") -> dict[str, Any]:
    """Where a rule leads; *default* comes before the names in a path map."""
    pool_wire, settings_wire = "backendAddressPool", "backendHttpSettings"
    if default:
        pool_wire, settings_wire = "defaultBackendAddressPool", "defaultBackendHttpSettings"
    return {pool_wire: part(POOLS, pool_name), settings_wire: part(SETTINGS, settings_name)}


def rule(name: str = "r", priority: int | None = 10, listener_name: str = "l", **properties: Any) -> dict[str, Any]:
    said = {"ruleType": "Basic", "httpListener": part(LISTENERS, listener_name)}
    leads = {} if properties.keys() & {"redirectConfiguration", "urlPathMap"} else to()
    return child(name, **(said | leads | ({} if priority is None else {"priority": priority}) | properties))


def by_path(name: str = "m", **rules: tuple[str, ...]) -> dict[str, Any]:
    """A path map whose rules lead to pools of their names."""
    rows = [child(n, paths=list(paths), **to(n)) for n, paths in rules.items()]
    return child(name, pathRules=rows, **to(default="yes"))


MANAGED = child(
    "managed",
    protocol="Tcp",
    access="Allow",
    direction="Inbound",
    priority=4000,
    sourceAddressPrefix="GatewayManager",
    sourcePortRange="*",
    destinationAddressPrefix="*",
    destinationPortRange="65200-65535",
)
"""What a security group of a gateway's subnet must have."""


def network(lab: Lab) -> Lab:
    """Network v with a subnet for gateways and one for machines, and public address p."""
    lab.vnet("v", "10.0.0.0/16", subnets={"gw": "10.0.0.0/24", "web": "10.0.1.0/24"})
    lab.public_ip("p")
    return lab


def body(**parts: Any) -> dict[str, Any]:
    """A gateway with frontend f on public address p, listener l on port 80, pool b, settings s and rule r."""
    return {
        "sku": {"name": "Standard_v2"},
        "gatewayIPConfigurations": [child("c", subnet=subnet_ref("v/gw"))],
        FRONTENDS: [child("f", publicIPAddress=ref("publicIPAddresses", "p"))],
        PORTS: [port()],
        POOLS: [pool("b", "10.0.1.4")],
        SETTINGS: [settings()],
        LISTENERS: [listener()],
        RULES: [rule()],
    } | parts


def gateway(lab: Lab, name: str = "gw", **parts: Any) -> Resource[Any]:
    return lab.put("applicationGateways", name, body(**parts))


@cache
def pfx(*names: str) -> str:
    """PKCS #12 of a new certificate for *names*, in base64, sealed with :data:`PASSWORD`."""
    return _sealed(ec.generate_private_key(ec.SECP256R1()), names)


@cache
def weak_pfx(*names: str) -> str:
    """The same with a key that is well-formed and that nobody should take any more: RSA of 1024 bits."""
    return _sealed(rsa.generate_private_key(65537, 1024), names)


def _sealed(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, names: tuple[str, ...]) -> str:
    now = datetime.now(UTC)
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    sealed = pkcs12.serialize_key_and_certificates(b"c", key, made, None, BestAvailableEncryption(PASSWORD.encode()))
    return b64encode(sealed).decode()


def pem(data: str) -> bytes:
    """The certificate in what :func:`pfx` made."""
    from base64 import b64decode

    _, found, _ = pkcs12.load_key_and_certificates(b64decode(data), PASSWORD.encode())
    assert found is not None
    return found.public_bytes(Encoding.PEM)


def opened(data: str) -> tuple[str, str]:
    """The certificate in what :func:`pfx` made, and its key, both PEM."""
    return tls.opened(data, PASSWORD)


def certificate(name: str = "cert", data: str = "", password: str = PASSWORD) -> Mapping[str, Any]:
    return child(name, data=data or pfx("a.test"), password=password)
