"""Connection monitors to checks: sources × destinations × configurations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from lazulite.forwarding.model import Check, Monitor
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.connection_monitor.ends import End, ends, machine_end, plain
from lazulite.services.connection_monitor.model import (
    ConnectionMonitor,
    HttpConfiguration,
    TcpConfiguration,
    TestConfiguration,
    TestGroup,
    Threshold,
)
from lazulite.services.connection_monitor.ranges import statuses

HTTP_PORT, HTTPS_PORT = 80, 443
"""Source: RFC 9110, section 4.2."""


def monitor(made: Resource[ConnectionMonitor], view: View) -> Iterator[Monitor]:
    """One that is stopped is there too: its results stay."""
    found = tuple(checks(made.properties, view))
    yield Monitor(made.id.key, made.id.name, found, made.guid, made.properties.is_stopped, made.id.text)


def checks(said: ConnectionMonitor, view: View) -> Iterator[Check]:
    """Named ``{group}/{configuration}/{source}/{destination}``; those of the first version ``test``."""
    if said.first_version:
        yield from _first(said, view)
    for group in said.test_groups:
        if not group.disable:
            yield from _of_group(group, said, view)


def _first(said: ConnectionMonitor, view: View) -> Iterator[Check]:
    """TCP to a port, the way it was before there were test groups."""
    source = view.get(said.source.resource_id, VirtualMachine) if said.source is not None else None
    to = said.destination
    machine = view.get(to.resource_id, VirtualMachine) if to is not None else None
    end = machine_end(machine, view) if machine is not None else plain((to.address or "") if to else "", "")
    if source is None or end is None or to is None:
        return
    yield Check(
        "test", source.id.key, "tcp", end.address(4), end.host, port=to.port or HTTP_PORT, interval_s=said.interval_s
    )


def _of_group(group: TestGroup, said: ConnectionMonitor, view: View) -> Iterator[Check]:
    endpoints = {e.name.lower(): e for e in said.endpoints}
    configurations = {c.name.lower(): c for c in said.test_configurations}
    tests = [c for n in group.test_configurations if (c := configurations.get(n.lower())) is not None]
    sources, destinations = (
        [end for n in names if (e := endpoints.get(n.lower())) is not None for end in ends(e, view)]
        for names in (group.sources, group.destinations)
    )
    for test, source, destination in product(tests, sources, destinations):
        address = destination.address(_version(test))
        if source.guest and source.guest != destination.guest and (address is not None or destination.host):
            yield _check(group, test, source, destination)


def _version(test: TestConfiguration) -> int | None:
    return {"IPv4": 4, "IPv6": 6}.get(test.preferred_ip_version or "")


def _check(group: TestGroup, test: TestConfiguration, source: End, destination: End) -> Check:
    http, tcp = test.http_configuration or HttpConfiguration(), test.tcp_configuration or TcpConfiguration()
    limits = test.success_threshold or Threshold()
    web, listens = test.protocol == "Http", tcp.destination_port_behavior == "ListenIfAvailable"
    secure = web and http.prefer_https
    return Check(
        f"{group.name}/{test.name}/{source.label}/{destination.label}",
        source.guest,
        "https" if secure else test.protocol.lower(),
        destination.address(_version(test)),
        destination.host,
        _port(test, http, tcp),
        test.test_frequency_sec,
        http.method.upper(),
        _path(http.path),
        tuple((h.name, h.value) for h in http.request_headers) if web else (),
        tuple(s for text in http.valid_status_code_ranges for s in statuses(text)) if web else (),
        limits.checks_failed_percent or 0,
        limits.round_trip_time_ms or 0,
        destination.guest if test.protocol == "Tcp" and listens else "",
    )


def _port(test: TestConfiguration, http: HttpConfiguration, tcp: TcpConfiguration) -> int:
    if test.protocol == "Http":
        return http.port or (HTTPS_PORT if http.prefer_https else HTTP_PORT)
    return (tcp.port or 0) if test.protocol == "Tcp" else 0


def _path(path: str | None) -> str:
    return path if path is not None and path.startswith("/") else f"/{path or ''}"
