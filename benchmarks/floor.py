"""The floor: what any program must have the kernel do for machines behind a router, and nothing else.

A namespace and a veth a machine; on its end the addresses and the default route, on the router's a route, a
permanent neighbour and proxy ARP. No filters, no names, no read-back.
"""

from __future__ import annotations

import contextlib
import os
import time

from benchmarks import sandbox
from lazulite.drivers.linux import handles, namespaces, netlink

_GATEWAY = "12:34:56:78:9a:bc"


def _open(descriptor: int) -> netlink.Socket:
    with namespaces.inside(descriptor):
        return netlink.Socket()


class Floor:
    """A router with machines."""

    def __init__(self) -> None:
        handles.raise_limit()
        self._router = sandbox.nameless()
        with namespaces.inside(self._router), open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
            file.write("1")
        self._route = _open(self._router)
        self._guests: list[int] = []

    def add(self, address: str, mac: str, gateway: str) -> None:
        """One machine, with its link up when this returns."""
        guest = sandbox.nameless()
        self._guests.append(guest)
        index = 100 + len(self._guests)
        near, far = netlink.End("eth0", 2, mac), netlink.End(f"v{index}", index, _GATEWAY)
        with contextlib.closing(_open(guest)) as route:
            answers = route.send(
                [
                    netlink.set_up("lo"),
                    netlink.veth(near, far, self._router, 1500),
                    netlink.configure("eth0"),
                    netlink.set_up("eth0"),
                    netlink.address(2, f"{address}/24"),
                    netlink.route("0.0.0.0/0", netlink.MAIN, netlink.ROUTE_UNICAST, 2, gateway),
                ]
            )
        answers += self._route.send(
            [
                netlink.configure(far.name, proxy_arp=1, rp_filter=0, send_redirects=0),
                netlink.no_proxy_delay(index),
                netlink.set_up(far.name),
                netlink.route(f"{address}/32", netlink.MAIN, netlink.ROUTE_UNICAST, index),
                netlink.neighbour(index, address, mac),
            ]
        )
        assert not any(answers), answers

    def close(self) -> None:
        for descriptor in (*self._guests, self._router):
            os.close(descriptor)
        self._route.close()


def sample(machines: list[tuple[str, str, str]]) -> dict[str, float]:
    """Seconds to ``create`` all *machines* (address, MAC, gateway) and to ``remove`` them."""
    sandbox.settle()
    began = time.perf_counter()
    floor = Floor()
    for machine in machines:
        floor.add(*machine)
    created = time.perf_counter()
    floor.close()
    sandbox.settle()
    return {"create": created - began, "remove": time.perf_counter() - created}
