"""Stands at an appliance and notes which flows it carries, until stdin ends.

Writes ``ready`` on a line once every packet counts, and at the end a JSON list of ``[source, destination,
protocol, destination port]`` of the IP packets that arrived for an address that is not the appliance's own.
"""

from __future__ import annotations

import json
import selectors
import socket
import struct
import sys
from typing import BinaryIO

Flow = tuple[str, str, str, int]

_ETH_P_ALL, _IPV4, _IPV6 = 0x0003, 0x0800, 0x86DD
_PROTOCOLS = {1: "icmp", 58: "icmp", 6: "tcp", 17: "udp"}


def flow(ethertype: int, packet: bytes) -> Flow | None:
    """The flow of an IP packet, or ``None`` for anything else."""
    if ethertype == _IPV4 and len(packet) >= 20:
        number, source, target, start = packet[9], packet[12:16], packet[16:20], (packet[0] & 15) * 4
        family = socket.AF_INET
    elif ethertype == _IPV6 and len(packet) >= 40:
        number, source, target, start, family = packet[6], packet[8:24], packet[24:40], 40, socket.AF_INET6
    else:
        return None
    port = 0
    if number in (6, 17) and len(packet) >= start + 4:
        port = struct.unpack_from("!H", packet, start + 2)[0]
    return (
        socket.inet_ntop(family, source),
        socket.inet_ntop(family, target),
        _PROTOCOLS.get(number, str(number)),
        port,
    )


def watch(sniffer: socket.socket, stop: BinaryIO) -> set[tuple[int, Flow | None]]:
    """Every flow seen until *stop* ends; what is still in the socket then counts too."""
    seen: set[tuple[int, Flow | None]] = set()
    with selectors.DefaultSelector() as selector:
        selector.register(sniffer, selectors.EVENT_READ)
        selector.register(stop, selectors.EVENT_READ)
        ended = False
        while True:
            ready = {key.fileobj for key, _ in selector.select(0 if ended else None)}
            if ended and not ready & {sniffer}:
                return seen
            if stop in ready and not ended and not stop.read(1):
                ended = True
                selector.unregister(stop)
            if sniffer in ready:
                packet, address = sniffer.recvfrom(65535)
                seen.add((address[2], flow(address[1], packet)))


def main() -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL)) as sniffer:
        print("ready", flush=True)
        seen = watch(sniffer, sys.stdin.buffer)
    # A packet that passes through is seen twice: coming in for this host's MAC, and going out.
    arrived = {f for kind, f in seen if kind == socket.PACKET_HOST and f}
    left = {f for kind, f in seen if kind == socket.PACKET_OUTGOING and f}
    json.dump(sorted(arrived & left), sys.stdout)


if __name__ == "__main__":
    main()
