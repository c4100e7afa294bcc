"""The client's side of TLS over a non-blocking socket. Nobody has to vouch for the server's certificate."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

T = TypeVar("T")
PIECE = 1 << 14
"""Bytes read at a time: a record of TLS."""
MOST_PIECES = 256
"""Reads of a handshake: who sends byte after byte is not waited for."""
_DIGEST = 32
"""Bytes of SHA-256."""


class WeakCertificateError(OSError):
    """Nobody may trust who shows it."""


class Tls:
    """A session on a connected socket. Methods raise ``OSError``, of which ``ssl.SSLError`` is one."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket, self._loop = opened, asyncio.get_running_loop()
        self._received, self._sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = _context().wrap_bio(self._received, self._sent)
        self._pieces = 0

    async def send(self, content: bytes) -> None:
        """Shake hands and send. Raises :class:`WeakCertificateError`."""
        await self._stepped(self._session.do_handshake)
        certificate = self._session.getpeercert(binary_form=True)
        if certificate is None or not is_strong(certificate):
            raise WeakCertificateError("certificate not signed with SHA-256 or better")
        await self._stepped(lambda: self._session.write(content))

    async def receive(self) -> bytes:
        """What came next, nothing at the end."""
        try:
            return await self._stepped(lambda: self._session.read(PIECE))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def _stepped(self, step: Callable[[], T]) -> T:
        """The result of *step* once the other side has said all that it takes."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fetch()
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        if self._sent.pending:
            await self._loop.sock_sendall(self._socket, self._sent.read())

    async def _fetch(self) -> None:
        self._pieces += 1
        piece = await self._loop.sock_recv(self._socket, PIECE) if self._pieces <= MOST_PIECES else b""
        if piece:
            self._received.write(piece)
        else:
            self._received.write_eof()


@cache
def _context() -> ssl.SSLContext:
    """No certificate of ours is offered. Source: facts/load-balancer.md, "Probes" (no mutual authentication)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(maxsize=4096)
def is_strong(certificate: bytes) -> bool:
    """Whether a certificate (DER) is signed with SHA-256 or better.
    Source: facts/load-balancer.md, "Probes" (custom-probe-overview, HTTPS)."""
    try:
        algorithm: hashes.HashAlgorithm | None = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return False
    return algorithm is None or algorithm.digest_size >= _DIGEST
