"""Certificates: read from what a client imports, and made for a policy whose issuer is ``Self``."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ObjectIdentifier

from lazulite.daemon.vaults.errors import bad
from lazulite.services.key_vault.model import PEM, PFX

_PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_CURVES: Mapping[str, type[ec.EllipticCurve]] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
_SIZES = (2048, 3072, 4096)
"""Source: "About Azure Key Vault certificates", key properties."""
_MAX_MONTHS = 1200
_MONTH = timedelta(days=30.44)
_USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}
_SERVER, _CLIENT = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"
_USUAL_USAGES = ["digitalSignature", "keyEncipherment"]


class _Key(msgspec.Struct, frozen=True):
    """The form of ``key_props``, as the other three are of theirs."""

    kty: str
    exportable: bool
    key_size: int | None = None
    crv: str = "P-256"


class _Names(msgspec.Struct, frozen=True):
    dns_names: tuple[str, ...] = ()


class _Subject(msgspec.Struct, frozen=True):
    ekus: list[str]
    key_usage: list[str]
    validity_months: int
    subject: str = ""
    sans: _Names = _Names()


class _Kept(msgspec.Struct, frozen=True):
    contentType: str


class _Issuer(msgspec.Struct, frozen=True):
    name: str


class _Policy(msgspec.Struct, frozen=True):
    key_props: _Key
    x509_props: _Subject
    secret_props: _Kept
    issuer: _Issuer


class Bundle(msgspec.Struct, frozen=True):
    """A certificate with its private key, as its secret has it."""

    value: str
    content_type: str
    certificate: x509.Certificate

    @property
    def cer(self) -> str:
        """DER in base64."""
        return b64encode(self.certificate.public_bytes(Encoding.DER)).decode()

    @property
    def thumbprint(self) -> str:
        """SHA-1 in base64 for URLs: ``x5t`` of RFC 7517."""
        return urlsafe_b64encode(self.certificate.fingerprint(hashes.SHA1())).decode().rstrip("=")


def imported(value: str, password: str, content_type: str) -> Bundle:
    """From PKCS #12 in base64, or PEM with the key in it. Raises the 400 of anything else."""
    try:
        sealed = b"" if "-----BEGIN" in value else b64decode(value)
        text = value if not sealed else sealed.decode() if sealed.lstrip().startswith(b"-----") else ""
        if text:
            return _pem(text, content_type or PEM)
        key, found, more = pkcs12.load_key_and_certificates(sealed, password.encode() if password else None)
    except ValueError as error:
        raise bad(f"The certificate cannot be read, or its password is wrong: {error}.") from None
    if key is None or found is None:
        raise bad("The certificate has no private key, and needs one.")
    return _bundle(key, [found, *more], content_type or PFX)


def form_of(policy: Mapping[str, Any]) -> str:
    """What the secret of a certificate is to be, empty where the policy does not say. Raises the 400 of another."""
    form = _members(policy.get("secret_props"), "secret_props").get("contentType", "")
    if form not in ("", PFX, PEM):
        raise bad(f"secret_props.contentType is {PFX} or {PEM}.")
    return str(form)


def opened(value: str, content_type: str) -> Bundle:
    """What :func:`imported` or :func:`issued` made."""
    return imported(value, "", content_type)


def _pem(text: str, content_type: str) -> Bundle:
    key = load_pem_private_key(text[text.index("-----BEGIN") :].encode(), None)
    found = x509.load_pem_x509_certificates(text.encode())
    first = next((c for c in found if c.public_key() == key.public_key()), None)
    if first is None:
        raise ValueError("there is no certificate of its private key in it")
    return _bundle(key, [first, *(c for c in found if c != first)], content_type)


def _bundle(key: Any, chain: list[x509.Certificate], content_type: str) -> Bundle:
    """Without a password, as a certificate's secret is."""
    if content_type == PEM:
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        value = (private + b"".join(c.public_bytes(Encoding.PEM) for c in chain)).decode()
    else:
        sealed = pkcs12.serialize_key_and_certificates(None, key, chain[0], chain[1:], NoEncryption())
        value = b64encode(sealed).decode()
    return Bundle(value, content_type, chain[0])


