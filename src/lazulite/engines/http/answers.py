"""What the proxy answers by itself, without a server: statuses, and pages that stand for their bodies; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus

from lazulite.engines.http import firewall, hosts, lines
from lazulite.engines.http.wording import Json
from lazulite.forwarding.model import Site

_NAME = "Microsoft-Azure-Application-Gateway/v2"
SERVER = _NAME
CLEAR = lines.CLEAR
"""Name of the route of those who speak no TLS where it is wanted."""
_SHOWN = {503: 502, 431: 400, 426: 400, 501: 400}
"""What Envoy says of a server that is not there, of headers that are too long, of versions and encodings unknown to it,
and what a gateway says. Source: facts/application-gateway.md, "Gateway-made status codes"."""
OWN = (400, 403, 404, 405, 408, 413, 500, 502, 504)
"""Source: facts/application-gateway.md, "Gateway-made status codes"; 403 and 413 are the firewall's."""
_WORDED = (400, 404, 405, 408, 500, 502, 504)
"""Those whose bodies are ours where nobody gave a page."""

Pages = Callable[[str], str | None]
"""The text found at a URL."""


def mappers(sites: Sequence[Site], pages: Pages) -> Json:
    """For all *sites* that one set of routes serves: the first that answers for a host also gives it its pages."""
    rows: list[Json] = []
    given = {status for s in sites for status, _ in s.pages}
    for site in sites if given else ():
        for status in sorted(given):
            url = dict(site.pages).get(status)
            text = pages(url) if url is not None else None
            if text is not None or status in _WORDED:
                rows += _rows(status, text or body(status), site)
    rows.append(firewall.answered())
    for status in _WORDED:
        rows += _rows(status, body(status), None)
    return {"mappers": rows}


def body(status: int) -> str:
    """The page of a status for which nobody gave one."""
    title = f"{status} {HTTPStatus(status).phrase}"
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>{_NAME}</body></html>\r\n"


def _rows(status: int, text: str, site: Site | None) -> list[Json]:
    found = [s for s, shown in _SHOWN.items() if shown == status]
    return [_row(s, status, text, site) for s in (status, *found)]


def _row(status: int, shown: int, text: str, site: Site | None) -> Json:
    equal = {"op": "EQ", "value": {"default_value": status, "runtime_key": "lazulite.none"}}
    found: Json = {"status_code_filter": {"comparison": equal}}
    if site is not None and site.hosts:
        asked = [{"header_filter": {"header": h}} for h in hosts.asked_for(site)]
        found = {"and_filter": {"filters": [found, *asked]}}
    format_ = {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}, "content_type": "text/html"}
    return {"filter": found, "status_code": shown, "body": {"inline_string": text}, "body_format_override": format_}
