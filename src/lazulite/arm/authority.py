"""The directory that issues tokens: AAD-style and ADFS-style endpoints, device codes, managed identities.

Anyone who can reach the loopback address may have a token: secrets and passwords are asked for, not compared.
Source: "Microsoft identity platform and OAuth 2.0 …" (client credentials, device code, password, refresh), and what
MSAL 1.39 was seen to ask.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import jwt
import msgspec

from lazulite.arm.backend import Backend
from lazulite.arm.message import Request, Response
from lazulite.arm.tokens import ACCESS_S, REFRESH_S, Tokens, object_id

_DEVICE_CODE_S = 900
_MANAGED_IDENTITY = "managed-identity"
_DEVICE_USER = "device@lazulite.test"
_PUBLIC_CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The application id of azure-cli, for requests that name none."""


class Refusal(Exception):
    """An OAuth 2.0 error (RFC 6749, 5.2): these endpoints do not speak ARM's envelope."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.response = Response(status, {"error": error, "error_description": description})


class Authority:
    """Answers token requests."""

    def __init__(self, backend: Backend, tokens: Tokens) -> None:
        self._backend = backend
        self._tokens = tokens
        self._grants = {
            "client_credentials": self._client_credentials,
            "password": self._password,
            "refresh_token": self._refresh,
            "device_code": self._device,
            "urn:ietf:params:oauth:grant-type:device_code": self._device,
        }

    def answer(self, request: Request) -> Response | None:
        """The answer to a request of an identity client, ``None`` when it is none."""
        path = request.folded
        try:
            if path in (["metadata", "identity", "oauth2", "token"], ["msi", "token"]):
                return self._managed_identity(request)
            if path[-1] == "token" and "oauth2" in path[1:3]:
                return self._token(request)
            if path[-1] == "devicecode" and "oauth2" in path[1:3]:
                return self._device_code(request)
        except Refusal as refusal:
            return refusal.response
        if path[-2:] == [".well-known", "openid-configuration"]:
            return Response(200, self._configuration(request))
        return Response(200, self._tokens.public_keys()) if path[-2:] == ["discovery", "keys"] else None

    def _configuration(self, request: Request) -> dict[str, Any]:
        first, version = request.segments[0], "/v2.0" if "v2.0" in request.folded else ""
        authority = f"{self._backend.base_url}/{first}"
        issuer = authority if first.lower() == "adfs" else f"{self._backend.base_url}/{self._tenant(first)}{version}"
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{authority}/oauth2{version}/authorize",
            "token_endpoint": f"{authority}/oauth2{version}/token",
            "device_authorization_endpoint": f"{authority}/oauth2{version}/devicecode",
            "jwks_uri": f"{authority}/discovery/keys",
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    def _tenant(self, name: str) -> str:
        """The tenant an authority path names; ``adfs``, ``common`` and ``organizations`` mean the first."""
        names = {n.lower(): t.id for t in self._backend.tenants for n in (t.id, t.domain)}
        return names.get(name.lower(), self._backend.tenants[0].id)

    def _token(self, request: Request) -> Response:
        if request.method != "POST":
            raise Refusal("invalid_request", "The token endpoint wants a POST.", 405)
        form = _form(request)
        grant = self._grants.get(form.get("grant_type", ""))
        if grant is None:
            raise Refusal("unsupported_grant_type", f"The grant type '{form.get('grant_type', '')}' is not supported.")
        return Response(200, grant(self._tenant(request.segments[0]), form))

    def _client_credentials(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        client = form.get("client_id", "")
        if not client or not (form.get("client_secret") or form.get("client_assertion")):
            raise Refusal("invalid_client", "client_id and client_secret or client_assertion are required.", 401)
        return self._grant(tenant, _audience(form), client, {})

    def _password(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        user = form.get("username", "")
        if not user or not form.get("password"):
            raise Refusal("invalid_grant", "username and password are required.")
        return self._user_grant(tenant, form, user)

    def _refresh(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        claims = self._ours(form.get("refresh_token", ""), "refresh")
        return self._user_grant(claims["tid"], form, claims["upn"])

    def _device(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        self._ours(form.get("device_code", form.get("code", "")), "device")
        return self._user_grant(tenant, form, _DEVICE_USER)

    def _ours(self, token: str, purpose: str) -> dict[str, Any]:
        try:
            return self._tokens.read(token, purpose)
        except jwt.InvalidTokenError as error:
            raise Refusal("invalid_grant", f"The {purpose} code is not valid: {error}.") from None

    def _grant(self, tenant: str, audience: str, client: str, extra: dict[str, Any]) -> dict[str, Any]:
        oid = object_id(extra.get("upn", client))
        claims = {
            "aud": audience,
            "iss": f"{self._backend.base_url}/{tenant}/",
            "tid": tenant,
            "oid": oid,
            "sub": oid,
            "appid": client,
            "ver": "1.0",
            **extra,
        }
        token = self._tokens.sign("access", ACCESS_S, claims)
        return {"token_type": "Bearer", "expires_in": ACCESS_S, "ext_expires_in": ACCESS_S, "access_token": token}

    def _user_grant(self, tenant: str, form: Mapping[str, str], user: str) -> dict[str, Any]:
        """A grant for a user: with a refresh token, an id token and the account MSAL files them under."""
        client = form.get("client_id") or _PUBLIC_CLIENT
        names = {"upn": user, "unique_name": user, "preferred_username": user}
        grant = self._grant(tenant, _audience(form), client, names)
        issuer = f"{self._backend.base_url}/{tenant}/"
        identity = {
            **names,
            "aud": client,
            "iss": issuer,
            "tid": tenant,
            "oid": object_id(user),
            "sub": object_id(user),
        }
        account = msgspec.json.encode({"uid": object_id(user), "utid": tenant})
        return grant | {
            "scope": form.get("scope", ""),
            "refresh_token": self._tokens.sign("refresh", REFRESH_S, {"tid": tenant, "upn": user}),
            "id_token": self._tokens.sign("id", ACCESS_S, identity | {"name": user}),
            "client_info": base64.urlsafe_b64encode(account).decode().rstrip("="),
        }

    def _device_code(self, request: Request) -> Response:
        code = self._tokens.sign("device", _DEVICE_CODE_S, {"tid": self._tenant(request.segments[0])})
        where = f"{self._backend.base_url}/devicelogin"
        body = {
            "device_code": code,
            "user_code": "LAZULITE",
            "verification_uri": where,
            "verification_url": where,
            "expires_in": _DEVICE_CODE_S,
            "interval": 1,
            "message": f"This lab signs you in at once; nothing is asked at {where} (code LAZULITE).",
        }
        return Response(200, body)

    def _managed_identity(self, request: Request) -> Response:
        """IMDS and the App Service flavour. Source: "How to use managed identities … to acquire an access token"."""
        imds = request.folded[0] == "metadata"
        header = "metadata" if imds else "x-identity-header"
        if not request.headers.get(header):
            raise Refusal("invalid_request", f"Required header '{header}' was not found.")
        resource = request.query.get("resource", "")
        if not resource:
            raise Refusal("invalid_request", "The parameter 'resource' is required.")
        tenant = self._backend.tenants[0].id
        client = request.query.get("client_id") or object_id(_MANAGED_IDENTITY)
        grant = self._grant(tenant, resource, client, {})
        expires = int(self._backend.now().timestamp()) + ACCESS_S
        texts = {"expires_in": str(ACCESS_S), "ext_expires_in": str(ACCESS_S), "expires_on": str(expires)}
        return Response(200, grant | texts | {"resource": resource, "client_id": client})


def _form(request: Request) -> dict[str, str]:
    try:
        return dict(parse_qsl(request.content.decode(), max_num_fields=100))
    except ValueError:
        raise Refusal("invalid_request", "The form could not be read.") from None


def _audience(form: Mapping[str, str]) -> str:
    """From ``resource`` (v1) or the first scope (v2), which is the audience with ``/.default`` behind it."""
    scope = form.get("scope", "").split(" ")[0]
    return form.get("resource") or scope.removesuffix("/.default") or "https://management.azure.com/"
