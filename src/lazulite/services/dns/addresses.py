"""Where the simulated Internet's name servers are: in the last block of the half where Azure's services answer."""

from __future__ import annotations

from ipaddress import ip_address

from lazulite.services.geography import SERVICES_4, SERVICES_6
from lazulite.values import IPAddress

_BLOCK_4, _BLOCK_6 = int(SERVICES_4.network_address) + (63 << 10), int(SERVICES_6.network_address) + (63 << 58)
_OWN = 0x300
"""Offset of the servers that belong to no set: a set number fits below it 192 times."""


def _pair(offset: int) -> tuple[IPAddress, IPAddress]:
    return ip_address(_BLOCK_4 + offset), ip_address(_BLOCK_6 + offset)


ROOT, REGISTRY, RESOLVER = _pair(_OWN + 1), _pair(_OWN + 2), _pair(_OWN + 10)


def servers(number: int) -> tuple[IPAddress, ...]:
    """The addresses of a set of four, IPv4 before IPv6, each in the order of their names."""
    pairs = [_pair(number * 4 + i) for i in range(4)]
    return tuple(p[0] for p in pairs) + tuple(p[1] for p in pairs)
