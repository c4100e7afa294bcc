"""A blob an hour and interface, valid JSON after every write."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.storage.memory import MemoryBlobs
from lazulite.telemetry.hours import Hour, name, outdated

PREFIX = "resourceId=/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/N"
AT = 1542110435.0  # 2018-11-13 12:00:35
RECORDS = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3), max_size=5)


def test_the_path_is_the_documented_one() -> None:
    assert name(PREFIX + "/", AT, "000D3AF8801A") == (
        f"{PREFIX}/y=2018/m=11/d=13/h=12/m=00/macAddress=000D3AF8801A/PT1H.json"
    )


AGES = [
    pytest.param(0, 400, False, id="0 days are for ever"),
    pytest.param(1, 23, False, id="an hour of today stays"),
    pytest.param(1, 26, True, id="one of the day before goes"),
    pytest.param(365, 24 * 364, False, id="a year is kept"),
]


@pytest.mark.parametrize(("days", "hours_ago", "goes"), AGES)
def test_retention(days: int, hours_ago: int, goes: bool) -> None:
    blob = name(PREFIX, AT - hours_ago * 3600, "M")
    assert outdated([blob, f"{PREFIX}/other"], days, AT) == ([blob] if goes else [])


@given(RECORDS, RECORDS)
def test_every_write_leaves_valid_json_with_all_records(first: list[list[int]], second: list[list[int]]) -> None:
    """The second half is written by a writer that only finds what the first one stored."""
    blobs, expected = MemoryBlobs(), []

    async def play() -> None:
        for part in (first, second):
            hour = Hour(await blobs.read("a", "c", "b"))
            for records in part:
                blocks = hour.blocks(json.dumps(r).encode() for r in records)
                await blobs.write_blocks("a", "c", "b", blocks)
                hour.commit(blocks, len(records))
                expected.extend(records)
                assert json.loads(await blobs.read("a", "c", "b") or b"") == {"records": expected}

    asyncio.run(play())


def test_a_write_that_failed_is_written_again_the_same() -> None:
    hour = Hour()
    assert hour.blocks([b"1"]) == hour.blocks([b"1"])


def test_what_is_no_log_is_written_over() -> None:
    assert Hour(b"rubbish").blocks([b"1"])[0] == ("00000000", b'{"records":[')
