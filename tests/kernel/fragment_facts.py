"""Fragments: the first one is judged like a whole packet and leaves a note, later ones pass only by that note.

The key has no protocol. nft 1.0.6 keeps the ``typeof`` of at most four fields; with a fifth it forgets how wide
``ip id`` is, and listing the set (so ``nft list ruleset`` too) ends in an assertion as soon as it has two elements.
Nothing is lost: a fragment of another protocol belongs to no datagram the receiver can put together.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from flow_facts import Fact, counted
from headers import IPV4, Family, Packet, udp
from lab import address, lab, listing, nft, passes

ALLOWED_PORT, REFUSED_PORT = 4789, 4790
NOTE_S = 30
"""5 s in the product; here no note may expire between two packets of a slow, interpreted kernel."""


def ruleset(family: Family) -> str:
    """Out of a and into b the same way, each with its own set: later fragments have no ports to look at."""
    ip = family.name
    if family is IPV4:
        fields = "ip saddr . ip daddr . ip id"
        first, later = "ip frag-off & 0x3fff == 0x2000", "ip frag-off & 0x1fff != 0"
    else:
        fields = "ip6 saddr . ip6 daddr . frag id"
        first, later = "frag frag-off 0 frag more-fragments 1", "frag frag-off != 0"
    return f"""
table {ip} probe {{
  set fragments_out {{ typeof iifname . {fields}; flags dynamic,timeout; timeout 5s; size 65535; }}
  set fragments_in {{ typeof iifname . {fields}; flags dynamic,timeout; timeout 5s; size 65535; }}
  counter stray_out {{ }}
  counter stray_in {{ }}
  chain later_out {{
    iifname . {fields} @fragments_out accept
    counter name stray_out drop
  }}
  chain later_in {{
    oifname . {fields} @fragments_in accept
    counter name stray_in drop
  }}
  chain pre {{
    type filter hook prerouting priority -450; policy accept;
    iifname != "na" accept
    {later} goto later_out
    udp dport {REFUSED_PORT} drop
    {first} update @fragments_out {{ iifname . {fields} timeout {NOTE_S}s }}
  }}
  chain post {{
    type filter hook postrouting priority 300; policy accept;
    oifname != "nb" accept
    {later} goto later_in
    {first} update @fragments_in {{ oifname . {fields} timeout {NOTE_S}s }}
  }}
}}
"""


def pieces(family: Family, ident: int, port: int) -> tuple[Packet, Packet, Packet]:
    """A UDP datagram of 48 bytes in three fragments."""
    whole = udp(family, address(family, "a"), 5000, address(family, "b"), port, bytes(range(40)))
    cuts = ((0, 16, True), (16, 32, True), (32, 48, False))
    first, second, third = (
        replace(whole, body=whole.body[start:end], fragment=(ident, start, more)) for start, end, more in cuts
    )
    return first, second, third


def fragment_facts(family: Family) -> Iterator[Fact]:
    with lab():
        nft(ruleset(family))
        first, second, third = pieces(family, 1001, ALLOWED_PORT)
        yield "a later fragment before its first one is dropped", not passes(second), ""
        yield "the first fragment of an allowed datagram passes", passes(first), ""
        yield "its second fragment passes", passes(second), ""
        yield "its last fragment passes", passes(third), ""
        another = pieces(family, 1004, ALLOWED_PORT)
        yield "another datagram's fragments pass beside it", all(passes(piece) for piece in another), ""
        noted = notes(family)
        yield "nft lists both notes each way", noted == ["1001", "1004"] * 2, " ".join(noted)
        yield from stray_facts(family)
        whole = udp(family, address(family, "a"), 5000, address(family, "b"), ALLOWED_PORT, b"whole")
        before = set(notes(family))
        yield "a whole datagram leaves no note", passes(whole) and set(notes(family)) <= before, ""


def stray_facts(family: Family) -> Iterator[Fact]:
    first, second, third = pieces(family, 1002, REFUSED_PORT)
    yield "the first fragment of a refused datagram is dropped", not passes(first), ""
    yield "and so are its later ones", not passes(second) and not passes(third), ""
    _, _, stray = pieces(family, 1003, ALLOWED_PORT)
    yield "a stray later fragment of another identification is dropped", not passes(stray), ""
    nft(f"flush set {family.name} probe fragments_out")
    again = pieces(family, 1001, ALLOWED_PORT)[2]
    stray_before = counted(f"{family.name} probe stray_out")
    dropped = not passes(again) and counted(f"{family.name} probe stray_out") == stray_before + 1
    yield "without its note the same fragment is dropped", dropped, ""


def notes(family: Family) -> list[str]:
    """Identifications noted on the way out, then on the way in."""
    text = "".join(listing(f"list set {family.name} probe fragments_{way}") for way in ("out", "in"))
    return re.findall(r" \. (\d+) (?:timeout \w+ )?expires", text)
