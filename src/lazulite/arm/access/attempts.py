"""Wrong passwords, counted: who guesses is made to wait.

Source: "Protect user accounts from attacks with Microsoft Entra smart lockout": ten attempts, one minute at first,
longer after that.
"""

from __future__ import annotations

from datetime import datetime, timedelta

_MOST = 10
_WAIT = timedelta(minutes=1)
_LONGEST = timedelta(hours=1)


class Attempts:
    """By object id; kept in memory, so that a restart forgives."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, datetime]] = {}
        """How often it was wrong, and until when nothing is tried."""

    def locked(self, account: str, now: datetime) -> bool:
        """Whether nothing may be tried for *account*, not even what is right."""
        return account in self._known and now < self._known[account][1]

    def failed(self, account: str, now: datetime) -> None:
        """Every attempt beyond the tenth makes the next wait twice as long."""
        wrong = self._known.get(account, (0, now))[0] + 1
        beyond = wrong - _MOST
        wait = min(_WAIT * 2 ** min(beyond, 10), _LONGEST) if beyond >= 0 else timedelta()
        self._known[account] = wrong, now + wait

    def forget(self, account: str) -> None:
        """The password was right."""
        self._known.pop(account, None)
