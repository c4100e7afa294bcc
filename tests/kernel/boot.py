"""Run one command under Debian 12's own kernel, with this machine's files and no privilege over this machine.

QEMU interprets the guest (TCG), so neither KVM nor root is needed and nothing is installed: the kernel package is
unpacked into ``build/kernel``. The guest sees the host's root through a read-only virtio-9p share with an overlay in
memory on top, so a command may write anywhere and nothing it writes survives. ``/tmp`` and ``/run`` are empty.

The first serial port carries the kernel's console, the next three the command's output, its errors and its exit code.
"""

import argparse
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

SCRATCH = Path(__file__).resolve().parents[2] / "build" / "kernel"
META_PACKAGE = "linux-image-amd64"
"""Depends on the newest kernel of the release. The ``cloud`` flavour is built without 9p, so it cannot see our root."""
SERIES = "linux-image-6.1."
BOOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
"""What has to be in the initramfs; everything else is loaded on demand from the modules share."""
PASSED_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "TERM")
MEMORY_MIB = 2048
CONSOLE_TAIL = 30
"""Lines of the kernel's console quoted when the guest ends without an exit code."""

INIT = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /bin /sbin /proc /sys /dev /lower /over /new
/bin/busybox --install -s /bin
mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t devtmpfs devtmpfs /dev
for module in {modules}; do modprobe $module || echo "no module $module"; done
share=trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000
mount -t 9p -o $share host /lower && mount -t tmpfs tmpfs /over && mkdir /over/upper /over/work
mount -t overlay -o lowerdir=/lower,upperdir=/over/upper,workdir=/over/work overlay /new
mkdir -p /new/.guest /new/lib/modules/{release}
cp -a /guest/. /new/.guest/
mount -t 9p -o $share modules /new/lib/modules/{release}
mount -t proc proc /new/proc && mount -t sysfs sysfs /new/sys && mount -t devtmpfs devtmpfs /new/dev
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts devpts /new/dev/pts && mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
for empty in tmp run dev/shm; do mount -t tmpfs -o mode=1777 tmpfs /new/$empty; done
mkdir -p /new/run/netns /new/run/lock
echo /.guest/modprobe > /proc/sys/kernel/modprobe
modprobe tun
ip link set lo up
exec switch_root /new /.guest/busybox sh /.guest/command
"""
"""Process 1 of the initramfs: mounts the host's files and hands over to :data:`COMMAND`."""

COMMAND = """\
for port in 1 2 3; do /.guest/busybox stty -F /dev/ttyS$port raw -echo 115200; done
cd {directory} 2>/dev/null || cd /
/usr/bin/env -i {environment} {command} </dev/null >/dev/ttyS1 2>/dev/ttyS2
echo $? >/dev/ttyS3
/.guest/busybox poweroff -f
"""
"""Process 1 after ``switch_root``. Closing a serial port waits until it is drained, so nothing is lost at the end."""


class GuestFailed(Exception):
    """The guest ended without an exit code; the message quotes the end of its console."""


class KernelUnavailable(Exception):
    """The package source of this machine offers no kernel of the wanted series."""


def run_in_kernel(argv: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    """Boot, run *argv* as root in the caller's working directory, power off.

    Raises ``subprocess.TimeoutExpired`` after *timeout_s* seconds of wall clock (the guest is killed),
    :class:`GuestFailed` when the kernel or its start-up failed, :class:`KernelUnavailable` when there is no kernel.
    """
    kernel = prepared_kernel()
    with tempfile.TemporaryDirectory(prefix="guest-") as name:
        folder = Path(name)
        (folder / "initramfs").write_bytes(initramfs(kernel, argv))
        emulate(kernel, folder, argv, timeout_s)
        return outcome(folder, argv)


def emulate(kernel: Path, folder: Path, argv: Sequence[str], timeout_s: float) -> None:
    with (folder / "emulator").open("wb") as complaints:
        process = subprocess.Popen(emulator(kernel, folder), stdout=complaints, stderr=complaints)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise subprocess.TimeoutExpired(
                argv, timeout_s, *(_port(folder, name) for name in ("out", "err"))
            ) from None
        finally:
            process.kill()
            process.wait()


def emulator(kernel: Path, folder: Path) -> list[str]:
    """The command line of the emulator; its four serial ports end in files of *folder*."""
    ports = [word for name in ("console", "out", "err", "code") for word in ("-serial", f"file:{folder / name}")]
    shares = [word for tag, path in (("host", Path("/")), ("modules", modules_of(kernel))) for word in share(tag, path)]
    return [
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MIB)),
        *("-nodefaults", "-no-reboot", "-display", "none"),
        *("-kernel", str(next((kernel / "boot").glob("vmlinuz-*"))), "-initrd", str(folder / "initramfs")),
        *("-append", "console=ttyS0 quiet panic=-1 mitigations=off"),
        *ports,
        *shares,
    ]


def share(tag: str, path: Path) -> tuple[str, str]:
    options = f"local,path={path},mount_tag={tag},security_model=none,readonly=on,multidevs=remap"
    return "-virtfs", options


