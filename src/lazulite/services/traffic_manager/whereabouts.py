"""Where those who ask are: lab clients by what they say of themselves, machines where their network is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network

import msgspec

from lazulite.forwarding.model import Place
from lazulite.resources.view import View
from lazulite.services import geography
from lazulite.services.lab.model import Client
from lazulite.services.traffic_manager.refusals import normalised
from lazulite.services.virtual_network.model import VirtualNetwork
from lazulite.values import IPAddress


class Source(msgspec.Struct, frozen=True):
    """An address that asks. ``latencies``: milliseconds to Azure regions; ``codes``: the regions around it."""

    key: str
    address: IPAddress
    latitude: float
    longitude: float
    codes: tuple[str, ...]
    latencies: Mapping[str, float]
    origin: str


def sources(view: View) -> Iterator[Source]:
    yield from _clients(view)
    for network in view.all(VirtualNetwork):
        address = network.properties.default_outbound_address
        home = geography.AZURE.get(network.location or "")
        if address is not None and home is not None:
            ways, codes = geography.latencies(home[0], home[1]), geography.around(home[2])
            yield Source(network.id.key, address, home[0], home[1], codes, ways, network.id.text)


def places(view: View) -> Iterator[Place]:
    """Where lab clients and the networks of machines are."""
    for source in sources(view):
        address, ways = source.address, tuple(source.latencies.items())
        yield Place(source.key, ip_network(f"{address}/{address.max_prefixlen}"), source.codes, ways, source.origin)


def _clients(view: View) -> Iterator[Source]:
    known = geography.regions()
    for client in view.all(Client):
        said = client.properties
        region = known.get((said.subdivision or said.country).upper())
        if said.ip_address is None:
            continue
        where = (region.latitude, region.longitude) if region is not None else (0.0, 0.0)
        if said.latitude is not None and said.longitude is not None:
            where = (said.latitude, said.longitude)
        ways = geography.latencies(*where) | {normalised(k): float(v) for k, v in (said.latencies or {}).items()}
        codes = geography.around(region.code if region is not None else "")
        yield Source(client.id.key, said.ip_address, *where, codes, ways, client.id.text)
