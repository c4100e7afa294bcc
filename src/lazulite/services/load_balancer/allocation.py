"""Source ports of public addresses, given to the members of a pool in blocks. Pure arithmetic.

An address has places of 8 ports. A member at place *p* of its pool with *n* ports has the ports ``[p*n, p*n+n)`` of the
address, counted from the first source port. Where a rule listens inside of that, a spare place from the end of the
address stands in, so that a rule that comes or goes moves nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from lazulite.forwarding.model import PortBlock
from lazulite.values import IPAddress, PortRange

FIRST_PORT, LAST_PORT = 1024, 65535
BLOCK = 8
"""Ports are given and lost in blocks of this size. Source: "Outbound rules Azure Load Balancer"."""
PORTS_PER_ADDRESS = 64_000
"""Source: "Outbound rules Azure Load Balancer"; "Use Source Network Address Translation for outbound connections"."""

_DEFAULTS = ((50, 1024), (100, 512), (200, 256), (400, 128), (800, 64), (1000, 32), (2000, 16))
_FEWEST = 8


def default_ports(members: int) -> int:
    """Ports of each address for each member, by the size of the pool.

    Source: "Use Source Network Address Translation for outbound connections", default port allocation table. It ends at
    1,000; larger pools go on halving, as far as a block.
    """
    return next((ports for size, ports in _DEFAULTS if members <= size), _FEWEST)


class Share(msgspec.Struct, frozen=True):
    """A public address, the blocks of it that rules listen in (``port // 8`` of each), and how many are given away."""

    address: IPAddress
    lost: frozenset[int] = frozenset()
    used: int = 0

    @property
    def limit(self) -> int:
        """Blocks there are to give in all."""
        return max(0, PORTS_PER_ADDRESS // BLOCK - len(self.lost))

    @property
    def blocks(self) -> int:
        """Blocks there are left to give."""
        return max(0, self.limit - self.used)


def available(shares: Iterable[Share]) -> int:
    """Ports that all of the addresses have to give."""
    return sum(s.blocks for s in shares) * BLOCK


def listening(ports: Iterable[int]) -> frozenset[int]:
    """The blocks that rules on *ports* take away. Two ports of one block cost one."""
    return frozenset(p // BLOCK for p in ports)


def allocate(members: Sequence[tuple[IPAddress, int]], shares: Sequence[Share], ports: int) -> tuple[PortBlock, ...]:
    """*ports* (a multiple of 8) for each member, a private address and a place, from the addresses in order.

    The addresses are one row of ports: who does not fit on one continues on the next. Members beyond what there is get
    nothing.
    """
    found: list[PortBlock] = []
    for (private, _), place in zip(members, _places(members, shares, ports), strict=True):
        if place is not None:
            found += _cut(private, place * (ports // BLOCK), ports // BLOCK, shares)
    return tuple(found)


def after(members: Sequence[tuple[IPAddress, int]], shares: Sequence[Share], ports: int) -> tuple[Share, ...]:
    """The addresses as :func:`allocate` leaves them for whoever comes next."""
    last = max((p for p in _places(members, shares, ports) if p is not None), default=-1)
    left, found = (last + 1) * (ports // BLOCK), []
    for share in shares:
        taken = min(left, share.blocks)
        found.append(msgspec.structs.replace(share, used=share.used + taken))
        left -= taken
    return tuple(found)


def _places(members: Sequence[tuple[IPAddress, int]], shares: Sequence[Share], ports: int) -> Iterator[int | None]:
    """Each its own place where there is that one, else the lowest that is free."""
    count = sum(s.blocks for s in shares) * BLOCK // ports if ports else 0
    taken = {p for _, p in members if p < count}
    spare = (p for p in range(count) if p not in taken)
    for _, place in members:
        yield place if place < count else next(spare, None)


def _cut(private: IPAddress, first: int, size: int, shares: Sequence[Share]) -> Iterator[PortBlock]:
    """The blocks ``[first, first+size)`` of the row that all addresses make."""
    start = 0
    for share in shares:
        low, high = max(first, start), min(first + size, start + share.blocks)
        wanted = range(share.used + low - start, share.used + high - start)
        for ports in _ranges(wanted, share) if low < high else ():
            yield PortBlock(private, share.address, ports)
        start += share.blocks


def _ranges(wanted: range, share: Share) -> Iterator[PortRange]:
    """Port ranges of blocks of one address, each lost one exchanged for a spare from the end."""
    base, last = FIRST_PORT // BLOCK, LAST_PORT // BLOCK
    gone = [b - base for b in sorted(share.lost) if 0 <= b - base < share.limit]
    spares = (b for b in range(last - base, share.limit - 1, -1) if b + base not in share.lost)
    stand_in = dict(zip(gone, spares, strict=False))
    return _joined(sorted(stand_in.get(b, b) for b in wanted))


def _joined(blocks: Sequence[int]) -> Iterator[PortRange]:
    """Neighbouring blocks as one range."""
    first = 0
    for index in range(1, len(blocks) + 1):
        if index == len(blocks) or blocks[index] != blocks[index - 1] + 1:
            low, high = blocks[first], blocks[index - 1]
            yield PortRange(FIRST_PORT + low * BLOCK, FIRST_PORT + high * BLOCK + BLOCK - 1)
            first = index
