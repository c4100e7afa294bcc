"""How much workloads send and get, as the other ends of their links count it."""

from __future__ import annotations

from collections.abc import Mapping

from lazulite.drivers.linux import names
from lazulite.drivers.linux.netlink import Socket
from lazulite.forwarding.model import ForwardingModel, InternetHost, Port


def ends(model: ForwardingModel) -> dict[str, dict[str, str]]:
    """By namespace, the interfaces towards workloads that run, and the entry behind each."""
    found: dict[str, dict[str, str]] = {}
    for port in model.all(Port).values():
        if port.guest is not None:
            found.setdefault(names.router(port.vrf), {})[names.nic(port.guid)] = port.name
    for host in model.all(InternetHost).values():
        found.setdefault(names.INTERNET, {})[names.client(host.guid)] = host.name
    return found


def counted(route: Socket, wanted: Mapping[str, str]) -> dict[str, tuple[int, int, int, int]]:
    """Of the entries behind the interfaces *wanted*, bytes sent and got, then packets; what comes in here is what one
    sent."""
    indexes = route.interfaces()
    known = ((wanted.get(indexes.get(index, "")), counts) for index, counts in route.link_counts().items())
    return {name: counts for name, counts in known if name is not None}
