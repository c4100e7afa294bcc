"""Guests: what is inside, what cannot be reached from there, how commands get in, and that all of it goes."""

from __future__ import annotations

import base64
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from lazulite.drivers.linux import anchor, guest_image, guests, names
from lazulite.drivers.linux.guests import Init, Workload
from lazulite.forwarding.model import Guest, InternetHost
from tests.packets.owner import PATIENCE_S, Owner, kinds, owner
from tests.waiting import until

pytestmark = pytest.mark.packets

_HEADER = """
import base64, json, os, subprocess, sys
from lazulite.drivers.linux import guests, names, namespaces
from lazulite.forwarding.model import Guest, InternetHost, Script
"""
WEB = Guest("/vms/web", "web", "web-0", (ip_address("168.63.129.16"),), "corp.example", guid="1")
DB = Guest("/vms/db", "db", "db-0", guid="1")
VISITOR = InternetHost("/clients/visitor", "visitor", "1", (ip_address("198.18.0.9"),))


class Lab(NamedTuple):
    """A running lab and its owner."""

    owner: Owner
    anchor: anchor.Anchor

    def python(self, code: str) -> str:
        """What a program below the anchor prints."""
        program = _HEADER + textwrap.dedent(code)
        return self.owner.below(self.anchor, [sys.executable, "-c", program])

    def start(self, workload: Workload) -> Init:
        """Start the guest as the agent does."""
        kind = type(workload).__name__
        fields = {f: getattr(workload, f) for f in ("name", "label", "guid")}
        fields |= {"hostname": workload.hostname} if isinstance(workload, Guest) else {"addresses": ()}
        if isinstance(workload, Guest):
            fields |= {"nameservers": [str(n) for n in workload.nameservers], "search": workload.search}
        words = self.python(f"init = guests.start({kind}(**{fields!r})); print(init.pid, init.guid)").split()
        return Init(int(words[0]), words[1])

    def stop(self, workload: Workload) -> None:
        self.python(f"guests.stop({names.guest(workload.name)!r}); namespaces.remove({names.guest(workload.name)!r})")

    def command(self, init: Init, argv: list[str], **options: Any) -> list[str]:
        """What the owner starts on the host."""
        return [*self.owner.prefix, *guests.enter_command(self.anchor, init, argv, **options)]

    def run(self, init: Init, script: str) -> subprocess.CompletedProcess[str]:
        command = self.command(init, ["sh", "-c", script])
        return subprocess.run(command, input="", capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def output(self, init: Init, script: str) -> str:
        done = self.run(init, script)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module", params=kinds())
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with owner(request.param) as made:
        yield Lab(made, made.start())


@pytest.fixture(scope="module")
def web(lab: Lab) -> Init:
    return lab.start(WEB)


@pytest.fixture(scope="module")
def db(lab: Lab) -> Init:
    return lab.start(DB)


def test_a_guest_has_a_name_and_resolvers_of_its_own(lab: Lab, web: Init) -> None:
    assert lab.output(web, "hostname; cat /etc/hostname; hostname -f") == "web-0\nweb-0\nweb-0.corp.example"
    assert lab.output(web, "cat /etc/resolv.conf") == "nameserver 168.63.129.16\nsearch corp.example"
    assert lab.output(web, "grep hosts: /etc/nsswitch.conf") == "hosts: files dns"
    assert lab.output(web, "cat /etc/machine-id") != Path("/etc/machine-id").read_text().strip()


def test_new_resolvers_reach_a_running_guest(lab: Lab, db: Init) -> None:
    lab.python("""
    from ipaddress import ip_address
    guests.refresh(Guest("/vms/db", "db", "db-0", (ip_address("10.0.0.9"),), guid="1"))
    """)
    assert lab.output(db, "cat /etc/resolv.conf") == "nameserver 10.0.0.9"


def test_a_guest_sees_its_own_processes_only(lab: Lab, web: Init) -> None:
    assert lab.output(web, "ps -eo args= | grep -v ps").splitlines()[0] == "sleep infinity"
    assert len(lab.output(web, "ls -d /proc/[0-9]*").splitlines()) <= 4


def test_a_guest_sees_nothing_of_the_hosts_files(lab: Lab, web: Init) -> None:
    with tempfile.NamedTemporaryFile() as canary:
        assert lab.run(web, f"test -e {canary.name}").returncode == 1
    assert lab.run(web, f"test -e {lab.owner.directory}").returncode == 1
    assert lab.output(web, "ls -A /root /home /tmp /run /opt /srv /mnt").split() == [
        f"/{name}:" for name in sorted(("home", "mnt", "opt", "root", "run", "srv", "tmp"))
    ]
    assert "lazulite-startup.log" not in lab.output(web, "ls /var/log")
    visible = lab.output(web, "find / -xdev -maxdepth 1 -printf '%f '").split()
    assert set(visible) <= {"/", "bin", "sbin", "lib", "lib32", "lib64", "libx32", *guest_directories()}


def guest_directories() -> set[str]:
    return {"usr", "etc", "var", "run", "root", "home", "tmp", "srv", "mnt", "opt", "dev", "proc", "sys"}


def test_a_guest_holds_no_secret_of_the_host(lab: Lab, web: Init) -> None:
    """Every file of its /etc is one that anybody may read on the host, or its own."""
    listed = lab.output(web, "find /etc -type f").splitlines()
    own = {"/etc/shadow", "/etc/gshadow", "/etc/hostname", "/etc/hosts", "/etc/machine-id", "/etc/resolv.conf"}
    unreadable = [p for p in listed if p not in own and Path(p).exists() and not Path(p).stat().st_mode & 0o004]
    assert not unreadable
    assert set(lab.output(web, "cut -d: -f2 /etc/shadow").split()) == {"*"}
    assert lab.run(web, "ls /etc/ssl/private /etc/ssh/ssh_host_rsa_key /etc/kubernetes").returncode != 0


def test_sockets_of_the_host_are_out_of_reach(lab: Lab, web: Init) -> None:
    connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1].replace('@', chr(0)))"
    for address in ("\0lazulite-test", str(lab.owner.directory / "x.sock")):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(address)
            server.listen()
            shown = address.replace("\0", "@")
            subprocess.run([sys.executable, "-c", connect, shown], check=True)  # the host itself can
            assert "Error" in lab.run(web, f'python3 -c "{connect}" {shown}').stderr


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param("touch /usr/bin/x", id="write to the host's programs"),
        pytest.param("mount -o remount,rw,bind /usr", id="make them writable"),
        pytest.param("umount -l /proc/sys", id="take a seal away"),
        pytest.param("mount -t tmpfs x /mnt", id="mount anything"),
        pytest.param("mount -t proc p /proc", id="look at processes anew"),
        pytest.param("echo 1 > /proc/sys/kernel/panic", id="change the host's kernel settings"),
        pytest.param("echo h > /proc/sysrq-trigger", id="reach for the host's keyboard"),
        pytest.param("mknod /tmp/disk b 254 0", id="make a device"),
        pytest.param("touch /sys/x", id="write to /sys"),
        pytest.param("kill -9 1; sleep 0; kill -0 1 && exit 1", id="end its own init"),
        pytest.param("dmesg", id="read the kernel's log"),
    ],
)
def test_root_of_a_guest_cannot(lab: Lab, web: Init, attempt: str) -> None:
    assert lab.run(web, attempt).returncode != 0


