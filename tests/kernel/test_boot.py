import struct
from pathlib import Path

import pytest

from tests.kernel.boot import archive, command, needed_modules, parse_dependencies

DEPENDENCIES = parse_dependencies(
    "kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs.ko\n"
    "kernel/net/9p/9pnet.ko:\nkernel/fs/netfs.ko:\n"
    "kernel/drivers/virtio-pci.ko: kernel/drivers/virtio.ko\nkernel/drivers/virtio.ko:\n"
)
CASES = [
    pytest.param(["9p"], ["9p.ko", "9pnet.ko", "netfs.ko"], id="a module brings what it depends on"),
    pytest.param(["virtio_pci"], ["virtio-pci.ko", "virtio.ko"], id="a dash in the file is an underscore in the name"),
    pytest.param(["9p", "netfs"], ["9p.ko", "9pnet.ko", "netfs.ko"], id="each comes once"),
    pytest.param(["ext4"], [], id="a name without a file is built in"),
]


@pytest.mark.parametrize(("names", "files"), CASES)
def test_the_initramfs_has_the_modules_it_needs(names: list[str], files: list[str]) -> None:
    assert sorted(Path(path).name for path in needed_modules(names, DEPENDENCIES)) == sorted(files)


def test_an_archive_lists_folders_files_and_links_and_ends_with_its_trailer() -> None:
    octets, found = archive({"bin/sh": b"shell", "init": b"#!"}, {"bin/ash": "sh"}), {}
    offset = 0
    while offset < len(octets):
        fields = [int(octets[offset + 6 + 8 * each : offset + 14 + 8 * each], 16) for each in range(13)]
        start = offset + 110
        name = struct.unpack_from(f"{fields[11] - 1}s", octets, start)[0].decode()
        content = -(-(start + fields[11]) // 4) * 4
        found[name] = (oct(fields[1]), octets[content : content + fields[6]])
        offset = -(-(content + fields[6]) // 4) * 4
    assert found == {
        "bin": ("0o40755", b""),
        "bin/sh": ("0o100755", b"shell"),
        "init": ("0o100755", b"#!"),
        "bin/ash": ("0o120777", b"sh"),
        "TRAILER!!!": ("0o0", b""),
    }


def test_words_of_the_command_survive_the_shell() -> None:
    text = command(["printf", "%s", "a b; $c 'd'"], {"PATH": "/a b", "SECRET": "x"}, Path("/some where"))
    assert """/usr/bin/env -i 'PATH=/a b' printf %s 'a b; $c '"'"'d'"'"''""" in text
    assert "cd '/some where'" in text
    assert "SECRET" not in text
