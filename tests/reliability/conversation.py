"""Conversations between guests that count every message: one that is lost, or sent twice, ends them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from lazulite.testing import Lab
from lazulite.testing.probes import address_of

_ECHO = """
import selectors, socket, sys
listener = socket.create_server(("0.0.0.0", int(sys.argv[1])))
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("0.0.0.0", int(sys.argv[2])))
wait = selectors.DefaultSelector()
wait.register(listener, selectors.EVENT_READ)
wait.register(datagrams, selectors.EVENT_READ)
print("listens", flush=True)
while True:
    for key, _ in wait.select():
        if key.fileobj is listener:
            wait.register(listener.accept()[0], selectors.EVENT_READ)
        elif key.fileobj is datagrams:
            content, whose = datagrams.recvfrom(100)
            datagrams.sendto(content, whose)
        elif content := key.fileobj.recv(100):
            key.fileobj.sendall(content)
        else:
            wait.unregister(key.fileobj)
"""
_TALK = """
import socket, struct, sys, time
kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
HELLO = bytes(8)

def ask(message):
    opened.sendall(message)
    answer = HELLO
    while answer == HELLO != message:
        answer = opened.recv(8)
    return answer

def lost():  # segments sent again, but for those that were only late: the other side tells what came twice
    if kind == "udp":
        return 0
    told = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 224).ljust(224, b"\\0")
    return struct.unpack_from("I", told, 100)[0] - struct.unpack_from("I", told, 216)[0]

def more_lost():  # once the other side has had the time to tell
    end = time.monotonic() + 20
    while lost() > before and time.monotonic() < end:
        time.sleep(0.01)
    return lost() > before

opened.settimeout(20)
opened.connect((host, port))
opened.settimeout(0.3 if kind == "udp" else 20)
for attempt in range(60):  # the other side, or an appliance between, may still be starting
    try:
        opened.sendall(HELLO)
        opened.recv(8)
        break
    except (TimeoutError, ConnectionRefusedError):
        continue
opened.settimeout(20)
before = lost()
for number in range(1, 100_000_000):
    message = b"%08d" % number
    answer = ask(message)
    if answer != message or more_lost():
        sys.exit(f"message {message} was answered by {answer} after {lost() - before} losses")
    print(number, flush=True)
    time.sleep(0.005)
"""


class Conversation:
    """A client that sends a numbered message after each answer, never one twice; 20 s without an answer end it."""

    def __init__(self, process: subprocess.Popen[str], what: str) -> None:
        self._process, self.what = process, what
        self.heard = 0

    def hear(self, messages: int) -> None:
        """Wait for that many more answers. Fails with the reason when the conversation has ended."""
        assert self._process.stdout is not None
        for _ in range(messages):
            line = self._process.stdout.readline()
            if not line:
                assert self._process.stderr is not None
                raise AssertionError(f"{self.what} ended after {self.heard}: {self._process.stderr.read()}")
            self.heard += 1
            assert int(line) == self.heard


class Conversations:
    """All that go on; ends them, and who they are with, at the end of the block."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self._stack = lab, ExitStack()
        self._all: list[Conversation] = []

    def __enter__(self) -> Conversations:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def start(self, source: str, destination: str, *, tcp: int, udp: int) -> None:
        """One over TCP and one over UDP from *source* to these ports of *destination*."""
        listener = self._stack.enter_context(_program(self._lab, destination, _ECHO, str(tcp), str(udp)))
        assert listener.stdout is not None
        assert listener.stderr is not None
        assert listener.stdout.readline() == "listens\n", listener.stderr.read()
        address = address_of(self._lab, source, destination)
        for kind, port in (("tcp", tcp), ("udp", udp)):
            process = self._stack.enter_context(_program(self._lab, source, _TALK, kind, address, str(port)))
            self._all.append(Conversation(process, f"{kind} from {source} to {destination}"))
        self.hear(5)

    def hear(self, messages: int) -> None:
        """That many more answers in each."""
        for each in self._all:
            each.hear(messages)


@contextmanager
def _program(lab: Lab, guest: str, text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program in a guest, until the end of the block."""
    wish = {"name": guest, "argv": ["python3", "-uc", text, *arguments]}
    command = lab.client.post("/lazulite/enter", wish)["argv"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
