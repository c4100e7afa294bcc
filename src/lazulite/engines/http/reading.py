"""An HTTP answer, taken piece by piece as it comes."""

from __future__ import annotations

import httptools


class Answer:
    """Feed :attr:`parser` until :attr:`over`; it raises ``httptools.HttpParserError`` for what is no HTTP."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body, self.over = bytearray(), False

    def on_body(self, piece: bytes) -> None:
        """Called by the parser."""
        self.body += piece

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self.over = True
