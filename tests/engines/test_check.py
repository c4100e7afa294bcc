"""One probe against backends of every kind, over the loopback."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lazulite.engines.probe.check import check, patience_s
from lazulite.engines.probe.tls import is_strong
from lazulite.forwarding.model import Probe, ProbeProtocol

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOME = "127.0.0.1"
HTTP, HTTPS, TCP = ProbeProtocol.HTTP, ProbeProtocol.HTTPS, ProbeProtocol.TCP


def says(text: bytes, asked: list[bytes] | None = None) -> Serve:
    """A backend that reads the request, writes *text* and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if asked is not None:
            asked.append(request)
        writer.write(text)

    return serve


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes everything, says nothing."""
    await reader.read()


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends the connection the hard way."""
    opened = writer.get_extra_info("socket")
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def forever(first: bytes, then: bytes) -> Serve:
    """A backend that does not stop."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while not writer.is_closing():
            writer.write(then)
            await writer.drain()
            await asyncio.sleep(0)

    return serve


def slowly(text: bytes) -> Serve:
    """A backend that says a byte, and another one, and then no more for longer than anyone waits."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(2):
            writer.write(text[number : number + 1])
            await writer.drain()
        await reader.read()

    return serve


@asynccontextmanager
async def backend(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a backend."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(served, HOME, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def probed(protocol: ProbeProtocol, port: int, interval_s: int = 20) -> str:
    with socket.socket() as opened:
        opened.setblocking(False)
        return await check(opened, ip_address(HOME), Probe(protocol, port, "/health", interval_s))


def result(protocol: ProbeProtocol, serve: Serve, interval_s: int = 20, tls: ssl.SSLContext | None = None) -> str:
    async def played() -> str:
        async with backend(serve, tls) as port:
            return await probed(protocol, port, interval_s)

    return asyncio.run(played())


FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CASES = [
    pytest.param(TCP, silent, "", id="TCP: a connection that opens is enough"),
    pytest.param(HTTP, says(FULL), "", id="HTTP: 200 is up"),
    pytest.param(HTTP, says(FULL.replace(b"200", b"404")), "status 404", id="404 is down"),
    pytest.param(HTTP, says(FULL.replace(b"200", b"301")), "status 301", id="301 is down"),
    pytest.param(HTTP, says(b""), "connection closed without an answer", id="a connection that is closed is down"),
    pytest.param(HTTP, resets, "connection reset", id="one that is reset is down"),
    pytest.param(HTTP, forever(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 999), "", id="an endless body is not read"),
    pytest.param(HTTP, forever(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), "answer with endless headers", id="nor headers"),
    pytest.param(HTTP, forever(b"", b"x"), "no HTTP answer", id="another protocol is down"),
    pytest.param(HTTPS, forever(FULL, b""), "TLS failed: wrong version number", id="HTTPS: plain HTTP is down"),
    pytest.param(HTTPS, forever(b"", b"\x16\x03\x03\x40\x00" + b"x" * 0x4000), "TLS failed", id="nonsense records"),
]


@pytest.mark.parametrize(("protocol", "serve", "reason"), CASES)
def test_what_a_backend_does_decides(protocol: ProbeProtocol, serve: Serve, reason: str) -> None:
    found = result(protocol, serve)
    assert found == reason if reason != "TLS failed" else found.startswith(reason)


@pytest.mark.parametrize(
    ("protocol", "serve"),
    [
        pytest.param(HTTP, silent, id="HTTP: one that says nothing"),
        pytest.param(HTTP, slowly(FULL), id="one that says byte after byte"),
        pytest.param(HTTPS, silent, id="HTTPS: one that does not shake hands"),
    ],
)
def test_who_does_not_answer_within_the_interval_is_down(protocol: ProbeProtocol, serve: Serve) -> None:
    assert result(protocol, serve, interval_s=1) == "no answer in time"


def test_a_port_that_nobody_listens_on_is_down() -> None:
    async def played() -> str:
        async with backend(silent) as port:
            pass
        return await probed(TCP, port)

    assert asyncio.run(played()) == "connection refused"


def test_what_is_unknown_has_the_name_that_the_system_gives_it() -> None:
    async def played() -> str:
        with socket.socket() as opened:
            opened.setblocking(False)
            return await check(opened, ip_address("255.255.255.255"), Probe(TCP, 80))

    assert asyncio.run(played()) in ("permission denied", "no way to the machine")


@pytest.mark.parametrize(
    ("protocol", "interval_s", "expected"),
    [(TCP, 5, 5), (TCP, 60, 60), (HTTP, 5, 5), (HTTP, 60, 30), (HTTPS, 31, 30)],
)
def test_http_has_half_a_minute_at_most(protocol: ProbeProtocol, interval_s: int, expected: int) -> None:
    assert patience_s(Probe(protocol, 80, "/", interval_s)) == expected


def certificate(directory: Path, algorithm: hashes.HashAlgorithm) -> tuple[Path, Path, bytes]:
    """A key, and a certificate that is signed with it: its files, and the certificate as it is sent."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "backend")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, algorithm)
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(secret)
    return directory / "cert.pem", directory / "key.pem", made.public_bytes(serialization.Encoding.DER)


def server_side(directory: Path, algorithm: hashes.HashAlgorithm) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.load_cert_chain(*certificate(directory, algorithm)[:2])
    return context


def test_nobody_has_to_vouch_for_the_certificate(tmp_path: Path) -> None:
    asked: list[bytes] = []
    assert result(HTTPS, says(FULL, asked), tls=server_side(tmp_path, hashes.SHA256())) == ""
    assert asked[0].startswith(b"GET /health HTTP/1.1\r\n")


def test_an_answer_inside_tls_counts_like_any_other(tmp_path: Path) -> None:
    tls = server_side(tmp_path, hashes.SHA384())
    assert result(HTTPS, says(FULL.replace(b"200", b"500")), tls=tls) == "status 500"
    assert result(HTTPS, says(b""), tls=tls) == "connection closed without an answer"


def test_a_certificate_of_ours_is_asked_for_in_vain(tmp_path: Path) -> None:
    tls = server_side(tmp_path, hashes.SHA256())
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    found = result(HTTPS, says(FULL), tls=tls)
    assert found.startswith(("TLS failed", "connection reset"))  # by how fast the server is when it closes


def test_a_certificate_that_is_signed_weakly_is_down(tmp_path: Path) -> None:
    tls = server_side(tmp_path, hashes.SHA224())
    assert result(HTTPS, says(FULL), tls=tls) == "certificate not signed with SHA-256 or better"


def test_what_is_no_certificate_is_not_strong(tmp_path: Path) -> None:
    assert not is_strong(b"nonsense")
    assert is_strong(certificate(tmp_path, hashes.SHA512())[2])
