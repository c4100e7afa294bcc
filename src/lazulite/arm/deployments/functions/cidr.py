"""Functions on address prefixes. Results: "CIDR functions for ARM templates"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Address, ip_network
from typing import Any

from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.values import IPNetwork


def _prefix(text: str) -> IPNetwork:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ExpressionError(f"The value '{text[:80]}' is not an address prefix.") from None


def parse_cidr(network: str) -> dict[str, Any]:
    """IPv4 keeps its first and last address for the network; IPv6 has no broadcast and uses both."""
    prefix = _prefix(network)
    result: dict[str, Any] = {"network": str(prefix.network_address), "netmask": _netmask(prefix)}
    low, high = int(prefix.network_address), int(prefix.broadcast_address)
    if isinstance(prefix, IPv4Network):
        result["broadcast"] = str(prefix.broadcast_address)
        if prefix.prefixlen < 31:
            low, high = low + 1, high - 1
    address = type(prefix.network_address)
    return result | {"firstUsable": str(address(low)), "lastUsable": str(address(high)), "cidr": prefix.prefixlen}


def _netmask(prefix: IPNetwork) -> str:
    mask = int(prefix.netmask)
    return str(prefix.netmask) if isinstance(prefix, IPv4Network) else str(IPv6Address(mask))


def cidr_subnet(network: str, length: int, index: int) -> str:
    """Subnet *index* of *network* with a prefix of *length* bits."""
    prefix = _prefix(network)
    if not prefix.prefixlen <= length <= prefix.max_prefixlen:
        raise ExpressionError(f"A prefix of {length} bits does not fit into '{prefix}'.")
    if not 0 <= index < 1 << (length - prefix.prefixlen):
        raise ExpressionError(f"'{prefix}' has no subnet {index} of {length} bits.")
    start = int(prefix.network_address) + (index << (prefix.max_prefixlen - length))
    return f"{type(prefix.network_address)(start)}/{length}"


def cidr_host(network: str, index: int) -> str:
    """Usable address *index*, counted from the one after the network's own."""
    prefix = _prefix(network)
    address = int(prefix.network_address) + 1 + index
    if index < 0 or address > int(prefix.broadcast_address):
        raise ExpressionError(f"'{prefix}' has no host {index}.")
    return str(type(prefix.network_address)(address))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "cidrhost": cidr_host,
    "cidrsubnet": cidr_subnet,
    "parsecidr": parse_cidr,
}
