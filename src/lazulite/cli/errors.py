"""The one way a command fails."""

from __future__ import annotations


class Failure(Exception):
    """What went wrong, what to do next, and the exit code: 1 refused, 2 wrong usage, 3 not found or not running."""

    def __init__(self, message: str, hint: str = "", *, code: int = 1, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.hint, self.code, self.details = message, hint, code, details
        for said in details:  # for who reads a traceback: a test that fails
            self.add_note(said)
