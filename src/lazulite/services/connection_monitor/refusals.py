"""What is refused of endpoints, test configurations and test groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any

from lazulite.forwarding.domain import encode
from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.connection_monitor.ends import SCALE_SET, TYPES, ends
from lazulite.services.connection_monitor.model import (
    FREQUENCIES_S,
    ConnectionMonitor,
    Endpoint,
    HttpConfiguration,
    Scope,
    TestConfiguration,
)
from lazulite.services.connection_monitor.ranges import is_range, statuses
from lazulite.services.network_watcher.machines import here, ready

BAD = "InvalidConnectionMonitor"
_GROUPS, _ENDPOINTS, _TESTS = "properties.testGroups", "properties.endpoints", "properties.testConfigurations"


def names(said: ConnectionMonitor) -> Iterator[Violation]:
    """Each is there, and there once."""
    held: tuple[tuple[str, Sequence[Any]], ...] = (
        (_ENDPOINTS, said.endpoints),
        (_TESTS, said.test_configurations),
        (_GROUPS, said.test_groups),
    )
    for place, every in held:
        seen: set[str] = set()
        if not every:
            yield Violation(BAD, f"{place} names nothing: a monitor has endpoints, configurations and groups.", place)
        for index, each in enumerate(every):
            target = f"{place}[{index}].name"
            if each.name.lower() in seen:
                yield Violation(BAD, f"The name {each.name} is used more than once in {place}.", target)
            if not each.name or "/" in each.name or not each.name.isprintable():
                yield Violation(BAD, f"'{each.name}' is not a name: it is printable and has no slash.", target)
            seen.add(each.name.lower())


def endpoints(monitor: Resource[ConnectionMonitor], view: View) -> Iterator[Violation]:
    for index, endpoint in enumerate(monitor.properties.endpoints):
        target = f"{_ENDPOINTS}[{index}]"
        if endpoint.resource_id is not None:
            yield from _resource(endpoint, target)
        elif endpoint.type not in (None, "ExternalAddress"):
            yield Violation(BAD, f"An endpoint of type {endpoint.type} needs a resourceId.", f"{target}.resourceId")
        elif not is_address(endpoint.address or ""):
            message = f"'{endpoint.address or ''}' is neither an IP address nor a name."
            yield Violation(BAD, message, f"{target}.address")
        yield from _scope(endpoint, target)


def _resource(endpoint: Endpoint, target: str) -> Iterator[Violation]:
    """What the endpoint says it is, it is."""
    assert endpoint.resource_id is not None
    kind = endpoint.resource_id.target.kind.lower()
    if kind not in TYPES:
        message = f"{endpoint.resource_id.id} cannot be an endpoint: machines, scale sets, networks and subnets can."
        yield Violation("InvalidTargetResource", message, f"{target}.resourceId")
    elif endpoint.type not in (None, TYPES[kind]):
        message = f"The type {endpoint.type} contradicts the resource, which is an {TYPES[kind]}."
        yield Violation(BAD, message, f"{target}.type")
    if endpoint.address:
        message = "An endpoint has a resourceId or an address, not both."
        yield Violation(BAD, message, f"{target}.address")


def is_address(text: str) -> bool:
    """Whether it is an IP address or a host's name."""
    try:
        ip_address(text)
    except ValueError:
        try:
            encode(text)
        except ValueError:
            return False
        return bool(text) and not set(text) & set(":/ @") and not text.rstrip(".")[-1:].isdigit()
    return True


def _scope(endpoint: Endpoint, target: str) -> Iterator[Violation]:
    kind = endpoint.resource_id.target.kind.lower() if endpoint.resource_id is not None else ""
    scope = endpoint.scope or Scope()
    for wire, items in (("include", scope.include), ("exclude", scope.exclude)):
        for index, item in enumerate(items):
            if not (item.address.isdecimal() if kind == SCALE_SET else is_range(item.address)):
                what = "an instance's number" if kind == SCALE_SET else "an address, a prefix or a range"
                message = f"'{item.address}' is not {what}."
                yield Violation(BAD, message, f"{target}.scope.{wire}[{index}].address")


