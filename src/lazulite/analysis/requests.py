"""What becomes of an HTTP request that has reached a proxy: the site, the rule, the firewall, what is rewritten, and
who is asked or where it leads.

What a firewall says of a request is not found out here: whoever asks has had it judged (:class:`Judged`).
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from lazulite.forwarding.model import Contents, ForwardingModel, HttpBackend, HttpProxy, HttpRule, Site, WafPolicy
from lazulite.forwarding.requests import HttpRequest, at, chosen, forwarded, location, ruling
from lazulite.forwarding.rewritten import Done, rewritten
from lazulite.values import IPAddress


class HttpStep(msgspec.Struct, frozen=True):
    """What one part of the proxy had to say; ``origin`` is the user's resource."""

    stage: str
    name: str
    detail: str = ""
    origin: str = ""


class Candidate(msgspec.Struct, frozen=True):
    """A server of the backend; ``available``: whether it is asked."""

    name: str
    address: IPAddress | None
    port: int
    available: bool


class Judged(msgspec.Struct, frozen=True):
    """What the firewall says of a request: 200 lets it pass. ``rules`` matched, in their order, in words."""

    status: int = 200
    rules: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """The proxy that a request reaches, with the site and the rule it chooses, where there are such."""

    proxy: HttpProxy
    sites: tuple[Site, ...] = ()
    site: Site | None = None
    rule: HttpRule | None = None

    @property
    def policy(self) -> str:
        """The firewall policy that is asked, the most specific one; empty for none."""
        return (self.rule.policy or self.site.policy or self.proxy.policy) if self.rule and self.site else ""


class HttpAnswer(msgspec.Struct, frozen=True):
    """``status`` is the proxy's own answer, 0 where a server answers, or nobody: it is ``closed`` when nothing listens
    on the port. ``policy`` names the firewall policy on the way."""

    proxy: str
    steps: tuple[HttpStep, ...]
    status: int = 0
    location: str = ""
    url: str = ""
    """What the servers are asked."""
    servers: tuple[Candidate, ...] = ()
    policy: str = ""
    closed: bool = False

    @property
    def forwarded(self) -> bool:
        """Whether servers are asked."""
        return self.status == 0 and not self.closed


def find(model: ForwardingModel, guest: str, address: IPAddress, asked: HttpRequest) -> Found | None:
    """Who is asked with a request to *address* of *guest*; ``None`` where there is no proxy."""
    proxy = next((p for _, p in sorted(model.all(HttpProxy).items()) if p.guest == guest), None)
    if proxy is None:
        return None
    sites = tuple(at(proxy.sites, address, asked.port))
    speaks = bool(sites) and (sites[0].tls is not None) == (asked.scheme == "https")
    site = chosen(sites, asked.host) if speaks else None
    return Found(proxy, sites, site, ruling(site, asked.path) if site is not None else None)


def answer(
    model: ForwardingModel, guest: str, address: IPAddress, asked: HttpRequest, judged: Judged | None = None
) -> HttpAnswer | None:
    """What the proxy of *guest* does with a request to *address*; ``None`` where there is none.

    *judged* is what the firewall says, ``None`` where it was not asked.
    """
    found = find(model, guest, address, asked)
    if found is None:
        return None
    if not found.sites:
        nothing = HttpStep("listener", "", f"none is on port {asked.port} of {address}", found.proxy.origin)
        return HttpAnswer(found.proxy.label, (nothing,), closed=True)
    if found.site is None:
        return _nobody(found, asked)
    named = HttpStep("listener", found.site.name, _for(", ".join(found.site.hosts), "any host"), found.site.origin)
    if asked.method == "TRACE":
        refused = HttpStep("listener", found.site.name, "TRACE is not allowed", found.site.origin)
        return HttpAnswer(found.proxy.label, (refused,), HTTPStatus.METHOD_NOT_ALLOWED.value)
    if found.rule is None:
        nowhere = HttpStep("rule", "", f"no rule is for {asked.path}", found.site.origin)
        return HttpAnswer(found.proxy.label, (named, nowhere), HTTPStatus.NOT_FOUND.value)
    steps = named, HttpStep("rule", found.rule.name, _for(found.rule.path, "any path"), found.rule.origin)
    return _ruled(model, HttpAnswer(found.proxy.label, steps, policy=found.policy), found, asked, judged)


def _nobody(found: Found, asked: HttpRequest) -> HttpAnswer:
    first = found.sites[0]
    if (first.tls is not None) != (asked.scheme == "https"):
        speaks = "TLS" if first.tls is not None else "no TLS"
        wrong = HttpStep("listener", first.name, f"port {asked.port} speaks {speaks}", first.origin)
        return HttpAnswer(found.proxy.label, (wrong,), HTTPStatus.BAD_REQUEST.value)
    hosts = ", ".join(h for s in found.sites for h in s.hosts)
    nobody = HttpStep("listener", "", f"no listener of port {asked.port} is for {asked.host}, only for {hosts}")
    return HttpAnswer(found.proxy.label, (nobody,), HTTPStatus.NOT_FOUND.value)


