"""What a router keeps of the flows of recorded ports: sets that packets fill, and the rules that fill them. Pure.

They exist in routers with a recorded port alone, and only its packets come to these rules, but for one look-up of the
interface. Everything is told by sets, not by messages, so nothing is lost while nobody reads. There are two turns of
each set: packets fill one, and whoever reads has them fill the other one before it reads this one and empties it. So
what is read stands still, and nothing is read twice.

- ``fl_opened``: what a rule decided, by flow, TCP sequence number of the SYN and rule. A repeated SYN adds nothing, a
  new connection with the same ports does. The rule is told by the packet's priority, which lists leave there.
- ``fl_sent``, ``fl_received``: packets and bytes that passed all filters, by flow.
- ``fl_closed``: which ends said that they are done.

A key is a sequence of 32-bit words: interface, local and remote address, local and remote port, protocol; then what
the set adds. nft cannot write keys of more than five fields, so sets and rules go straight over netlink; to nft a key
is one long number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from lazulite.drivers.linux import names, nfnetlink
from lazulite.drivers.linux.netlink import attribute, nest
from lazulite.drivers.linux.nfnetlink import equal, load, meta, number, zero_ended
from lazulite.drivers.linux.skeleton import TABLE

PREFIX = "fl_"
"""Of every name here: objects that begin so are one object to who compares."""
PORTS, OPENED, SENT, RECEIVED, CLOSED = "fl_ports", "fl_opened", "fl_sent", "fl_received", "fl_closed"
LOST = "fl_lost"
"""Counts decisions for which the table had no place."""
TURNS = (0, 1)
FILLED = tuple(f"{name}{turn}" for turn in TURNS for name in (OPENED, SENT, RECEIVED, CLOSED))
SIZE = 1 << 19
"""Entries of each table: as many as the flow tables have."""
DENIED, INWARD = 1, 2
"""Bits of a rule's number: whether it refuses, and which way it is asked."""
FIN_OUT, FIN_IN = 1, 2
"""Bits of what follows the flow in ``fl_closed``; a reset is both."""
TIMEOUT_S = 3600
"""Whoever reads empties the tables; this is for when nobody does."""
_TCP, _UDP = b"\x06", b"\x11"
_NETWORK, _TRANSPORT = 1, 2
_PRIORITY, _IIF, _OIF, _L4PROTO = 2, 4, 5, 16
_FLAGS_AT, _SEQUENCE_AT = 13, 4
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_ADD, _UPDATE = 0, 1
_WITH_TIMEOUT, _BY_PACKETS = 0x10, 0x20
_INTEGER = 4
"""nft's number of the type that has no fields."""
_RETURN, _GOTO = -5, -4
_COUNTER = 1
_FIRST = 8
"""The first of sixteen 32-bit registers."""


def rule_number(origin: str, *, denies: bool, inward: bool) -> int:
    """What stands for a rule in the tables: 30 bits of its origin, and what it decides about."""
    return int(names.digest(origin, 8), 16) & ~3 | denies * DENIED | inward * INWARD


NOBODY = ""
"""Origin of what no rule decided: admitted for want of a list, or refused at a list's end."""


def key_size(family: int) -> int:
    """Bytes of the key of a flow."""
    return 16 + 2 * _address_size(family)


def _address_size(family: int) -> int:
    return 4 if family == nfnetlink.FAMILY_4 else 16


_CHAINS = ("admitted", "refused", "noted", "noted0", "noted1", "count", "count0", "count1")
_WAYS = (("out", "prerouting priority -449", "iifname"), ("in", "postrouting priority 320", "oifname"))
"""Behind the filters of the router, and what balancers drop: what passes there leaves."""


