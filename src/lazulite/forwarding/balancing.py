"""Which backend a new flow goes to: one definition for the analysis, which predicts it, and for the drivers.

A flow is hashed into one of a pool's buckets, and each bucket belongs to the eligible member with the highest score for
it. Scores depend on bucket and member alone, so a member that comes or goes takes or leaves its own buckets and
moves no other (rendezvous hashing). Flows that stand already are the driver's to keep.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from hashlib import shake_128

from lazulite.forwarding.model import AdminState, Contents, Distribution, Member, Pool
from lazulite.values import Flow, IPAddress, Protocol

SEED = 0x1A2B3C4D
"""Of the hash; any number, but the same everywhere."""
FEWEST_BUCKETS, MOST_BUCKETS = 256, 4096
_BUCKETS_A_MEMBER = 16
_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.ICMP: 1, Protocol.ESP: 50, Protocol.AH: 51}
_MASK = 0xFFFFFFFF


def bucket_count(pool: Pool) -> int:
    """How many buckets the pool has: a power of two, enough for even shares."""
    wanted = len(pool.members) * _BUCKETS_A_MEMBER
    return min(MOST_BUCKETS, max(FEWEST_BUCKETS, 1 << (wanted - 1).bit_length()))


def eligible(pool: Pool, contents: Contents | None) -> tuple[Member, ...]:
    """The members that may get new flows, by what the user says, then by what the prober found."""
    healthy = frozenset(contents.members if contents else ())
    able = [m for m in pool.members if m.admin is not AdminState.DOWN]
    found = [m for m in able if pool.probe is None or m.admin is AdminState.UP or m.name in healthy]
    return tuple(found or (able if pool.revive else ()))


def owners(pool: Pool, contents: Contents | None) -> tuple[Member, ...]:
    """The member of each bucket; empty when no member may get flows."""
    members, count = eligible(pool, contents), bucket_count(pool)
    if not members:
        return ()
    best, highest = [0] * count, _scores(members[0].name, count)[:]
    for number, member in enumerate(members[1:], 1):
        for i, score in enumerate(_scores(member.name, count)):
            if score > highest[i]:
                best[i], highest[i] = number, score
    return tuple(members[number] for number in best)


@lru_cache(maxsize=4096)
def _scores(member: str, count: int) -> array[int]:
    return array("Q", shake_128(member.encode()).digest(8 * count))


def bucket(flow: Flow, distribution: Distribution, count: int) -> int:
    """The bucket of a flow with the addresses and ports that its sender wrote.

    It is the hash of the kernel's nf_tables (``jhash`` of source, destination and, by distribution, protocol and ports,
    each padded to four bytes), scaled to *count*.
    """
    key = _bytes(flow.src) + _bytes(flow.dst)
    if distribution is not Distribution.SOURCE:
        key += bytes((_number(flow), 0, 0, 0))
    if distribution is Distribution.FLOW:
        key += flow.src_port.to_bytes(2) + b"\0\0" + flow.dst_port.to_bytes(2) + b"\0\0"
    return jenkins(key, SEED) * count >> 32


def _number(flow: Flow) -> int:
    return 58 if flow.protocol is Protocol.ICMP and flow.version == 6 else _NUMBERS[flow.protocol]


def _bytes(address: IPAddress) -> bytes:
    return address.packed


def jenkins(key: bytes, seed: int) -> int:
    """Bob Jenkins' lookup3 over *key*, whose length is a multiple of four, as ``jhash`` of Linux computes it."""
    words = [int.from_bytes(key[i : i + 4], "little") for i in range(0, len(key), 4)]
    a = b = c = 0xDEADBEEF + len(key) + seed & _MASK
    while len(words) > 3:
        a, b, c = _mix(a + words[0] & _MASK, b + words[1] & _MASK, c + words[2] & _MASK)
        words = words[3:]
    words += [0] * (3 - len(words))
    return _final(a + words[0] & _MASK, b + words[1] & _MASK, c + words[2] & _MASK)


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for r1, r2, r3 in ((4, 6, 8), (16, 19, 4)):
        a, c = (a - c & _MASK) ^ _rotated(c, r1), c + b & _MASK
        b, a = (b - a & _MASK) ^ _rotated(a, r2), a + c & _MASK
        c, b = (c - b & _MASK) ^ _rotated(b, r3), b + a & _MASK
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    c = (c ^ b) - _rotated(b, 14) & _MASK
    a = (a ^ c) - _rotated(c, 11) & _MASK
    b = (b ^ a) - _rotated(a, 25) & _MASK
    c = (c ^ b) - _rotated(b, 16) & _MASK
    a = (a ^ c) - _rotated(c, 4) & _MASK
    b = (b ^ a) - _rotated(a, 14) & _MASK
    return (c ^ b) - _rotated(b, 24) & _MASK


def _rotated(word: int, count: int) -> int:
    return (word << count | word >> 32 - count) & _MASK
