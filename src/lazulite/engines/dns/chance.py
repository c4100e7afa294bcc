"""Chance, in a form that can be foreseen: every way a draw can end, with how likely it is, so that what follows from it
is worked out once and not for every client."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")
MOST = 256
"""Ends that are worked out; of a game with more of them, some are drawn."""
DRAWN, USES = 64, 256
"""How many are drawn then, and how often one of them is taken before others are drawn."""


class Chance:
    """Draws by weight. ``drawn``: whether there was anything to draw."""

    def __init__(self) -> None:
        self.drawn = False

    def draw(self, weights: Sequence[int]) -> int:
        """The place of one of *weights*, which are positive."""
        self.drawn = self.drawn or len(weights) > 1
        return random.choices(range(len(weights)), weights)[0]


class _Foreseen(Chance):
    """Takes the first way but where a *path* says otherwise, and knows which ways are left."""

    def __init__(self, path: Sequence[int]) -> None:
        super().__init__()
        self._path, self._taken = path, list[int]()
        self._of: list[Sequence[int]] = []

    def draw(self, weights: Sequence[int]) -> int:
        at = len(self._taken)
        self._taken.append(self._path[at] if at < len(self._path) else 0)
        self._of.append(weights)
        return self._taken[-1]

    @property
    def likely(self) -> float:
        found = 1.0
        for taken, weights in zip(self._taken, self._of, strict=True):
            found *= weights[taken] / sum(weights)
        return found

    def following(self) -> list[int] | None:
        """The path after this one, ``None`` when it was the last."""
        for at in range(len(self._taken) - 1, -1, -1):
            if self._taken[at] + 1 < len(self._of[at]):
                return [*self._taken[:at], self._taken[at] + 1]
        return None


class Lots(Generic[T]):
    """Results to take one of, each as often as it is likely."""

    def __init__(self, results: Sequence[T], likely: Iterable[float], *, lasting: bool = True) -> None:
        self.results, self.lasting = results, lasting
        self.bounds = list(accumulate(likely))

    def pick(self) -> T:
        return self.results[self.place()]

    def place(self) -> int:
        """Where the result is that chance chose."""
        return min(bisect(self.bounds, random.random() * self.bounds[-1]), len(self.results) - 1)


class Following(Generic[S]):
    """What follows from each of some lots, worked out when it is drawn for the first time."""

    def __init__(self, lots: Lots[T], function: Callable[[T], S]) -> None:
        self._lots, self._function, self._left = lots, function, USES
        self._made: list[S | None] = [None] * len(lots.results)

    def pick(self) -> S:
        self._left -= 1
        at = self._lots.place()
        made = self._made[at]
        if made is None:
            made = self._made[at] = self._function(self._lots.results[at])
        return made

    @property
    def used_up(self) -> bool:
        """Whether it is time to draw others."""
        return self._left <= 0 and not self._lots.lasting


def every(play: Callable[[Chance], T]) -> Lots[T]:
    """All that *play* can come to, whose only uncertainty is what it draws."""
    results, likely, path = list[T](), list[float](), list[int]()
    while len(results) < MOST:
        chance = _Foreseen(path)
        results.append(play(chance))
        likely.append(chance.likely)
        following = chance.following()
        if following is None:
            return Lots(results, likely)
        path = following
    return Lots([play(Chance()) for _ in range(DRAWN)], [1.0] * DRAWN, lasting=False)
