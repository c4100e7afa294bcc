"""Real packets and programs in machines, for whoever has no shell on the host: the portal, and scripts elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request
from lazulite.daemon import questions
from lazulite.daemon.bodies import body, invalid
from lazulite.daemon.controller import Controller
from lazulite.daemon.guests import find
from lazulite.daemon.parts import Parts
from lazulite.daemon.programs import Done, Programs
from lazulite.inside import program
from lazulite.values import Protocol

LONGEST_S = 60
ARGUMENTS_LIMIT = 64 * 1024
"""Bytes of all words of a command together; the kernel takes twice as much in a single one."""
_INPUT_LIMIT = 1 << 20
_PATIENCE_S = 1.5
"""For the answer to a packet, as ``lazulite trace --packet`` has it."""
_PROBE_S = 20.0
_LATER_S = 5.0
"""So much after its time a program ends by itself, should there be no controller any more to end it."""
_PROBED = frozenset({Protocol.TCP, Protocol.UDP, Protocol.ICMP})


class Run(msgspec.Struct, frozen=True):
    """A program to run in a machine: its words, its input, and how long it may take."""

    name: str
    argv: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=1000)]
    stdin: Annotated[str, msgspec.Meta(max_length=_INPUT_LIMIT)] = ""
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_S)] = 30.0


class Probing:
    """Answers ``probe`` and ``run``."""

    def __init__(self, controller: Controller, parts: Parts) -> None:
        self._controller, self._parts, self._programs = controller, parts, Programs()

    async def probe(self, request: Request) -> dict[str, Any]:
        """The model's answer, the real packet's, and whether they ``agree``."""
        asked = body(request, questions.Question)
        if asked.protocol not in _PROBED:
            raise invalid(f"No program sends packets of the protocol {asked.protocol}.", "protocol")
        if asked.protocol.has_ports and not asked.port:
            raise invalid(f"A packet of {asked.protocol} goes to a port, 1 to 65535.", "port")
        said = questions.trace(self._controller.index, asked)
        wanted = {"to": said["forward"]["flow"]["dst"], "protocol": asked.protocol, "port": asked.port}
        probes = json.dumps([wanted | {"timeout_s": _PATIENCE_S}])
        done = await self._in(asked.source, program("probe"), probes, _PROBE_S)
        if done.code or done.timed_out:
            why = text(done.stderr).strip().rpartition("\n")[2] or f"exit code {done.code}"
            raise ArmError(409, "ProbeFailed", f"Nothing could be sent from '{asked.source}': {why}.", "from")
        packet = json.loads(done.stdout)[0]
        return {"model": said, "packet": packet, "agree": packet["passes"] == said["passes"]}

    async def run(self, request: Request) -> dict[str, Any]:
        """Exit code and output of a program; ``timedOut`` (with code 124) where it was ended for its time."""
        wish = body(request, Run)
        check_words(wish.argv)
        done = await self._in(wish.name, wish.argv, wish.stdin, wish.timeout_s)
        told = {"code": done.code, "stdout": text(done.stdout), "stderr": text(done.stderr)}
        return told | {"timedOut": done.timed_out, "truncated": done.truncated}

    async def _in(self, name: str, argv: Sequence[str], stdin: str, timeout_s: float) -> Done:
        found = find(self._controller.model, name)
        bounded = ["timeout", "--kill-after=2", str(timeout_s + _LATER_S), *argv]
        entered = await self._controller.network.asked(lambda _: self._parts.enter(found.entry, bounded, ""))
        return await self._programs.run(entered, stdin.encode("utf-8", "replace"), timeout_s)


def check_words(argv: Sequence[str]) -> None:
    """Raises :class:`ArmError` for words that no kernel takes."""
    try:
        size = sum(len(word.encode()) for word in argv)
    except UnicodeEncodeError:
        raise invalid("A word of a command is no text.", "argv") from None
    if any("\0" in word for word in argv):
        raise invalid("A word of a command has no null.", "argv")
    if not argv[0]:
        raise invalid("A command begins with the name of a program.", "argv[0]")
    if size > ARGUMENTS_LIMIT:
        raise invalid(f"The words of a command are at most {ARGUMENTS_LIMIT} bytes.", "argv")


def text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
