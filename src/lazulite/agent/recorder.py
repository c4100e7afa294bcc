"""A recorder: ``python -m lazulite.agent.recorder``, below the lab's anchor. It records one capture.

The first line it reads is the :class:`Spec`, later ones answer what it asks; where its input ends, the capture does.
Packets go to standard output, messages (:mod:`lazulite.engines.capture.spec`) to standard error, a line each.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import ExitStack

import msgspec

from lazulite.drivers.linux import listening
from lazulite.engines.capture import classic, spec
from lazulite.engines.capture.output import Framed, Plain
from lazulite.engines.capture.recording import Recording
from lazulite.engines.capture.ring import BLOCK, Ring
from lazulite.engines.capture.spec import Asked, Spec

_PATIENCE_S = 2.0
"""How long packets wait for a comment."""
_FEWEST_BLOCKS = 4


class _Talk:
    """Lines in and lines out. Nobody who does not listen stops a capture."""

    def __init__(self) -> None:
        self._heard = b""
        self._ended = False

    def line(self, patience_s: float | None = None) -> bytes:
        """The next line; empty when there is none within the patience, or at the end."""
        while b"\n" not in self._heard and not self._ended:
            if not select.select([0], [], [], patience_s)[0]:
                return b""
            more = os.read(0, 1 << 16)
            self._ended = not more
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def say(self, message: spec.Message) -> None:
        try:
            os.write(2, msgspec.json.encode(message) + b"\n")
        except OSError:
            return

    def ask(self, flows: list[Asked]) -> list[str]:
        self.say(spec.Ask(flows))
        try:
            return msgspec.json.decode(self.line(_PATIENCE_S), type=spec.Said).comments
        except msgspec.DecodeError:
            return []


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
    talk = _Talk()
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
