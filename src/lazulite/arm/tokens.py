"""The tokens we sign, and how they are checked when they come back."""

from __future__ import annotations

import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError

ACCESS_S = 24 * 3600
"""Lifetime of access tokens; real ones live 60 to 90 minutes, but a lab's client should not have to refresh."""
REFRESH_S = 90 * 24 * 3600
"""Source: "Refresh tokens in the Microsoft identity platform", token lifetime."""

_AREA = "keys"
_ALGORITHM = "ES256"
_CACHED = 256
"""Tokens whose signature need not be checked again; clients send the same one with every request."""


class Tokens:
    """Signs with a key that the store keeps, so that tokens outlive a restart."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        stored = backend.store.documents.get(_AREA, "tokens")
        if stored is None:
            stored = {"id": backend.new_id(), "pem": _new_key()}
            backend.store.documents.put(_AREA, "tokens", stored)
        self._id: str = stored["id"]
        key = serialization.load_pem_private_key(stored["pem"].encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        self._public = key.public_key()
        self._checked: dict[str, dict[str, Any]] = {}

    def sign(self, purpose: str, lifetime_s: int, claims: dict[str, Any]) -> str:
        """A token for *purpose* (``access``, ``refresh``, ``device``, ``id``), good for *lifetime_s* from now."""
        now = int(self._backend.now().timestamp())
        stamped = {**claims, "iat": now, "nbf": now, "exp": now + lifetime_s, "use": purpose}
        return jwt.encode(stamped, self._key, _ALGORITHM, {"kid": self._id})

    def read(self, token: str, purpose: str) -> dict[str, Any]:
        """The claims of *token*. Raises ``jwt.InvalidTokenError`` unless it is ours, for *purpose* and in its time."""
        claims = self._checked.get(token) or self._verify(token)
        if claims["exp"] <= self._backend.now().timestamp():
            raise jwt.ExpiredSignatureError("the token has expired")
        if claims["use"] != purpose:
            raise jwt.InvalidTokenError(f"the token is for {claims['use']}, not for {purpose}")
        return claims

    def public_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set that verifies our tokens."""
        key = jwt.algorithms.ECAlgorithm.to_jwk(self._public, as_dict=True)
        return {"keys": [{**key, "kid": self._id, "use": "sig", "alg": _ALGORITHM}]}

    def authenticate(self, authorization: str, authority: str) -> dict[str, Any]:
        """The claims of the caller, from the ``Authorization`` header. Raises the 401 that sends it to *authority*."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.", authority
            )
        try:
            return self.read(token.strip(), "access")
        except jwt.ExpiredSignatureError:
            raise unauthorized("ExpiredAuthenticationToken", "The access token expiry is over.", authority) from None
        except jwt.InvalidTokenError as error:
            message = f"The access token is invalid: {error}."
            raise unauthorized("InvalidAuthenticationToken", message, authority) from None

    def _verify(self, token: str) -> dict[str, Any]:
        options: Any = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        options["require"] = ["exp", "use"]
        claims = jwt.decode(token, self._public, [_ALGORITHM], options)
        if len(self._checked) >= _CACHED:
            self._checked.clear()
        self._checked[token] = claims
        return claims


def _new_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def object_id(principal: str) -> str:
    """The directory object of a client id or a user name: the same for the same name, always."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"lazulite:{principal.lower()}"))


def unauthorized(code: str, message: str, authority: str) -> ArmError:
    """The 401 that sends a client to *authority* for a token."""
    challenge = f'Bearer authorization_uri="{authority}", error="invalid_token", error_description="{code}"'
    return ArmError(401, code, message, headers={"WWW-Authenticate": challenge})
