"""What the firewall tells, as Azure's diagnostic log: lines of JSON in a file that does not grow without bound."""

from __future__ import annotations

import fcntl
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from lazulite.engines.waf.inspection import Event, Request
from lazulite.engines.waf.spec import Use
from lazulite.forwarding.model import WafPolicy, WafScrub

MAX_BYTES = 16 << 20
"""Of the file; as much again is in the one before it."""
CATEGORY = "ApplicationGatewayFirewallLog"
HIDDEN = "*******"
_PARTS = {
    "header": "REQUEST_HEADERS",
    "cookie": "REQUEST_COOKIES",
    "arg": "ARGS",
    "post": "ARGS_POST",
    "json": "ARGS:json.",
}


def lines(policy: WafPolicy, use: Use, request: Request, events: Iterable[Event], now: str) -> Iterator[dict[str, Any]]:
    """Source: facts/web-application-firewall.md, W16."""
    transaction = request.transaction or uuid.uuid4().hex
    for event in events:
        yield {
            "timeStamp": now,
            "resourceId": use.origin,
            "operationName": "ApplicationGatewayFirewall",
            "category": CATEGORY,
            "properties": {
                "instanceId": use.instance,
                "clientIp": HIDDEN if any(s.part == "address" for s in policy.scrubs) else request.client,
                "requestUri": request.target,
                "ruleSetType": event.kind,
                "ruleSetVersion": event.version,
                "ruleId": event.rule,
                "ruleGroup": event.group,
                "message": event.message,
                "action": event.action,
                "site": use.scope,
                "details": {
                    "message": event.message,
                    "data": scrubbed(event.data, policy.scrubs),
                    "file": event.file,
                    "line": event.line,
                },
                "hostname": request.header(b"host"),
                "transactionId": transaction,
                "policyId": policy.origin,
                "policyScope": use.scope,
                "policyScopeName": use.scope_name,
            },
        }


def scrubbed(data: str, scrubs: Iterable[WafScrub]) -> str:
    """*data* without values that are not to be shown: which one it was found within is said in it."""
    for scrub in scrubs:
        where = _PARTS.get(scrub.part)
        if where is None:
            continue
        name = re.escape(scrub.selector) if scrub.selector else r"[^:]*"
        after = "" if where.endswith(".") else ":"
        if re.search(rf"within (?i:{re.escape(where)}{after}(?:json\.)?{name}):", data):
            return HIDDEN
    return data


def write(path: Path, told: Iterable[dict[str, Any]]) -> None:
    """Append; several processes do. Beyond :data:`MAX_BYTES` the file becomes the one before."""
    text = b"".join(msgspec.json.encode(t) + b"\n" for t in told)
    if not text:
        return
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, text)
        if os.fstat(file).st_size > MAX_BYTES and os.path.samestat(os.fstat(file), os.stat(path)):
            os.replace(path, path.with_name(path.name + ".1"))
    finally:
        os.close(file)