def test_root_of_a_guest_rules_its_network_and_its_files(lab: Lab, web: Init) -> None:
    script = """
    set -e
    sysctl -qw net.ipv4.ip_forward=1
    ip link set lo up && ip address add 10.9.9.9/32 dev lo && ip route add blackhole 10.8.0.0/16
    nft add table inet t
    ping -c1 -W30 10.9.9.9 > /dev/null
    timeout 5 tcpdump -i lo -c1 --immediate-mode 2> /dev/null > /tmp/captured & sleep 0
    echo x >> /etc/hosts; touch /etc/new /var/log/new /root/new; rm /etc/new
    mkdir /etc/apt/new; rm -r /etc/bash.bashrc
    python3 -c 'print(6 * 7)'; curl --version > /dev/null
    """
    assert lab.output(web, script) == "42"
    assert Path("/etc/bash.bashrc").exists()
    assert lab.output(web, "cat /proc/sys/net/ipv4/ip_forward; ls /sys/class/net") == "1\nlo"


def test_guests_share_nothing(lab: Lab, web: Init, db: Init) -> None:
    lab.output(web, "echo secret > /etc/of-web; echo secret > /tmp/of-web; sleep 300 > /dev/null 2>&1 &")
    assert lab.run(db, "cat /etc/of-web /tmp/of-web").stdout == ""
    assert "sleep 300" not in lab.output(db, "ps -eo args=")
    assert lab.output(db, "readlink /proc/self/ns/net") != lab.output(web, "readlink /proc/self/ns/net")


