"""What no page may do, noted while it does it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Dialog, Error, Page, Response

_REPORT = (
    "addEventListener('securitypolicyviolation', e => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`))"
)
_ANSWERS = "Failed to load resource"
"""How a browser comments on every 4xx; pages show refusals. Those that matter are found by their status."""


class Watch:
    """Keeps errors of scripts, complaints on the console, violations of the policy, dialogs, files that are missing,
    answers that say the lab itself failed, and whatever is asked of another place than the page's own."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self._tolerated: list[str] = []

    @property
    def found(self) -> list[str]:
        return [note for note in self.noted if not any(re.search(p, note) for p in self._tolerated)]

    def tolerate(self, pattern: str) -> None:
        """This test brings about what *pattern* is found in."""
        self._tolerated.append(pattern)

    def over(self, page: Page) -> None:
        page.add_init_script(_REPORT)
        page.on("console", self._console)
        page.on("pageerror", self._error)
        page.on("dialog", self._dialog)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_ANSWERS):
            self.noted.append(f"console: {message.text}")

    def _error(self, error: Error) -> None:
        self.noted.append(f"script: {error.stack or error.message}")

    def _dialog(self, dialog: Dialog) -> None:
        self.noted.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _response(self, answer: Response) -> None:
        asked, page = urlsplit(answer.url), urlsplit(answer.frame.page.url)
        if page.netloc and asked.scheme.startswith("http") and asked.netloc != page.netloc:
            self.noted.append(f"elsewhere: {answer.url}")
        missing = answer.status >= 400 and (asked.path == "/" or asked.path.startswith("/portal/"))
        if missing or answer.status >= 500:
            self.noted.append(f"answer: {answer.status} {asked.path}")
