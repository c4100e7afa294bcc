"""The encoders against a real kernel: what is written is what is read back, and errors name their message."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest

from lazulite.drivers.linux import namespaces, netlink
from lazulite.drivers.linux.libnftables import Nft, NftError
from lazulite.drivers.linux.netfilter import FAMILIES, NetfilterSocket

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]


@pytest.fixture
def pair() -> Iterator[tuple[netlink.Socket, netlink.Socket]]:
    """Two namespaces with a link between them: ``near`` here, ``far`` there."""
    descriptors = [namespaces.create(f"end{n}") for n in range(2)]
    sockets = []
    for descriptor in descriptors:
        with namespaces.inside(descriptor):
            sockets.append(netlink.Socket())
    near, far = netlink.End("near", 7, "02:00:00:00:00:07"), netlink.End("far", 8, "02:00:00:00:00:08")
    assert sockets[0].send([netlink.veth(near, far, descriptors[1], 1400), netlink.set_up("near")]) == [None, None]
    assert sockets[1].send([netlink.set_up("far")]) == [None]
    yield sockets[0], sockets[1]
    for number, (opened, descriptor) in enumerate(zip(sockets, descriptors, strict=True)):
        opened.close()
        os.close(descriptor)
        namespaces.remove(f"end{number}")


def test_a_link_has_the_names_indexes_and_macs_it_was_given(pair: tuple[netlink.Socket, netlink.Socket]) -> None:
    near, far = pair
    assert near.index("near") == 7
    assert far.index("far") == 8
    assert netlink.names(near.dump(netlink.GETLINK))[7] == ("near", bytes.fromhex("020000000007"))


def test_a_tunnel_into_another_namespace_gets_an_index_that_is_free_in_both(
    pair: tuple[netlink.Socket, netlink.Socket],
) -> None:
    near, far = pair
    index = near.reserve("tunnel", above=far.highest())
    assert index == 9
    into = namespaces.open("end0")
    made = netlink.vxlan("tunnel", index, 4789, 1, "10.0.0.1", 1000, "10.0.0.2", into)
    assert far.send([made]) == [None]
    os.close(into)
    assert netlink.names(near.dump(netlink.GETLINK))[9][0] == "tunnel"


def test_each_error_is_its_message_s_own_and_stops_nothing(pair: tuple[netlink.Socket, netlink.Socket]) -> None:
    near, _ = pair
    route = netlink.route("10.0.0.0/8", netlink.MAIN, netlink.ROUTE_BLACKHOLE)
    results = near.send([netlink.delete_link("absent"), route, netlink.address(99, "10.0.0.1/24"), route])
    assert [r.errno if r else None for r in results] == [errno.ENODEV, None, errno.ENODEV, None]


def test_a_batch_of_many_is_answered_one_by_one(pair: tuple[netlink.Socket, netlink.Socket]) -> None:
    near, _ = pair
    routes = [netlink.route(f"10.{n // 256}.{n % 256}.0/24", netlink.MAIN, netlink.ROUTE_BLACKHOLE) for n in range(500)]
    assert near.send(routes) == [None] * 500
    assert sum(1 for p in near.dump(netlink.GETROUTE) if p[5] == netlink.PROTOCOL) == 500


@pytest.mark.parametrize("prefix", ["10.0.0.0/8", "0.0.0.0/0", "fd00::/8", "::/0"])
@pytest.mark.parametrize("kind", [netlink.ROUTE_BLACKHOLE, netlink.ROUTE_THROW, netlink.ROUTE_UNICAST])
def test_a_route_goes_whatever_way_it_leads(
    pair: tuple[netlink.Socket, netlink.Socket], prefix: str, kind: int
) -> None:
    near, _ = pair
    index = near.index("near") if kind == netlink.ROUTE_UNICAST else 0
    table = 0x1000001
    assert near.send([netlink.route(prefix, table, kind, index)]) == [None]
    assert near.send([netlink.delete_route(prefix, table, kind)]) == [None]
    gone = near.send([netlink.delete_route(prefix, table, kind)])[0]
    assert gone is not None
    assert gone.errno == errno.ESRCH


def test_a_missing_interface_has_no_index(pair: tuple[netlink.Socket, netlink.Socket]) -> None:
    near, _ = pair
    with pytest.raises(OSError, match="no interface absent"):
        near.index("absent")
    assert not near.has("absent")


@pytest.fixture
def tables() -> Iterator[tuple[Nft, NetfilterSocket]]:
    descriptor = namespaces.create("tables")
    with namespaces.inside(descriptor):
        nft, netfilter = Nft(), NetfilterSocket()
    yield nft, netfilter
    nft.close()
    netfilter.close()
    os.close(descriptor)
    namespaces.remove("tables")


def test_a_refused_transaction_leaves_nothing(tables: tuple[Nft, NetfilterSocket]) -> None:
    nft, netfilter = tables
    with pytest.raises(NftError, match="No such file"):
        nft.run("add table ip lz\nadd rule ip lz absent accept\n")
    assert netfilter.tables(FAMILIES["ip"]) == {}


def test_elements_are_read_back_with_their_verdicts_and_values(tables: tuple[Nft, NetfilterSocket]) -> None:
    nft, netfilter = tables
    nft.run(
        "table ip lz {\n chain c { }\n map m { type ifname : verdict; elements = { n1 : jump c, n2 : accept }; }\n"
        " map k { type ifname : mark; elements = { n1 : 0x2000001 }; }\n set s { type ipv4_addr; }\n}\n"
    )
    assert sorted(netfilter.sets(FAMILIES["ip"], "lz")) == ["k", "m", "s"]
    found = {e.key.rstrip(b"\0").decode(): e.verdict for e in netfilter.elements(FAMILIES["ip"], "lz", "m")}
    assert found == {"n1": "jump c", "n2": "accept"}
    assert netfilter.elements(FAMILIES["ip"], "lz", "k")[0].value == (0x2000001).to_bytes(4, "little")
    assert netfilter.elements(FAMILIES["ip"], "lz", "s") == []
    with pytest.raises(FileNotFoundError):
        netfilter.elements(FAMILIES["ip"], "lz", "absent")


def test_an_element_that_is_gone_already_is_deleted(tables: tuple[Nft, NetfilterSocket]) -> None:
    nft, netfilter = tables
    nft.run("table ip lz {\n set s { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }\n}\n")
    keys = [e.key for e in netfilter.elements(FAMILIES["ip"], "lz", "s")]
    netfilter.delete_elements(FAMILIES["ip"], "lz", "s", [*keys, *keys])
    assert netfilter.elements(FAMILIES["ip"], "lz", "s") == []


def test_counters_count(tables: tuple[Nft, NetfilterSocket]) -> None:
    nft, netfilter = tables
    nft.run("add table ip lz\nadd counter ip lz a { packets 3 bytes 99 ; }\nadd counter ip lz b\n")
    assert netfilter.counters(FAMILIES["ip"], "lz") == {"a": (3, 99), "b": (0, 0)}
