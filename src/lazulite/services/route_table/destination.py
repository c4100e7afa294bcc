"""What a user-defined route is for: a prefix, or a service tag that stands for several."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_network

from lazulite.services.network_security_group import tags
from lazulite.services.route_table.model import UserRoute
from lazulite.values import IPNetwork


def destination(route: UserRoute) -> tuple[IPNetwork, ...]:
    """The prefixes a route is for: its own, or those of the service tag it names; none if it is neither."""
    return prefixes_of(route.address_prefix or "")


@lru_cache(maxsize=4096)
def prefixes_of(text: str) -> tuple[IPNetwork, ...]:
    own = as_prefix(text)
    if own is not None:
        return (own,)
    tag = tags.canonical(text)
    return tags.prefixes(tag) if tag is not None else ()


def as_prefix(text: str) -> IPNetwork | None:
    """*text* as a prefix with no host bits set, if it is one."""
    try:
        return ip_network(text)
    except ValueError:
        return None


def tag_rank(route: UserRoute) -> int:
    """Preference among user routes of one prefix, 0 first.

    Source: "Virtual network traffic routing", service tags for user-defined routes, exact match.
    """
    text = (route.address_prefix or "").lower()
    if as_prefix(text) is not None:
        return 0
    regional = "." in text
    return (3 if regional else 4) if text.startswith("azurecloud") else (1 if regional else 2)