def configurations(said: ConnectionMonitor) -> Iterator[Violation]:
    for index, test in enumerate(said.test_configurations):
        target = f"{_TESTS}[{index}]"
        if test.test_frequency_sec not in FREQUENCIES_S:
            allowed = ", ".join(map(str, FREQUENCIES_S))
            message = f"The test frequency is one of {allowed} seconds, not {test.test_frequency_sec}."
            yield Violation(BAD, message, f"{target}.testFrequencySec")
        yield from _protocol(test, target)
        limit = test.success_threshold.round_trip_time_ms if test.success_threshold is not None else None
        if limit is not None and limit < 0:
            yield Violation(BAD, "A round trip takes no negative time.", f"{target}.successThreshold.roundTripTimeMs")
        yield from _http(test.http_configuration or HttpConfiguration(), target)


def _protocol(test: TestConfiguration, target: str) -> Iterator[Violation]:
    """The configuration of another protocol contradicts the one that is named."""
    held = {"Http": test.http_configuration, "Tcp": test.tcp_configuration, "Icmp": test.icmp_configuration}
    for name, configuration in held.items():
        if configuration is not None and name != test.protocol:
            wire = f"{name.lower()}Configuration"
            yield Violation(BAD, f"{wire} contradicts the protocol {test.protocol}.", f"{target}.{wire}")
    if test.protocol == "Tcp" and (test.tcp_configuration is None or not test.tcp_configuration.port):
        yield Violation(BAD, "A TCP test needs a port.", f"{target}.tcpConfiguration.port")


def _http(said: HttpConfiguration, target: str) -> Iterator[Violation]:
    for index, text in enumerate(said.valid_status_code_ranges):
        if not statuses(text):
            message = f"'{text}' is not a range of status codes: 200, 2xx and 301-304 are."
            yield Violation(BAD, message, f"{target}.httpConfiguration.validStatusCodeRanges[{index}]")
    for index, header in enumerate(said.request_headers):
        token = header.name.replace("-", "").replace("_", "")
        if not (token.isalnum() and token.isascii() and header.value.isprintable()):
            message = f"'{header.name}: {header.value}' is not an HTTP header."
            yield Violation(BAD, message, f"{target}.httpConfiguration.requestHeaders[{index}]")


def groups(monitor: Resource[ConnectionMonitor], view: View) -> Iterator[Violation]:
    said = monitor.properties
    known = {e.name.lower(): e for e in said.endpoints}
    tests = {c.name.lower() for c in said.test_configurations}
    for index, group in enumerate(said.test_groups):
        target = f"{_GROUPS}[{index}]"
        for wire, named, there in (
            ("testConfigurations", group.test_configurations, tests),
            ("sources", group.sources, known.keys()),
            ("destinations", group.destinations, known.keys()),
        ):
            if not named:
                yield Violation(BAD, f"The test group {group.name} has no {wire}.", f"{target}.{wire}")
            for each in named:
                if each.lower() not in there:
                    message = f"The test group {group.name} names {each}, which the monitor does not have."
                    yield Violation(BAD, message, f"{target}.{wire}")
        for each in group.sources:
            if each.lower() in known:
                yield from _source(monitor, known[each.lower()], view, f"{target}.sources")


def _source(monitor: Resource[ConnectionMonitor], endpoint: Endpoint, view: View, target: str) -> Iterator[Violation]:
    """Something of the watcher's region that can send."""
    if endpoint.resource_id is None:
        message = f"The endpoint {endpoint.name} is an address, and an address cannot be a source."
        yield Violation(BAD, message, target)
        return
    yield from here(monitor, endpoint.resource_id, view, target)
    if view.get(monitor.id, ConnectionMonitor) is not None:
        return  # what it was made for may since have stopped
    guests = {e.guest for e in ends(endpoint, view) if e.guest}
    for guest in sorted(guests):
        machine = view.get(guest, VirtualMachine)
        if machine is not None:
            yield from ready(machine, view, target)
