"""The directory that issues tokens: AAD-style and ADFS-style endpoints, device codes, managed identities.

A token is for a principal of the lab's directory, and secrets, certificates and passwords are checked. A device is
signed in at once, and a managed identity is given without a secret, so both are for the lab's own user on the host.
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

from lazulite.arm.access import Access
from lazulite.arm.access.attempts import Attempts
from lazulite.arm.access.claims import claims
from lazulite.arm.access.credentials import is_current, is_secret, signed_by
from lazulite.arm.access.founding import DEVICE_USER
from lazulite.arm.access.founding import MANAGED_IDENTITY as DEFAULT_IDENTITY
from lazulite.arm.access.principals import ServicePrincipal, User
from lazulite.arm.backend import Backend
from lazulite.arm.codes import Codes
from lazulite.arm.message import Request, Response
from lazulite.arm.tokens import ACCESS_S, REFRESH_S, Tokens

_DEVICE_CODE_S = 900
_PUBLIC_CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The application id of azure-cli, for requests that name none."""


MANAGED_IDENTITY = (["metadata", "identity", "oauth2", "token"], ["msi", "token"])
"""Paths of IMDS and of App Service; clients ask there without TLS."""


class Refusal(Exception):
    """An OAuth 2.0 error (RFC 6749, 5.2): these endpoints do not speak ARM's envelope."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.response = Response(status, {"error": error, "error_description": description})


class Authority:
    """Answers token requests."""

    def __init__(self, backend: Backend, tokens: Tokens, access: Access) -> None:
        self._backend = backend
        self._tokens = tokens
        self._directory = access.directory
        self._attempts = Attempts()
        self.codes = Codes(backend)
        self._grants = {
            "authorization_code": self._code,
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
            if path in MANAGED_IDENTITY:
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
        if grant == self._device:
            _require_near(request)
        if grant is None:
            raise Refusal("unsupported_grant_type", f"The grant type '{form.get('grant_type', '')}' is not supported.")
        return Response(200, grant(self._tenant(request.segments[0]), form))

    def _client_credentials(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        client, secret, assertion = (form.get(f"client_{n}", "") for n in ("id", "secret", "assertion"))
        if not client or not (secret or assertion):
            raise Refusal("invalid_client", "client_id and client_secret or client_assertion are required.", 401)
        principal = self._client(tenant, client)
        if not (self._has_secret(principal, secret) if secret else self._has_key(principal, assertion)):
            code = "AADSTS7000215: Invalid client secret" if secret else "AADSTS700027: Invalid client assertion"
            raise Refusal("invalid_client", f"{code} provided for application '{principal.app_id}'.", 401)
        return self._grant(tenant, _audience(form), principal)

    def _code(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        """For the portal: nothing is redirected, a code comes from `POST /lazulite/codes`."""
        principal = self._directory.principal(self.codes.take(form.get("code", "")) or "")
        if not isinstance(principal, User | ServicePrincipal) or not principal.account_enabled:
            raise Refusal("invalid_grant", "AADSTS70008: The code is wrong, was used, or is older than a minute.")
        return self._grant(tenant, _audience(form), principal)

    def _client(self, tenant: str, client: str) -> ServicePrincipal:
        principal = self._directory.client(client)
        if principal is None:
            message = (
                f"AADSTS700016: Application with identifier '{client}' was not found in the directory '{tenant}'. "
                "Create its service principal first (az ad sp create-for-rbac)."
            )
            raise Refusal("unauthorized_client", message)
        if not principal.account_enabled:
            raise Refusal("unauthorized_client", f"AADSTS7000112: Application '{client}' is disabled.")
        return principal

    def _has_secret(self, principal: ServicePrincipal, secret: str) -> bool:
        """Whether *secret* is one of the principal's, or of its application's."""
        application = self._directory.application(principal.app_id)
        held = (*principal.passwords, *(application.passwords if application else ()))
        now = self._backend.now()
        return any(is_current(p, now) and is_secret(secret, p.digest) for p in held)

    def _has_key(self, principal: ServicePrincipal, assertion: str) -> bool:
        application = self._directory.application(principal.app_id)
        held = (*principal.keys, *(application.keys if application else ()))
        now = self._backend.now()
        return signed_by(assertion, (k for k in held if is_current(k, now)), principal.app_id)

    def _password(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        name, password = form.get("username", ""), form.get("password", "")
        if not name or not password:
            raise Refusal("invalid_grant", "username and password are required.")
        user = self._user(tenant, name)
        if self._attempts.locked(user.id, self._backend.now()):
            raise Refusal("invalid_grant", "AADSTS50053: The account is locked: too many wrong passwords. Try later.")
        if not is_secret(password, user.digest):
            self._attempts.failed(user.id, self._backend.now())
            raise Refusal("invalid_grant", "AADSTS50126: Error validating credentials due to invalid password.")
        self._attempts.forget(user.id)
        return self._user_grant(tenant, form, user)

    def _refresh(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        known = self._ours(form.get("refresh_token", ""), "refresh")
        return self._user_grant(known["tid"], form, self._user(known["tid"], known["oid"]))

    def _device(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        self._ours(form.get("device_code", form.get("code", "")), "device")
        return self._user_grant(tenant, form, self._user(tenant, DEVICE_USER))

    def _user(self, tenant: str, name: str) -> User:
        user = self._directory.user(name)
        if user is None:
            message = f"AADSTS50034: The user account '{name}' does not exist in the directory '{tenant}'."
            raise Refusal("invalid_grant", message)
        if not user.account_enabled:
            raise Refusal("invalid_grant", "AADSTS50057: The user account is disabled.")
        return user

    def _ours(self, token: str, purpose: str) -> dict[str, Any]:
        try:
            return self._tokens.read(token, purpose)
        except jwt.InvalidTokenError as error:
            raise Refusal("invalid_grant", f"The {purpose} code is not valid: {error}.") from None

    def _grant(self, tenant: str, audience: str, principal: User | ServicePrincipal) -> dict[str, Any]:
        token = self._tokens.sign("access", ACCESS_S, claims(self._backend, tenant, principal, audience))
        return {"token_type": "Bearer", "expires_in": ACCESS_S, "ext_expires_in": ACCESS_S, "access_token": token}

    def _user_grant(self, tenant: str, form: Mapping[str, str], user: User) -> dict[str, Any]:
        """A grant for a user: with a refresh token, an id token and the account MSAL files them under."""
        grant = self._grant(tenant, _audience(form), user)
        identity = claims(self._backend, tenant, user, form.get("client_id") or _PUBLIC_CLIENT)
        names = {"preferred_username": user.user_principal_name, "name": user.display_name}
        account = msgspec.json.encode({"uid": user.id, "utid": tenant})
        return grant | {
            "scope": form.get("scope", ""),
            "refresh_token": self._tokens.sign("refresh", REFRESH_S, {"tid": tenant, "oid": user.id}),
            "id_token": self._tokens.sign("id", ACCESS_S, identity | names),
            "client_info": base64.urlsafe_b64encode(account).decode().rstrip("="),
        }

    def _device_code(self, request: Request) -> Response:
        _require_near(request)
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
        _require_near(request)
        imds = request.folded[0] == "metadata"
        header = "metadata" if imds else "x-identity-header"
        if not request.headers.get(header):
            raise Refusal("invalid_request", f"Required header '{header}' was not found.")
        resource = request.query.get("resource", "")
        if not resource:
            raise Refusal("invalid_request", "The parameter 'resource' is required.")
        identity = self._identity(request.query)
        grant = self._grant(self._backend.tenants[0].id, resource, identity)
        expires = int(self._backend.now().timestamp()) + ACCESS_S
        texts = {"expires_in": str(ACCESS_S), "ext_expires_in": str(ACCESS_S), "expires_on": str(expires)}
        return Response(200, grant | texts | {"resource": resource, "client_id": identity.app_id})

    def _identity(self, query: Mapping[str, str]) -> ServicePrincipal:
        """The managed identity that *query* names: by client, by object, or by the resource that has it."""
        resource = query.get("msi_res_id") or query.get("mi_res_id")
        if resource:
            found = self._directory.identities.of(resource)
        elif query.get("object_id"):
            named = self._directory.find(query["object_id"])
            found = named if isinstance(named, ServicePrincipal) else None
        else:
            found = self._directory.client(query.get("client_id") or DEFAULT_IDENTITY)
        if found is None or found.service_principal_type != "ManagedIdentity" or not found.account_enabled:
            raise Refusal("invalid_request", "Identity not found")
        return found


def _require_near(request: Request) -> None:
    """Raise the refusal of a sign-in without a secret to anybody but the lab's own user."""
    if not request.near():
        message = "Only the user who runs the lab is signed in without a secret, and over the host's loopback alone."
        raise Refusal("access_denied", message, 403)


def _form(request: Request) -> dict[str, str]:
    try:
        return dict(parse_qsl(request.content.decode(), max_num_fields=100))
    except ValueError:
        raise Refusal("invalid_request", "The form could not be read.") from None


def _audience(form: Mapping[str, str]) -> str:
    """From ``resource`` (v1) or the first scope (v2), which is the audience with ``/.default`` behind it."""
    scope = form.get("scope", "").split(" ")[0]
    return form.get("resource") or scope.removesuffix("/.default") or "https://management.azure.com/"
