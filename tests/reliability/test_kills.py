"""What a client was told is stored is there after kill -9 of the controller, whatever it was doing."""

from __future__ import annotations

import os
import random
import select

import pytest

from lazulite.testing import lab
from tests.reliability.writer import RULES, Writer

LIVES = max(1, int(os.environ.get("LAZULITE_KILLS", "100")) // 10)
"""A controller takes a second to begin anew, a bare store (tests/store) some milliseconds."""


@pytest.mark.timeout(120 + 30 * LIVES)
def test_what_was_acknowledged_over_https_is_there_in_the_next_life() -> None:
    rng, acknowledged = random.Random(20240501), 0
    with lab(memory=True) as one:
        one.put("networkSecurityGroups/nsg-web", {})
        writer = Writer(one, rng)
        for life in range(LIVES):
            writer.start()
            writer.await_acknowledged(writes := rng.randint(0, 20))
            select.select([], [], [], rng.uniform(0, 0.02))  # somewhere within a write, not always at its end
            one.kill_controller()
            writer.finish()
            one.start_controller()
            assert writer.disagreements() == [], life
            acknowledged += writes
            revision = one.status()["revision"]
            assert revision["stored"] == revision["applied"]
            assert one.drift() == []
        assert acknowledged >= LIVES
        held = {
            r["name"]: r["properties"]["access"]
            for r in one.get("networkSecurityGroups/nsg-web/securityRules")["value"]
        }
    wanted = {path.rpartition("/")[2]: writer.known[path]["access"] for path in RULES.values() if writer.known[path]}
    assert held == wanted
