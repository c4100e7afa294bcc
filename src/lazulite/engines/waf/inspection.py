"""What becomes of one request: rules of the user's in their order, then sizes, managed rules, and those about bots."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import libmodsecurity
import msgspec

from lazulite.engines.waf import bots, seclang, settling
from lazulite.engines.waf.challenge import Clearance
from lazulite.forwarding.model import WafLimit, WafPolicy, WafRule
from lazulite.values import IPAddress

UNKNOWN = "ZZ"
FILE_SLACK = 4 << 10
"""Bytes that an upload may have beyond the limit. Source: facts/web-application-firewall.md, W12."""
TOO_LARGE = 413
_OF_BODIES = {seclang.UNREADABLE, seclang.UNTIDY}
_DISRUPTIVE = {seclang.EXCEEDED, *_OF_BODIES}
_NUMBER, _RULES = "0", Path(seclang.RULES)
_COUNTRY = seclang.COUNTRY.encode()
_CUSTOM = "Custom rule matched."
_ISSUED, _VALID = "JSChallengeIssued", "JSChallengeValid"
"""Source: "Azure Web Application Firewall JavaScript challenge" (logs)."""


class Request(msgspec.Struct, frozen=True):
    """What came, texts with a letter a byte; names of headers are in lower case.

    ``body`` is what of it is held, ``length`` what was announced; ``partial``: there is more.
    ``transaction`` is the number that the gateway's own log has of it.
    """

    client: str
    method: str
    target: str
    version: str = "1.1"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    length: int | None = None
    partial: bool = False
    transaction: str = ""

    def header(self, name: bytes) -> str:
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return ""

    @property
    def size(self) -> int | None:
        """Bytes of the body, ``None`` where it is longer than anybody knows."""
        if self.length is not None:
            return max(self.length, len(self.body))
        return None if self.partial else len(self.body)


class Event(msgspec.Struct, frozen=True):
    """A rule that matched, as logs tell it. ``action``: ``Matched Blocked Detected Allowed Log``, or of a
    challenge ``JSChallengeIssued JSChallengeValid``."""

    rule: str
    action: str
    message: str = ""
    kind: str = "Custom"
    version: str = ""
    group: str = "Custom"
    data: str = ""
    file: str = ""
    line: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """``status`` 200 lets the request pass."""

    status: int = 200
    page: str = ""
    events: tuple[Event, ...] = ()


Within = Callable[[str, WafLimit], Awaitable[bool]]
"""Whether one more of a key is within a limit."""
Country = Callable[[IPAddress], str]


class Compiler:
    """Compiled texts, one for all policies whose text it is."""

    def __init__(self) -> None:
        self._engine = libmodsecurity.ModSecurity()
        self._engine.set_log_callback(lambda _: None)
        self._held: dict[str, Any] = {}

    def compile(self, text: str) -> None:
        """Raises ``ValueError`` for what is no SecLang."""
        if not text or text in self._held:
            return
        made = libmodsecurity.RulesSet()
        try:
            asked = settling.settled(text)
        except OSError as error:
            raise ValueError(str(error)) from error
        if made.load(asked) < 0:
            fault = str(made.get_parser_error())
            # What the parser was in the middle of, the next text would go on with.
            for _ in range(2):
                libmodsecurity.RulesSet().load("SecRuleEngine Off\n")
            raise ValueError(fault)
        self._held[text] = made

    def keep(self, texts: set[str]) -> None:
        """Forget the others."""
        self._held = {t: r for t, r in self._held.items() if t in texts}

    def matched(self, text: str, request: Request, body: bytes, country: str = "") -> list[Any]:
        """The messages of the rules that match, in the order of the text.

        The library makes up a number for a request that has none, which costs as much as some rules.
        """
        if not text:
            return []
        asked: Any = libmodsecurity.Transaction(self._engine, self._held[text], request.transaction or _NUMBER)
        asked.process_connection(request.client, 1, "127.0.0.1", 80)
        asked.process_uri(_bytes(request.target), request.method, request.version)
        add = asked.add_request_header
        for name, value in request.headers:
            add(name, value)
        if country:
            add(_COUNTRY, country.encode())
        asked.process_request_headers()
        stopped = asked.intervention()
        if not (stopped and stopped.disruptive):
            if body:
                asked.append_request_body(body)
            asked.process_request_body()
        return list(asked.get_rule_messages())


def _bytes(text: str) -> bytes:
    """What came in on the wire: a letter a byte."""
    return text.encode("latin-1", "replace")


def _told(message: Any, what: str) -> str:
    """A text of a message, which the library gives only where it is UTF-8; else where in the request it stands."""
    try:
        return str(getattr(message, what))
    except UnicodeDecodeError:
        return str(message.reference) if what == "data" else ""


class Inspector:
    """One policy, compiled. Raises ``ValueError`` where that cannot be."""

    def __init__(self, policy: WafPolicy, compiler: Compiler, country: Country, clearance: Clearance) -> None:
        self.policy, self._compiler, self._country, self._clearance = policy, compiler, country, clearance
        self.texts = (seclang.own(policy), seclang.managed(policy), seclang.told(policy))
        for text in self.texts:
            compiler.compile(text)
        if policy.bots is not None:
            bots.load()
        sets = {own: (m.kind, m.version, users) for m in policy.managed for users, own in m.groups}
        self._sets = sets
        self._decisive = _DISRUPTIVE.union(*(m.blocking for m in policy.managed))
        self.counts = any(r.limit is not None for r in policy.rules)
        """Whether :meth:`judge` may have to wait for an answer."""

    async def judge(self, request: Request, site: str, within: Within) -> Verdict:
        """What becomes of *request*; counts are of *site*."""
        policy = self.policy
        body = request.body[: policy.body.inspected] if policy.body.check else b""
        events: list[Event] = []
        for rule in self._own(request, body):
            if rule.limit is not None:
                key = f"{policy.name}|{site}|{rule.name}|{self._group(rule.limit, request)}"
                if await within(key, rule.limit):
                    continue
            found = self._done(rule.action, Event(rule.name, "", _CUSTOM), request, events)
            if found is not None:
                return found
        excess = self._excess(request)
        if excess:
            return self._blocked([*events, Event("0", self._word, excess, "", "", "Mandatory")], TOO_LARGE)
        return self._managed(request, body, events) or self._bots(request, events) or Verdict(events=tuple(events))

    def _done(self, action: str, event: Event, request: Request, events: list[Event]) -> Verdict | None:
        """What a rule does that holds; ``None`` where the next one is asked."""
        replace = msgspec.structs.replace
        if action == "challenge" and self._clearance.holds(request.header(b"cookie"), request.client, time.time()):
            events.append(replace(event, action=_VALID))
            return None
        if action == "challenge":
            page = self._clearance.page(request.client, self.policy.clearance_s, time.time())
            events.append(replace(event, action=self._word if self.policy.detect else _ISSUED))
            return Verdict(events=tuple(events)) if self.policy.detect else Verdict(403, page, tuple(events))
        if action == "log":
            events.append(replace(event, action="Log"))
            return None
        if action == "allow":
            return Verdict(events=(*events, replace(event, action="Allowed")))
        return self._blocked([*events, replace(event, action=self._word)], 403)

    def _bots(self, request: Request, events: list[Event]) -> Verdict | None:
        set_ = self.policy.bots
        if set_ is None:
            return None
        sort = bots.sort_of(request.header(b"user-agent"))
        rule = next((r for r in set_.rules if r.sort == sort), None)
        if rule is None:
            return None
        event = Event(rule.rule, "", rule.message, set_.kind, set_.version, rule.group)
        return self._done(rule.action, event, request, events)

    @property
    def _word(self) -> str:
        return "Detected" if self.policy.detect else "Blocked"

    def _blocked(self, events: list[Event], usual: int) -> Verdict:
        if self.policy.detect:
            return Verdict(events=tuple(events))
        status = usual if self.policy.status == 403 else self.policy.status
        return Verdict(status, self.policy.page, tuple(events))

    def _own(self, request: Request, body: bytes) -> Iterator[WafRule]:
        if not self.policy.rules:
            return
        country = self._where(request.client)
        found = self._compiler.matched(self.texts[0], request, body, country)
        for number in sorted({m.rule_id for m in found}):
            yield self.policy.rules[number - seclang.FIRST_RULE]

    def _where(self, text: str) -> str:
        try:
            return self._country(ip_address(text)) or UNKNOWN
        except ValueError:
            return UNKNOWN

    def _group(self, limit: WafLimit, request: Request) -> str:
        forwarded = request.header(b"x-forwarded-for").split(",")[0].strip()
        return {
            "none": "",
            "address": request.client,
            "country": self._where(request.client),
            "forwarded-address": forwarded,
            "forwarded-country": self._where(forwarded),
        }[limit.group]

    def _excess(self, request: Request) -> str:
        """Why a body is too long, or nothing."""
        body, size = self.policy.body, request.size
        if size == 0:
            return ""
        multipart = request.header(b"content-type").lower().startswith("multipart/form-data")
        if multipart and b"filename=" in request.body:
            if body.enforce_files and size is not None and size > body.files + FILE_SLACK:
                return "File upload exceeded the size limit."
        elif body.enforce and (size is None or size > body.limit):
            return "Request body exceeded the size limit."
        return ""

    def _managed(self, request: Request, body: bytes, events: list[Event]) -> Verdict | None:
        cut = len(body) < len(request.body) or request.partial or not self.policy.body.check
        unread = _OF_BODIES if cut else set[int]()
        for each in self._compiler.matched(self.texts[2], request, body):
            if each.rule_id not in unread:
                events.append(self._event(each, "Log"))
        found = [m for m in self._compiler.matched(self.texts[1], request, body) if m.rule_id not in unread]
        events += (self._event(m, self._word if m.rule_id in self._decisive else "Matched") for m in found)
        return self._blocked(events, 403) if any(m.rule_id in self._decisive for m in found) else None

    def _event(self, message: Any, action: str) -> Event:
        place = settling.place(message.rule_id, _RULES)
        own = place.file if place is not None else seclang.GENERAL
        kind, version, group = self._sets.get(own, ("", "", own))
        return Event(
            str(message.rule_id),
            action,
            _told(message, "message"),
            kind,
            version,
            group,
            _told(message, "data"),
            f"{own}.conf" if place is not None else "",
            str(place.line) if place is not None else "",
        )
