"""A network of the driver's making, and sockets in its guests."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
from collections.abc import Iterable, Iterator
from functools import partial
from ipaddress import IPv6Address
from operator import not_
from typing import Any

from lazulite.drivers.linux import LinuxDriver, names, namespaces
from lazulite.incremental import Delta
from tests.waiting import until

_LOCAL = 0x80000000
"""Of a route's flags: it is to the machine itself."""
DEADLINE_S = 60.0
"""Bound of what must happen."""


class Net:
    """A driver with what it was last given."""

    def __init__(self) -> None:
        self.driver = LinuxDriver()
        self.entries: dict[Any, Any] = {}
        self._stack = contextlib.ExitStack()

    def become(self, entries: Iterable[Any]) -> None:
        """Apply the difference; nothing may be refused, and a full read-back must find nothing else."""
        wanted = {e.key: e for e in entries}
        changed = {k: e for k, e in wanted.items() if self.entries.get(k) != e}
        removed = {k: e for k, e in self.entries.items() if k not in wanted}
        self.entries = wanted
        refusals = self.driver.apply(Delta(changed, removed))
        assert not refusals, [(r.origin, r.message) for r in refusals]
        assert self.driver.differences() == []

    def put(self, *entries: Any) -> None:
        self.become({**self.entries, **{e.key: e for e in entries}}.values())

    def drop(self, *gone: Any) -> None:
        self.become(e for k, e in self.entries.items() if k not in {g.key for g in gone})

    def restart(self, *changed: Any) -> None:
        """A new driver that knows nothing finds what the old one left, and that meanwhile something changed."""
        self.entries |= {e.key: e for e in changed}
        self.driver.close()
        self.driver = LinuxDriver()
        assert self.driver.adopt(list(self.entries.values())) == []
        assert self.driver.differences() == []

    def close(self) -> None:
        self._stack.close()
        self.become([])
        assert namespaces.names() == []
        self.driver.close()

    @contextlib.contextmanager
    def inside(self, guest: str) -> Iterator[None]:
        descriptor = namespaces.open(names.guest(guest))
        try:
            with namespaces.inside(descriptor):
                yield
        finally:
            os.close(descriptor)

    def socket(self, guest: str, kind: str, address: str, port: int = 0) -> socket.socket:
        """``udp``, ``tcp`` or ``icmp``, bound in the guest; TCP sockets with a port listen."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        types = {"udp": socket.SOCK_DGRAM, "icmp": socket.SOCK_DGRAM}
        protocol = 0
        if kind == "icmp":
            protocol = socket.IPPROTO_ICMPV6 if ":" in address else socket.IPPROTO_ICMP
        with self.inside(guest):
            opened = self._stack.enter_context(socket.socket(family, types.get(kind, socket.SOCK_STREAM), protocol))
        opened.settimeout(DEADLINE_S)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address, port))
        return opened

    def keep(self, opened: socket.socket) -> socket.socket:
        """Close it at the end."""
        return self._stack.enter_context(opened)

    def listen(self, guest: str, address: str, port: int) -> socket.socket:
        opened = self.socket(guest, "tcp", address, port)
        opened.listen()
        return opened

    def forward(self, guest: str) -> None:
        """Make the guest an appliance."""
        with self.inside(guest):
            for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
                _write(path, "1")
            for path in ("all/rp_filter", "eth0/rp_filter", "all/send_redirects", "eth0/send_redirects"):
                _write(f"ipv4/conf/{path}", "0")

    def take(self, guest: str, address: str) -> None:
        """Give the guest's loopback an address. Of version 6 the kernel knows that it is local a little later."""
        length, version = (128, "-6") if ":" in address else (32, "-4")
        nodad = ["nodad"] if ":" in address else []
        self.run(guest, "ip", "address", "add", f"{address}/{length}", "dev", "lo", *nodad)
        until(lambda: self.run(guest, "ip", version, "route", "show", "table", "local"), lambda said: address in said)

    def run(self, guest: str, *command: str) -> str:
        with self.inside(guest):
            done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
        return done.stdout

    def count(self, origin: str) -> int:
        """Packets that the rule (or ``drop:<reason>``) decided."""
        return self.driver.counters().get(origin, (0, 0))[0]

    def decided(self, origin: str, packets: int) -> None:
        """Wait until so many are: a drop is proven by its counter."""
        until(partial(self.count, origin), lambda count: count >= packets, told=lambda: f"{origin} decides {packets}")


def wait_until_local(addresses: Iterable[IPv6Address]) -> None:
    """Until this thread's namespace has these addresses as its own: the kernel makes the routes in its own time."""
    wanted = {a.packed.hex() for a in addresses}

    def missing() -> set[str]:
        with open("/proc/thread-self/net/ipv6_route", encoding="ascii") as file:
            rows = [line.split() for line in file]
        return wanted - {row[0] for row in rows if int(row[8], 16) & _LOCAL}

    until(missing, not_)


def _write(path: str, value: str) -> None:
    with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as file:
        file.write(value)


def readable(opened: socket.socket) -> bool:
    """Whether something is there to read now."""
    return bool(select.select([opened], [], [], 0)[0])
