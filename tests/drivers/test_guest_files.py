"""Files of a guest, opened from outside it. The guest is a process of ours in a root of its own making."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lazulite.drivers.linux import guest_files
from lazulite.drivers.linux.guests import Init


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that stands for the guest's root: the path below ``/proc`` leads there."""
    held, real = tmp_path / "root", os.open
    held.mkdir()
    (tmp_path / "secret").mkdir()

    def opened(path: str, flags: int, *more: int) -> int:
        return real(str(held) if path == "/proc/7/root" else path, flags, *more)

    monkeypatch.setattr(os, "open", opened)
    yield held
    assert list((tmp_path / "secret").iterdir()) == [], "nothing was made outside the guest"


GUEST = Init(7, "1")


def write(path: str, content: bytes = b"x") -> None:
    opened = guest_files.open_file(GUEST, path)
    try:
        os.write(opened, content)
    finally:
        os.close(opened)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        pytest.param("/one.cap", "one.cap", id="in the root itself"),
        pytest.param("/var/log/x/one.cap", "var/log/x/one.cap", id="with all the directories it is in"),
        pytest.param("var/one.cap", "var/one.cap", id="without its first slash"),
        pytest.param("/../../secret/one.cap", "secret/one.cap", id="dots lead no higher than the root"),
    ],
)
def test_a_file_is_made_where_it_is_missing(root: Path, path: str, where: str) -> None:
    write(path)
    assert (root / where).read_bytes() == b"x"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_who_may_read_it_does_not_depend_on_the_agents_umask(root: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write("/captures/one.cap")
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / "captures").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "captures" / "one.cap").stat().st_mode) == 0o644


def test_a_file_that_is_there_keeps_its_content_and_its_mode(root: Path) -> None:
    (root / "one.cap").write_bytes(b"abc")
    (root / "one.cap").chmod(0o600)
    write("/one.cap")
    assert (root / "one.cap").read_bytes() == b"xbc"
    assert stat.S_IMODE((root / "one.cap").stat().st_mode) == 0o600


def test_a_directory_that_is_there_keeps_its_mode(root: Path) -> None:
    (root / "captures").mkdir(mode=0o700)
    write("/captures/one.cap")
    assert stat.S_IMODE((root / "captures").stat().st_mode) == 0o700


def test_a_link_of_the_guest_leads_within_the_guest(root: Path, tmp_path: Path) -> None:
    """Its absolute target is that of the guest's own root, wherever that is."""
    (root / "tmp").mkdir()
    (root / "captures").symlink_to("/tmp")
    write("/captures/one.cap")
    assert (root / "tmp" / "one.cap").read_bytes() == b"x"


@pytest.mark.parametrize(
    "target", ["../secret", "../../../../../../secret", "{outside}"], ids=["up", "far up", "absolute"]
)
def test_no_link_of_the_guest_leads_out_of_it(root: Path, tmp_path: Path, target: str) -> None:
    (root / "captures").symlink_to(target.format(outside=tmp_path / "secret"))
    try:
        write("/captures/one.cap")
    except OSError:
        return
    assert (root / "secret" / "one.cap").exists()


def test_a_link_in_the_place_of_the_file_leads_nowhere_else_either(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (root / "one.cap").symlink_to(tmp_path / "secret.txt")
    with contextlib.suppress(OSError):
        write("/one.cap")
    assert (tmp_path / "secret.txt").read_bytes() == b"secret"


def test_links_that_lead_in_a_circle_are_an_error(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(OSError, match="/a"):
        write("/a/one.cap")


def other_kind(kind: str, path: Path) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))


@pytest.mark.parametrize("kind", ["pipe", "directory", "socket"])
def test_what_is_no_file_is_not_opened_and_does_not_make_anybody_wait(root: Path, kind: str) -> None:
    other_kind(kind, root / "one.cap")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match=r"one\.cap"):
        write("/one.cap")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_pipe_that_somebody_reads_is_no_file_either(root: Path) -> None:
    os.mkfifo(root / "one.cap")
    reading = os.open(root / "one.cap", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(OSError, match=r"/one\.cap is not a file"):
            write("/one.cap")
    finally:
        os.close(reading)


def test_a_file_in_the_place_of_a_directory_is_an_error(root: Path) -> None:
    (root / "captures").write_bytes(b"")
    with pytest.raises(OSError, match="captures"):
        write("/captures/one.cap")


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        write(f"/a/b/c{number}/one.cap")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_guest_that_is_gone_is_an_error() -> None:
    with pytest.raises(OSError, match="/proc/"):
        guest_files.open_file(Init(2**22 + 1, "1"), "/one.cap")
