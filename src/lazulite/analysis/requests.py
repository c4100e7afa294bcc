"""What becomes of an HTTP request that has reached a proxy: the site, the rule, and who is asked or where it leads."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from lazulite.forwarding.model import Contents, ForwardingModel, HttpBackend, HttpProxy, HttpRule, Site
from lazulite.forwarding.requests import HttpRequest, at, chosen, forwarded, location, ruling
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


class HttpAnswer(msgspec.Struct, frozen=True):
    """``status`` is the proxy's own answer, 0 where a server answers, or nobody: it is ``closed`` when nothing listens
    on the port. ``policy`` names the firewall policy on the way, which may say otherwise."""

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


def answer(model: ForwardingModel, guest: str, address: IPAddress, asked: HttpRequest) -> HttpAnswer | None:
    """What the proxy of *guest* does with a request to *address*; ``None`` where there is none."""
    proxy = next((p for _, p in sorted(model.all(HttpProxy).items()) if p.guest == guest), None)
    if proxy is None:
        return None
    sites = at(proxy.sites, address, asked.port)
    if sites:
        return _of(model, proxy, sites, asked)
    nothing = HttpStep("listener", "", f"none is on port {asked.port} of {address}", proxy.origin)
    return HttpAnswer(proxy.label, (nothing,), closed=True)


def _of(model: ForwardingModel, proxy: HttpProxy, sites: list[Site], asked: HttpRequest) -> HttpAnswer:
    secured = sites[0].tls is not None
    if secured != (asked.scheme == "https"):
        speaks = "TLS" if secured else "no TLS"
        wrong = HttpStep("listener", sites[0].name, f"port {asked.port} speaks {speaks}", sites[0].origin)
        return HttpAnswer(proxy.label, (wrong,), HTTPStatus.BAD_REQUEST.value)
    site = chosen(sites, asked.host)
    if site is None:
        hosts = ", ".join(h for s in sites for h in s.hosts)
        nobody = HttpStep("listener", "", f"no listener of port {asked.port} is for {asked.host}, only for {hosts}")
        return HttpAnswer(proxy.label, (nobody,), HTTPStatus.NOT_FOUND.value)
    named = HttpStep("listener", site.name, _for(", ".join(site.hosts), "any host"), site.origin)
    rule = ruling(site, asked.path)
    if rule is None:
        nowhere = HttpStep("rule", "", f"no rule is for {asked.path}", site.origin)
        return HttpAnswer(proxy.label, (named, nowhere), HTTPStatus.NOT_FOUND.value)
    steps = named, HttpStep("rule", rule.name, _for(rule.path, "any path"), rule.origin)
    policy = rule.policy or site.policy or proxy.policy
    if rule.redirect is not None:
        to = location(rule.redirect, rule, asked)
        sent = HttpStep("redirect", "", to, rule.origin)
        return HttpAnswer(proxy.label, (*steps, sent), rule.redirect.status, to, policy=policy)
    return _asked(model, HttpAnswer(proxy.label, steps, policy=policy), rule, asked)


def _for(what: str, otherwise: str) -> str:
    return f"for {what or otherwise}"


def _asked(model: ForwardingModel, so_far: HttpAnswer, rule: HttpRule, asked: HttpRequest) -> HttpAnswer:
    backend = model.get(HttpBackend, rule.backend)
    if backend is None:
        nowhere = HttpStep("pool", "", "the rule leads to no pool", rule.origin)
        return _with(so_far, nowhere, HTTPStatus.BAD_GATEWAY.value)
    known = model.get(Contents, backend.available) if backend.available else None
    members = frozenset(known.members) if known is not None else frozenset()
    servers = tuple(
        Candidate(s.name, s.address, backend.port, not backend.available or s.name in members) for s in backend.servers
    )
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
