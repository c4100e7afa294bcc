"""Virtual network TAP: what a collector sees of the machines whose packets are copied to it.

Source: facts/virtual-network-tap.md (virtual-network-tap-overview).
"""

from __future__ import annotations

import pytest

from tests.packets.copies import IDENTIFIER, Seen, machines, ping, same, source, tap
from tests.packets.net import Net

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
ONE, OTHER, COLLECTOR = "/one/vm0", "/one/vm1", "/one/vm2"


def test_every_frame_of_a_ping_is_copied_as_the_interface_saw_it(net: Net) -> None:
    net.become([*machines(3), tap(), source(0)])
    here, there = Seen(net, ONE), Seen(net, COLLECTOR)
    ping(net, ONE, "10.0.0.5", 3)
    found = there.until(6)
    assert same(found, here.read())
    assert {(c.src, c.dst, c.port, c.identifier) for c in found} == {("10.0.0.4", "10.0.0.6", 4789, IDENTIFIER)}
