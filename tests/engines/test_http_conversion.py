"""Azure's access log is made of Envoy's: each line once and in its order, wherever who makes it is killed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lazulite.engines.http import conversion, lines
from lazulite.engines.http.conversion import Follower
from lazulite.engines.http.lines import Known, Names, Since
from tests.engines.test_http_lines import text
from tests.json_lines import rows


class Envoy:
    """Writes lines that are told apart by their numbers, and begins another file as Envoy does: when it next writes."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.count, self.anew = directory, 0, 0
        self._file: Any = None

    def reopen(self) -> None:
        self.anew += 1

    def write(self, count: int = 1) -> None:
        if self._file is None or self.anew:
            self.anew = 0
            self.close()
            self._file = (self.directory / lines.RAW).open("ab", buffering=0)
        for _ in range(count):
            self._file.write(f"{text(method=f'M{self.count}')}\n".encode())
            self.count += 1

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


@pytest.fixture
def envoy(tmp_path: Path) -> Iterator[Envoy]:
    made = Envoy(tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three lines a file is large, and two are a piece."""
    size = len(text(method="M0")) + 2
    monkeypatch.setattr(conversion, "MAX_RAW", 3 * size)
    monkeypatch.setattr(conversion, "PIECE", 2 * size)


def shown(directory: Path) -> list[int]:
    """The numbers of the lines that were made, those of the file before first."""
    found = [row for name in (f"{lines.SHOWN}.1", lines.SHOWN) for row in rows(directory / name)]
    return [int(row["properties"]["httpMethod"][1:]) for row in found]


def follow(follower: Follower) -> None:
    """As its process does."""
    follower.begin_another()
    while follower.behind() and follower.take():
        follower.begin_another()


def test_a_line_that_is_not_whole_waits_for_its_end(tmp_path: Path) -> None:
    follower, raw = Follower(tmp_path, lambda: None), tmp_path / lines.RAW
    whole, rest = text(method="M0") + "\n", text(method="M1") + "\n"
    raw.write_text(whole + rest[:20])
    follow(follower)
    assert shown(tmp_path) == [0]
    with raw.open("a") as file:
        file.write(rest[20:])
    follow(follower)
    assert shown(tmp_path) == [0, 1]


def test_garbage_is_passed_over_however_long_it_is(tmp_path: Path, envoy: Envoy) -> None:
    envoy.write()
    with (tmp_path / lines.RAW).open("ab") as raw:
        raw.write(b"nonsense\n\x00\xff\xfe\n" + b"x" * 5000 + b"\n" + b"\n" * 5)
    envoy.write(2)
    follow(Follower(tmp_path, envoy.reopen))
    assert shown(tmp_path) == [0, 1, 2]


def test_there_may_be_no_file_yet(tmp_path: Path) -> None:
    follower = Follower(tmp_path, lambda: None)
    assert (follower.behind(), follower.take()) == (0, 0)


def test_a_file_that_somebody_emptied_is_read_from_its_beginning(tmp_path: Path) -> None:
    follower, raw = Follower(tmp_path, lambda: None), tmp_path / lines.RAW
    raw.write_text(f"{text(method='M0')}\n{text(method='M1')}\n")
    follow(follower)
    raw.write_text(text(method="M2") + "\n")
    follow(follower)
    assert shown(tmp_path) == [0, 1, 2]


def test_envoy_begins_another_file_when_one_is_large_and_the_old_one_goes_once_nothing_more_can_come(
    tmp_path: Path, envoy: Envoy
) -> None:
    follower = Follower(tmp_path, envoy.reopen)
    envoy.write(4)
    follow(follower)
    assert (shown(tmp_path), envoy.anew) == ([0, 1, 2, 3], 1)
    old = tmp_path / f"{lines.RAW}.0"
    with old.open("a") as late:  # Envoy has not begun another yet.
        late.write(text(method="M100") + "\n")
    follow(follower)
    assert old.exists()
    envoy.write()
    follow(follower)
    assert shown(tmp_path) == [0, 1, 2, 3, 100, 4]
    assert not old.exists()


def test_an_envoy_that_does_not_answer_is_asked_again(tmp_path: Path, envoy: Envoy) -> None:
    said: list[OSError | None] = [ConnectionRefusedError(), None]

    def reopen() -> None:
        if (error := said.pop(0)) is not None:
            raise error
        envoy.reopen()

    follower = Follower(tmp_path, reopen)
    envoy.write(4)
    for _ in range(4):
        follow(follower)
    assert (said, envoy.anew) == ([], 1)


def test_what_is_far_behind_is_made_in_its_order(tmp_path: Path, envoy: Envoy) -> None:
    follower = Follower(tmp_path, envoy.reopen)
    for _ in range(5):
        envoy.write(4)
        follower.begin_another()
    assert len(list(tmp_path.glob(f"{lines.RAW}.[0-9]"))) == 5
    envoy.write()
    follow(follower)
    assert shown(tmp_path) == list(range(21))
    assert [p.name for p in tmp_path.glob(f"{lines.RAW}*")] == [lines.RAW]
    assert follower.behind() == 0


def test_azure_s_file_does_not_grow_without_bound(
    tmp_path: Path, envoy: Envoy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "MAX_SHOWN", 5000)
    follower = Follower(tmp_path, envoy.reopen)
    for _ in range(30):
        envoy.write()
        follow(follower)
    sizes = [(tmp_path / name).stat().st_size for name in (lines.SHOWN, f"{lines.SHOWN}.1")]
    assert max(sizes) < 7000
    assert shown(tmp_path) == list(range(30))[-len(shown(tmp_path)) :]


def test_names_may_change_while_lines_wait(tmp_path: Path) -> None:
    def known(*names: tuple[str, str]) -> None:
        made = Known(True, {"gw|l|r": [Since(time, Names(rule=rule)) for time, rule in names]})
        new = tmp_path / "new"
        new.write_bytes(msgspec.json.encode(made))
        os.replace(new, tmp_path / lines.KNOWN)

    follower = Follower(tmp_path, lambda: None)
    known(("", "first"))
    assert follower.known.serving
    with (tmp_path / lines.RAW).open("w") as raw:
        raw.writelines(f"{text(time=time)}\n" for time in ("2026", "2028"))
    known(("2027", "second"), ("", "first"))
    follow(follower)
    assert [row["ruleName"] for row in rows(tmp_path / lines.SHOWN)] == ["first", "second"]


@pytest.mark.parametrize("nonsense", ["", "{", "[]", '{"places": 1}'])
def test_names_that_cannot_be_read_leave_those_that_were(tmp_path: Path, nonsense: str) -> None:
    (tmp_path / lines.KNOWN).write_bytes(msgspec.json.encode(Known(True)))
    follower = Follower(tmp_path, lambda: None)
    assert follower.known.serving
    (tmp_path / lines.KNOWN).write_text(nonsense)
    assert follower.known.serving


@pytest.mark.parametrize("nonsense", ["", "1 2", "a b c d"])
def test_a_standing_that_cannot_be_is_none(tmp_path: Path, envoy: Envoy, nonsense: str) -> None:
    (tmp_path / conversion.STANDING).write_text(nonsense)
    envoy.write(2)
    follow(Follower(tmp_path, envoy.reopen))
    assert shown(tmp_path) == [0, 1]


class Killed(BaseException):
    """Nothing that comes after it is done."""


def dying(patched: pytest.MonkeyPatch, count: int) -> None:
    """Whoever changes files that often is killed over it; half of what it last wrote is there."""
    left = count

    def dying(original: Callable[..., Any], *, half: bool = False) -> Callable[..., Any]:
        def call(*words: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left > 0:
                return original(*words, **more)
            if half and left == 0:
                original(words[0], bytes(words[1])[: len(words[1]) // 2])
            raise Killed

        return call

    patched.setattr(conversion.os, "write", dying(os.write, half=True))
    for name in ("pwrite", "replace", "truncate"):
        patched.setattr(conversion.os, name, dying(getattr(os, name)))
    patched.setattr(conversion.Path, "unlink", dying(Path.unlink))


def live(directory: Path, envoy: Envoy) -> None:
    """While lines come, in turns."""
    follower = Follower(directory, envoy.reopen)
    for _ in range(4):
        envoy.write(3)
        follow(follower)


@pytest.mark.parametrize("again", [1, 2, 3, 99], ids=["at once", "soon", "a little later", "never"])
@pytest.mark.parametrize("count", range(1, 36))
def test_wherever_it_is_killed_no_line_is_lost_and_none_is_there_twice(
    tmp_path: Path, envoy: Envoy, count: int, again: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the one that comes next is killed."""
    monkeypatch.setattr(conversion, "MAX_SHOWN", 8000)
    for calls in (count, again):
        with monkeypatch.context() as patched, contextlib.suppress(Killed):
            dying(patched, calls)
            live(tmp_path, envoy)
    last = Follower(tmp_path, envoy.reopen)
    for _ in range(2):
        follow(last)
        envoy.write()
    follow(last)
    found = shown(tmp_path)
    assert found == list(range(envoy.count))[-len(found) :]
    assert len(found) >= 5


def test_a_full_disk_ends_it_and_the_next_loses_nothing(
    tmp_path: Path, envoy: Envoy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, piece: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    envoy.write(2)
    with monkeypatch.context() as patched:
        patched.setattr(conversion.os, "write", full)
        with pytest.raises(OSError, match="full"):
            follow(Follower(tmp_path, envoy.reopen))
    follow(Follower(tmp_path, envoy.reopen))
    assert shown(tmp_path) == [0, 1]


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", True, id="it does"),
        pytest.param(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False, id="it does not"),
        pytest.param(b"", False, id="it is gone"),
    ],
)
def test_envoy_is_asked_for_another_file_at_its_socket(tmp_path: Path, answer: bytes, good: bool) -> None:
    heard: list[bytes] = []
    with conversion.socket.socket(conversion.socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "s"))
        door.listen()

        def serve() -> None:
            with door.accept()[0] as one:
                heard.append(one.recv(4096))
                one.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            if good:
                conversion.reopened(tmp_path / "s")
            else:
                with pytest.raises(ConnectionError):
                    conversion.reopened(tmp_path / "s")
        finally:
            serving.join()
    assert heard[0].startswith(b"POST /reopen_logs HTTP/1.1\r\n")


def test_nobody_at_the_socket_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        conversion.reopened(tmp_path / "s")


def test_lines_are_whole_json(tmp_path: Path, envoy: Envoy) -> None:
    envoy.write(3)
    follow(Follower(tmp_path, envoy.reopen))
    assert all(json.loads(line) for line in (tmp_path / lines.SHOWN).read_text().splitlines())
