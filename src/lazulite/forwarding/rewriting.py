"""What rewrites say of variables and groups, and why one cannot be done: pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from lazulite.forwarding.patterns import PatternError, Program
from lazulite.forwarding.proxying import Condition, Rewrite

VARIABLES = frozenset(
    {
        "add_x_forwarded_for_proxy",
        "ciphers_used",
        "client_certificate",
        "client_certificate_end_date",
        "client_certificate_fingerprint",
        "client_certificate_issuer",
        "client_certificate_serial",
        "client_certificate_start_date",
        "client_certificate_subject",
        "client_certificate_verification",
        "client_ip",
        "client_port",
        "host",
        "http_method",
        "http_status",
        "http_version",
        "query_string",
        "request_query",
        "request_scheme",
        "request_uri",
        "server_port",
        "ssl_connection_protocol",
        "ssl_enabled",
        "uri_path",
    }
)
"""Source: facts/application-gateway.md, "Rewrite", variables; those left out are refused by name."""
_NAMED = re.compile(r"(http_req|http_resp|var)_([A-Za-z0-9_-]+)")
_BRACED = re.compile(r"\{([^{}]*)\}")

Part: TypeAlias = str | dict[str, Any]


class Variable:
    """What a name in braces, or of a condition, stands for: ``kind`` is ``req``, ``resp``, ``var`` or ``cookie``."""

    def __init__(self, text: str) -> None:
        """Raises ``ValueError``: there is no such variable."""
        found = _NAMED.fullmatch(text)
        if found is None:
            raise ValueError(f"{text} is no variable")
        self.kind, self.name = found[1].removeprefix("http_"), found[2]
        if self.kind != "var":
            self.name = self.name.lower()
        elif self.name.startswith("cookie_"):
            self.kind, self.name = "cookie", self.name.removeprefix("cookie_")
        elif self.name not in VARIABLES:
            raise ValueError(f"{text} is not supported")

    @property
    def late(self) -> bool:
        """Whether it is there only with the response."""
        return self.kind == "resp" or self.name == "http_status"

    @property
    def table(self) -> dict[str, str]:
        return {"kind": self.kind, "name": self.name}


def parts(text: str, conditions: tuple[Condition, ...] = ()) -> list[Part]:
    """A value as texts and what stands between braces. Raises ``ValueError`` for what nothing stands for."""
    keys = {c.variable: Program(c.pattern).groups for c in conditions}
    found: list[Part] = []
    end = 0
    for brace in _BRACED.finditer(text):
        found += [text[end : brace.start()]] if brace.start() > end else []
        found.append(_part(brace[1], keys))
        end = brace.end()
    return found + ([text[end:]] if end < len(text) else [])


def _part(name: str, keys: dict[str, int]) -> Part:
    stem, _, number = name.rpartition("_")
    if stem in keys and number.isdecimal():
        if int(number) > keys[stem]:
            raise ValueError(f"the pattern of {stem} has {keys[stem]} groups, not {number}")
        return {"key": stem, "group": int(number)}
    return Variable(name).table


def fault(rewrite: Rewrite) -> str:
    """Why *rewrite* cannot be done; empty when it can."""
    try:
        for condition in rewrite.conditions:
            Program(condition.pattern)
            Variable(condition.variable)
        for change in (*rewrite.request, *rewrite.response):
            if change.only is not None:
                Program(change.only.pattern)
        early = [c.value for c in rewrite.request] + [t for t in (rewrite.path, rewrite.query) if t is not None]
        for text in (*early, *(c.value for c in rewrite.response)):
            parts(text, rewrite.conditions)
        late = [c.variable for c in rewrite.conditions if Variable(c.variable).late]
        late += [v for text in early for v in _late(text, rewrite.conditions)]
        if early and late:
            return f"a request cannot be rewritten by {late[0]}, which is known with the response"
    except PatternError as error:
        return f"a pattern is invalid: {error}"
    except ValueError as error:
        return str(error)
    return ""


def _late(text: str, conditions: tuple[Condition, ...]) -> Iterator[str]:
    for part in parts(text, conditions):
        if isinstance(part, dict) and (part.get("kind") == "resp" or part.get("name") == "http_status"):
            yield f"{part['kind']} {part['name']}"
