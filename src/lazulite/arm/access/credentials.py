"""Secrets, passwords and certificates: made, kept as digests, checked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import jwt
from cryptography import x509

from lazulite.arm.access.principals import Key, Password

_SCRYPT: dict[str, int] = {"n": 1 << 12, "r": 8, "p": 1}
"""About 10 ms: secrets we make are long and random, passwords of a lab's users need not outlast a farm."""
_ASSERTION_ALGORITHMS = ["RS256", "PS256", "ES256"]


def new_secret() -> str:
    return secrets.token_urlsafe(30)


def digest(secret: str) -> str:
    """Salt and hash of *secret*, to be stored."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{hashlib.scrypt(_octets(secret), salt=salt, **_SCRYPT).hex()}"


def is_secret(secret: str, stored: str) -> bool:
    """Whether *stored* is a digest of *secret*."""
    salt, _, expected = stored.partition(":")
    if not expected:
        return False
    found = hashlib.scrypt(_octets(secret), salt=bytes.fromhex(salt), **_SCRYPT)
    return hmac.compare_digest(found.hex(), expected)


def is_current(credential: Password | Key, now: datetime) -> bool:
    """Whether *now* is within the credential's time. Times that can not be read are out of it."""
    start, end = credential.start_date_time, credential.end_date_time
    try:
        return (start is None or _moment(start) <= now) and (end is None or now < _moment(end))
    except (ValueError, TypeError):
        return False


def signed_by(assertion: str, keys: Iterable[Key], client: str) -> bool:
    """Whether *assertion* (RFC 7523) is *client*'s own and signed with the key of one of the certificates *keys*.

    Its audience is not compared: clients name the authority as they see it, through whatever forwards to us.
    """
    for key in keys:
        public = _public(key)
        if public is None:
            continue
        try:
            options: Any = {"verify_aud": False, "require": ["exp", "sub"]}
            claims = jwt.decode(assertion, public, _ASSERTION_ALGORITHMS, options)
        except (jwt.InvalidTokenError, TypeError, ValueError):
            continue
        if str(claims["sub"]).lower() == client.lower():
            return True
    return False


def is_certificate(key: Key) -> bool:
    return _public(key) is not None


def _public(key: Key) -> Any | None:
    """The public key of a certificate in DER or PEM, in base64, ``None`` when it is none."""
    try:
        content = base64.b64decode(key.key)
        pem = content.startswith(b"-----")
        return (x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate)(content).public_key()
    except (binascii.Error, ValueError):
        return None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _octets(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")
