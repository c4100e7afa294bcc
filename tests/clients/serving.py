"""Servers in machines that say who they are and who asked, and clients that ask them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from lazulite.testing import Lab
from lazulite.testing.probes import address_of

_SERVER = """
import socket, sys, threading
name, kind, ports = sys.argv[1], sys.argv[2], [int(p) for p in sys.argv[3:]]
def stream(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    s.listen(512)
    def serve():
        while True:
            c, peer = s.accept()
            if kind == "http":
                c.recv(4096)
                c.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n")
            else:
                c.sendall(f"{name} {peer[0]} {peer[1]} {port}".encode())
            c.close()
    return serve
def datagram(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port))
    def serve():
        while True:
            _, peer = s.recvfrom(2048)
            s.sendto(f"{name} {peer[0]} {peer[1]} {port}".encode(), peer)
    return serve
serving = [(datagram if kind == "udp" else stream)(p) for p in ports]
for serve in serving:
    threading.Thread(target=serve, daemon=True).start()
print("listening", flush=True)
sys.stdin.read()
"""
_CLIENT = """
import json, socket, sys
kind, address, port, count, patience = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
answers = []
for _ in range(count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as s:
        s.settimeout(patience)
        try:
            s.connect((address, port))
            if kind == "udp":
                s.send(b"who")
            answers.append(s.recv(2048).decode())
        except OSError as error:
            answers.append("")
            if isinstance(error, TimeoutError):
                break
print(json.dumps(answers))
"""


_VISITOR = """
import json, select, socket, sys
address, port = sys.argv[1], int(sys.argv[2])
answers = []
while not select.select([sys.stdin], [], [], 0.01)[0]:
    with socket.socket() as s:
        s.settimeout(20)
        try:
            s.connect((address, port))
            answers.append(s.recv(2048).decode())
        except OSError as error:
            answers.append("")
print(json.dumps(answers))
"""


class Answer(NamedTuple):
    """Who answered, on which port of its own, and whom it saw asking."""

    server: str
    client: str
    client_port: int
    port: int


@contextmanager
def serving(lab: Lab, servers: Sequence[str], *ports: int, kind: str = "tcp") -> Iterator[None]:
    """*servers* (names of machines) listen on *ports*; ``kind`` is ``tcp``, ``udp`` or ``http`` (200 to all)."""
    with ExitStack() as stack:
        for server in servers:
            argv = ["python3", "-c", _SERVER, server, kind, *map(str, ports)]
            command = lab.client.post("/lazulite/enter", {"name": server, "argv": argv})["argv"]
            process = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.terminate)
            assert process.stdout is not None
            assert process.stdout.readline() == "listening\n", f"{server} does not listen"
        yield


def ask(
    lab: Lab, source: str, destination: str, port: int, *, count: int = 1, kind: str = "tcp", patience_s: int = 20
) -> list[Answer]:
    """The answers that *source* gets from *destination* (a name or an address), each on a connection of its own.

    None that did not come is in the list; after one that never comes nothing more is asked.
    """
    address = address_of(lab, source, destination)
    argv = ["python3", "-c", _CLIENT, kind, address, str(port), str(count), str(patience_s)]
    done = lab.exec(source, argv, timeout=60 + patience_s * 2)
    assert done.returncode == 0, done.stderr
    return [_answer(text) for text in json.loads(done.stdout) if text]


class Visits:
    """What came of asking again and again, filled when it ends; an empty text is an answer that did not come."""

    def __init__(self) -> None:
        self.answers: list[str] = []


@contextmanager
def visiting(lab: Lab, source: str, address: str, port: int) -> Iterator[Visits]:
    """*source* asks all the while, a hundred times a second at most."""
    argv = ["python3", "-c", _VISITOR, address, str(port)]
    command = lab.client.post("/lazulite/enter", {"name": source, "argv": argv})["argv"]
    visits = Visits()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield visits
            visits.answers = json.loads(process.communicate(timeout=60)[0])
        finally:
            process.kill()


def _answer(text: str) -> Answer:
    server, client, client_port, port = text.split()
    return Answer(server, client, int(client_port), int(port))
