"""Open handles of namespaces: descriptor, rtnetlink, nftables, netfilter; made when first needed and kept."""

from __future__ import annotations

import fcntl
import os
import resource
from collections import OrderedDict
from collections.abc import Mapping

from lazulite.drivers.linux import namespaces, netlink, skeleton
from lazulite.drivers.linux.libnftables import Nft
from lazulite.drivers.linux.netfilter import NetfilterSocket
from lazulite.drivers.linux.state import Skeleton

_COMMON = {
    "net/ipv6/conf/all/accept_ra": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/accept_dad": "0",
}
_FORWARDING = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}
_TRANSLATING = {
    # Idle time of flows through a public address: 4 minutes, fixed for instance-level addresses.
    # Source: facts/virtual-network.md I3 (public-ip-addresses).
    "net/netfilter/nf_conntrack_tcp_timeout_established": "240",
    "net/netfilter/nf_conntrack_udp_timeout": "240",
    "net/netfilter/nf_conntrack_udp_timeout_stream": "240",
    # Only a SYN starts a flow, so one that idled out is unknown; and a packet outside of the window is none of an
    # edge's business, while the reset that an unknown flow gets would end a known one.
    "net/netfilter/nf_conntrack_tcp_loose": "0",
    "net/netfilter/nf_conntrack_tcp_be_liberal": "1",
    # How long a port stays taken that a flow no longer uses: 65 s after a FIN, 16 s after a reset, 30 s half open.
    # Source: facts/nat-gateway.md N6 (nat-gateway-snat, 2023).
    "net/netfilter/nf_conntrack_tcp_timeout_syn_sent": "30",
    "net/netfilter/nf_conntrack_tcp_timeout_syn_recv": "30",
    "net/netfilter/nf_conntrack_tcp_timeout_fin_wait": "65",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait": "240",
    "net/netfilter/nf_conntrack_tcp_timeout_last_ack": "65",
    "net/netfilter/nf_conntrack_tcp_timeout_time_wait": "65",
    "net/netfilter/nf_conntrack_tcp_timeout_close": "16",
}
_BALANCING = {
    # The usual idle time of rules; others name theirs. Only a SYN starts a flow, no packet is outside of a window, and
    # what ended makes room soon.
    # Source: facts/load-balancer.md, "Idle timeout" (load-balancer-tcp-reset).
    "net/netfilter/nf_conntrack_tcp_timeout_established": "240",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait": "240",
    "net/netfilter/nf_conntrack_udp_timeout": "240",
    "net/netfilter/nf_conntrack_udp_timeout_stream": "240",
    "net/netfilter/nf_conntrack_tcp_loose": "0",
    "net/netfilter/nf_conntrack_tcp_be_liberal": "1",
    "net/netfilter/nf_conntrack_tcp_timeout_time_wait": "30",
}
_TRACKED = {
    "router": _BALANCING,
    "edge": _TRANSLATING,
    # An appliance, and not the way to it, decides whether a flow is in order.
    "detour": _TRANSLATING | {"net/netfilter/nf_conntrack_tcp_loose": "1"},
}
_TRACKING = """add table ip tracking
add chain ip tracking any
add rule ip tracking any ct state new
delete table ip tracking
"""
"""Has the kernel load connection tracking, if nothing did so far."""
_SETTINGS = {
    "router": _COMMON | _FORWARDING,
    "edge": _COMMON | _FORWARDING,
    "detour": _COMMON | _FORWARDING,
    "internet": _COMMON | _FORWARDING,
    # Nothing sends a guest router advertisements, and its addresses come without a check for duplicates: so there is
    # nothing to set for IPv6. Every write costs as much as a route, in each guest.
    "guest": {"net/ipv4/ping_group_range": "0 0"},
}


_CONTEXTS = 128
"""nft contexts kept open; beyond, the least recently used one goes."""
_HIGH = 1024
"""libnftables waits with ``select()``, which cannot take descriptors from here up: ours are moved out of its way."""


