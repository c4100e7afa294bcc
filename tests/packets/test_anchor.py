"""The anchor: comes up, is found again, holds everything, and takes everything along."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lazulite.drivers.linux import anchor
from tests.packets.owner import Owner, kinds, owner
from tests.waiting import LIMIT_S, until

pytestmark = pytest.mark.packets


@pytest.fixture(params=kinds())
def lab_owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    with owner(request.param) as made:
        yield made


@pytest.fixture
def lab(lab_owner: Owner) -> anchor.Anchor:
    return lab_owner.start()


KINDS = ("user", "mnt", "pid", "net")


def namespaces_of(pid: int | str) -> set[str]:
    return {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in KINDS}


def inhabitants() -> dict[int, set[str]]:
    """The namespaces of every process of the host. One that ended but was not reaped is in none."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if (path / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                found[int(path.name)] = namespaces_of(path.name)
    return found


def processes_in(namespaces: set[str]) -> list[int]:
    return [pid for pid, inside in inhabitants().items() if inside & namespaces]


def test_it_is_process_1_of_namespaces_of_its_own(lab_owner: Owner, lab: anchor.Anchor) -> None:
    own = namespaces_of(lab.pid) - namespaces_of(os.getpid())
    assert len(own) == (4 if lab_owner.rootless else 3)
    assert lab.rootless is lab_owner.rootless
    assert lab_owner.below(lab, ["cat", "/proc/1/cmdline"]) == "sleep\0infinity\0"
    assert lab_owner.below(lab, ["id", "-u"]) == "0"


def test_its_run_directory_is_the_labs_own(lab_owner: Owner, lab: anchor.Anchor) -> None:
    assert lab_owner.below(lab, ["ls", "/run"]) == "lazulite\nnetns"


def test_starting_twice_gives_the_same_one(lab_owner: Owner, lab: anchor.Anchor) -> None:
    assert lab_owner.start() == lab


def test_it_outlives_who_started_it_and_is_tied_to_nobody(lab: anchor.Anchor) -> None:
    """The fixture's controller has ended. Its session is its own, no descriptor is a pipe."""
    assert os.getsid(lab.launcher) == lab.launcher
    for pid in (lab.launcher, lab.pid):
        targets = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
        assert not [t for t in targets if t.startswith(("pipe:", "socket:"))]
    assert anchor.find(lab.directory) == lab


def test_orphans_are_reaped(lab_owner: Owner, lab: anchor.Anchor) -> None:
    """A daemon whose parent ended becomes a child of process 1, and is nobody's zombie when it ends too."""
    daemon = lab_owner.below(lab, ["sh", "-c", "sleep 300 >&- 2>&- & echo $!"])
    assert lab_owner.below(lab, ["cut", "-d ", "-f4", f"/proc/{daemon}/stat"]) == "1"
    lab_owner.below(lab, ["kill", "-9", daemon])
    until(lambda: lab_owner.run([*anchor.enter_command(lab), "test", "-e", f"/proc/{daemon}"]).returncode)


def test_root_cannot_reach_the_hosts_programs_through_it(lab_owner: Owner, lab: anchor.Anchor) -> None:
    assert lab_owner.run([*anchor.enter_command(lab), "touch", "/usr/lazulite"]).returncode != 0


@pytest.mark.parametrize("victim", ["process 1", "the launcher"])
def test_killing_it_leaves_nothing(lab_owner: Owner, lab: anchor.Anchor, victim: str) -> None:
    """Processes in sessions and network namespaces of their own, bind mounts, interfaces: all gone with -9."""
    mounts = Path("/proc/self/mountinfo").read_text()
    links = sorted(os.listdir("/sys/class/net"))
    script = """
    ip link add v0 type veth peer name v1
    unshare --net --uts --ipc setsid sleep 301 >&- 2>&- &
    setsid sleep 302 >&- 2>&- &
    unshare --net sh -c 'touch /run/lazulite/net/x; mount --bind /proc/self/ns/net /run/lazulite/net/x'
    unshare --mount --pid --fork setsid sleep 303 >&- 2>&- &
    """
    lab_owner.below(lab, ["sh", "-ec", script])
    own = namespaces_of(lab.pid) - namespaces_of(os.getpid())
    below = {n for pid in until(lambda: _with_children(own)) for n in namespaces_of(pid)}
    everywhere = (own | below) - namespaces_of(os.getpid())
    assert len(everywhere) >= len(own) + 3  # a network, a mount and a process namespace below the anchor's
    os.kill(lab.pid if victim == "process 1" else lab.launcher, signal.SIGKILL)
    until(lambda: not processes_in(everywhere))
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert sorted(os.listdir("/sys/class/net")) == links
    assert anchor.find(lab.directory) is None


