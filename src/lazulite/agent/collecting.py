"""When Python looks for garbage in rings, in agent and controller: they make many objects and hardly any rings."""

from __future__ import annotations

import gc

_YOUNG, _MIDDLE, _OLD = 100_000, 10, 10


def collect_seldom() -> None:
    """Look through new objects after a hundred thousand of them, not seven hundred, and leave alone what is there.

    Records of flows are tuples by the hundred thousand, and so are entries of a model: a third to a half of what they
    cost was looking for rings among them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
