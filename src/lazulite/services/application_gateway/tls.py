"""TLS policies and certificates of a gateway: names into versions and suites, PKCS #12 into PEM."""

from __future__ import annotations

from base64 import b64decode, b64encode

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from lazulite.services.application_gateway.model import SslPolicy

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
    key, certificate, more = pkcs12.load_key_and_certificates(b64decode(data, validate=True), password.encode())
    if key is None or certificate is None:
        raise ValueError("there is no certificate with a private key in it")
    chain = b"".join(c.public_bytes(Encoding.PEM) for c in (certificate, *more))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return chain.decode(), private.decode()


def public(data: str, password: str) -> str:
    """The certificate in a PKCS #12 file, without its key, as Azure shows it: base64 of DER. Raises ``ValueError``."""
    found = x509.load_pem_x509_certificate(opened(data, password)[0].encode())
    return b64encode(found.public_bytes(Encoding.DER)).decode()


def root(data: str) -> str:
    """PEM of a certificate, DER or PEM, in base64. Raises ``ValueError``."""
    raw = b64decode(data, validate=True)
    pem = raw.lstrip().startswith(b"-----")
    found = x509.load_pem_x509_certificate(raw) if pem else x509.load_der_x509_certificate(raw)
    return found.public_bytes(Encoding.PEM).decode()


def chain(data: str) -> str:
    """PEM of one or several certificates, DER or PEM, in base64. Raises ``ValueError``."""
    raw = b64decode(data, validate=True)
    if not raw.lstrip().startswith(b"-----"):
        return root(data)
    return b"".join(c.public_bytes(Encoding.PEM) for c in x509.load_pem_x509_certificates(raw)).decode()
