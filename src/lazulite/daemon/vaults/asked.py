"""A request that may be made, and what requests for secrets and for certificates have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from lazulite.daemon.vaults.contents import Contents
from lazulite.daemon.vaults.errors import bad
from lazulite.resources.model import Resource
from lazulite.services.key_vault.model import Vault, Version, uri

_PAGE = 25
"""Items of a list, at most. Source: "Get Secrets", maxresults."""


class Asked(msgspec.Struct, frozen=True):
    """A request that may be made."""

    contents: Contents
    name: str
    version: str
    body: Mapping[str, Any]
    query: Mapping[str, str]

    @property
    def vault(self) -> Resource[Vault]:
        return self.contents.vault


def changed(version: Version, body: Mapping[str, Any], *, dated: bool = True) -> Version:
    """*version* as *body* wants it; a certificate's dates are its own. Raises the 400 of what is no attribute."""
    said = body.get("attributes") or {}
    if not isinstance(said, Mapping) or not isinstance(said.get("enabled", True), bool | None):
        raise bad("Property attributes must be an object, and enabled true or false.")
    wanted: dict[str, Any] = {}
    if said.get("enabled") is not None:
        wanted["enabled"] = said["enabled"]
    for wire, field in (("nbf", "not_before"), ("exp", "expires")) if dated else ():
        if said.get(wire) is not None:
            wanted[field] = time(said[wire], wire)
    if dated and isinstance(body.get("contentType"), str):
        wanted["content_type"] = body["contentType"]
    if isinstance(body.get("tags"), dict):
        wanted["tags"] = body["tags"]
    return replace(version, **wanted)


def time(value: Any, wire: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise bad(f"attributes.{wire} must be seconds since 1970.")
    return value


def unversioned(shown: dict[str, Any]) -> dict[str, Any]:
    """As lists of what is newest have it."""
    return shown | {"id": shown["id"].rpartition("/")[0]}


def page(asked: Asked, shown: Iterable[dict[str, Any]], path: str) -> dict[str, Any]:
    """A page of a list, and where the next one is. Raises the 400 of a page that is none."""
    found = list(shown)
    try:
        first, most = (int(asked.query.get(n, str(d))) for n, d in (("$skiptoken", 0), ("maxresults", _PAGE)))
    except ValueError:
        raise bad("maxresults and $skiptoken are numbers.") from None
    if first < 0 or not 1 <= most <= _PAGE:
        raise bad(f"maxresults is 1 to {_PAGE}.")
    last = first + most
    version = asked.query.get("api-version", "")
    there = uri(asked.vault.id.name, f"{path}?api-version={version}&maxresults={most}&$skiptoken={last}")
    return {"value": found[first:last], "nextLink": there if last < len(found) else None}
