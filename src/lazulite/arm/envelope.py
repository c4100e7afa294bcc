"""The top level of a resource's body: everything beside ``properties``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lazulite.arm import identity_member, locations
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Kind, Resource, Sku, Violation
from lazulite.resources.schema import Decoder, invalid_name

_EVERYWHERE = frozenset({"id", "name", "type", "etag", "location", "tags", "properties", "systemdata"})
"""Top-level members that any body may carry, folded."""
_CHILD_MEMBERS = _EVERYWHERE | {"zones", "kind"}
_TYPED = frozenset({"sku", "zones"})
_CHILD_NAME = r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?"

_MAX_TAGS, _MAX_TAG_NAME, _MAX_TAG_VALUE = 50, 512, 256
"""Source: "Use tags to organize your Azure resources", limitations."""
_TAG_NAME = re.compile(r"[^<>%&\\?/]+")


def decode(kind: Kind, resource_id: ResourceId, body: Any) -> tuple[Resource[Any] | None, list[Violation]]:
    """A new resource from *body*, and all that is wrong with its form. ``guid`` is left for the caller."""
    if body is None and kind.bodiless:
        body = {}
    if not isinstance(body, dict):
        return None, [Violation("InvalidRequestContent", "The request content must be a JSON object.")]
    members = {k.lower(): v for k, v in body.items() if v is not None}
    decoder = Decoder()
    found = decoder.violations
    found += _name(resource_id.name, kind.name_pattern)
    allowed = {m.lower(): m for m in kind.envelope}
    found += _unknown(body, _EVERYWHERE | allowed.keys(), kind.name)
    location = _location(kind, members.get("location"), found)
    tags = decode_tags(members["tags"], found) if "tags" in members else None
    sku = decoder.model(Sku, members["sku"], "sku") if "sku" in members and "sku" in allowed else kind.default_sku
    zones = _zones(members.get("zones", []), found) if "zones" in allowed else ()
    extra = {allowed[m]: v for m, v in members.items() if m in allowed.keys() - _TYPED - _EVERYWHERE}
    if "identity" in extra:
        extra["identity"] = identity_member.decode(extra["identity"], found)
    given = members.get("properties", {})
    if kind.inward is not None and isinstance(given, dict):
        given, refused = kind.inward(given)
        found += refused
    properties = decoder.model(kind.model, given, "properties")
    if properties is None:
        return None, found
    return Resource(resource_id, properties, location, tags, _complete(sku, kind), zones, extra), found


def decode_child(model: type[Any], name: str, body: Any) -> tuple[Child[Any] | None, list[Violation]]:
    """A child as sent to its own path, and all that is wrong with its form."""
    if not isinstance(body, dict):
        return None, [Violation("InvalidRequestContent", "The request content must be a JSON object.")]
    members = {k.lower(): v for k, v in body.items() if v is not None}
    decoder = Decoder()
    decoder.violations += _name(name, _CHILD_NAME)
    decoder.violations += _unknown(body, _CHILD_MEMBERS, model.__name__)
    zones = _zones(members.get("zones", []), decoder.violations)
    properties = decoder.model(model, members.get("properties", {}), "properties")
    return (None if properties is None else Child(name, properties, zones)), decoder.violations


def _name(name: str, pattern: str) -> Iterator[Violation]:
    if not re.fullmatch(pattern, name):
        yield Violation("InvalidResourceName", invalid_name(name), "name")


def _unknown(body: Mapping[str, Any], allowed: frozenset[str], type_name: str) -> Iterator[Violation]:
    for name, value in body.items():
        if name.lower() not in allowed and value is not None:
            message = f"Could not find member '{name}' on object of type '{type_name}'. Path '{name}'."
            yield Violation("InvalidRequestFormat", message, name)


def _location(kind: Kind, value: Any, found: list[Violation]) -> str | None:
    if value is None or value == "":
        if kind.located:
            message = "The location property is required for this definition."
            found.append(Violation("LocationRequired", message, "location"))
        return None
    location = locations.normalise(str(value))
    if not locations.known(location):
        regions = ",".join(locations.REGIONS)
        message = (
            f"The provided location '{value}' is not available for resource type '{kind.name}'. "
            f"List of available regions for the resource type is '{regions}'."
        )
        found.append(Violation("LocationNotAvailableForResourceType", message, "location"))
    return location


def decode_tags(value: Any, found: list[Violation]) -> dict[str, str]:
    """The tags in *value*; what is wrong with them goes to *found*."""
    if not isinstance(value, dict):
        found.append(Violation("InvalidRequestContent", "tags must be an object of names and values.", "tags"))
        return {}
    if len(value) > _MAX_TAGS:
        message = f"{len(value)} tags are too many: a resource can have {_MAX_TAGS}."
        found.append(Violation("TagCountLimitExceeded", message, "tags"))
    for name, text in value.items():
        found += _tag(name, text)
    return {k: "" if v is None else str(v) for k, v in value.items()}


def _tag(name: str, value: Any) -> Iterator[Violation]:
    path = f"tags.{name}"
    if not _TAG_NAME.fullmatch(name):
        message = f"The tag name '{name}' is empty or has one of the reserved characters '<,>,%,&,\\,?,/'."
        yield Violation("InvalidTagNameCharacters", message, path)
    if len(name) > _MAX_TAG_NAME:
        yield Violation("InvalidTagNameLength", f"A tag name can have {_MAX_TAG_NAME} characters.", path)
    if isinstance(value, dict | list):
        yield Violation("InvalidRequestContent", f"The value of the tag '{name}' must be a string.", path)
    elif len(str(value)) > _MAX_TAG_VALUE:
        yield Violation("InvalidTagValueLength", f"A tag value can have {_MAX_TAG_VALUE} characters.", path)


def _zones(value: Any, found: list[Violation]) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(z, str | int) for z in value):
        found.append(Violation("InvalidRequestFormat", "zones must be a list of zone names.", "zones"))
        return ()
    return tuple(str(z) for z in value)


def _complete(sku: Sku | None, kind: Kind) -> Sku | None:
    """*sku* with what it leaves out filled in from the type's own."""
    if sku is None or kind.default_sku is None:
        return sku
    given = {f: v for f in sku.__struct_fields__ if (v := getattr(sku, f)) is not None}
    return msgspec.structs.replace(kind.default_sku, **given)
