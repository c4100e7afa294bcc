"""The programs that run inside guests, run here on loopback."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from lazulite.inside import program
from lazulite.inside.probe import _echo
from lazulite.inside.witness import flow

SYN = bytes.fromhex("4500002800010000400600000a0000040a010004") + b"\xc0\x00\x00\x50" + bytes(16)
UDP_6 = bytes.fromhex("6000000000081140") + socket.inet_pton(10, "fd00::4") + socket.inet_pton(10, "fd00::5")


def probe(*wanted: dict[str, Any]) -> list[dict[str, Any]]:
    asked = json.dumps([{"timeout_s": 5, **w} for w in wanted])
    done = subprocess.run(program("probe"), input=asked, capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture
def responder() -> Iterator[int]:
    """A port that the responder answers on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    command = [*program("respond"), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield port
        process.stdin.close()
        assert process.wait() == 0


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_probe_that_is_answered_passes(responder: int, protocol: str, address: str) -> None:
    assert probe({"protocol": protocol, "to": address, "port": responder})[0]["passes"]


def test_a_refusal_by_the_destination_is_an_arrival() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = probe(*({"protocol": p, "to": "127.0.0.1", "port": port} for p in ("tcp", "udp")))
    assert found == [{"passes": True, "detail": "refused by the destination"}] * 2


def test_silence_does_not_pass() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        asked = {"protocol": "udp", "to": "127.0.0.1", "port": silent.getsockname()[1], "timeout_s": 0.05}
        assert probe(asked) == [{"passes": False, "detail": "no answer"}]


def test_results_come_in_the_order_of_the_probes(responder: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        slow = {"protocol": "udp", "to": "127.0.0.1", "port": silent.getsockname()[1], "timeout_s": 0.05}
        found = probe(slow, {"protocol": "tcp", "to": "127.0.0.1", "port": responder})
    assert [f["passes"] for f in found] == [False, True]


def test_a_taken_port_is_left_alone() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        command = [*program("respond"), str(taken.getsockname()[1])]
        done = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"ready\n")


def test_an_echo_request_has_a_checksum_that_sums_to_nothing() -> None:
    words = memoryview(_echo(socket.AF_INET, 0xBEEF)).cast("B")
    total = sum(int.from_bytes(words[i : i + 2]) for i in range(0, len(words), 2))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    assert total == 0xFFFF


@pytest.mark.parametrize(
    ("ethertype", "packet", "expected"),
    [
        pytest.param(0x0800, SYN, ("10.0.0.4", "10.1.0.4", "tcp", 80), id="TCP over IPv4"),
        pytest.param(0x86DD, UDP_6 + b"\x13\x88\x00\x35", ("fd00::4", "fd00::5", "udp", 53), id="UDP over IPv6"),
        pytest.param(0x0806, b"\x00" * 28, None, id="ARP is no flow"),
        pytest.param(0x0800, b"\x45", None, id="nor is half a header"),
    ],
)
def test_a_witness_reads_the_flow_of_a_packet(ethertype: int, packet: bytes, expected: object) -> None:
    assert flow(ethertype, packet) == expected