def test_a_background_process_lives_from_command_to_command(lab: Lab, web: Init) -> None:
    daemon = lab.output(web, "setsid sleep 299 > /dev/null 2>&1 & echo $!")
    assert lab.output(web, f"cat /proc/{daemon}/comm") == "sleep"
    assert lab.output(web, f"cut -d ' ' -f 4 /proc/{daemon}/stat") == "1"
    lab.output(web, f"kill -9 {daemon}")
    until(lambda: lab.run(web, f"test -e /proc/{daemon}").returncode)  # reaped


def test_an_exit_status_passes(lab: Lab, web: Init) -> None:
    assert lab.run(web, "exit 7").returncode == 7
    assert lab.run(web, "kill -9 $$").returncode == -signal.SIGKILL


def test_input_passes_and_output_stays_apart(lab: Lab, web: Init) -> None:
    command = lab.command(web, ["sh", "-c", "cat; echo aside >&2"])
    done = subprocess.run(command, input=b"a\0b\xff", capture_output=True, timeout=PATIENCE_S, check=True)
    assert (done.stdout, done.stderr) == (b"a\0b\xff", b"aside\n")


def test_a_command_starts_in_a_clean_environment(lab: Lab, web: Init, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    shown = lab.output(web, "pwd; env").splitlines()
    assert shown[0] == "/root"
    assert {line.split("=")[0] for line in shown[1:]} == {
        *("HOME", "USER", "LOGNAME", "SHELL", "LANG", "TERM", "PATH", "PWD")
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_ending_the_caller_ends_the_command(lab: Lab, web: Init, number: signal.Signals) -> None:
    """Whatever ends it on the host, nothing goes on in the guest."""
    command = lab.command(web, ["sh", "-c", "echo started; exec sleep 298"])
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as caller:
        try:
            assert caller.stdout is not None
            assert caller.stdout.readline() == b"started\n"
            caller.send_signal(number)
            assert caller.wait(PATIENCE_S) == -number
        finally:
            caller.kill()
        until(lambda: "sleep 298" not in lab.output(web, "ps -eo args="))


def test_a_terminal_has_job_control(lab: Lab, web: Init) -> None:
    """Ctrl-C ends the program in the foreground and leaves the shell, whose exit status passes."""
    ours, theirs = os.openpty()
    command = lab.command(web, ["bash", "--norc", "-i"], tty=True, term="xterm")
    caller = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    try:
        os.close(theirs)
        seen = _read_until(ours, b"# ")
        for text, answer in (
            # Its own word says that it runs in the foreground: an earlier Ctrl-C would be the shell's.
            (b"sh -c 'echo r$((1+1)); exec sleep $((300-3))'\n", b"r2"),
            (b"\x03", b"# "),
            (b"echo $((40+2))$TERM\n", b"42xterm"),
        ):
            os.write(ours, text)
            seen += _read_until(ours, answer)
        os.write(ours, b"exit 5\n")
        assert caller.wait(PATIENCE_S) == 5
    finally:
        caller.kill()
        caller.wait()
    os.close(ours)
    assert b"no job control" not in seen


def _read_until(terminal: int, wanted: bytes) -> bytes:
    """What comes, up to *wanted*, which must not be in what is echoed before."""
    seen = b""
    while wanted not in seen:
        assert select.select([terminal], [], [], PATIENCE_S)[0], seen
        seen += os.read(terminal, 4096)
    return seen


def test_a_client_on_the_internet_is_a_guest_too(lab: Lab) -> None:
    assert lab.output(lab.start(VISITOR), "hostname") == "visitor"


def test_the_owner_finds_a_guests_namespaces_on_the_host(lab: Lab, web: Init) -> None:
    paths = guests.namespace_paths(lab.anchor, WEB.name)
    user = [f"--user={paths['user']}", "--preserve-credentials"] if lab.owner.rootless else []
    entered = lab.owner.output(["nsenter", *user, f"--net={paths['net']}", "readlink", "/proc/self/ns/net"])
    assert entered == lab.output(web, "readlink /proc/self/ns/net")


def test_starting_again_gives_the_same_init(lab: Lab, web: Init) -> None:
    assert lab.start(WEB) == web


def test_a_guest_that_stops_leaves_nothing(lab: Lab) -> None:
    """Processes, record and namespace are gone, and what it had written with them."""
    guest = Guest("/vms/short", "short", "short", guid="1")
    init = lab.start(guest)
    lab.output(init, "touch /etc/mine; ip address add 10.7.7.7 dev lo; setsid sleep 296 > /dev/null 2>&1 &")
    lab.stop(guest)
    assert "sleep 296" not in lab.owner.below(lab.anchor, ["ps", "-eo", "args="])
    assert lab.python("print('guest.short' in str(guests.running()) + str(namespaces.names()))") == "False"
    again = lab.start(guest)
    assert lab.run(again, "test -e /etc/mine").returncode == 1
    assert "10.7.7.7" not in lab.output(again, "ip address")
    lab.stop(guest)


def test_a_guest_that_cannot_start_says_why(lab: Lab) -> None:
    said = lab.python("""
    guests.IMAGE = guests.Path("/run/lazulite/none")
    guests.guest_image.ensure = lambda image: None
    try:
        guests.start(Guest("/vms/broken", "broken", "broken"))
    except guests.GuestError as error:
        print(error, guests.find("/vms/broken"))
    """)
    assert said.startswith("broken does not start:")
    assert "/run/lazulite/none" in said
    assert said.endswith("None")


def test_where_overlays_are_refused_a_guest_gets_copies(lab: Lab) -> None:
    found = lab.python("""
    from lazulite.drivers.linux import isolation
    import pathlib
    base = pathlib.Path("/run/lazulite/copy"); (base / "t").mkdir(parents=True)
    plain = isolation.mount
    def mount(source, target, kind="", *rest, **more):
        if kind == "overlay":
            raise PermissionError("overlays are refused")
        plain(source, target, kind, *rest, **more)
    isolation.mount = mount
    guests.guest_image.ensure(guests.IMAGE)
    isolation._writable(f"{guests.IMAGE}/etc", str(base / "t"), str(base / "layers"))
    print((base / "t/nsswitch.conf").read_text().split()[1])
    """)
    assert found == "files"


class Started(NamedTuple):
    """A guest and its commands for scripts."""

    lab: Lab
    init: Init

    def once(self, kind: str, body: bytes, guid: str = "1") -> subprocess.CompletedProcess[str]:
        """Run the body as the agent does."""
        text = base64.b64encode(body).decode()
        found = self.lab.python(f"""
        init = guests.find("/vms/scripted")
        script = Script("/scripts/s", "s", "/vms/scripted", {text!r}, {guid!r})
        command = guests.{kind}(init, script) if {kind!r} != "run_command" else guests.run_command(init)
        given = script.body if {kind!r} != "run_command" else base64.b64decode(script.body).decode()
        done = subprocess.run(command, input=given, capture_output=True, text=True)
        print(json.dumps([done.returncode, done.stdout, done.stderr]))
        """)
        return subprocess.CompletedProcess([], *msgspec.json.decode(found))


@pytest.fixture
def scripted(lab: Lab) -> Iterator[Started]:
    guest = Guest("/vms/scripted", "scripted", "scripted", guid="1")
    yield Started(lab, lab.start(guest))
    lab.stop(guest)


def test_custom_data_runs_once_and_leaves_its_output(scripted: Started) -> None:
    body = b"#!/bin/bash\necho hello $(hostname)\necho aside >&2\necho run >> /root/runs\nexit 3\n"
    assert [scripted.once("custom_data_command", body).returncode for _ in range(2)] == [3, 3]
    assert scripted.lab.output(scripted.init, f"cat {guests.STARTUP_LOG} /root/runs") == "hello scripted\naside\nrun"
    assert scripted.lab.output(scripted.init, f"head -n 1 {guests.CUSTOM_DATA}") == "#!/bin/bash"


def test_custom_data_that_is_no_script_is_kept(scripted: Started) -> None:
    done = scripted.once("custom_data_command", b"#cloud-config\npackages: []\n")
    assert (done.returncode, "not a script" in done.stdout) == (0, True)
    assert scripted.lab.output(scripted.init, f"cat {guests.CUSTOM_DATA}") == "#cloud-config\npackages: []"


def test_a_script_runs_once_for_its_guid(scripted: Started) -> None:
    body = b"echo out; echo err >&2; echo run >> /root/runs; exit 4"
    done = [scripted.once("script_command", body, guid) for guid in ("1", "1", "2")]
    assert {(d.returncode, d.stdout, d.stderr) for d in done} == {(4, "out\n", "err\n")}
    assert scripted.lab.output(scripted.init, "cat /root/runs") == "run\nrun"


def test_a_second_start_waits_for_the_first(scripted: Started) -> None:
    """As when the agent was killed meanwhile: the script goes on, its end is told to the next."""
    wait = b"#!/bin/sh\necho begun >> /root/begun\nuntil [ -e /root/go ]; do sleep 0.01; done\necho end\nexit 6\n"
    text = base64.b64encode(wait).decode()
    code = f"""
    command = guests.custom_data_command(guests.find("/vms/scripted"), Script("", "", "", {text!r}))
    done = subprocess.run(command, input={text!r}, capture_output=True, text=True)
    print(done.returncode, done.stdout)
    """
    lab, program = scripted.lab, [sys.executable, "-c", _HEADER + textwrap.dedent(code)]
    command = [*lab.owner.prefix, *anchor.enter_command(lab.anchor), *program]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as first:
        until(lambda: lab.run(scripted.init, "test -e /root/begun").returncode == 0)
        first.kill()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as second:
        lab.output(scripted.init, "touch /root/go")
        assert second.communicate(timeout=PATIENCE_S)[0] == "6 end\n\n"
    assert lab.output(scripted.init, "cat /root/begun") == "begun"


def test_a_daemon_left_behind_keeps_no_one_waiting(scripted: Started) -> None:
    done = scripted.once("run_command", b"sleep 295 &\necho left; exit 2")
    assert (done.returncode, done.stdout) == (2, "left\n")
    assert "sleep 295" in scripted.lab.output(scripted.init, "ps -eo args=")


def test_of_much_output_the_end_is_reported(scripted: Started) -> None:
    done = scripted.once("run_command", b"#!/usr/bin/env python3\nprint('x' * 99999 + 'end')\n")
    assert done.stdout.endswith("xend\n")
    assert len(done.stdout) == guests.OUTPUT_LIMIT


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        pytest.param(WEB, "web-0", id="a machine's computer name"),
        pytest.param(VISITOR, "visitor", id="a client's own name"),
        pytest.param(Guest("n", "l", "a_b.c"), "a-b-c", id="what resolvers do not take becomes a dash"),
        pytest.param(Guest("n", "l", "x" * 70), "x" * 63, id="63 characters"),
        pytest.param(Guest("n", "l", "--"), "localhost", id="never none"),
    ],
)
def test_hostnames(workload: Workload, expected: str) -> None:
    assert guests.hostname(workload) == expected


def test_identities_differ_between_incarnations() -> None:
    first, second = (guests.files(msgspec.structs.replace(WEB, guid=g))["etc/machine-id"] for g in "12")
    assert first != second
    assert len(first) == 33


def test_the_image_holds_only_what_anybody_may_read(tmp_path: Path) -> None:
    image = tmp_path / "image"
    guest_image.ensure(image)
    private = [p for p in Path("/etc").rglob("*") if p.is_file() and not p.stat().st_mode & 0o004]
    copied = {str(p.relative_to(image)) for p in image.rglob("*") if p.is_file()} - {"etc/shadow", "etc/gshadow"}
    assert not [p for p in private if str(p)[1:] in copied]
    assert not [p for p in image.joinpath("var").rglob("*") if p.is_file() and not p.is_symlink()]
    before = sorted(os.listdir(image / "etc"))
    guest_image.ensure(image)  # is there already
    assert sorted(os.listdir(image / "etc")) == before
