"""Policies and requests in few words, judged in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

from lazulite.engines.waf.challenge import Clearance
from lazulite.engines.waf.counting import Counters
from lazulite.engines.waf.inspection import Compiler, Inspector, Request, Verdict
from lazulite.forwarding.model import WafCondition, WafLimit, WafManaged, WafPolicy, WafRule, WafTarget
from lazulite.values import IPAddress

GROUPS = (
    "REQUEST-911-METHOD-ENFORCEMENT",
    "REQUEST-913-SCANNER-DETECTION",
    "REQUEST-920-PROTOCOL-ENFORCEMENT",
    "REQUEST-930-APPLICATION-ATTACK-LFI",
    "REQUEST-932-APPLICATION-ATTACK-RCE",
    "REQUEST-941-APPLICATION-ATTACK-XSS",
    "REQUEST-942-APPLICATION-ATTACK-SQLI",
)
MANAGED = WafManaged("OWASP", "3.2", tuple((g, g) for g in GROUPS))
CLEARANCE = Clearance(b"a secret of tests")
COUNTRIES = {"192.0.2.1": "DE", "192.0.2.2": "US"}


@cache
def compiler() -> Compiler:
    """One for all tests: texts are compiled once."""
    return Compiler()


def country(address: IPAddress) -> str:
    return COUNTRIES.get(str(address), "")


def condition(part: str, operator: str, *values: str, selector: str = "", **more: Any) -> WafCondition:
    return WafCondition((WafTarget(part, selector),), operator, values, **more)


def rule(name: str, action: str, *conditions: WafCondition, limit: WafLimit | None = None) -> WafRule:
    return WafRule(name, action, conditions, limit)


def policy(*rules: WafRule, managed: bool = False, **more: Any) -> WafPolicy:
    return WafPolicy("waf", "waf", rules=rules, managed=(MANAGED,) if managed else (), **more)


def request(
    target: str = "/", client: str = "192.0.2.1", method: str = "", body: bytes = b"", kind: str = "", **headers: str
) -> Request:
    """What a browser sends; ``_`` in the names of *headers* stands for ``-``."""
    usual = {"Host": "shop.test", "User-Agent": "Mozilla/5.0", "Accept": "*/*"}
    if body:
        form = "application/x-www-form-urlencoded"
        usual |= {"Content-Type": kind or form, "Content-Length": str(len(body))}
    usual |= {k.replace("_", "-"): v for k, v in headers.items()}
    return Request(client, method or ("POST" if body else "GET"), target, "1.1", heads(usual.items()), body)


def heads(of: Iterable[tuple[str, str]]) -> tuple[tuple[bytes, bytes], ...]:
    """Headers as the engine has them."""
    return tuple((k.lower().encode(), v.encode("latin-1")) for k, v in of)


def judged(of: WafPolicy, *requests: Request, step_s: float = 0.0, site: str = "site") -> list[Verdict]:
    """What becomes of *requests*, *step_s* apart."""
    inspector, counters, clock = Inspector(of, compiler(), country, CLEARANCE), Counters(), [time.monotonic()]

    async def within(key: str, limit: WafLimit) -> bool:
        return counters.within(key, limit.count, limit.seconds, clock[0])

    async def all_of_them() -> list[Verdict]:
        found = []
        for each in requests:
            found.append(await inspector.judge(each, site, within))
            clock[0] += step_s
        return found

    return asyncio.run(all_of_them())


def status(of: WafPolicy, what: Request) -> int:
    return judged(of, what)[0].status
