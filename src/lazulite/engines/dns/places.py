"""Where addresses are: prefixes with the regions around them and the way to Azure's."""

from __future__ import annotations

from ipaddress import ip_network

import msgspec

from lazulite.engines.dns.spec import PlaceSpec
from lazulite.values import IPAddress


class Whereabouts(msgspec.Struct, frozen=True):
    """What is known of an address; ``bits`` of it decided."""

    codes: tuple[str, ...]
    latencies: dict[str, float]
    bits: int


class Places:
    """Prefixes by version, length and number."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], dict[int, PlaceSpec]] = {}

    def put(self, item: PlaceSpec) -> None:
        network = ip_network(item.prefix)
        self._held.setdefault((network.version, network.prefixlen), {})[int(network.network_address)] = item

    def drop(self, item: PlaceSpec) -> None:
        network = ip_network(item.prefix)
        held = self._held.get((network.version, network.prefixlen), {})
        if held.get(int(network.network_address)) == item:
            del held[int(network.network_address)]

    def find(self, client: IPAddress | None, bits: int) -> Whereabouts | None:
        """The longest prefix around the first *bits* of *client*; without one, the lowest place among them."""
        if client is None:
            return None
        for version, length in sorted(self._held, reverse=True):
            if version == client.version and length <= bits:
                shift = client.max_prefixlen - length
                found = self._held[version, length].get(int(client) >> shift << shift)
                if found is not None:
                    return Whereabouts(found.codes, found.latencies, length)
        return self._inside(client, bits)

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
