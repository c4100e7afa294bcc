"""What a proxy does with a request, as its entries say: which site answers, by which rule, and where a redirect leads.

Whoever realises :class:`HttpProxy` and whoever explains it follow this file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from urllib.parse import urlsplit

import msgspec

from lazulite.forwarding.proxying import HttpBackend, HttpRule, Redirect, Site
from lazulite.values import IPAddress

DEFAULT_PORTS = {"http": 80, "https": 443}


class HttpRequest(msgspec.Struct, frozen=True):
    """A request of ``client`` for ``scheme://host:port{path}?{query}``.

    ``headers`` are those beside the host's, which is ``named`` where it has been rewritten.
    """

    scheme: str
    host: str
    port: int
    path: str = "/"
    query: str = ""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    client: IPAddress | None = None
    named: str = ""
    body: str = ""

    @property
    def authority(self) -> str:
        """As the header has it: a port that the scheme has is left out."""
        return self.named or url(self.scheme, self.host, self.port, "", "").partition("://")[2]

    @property
    def target(self) -> str:
        return self.path + (f"?{self.query}" if self.query else "")

    @property
    def url(self) -> str:
        return url(self.scheme, self.host, self.port, self.path, self.query)


def read(text: str) -> HttpRequest:
    """The request for a URL of HTTP. Raises ``ValueError``."""
    parts = urlsplit(text)
    scheme, host = parts.scheme.lower(), parts.hostname or ""
    if scheme not in DEFAULT_PORTS or not host:
        raise ValueError(f"'{text}' is no URL of http or https with a host.")
    return HttpRequest(scheme, host, parts.port or DEFAULT_PORTS[scheme], parts.path or "/", parts.query)


def url(scheme: str, host: str, port: int, path: str, query: str) -> str:
    """A port is left out where the scheme has it."""
    name = f"[{host}]" if ":" in host else host
    place = name if DEFAULT_PORTS.get(scheme) == port else f"{name}:{port}"
    return f"{scheme}://{place}{path}" + (f"?{query}" if query else "")


@cache
def pattern(host: str) -> re.Pattern[str]:
    """``*`` is any run of letters, digits, dashes and dots, ``?`` one of them but a dot. Source:
    facts/application-gateway.md, "Listener choice"."""
    parts = {"*": "[a-z0-9.-]*", "?": "[a-z0-9-]"}
    return re.compile("".join(parts.get(c, re.escape(c)) for c in host.lower()))


def matches(site: Site, host: str) -> bool:
    """Whether *site* answers for *host*, a name with no port."""
    return not site.hosts or any(pattern(h).fullmatch(host.lower()) for h in site.hosts)


def at(sites: Sequence[Site], address: IPAddress, port: int) -> list[Site]:
    """Those of one place, in their order."""
    return [s for s in sites if (s.address, s.port) == (address, port)]


def chosen(sites: Sequence[Site], host: str) -> Site | None:
    """The first of *sites* at one place that answers for *host*."""
    return next((s for s in sites if matches(s, host)), None)


def applies(rule: HttpRule, path: str) -> bool:
    """Letter case does not count. Source: facts/application-gateway.md, "Path rules"."""
    wanted, asked = rule.path.lower(), path.lower()
    return asked.startswith(wanted[:-1]) if wanted.endswith("*") else not wanted or asked == wanted


def ruling(site: Site, path: str) -> HttpRule | None:
    """The first rule of *site* for *path*."""
    return next((r for r in site.rules if applies(r, path)), None)


def location(to: Redirect, rule: HttpRule, asked: HttpRequest) -> str:
    """Where a redirect sends who asked. What of the path the rule matched gives way to a path that is kept behind."""
    scheme, host = to.scheme or asked.scheme, to.host or asked.host
    kept = asked.port if not to.host and asked.port != DEFAULT_PORTS[asked.scheme] else DEFAULT_PORTS.get(scheme, 0)
    path = to.path or "/"
    if to.keep_path:
        path = to.path + asked.path[len(_matched(rule)) :] if to.path else asked.path
    return url(scheme, host, to.port or kept, path, asked.query if to.keep_query else "")


def forwarded(rule: HttpRule, backend: HttpBackend, path: str) -> str:
    """The path that a server is asked for. Source: facts/application-gateway.md, "Path override"."""
    if not backend.prefix:
        return path
    matched, whole = _matched(rule), rule.path and not rule.path.endswith("*")
    rest = "" if whole else path[len(matched) :]
    return backend.prefix.rstrip("/") + "/" + rest.lstrip("/") if not whole else backend.prefix


def _matched(rule: HttpRule) -> str:
    return rule.path.rstrip("*") or "/"
