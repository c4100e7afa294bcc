"""Which bindings end with a change: decided from the change and the model, done in each namespace by :mod:`conntrack`.

Established flows stay where they are when a pool changes. What does not stay: a translation whose address has another
owner now, and datagrams to a member that is not to get any.
Source: facts/load-balancer.md, "Probes" (custom-probe-overview).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network

from lazulite.drivers.linux import conntrack, filled, names
from lazulite.drivers.linux.kernel import Change
from lazulite.drivers.linux.netlink import MAIN
from lazulite.drivers.linux.realise_floating import buckets_of
from lazulite.drivers.linux.skeleton_internal import MARK
from lazulite.drivers.linux.state import FilledMap, KernelRoute
from lazulite.forwarding import balancing
from lazulite.forwarding.model import BalancingRule, Contents, ForwardingModel, Frontend, GlobalRule, Pool
from lazulite.forwarding.nearest import regionals
from lazulite.values import IPAddress, Protocol

_TRANSLATIONS = ("to_private", "to_public", "default_outbound")
"""Sets and maps of an edge by which addresses are translated."""
_RULES = ("balanced", "forwarded")
"""Maps of an edge from a frontend's ports to what serves them."""

Addresses = dict[str, set[IPAddress]]
"""By namespace."""


def retranslated(changes: Iterable[Change]) -> Addresses:
    """Addresses whose one-to-one or default translation changed."""
    found: Addresses = defaultdict(set)
    for (namespace, kind, name), old, _ in changes:
        place, _, address = name.partition("|")[2].partition("|")
        if kind == "Element" and old is not None and place in _TRANSLATIONS:
            found[namespace].add(ip_address(address))
    return found


def moved(changes: Iterable[Change], edges: Mapping[str, str], model: ForwardingModel) -> Addresses:
    """Public addresses that no longer lead to an edge, or are no longer a frontend there.

    *edges* has the edge behind each interface of the Internet.
    """
    found: Addresses = defaultdict(set)
    unserved: Addresses = defaultdict(set)
    for (namespace, kind, name), old, new in changes:
        if kind == "KernelRoute" and namespace == names.INTERNET and old is not None:
            assert isinstance(old.spec, KernelRoute)
            table, _, prefix = name.partition("|")
            edge = edges.get(old.spec.interface)
            if edge is not None and table == str(MAIN) and (new is None or new.spec != old.spec):
                found[edge].add(ip_network(prefix).network_address)
        elif kind == "Element" and new is None and name.partition("|")[2].partition("|")[0] in _RULES:
            unserved[namespace].add(ip_address(name.split("|")[2].split(" ")[0]))
    if unserved:
        served = {(names.edge(f.vrf), f.address) for f in model.all(Frontend).values() if f.public}
        for rule in model.all(GlobalRule).values():
            served |= {(names.edge(r.frontend.vrf), rule.address) for r in regionals(rule, model.get)}
        for namespace, addresses in unserved.items():
            found[namespace] |= {a for a in addresses if (namespace, a) not in served}
    return found


def unfit(changes: Iterable[Change], model: ForwardingModel) -> Iterator[tuple[str, Pool, set[IPAddress]]]:
    """Members that belong to a pool and are to get nothing now, with the namespace that chose them.

    One that no longer belongs to it keeps its flows until they end.
    """
    pools: dict[str, Pool] = {}
    for (namespace, kind, name), old, new in changes:
        if kind != "FilledMap" or old is None or new is None:
            continue
        family, map_name = name.split("|")
        left = _held(family, old.spec) - _held(family, new.spec)
        if left:
            pools = pools or _pools(model)
            pool = pools.get(map_name)
            gone = left_out(pool, model) if pool is not None else set()
            if pool is not None and gone:
                yield namespace, pool, gone


def _pools(model: ForwardingModel) -> dict[str, Pool]:
    """By the names of the maps of their buckets; a floating rule on a public frontend has one of its own."""
    found = {names.filled_map(s, p): pool for p, pool in model.all(Pool).items() for s in _SHAPES}
    floating = (r for r in model.all(BalancingRule).values() if r.floating)
    return found | {buckets_of(r): p for r in floating if (p := model.get(Pool, r.pool)) is not None}


_SHAPES = (filled.BUCKET_ADDRESS, filled.BUCKET_MARK)


def left_out(pool: Pool, model: ForwardingModel) -> set[IPAddress]:
    """The members of a pool that are to get nothing."""
    able = {m.address for m in balancing.eligible(pool, model.get(Contents, pool.name))}
    return {m.address for m in pool.members} - able


def _held(family: str, spec: object) -> set[bytes]:
    assert isinstance(spec, FilledMap)
    return set(filled.SHAPES[spec.shape].elements(family, spec.content).values())


def datagram_ports(pool: Pool, model: ForwardingModel) -> set[tuple[IPAddress, int]]:
    """Address and port of the frontends whose datagrams a pool gets; port 0 is every port."""
    found = set()
    for rule in model.all(BalancingRule).values():
        front = model.get(Frontend, rule.frontend)
        if rule.pool == pool.name and rule.protocol is not Protocol.TCP and front is not None:
            found.add((front.address, rule.port))
    return found


def end_datagrams(
    ports: Collection[tuple[IPAddress, int]], members: Collection[IPAddress], marks: Collection[int] = ()
) -> int:
    """Delete the UDP bindings from *ports* to *members*, by address or by mark, in the calling thread's namespace; how
    many there were."""

    if not ports:
        return 0

    def concerned(binding: conntrack.Binding) -> bool:
        to, port = binding.original.destination, binding.original.destination_port
        return (
            binding.protocol == conntrack.UDP
            and (binding.reply.source in members or binding.mark & MARK in marks)
            and ((to, port) in ports or (to, 0) in ports)
        )

    return conntrack.delete({a.version for a in members}, concerned)