def policy_of(bundle: Bundle) -> dict[str, Any]:
    """The policy of a certificate that was imported without one."""
    found = bundle.certificate
    key: Any = found.public_key()
    curve = next((n for n, c in _CURVES.items() if isinstance(getattr(key, "curve", None), c)), None)
    names = _extension(found, x509.SubjectAlternativeName)
    dns = names.get_values_for_type(x509.DNSName) if names is not None else []
    lives = found.not_valid_after_utc - found.not_valid_before_utc
    return {
        "key_props": {
            "exportable": True,
            "kty": "EC" if curve else "RSA",
            "key_size": key.key_size,
            "reuse_key": False,
            **({"crv": curve} if curve else {}),
        },
        "secret_props": {"contentType": bundle.content_type},
        "x509_props": {
            "subject": found.subject.rfc4514_string(),
            "sans": {"dns_names": dns, "emails": [], "upns": []},
            "ekus": [],
            "key_usage": [],
            "validity_months": max(1, round(lives / _MONTH)),
        },
        "issuer": {"name": "Unknown"},
    }


def agreed(said: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A whole policy: what is said, then what was, then what is usual. Raises the 400 of what cannot be had."""
    base, kept = _usual(), before or {}
    found: dict[str, Any] = {
        part: {**base[part], **_members(kept.get(part), part), **_members(said.get(part), part)} for part in base
    }
    actions = said.get("lifetime_actions", kept.get("lifetime_actions"))
    if not isinstance(actions, list | None):
        raise bad("policy.lifetime_actions must be a list.")
    _refuse(found)
    return found | ({"lifetime_actions": actions} if actions else {})


def _usual() -> dict[str, dict[str, Any]]:
    return {
        "key_props": {"exportable": True, "kty": "RSA", "key_size": None, "reuse_key": False},
        "secret_props": {"contentType": PFX},
        "x509_props": {"ekus": [_SERVER, _CLIENT], "key_usage": _USUAL_USAGES, "validity_months": 12},
        "issuer": {"name": "Self"},
    }


def _members(value: Any, part: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise bad(f"policy.{part} must be an object.")
    return {k: v for k, v in (value or {}).items() if v is not None}


def _refuse(policy: dict[str, Any]) -> None:
    key, subject = _formed(policy).key_props, _formed(policy).x509_props
    if key.kty not in ("RSA", "EC"):
        raise bad(f"Keys of type {key.kty} are not made here: RSA or EC.")
    if key.kty == "RSA" and key.key_size not in (None, *_SIZES):
        raise bad(f"An RSA key has {', '.join(map(str, _SIZES))} bits, not {key.key_size}.")
    if key.kty == "EC" and key.crv not in _CURVES:
        raise bad(f"There is no curve {key.crv} here: {', '.join(_CURVES)}.")
    if not key.exportable:
        raise bad("A key that cannot be exported is of no use to services here: exportable must be true.")
    form_of(policy)
    unknown = [u for u in subject.key_usage if u not in _USAGES]
    if unknown:
        raise bad(f"There is no key usage {unknown[0]}.")
    if not 1 <= subject.validity_months <= _MAX_MONTHS:
        raise bad(f"validity_months is 1 to {_MAX_MONTHS}.")


def _formed(policy: Mapping[str, Any]) -> _Policy:
    """Raises the 400 of a policy whose members have the wrong form."""
    try:
        return msgspec.convert(policy, _Policy)
    except msgspec.ValidationError as error:
        raise bad(f"The policy has the wrong form: {error}.") from None


def issued(policy: Mapping[str, Any], now: datetime) -> Bundle:
    """A certificate that signs itself. Raises the 400 of a subject that is none."""
    formed = _formed(policy)
    wanted, key = formed.x509_props, _key(formed.key_props)
    try:
        subject = x509.Name.from_rfc4514_string(wanted.subject)
        names = [x509.DNSName(n) for n in wanted.sans.dns_names]
        ekus = [ObjectIdentifier(e) for e in wanted.ekus]
    except ValueError as error:
        raise bad(f"The subject or its names are invalid: {error}.") from None
    if not subject.rdns and not names:
        raise bad("A certificate needs a subject or alternative names.")
    usages = {_USAGES[u] for u in wanted.key_usage}
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(now + wanted.validity_months * _MONTH)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(**{n: n in usages for n in _USAGES.values()}), critical=True)
    )
    if ekus:
        builder = builder.add_extension(x509.ExtendedKeyUsage(ekus), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _bundle(key, [builder.sign(key, hashes.SHA256())], policy["secret_props"]["contentType"])


def _key(wanted: _Key) -> _PrivateKey:
    if wanted.kty == "EC":
        return ec.generate_private_key(_CURVES[wanted.crv]())
    return rsa.generate_private_key(65537, wanted.key_size or _SIZES[0])


def _extension(found: x509.Certificate, kind: Any) -> Any:
    try:
        return found.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def times(bundle: Bundle) -> tuple[int, int]:
    """From when to when it is valid, in seconds since 1970."""
    both = bundle.certificate.not_valid_before_utc, bundle.certificate.not_valid_after_utc
    return int(both[0].astimezone(UTC).timestamp()), int(both[1].astimezone(UTC).timestamp())
