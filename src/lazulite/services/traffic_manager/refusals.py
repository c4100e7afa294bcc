"""What is refused of endpoints, one by one and together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from lazulite.forwarding.domain import encode
from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.geography import AZURE, regions
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.service import Lab
from lazulite.services.traffic_manager.model import (
    MAX_DEPTH,
    MAX_HEADERS,
    AzureEndpoint,
    Endpoint,
    ExternalEndpoint,
    Header,
    NestedEndpoint,
    Profile,
)
from lazulite.services.traffic_manager.ranges import Range, overlap, spanned
from lazulite.values import IPAddress

BAD = "BadRequest"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def endpoints(new: Resource[Profile], view: View, lab: Lab) -> Iterator[Violation]:
    """Each taken alone."""
    for place, child in places(new.properties):
        said = child.properties
        yield from _geography(said, new.properties, place)
        for index, subnet in enumerate(said.subnets):
            if isinstance(spanned(subnet), str):
                yield Violation(BAD, str(spanned(subnet)), f"{place}.subnets[{index}]")
        if isinstance(said, AzureEndpoint):
            yield from _azure(child, said, place, view)
        elif isinstance(said, ExternalEndpoint):
            yield from _external(child, said, place, lab)
        elif isinstance(said, NestedEndpoint):
            yield from _nested(new, child, said, place, view)
        if isinstance(said, AzureEndpoint | ExternalEndpoint):
            yield from headers(said.custom_headers, place)


def places(profile: Profile) -> Iterator[tuple[str, Child[Endpoint]]]:
    """Every endpoint with the path of its properties."""
    for wire, held in (
        ("azureEndpoints", profile.azure_endpoints),
        ("externalEndpoints", profile.external_endpoints),
        ("nestedEndpoints", profile.nested_endpoints),
    ):
        for index, child in enumerate(held):
            yield f"properties.{wire}[{index}].properties", child


def _geography(said: Endpoint, profile: Profile, place: str) -> Iterator[Violation]:
    """Source: "Traffic Manager routing methods", geographic and performance."""
    for index, code in enumerate(said.geo_mapping):
        if code.upper() not in regions():
            message = f"'{code}' is not a region of the geographic hierarchy."
            yield Violation(BAD, message, f"{place}.geoMapping[{index}]")
    if profile.traffic_routing_method == "Geographic" and not said.geo_mapping:
        message = "Every endpoint of a profile with the Geographic routing method has a geographic mapping."
        yield Violation(BAD, message, f"{place}.geoMapping")
    location = getattr(said, "endpoint_location", None)
    needed = profile.traffic_routing_method == "Performance" and not isinstance(said, AzureEndpoint)
    if location is None and needed:
        message = "With the Performance routing method an external or nested endpoint needs endpointLocation."
        yield Violation(BAD, message, f"{place}.endpointLocation")
    elif location is not None and normalised(location) not in AZURE:
        yield Violation(BAD, f"'{location}' is not an Azure region.", f"{place}.endpointLocation")


def normalised(location: str) -> str:
    return "".join(location.split()).lower()


def _azure(child: Child[Any], said: AzureEndpoint, place: str, view: View) -> Iterator[Violation]:
    """Source: "Traffic Manager endpoints", Azure endpoints."""
    if said.target_resource_id is None:
        yield Violation(BAD, f"The endpoint '{child.name}' needs targetResourceId.", f"{place}.targetResourceId")
        return
    address = view.get(said.target_resource_id, PublicIPAddress)
    settings = address.properties.dns_settings if address is not None else None
    if address is not None and (settings is None or settings.fqdn is None):
        message = f"The public IP address '{address.id.name}' has no DNS name: an endpoint needs one."
        yield Violation(BAD, message, f"{place}.targetResourceId")


def address_of(said: Endpoint) -> IPAddress | None:
    """The address that an external endpoint's target is."""
    try:
        return ip_address((said.target or "") if isinstance(said, ExternalEndpoint) else "")
    except ValueError:
        return None


def _external(child: Child[Any], said: ExternalEndpoint, place: str, lab: Lab) -> Iterator[Violation]:
    """Source: "Traffic Manager endpoints", external endpoints; the ranges: "Traffic Manager FAQs"."""
    place = f"{place}.target"
    if not said.target:
        yield Violation(BAD, f"The endpoint '{child.name}' needs a target.", place)
        return
    address = address_of(said)
    if address is None:
        yield from _name(said.target, place)
    elif not address.is_global and not any(address in ip_network(p) for p in lab.public_pool):
        message = f"The target {address} is not a public address."
        yield Violation(BAD, message, place)


def _name(target: str, place: str) -> Iterator[Violation]:
    try:
        encode(target)
        sound = "." in target.strip(".") and not set(target) & set(":/ @") and not target.rstrip(".")[-1].isdigit()
    except ValueError:
        sound = False
    if not sound:
        message = f"The target '{target}' is neither a fully qualified domain name nor an address."
        yield Violation(BAD, message, place)


