"""Lab clients to hosts of the simulated Internet, faults to what is wrong with a port."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.forwarding.model import Fault as Entry
from lazulite.forwarding.model import InternetHost
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.addresses import RESOLVER
from lazulite.services.lab.model import Client, Fault
from lazulite.services.lab.targets import interfaces
from lazulite.values import Direction

_DIRECTIONS = {"Inbound": Direction.INGRESS, "Outbound": Direction.EGRESS, "Both": None}


def host(client: Resource[Client], view: View) -> Iterator[InternetHost]:
    said = client.properties
    if said.ip_address is not None:
        addresses = (said.ip_address,)
        yield InternetHost(
            client.id.key,
            client.id.name,
            client.guid,
            addresses,
            said.country.upper(),
            tuple(a for a in RESOLVER if a.version == said.ip_address.version),
            origin=client.id.text,
        )


def faults(fault: Resource[Fault], view: View) -> Iterator[Entry]:
    """One entry for each interface that it is about."""
    said = fault.properties
    for nic in interfaces(said.target.target, view):
        yield Entry(
            f"{fault.id.key}|{nic.id.key}",
            nic.id.key,
            _DIRECTIONS[said.direction],
            said.cut,
            said.loss_percent / 100,
            said.delay_milliseconds,
            said.rate_bits_per_second,
            fault.id.text,
        )
