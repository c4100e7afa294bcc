"""From pools and what is known of their health to the maps that balancers look their choice up in. Pure."""

from __future__ import annotations

from lazulite.drivers.linux import filled, names
from lazulite.drivers.linux.scene import FAMILY, Items, Scene, put
from lazulite.drivers.linux.state import FilledMap
from lazulite.forwarding import balancing
from lazulite.forwarding.model import BalancingRule, Contents, Distribution, Pool

_TUPLES = {
    Distribution.FLOW: "{ip} saddr . {ip} daddr . meta l4proto . th sport . th dport",
    Distribution.SOURCE_PROTOCOL: "{ip} saddr . {ip} daddr . meta l4proto",
    Distribution.SOURCE: "{ip} saddr . {ip} daddr",
}


def buckets(scene: Scene, namespace: str, name: str, family: int, shape: str = filled.BUCKET_ADDRESS) -> Items:
    """A node: the map of a pool's buckets in a namespace, to members' addresses or (``BUCKET_MARK``) to their marks.

    It is there, and empty, while no member may get flows; a member of the other IP version leaves its buckets empty.
    """
    pool, contents = scene.get(Pool, name), scene.get(Contents, name)
    owners = balancing.owners(pool, contents) if pool is not None else ()
    addresses = [m.address if m.address.version == family else None for m in owners]
    if shape == filled.BUCKET_MARK:
        vrf = pool.vrf if pool is not None else ""
        content = filled.bucket_marks(None if a is None else names.steering_table(vrf, str(a)) for a in addresses)
    else:
        content = filled.bucket_addresses(addresses)
    origin = pool.origin if pool is not None else ""
    yield put(namespace, FilledMap(shape, content), FAMILY[family], names.filled_map(shape, name), origin=origin)


def choice(scene: Scene, namespace: str, rule: BalancingRule, family: int, shape: str = filled.BUCKET_ADDRESS) -> str:
    """The nft expression of what the rule chooses for a new flow; demands the map that it looks into.

    As :func:`lazulite.forwarding.balancing.bucket` computes it. Where no member may get flows it has no value, and a
    statement that asks for it does not happen.
    """
    scene.demand(buckets, namespace, rule.pool, family, shape)
    return hashed(rule, family, scene.get(Pool, rule.pool), names.filled_map(shape, rule.pool))


def hashed(rule: BalancingRule, family: int, pool: Pool | None, map_name: str) -> str:
    """The same, of a map that says something else of the pool's buckets."""
    count = balancing.bucket_count(pool) if pool is not None else balancing.FEWEST_BUCKETS
    return f"{number(rule.distribution, family, count)} map @{map_name}"


def number(distribution: Distribution, family: int, count: int) -> str:
    """The nft expression of :func:`lazulite.forwarding.balancing.bucket`."""
    return f"jhash {_TUPLES[distribution].format(ip=FAMILY[family])} mod {count} seed {balancing.SEED:#x}"
