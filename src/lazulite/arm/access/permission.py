"""What a role permits: actions with wildcards, less those it leaves out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, cached_property

import msgspec


class Permission(msgspec.Struct, frozen=True, rename="camel", dict=True, kw_only=True):
    """One entry of a role's ``permissions``. ``notActions`` narrows this entry alone: it denies nothing."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()

    def permits(self, action: str) -> bool:
        """Whether it permits *action*, which is folded. Source: "Understand Azure role definitions"."""
        return _any(self._wanted, action) and not _any(self._left_out, action)

    def permits_data(self, action: str) -> bool:
        """The same of a data action."""
        wanted, left_out = ([_pieces(p) for p in found] for found in (self.data_actions, self.not_data_actions))
        return _any(wanted, action) and not _any(left_out, action)

    @cached_property
    def _wanted(self) -> tuple[tuple[str, ...], ...]:
        return tuple(_pieces(pattern) for pattern in self.actions)

    @cached_property
    def _left_out(self) -> tuple[tuple[str, ...], ...]:
        return tuple(_pieces(pattern) for pattern in self.not_actions)


def matches(pattern: str, action: str) -> bool:
    """Whether *action* is what *pattern* names; a ``*`` stands for any run of characters, and case is nothing."""
    return _fits(_pieces(pattern), action.lower())


@cache
def _pieces(pattern: str) -> tuple[str, ...]:
    """What stands between the wildcards."""
    return tuple(pattern.lower().split("*"))


def _any(patterns: Iterable[tuple[str, ...]], action: str) -> bool:
    return any(_fits(pieces, action) for pieces in patterns)


def _fits(pieces: tuple[str, ...], action: str) -> bool:
    # By hand rather than by regular expression: a role's author must not be able to make a match slow.
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return action == first
    if not (action.startswith(first) and action.endswith(last) and len(action) >= len(first) + len(last)):
        return False
    place, end = len(first), len(action) - len(last)
    for piece in pieces[1:-1]:
        found = action.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True