def _ruled(
    model: ForwardingModel, so_far: HttpAnswer, found: Found, asked: HttpRequest, judged: Judged | None
) -> HttpAnswer:
    """The firewall comes before rewrites; a rule may be chosen anew by them."""
    assert found.site is not None
    assert found.rule is not None
    if so_far.policy:
        so_far = _judged(model.get(WafPolicy, so_far.policy), so_far, judged)
        if so_far.status:
            return so_far
    outcome = rewritten(found.site, found.rule, asked)
    for done in outcome.done:
        so_far = _with(so_far, HttpStep("rewrite", done.rewrite.name, _did(done), done.rewrite.origin), 0)
    rule, now = outcome.rule, outcome.request
    if outcome.endless:
        turning = HttpStep("rewrite", "", "the rule is chosen anew again and again", found.rule.origin)
        return _with(so_far, turning, HTTPStatus.INTERNAL_SERVER_ERROR.value)
    if rule is None:
        nowhere = HttpStep("rule", "", f"no rule is for {now.path}", found.site.origin)
        return _with(so_far, nowhere, HTTPStatus.NOT_FOUND.value)
    if rule is not found.rule:
        so_far = _with(so_far, HttpStep("rule", rule.name, _for(rule.path, "any path"), rule.origin), 0)
    if rule.redirect is not None:
        to = location(rule.redirect, rule, now)
        sent = _with(so_far, HttpStep("redirect", "", to, rule.origin), rule.redirect.status)
        return msgspec.structs.replace(sent, location=to)
    return _asked(model, so_far, rule, now)


def _judged(policy: WafPolicy | None, so_far: HttpAnswer, judged: Judged | None) -> HttpAnswer:
    """In prevention mode a firewall lets nothing pass while nobody can be asked. Source:
    services/web_application_firewall/README.md."""
    if policy is None:
        missing = HttpStep("firewall", "", "its policy is not there: nothing passes")
        return _with(so_far, missing, HTTPStatus.SERVICE_UNAVAILABLE.value)
    mode = "off" if not policy.enabled else "detection" if policy.detect else "prevention"
    if mode == "off" or judged is None:
        said = mode if mode == "off" else f"{mode}: it looks at the request, and could not be asked"
        return _with(so_far, HttpStep("firewall", policy.label, said, policy.origin), 0)
    verdict = "passes" if judged.status == HTTPStatus.OK else f"blocked with {judged.status}"
    said = f"{mode}: {verdict}" + (f" ({'; '.join(judged.rules)})" if judged.rules else "")
    step = HttpStep("firewall", policy.label, said, policy.origin)
    return _with(so_far, step, 0 if judged.status == HTTPStatus.OK else judged.status)


def _did(done: Done) -> str:
    if done.unknown:
        return f"depends on {done.unknown}, which is not known before"
    return ", ".join(done.changes) or "changes nothing"


def _for(what: str, otherwise: str) -> str:
    return f"for {what or otherwise}"


def _asked(model: ForwardingModel, so_far: HttpAnswer, rule: HttpRule, asked: HttpRequest) -> HttpAnswer:
    backend = model.get(HttpBackend, rule.backend)
    if backend is None:
        nowhere = HttpStep("pool", "", "the rule leads to no pool", rule.origin)
        return _with(so_far, nowhere, HTTPStatus.BAD_GATEWAY.value)
    known = model.get(Contents, backend.available) if backend.available else None
    chosen = backend.asked(known.members if known is not None else None)
    servers = tuple(Candidate(s.name, s.address, backend.port, s in chosen) for s in backend.servers)
    step = HttpStep("pool", backend.label, _health(servers, known), backend.origin)
    if not any(s.available for s in servers):
        return msgspec.structs.replace(_with(so_far, step, HTTPStatus.BAD_GATEWAY.value), servers=servers)
    scheme = "https" if backend.tls is not None else "http"
    host = "{server}" if backend.own_host else backend.host or asked.host
    path = forwarded(rule, backend, asked.path)
    inward = HttpRequest(scheme, host, backend.port, path, asked.query)
    return msgspec.structs.replace(_with(so_far, step, 0), servers=servers, url=inward.url)


def _with(so_far: HttpAnswer, step: HttpStep, status: int) -> HttpAnswer:
    return msgspec.structs.replace(so_far, steps=(*so_far.steps, step), status=status)


def _health(servers: tuple[Candidate, ...], known: Contents | None) -> str:
    up = [s.name for s in servers if s.available]
    if not servers:
        return "it is empty"
    since = f" since {known.since}" if known is not None and known.since else ""
    said = "no probe has said anything yet" if known is None and not up else ", ".join(up) or "none"
    return f"{len(up)} of {len(servers)} up{since}: {said}"
