"""TLS policies and certificates of a gateway: names into versions and suites, PKCS #12 into PEM."""

from __future__ import annotations

from base64 import b64decode, b64encode

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from lazulite.services.application_gateway.model import SslCertificate, SslPolicy, TrustedRootCertificate

DEFAULT_POLICY = "AppGwSslPolicy20220101"
"""Source: "Application Gateway TLS policy overview", default TLS policy."""
_STRONG = (
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
)
POLICIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "AppGwSslPolicy20150501": ("TLSv1_0", ()),
    "AppGwSslPolicy20170401": ("TLSv1_1", ()),
    "AppGwSslPolicy20170401S": ("TLSv1_2", ()),
    "AppGwSslPolicy20220101": ("TLSv1_2", ()),
    "AppGwSslPolicy20220101S": ("TLSv1_2", _STRONG),
}
"""The lowest version and the suites of the predefined policies, none for all that we have.
Source: "Application Gateway TLS policy overview", predefined TLS policy."""
SUITES = {
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
}
"""Azure's names of suites, and OpenSSL's. Others of Azure's the engine does not have (DHE, 3DES, SHA-2 with CBC)."""
OF_1_3 = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256")


def bounds(policy: SslPolicy | None) -> tuple[str, tuple[str, ...]]:
    """The lowest version, as ``1.2``, and OpenSSL's names of suites, none for all."""
    if policy is None or policy.policy_type is None or policy.policy_type == "Predefined":
        name = policy.policy_name if policy is not None and policy.policy_name else DEFAULT_POLICY
        minimum, suites = POLICIES.get(name, POLICIES[DEFAULT_POLICY])
    else:
        minimum, suites = policy.min_protocol_version or "TLSv1_2", policy.cipher_suites
    return minimum.removeprefix("TLSv").replace("_", "."), tuple(SUITES[s] for s in suites if s in SUITES)


def unknown_suites(policy: SslPolicy) -> list[str]:
    return [s for s in policy.cipher_suites if s not in SUITES and s not in OF_1_3]


def opened(data: str, password: str) -> tuple[str, str]:
    """The chain and the private key in a PKCS #12 file in base64, both PEM. Raises ``ValueError``."""
    return _parted(b64decode(data, validate=True), password.encode())


def unsealed(value: str) -> tuple[str, str]:
    """The same of what a vault has: PEM with the key in it, or PKCS #12 without a password. Raises ``ValueError``."""
    if "-----BEGIN" not in value:
        return _parted(b64decode(value, validate=True), None)
    key = load_pem_private_key(value[value.index("-----BEGIN") :].encode(), None)
    certificates = x509.load_pem_x509_certificates(value.encode())
    first = next((c for c in certificates if c.public_key() == key.public_key()), None)
    if first is None:
        raise ValueError("there is no certificate of its private key in it")
    chain = b"".join(c.public_bytes(Encoding.PEM) for c in (first, *(c for c in certificates if c != first)))
    return chain.decode(), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def presented(said: SslCertificate) -> tuple[str, str]:
    """The chain and the private key of a gateway's certificate, wherever it is from. Raises ``ValueError``."""
    if said.key_vault_secret_id is not None:
        return unsealed(said.held or "")
    return opened(said.data or "", said.password or "")


def _parted(sealed: bytes, password: bytes | None) -> tuple[str, str]:
    key, certificate, more = pkcs12.load_key_and_certificates(sealed, password)
    if key is None or certificate is None:
        raise ValueError("there is no certificate with a private key in it")
    chain = b"".join(c.public_bytes(Encoding.PEM) for c in (certificate, *more))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return chain.decode(), private.decode()


def public(said: SslCertificate) -> str:
    """A gateway's certificate without its key, as Azure shows it: base64 of DER. Raises ``ValueError``."""
    found = x509.load_pem_x509_certificate(presented(said)[0].encode())
    return b64encode(found.public_bytes(Encoding.DER)).decode()


def root(data: str) -> str:
    """PEM of a certificate, DER or PEM, in base64. Raises ``ValueError``."""
    raw = b64decode(data, validate=True)
    pem = raw.lstrip().startswith(b"-----")
    found = x509.load_pem_x509_certificate(raw) if pem else x509.load_der_x509_certificate(raw)
    return found.public_bytes(Encoding.PEM).decode()


def trusted(said: TrustedRootCertificate) -> str:
    """PEM of a trusted root, wherever it is from. Raises ``ValueError``."""
    return vaulted_root(said.held or "") if said.key_vault_secret_id is not None else root(said.data or "")


def vaulted_root(value: str) -> str:
    """PEM of the certificate that a key vault has: with a key, which does not count, or as :func:`root`'s. Raises
    ``ValueError``."""
    if "-----BEGIN" in value:
        return x509.load_pem_x509_certificate(value.encode()).public_bytes(Encoding.PEM).decode()
    try:
        return root(value)
    except ValueError:
        found = x509.load_pem_x509_certificate(unsealed(value)[0].encode())
        return found.public_bytes(Encoding.PEM).decode()


def chain(data: str) -> str:
    """PEM of one or several certificates, DER or PEM, in base64. Raises ``ValueError``."""
    raw = b64decode(data, validate=True)
    if not raw.lstrip().startswith(b"-----"):
        return root(data)
    return b"".join(c.public_bytes(Encoding.PEM) for c in x509.load_pem_x509_certificates(raw)).decode()
