"""The choice of a backend: numbers that a kernel gave, shares, and what a change of members moves."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.forwarding.balancing import (
    FEWEST_BUCKETS,
    MOST_BUCKETS,
    SEED,
    bucket,
    bucket_count,
    eligible,
    jenkins,
    owners,
)
from lazulite.forwarding.model import AdminState, Contents, Distribution, Member, Pool
from tests.analysis.build import PROBE, flow, healthy, pool

FLOW, SOURCE, BOTH = Distribution.FLOW, Distribution.SOURCE, Distribution.SOURCE_PROTOCOL
GOLDEN = [
    pytest.param("udp 127.3.4.5:3333 > 127.9.8.7:99", FLOW, 0xB70, id="UDP over IPv4"),
    pytest.param(
        "tcp 127.0.0.1:49152 > 127.255.0.9:443", FLOW, 0x893, id="TCP over IPv4 from port 49152 by all of a flow"
    ),
    pytest.param(
        "tcp 127.200.3.9:65535 > 127.0.0.2:1", FLOW, 0x110, id="TCP over IPv4 from port 65535 by all of a flow"
    ),
    pytest.param("udp [fd00::3]:5000 > [fd00::4]:53", FLOW, 0xF78, id="UDP over IPv6 from port 5000 by all of a flow"),
    pytest.param(
        "tcp [fd00::5]:40000 > [fd00::2]:8080", FLOW, 0x301, id="TCP over IPv6 from port 40000 by all of a flow"
    ),
    pytest.param(
        "udp 127.3.4.5:3333 > 127.9.8.7:99", BOTH, 0x366, id="UDP over IPv4 from port 3333 by source and protocol"
    ),
    pytest.param(
        "tcp 127.0.0.1:49152 > 127.255.0.9:443", BOTH, 0xEEB, id="TCP over IPv4 from port 49152 by source and protocol"
    ),
    pytest.param(
        "tcp 127.200.3.9:65535 > 127.0.0.2:1", BOTH, 0x26F, id="TCP over IPv4 from port 65535 by source and protocol"
    ),
    pytest.param(
        "udp [fd00::3]:5000 > [fd00::4]:53", BOTH, 0xB06, id="UDP over IPv6 from port 5000 by source and protocol"
    ),
    pytest.param(
        "tcp [fd00::5]:40000 > [fd00::2]:8080", BOTH, 0x11A, id="TCP over IPv6 from port 40000 by source and protocol"
    ),
    pytest.param("udp 127.3.4.5:3333 > 127.9.8.7:99", SOURCE, 0x4E1, id="UDP over IPv4 from port 3333 by source"),
    pytest.param("tcp 127.0.0.1:49152 > 127.255.0.9:443", SOURCE, 0xA7, id="TCP over IPv4 from port 49152 by source"),
    pytest.param("tcp 127.200.3.9:65535 > 127.0.0.2:1", SOURCE, 0x570, id="TCP over IPv4 from port 65535 by source"),
    pytest.param("udp [fd00::3]:5000 > [fd00::4]:53", SOURCE, 0x443, id="UDP over IPv6 from port 5000 by source"),
    pytest.param("tcp [fd00::5]:40000 > [fd00::2]:8080", SOURCE, 0xBB4, id="TCP over IPv6 from port 40000 by source"),
]


@pytest.mark.parametrize(("line", "distribution", "number"), GOLDEN)
def test_a_flow_falls_into_the_bucket_that_the_kernel_put_it_in(
    line: str, distribution: Distribution, number: int
) -> None:
    """The numbers are marks that nft 1.0.6 on Linux 6.18 wrote; ``tests/packets/test_hash.py`` asks this kernel."""
    assert bucket(flow(line), distribution, MOST_BUCKETS) == number


@given(st.binary(max_size=40).filter(lambda key: len(key) % 4 == 0), st.integers(0, 2**32 - 1))
def test_the_hash_is_a_word(key: bytes, seed: int) -> None:
    assert 0 <= jenkins(key, seed) < 2**32


@pytest.mark.parametrize(
    ("one", "other", "distribution", "same"),
    [
        pytest.param("tcp 1.1.1.1:9 > 2.2.2.2:1", "tcp 1.1.1.1:8 > 2.2.2.2:1", SOURCE, True, id="ports do not count"),
        pytest.param(
            "tcp 1.1.1.1:9 > 2.2.2.2:1", "udp 1.1.1.1:9 > 2.2.2.2:7", SOURCE, True, id="nor protocols by source"
        ),
        pytest.param(
            "tcp 1.1.1.1:9 > 2.2.2.2:1",
            "tcp 1.1.1.1:7 > 2.2.2.2:5",
            BOTH,
            True,
            id="ports do not by source and protocol",
        ),
        pytest.param("tcp 1.1.1.1 > 2.2.2.2:1", "udp 1.1.1.1 > 2.2.2.2:1", BOTH, False, id="protocols do there"),
        pytest.param("tcp 1.1.1.1:9 > 2.2.2.2:1", "tcp 1.1.1.1:8 > 2.2.2.2:1", FLOW, False, id="everything of a flow"),
    ],
)
def test_a_distribution_is_what_of_a_flow_counts(one: str, other: str, distribution: Distribution, same: bool) -> None:
    found = [bucket(flow(line), distribution, 2**32) for line in (one, other)]
    assert (found[0] == found[1]) is same


@pytest.mark.parametrize(
    ("members", "count"), [(0, 256), (1, 256), (16, 256), (17, 512), (100, 2048), (256, 4096), (5000, 4096)]
)
def test_a_pool_has_sixteen_buckets_a_member_as_a_power_of_two_within_bounds(members: int, count: int) -> None:
    found = bucket_count(pool("p", members=tuple(member(str(i)) for i in range(members))))
    assert FEWEST_BUCKETS <= found == count <= MOST_BUCKETS


def member(name: str, **rest: Any) -> Member:
    return Member(name, flow("tcp 10.0.0.4 > 10.0.0.5").dst, **rest)


def sized(names: list[str]) -> Pool:
    """A pool of these members and of others set down, so that the number of buckets stays the same."""
    rest = [member(f"idle member {i}", admin=AdminState.DOWN) for i in range(16 - len(names))]
    return pool("p", members=tuple([member(n) for n in names] + rest))


some_names = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=12, unique=True)


@given(some_names, st.data())
def test_a_member_that_leaves_gives_away_its_own_buckets_and_moves_no_other(
    names: list[str], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(names))
    before = [m.name for m in owners(sized(names), None)]
    after = [m.name for m in owners(sized([n for n in names if n != gone]), None)]
    kept = [(one, other) for one, other in zip(before, after, strict=False) if one != gone]
    assert all(one == other for one, other in kept)
    assert gone not in after
    assert len(after) == (len(before) if len(names) > 1 else 0)


@given(some_names, st.randoms())
def test_the_order_of_members_says_nothing(names: list[str], rng: Any) -> None:
    shuffled = rng.sample(names, len(names))
    assert [m.name for m in owners(sized(names), None)] == [m.name for m in owners(sized(shuffled), None)]


def deviation(buckets: int, members: int, doubt: float) -> float:
    """How far from its mean share the share of any member may be, but with a probability of *doubt* (Bernstein)."""
    share, odds = 1 / members, math.log(2 * members / doubt)
    third = odds / (3 * buckets)
    return third + math.sqrt(third**2 + 2 * odds * share * (1 - share) / buckets)


@pytest.mark.parametrize("count", [2, 3, 7, 16, 100, 256])
def test_members_have_even_shares(count: int) -> None:
    found = pool("p", members=tuple(member(f"/nics/nic{i}/ipConfigurations/first") for i in range(count)))
    shares = Counter(m.name for m in owners(found, None))
    bound = deviation(bucket_count(found), count, 1e-9)
    assert all(abs(shares[m.name] / bucket_count(found) - 1 / count) <= bound for m in found.members)


def test_flows_fall_into_all_buckets_alike() -> None:
    rows = [bucket(flow(f"tcp 198.18.1.1:{p} > 198.18.0.8:80"), FLOW, 16) for p in range(1024, 1024 + 16000)]
    bound = deviation(16000, 16, 1e-9)
    assert all(abs(n / 16000 - 1 / 16) <= bound for n in Counter(rows).values())
    assert len(Counter(rows)) == 16


NONE, UP, DOWN = AdminState.NONE, AdminState.UP, AdminState.DOWN
A, B = "a", "b"
ELIGIBLE = [
    pytest.param((NONE, NONE), None, False, False, [A, B], id="without a probe all are"),
    pytest.param((NONE, DOWN), None, False, False, [A], id="but those set down"),
    pytest.param((DOWN, DOWN), None, False, True, [], id="who are never revived"),
    pytest.param((NONE, NONE), None, True, False, [], id="with a probe that has said nothing none is"),
    pytest.param((NONE, NONE), (), True, False, [], id="nor when it found none"),
    pytest.param((NONE, NONE), (A,), True, False, [A], id="who it found healthy is"),
    pytest.param((UP, NONE), (), True, False, [A], id="who is set up is, whatever it found"),
    pytest.param((DOWN, NONE), (A, B), True, False, [B], id="who is set down is not"),
    pytest.param((NONE, NONE), (), True, True, [A, B], id="all are when none is healthy and the pool goes on"),
    pytest.param((NONE, NONE), None, True, True, [A, B], id="also before the first probe"),
    pytest.param((DOWN, NONE), (A,), True, True, [B], id="then too without those set down"),
    pytest.param((NONE, NONE), (A,), True, True, [A], id="one healthy is enough to leave the others out"),
    pytest.param((NONE, NONE), ("gone",), True, False, [], id="who is healthy and no member is nobody"),
]


@pytest.mark.parametrize(("states", "found", "probed", "revive", "wanted"), ELIGIBLE)
def test_who_may_get_new_flows(
    states: tuple[AdminState, ...],
    found: tuple[str, ...] | None,
    probed: bool,
    revive: bool,
    wanted: list[str],
) -> None:
    members = tuple(member(n, admin=s) for n, s in zip((A, B), states, strict=True))
    asked = pool("p", members=members, probe=PROBE if probed else None, revive=revive)
    contents: Contents | None = None if found is None else healthy("p", *found)
    assert [m.name for m in eligible(asked, contents)] == wanted
    assert {m.name for m in owners(asked, contents)} == set(wanted)


def test_the_seed_is_the_one_that_rendered_rules_have() -> None:
    assert SEED == 0x1A2B3C4D
