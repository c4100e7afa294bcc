"""Azure's access log follows Envoy's as that grows, line by whole line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from lazulite.agent import access as following
from lazulite.agent.access import AccessLog
from lazulite.engines.http import access
from lazulite.forwarding.model import HttpProxy
from tests.waiting import until_async


def raw_line(method: str) -> str:
    """Envoy's line of a request, which says nothing but its method."""
    form = access.log(HttpProxy("gw", "gw", "gw"), "/d", secure=False)["typed_config"]["log_format"]
    names: list[str] = form["text_format_source"]["inline_string"].split("\x1f")
    return "\x1f".join(method if n == "%REQ(:METHOD)%" else "-" for n in names) + "\n"


def followed(directory: Path) -> AccessLog:
    return AccessLog(directory, lambda: ({}, {}, {}))


def shown(directory: Path) -> list[str]:
    """The methods that were logged."""
    path = directory / access.SHOWN
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["properties"]["httpMethod"] for line in lines]


def test_a_line_that_is_not_whole_waits_for_its_end(tmp_path: Path) -> None:
    log, raw = followed(tmp_path), tmp_path / access.RAW
    whole, rest = raw_line("GET"), raw_line("POST")
    raw.write_text(whole + rest[:20])
    at = log.read(0)
    assert shown(tmp_path) == ["GET"]
    with raw.open("a") as file:
        file.write(rest[20:])
    log.read(at)
    assert shown(tmp_path) == ["GET", "POST"]


def test_nonsense_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / access.RAW).write_text("nonsense\n" + raw_line("GET"))
    followed(tmp_path).read(0)
    assert shown(tmp_path) == ["GET"]


def test_a_file_that_is_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    log, raw = followed(tmp_path), tmp_path / access.RAW
    raw.write_text(raw_line("GET") * 3)
    at = log.read(0)
    raw.write_text(raw_line("PUT"))
    log.read(at)
    assert shown(tmp_path) == ["GET"] * 3 + ["PUT"]


def test_no_file_yet(tmp_path: Path) -> None:
    assert followed(tmp_path).read(0) == 0


def test_envoy_begins_another_file_before_one_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, asked = tmp_path / access.RAW, []

    async def ask(socket: str, path: str, *, method: str) -> bytes:
        asked.append((path, method))
        with (tmp_path / "access.old").open("a") as old:
            old.write(raw_line("LATE"))
        raw.write_text(raw_line("NEXT"))
        return b""

    monkeypatch.setattr(following, "MAX_RAW", 10)
    monkeypatch.setattr(following, "POLL_S", 0)
    monkeypatch.setattr(following.admin, "ask", ask)

    async def going() -> None:
        log = followed(tmp_path)
        log.start()  # from where the file ends now, which is its beginning
        raw.write_text(raw_line("GET"))
        await until_async(lambda: shown(tmp_path), lambda found: "NEXT" in found)
        log.close()

    asyncio.run(going())
    assert shown(tmp_path)[:3] == ["GET", "LATE", "NEXT"]
    assert asked[0] == ("/reopen_logs", "POST")
