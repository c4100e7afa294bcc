"""Shared access signatures that the protocol makes: tokens that open an account, or one thing in it, for a while."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from lazulite.resources.model import Violation

_VERSION = "2015-04-05"
"""Of both tokens. Source: Azure REST API, "List Account SAS" and "List Service SAS", sample responses."""
_ACCOUNT = {
    "signedPermission": "sp",
    "signedServices": "ss",
    "signedResourceTypes": "srt",
    "signedStart": "st",
    "signedExpiry": "se",
    "signedIp": "sip",
    "signedProtocol": "spr",
}
"""In the order in which they are signed. Source: "Create an account SAS", construct the signature string."""
_NEEDED = {"account": ("signedServices", "signedResourceTypes", "signedPermission", "signedExpiry")}
_NEEDED["service"] = ("canonicalizedResource", "signedResource", "signedPermission", "signedExpiry")
_BEFORE, _BETWEEN = {"signedPermission": "sp", "signedStart": "st", "signedExpiry": "se"}, {"signedIdentifier": "si"}
_AFTER = {"signedIp": "sip", "signedProtocol": "spr"}
_ANSWERED = {"rscc": "rscc", "rscd": "rscd", "rsce": "rsce", "rscl": "rscl", "rsct": "rsct"}


def problems(what: str, name: str, body: Any) -> Iterator[Violation]:
    """What a request for a token of an ``account`` or a ``service`` lacks."""
    said = _said(body)
    for wire in _NEEDED[what]:
        if not said.get(wire.lower()):
            message = f"The parameter {wire} of a shared access signature is missing."
            yield Violation("InvalidValuesForRequestParameters", message, wire)
    if said.get("keytosign", "key1") not in ("key1", "key2"):
        message = "keyToSign is key1 or key2."
        yield Violation("InvalidValuesForRequestParameters", message, "keyToSign")
    if what == "service" and said.get("canonicalizedresource") and not _resource(said).startswith(f"/blob/{name}/"):
        message = f"A shared access signature is given for blobs and containers of the account: /blob/{name}/CONTAINER."
        yield Violation("InvalidValuesForRequestParameters", message, "canonicalizedResource")


def key_to_sign(body: Any) -> str:
    return _said(body).get("keytosign", "key1")


def account_token(name: str, key: str, body: Any) -> str:
    said = _said(body)
    lines = [name, *(said.get(wire.lower(), "") for wire in _ACCOUNT), _VERSION, ""]
    return _token(_given(said, _ACCOUNT), lines, key)


def service_token(key: str, body: Any) -> str:
    """Source: "Create a service SAS", construct the signature string, version 2015-04-05."""
    said = _said(body)
    lines = [said.get(w.lower(), "") for w in _BEFORE] + [_resource(said)]
    lines += [said.get(w.lower(), "") for w in (*_BETWEEN, *_AFTER)] + [_VERSION]
    lines += [said.get(w, "") for w in _ANSWERED]
    named = {"signedResource": "sr", **_BEFORE, **_BETWEEN, **_AFTER, **_ANSWERED}
    return _token(_given(said, named), lines, key)


def _said(body: Any) -> dict[str, str]:
    return {k.lower(): str(v) for k, v in body.items() if v is not None} if isinstance(body, dict) else {}


def _given(said: Mapping[str, str], named: Mapping[str, str]) -> dict[str, str]:
    return {short: said[wire.lower()] for wire, short in named.items() if said.get(wire.lower())}


def _resource(said: Mapping[str, str]) -> str:
    found = said.get("canonicalizedresource", "")
    return found if found.startswith("/") else f"/{found}"


def _token(given: Mapping[str, str], lines: list[str], key: str) -> str:
    digest = hmac.digest(base64.b64decode(key), "\n".join(lines).encode(), "sha256")
    return urlencode({"sv": _VERSION, **given, "sig": base64.b64encode(digest).decode()})
