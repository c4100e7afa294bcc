"""What machines send and get, as the driver counts it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from ipaddress import ip_address

import pytest
from msgspec.structs import replace

from lazulite.forwarding.model import Guest, InternetHost, Port
from tests.packets.copies import machines
from tests.packets.net import DEADLINE_S, Net
from tests.packets.test_faults import Stream

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
OURS = 14 + 20 + 8
"""Bytes of a frame around what a datagram holds."""


def test_both_ends_of_a_conversation_are_counted_with_their_frames(net: Net) -> None:
    net.become([*machines(3)])
    stream, before = Stream(net), net.driver.traffic()
    assert stream.send(50, size=200) == 50
    wanted, chatter = stream.sent * (200 + OURS), 2000  # of IPv6, whenever a kernel likes to
    end, after = time.monotonic() + DEADLINE_S, before
    while _grown(before, after, "/one/nic1")[1] < wanted and time.monotonic() < end:
        after = net.driver.traffic()  # the last packets may be on their way
    assert wanted <= _grown(before, after, "/one/nic0")[0] < wanted + chatter
    assert wanted <= _grown(before, after, "/one/nic1")[1] < wanted + chatter
    assert sum(_grown(before, after, "/one/nic2")) < chatter, "nobody spoke to the third"


def _grown(before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]], name: str) -> tuple[int, int]:
    """Bytes sent and got in between."""
    return after[name][0] - before[name][0], after[name][1] - before[name][1]


def test_only_what_has_a_link_is_counted(net: Net) -> None:
    entries = machines(2)
    [idle] = [e for e in entries if isinstance(e, Guest)][1:]
    host = InternetHost("anna", "anna", "g9", (ip_address("198.18.0.9"),))
    left = [replace(e, guest=None) if isinstance(e, Port) and e.guest == idle.name else e for e in entries]
    net.become([*(e for e in left if e is not idle), host])
    assert set(net.driver.traffic()) == {"/one/nic0", "anna"}


def test_a_driver_that_starts_anew_goes_on_counting_where_the_kernel_is(net: Net) -> None:
    net.become([*machines(2)])
    stream = Stream(net)
    stream.send(10)
    before = net.driver.traffic()
    net.restart()
    assert net.driver.traffic()["/one/nic0"][0] >= before["/one/nic0"][0] > 10 * (100 + OURS)
