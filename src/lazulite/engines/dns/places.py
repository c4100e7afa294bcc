"""Where addresses are: prefixes with the regions around them and the way to Azure's."""

from __future__ import annotations

from ipaddress import ip_network

import msgspec

from lazulite.engines.dns.countries import country
from lazulite.engines.dns.spec import CountriesSpec, PlaceSpec
from lazulite.values import IPAddress


class Whereabouts(msgspec.Struct, frozen=True):
    """What is known of an address; ``bits`` of it decided."""

    codes: tuple[str, ...]
    latencies: dict[str, float]
    bits: int


class Places:
    """Prefixes by version, length and number, and countries for what is in none."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], dict[int, PlaceSpec]] = {}
        self._countries: CountriesSpec | None = None

    def put(self, item: PlaceSpec | CountriesSpec) -> None:
        if isinstance(item, CountriesSpec):
            self._countries = item
            return
        network = ip_network(item.prefix)
        self._held.setdefault((network.version, network.prefixlen), {})[int(network.network_address)] = item

    def drop(self, item: PlaceSpec | CountriesSpec) -> None:
        if isinstance(item, CountriesSpec):
            self._countries = None
            return
        network = ip_network(item.prefix)
        held = self._held.get((network.version, network.prefixlen), {})
        if held.get(int(network.network_address)) == item:
            del held[int(network.network_address)]

    def find(self, client: IPAddress | None, bits: int) -> Whereabouts | None:
        """The longest prefix around the first *bits* of *client*; without one, the lowest place among them; without
        any, the country."""
        if client is None:
            return None
        for version, length in sorted(self._held, reverse=True):
            if version == client.version and length <= bits:
                shift = client.max_prefixlen - length
                found = self._held[version, length].get(int(client) >> shift << shift)
                if found is not None:
                    return Whereabouts(found.codes, found.latencies, length)
        return self._inside(client, bits) or self._abroad(client, bits)

    def _abroad(self, client: IPAddress, bits: int) -> Whereabouts | None:
        """By the country of an address that is not the lab's."""
        if self._countries is None:
            return None
        code, length = country(client)
        codes, latencies = self._countries.held.get(code, ((), ()))
        if not codes:
            return None
        return Whereabouts(codes, dict(zip(self._countries.regions, latencies, strict=False)), min(length, bits))

    def _inside(self, client: IPAddress, bits: int) -> Whereabouts | None:
        shift = client.max_prefixlen - bits
        first = int(client) >> shift << shift
        last = first + (1 << shift) - 1
        found = [
            (number, length, item)
            for (version, length), held in self._held.items()
            if version == client.version and length > bits
            for number, item in held.items()
            if first <= number <= last
        ]
        if not found:
            return None
        item = min(found, key=lambda f: f[:2])[2]
        return Whereabouts(item.codes, item.latencies, bits)
