"""1,000 interfaces: what one transaction costs, and what one more element costs after it."""

import struct
import time
from collections.abc import Iterator

from flow_facts import Fact
from lab import inside, lab, listing, nft
from nft_netlink import add_element

INTERFACES = 1000
MAPS = """
table ip scale {
  set own { type ifname . ipv4_addr; }
  set forwards { type ifname; }
  map marks { type ifname : mark; }
  map way_out { type ifname : verdict; }
  map way_in { type ifname : verdict; }
  set flows {
    typeof iifname . ip saddr . tcp sport . ip daddr . tcp dport
    flags dynamic,timeout; timeout 4m; size 1000000;
  }
  chain pre {
    type filter hook prerouting priority -450; policy drop;
    meta mark set iifname map @marks
    iifname . ip saddr @own iifname vmap @way_out
  }
  chain post {
    type filter hook postrouting priority 300; policy drop;
    oifname vmap @way_in
  }
}
"""
ELEMENTS = {
    "own": "n{0} . 10.{1}.{2}.4",
    "forwards": "n{0}",
    "marks": "n{0} : {0}",
    "way_out": "n{0} : jump out_{0}",
    "way_in": "n{0} : jump in_{0}",
}


def interfaces(numbers: range) -> str:
    """Two chains of two rules for each interface, and its element in each map."""
    chains = "".join(_chain(way, number) for number in numbers for way in ("out", "in"))
    elements = "".join(
        f"add element ip scale {name} {{ {', '.join(form.format(n, n >> 8, n & 255) for n in numbers)} }}\n"
        for name, form in ELEMENTS.items()
    )
    return f"table ip scale {{\n{chains}}}\n{elements}"


def _chain(way: str, number: int) -> str:
    return f"chain {way}_{number} {{\nip saddr 10.0.0.0/8 tcp dport {{ 22, 80-90 }} counter accept\ncounter drop\n}}\n"


def scale_facts() -> Iterator[Fact]:
    with lab():
        whole = timed_s(MAPS + interfaces(range(INTERFACES)))
        loaded = listing("list map ip scale way_in").count("jump")
        yield f"{INTERFACES} interfaces load in one transaction", loaded == INTERFACES, f"{whole:.3f} s"
        element = timed_s(f"add element ip scale marks {{ n{INTERFACES} : 7 }}\n")
        yield (
            "one more element in one map",
            f'"n{INTERFACES}"' in listing("list map ip scale marks"),
            f"{element:.3f} s",
        )
        start = time.perf_counter()
        with inside("r"):
            add_element("ip", "scale", "marks", b"direct".ljust(16, b"\0"), struct.pack("=I", 8))
        direct = time.perf_counter() - start
        yield "one more element by netlink", '"direct"' in listing("list map ip scale marks"), f"{direct:.4f} s"
        one = timed_s(interfaces(range(INTERFACES + 1, INTERFACES + 2)))
        yield "one more interface: 2 chains, 4 rules, 5 elements", one < whole, f"{one:.3f} s"
        empty = timed_s("add table ip other\n")
        yield "a transaction beside it that touches none of it", empty < whole, f"{empty:.3f} s"


def timed_s(transaction: str) -> float:
    start = time.perf_counter()
    nft(transaction)
    return time.perf_counter() - start
