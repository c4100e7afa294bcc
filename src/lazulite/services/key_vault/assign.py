"""A secret that is written through the control plane gets a version; what a vault keeps stays."""

from __future__ import annotations

import hmac
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.key_vault.model import Attributes, Secret, Version, latest
from lazulite.services.key_vault.status import dated
from lazulite.services.service import Lab


def assign(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    said = new.properties
    if not isinstance(said, Secret) or said.policy is not None:
        return new
    last, held = latest(said), dated(old) if old is not None else ()
    if last is not None and said.value is None:
        held = (*held[:-1], _told(held[-1], said))
    if said.value is None or (last is not None and _same(said, last, new.tags)):
        return replace(new, properties=replace(said, value=None, versions=held))
    found = said.attributes
    fresh = Version(
        name(new.guid, len(held), lab),
        said.value,
        said.content_type,
        found.enabled,
        found.nbf or 0,
        found.exp or 0,
        tags=new.tags,
    )
    return replace(new, properties=replace(said, value=None, versions=(*held, fresh)))


def name(guid: str, number: int, lab: Lab) -> str:
    """Of a version: 32 hexadecimal digits. Source: "About keys, secrets, and certificates", object identifiers."""
    return hmac.digest(lab.secret.encode(), f"version {guid} {number}".encode(), "sha256").hex()[:32]


def _told(last: Version, said: Secret) -> Version:
    """The newest version as a write without a value wants it."""
    found = said.attributes
    wanted = (found.enabled, found.nbf or 0, found.exp or 0, said.content_type)
    return replace(last, **dict(zip(("enabled", "not_before", "expires", "content_type"), wanted, strict=True)))


def _same(said: Secret, last: Version, tags: dict[str, str] | None) -> bool:
    """Whether the write says what there is already; then there is no new version."""
    wanted = (said.value, said.content_type, said.attributes, tags)
    return wanted == (last.value, last.content_type, attributes(last), last.tags)


def attributes(found: Version) -> Attributes:
    return Attributes(found.enabled, found.not_before or None, found.expires or None)
