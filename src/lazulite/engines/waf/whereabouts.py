"""The country of a client: the lab's own address plan, else the database of the real Internet."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from lazulite.engines.dns.countries import country as abroad
from lazulite.values import IPAddress


class Plan:
    """Prefixes with the country they are in; the longest that holds an address counts."""

    def __init__(self, places: Iterable[tuple[str, str]]) -> None:
        self._held: dict[tuple[int, int], dict[int, str]] = {}
        for prefix, code in places:
            network = ip_network(prefix)
            self._held.setdefault((network.version, network.prefixlen), {})[int(network.network_address)] = code

    def country(self, address: IPAddress) -> str:
        """Two letters, empty where nobody knows."""
        for version, length in sorted(self._held, reverse=True):
            if version == address.version:
                shift = address.max_prefixlen - length
                found = self._held[version, length].get(int(address) >> shift << shift)
                if found is not None:
                    return found
        return abroad(address)[0]