class Handles:
    """Everything the driver holds open. Namespaces outlive it; guests are many and are opened only while in use."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._descriptors: dict[str, int] = {}
        self._routes: dict[str, netlink.Socket] = {}
        self._nfts: OrderedDict[str, Nft] = OrderedDict()
        self._netfilters: dict[str, NetfilterSocket] = {}
        for name in namespaces.names():
            try:
                self._descriptors[name] = _high(namespaces.open(name))
                self._known.add(name)
            except FileNotFoundError:  # half made when an earlier agent died
                namespaces.remove(name)
        self.release()

    def exists(self, name: str) -> bool:
        return name in self._known

    def names(self) -> list[str]:
        return sorted(self._known)

    def descriptor(self, name: str) -> int:
        if name not in self._descriptors:
            self._descriptors[name] = _high(namespaces.open(name))
        return self._descriptors[name]

    def create(self, name: str, role: str) -> None:
        """A new namespace with its loopback up and the settings of its role."""

        def prepare() -> None:
            _write(_SETTINGS[role])
            self._routes[name] = netlink.Socket(new=True)
            self._routes[name].send([netlink.set_up("lo")])

        self._descriptors[name] = _high(namespaces.create(name, prepare))
        self._known.add(name)

    def build(self, name: str, wanted: Skeleton) -> None:
        """Load the fixed ruleset."""
        nft, netfilter = self.nft(name), self.netfilter(name)
        if wanted.role == "internet":
            nft.run(skeleton.internet())
            return
        for version in (4, 6):
            nft.run(skeleton.fixed(wanted.role, version, wanted.idle_s))
            router = wanted.role == "router"
            netfilter.append(skeleton.router_rules(version) if router else skeleton.edge_rules(version))
        nft.run(skeleton.beside(wanted.role))
        with namespaces.inside(self.descriptor(name)):
            if not os.path.exists("/proc/sys/net/netfilter/nf_conntrack_tcp_loose"):
                nft.run(_TRACKING)
            _write(_TRACKED[wanted.role])

    def remove(self, name: str) -> None:
        """Drop a namespace with all that is in it."""
        self._shut(name)
        self._known.discard(name)
        namespaces.remove(name)

    def release(self) -> None:
        """Close what belongs to guests: thousands of them must not cost descriptors between changes."""
        for name in [n for n in self._descriptors if n.startswith("guest.")]:
            self._shut(name)

    def _shut(self, name: str) -> None:
        for handle in (self._routes.pop(name, None), self._nfts.pop(name, None), self._netfilters.pop(name, None)):
            if handle is not None:
                handle.close()
        descriptor = self._descriptors.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)

    def route(self, name: str) -> netlink.Socket:
        if name not in self._routes:
            with namespaces.inside(self.descriptor(name)):
                self._routes[name] = netlink.Socket()
        return self._routes[name]

    def nft(self, name: str) -> Nft:
        if name not in self._nfts:
            while len(self._nfts) >= _CONTEXTS:
                self._nfts.popitem(last=False)[1].close()
            with namespaces.inside(self.descriptor(name)):
                self._nfts[name] = Nft()
        self._nfts.move_to_end(name)
        return self._nfts[name]

    def netfilter(self, name: str) -> NetfilterSocket:
        if name not in self._netfilters:
            with namespaces.inside(self.descriptor(name)):
                self._netfilters[name] = NetfilterSocket()
        return self._netfilters[name]

    def close(self) -> None:
        for name in list(self._descriptors):
            self._shut(name)


def _high(descriptor: int) -> int:
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    finally:
        os.close(descriptor)


def _write(settings: Mapping[str, str]) -> None:
    for path, value in settings.items():
        descriptor = os.open(f"/proc/sys/{path}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)


def raise_limit() -> None:
    """Allow as many descriptors as the host lets us have. For the process that holds the handles, once."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
