"""What the command line makes of answers that end before they are whole."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lazulite.arm import pki
from lazulite.cli.api import Client
from lazulite.cli.errors import Failure
from lazulite.cli.lab import Connection

CUTS = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 2",
    "half of the headers": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConte",
    "half of a body": b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"name":',
    "half of a body of no known length": b'HTTP/1.1 200 OK\r\n\r\n{"name":',
}
Answering = Callable[[bytes], Client]


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """``answering(octets)``: a client of a lab that answers every connection with them and hangs up."""
    files = pki.ensure(tmp_path, datetime.now(UTC))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(octets: bytes) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return  # shut down
            with context.wrap_socket(accepted, server_side=True) as secured:
                secured.recv(1 << 16)
                secured.sendall(octets)

    def client(octets: bytes) -> Client:
        threads.append(threading.Thread(target=serve, args=(octets,)))
        threads[-1].start()
        endpoint = f"https://localhost:{listener.getsockname()[1]}"
        return Client(Connection(endpoint, "", str(files.bundle), "token", "", "", 0, 0))

    yield client
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_an_answer_that_breaks_off_is_a_failure_and_leaves_nothing_open(answering: Answering, cut: bytes) -> None:
    with answering(cut) as client, pytest.raises(Failure, match="does not answer"):
        client.exchange("GET", "/subscriptions")
    gc.collect()  # a socket that was left open is told of here, and warnings fail a test


def test_a_whole_answer_is_read_and_the_connection_asked_again(answering: Answering) -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Word: a\r\n\r\n{}"
    with answering(whole) as client:
        for _ in range(2):  # the second time it had been closed meanwhile
            reply = client.exchange("GET", "/subscriptions")
            assert (reply.status, reply.body, reply.headers["x-word"]) == (200, {}, "a")