def text(version: int) -> str:
    """The part of one IP version that nft can say: chains, hooks, the set of ports."""
    family = f"{'ip' if version == 4 else 'ip6'} {TABLE}"
    lines = [
        f"add set {family} {PORTS} {{ type ifname; }}",
        f"add counter {family} {LOST}",
    ]
    for way, hook, side in _WAYS:
        for chain in _CHAINS:
            lines.append(f"add chain {family} {PREFIX}{chain}_{way}")
        lines.append(f"add chain {family} {PREFIX}passed_{way} {{ type filter hook {hook}; }}")
        lines.append(f"add rule {family} {PREFIX}refused_{way} jump {PREFIX}noted_{way}")
        lines.append(f"add rule {family} {PREFIX}refused_{way} drop")
        nobody = priority(rule_number(NOBODY, denies=False, inward=way == "in"))
        lines.append(f"add rule {family} {PREFIX}admitted_{way} {nobody} goto {PREFIX}noted_{way}")
        lines.append(f"add rule {family} {PREFIX}passed_{way} {side} @{PORTS} jump {PREFIX}count_{way}")
        for chain in ("noted", "count"):
            lines.append(f"add rule {family} {PREFIX}{chain}_{way} goto {PREFIX}{chain}{TURNS[0]}_{way}")
    return "\n".join(lines) + "\n"


def priority(rule: int) -> str:
    """The nft statement that leaves a rule's number with the packet."""
    return f"meta priority set {rule >> 16:x}:{rule & 0xFFFF:x}"


def removal(version: int) -> str:
    """What takes all of it away again, once no list refers to it."""
    family = f"{'ip' if version == 4 else 'ip6'} {TABLE}"
    chains = [f"{PREFIX}{c}_{w}" for w in ("out", "in") for c in ("passed", *_CHAINS)]
    lines = [f"flush chain {family} {c}" for c in chains] + [f"delete chain {family} {c}" for c in chains]
    return "\n".join(
        [*lines, *(f"delete set {family} {s}" for s in (PORTS, *FILLED)), f"delete counter {family} {LOST}\n"]
    )


def sets(version: int) -> Iterator[bytes]:
    """Bodies of the messages that make the tables."""
    family = nfnetlink.FAMILY_4 if version == 4 else nfnetlink.FAMILY_6
    for identity, name in enumerate(FILLED, 1):
        size = key_size(family) + {OPENED: 8, CLOSED: 4}.get(name[:-1], 0)
        yield struct.pack(">BBH", family, 0, 0) + b"".join(
            (
                attribute(1, zero_ended(TABLE)),
                attribute(2, zero_ended(name)),
                attribute(3, number(_WITH_TIMEOUT | _BY_PACKETS)),
                attribute(4, number(_INTEGER)),
                attribute(5, number(size)),
                nest(9, attribute(1, number(SIZE))),
                attribute(10, number(identity)),
                attribute(11, struct.pack(">Q", TIMEOUT_S * 1000)),
            )
        )


def rules(version: int) -> Iterator[bytes]:
    """Bodies of the messages that append the rules."""
    family = nfnetlink.FAMILY_4 if version == 4 else nfnetlink.FAMILY_6
    for turn in TURNS:
        for way in ("out", "in"):
            yield from _noting(family, way, turn)
            yield from _counting(family, way, turn)


def _noting(family: int, way: str, turn: int) -> Iterator[bytes]:
    chain, into = f"{PREFIX}noted{turn}_{way}", f"{OPENED}{turn}"
    first = [*_is(_TCP), *_flags(_SYN | _ACK, _SYN), *_opened(family, way, _TCP, into, syn=True)]
    yield nfnetlink.rule(family, TABLE, chain, first)
    for protocol in (_TCP, _UDP, b""):
        yield nfnetlink.rule(family, TABLE, chain, [*_is(protocol), *_opened(family, way, protocol, into)])
    yield nfnetlink.rule(family, TABLE, chain, [_object(LOST)])


def _counting(family: int, way: str, turn: int) -> Iterator[bytes]:
    chain, table = f"{PREFIX}count{turn}_{way}", f"{SENT if way == 'out' else RECEIVED}{turn}"
    ends = ((_RST, _RST, FIN_OUT | FIN_IN), (_RST | _FIN, _FIN, FIN_OUT if way == "out" else FIN_IN))
    for mask, value, said in ends:
        key = [*_flow(family, way, _TCP), _constant(struct.pack("I", said), _after(family))]
        closed = _dynamic(f"{CLOSED}{turn}", _UPDATE)
        yield nfnetlink.rule(family, TABLE, chain, [*_is(_TCP), *_flags(mask, value), *key, closed])
    for protocol in (_TCP, _UDP, b""):
        counted = _dynamic(table, _UPDATE, counts=True)
        yield nfnetlink.rule(family, TABLE, chain, [*_is(protocol), *_flow(family, way, protocol), counted, _return()])


