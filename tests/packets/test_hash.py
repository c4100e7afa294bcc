"""The definition of the choice against the kernel that makes it."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import time
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from lazulite.drivers.linux import namespaces, netlink
from lazulite.drivers.linux.libnftables import Nft
from lazulite.forwarding.balancing import MOST_BUCKETS, SEED, bucket
from lazulite.forwarding.model import Distribution
from lazulite.values import Flow, IPAddress, Protocol

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
KINDS = {Protocol.TCP: socket.SOCK_STREAM, Protocol.UDP: socket.SOCK_DGRAM}
PREFIXES = {4: ip_network("127.0.0.0/8"), 6: ip_network("fd00::/120")}
FIELDS = {
    Distribution.FLOW: "{ip} saddr . {ip} daddr . meta l4proto . th sport . th dport",
    Distribution.SOURCE_PROTOCOL: "{ip} saddr . {ip} daddr . meta l4proto",
    Distribution.SOURCE: "{ip} saddr . {ip} daddr",
}
NOTING = """
table inet hashes {{
    set seen {{ type inet_service . mark; size 4096; flags dynamic; }}
    chain noting {{
        add @seen {{ th sport . meta mark }}
    }}
    chain out {{
        type filter hook output priority 0;
        ct state new meta l4proto {{ tcp, udp }} meta mark set jhash {fields} mod {count} seed {seed:#x} goto noting
    }}
}}
"""


@pytest.fixture
def alone() -> Iterator[None]:
    """A namespace that is all its own addresses."""
    descriptor = namespaces.create("hashes")
    try:
        with namespaces.inside(descriptor), contextlib.closing(netlink.Socket()) as route:
            assert route.send([netlink.set_up("lo"), netlink.address(1, "fd00::1/120")]) == [None, None]
            for address in list(PREFIXES[6].hosts())[1:16]:
                assert route.send([netlink.address(1, f"{address}/128")]) == [None]
                await_route(str(address))
            yield
    finally:
        os.close(descriptor)
        namespaces.remove("hashes")


def await_route(address: str) -> None:
    """The kernel adds the route to an address of version 6 when it comes to it."""
    deadline = time.monotonic() + 60
    while True:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as opened:
            try:
                return opened.connect((address, 1))
            except OSError:
                assert time.monotonic() < deadline, f"{address} stays out of reach"
                time.sleep(0.01)


def drawn(rng: random.Random, version: int, number: int) -> Flow:
    def address() -> IPAddress:
        return PREFIXES[version][rng.randrange(1, 16 if version == 6 else 1 << 24)]

    return Flow(address(), address(), rng.choice(list(KINDS)), rng.randrange(1, 65536), 20000 + number)


def send(flow: Flow) -> None:
    """The first packet of the flow; nobody answers it."""
    family = socket.AF_INET if flow.version == 4 else socket.AF_INET6
    with socket.socket(family, KINDS[flow.protocol]) as opened:
        opened.setblocking(False)
        opened.bind((str(flow.src), flow.src_port))
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):  # under way, or refused already
            opened.connect((str(flow.dst), flow.dst_port))
            opened.send(b"?")


@pytest.mark.parametrize("distribution", Distribution)
@pytest.mark.parametrize("version", [4, 6])
def test_the_kernel_hashes_a_flow_into_the_bucket_that_the_definition_says(
    alone: None, version: int, distribution: Distribution
) -> None:
    fields = FIELDS[distribution].format(ip="ip" if version == 4 else "ip6")
    rng = random.Random(version)
    flows = [drawn(rng, version, number) for number in range(200)]
    with contextlib.closing(Nft()) as nft:
        nft.run(NOTING.format(fields=fields, count=MOST_BUCKETS, seed=SEED))
        for flow in flows:
            send(flow)
        found = next(o["set"]["elem"] for o in nft.read("list set inet hashes seen") if "set" in o)
    noted = dict(each["concat"] for each in found)
    assert noted == {f.src_port: bucket(f, distribution, MOST_BUCKETS) for f in flows}
