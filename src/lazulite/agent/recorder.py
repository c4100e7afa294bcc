"""A recorder: ``python -m lazulite.agent.recorder``, below the lab's anchor. It records one capture.

The first line it reads is the :class:`Spec`, later ones answer what it asks; where its input ends, the capture does.
Packets go to standard output, messages (:mod:`lazulite.engines.capture.spec`) to standard error, a line each.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import ExitStack

import msgspec

from lazulite.drivers.linux import listening
from lazulite.engines.capture import classic, spec
from lazulite.engines.capture.output import Framed, Plain
from lazulite.engines.capture.recording import Recording
from lazulite.engines.capture.ring import BLOCK, Ring
from lazulite.engines.capture.spec import Asked, Spec

PATIENCE_S = 5.0
"""How long packets wait for a comment."""
SILENCE_S = 30.0
"""How long nobody is asked who did not answer."""
_FEWEST_BLOCKS = 4


class Talk:
    """Lines in and lines out. Nobody who does not listen stops a capture."""

    def __init__(self, heard: int = 0, said: int = 2) -> None:
        self._from, self._to = heard, said
        self._heard = b""
        self._ended = False
        self._asked = 0
        self._silent_until = 0.0

    def line(self, patience_s: float | None = None) -> bytes:
        """The next line; empty when there is none within the patience, or at the end."""
        while b"\n" not in self._heard and not self._ended:
            if not select.select([self._from], [], [], patience_s)[0]:
                return b""
            more = os.read(self._from, 1 << 16)
            self._ended = not more
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def say(self, message: spec.Message) -> None:
        try:
            os.write(self._to, msgspec.json.encode(message) + b"\n")
        except OSError:
            return

    def ask(self, flows: list[Asked]) -> list[str]:
        """Comments for the flows. Where none come in time, the next question is asked later."""
        if time.monotonic() < self._silent_until:
            return []
        self._asked += 1
        self.say(spec.Ask(self._asked, flows))
        while line := self.line(PATIENCE_S):
            said = _said(line)
            if said is not None and said.number == self._asked:
                return said.comments
        self._silent_until = time.monotonic() + SILENCE_S
        return []


def _said(line: bytes) -> spec.Said | None:
    try:
        return msgspec.json.decode(line, type=spec.Said)
    except msgspec.DecodeError:
        return None


def _rings(wanted: Spec, stack: ExitStack) -> list[Ring]:
    """Raises ``OSError`` that names the interface."""
    blocks = max(_FEWEST_BLOCKS, wanted.memory // BLOCK // max(1, len(wanted.sources)))
    code = classic.seen_from_workload(wanted.code) if wanted.turned else wanted.code
    rings = []
    for number, source in enumerate(wanted.sources):
        try:
            opened = stack.enter_context(listening.packets(source.space))
            rings.append(Ring(opened, source.link, code, number, blocks))
        except OSError as error:
            raise OSError(f"{source.name}: {error.strerror or error}") from error
        stack.callback(rings[-1].close)
    return rings


def main() -> int:
    """Record; 0 whatever the reason of the end, which is told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    talk = Talk()
    wanted = msgspec.json.decode(talk.line(), type=Spec)
    with ExitStack() as stack:
        try:
            rings = _rings(wanted, stack)
        except OSError as error:
            talk.say(spec.Done(spec.FAILED, 0, 0, [], str(error)))
            return 0
        talk.say(spec.Ready())
        output = (Framed if wanted.framed else Plain)(1)
        talk.say(Recording(wanted, rings, output, talk.say, talk.ask).run(stop=0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
