"""Certificates and what proves them, for those who serve and those who are asked; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lazulite.engines.http import wording
from lazulite.engines.http.files import file_of, resource
from lazulite.engines.http.wording import Json
from lazulite.forwarding.model import Certificate, HttpBackend, HttpProxy

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""The authorities that the host trusts, in Debian's and Ubuntu's place: they stand for the well-known ones of Azure."""

BETWEEN = "+"


def joined(names: Sequence[str]) -> str:
    """The name of the secret of several that are trusted together."""
    return BETWEEN.join(names)


def files(
    proxies: Mapping[str, HttpProxy], backends: Mapping[str, HttpBackend], known: Mapping[str, Certificate]
) -> dict[str, str]:
    """A file for each certificate and each set of roots that somebody names, as far as they are known."""
    served = [s.tls for p in proxies.values() for s in p.sites if s.tls is not None]
    shown = {c for t in served for c in t.certificates}
    trusted = {t.clients for t in served if t.clients} | {b.tls.roots for b in backends.values() if b.tls}
    made = {n: _shown(known[n]) for n in shown & known.keys() if known[n].private_key}
    for names in trusted:
        chains = [known[n].chain for n in names if n in known]
        if chains:
            made[joined(names)] = {"validation_context": {"trusted_ca": {"inline_string": "".join(chains)}}}
    return {
        file_of("secret", n): resource({"@type": wording.SECRET, "name": n} | found)
        for n, found in sorted(made.items())
    }


def _shown(found: Certificate) -> Json:
    both = {"certificate_chain": {"inline_string": found.chain}, "private_key": {"inline_string": found.private_key}}
    return {"tls_certificate": both}


def upstream(backend: HttpBackend, secret: Callable[[str], Json]) -> Json:
    """Of a cluster: how its servers are spoken to. *secret* says where one is found.

    Without a name of its own a server is asked for by the host of the request, or by its own where that is sent, and
    its certificate must name that. Source: facts/application-gateway.md, backendHttpSettings.
    """
    tls = backend.tls
    if tls is None:
        return {"typed_extension_protocol_options": wording.http_1()}
    found: dict[str, Any] = {}
    asked = not tls.name and not backend.own_host
    if tls.name:
        found["sni"] = tls.name
    elif backend.own_host:
        found |= {"auto_host_sni": True, "auto_sni_san_validation": tls.verify and tls.named}
    common = _proof(backend, secret) if tls.verify else {}
    socket = {"@type": wording.UPSTREAM, "common_tls_context": common, **found}
    auto = {"auto_sni": True, "auto_san_validation": tls.verify and tls.named} if asked else {}
    return {
        "typed_extension_protocol_options": wording.http_1(**auto),
        "transport_socket": {"name": "tls", "typed_config": socket},
    }


def _proof(backend: HttpBackend, secret: Callable[[str], Json]) -> Json:
    """By the roots that were given, else by those of the host. Without either nobody is proven."""
    assert backend.tls is not None
    name, named = backend.tls.name, {}
    if name and backend.tls.named:
        named = {"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": name}}]}
    if not backend.tls.roots:
        return {"validation_context": {"trusted_ca": {"filename": AUTHORITIES}} | named}
    given = {"validation_context_sds_secret_config": secret(joined(backend.tls.roots))}
    return {"combined_validation_context": {"default_validation_context": named} | given}
