"""What may be chosen from: TLS policies, suites and versions, server variables and names of headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Violation
from lazulite.services.application_gateway import tls
from lazulite.services.service import Context

_TYPE = "Microsoft.Network/applicationGatewayAvailableSslOptions"


def _words(text: str) -> list[str]:
    return text.split()


_VERSIONS = ("TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3")
SERVER_VARIABLES = _words(
    "add_x_forwarded_for_proxy ciphers_supported ciphers_used client_certificate client_certificate_end_date "
    "client_certificate_fingerprint client_certificate_issuer client_certificate_serial client_certificate_start_date "
    "client_certificate_subject client_certificate_verification client_ip client_port client_tcp_rtt client_user "
    "cookie_name host http_method http_status http_version query_string received_bytes request_query request_scheme "
    "request_uri sent_bytes server_port ssl_connection_protocol ssl_enabled uri_path"
)
"""Source: facts/application-gateway.md, "Rewrite"; ``cookie_name`` stands for every cookie."""
REQUEST_HEADERS = _words(
    "Accept Accept-Charset Accept-Encoding Accept-Language Authorization Cache-Control Content-Length Content-MD5 "
    "Content-Type Cookie Date Expect Forwarded From If-Match If-Modified-Since If-None-Match If-Range "
    "If-Unmodified-Since Max-Forwards Origin Pragma Proxy-Authorization Range Referer TE User-Agent Via Warning "
    "X-Forwarded-For X-Forwarded-Host X-Forwarded-Port X-Forwarded-Proto X-Original-Host"
)
RESPONSE_HEADERS = _words(
    "Accept-Patch Accept-Ranges Access-Control-Allow-Credentials Access-Control-Allow-Headers "
    "Access-Control-Allow-Methods Access-Control-Allow-Origin Access-Control-Expose-Headers Access-Control-Max-Age "
    "Age Allow Cache-Control Content-Disposition Content-Encoding Content-Language Content-Length Content-Location "
    "Content-Range Content-Security-Policy Content-Type Date ETag Expires Last-Modified Link Location Pragma "
    "Proxy-Authenticate Referrer-Policy Retry-After Server Set-Cookie Strict-Transport-Security Trailer Vary Via "
    "Warning WWW-Authenticate X-Content-Type-Options X-Frame-Options X-Powered-By X-XSS-Protection"
)
"""Fields of RFC 9110 and of what browsers know; any other name may be rewritten too. Which ones Azure lists is not
documented."""


def options(context: Context, places: Mapping[str, str]) -> Any:
    """``applicationGatewayAvailableSslOptions/default``."""
    here = _here(places)
    return {
        "id": here,
        "name": "default",
        "type": _TYPE,
        "properties": {
            "predefinedPolicies": [{"id": f"{here}/predefinedPolicies/{name}"} for name in tls.POLICIES],
            "defaultPolicy": tls.DEFAULT_POLICY,
            "availableCipherSuites": [*tls.OF_1_3, *tls.SUITES],
            "availableProtocols": list(_VERSIONS),
        },
    }


def policies(context: Context, places: Mapping[str, str]) -> Any:
    return {"value": [_policy(name, places) for name in tls.POLICIES]}


def policy(context: Context, places: Mapping[str, str]) -> Any:
    asked = places["policy"]
    found = next((name for name in tls.POLICIES if name.lower() == asked.lower()), None)
    if found is None:
        return [Violation("ResourceNotFound", f"The predefined TLS policy '{asked}' was not found.", "policy")]
    return _policy(found, places)


def _policy(name: str, places: Mapping[str, str]) -> dict[str, Any]:
    minimum, suites = tls.POLICIES[name]
    known = {"cipherSuites": list(suites or tls.SUITES), "minProtocolVersion": minimum}
    return {"id": f"{_here(places)}/predefinedPolicies/{name}", "name": name, "properties": known}


def _here(places: Mapping[str, str]) -> str:
    return f"/subscriptions/{places['subscription']}/providers/{_TYPE}/default"


def server_variables(context: Context, places: Mapping[str, str]) -> Any:
    return SERVER_VARIABLES


def request_headers(context: Context, places: Mapping[str, str]) -> Any:
    return REQUEST_HEADERS


def response_headers(context: Context, places: Mapping[str, str]) -> Any:
    return RESPONSE_HEADERS
