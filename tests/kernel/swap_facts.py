"""Changing where an interface's packets are sent, while they are being sent: what is atomic and what is not."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from flow_facts import Fact, counted, ruleset
from headers import IPV4
from lab import PATIENCE_S, address, inside, lab, nft, sh, stream_socket

SWAPS = 2000
PORT = 9
WAYS = """
add counter ip probe missed
add rule ip probe pre counter name missed drop
add counter ip probe way_0
add counter ip probe way_1
table ip probe {
  chain way_0 { counter name way_0 accept; }
  chain way_1 { counter name way_1 accept; }
  chain nic_a { jump way_0; }
}
delete element ip probe way_out { na }
"""
ARRIVALS = """
add table ip arrivals
add counter ip arrivals seen
table ip arrivals { chain in { type filter hook input priority 0; udp dport 9 counter name seen; }
}
"""
VARIANTS = {
    "delete + add of a vmap element in one transaction": (
        "add element ip probe way_out { na : jump way_0 }",
        "delete element ip probe way_out {{ na }}; add element ip probe way_out {{ na : jump way_{way} }}",
    ),
    "flush + add rule of the interface's own chain in one transaction": (
        "add element ip probe way_out { na : jump nic_a }",
        "flush chain ip probe nic_a; add rule ip probe nic_a jump way_{way}",
    ),
}


def swap_facts() -> Iterator[Fact]:
    for what, (start, transaction) in VARIANTS.items():
        with lab():
            nft(ruleset(IPV4) + WAYS + start + "\n")
            nft(ARRIVALS, "b")
            yield from swapped(what, transaction)


def swapped(what: str, transaction: str) -> Iterator[Fact]:
    sent = streamed(transaction)
    received, missed = counted("ip arrivals seen", "b"), counted("ip probe missed")
    ways = [counted(f"ip probe way_{way}") for way in (0, 1)]
    figures = f"{missed} of {sent} missed both over {SWAPS} swaps; {ways[0]} and {ways[1]} went the two ways"
    yield f"{what} loses no packet of a stream", sent == received and missed == 0 < min(ways), figures


def streamed(transaction: str) -> int:
    """Datagrams a sent to b while *transaction* ran :data:`SWAPS` times."""
    with stream_socket(IPV4, "b", socket.SOCK_DGRAM) as end, _sender() as sender:
        end.bind((address(IPV4, "b"), PORT + 1))
        try:
            _swap(transaction)
            said, _ = sender.communicate(timeout=PATIENCE_S)
            end.recv(8)
        finally:
            sender.kill()
    return int(said)


def _swap(transaction: str) -> None:
    """One line of the interactive ``nft`` is one transaction."""
    lines = "\n".join(transaction.format(way=(turn + 1) % 2) for turn in range(SWAPS))
    with inside("r"):
        sh("nft -i", f"{lines}\nquit\n")


def _sender() -> subprocess.Popen[bytes]:
    with inside("a"):
        return subprocess.Popen(
            [sys.executable, Path(__file__).with_name("stream.py"), address(IPV4, "b"), str(PORT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
