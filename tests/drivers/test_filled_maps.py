"""Maps as one object each: content as bytes, the nft text of a change, and who owns a pool's buckets."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from lazulite.drivers.linux import filled, names, nftext
from lazulite.drivers.linux.realise_balancing import buckets, choice
from lazulite.drivers.linux.scene import Index, Scene
from lazulite.drivers.linux.state import FilledMap, Item, key
from lazulite.forwarding import balancing
from lazulite.forwarding.model import BalancingRule, Contents, Distribution, ForwardingModel, Member, Pool, Probe
from lazulite.forwarding.model import ProbeProtocol as Kind
from lazulite.incremental import Trace
from lazulite.values import PortRange, Protocol

E = "edge.v.0123456789"
A, B = ip_address("10.0.0.4"), ip_address("10.0.0.5")
MEMBERS = (Member("a", A), Member("b", B), Member("c", ip_address("fd00::4")))


def scene(*entries: object) -> tuple[Scene, Trace]:
    trace = Trace()
    return Scene(ForwardingModel(entries), Index(), trace), trace


def text(old: bytes | None, new: bytes | None, shape: str = filled.BUCKET_ADDRESS) -> str:
    items = [None if c is None else Item(FilledMap(shape, c)) for c in (old, new)]
    return nftext.transaction([(key(E, FilledMap(shape), "ip", f"{shape}0123456789"), *items)])


def test_a_new_map_is_declared_and_filled() -> None:
    assert text(None, filled.bucket_addresses([A, B, None])) == (
        "add map ip lz h0123456789 { typeof symhash mod 4096 : ip daddr; }\n"
        "add element ip lz h0123456789 { 0 : 10.0.0.4, 1 : 10.0.0.5 }\n"
    )


def test_of_a_change_only_what_differs_is_sent() -> None:
    assert text(filled.bucket_addresses([A, B, A]), filled.bucket_addresses([A, A])) == (
        "delete element ip lz h0123456789 { 1, 2 }\nadd element ip lz h0123456789 { 1 : 10.0.0.4 }\n"
    )


def test_marks_and_port_blocks() -> None:
    marks = text(None, filled.bucket_marks([None, 0x2000001]), filled.BUCKET_MARK)
    assert marks.endswith("typeof symhash mod 4096 : meta mark; }\nadd element ip lz m0123456789 { 1 : 0x2000001 }\n")
    blocks = filled.port_blocks([(A, ip_address("198.18.0.1"), PortRange(1024, 2047))])
    assert text(None, blocks, filled.PORT_BLOCK).endswith("{ 10.0.0.4 : 198.18.0.1 . 1024-2047 }\n")


def test_a_map_that_goes() -> None:
    assert text(b"", None) == "delete map ip lz h0123456789\n"


@pytest.mark.parametrize("shape", filled.SHAPES)
def test_a_name_tells_the_shape(shape: str) -> None:
    assert filled.shape_of(names.filled_map(shape, "any pool")) == shape


@pytest.mark.parametrize("other", ["own", "hops", "to_private", "marks", names.address_set("g"), "b0123456789ab_0"])
def test_no_other_map_is_taken_for_one(other: str) -> None:
    assert filled.shape_of(other) == ""


def test_the_buckets_are_those_of_the_one_definition() -> None:
    pool = Pool("p", "p", "/one", MEMBERS)
    (_, item), *rest = buckets(scene(pool)[0], E, "p", 4)
    assert rest == []
    found = filled.SHAPES[filled.BUCKET_ADDRESS].elements("ip", item.spec.content)  # type: ignore[union-attr]
    owners = balancing.owners(pool, None)
    assert found == {struct.pack("I", i): m.address.packed for i, m in enumerate(owners) if m.address.version == 4}
    assert 0 < len(found) < len(owners)


def test_marks_are_those_that_lead_to_the_member() -> None:
    pool = Pool("p", "p", "/one", MEMBERS[:1])
    ((_, item),) = buckets(scene(pool)[0], E, "p", 4, filled.BUCKET_MARK)
    found = filled.SHAPES[filled.BUCKET_MARK].elements("ip", item.spec.content)  # type: ignore[union-attr]
    assert set(found.values()) == {struct.pack("I", names.steering_table("/one", "10.0.0.4"))}


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([], id="a pool that is not there"),
        pytest.param([Pool("p", "p", "/one", ())], id="a pool without members"),
        pytest.param([Pool("p", "p", "/one", MEMBERS, Probe(Kind.TCP, 80))], id="before anything is known of health"),
        pytest.param(
            [Pool("p", "p", "/one", MEMBERS, Probe(Kind.TCP, 80)), Contents("p", ())], id="all members are down"
        ),
    ],
)
def test_the_map_is_there_and_empty(entries: list[object]) -> None:
    ((_, item),) = buckets(scene(*entries)[0], E, "p", 4)
    assert item.spec == FilledMap(filled.BUCKET_ADDRESS)


@pytest.mark.parametrize(
    ("distribution", "fields"),
    [
        (Distribution.FLOW, "ip saddr . ip daddr . meta l4proto . th sport . th dport"),
        (Distribution.SOURCE, "ip saddr . ip daddr"),
        (Distribution.SOURCE_PROTOCOL, "ip saddr . ip daddr . meta l4proto"),
    ],
)
def test_the_choice_is_a_hash_of_the_flow(distribution: Distribution, fields: str) -> None:
    rule = BalancingRule("r", "r", "f", "p", Protocol.TCP, 80, 80, distribution)
    seen, trace = scene(Pool("p", "p", "/one", MEMBERS))
    name = names.filled_map(filled.BUCKET_ADDRESS, "p")
    assert choice(seen, E, rule, 4) == f"jhash {fields} mod 256 seed 0x1a2b3c4d map @{name}"
    assert [n.function for n in trace.demands] == [buckets]


def test_of_a_map_that_stands_the_kernel_is_told_keys_and_elements() -> None:
    old, new = (Item(FilledMap(filled.BUCKET_ADDRESS, filled.bucket_addresses(a))) for a in ([A, B, A], [A, A]))
    change = (key(E, old.spec, "ip", "h0123456789"), old, new)
    family, table, name, gone, come = nftext.refilling(change)
    assert (family, table, name) == (2, "lz", "h0123456789")
    assert gone == [struct.pack("I", 1), struct.pack("I", 2)]
    assert come == {struct.pack("I", 1): A.packed}
