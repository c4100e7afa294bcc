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


def test_what_stands_in_a_blob_is_not_sent_again() -> None:
    """Each write carries its own records and the end of the list, however long the hour is."""
    hour = Hour()
    for number in range(3):
        blocks = hour.blocks([b"%d" % number])
        sent = [data for _, data in blocks if data is not None]
        assert sent == [b'{"records":[', b"0", b"]}"] if not number else [b",%d" % number, b"]}"]
        assert [block for block, _ in blocks][:1] == ["00000000"]
        assert len({block for block, _ in blocks}) == len(blocks) == number + 3
        hour.commit(blocks, 1)
    assert hour.written == 3


def test_records_that_another_writer_left_are_kept_in_the_head() -> None:
    hour = Hour(b'{"records":[1,2]}')
    assert hour.blocks([b"3"]) == [("00000000", b'{"records":[1,2'), ("00000001", b",3"), ("99999999", b"]}")]
    assert hour.written == 0, "they are not ours to count"


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(b'{"records":[1', id="a list without an end"),
        pytest.param(b"1]}", id="an end without a beginning"),
        pytest.param(b"", id="nothing"),
        pytest.param(None, id="no blob"),
    ],
)
def test_what_no_writer_left_whole_begins_anew(found: bytes | None) -> None:
    assert [data for _, data in Hour(found).blocks([b"1"])] == [b'{"records":[', b"1", b"]}"]


@pytest.mark.parametrize(
    ("blob", "ours"),
    [
        pytest.param(name("p/", AT, "M"), True, id="what a writer named"),
        pytest.param(name("p/", AT, "M") + ".bak", False, id="what has another end"),
        pytest.param("p/y=2018/m=11/d=13/h=12/m=30/macAddress=M/PT1H.json", False, id="half an hour"),
        pytest.param("p/y=18/m=11/d=13/h=12/m=00/macAddress=M/PT1H.json", False, id="a year of two digits"),
        pytest.param("p/y=2018/m=11/d=13/h=12/m=00/PT1H.json", False, id="no interface"),
    ],
)
def test_only_hours_of_logs_are_deleted_for_their_age(blob: str, ours: bool) -> None:
    assert outdated([blob], 1, AT + 400 * 86400) == ([blob] if ours else [])


@pytest.mark.parametrize(("seconds", "goes"), [(0, False), (1, True)], ids=["to the second", "a second later"])
def test_an_hour_is_kept_for_as_many_days_as_were_asked_for(seconds: int, goes: bool) -> None:
    began = AT - AT % 3600
    blob = name(PREFIX, began, "M")
    assert outdated([blob], 3, began + 3 * 86400 + seconds) == ([blob] if goes else [])