def turned(family: int, turn: int) -> Iterator[tuple[bytes, bytes]]:
    """Have packets fill the tables of that turn: of each chain, what empties it and the rule that it then has."""
    for way in ("out", "in"):
        for name in ("noted", "count"):
            chain, target = f"{PREFIX}{name}_{way}", f"{PREFIX}{name}{turn}_{way}"
            head = struct.pack(">BBH", family, 0, 0) + attribute(1, zero_ended(TABLE)) + attribute(2, zero_ended(chain))
            yield head, nfnetlink.rule(family, TABLE, chain, [_goto(target)])


def _opened(family: int, way: str, protocol: bytes, into: str, *, syn: bool = False) -> list[bytes]:
    after = _after(family)
    sequence = load(_TRANSPORT, _SEQUENCE_AT, 4, after) if syn else _constant(bytes(4), after)
    return [*_flow(family, way, protocol), sequence, meta(_PRIORITY, after + 1), _dynamic(into, _ADD), _return()]


def _after(family: int) -> int:
    """The register behind the key of a flow."""
    return _FIRST + key_size(family) // 4


def _flow(family: int, way: str, protocol: bytes) -> list[bytes]:
    """The key of a flow, in the first registers."""
    size = _address_size(family)
    source, destination = (12, 16) if size == 4 else (8, 24)
    local, remote = (source, destination) if way == "out" else (destination, source)
    ports = (0, 2) if way == "out" else (2, 0)
    words, first = size // 4, _FIRST + 1
    found = [meta(_IIF if way == "out" else _OIF, _FIRST)]
    found += [load(_NETWORK, local, size, first), load(_NETWORK, remote, size, first + words)]
    for place, offset in enumerate(ports, first + 2 * words):
        found.append(load(_TRANSPORT, offset, 2, place) if protocol else _constant(bytes(4), place))
    return [*found, meta(_L4PROTO, first + 2 * words + 2)]


def _is(protocol: bytes) -> list[bytes]:
    """Packets of that protocol; empty: of none that has ports."""
    loaded = meta(_L4PROTO, _FIRST)
    return [loaded, equal(_FIRST, protocol)] if protocol else [loaded, _unequal(_TCP), _unequal(_UDP)]


def _unequal(value: bytes) -> bytes:
    return nfnetlink.expression(
        "cmp", attribute(1, number(_FIRST)), attribute(2, number(1)), nest(3, attribute(1, value))
    )


def _flags(mask: int, value: int) -> list[bytes]:
    """TCP packets with these flags."""
    parts = ((1, _FIRST), (2, _FIRST), (3, 1))
    masked = nfnetlink.expression(
        "bitwise",
        *(attribute(k, number(v)) for k, v in parts),
        nest(4, attribute(1, bytes([mask]))),
        nest(5, attribute(1, b"\0")),
    )
    return [load(_TRANSPORT, _FLAGS_AT, 1, _FIRST), masked, equal(_FIRST, bytes([value]))]


def _constant(value: bytes, register: int) -> bytes:
    return nfnetlink.expression("immediate", attribute(1, number(register)), nest(2, attribute(1, value)))


def _return() -> bytes:
    verdict = nest(2, attribute(1, struct.pack(">i", _RETURN)))
    return nfnetlink.expression("immediate", attribute(1, number(0)), nest(2, verdict))


def _goto(chain: str) -> bytes:
    verdict = nest(2, attribute(1, struct.pack(">i", _GOTO)), attribute(2, zero_ended(chain)))
    return nfnetlink.expression("immediate", attribute(1, number(0)), nest(2, verdict))


def _object(name: str) -> bytes:
    return nfnetlink.expression("objref", attribute(1, number(_COUNTER)), attribute(2, zero_ended(name)))


def _dynamic(set_name: str, operation: int, *, counts: bool = False) -> bytes:
    """Put the key into a set; where there is no room the rule goes no further."""
    counter = (nest(7, attribute(1, zero_ended("counter")), nest(2)),) if counts else ()
    parts = (attribute(1, zero_ended(set_name)), attribute(3, number(operation)), attribute(4, number(_FIRST)))
    return nfnetlink.expression("dynset", *parts, *counter)
