"""What the tokens of the lab's tenant say, and which of them the APIs take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.arm.access.principals import ServicePrincipal, User
from lazulite.arm.backend import Backend

_RESOURCE_MANAGER = ("https://management.azure.com", "https://management.core.windows.net")


def claims(backend: Backend, tenant: str, principal: User | ServicePrincipal, audience: str) -> dict[str, Any]:
    """The claims of an access token of *principal* for *audience*. Source: "Access token claims reference" (v1.0)."""
    found = {
        "aud": audience,
        "iss": issuer(backend, tenant),
        "tid": tenant,
        "oid": principal.id,
        "sub": principal.id,
        "ver": "1.0",
    }
    if isinstance(principal, User):
        name = principal.user_principal_name
        return {**found, "idtyp": "user", "upn": name, "unique_name": name, "name": principal.display_name}
    return {**found, "idtyp": "app", "appid": principal.app_id}


def issuer(backend: Backend, tenant: str) -> str:
    return f"{backend.base_url}/{tenant}/"


def wrong(backend: Backend, found: Mapping[str, Any], *, graph: bool) -> tuple[str, str] | None:
    """Code and message of what is wrong with the claims of a token of ours, ``None`` when they are right."""
    tenants = {t.id for t in backend.tenants}
    if found.get("tid") not in tenants:
        expected = issuer(backend, backend.tenants[0].id)
        message = (
            f"The access token is from the wrong issuer '{found.get('iss')}'. It must match the tenant '{expected}' "
            "associated with this subscription. Please use the authority (URL) of that tenant to get the token."
        )
        return "InvalidAuthenticationTokenTenant", message
    bases = (f"{backend.base_url}/graph",) if graph else (backend.base_url, *_RESOURCE_MANAGER)
    audience = str(found.get("aud", ""))
    if audience.rstrip("/") not in bases:
        message = (
            "The access token has been obtained for wrong audience or resource "
            f"'{audience}'. It should exactly match with one of the allowed audiences '{bases[0]}/'."
        )
        return "InvalidAuthenticationToken", message
    return None
