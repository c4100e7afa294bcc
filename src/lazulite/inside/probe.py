"""Sends real packets: reads a JSON list of probes on stdin, sends them all at once, writes one result each.

A probe is ``{"protocol": "tcp"|"udp"|"icmp", "to": address, "port": n, "timeout_s": seconds}``; a result is
``{"passes": bool, "detail": words}``. A refusal by the destination's own stack (RST, port unreachable) passes: the
packet arrived and its answer came back.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 256
"""Probes under way at a time: a thread each."""
_ECHO_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_ECHO_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_ICMP = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}


def tcp(family: socket.AddressFamily, probe: dict[str, Any]) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(probe["timeout_s"])
        s.connect((probe["to"], probe["port"]))
    return "connected"


def udp(family: socket.AddressFamily, probe: dict[str, Any]) -> str:
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(probe["timeout_s"])
        s.connect((probe["to"], probe["port"]))
        s.send(b"lazulite probe")
        s.recv(2048)
    return "answered"


def icmp(family: socket.AddressFamily, probe: dict[str, Any]) -> str:
    with socket.socket(family, socket.SOCK_RAW, _ICMP[family]) as s:
        s.settimeout(probe["timeout_s"])
        s.connect((probe["to"], 0))
        ident = struct.unpack("!H", os.urandom(2))[0]
        s.send(_echo(family, ident))
        while True:
            packet = s.recv(2048)
            header = (packet[0] & 15) * 4 if family == socket.AF_INET else 0
            kind, _, _, answered = struct.unpack_from("!BBHH", packet, header)
            if kind == _ECHO_REPLY[family] and answered == ident:
                return "answered"


def _echo(family: socket.AddressFamily, ident: int) -> bytes:
    """An echo request; the kernel fills in the checksum of ICMPv6 alone."""
    content = struct.pack("!BBHHH8s", _ECHO_REQUEST[family], 0, 0, ident, 1, b"lazulite")
    total = sum(struct.unpack(f"!{len(content) // 2}H", content))
    total = (total >> 16) + (total & 0xFFFF)
    return content[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + content[4:]


def send(probe: dict[str, Any]) -> dict[str, Any]:
    family = socket.AF_INET6 if ":" in probe["to"] else socket.AF_INET
    try:
        detail = {"tcp": tcp, "udp": udp, "icmp": icmp}[probe["protocol"]](family, probe)
    except ConnectionRefusedError:
        return {"passes": True, "detail": "refused by the destination"}
    except TimeoutError:
        return {"passes": False, "detail": "no answer"}
    except OSError as error:
        return {"passes": False, "detail": (error.strerror or str(error)).lower()}
    return {"passes": True, "detail": detail}


def main() -> None:
    probes = json.load(sys.stdin)
    with ThreadPoolExecutor(max(1, min(AT_ONCE, len(probes)))) as pool:
        json.dump(list(pool.map(send, probes)), sys.stdout)


if __name__ == "__main__":
    main()
