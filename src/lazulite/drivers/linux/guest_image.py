"""The ``/etc`` and ``/var`` that every guest of a lab starts from, made once: what the host shows to anybody, no more.

A file that not every user of the host may read stays out, and so do places that hold secrets by custom whatever their
mode. Of ``/var`` only the directories are taken: servers expect theirs to exist.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

LARGEST_FILE = 1 << 20
"""Bytes; a configuration file is smaller."""
_VAR_DEPTH = 4
_WITHHELD = {
    "NetworkManager", "apt/auth.conf", "apt/auth.conf.d", "containers", "docker", "environment", "fstab",
    "hostname", "hosts", "ipsec.d", "ipsec.secrets", "krb5.keytab", "kubernetes", "letsencrypt", "machine-id",
    "mtab", "netrc", "npmrc", "openvpn", "pip.conf", "ppp", "rancher", "resolv.conf", "shadow", "gshadow",
    "shadow-", "gshadow-", "ssh", "ssl/private", "swanctl", "systemd/network", "wireguard", "wpa_supplicant",
}  # fmt: skip
_NSSWITCH = """\
passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
ethers: files
"""
"""Names come from files and the lab's DNS alone: other sources are daemons of the host."""


AUTHORITY = "authority.pem"
"""Beside the image, when there is one: the lab's own certificate authority, which guests trust as the host's."""
_BUNDLE = "ssl/certs/ca-certificates.crt"
_HASHED = "ssl/certs/9808301e.0"
"""What OpenSSL looks for: the hash is that of the authority's name, which never changes."""

_making = threading.Lock()


def ensure(image: Path) -> None:
    """Make the image unless it is there. Half an image is never seen: it gets its name last."""
    with _making:
        if not image.is_dir():
            _make(image)


def _make(image: Path) -> None:
    draft = image.with_name(f"{image.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _copy(Path("/etc"), draft / "etc", "")
    _own_files(draft / "etc")
    _trust(draft / "etc", image.with_name(AUTHORITY))
    _directories(Path("/var"), draft / "var", _VAR_DEPTH)
    _own_places(draft / "var")
    draft.rename(image)


def _copy(source: Path, target: Path, name: str) -> None:
    """The public part of a tree; *name* is its place below ``/etc``."""
    target.mkdir()
    for entry in sorted(os.scandir(source), key=lambda e: e.name):
        place = f"{name}/{entry.name}".lstrip("/")
        if place in _WITHHELD:
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target / entry.name)
        elif entry.is_dir() and _public(entry, 0o005):
            _copy(Path(entry.path), target / entry.name, place)
        elif entry.is_file() and _public(entry, 0o004) and entry.stat().st_size <= LARGEST_FILE:
            shutil.copyfile(entry.path, target / entry.name)
            (target / entry.name).chmod(entry.stat().st_mode & 0o755)


def _public(entry: os.DirEntry[str], wanted: int) -> bool:
    return entry.stat().st_mode & wanted == wanted


def _directories(source: Path, target: Path, depth: int) -> None:
    """The directories anybody may list, empty."""
    target.mkdir()
    for entry in os.scandir(source) if depth else ():
        if entry.is_dir(follow_symlinks=False) and _public(entry, 0o005):
            _directories(Path(entry.path), target / entry.name, depth - 1)


def _own_files(etc: Path) -> None:
    (etc / "nsswitch.conf").unlink(missing_ok=True)
    (etc / "nsswitch.conf").write_text(_NSSWITCH)
    (etc / "fstab").write_text("")
    (etc / "mtab").symlink_to("/proc/self/mounts")
    accounts = [line.split(":")[0] for line in (etc / "passwd").read_text().splitlines() if ":" in line]
    for name in ("shadow", "gshadow"):
        (etc / name).touch(mode=0o600)
    (etc / "shadow").write_text("".join(f"{account}:*:19000:0:99999:7:::\n" for account in accounts))


def _trust(etc: Path, authority: Path) -> None:
    if authority.exists():
        (etc / _BUNDLE).parent.mkdir(parents=True, exist_ok=True)
        with (etc / _BUNDLE).open("ab") as bundle:
            bundle.write(b"\n" + authority.read_bytes())
        shutil.copyfile(authority, etc / _HASHED)


def _own_places(var: Path) -> None:
    for name, target in (("run", "/run"), ("lock", "/run/lock")):
        if (var / name).is_dir():
            (var / name).rmdir()
        (var / name).symlink_to(target)
    for name in ("log", "lib", "cache", "spool", "tmp"):
        (var / name).mkdir(exist_ok=True)
    (var / "tmp").chmod(0o1777)
