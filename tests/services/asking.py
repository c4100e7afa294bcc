"""Verbs of a watcher, asked as a client would, with the model to answer them."""

from __future__ import annotations

from typing import Any

import msgspec

from lazulite.analysis import Index
from lazulite.daemon.answers import Answers
from lazulite.services import SERVICES
from lazulite.services.service import Reply, Run, Write
from tests.build import Lab, Refused
from tests.services.watched import WATCHER


def result(lab: Lab, verb: str, body: Any) -> Reply | Run | Write:
    """What the verb gives the protocol. Raises :class:`Refused`."""
    context = lab.context()
    answers = Answers(Index(context.model))
    name = f"microsoft.network/networkwatchers/{verb}".lower()
    action = next(s.actions[name] for s in SERVICES if name in s.actions)
    given = action(lab.get("networkWatchers", WATCHER), msgspec.structs.replace(context, body=body, analysis=answers))
    if isinstance(given, Reply | Run | Write):
        return given
    raise Refused(given)


def ask(lab: Lab, verb: str, **body: Any) -> Any:
    """The body of the answer."""
    given = result(lab, verb, body)
    assert isinstance(given, Reply | Write)
    return given.body


def codes(lab: Lab, verb: str, **body: Any) -> list[str]:
    """Of the refusal."""
    try:
        result(lab, verb, body)
    except Refused as refused:
        return refused.codes
    return []
