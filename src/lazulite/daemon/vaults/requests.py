"""Requests to vaults: whose vault by host name, who asks by token, whether they may, and then what they want."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeAlias

from lazulite.arm.access import Caller
from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError
from lazulite.arm.message import EMPTY, Request, Response
from lazulite.arm.router import Router
from lazulite.daemon.vaults import certificates, secrets
from lazulite.daemon.vaults.asked import Asked
from lazulite.daemon.vaults.contents import Contents
from lazulite.daemon.vaults.errors import VaultError, bad, forbidden
from lazulite.resources.model import Resource
from lazulite.services.key_vault.model import SECRET_NAME, SUFFIX, Vault
from lazulite.services.key_vault.permission import action, permits

RESOURCE = f"https://{SUFFIX}"
"""The audience of tokens. Source: "Authentication, requests and responses" of Key Vault."""
_VERSION = re.compile(r"7\.\d(-preview\.\d+)?|20\d\d-\d\d-\d\d(-preview\.\d+)?")
_Handler: TypeAlias = Callable[[Asked], Any]


class Vaults:
    """The data plane of every vault of a lab."""

    def __init__(self, backend: Backend, router: Router) -> None:
        self._backend, self._router = backend, router

    async def answer(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except VaultError as refusal:
            return refusal.response
        except ArmError as error:
            return Response(error.status, error.envelope(), error.headers)

    async def _answer(self, request: Request) -> Response:
        vault = self._vault(request.headers.get("host", ""))
        caller = self._caller(request, vault)
        if not _VERSION.fullmatch(request.api_version):
            raise bad("The request needs an api-version such as 7.4.")
        kind, verb, handler, name, version = _route(request)
        self._admit(caller, vault, kind, verb, name)
        body = request.body if request.body is not None else {}
        if not isinstance(body, dict):
            raise bad("The request content must be a JSON object.")
        said = handler(Asked(Contents(self._backend, vault.id), name, version, body, request.query))
        if isinstance(said, Awaitable):
            said = await said
        if isinstance(said, Response):
            return said
        return Response(204, EMPTY) if said is None else Response(200, said)

    def _vault(self, host: str) -> Resource[Vault]:
        name = host.lower().partition(":")[0].removesuffix(f".{SUFFIX}")
        held = self._backend.store.snapshot.kinds.get(Vault, {}).values()
        found = next((v for v in held if v.id.name.lower() == name), None)
        if found is None:
            raise VaultError(404, "VaultNotFound", f"The lab has no key vault at {host or 'a request without Host'}.")
        return found

    def _caller(self, request: Request, vault: Resource[Vault]) -> Caller:
        """Raises the 401 that says where a token comes from, and what for."""
        try:
            claims = self._router.tokens.authenticate(request.headers.get("authorization", ""), "")
        except ArmError as error:
            self._challenge(vault, error.message)
        if str(claims.get("aud", "")).rstrip("/") != RESOURCE:
            self._challenge(vault, f"AKV10022: Invalid audience. Expected {RESOURCE}, found: {claims.get('aud')}.")
        if claims.get("tid") != vault.properties.tenant_id:
            self._challenge(vault, "AKV10032: Invalid issuer: the token is of another tenant than the vault's.")
        caller = self._router.access.caller(claims)
        if caller is None:
            self._challenge(vault, "The token's principal is not known, or disabled.")
        return caller

    def _challenge(self, vault: Resource[Vault], message: str) -> NoReturn:
        authority = f"{self._backend.base_url}/{vault.properties.tenant_id}"
        said = f'Bearer authorization="{authority}", resource="{RESOURCE}"'
        raise VaultError(401, "Unauthorized", message, headers={"WWW-Authenticate": said})

    def _admit(self, caller: Caller, vault: Resource[Vault], kind: str, verb: str, name: str) -> None:
        if permits(vault, caller.oid, kind, verb, name, self._backend.lab):
            return
        who, place = f"'{caller.name}' (object {caller.oid})", f"'{vault.id.name};location={vault.location}'"
        if vault.properties.enable_rbac_authorization:
            message = f"No role gives {who} the action '{action(kind, verb)}' on key vault {place}."
            raise forbidden(message, "ForbiddenByRbac")
        message = f"No access policy of key vault {place} gives {who} the permission '{verb}' for {kind}."
        raise forbidden(message, "AccessDenied")


def _route(request: Request) -> tuple[str, str, _Handler, str, str]:
    """Kind, verb, what answers, name and version. Raises the refusal of anything that no vault here has."""
    first, *rest = request.segments
    name = rest[0] if rest else ""
    last = rest[1] if len(rest) > 1 else ""
    words = [first.lower(), *(["*"] if rest else [])]
    if last:
        words.append(last.lower() if last.lower() in _WORDS else "*")
    row = _ROUTES.get((request.method, "/".join(words))) if len(rest) < 3 else None
    if row is None:
        message = f"{request.method} {request.path} is nothing that a vault of the lab does: secrets and certificates."
        raise VaultError(405 if first.lower() in _KINDS else 404, "NotSupported", message)
    if name and not re.fullmatch(SECRET_NAME, name):
        raise bad(f"'{name}' is no name of a secret or certificate: letters, digits and hyphens, at most 127.")
    return *row, name, "" if last.lower() in _WORDS else last


_KINDS = frozenset({"secrets", "certificates", "deletedsecrets", "deletedcertificates"})
_WORDS = frozenset({"versions", "policy", "pending", "create", "import", "recover"})
_ROUTES: Mapping[tuple[str, str], tuple[str, str, _Handler]] = {
    ("GET", "secrets"): ("secrets", "list", secrets.list_secrets),
    ("GET", "secrets/*/versions"): ("secrets", "list", secrets.list_secret_versions),
    ("GET", "secrets/*"): ("secrets", "get", secrets.get_secret),
    ("GET", "secrets/*/*"): ("secrets", "get", secrets.get_secret),
    ("PUT", "secrets/*"): ("secrets", "set", secrets.set_secret),
    ("PATCH", "secrets/*"): ("secrets", "update", secrets.update_secret),
    ("PATCH", "secrets/*/*"): ("secrets", "update", secrets.update_secret),
    ("DELETE", "secrets/*"): ("secrets", "delete", secrets.delete_secret),
    ("GET", "deletedsecrets"): ("secrets", "list", secrets.list_deleted_secrets),
    ("GET", "deletedsecrets/*"): ("secrets", "list", secrets.get_deleted_secret),
    ("POST", "deletedsecrets/*/recover"): ("secrets", "recover", secrets.recover_secret),
    ("DELETE", "deletedsecrets/*"): ("secrets", "purge", secrets.purge),
    ("GET", "certificates"): ("certificates", "list", certificates.list_certificates),
    ("GET", "certificates/*/versions"): ("certificates", "list", certificates.list_certificate_versions),
    ("GET", "certificates/*"): ("certificates", "get", certificates.get_certificate),
    ("GET", "certificates/*/*"): ("certificates", "get", certificates.get_certificate),
    ("POST", "certificates/*/create"): ("certificates", "create", certificates.create_certificate),
    ("POST", "certificates/*/import"): ("certificates", "import", certificates.import_certificate),
    ("GET", "certificates/*/pending"): ("certificates", "get", certificates.get_pending),
    ("GET", "certificates/*/policy"): ("certificates", "get", certificates.get_policy),
    ("PATCH", "certificates/*/policy"): ("certificates", "update", certificates.update_policy),
    ("PATCH", "certificates/*"): ("certificates", "update", certificates.update_certificate),
    ("PATCH", "certificates/*/*"): ("certificates", "update", certificates.update_certificate),
    ("DELETE", "certificates/*"): ("certificates", "delete", certificates.delete_certificate),
    ("GET", "deletedcertificates"): ("certificates", "list", certificates.list_deleted_certificates),
    ("GET", "deletedcertificates/*"): ("certificates", "get", certificates.get_deleted_certificate),
    ("POST", "deletedcertificates/*/recover"): ("certificates", "recover", certificates.recover_certificate),
    ("DELETE", "deletedcertificates/*"): ("certificates", "purge", secrets.purge),
}
"""Method and path to the kind and verb that are permitted, and to what answers."""