def outcome(folder: Path, argv: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    code = _port(folder, "code").strip()
    if not code:
        said = _port(folder, "emulator") + _port(folder, "console")
        raise GuestFailed("\n".join(said.decode(errors="replace").splitlines()[-CONSOLE_TAIL:]))
    return subprocess.CompletedProcess(argv, int(code), _port(folder, "out"), _port(folder, "err"))


def _port(folder: Path, name: str) -> bytes:
    path = folder / name
    return path.read_bytes() if path.exists() else b""


def initramfs(kernel: Path, argv: Sequence[str]) -> bytes:
    """The first files of the guest: a shell, the modules that reach the host's root, and what to run there."""
    modules = modules_of(kernel)
    busybox = (kernel / "bin" / "busybox").read_bytes()
    files = {
        "init": INIT.format(modules=" ".join(BOOT_MODULES), release=modules.name).encode(),
        "bin/busybox": busybox,
        "guest/busybox": busybox,
        "guest/command": command(argv, os.environ, Path.cwd()).encode(),
        f"lib/modules/{modules.name}/modules.dep": (modules / "modules.dep").read_bytes(),
    }
    dependencies = parse_dependencies((modules / "modules.dep").read_text())
    for path in needed_modules(BOOT_MODULES, dependencies):
        files[f"lib/modules/{modules.name}/{path}"] = (modules / path).read_bytes()
    return archive(files, {"guest/modprobe": "busybox"})


def command(argv: Sequence[str], environment: Mapping[str, str], directory: Path) -> str:
    passed = [f"{name}={environment[name]}" for name in PASSED_ENVIRONMENT if name in environment]
    return COMMAND.format(
        directory=shlex.quote(str(directory)), environment=shlex.join(passed), command=shlex.join(argv)
    )


def parse_dependencies(text: str) -> dict[str, list[str]]:
    """``modules.dep``: the path of each module with the paths it needs."""
    lines = (line.partition(":") for line in text.splitlines())
    return {path: needs.split() for path, _, needs in lines}


def needed_modules(names: Iterable[str], dependencies: Mapping[str, Sequence[str]]) -> list[str]:
    """Paths of the modules *names* and of all they need, each once. A name that is built in has no path."""
    wanted = [path for path in dependencies if Path(path).stem.replace("-", "_") in names]
    found: dict[str, None] = {}
    while wanted:
        path = wanted.pop()
        if path not in found:
            found[path] = None
            wanted.extend(dependencies[path])
    return sorted(found)


def archive(files: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    """A cpio archive in the ``newc`` format the kernel unpacks (Documentation/driver-api/early-userspace)."""
    folders = sorted({str(parent) for path in [*files, *links] for parent in Path(path).parents} - {"."})
    entries: list[tuple[str, int, bytes]] = [(path, stat.S_IFDIR | 0o755, b"") for path in folders]
    entries += [(path, stat.S_IFREG | 0o755, content) for path, content in files.items()]
    entries += [(path, stat.S_IFLNK | 0o777, target.encode()) for path, target in links.items()]
    entries.append(("TRAILER!!!", 0, b""))
    return b"".join(_records(entries))


def _records(entries: Iterable[tuple[str, int, bytes]]) -> Iterator[bytes]:
    for inode, (path, mode, content) in enumerate(entries, start=1):
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path) + 1, 0)
        yield _padded(b"070701" + b"".join(b"%08x" % field for field in fields) + path.encode() + b"\0")
        yield _padded(content)


def _padded(record: bytes) -> bytes:
    return record + bytes(-len(record) % 4)


def modules_of(kernel: Path) -> Path:
    return next((kernel / "lib" / "modules").iterdir())


def prepared_kernel() -> Path:
    """The unpacked kernel and its shell, fetched on first use. Raises :class:`KernelUnavailable`."""
    package = kernel_package()
    kernel = SCRATCH / package
    if not kernel.exists():
        SCRATCH.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SCRATCH) as name:
            unpack((package, "busybox-static"), Path(name))
            os.rename(Path(name) / "root", kernel)
    return kernel


def kernel_package() -> str:
    """The package that :data:`META_PACKAGE` stands for; an unpacked one will do where there is no package source."""
    if shutil.which("apt-cache") is None:
        unpacked = sorted(path.name for path in SCRATCH.glob(f"{SERIES}*"))
    else:
        listed = subprocess.run(["apt-cache", "depends", META_PACKAGE], capture_output=True, text=True, check=False)
        unpacked = [word for word in listed.stdout.split() if word.startswith(SERIES)]
    if not unpacked:
        raise KernelUnavailable(f"{META_PACKAGE} is no {SERIES}* here; this needs the package source of Debian 12")
    return unpacked[-1]


def unpack(packages: Iterable[str], folder: Path) -> None:
    """Download *packages* into *folder* and extract them into ``folder/root``; nothing is installed."""
    fetch = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *packages]
    subprocess.run(fetch, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    root = folder / "root"
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    subprocess.run([root / "bin" / "busybox", "depmod", "-b", root, modules_of(root).name], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/kernel/run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="wall clock, boot included")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("a command is needed")
    try:
        done = run_in_kernel(arguments.command, arguments.timeout)
    except subprocess.TimeoutExpired as late:
        done = subprocess.CompletedProcess(late.cmd, 124, late.output, f"{late}\n".encode())
    except (GuestFailed, KernelUnavailable) as failure:
        done = subprocess.CompletedProcess(arguments.command, 125, b"", f"{failure}\n".encode())
    sys.stdout.buffer.write(done.stdout)
    sys.stderr.buffer.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