def _with_children(namespaces: set[str]) -> list[int]:
    """The lab's processes, once the three sleeps and what they run under are all there."""
    found = processes_in(namespaces)
    sleeps = [pid for pid in found if _command(pid).startswith(b"sleep\x0030")]
    return found if len(sleeps) == 3 else []


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_stopping_it_returns_when_it_is_gone(lab: anchor.Anchor) -> None:
    own = namespaces_of(lab.pid) - namespaces_of(os.getpid())
    anchor.stop(lab)
    assert anchor.find(lab.directory) is None
    assert not processes_in(own)
    anchor.stop(lab)  # again: fine


@pytest.mark.parametrize(
    ("stat", "told"),
    [
        ("7 (a) b) Z 1 7 7 0", True),
        ("7 (sh) S 1 7 7 0", False),
        ("7 (sh) Z 6 7 7 0", False),
        ("", False),
    ],
    ids=["an orphan nobody reaped", "a daemon", "another's child", "one that is gone by now"],
)
def test_a_container_without_an_init_is_told_of(tmp_path: Path, stat: str, told: bool) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text(stat)
    assert ("docker run --init" in anchor._why(tmp_path)) is told


def test_what_somebody_stopped_halfway_does_not_keep_it(lab_owner: Owner, lab: anchor.Anchor) -> None:
    """As Ctrl-Z does: a program in the lab, and with it the one outside that waits for its end."""
    command = [*lab_owner.prefix, *anchor.enter_command(lab), "sh", "-c", "echo in; kill -STOP $$"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as entered:
        try:
            assert entered.stdout is not None
            assert entered.stdout.readline() == b"in\n"
            until(lambda: _state(entered.pid), lambda state: state == "T")
            anchor.stop(lab)
            entered.wait(LIMIT_S)
        finally:
            entered.kill()
    assert anchor.find(lab.directory) is None


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_new_one_starts_where_one_was_killed(lab_owner: Owner, lab: anchor.Anchor) -> None:
    os.kill(lab.pid, signal.SIGKILL)
    until(lambda: anchor.find(lab.directory) is None)
    assert lab_owner.start().pid != lab.pid


def test_a_reused_pid_is_not_taken_for_it(lab: anchor.Anchor) -> None:
    record = lab.directory / "anchor.pid"
    words = record.read_text().split()
    record.write_text(" ".join([*words[:21], str(int(words[21]) + 1), *words[22:]]))
    assert anchor.find(lab.directory) is None
    record.write_text(" ".join(words))


def test_another_process_is_not_taken_for_it(lab_owner: Owner) -> None:
    (lab_owner.directory / "anchor.pid").write_text(Path("/proc/self/stat").read_text())
    assert anchor.find(lab_owner.directory) is None


def test_a_refusal_of_the_host_says_why(lab_owner: Owner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\necho unshare: not permitted >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(anchor.AnchorError, match="not permitted"):
        anchor.start(lab_owner.directory)


@pytest.mark.parametrize(
    ("root", "ranges", "expected"),
    [
        pytest.param(True, False, "", id="root needs no user namespace"),
        pytest.param(False, False, "--user --map-root-user ", id="one id where there is no range"),
        pytest.param(False, True, "--user --map-root-user --map-auto ", id="a range where there is one"),
    ],
)
def test_the_launchers_options(root: bool, ranges: bool, expected: str) -> None:
    options = " ".join(anchor.unshare_command(root, ranges)[1:])
    assert options == f"{expected}--net --mount --pid --fork --kill-child --mount-proc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("ann:100000:65536\n", True, id="a range by name"),
        pytest.param("# ranges\n1000:100000:65536\n", True, id="a range by number"),
        pytest.param("bob:100000:65536\n", False, id="another's range"),
        pytest.param("ann:100000:0\n", False, id="an empty range"),
        pytest.param("ann\n", False, id="a broken line"),
        pytest.param("", False, id="no line"),
    ],
)
def test_ranges_of_ids(text: str, expected: bool) -> None:
    assert anchor.has_range("ann", 1000, text) is expected


@pytest.mark.parametrize("kind", kinds())
def test_a_lab_whose_directory_is_under_run_keeps_it(kind: str) -> None:
    """Where it often is: below ``XDG_RUNTIME_DIR``. The lab's own ``/run`` is mounted over it."""
    place = Path("/run") if os.geteuid() == 0 else Path(f"/run/user/{os.geteuid()}")
    with owner(kind, place) as made:
        (made.directory / "kept").write_text("yes")
        assert made.below(made.start(), ["cat", str(made.directory / "kept")]) == "yes"
