"""Subnets as clients write them: a first and a last address, or a network, or both if they say the same.

Source: "Traffic Manager routing methods", subnet; facts/traffic-manager.md, selection 6.
"""

from __future__ import annotations

from ipaddress import ip_network, summarize_address_range
from typing import Any, TypeAlias

from lazulite.services.traffic_manager.model import Subnet
from lazulite.values import IPAddress, IPNetwork

Range: TypeAlias = tuple[IPAddress, IPAddress]
"""The first and the last address."""


def spanned(subnet: Subnet) -> Range | str:
    """The range, or why there is none."""
    first, last = subnet.first, subnet.last
    if subnet.scope is not None:
        try:
            network = ip_network(f"{first}/{subnet.scope}")
        except ValueError:
            return f"{first}/{subnet.scope} is not a network: the first address is that of the network."
        end: IPAddress = network[-1]
        if last is not None and last != end:
            return f"{first}/{subnet.scope} does not end at {last}."
        return first, end
    if last is None:
        return f"The subnet from {first} on needs its last address or its scope."
    if last.version != first.version or int(last) < int(first):
        return f"The subnet {first}-{last} ends before it begins."
    return first, last


def overlap(one: Range, other: Range) -> bool:
    same = one[0].version == other[0].version
    return same and int(one[0]) <= int(other[1]) and int(other[0]) <= int(one[1])


def networks(subnet: Subnet) -> tuple[IPNetwork, ...]:
    """The prefixes that a sound subnet consists of."""
    found = spanned(subnet)
    if isinstance(found, str):
        return ()
    first, last = found
    ends: Any = (first, last)
    return tuple(summarize_address_range(*ends))
