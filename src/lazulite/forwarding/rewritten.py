"""What rewrites make of a request: pure, and step by step as ``rewriting.lua`` does it.

What only the connection or the answer tells (a client's port, a cipher, a status) is not known here: a rewrite that
asks for it is named, and not done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lazulite.forwarding.matching import search
from lazulite.forwarding.patterns import Program
from lazulite.forwarding.proxying import HeaderChange, HttpRule, Rewrite, Site, ValueMatch
from lazulite.forwarding.requests import HttpRequest, ruling
from lazulite.forwarding.rewriting import Variable, parts

ROUNDS = 10
"""How often a request may choose its rule anew. Source: ``engines/http/rewriting.lua``."""
_KEPT = frozenset(range(33, 127)) - {35}
_CERTIFICATE = "client_certificate"
_OWN = frozenset({"x-forwarded-proto", "x-forwarded-port", "x-original-host", "x-original-url"})
"""What the proxy says itself, whatever the client does."""


class UnknownError(Exception):
    """A value that nobody can know before the request is there; the text names it."""


class Done(msgspec.Struct, frozen=True):
    """What one rewrite did; ``changes`` are words for people. With ``unknown`` it may or may not be done."""

    rewrite: Rewrite
    changes: tuple[str, ...] = ()
    unknown: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """The request as it goes on, by which rule (``None``: no rule is for it any more), and what was done.

    ``endless``: the rule was chosen anew more often than is allowed.
    """

    request: HttpRequest
    rule: HttpRule | None
    done: tuple[Done, ...] = ()
    endless: bool = False


def rewritten(site: Site, rule: HttpRule, asked: HttpRequest) -> Outcome:
    """What becomes of *asked*, for which *rule* of *site* was chosen."""
    headers = tuple((k, v) for k, v in asked.headers if k.lower() not in _OWN)
    asked, done = msgspec.structs.replace(asked, headers=headers), list[Done]()
    chosen: HttpRule | None = rule
    for _ in range(ROUNDS):
        if chosen is None:
            return Outcome(asked, None, tuple(done))
        asked, more, again = _once(chosen, asked)
        done += more
        if not again:
            return Outcome(asked, chosen, tuple(done))
        chosen = ruling(site, asked.path)
    return Outcome(asked, chosen, tuple(done), endless=True)


def _once(rule: HttpRule, asked: HttpRequest) -> tuple[HttpRequest, list[Done], bool]:
    done, again = list[Done](), False
    for rewrite in rule.rewrites:
        try:
            groups = _matched(rewrite, asked)
            if groups is None:
                continue
            before, asked = asked, _changed(rewrite, asked, groups)
        except UnknownError as unknown:
            done.append(Done(rewrite, unknown=str(unknown)))
            continue
        done.append(Done(rewrite, tuple(_told(rewrite, before, asked))))
        again |= rewrite.again and (rewrite.path is not None or rewrite.query is not None)
    return asked, done, again


def _matched(rewrite: Rewrite, asked: HttpRequest) -> dict[str, list[str]] | None:
    """Groups by condition where all hold. Raises :class:`UnknownError`."""
    groups: dict[str, list[str]] = {}
    for condition in rewrite.conditions:
        said = Variable(condition.variable).table
        found = search(Program(condition.pattern, ignore_case=condition.ignore_case), value(asked, **said))
        if (found is not None) == condition.negate:
            return None
        groups[condition.variable] = found or []
    return groups


def _changed(rewrite: Rewrite, asked: HttpRequest, groups: Mapping[str, list[str]]) -> HttpRequest:
    for change in rewrite.request:
        asked = _with_header(asked, change, _filled(change.value, rewrite, asked, groups))
    path, query = asked.path, asked.query
    if rewrite.path is not None:
        path = _encoded(_filled(rewrite.path, rewrite, asked, groups)).replace("?", "%3F")
        path = path if path.startswith("/") else f"/{path}"
    if rewrite.query is not None:
        query = _encoded(_filled(rewrite.query, rewrite, asked, groups))
    return msgspec.structs.replace(asked, path=path, query=query)


def _with_header(asked: HttpRequest, change: HeaderChange, text: str) -> HttpRequest:
    """An empty text removes it, but for the host."""
    name = change.name.lower()
    if name == "host":
        return msgspec.structs.replace(asked, host=text.partition(":")[0], named=text) if text else asked
    if change.only is not None:
        return msgspec.structs.replace(asked, headers=tuple(_some(asked.headers, name, change.only, text)))
    rest = tuple((k, v) for k, v in asked.headers if k.lower() != name)
    return msgspec.structs.replace(asked, headers=(*rest, (change.name, text)) if text else rest)


def _some(headers: tuple[tuple[str, str], ...], name: str, only: ValueMatch, text: str) -> Iterator[tuple[str, str]]:
    """Of several with the name each that matches; those that become empty go."""
    program = Program(only.pattern, ignore_case=only.ignore_case)
    for key, held in headers:
        meant = key.lower() == name and (search(program, held) is not None) != only.negate
        if not meant or text:
            yield key, text if meant else held


def _filled(text: str, rewrite: Rewrite, asked: HttpRequest, groups: Mapping[str, list[str]]) -> str:
    def one(part: str | dict[str, Any]) -> str:
        if isinstance(part, str):
            return part
        if "group" in part:
            found = groups.get(part["key"], [])
            return found[part["group"]] if part["group"] < len(found) else ""
        return value(asked, part["kind"], part["name"])

    return "".join(map(one, parts(text, rewrite.conditions)))


def _encoded(text: str) -> str:
    return "".join(chr(b) if b in _KEPT else f"%{b:02X}" for b in text.encode())


def _told(rewrite: Rewrite, before: HttpRequest, after: HttpRequest) -> Iterator[str]:
    if before.target != after.target:
        yield f"{before.target} becomes {after.target}"
    held = {k.lower(): v for k, v in after.headers}
    for change in rewrite.request:
        text = after.authority if change.name.lower() == "host" else held.get(change.name.lower(), "")
        yield f"{change.name} becomes {text}" if text else f"{change.name} goes"
    for change in rewrite.response:
        yield f"{change.name} of the answer {'is set' if change.value else 'goes'}"


def value(asked: HttpRequest, kind: str, name: str) -> str:
    """What a variable stands for. Raises :class:`UnknownError`."""
    if kind == "req":
        return _header(asked, name)
    if kind == "cookie":
        return _cookie(asked, name)
    known = _known(asked).get(name)
    if kind != "var" or known is None:
        raise UnknownError(name if kind == "var" else f"{name} of the answer")
    return known


def _header(asked: HttpRequest, name: str) -> str:
    """Those that the proxy adds are there by then."""
    own = {
        "host": asked.authority,
        "x-forwarded-proto": asked.scheme,
        "x-forwarded-port": str(asked.port),
        "x-original-host": asked.authority,
        "x-original-url": asked.target,
    }
    if name in ("x-forwarded-for", "x-appgw-trace-id"):
        raise UnknownError(name)
    return next((v for k, v in asked.headers if k.lower() == name), own.get(name, ""))


def _cookie(asked: HttpRequest, name: str) -> str:
    said = next((v for k, v in asked.headers if k.lower() == "cookie"), "")
    pairs = (pair.strip().partition("=") for pair in said.replace(",", ";").split(";"))
    return next((v for k, sign, v in pairs if sign and k == name), "")


def _known(asked: HttpRequest) -> dict[str, str]:
    """Server variables by name. Nobody shows a certificate; of TLS only that it is there is known."""
    secure = asked.scheme == "https"
    before = next((v for k, v in asked.headers if k.lower() == "x-forwarded-for"), "")
    client = str(asked.client) if asked.client is not None else None
    found = {
        "host": asked.host,
        "http_method": asked.method,
        "http_version": "HTTP/1.1",
        "request_scheme": asked.scheme,
        "request_uri": asked.target,
        "uri_path": asked.path,
        "query_string": asked.query,
        "request_query": asked.query,
        "server_port": str(asked.port),
        "ssl_enabled": "On" if secure else "",
        f"{_CERTIFICATE}_verification": "NONE" if secure else "",
    }
    if client is not None:
        found |= {"client_ip": client, "add_x_forwarded_for_proxy": f"{before},{client}" if before else client}
    parts_ = ("", "_end_date", "_fingerprint", "_issuer", "_serial", "_start_date", "_subject")
    found |= {f"{_CERTIFICATE}{part}": "" for part in parts_}
    return found if secure else found | {"ssl_connection_protocol": "", "ciphers_used": ""}
