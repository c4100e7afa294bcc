"""Objects read back one by one, all of a namespace in one exchange.

A change touches a few objects; a dump would cost as much as all that stand beside them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from ipaddress import ip_network

from lazulite.drivers.linux import netlink, payloads
from lazulite.drivers.linux.netfilter import FAMILIES, NetfilterSocket
from lazulite.drivers.linux.skeleton import TABLE
from lazulite.drivers.linux.state import Chain, Declared, Item, KernelRoute, Key

FEW = 64
"""Objects of a kind from which on a dump is cheaper, whatever it brings along."""

_NOWHERE = KernelRoute(netlink.ROUTE_UNICAST)


def readable(keys: Iterable[Key]) -> list[Key]:
    """Those of *keys* to read this way: kinds that the kernel lets one ask for one of, and few of the kind."""
    kinds: dict[str, list[Key]] = defaultdict(list)
    for what in keys:
        if what[1] in ("Veth", "Vxlan", "Neighbour", "Chain", "Declared") or _in_main(what) or _by_key(what):
            kinds[what[1]].append(what)
    return [what for part in kinds.values() if len(part) <= FEW for what in part]


def _in_main(what: Key) -> bool:
    """Other tables are looked up by mark and fall through to the main one where a route says so."""
    return what[1] == "KernelRoute" and what[2].startswith(f"{netlink.MAIN}|")


def _by_key(what: Key) -> bool:
    """Of a map keyed by prefixes the kernel tells either end of an element, but not both."""
    return what[1] == "Element" and what[2].split("|", 2)[1] not in payloads.BY_PREFIX


def routing(route: netlink.Socket, name: str, keys: Iterable[Key]) -> Iterator[tuple[Key, Item]]:
    """Links, neighbours and routes of *keys* that there are; and perhaps other routes, where one leads further.

    Of a route that leads nowhere the kernel does not say the kind when asked like this: it is left out.
    """
    requests = [(what[1], request) for what in keys if (request := _request(route, what)) is not None]
    links = route.interfaces() if requests else {}
    answers = route.ask([request for _, request in requests])
    for (kind, _), payload in zip(requests, answers, strict=True):
        found = payloads.READERS[kind][1](payload, name, links) if payload is not None else None
        if found is not None and found[1].spec != _NOWHERE:
            yield found


def _request(route: netlink.Socket, what: Key) -> netlink.Message | None:
    """``None`` for what is not routing, or hangs on an interface that does not exist."""
    first, _, second = what[2].partition("|")
    match what[1]:
        case "Veth" | "Vxlan":
            return netlink.get_link(first)
        case "Neighbour" if route.has(first):
            return netlink.get_neighbour(route.index(first), second)
        case "KernelRoute":
            return netlink.get_route(_inside(second))
        case _:
            return None


def _inside(prefix: str) -> str:
    """An address that this route decides, if none leads further into its prefix."""
    network = ip_network(prefix)
    return str(network[network.num_addresses // 2])


def objects(netfilter: NetfilterSocket, name: str, keys: Collection[Key]) -> Iterator[tuple[Key, Item]]:
    """The chains, counters, timeouts and sets of *keys* that there are; of these, presence is what is told."""
    for what in keys:
        family, _, called = what[2].partition("|")
        if what[1] == "Chain" and netfilter.has_chain(FAMILIES[family], TABLE, called):
            yield what, Item(Chain(()))
        elif what[1] == "Declared":
            asked = (netfilter.has_counter, netfilter.has_timeout, netfilter.has_set)
            if any(has(FAMILIES[family], TABLE, called) for has in asked):
                yield what, Item(Declared(""))


def elements(netfilter: NetfilterSocket, name: str, keys: Collection[Key]) -> Iterator[tuple[Key, Item]]:
    """The elements of *keys* that there are."""
    by_set: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for what in keys:
        if what[1] == "Element":
            family, set_name, text = what[2].split("|", 2)
            by_set[family, set_name].append(payloads.element_key(text, set_name))
    for (family, set_name), wanted in by_set.items():
        for raw in netfilter.some_elements(FAMILIES[family], TABLE, set_name, wanted):
            yield payloads.element(raw, name, family, set_name)
