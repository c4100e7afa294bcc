"""Lab clients to hosts of the simulated Internet."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.forwarding.model import InternetHost
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.addresses import RESOLVER
from lazulite.services.lab.model import Client


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
