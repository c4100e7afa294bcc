"""Routers that never were, for tests of what becomes of recorded flows."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from lazulite.drivers.linux import flow_tables, names
from lazulite.drivers.linux.flow_reading import Noted
from lazulite.forwarding.model import AccessList, Action, Port, Rule, Vrf
from lazulite.values import Direction

VRF = "/vnets/v"
SSH = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/nsg/securityRules/ssh"
NO = SSH.replace("/ssh", "/no")
IPV4, IPV6 = 2, 10


def port(name: str = "web", index: int = 4, *, guest: str | None = "/vms/web", vrf: str = VRF) -> Port:
    """``10.0.0.<index>`` in the virtual network."""
    address, subnet = ip_address(f"10.0.0.{index}"), ip_network("10.0.0.0/24")
    lists = {"ingress": ("nsg|in",), "egress": ("nsg|out",)}
    return Port(name, name, f"guid-{name}", vrf, f"00-0d-3a-00-00-0{index}", (address,), (subnet,), guest, **lists)  # type: ignore[arg-type]


def network(name: str = VRF, idle_s: int = 240) -> Vrf:
    return Vrf(name, name, (ip_network("10.0.0.0/24"),), idle_s)


def inward(*origins: str) -> AccessList:
    """Allows what *origins* say, but for :data:`NO`, which denies."""
    rules = [Rule(100 + n, Action.DENY if o == NO else Action.ALLOW, origin=o) for n, o in enumerate(origins)]
    return AccessList("nsg|in", "nsg", Direction.INGRESS, tuple(rules))


def number(origin: str, *, denies: bool = False, inward: bool = True) -> int:
    return flow_tables.rule_number(origin, denies=denies, inward=inward)


def key(interface: int = 7, remote_port: int = 40000, protocol: int = 6, remote: str = "198.18.0.9") -> bytes:
    """Of a flow between port 22 of 10.0.0.4 and *remote*, at the router's *interface*."""
    ends = socket.inet_aton("10.0.0.4") + socket.inet_aton(remote)
    ports = (22).to_bytes(4, "little")[::-1][2:] + b"\0\0" + remote_port.to_bytes(2) + b"\0\0"
    return interface.to_bytes(4, sys.byteorder) + ends + ports + bytes([protocol, 0, 0, 0])


def noted(
    told: list[tuple[bytes, int, int, float]] | None = None,
    sent: dict[bytes, tuple[int, int, float]] | None = None,
    received: dict[bytes, tuple[int, int, float]] | None = None,
    closed: dict[bytes, tuple[int, float]] | None = None,
    lost: int = 0,
    family: int = IPV4,
) -> Noted:
    return Noted(family, told or [], sent or {}, received or {}, closed or {}, lost)


class Router:
    """Has a script: a list of readings, one for each look. Implements what a watcher reads from."""

    def __init__(self, *script: Noted, links: dict[int, str] | None = None) -> None:
        self.script, self.closed = list(script), False
        self.links = {7: names.nic("guid-web")} if links is None else links
        self.gone = False

    def close(self) -> None:
        self.closed = True

    def interfaces(self) -> dict[int, str]:
        if self.gone:
            raise OSError("there is no such namespace")
        return dict(self.links)

    def read(self, since: float) -> Iterator[Noted]:
        if self.script:
            yield self.script.pop(0)
