"""Azure's access log follows Envoy's as that grows, line by whole line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from lazulite.agent import access as following
from lazulite.agent.access import AccessLog
from lazulite.engines.http import access


def followed(directory: Path) -> AccessLog:
    return AccessLog(directory, lambda: ({}, {}))


def shown(directory: Path) -> list[str]:
    """The methods that were logged."""
    path = directory / access.SHOWN
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["properties"]["httpMethod"] for line in lines]


def test_a_line_that_is_not_whole_waits_for_its_end(tmp_path: Path) -> None:
    log, raw = followed(tmp_path), tmp_path / access.RAW
    raw.write_text('{"method": "GET"}\n{"method": "PO')
    at = log.read(0)
    assert shown(tmp_path) == ["GET"]
    with raw.open("a") as file:
        file.write('ST"}\n')
    log.read(at)
    assert shown(tmp_path) == ["GET", "POST"]


def test_nonsense_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / access.RAW).write_text('nonsense\n{"method": "GET"}\n')
    followed(tmp_path).read(0)
    assert shown(tmp_path) == ["GET"]


def test_a_file_that_is_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    log, raw = followed(tmp_path), tmp_path / access.RAW
    raw.write_text('{"method": "GET"}\n' * 3)
    at = log.read(0)
    raw.write_text('{"method": "PUT"}\n')
    log.read(at)
    assert shown(tmp_path) == ["GET"] * 3 + ["PUT"]


def test_no_file_yet(tmp_path: Path) -> None:
    assert followed(tmp_path).read(0) == 0


def test_envoy_begins_another_file_before_one_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, asked = tmp_path / access.RAW, []

    async def ask(socket: str, path: str, *, method: str) -> bytes:
        asked.append((path, method))
        with (tmp_path / "access.old").open("a") as old:
            old.write('{"method": "LATE"}\n')
        raw.write_text('{"method": "NEXT"}\n')
        return b""

    monkeypatch.setattr(following, "MAX_RAW", 10)
    monkeypatch.setattr(following, "POLL_S", 0)
    monkeypatch.setattr(following.admin, "ask", ask)

    async def going() -> None:
        log = followed(tmp_path)
        log.start()  # from where the file ends now, which is its beginning
        raw.write_text('{"method": "GET"}\n')
        async with asyncio.timeout(20):
            while "NEXT" not in shown(tmp_path):
                await asyncio.sleep(0.01)
        log.close()

    asyncio.run(going())
    assert shown(tmp_path)[:3] == ["GET", "LATE", "NEXT"]
    assert asked[0] == ("/reopen_logs", "POST")
