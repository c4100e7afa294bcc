"""What must pass and what must not, in one table, proven by packets and answered alike by the model."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import NamedTuple

from lazulite.testing import Lab, probe_many
from lazulite.testing.probes import Probe, address_of

_ANSWER_S, _SILENCE_S = 30.0, 1.0
"""How long an answer may take that is to come, and after which time none comes: a path is a few hops in one kernel."""


class _Talk(NamedTuple):
    source: str
    destination: str
    protocol: str
    port: int


def prove(lab: Lab, expected: Mapping[str, bool]) -> None:
    """Every sentence ``source > destination tcp/80`` (``udp/53``, ``icmp``) must come true, as packet and in the model.

    A machine is named, or an address. A refusal by the destination's own stack counts as passing: the packet got
    there and the answer back.
    """
    assert _sent(lab, expected) == expected
    assert {sentence: _modelled(lab, _parse(sentence)) for sentence in expected} == expected


def _parse(sentence: str) -> _Talk:
    source, _, destination, what = sentence.split()
    protocol, _, port = what.partition("/")
    return _Talk(source, destination, protocol, int(port or 0))


def _modelled(lab: Lab, talk: _Talk) -> bool:
    return bool(lab.trace(talk.source, talk.destination, talk.port, talk.protocol)["passes"])


def _sent(lab: Lab, expected: Mapping[str, bool]) -> dict[str, bool]:
    """What became of each; one batch of packets a source."""
    passes = {}
    for source, batch in groupby(sorted(expected), key=lambda s: _parse(s).source):
        sent = list(batch)
        probes = [_probe(lab, _parse(s), _ANSWER_S if expected[s] else _SILENCE_S) for s in sent]
        verdicts = probe_many(lab, source, probes)
        passes |= {sentence: verdict.passes for sentence, verdict in zip(sent, verdicts, strict=True)}
    return passes


def _probe(lab: Lab, talk: _Talk, patience_s: float) -> Probe:
    return Probe(address_of(lab, talk.source, talk.destination), talk.protocol, talk.port, patience_s)