def _nested(
    new: Resource[Profile], child: Child[Any], said: NestedEndpoint, place: str, view: View
) -> Iterator[Violation]:
    """Source: "Nested Traffic Manager profiles"; facts/traffic-manager.md, endpoint types."""
    place = f"{place}.targetResourceId"
    if said.target_resource_id is None:
        yield Violation(BAD, f"The endpoint '{child.name}' needs targetResourceId.", place)
        return
    if new.properties.traffic_routing_method == "MultiValue":
        yield Violation(BAD, "A profile with the MultiValue routing method has no nested endpoints.", place)
    below = depth(said.target_resource_id.target.key, view, {new.id.key})
    if below is None:
        message = f"The profile '{said.target_resource_id.target.name}' leads back to '{new.id.name}'."
        yield Violation(BAD, message, place)
    elif below + 1 + _above(new.id.key, view) > MAX_DEPTH:
        yield Violation(BAD, f"Profiles can be nested {MAX_DEPTH} deep.", place)


def depth(key: str, view: View, above: set[str]) -> int | None:
    """How many profiles deep the one at *key* is; ``None`` for a circle."""
    found = view.get(key, Profile)
    if key in above:
        return None
    children = found.properties.nested_endpoints if found is not None else ()
    refs = [c.properties.target_resource_id for c in children]
    depths = [depth(r.target.key, view, above | {key}) for r in refs if r is not None]
    return None if None in depths else 1 + max((d for d in depths if d is not None), default=0)


def _above(key: str, view: View, seen: int = 0) -> int:
    """How many profiles the one at *key* is nested in."""
    found = view.get(key, Profile)
    if found is None or seen > MAX_DEPTH:
        return 0
    parents = {r.id.parent.key for r in view.referrers(found.id, NestedEndpoint)}
    return max((1 + _above(p, view, seen + 1) for p in parents), default=0)


def together(new: Resource[Profile], view: View) -> Iterator[Violation]:
    """All endpoints of the profile."""
    said: Profile = new.properties
    yield from _twice(said)
    yield from _kinds(said)
    yield from _mapped(said)


def _twice(profile: Profile) -> Iterator[Violation]:
    """Source: "Traffic Manager endpoints"; "Traffic Manager routing methods", priority."""
    targets: set[str] = set()
    priorities: set[int | None] = set()
    names: set[str] = set()
    for place, child in places(profile):
        said = child.properties
        ref = getattr(said, "target_resource_id", None)
        target = (said.target or "").lower().rstrip(".") if isinstance(said, ExternalEndpoint) else ""
        target = ref.id.lower() if ref is not None else target
        if target and target in targets:
            yield Violation(BAD, f"Two endpoints of the profile have the target '{target}'.", f"{place}.target")
        if said.priority in priorities:
            message = f"Two endpoints of the profile have the priority {said.priority}."
            yield Violation(BAD, message, f"{place}.priority")
        if child.name.lower() in names:
            yield Violation(BAD, f"Two endpoints of the profile have the name '{child.name}'.", place)
        targets.add(target)
        priorities.add(said.priority)
        names.add(child.name.lower())


def _kinds(profile: Profile) -> Iterator[Violation]:
    """Names and addresses of either version do not mix, but where all answers are addresses."""
    many = profile.traffic_routing_method == "MultiValue"
    first = ""
    allowed = set(profile.allowed_endpoint_record_types)
    for place, child in places(profile):
        address = address_of(child.properties)
        kind = "DomainName" if address is None else f"IPv{address.version}Address"
        nested = isinstance(child.properties, NestedEndpoint)
        if allowed and "Any" not in allowed and kind not in allowed and not nested:
            message = f"The profile allows endpoints of type {', '.join(sorted(allowed))}, not {kind}."
            yield Violation(BAD, message, f"{place}.target")
        if many and address is None and not nested:
            message = "Endpoints of a profile with the MultiValue routing method are external, with addresses."
            yield Violation(BAD, message, f"{place}.target")
        elif not many and not nested and first not in ("", kind):
            message = f"The endpoints of a profile are all of one kind: {first} and {kind} do not mix."
            yield Violation(BAD, message, f"{place}.target")
        first = first or ("" if nested else kind)


def _mapped(profile: Profile) -> Iterator[Violation]:
    """No region and no address leads to two endpoints. Source: "Traffic Manager routing methods"."""
    codes: set[str] = set()
    ranges: list[Range] = []
    fallbacks = 0
    for place, child in places(profile):
        said = child.properties
        for code in said.geo_mapping if profile.traffic_routing_method == "Geographic" else ():
            if code.upper() in codes:
                message = f"The region {code} is mapped to two endpoints of the profile."
                yield Violation(BAD, message, f"{place}.geoMapping")
            codes.add(code.upper())
        for index, subnet in enumerate(said.subnets):
            own = spanned(subnet)
            if isinstance(own, str):
                continue
            if any(overlap(own, other) for other in ranges):
                message = f"The subnet {own[0]}-{own[1]} overlaps another one of the profile."
                yield Violation(BAD, message, f"{place}.subnets[{index}]")
            ranges.append(own)
        fallbacks += not said.subnets
        if profile.traffic_routing_method == "Subnet" and not said.subnets and fallbacks > 1:
            message = "Only one endpoint of a profile with the Subnet routing method can be without subnets."
            yield Violation(BAD, message, f"{place}.subnets")


def headers(held: tuple[Header, ...], place: str) -> Iterator[Violation]:
    place = f"{place}.customHeaders"
    if len(held) > MAX_HEADERS:
        yield Violation(BAD, f"There can be {MAX_HEADERS} custom headers, not {len(held)}.", place)
    for index, header in enumerate(held):
        printable = header.value.isprintable() and header.value.isascii()
        if not _HEADER_NAME.fullmatch(header.name) or not printable:
            message = f"'{header.name}: {header.value}' is not an HTTP header."
            yield Violation(BAD, message, f"{place}[{index}]")
