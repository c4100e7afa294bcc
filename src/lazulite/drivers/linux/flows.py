"""Flow tables by interface and address: forgetting what belongs to an interface or address that is gone."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from lazulite.drivers.linux.netfilter import NetfilterSocket
from lazulite.drivers.linux.nfnetlink import FAMILY_4, FAMILY_6
from lazulite.drivers.linux.skeleton import TABLE
from lazulite.values import IPAddress

TABLES = ("tcp_flows", "tcp_closing", "udp_flows", "echo_sent", "echo_received", "other_flows")


def forget(netfilter: NetfilterSocket, interface: int, addresses: Iterable[IPAddress]) -> None:
    """Delete every entry of the interface with that index whose local side is one of *addresses*."""
    for address in addresses:
        family = FAMILY_4 if address.version == 4 else FAMILY_6
        start = struct.pack("I", interface) + address.packed
        for table in TABLES:
            keys = [e.key for e in netfilter.elements(family, TABLE, table) if e.key.startswith(start)]
            netfilter.delete_elements(family, TABLE, table, keys)
