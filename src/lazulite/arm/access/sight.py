"""What of a lab one may read who may not read all of it: for rooms that tell many resources in one answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from lazulite.arm.access.caller import Caller, authorization_failed
from lazulite.arm.access.wish import wish

Sees = Callable[[str], bool]
"""Whether what has that id may be read; what has none may not."""


class Gives(Protocol):
    """A grant of the caller's."""

    def gives(self, action: str, scope: str) -> bool:
        """Whether it permits the folded *action* at the folded *scope*."""


class Eyes:
    """:data:`Sees` of some grants, in any thread: the answers do not change while a network is drawn."""

    def __init__(self, grants: Sequence[Gives]) -> None:
        self._grants = grants
        self._known: dict[str, bool] = {}

    def __call__(self, resource: str) -> bool:
        key = resource.lower()
        seen = self._known.get(key)
        if seen is None:
            seen = self._known[key] = self._looked(key)
        return seen

    def _looked(self, key: str) -> bool:
        wanted = wish("GET", key.split("/")[1:]) if key.startswith("/") else None
        if wanted is None:
            return False
        action, scope = wanted.action.lower(), wanted.scope.rstrip("/").lower()
        return any(grant.gives(action, scope) for grant in self._grants)


class Sight:
    """What *caller* may read, by the grants it has at the moment."""

    def __init__(self, caller: Caller, grants: Callable[[], Sequence[Gives]]) -> None:
        self._caller, self._grants = caller, grants
        self._held: Sequence[Gives] = ()
        self._eyes = Eyes(())

    @property
    def whose(self) -> str:
        return self._caller.oid

    def eyes(self) -> Eyes:
        """The same as long as the grants are: who keeps what it was told draws anew when it gets other ones."""
        now = self._grants()
        if now is not self._held:
            self._held, self._eyes = now, Eyes(now)
        return self._eyes

    def require(self, resource: str) -> None:
        """Raise the 403 with which ARM itself answers who may not read *resource*, whether or not it is there."""
        wanted = wish("GET", resource.split("/")[1:]) if resource.startswith("/") else None
        if wanted is not None and not self.eyes()(resource):
            raise authorization_failed(self._caller, wanted.action, wanted.scope)

    def require_all(self, action: str) -> None:
        """Raise the 403 of a question that only who may read everything can ask."""
        raise authorization_failed(self._caller, action, "/")
