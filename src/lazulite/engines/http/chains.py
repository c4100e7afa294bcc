"""How a listener chooses what serves a connection, apart from what there is to choose; and what goes on serving those
connections that were begun under something else; pure.

A chain is named by what is in it. One that is replaced stays, chosen for nobody, so that what is open lives on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lazulite.engines.http import hosts, wording
from lazulite.engines.http.files import version
from lazulite.engines.http.wording import TYPES, Json, typed

_MARK = "#"
_INPUTS = "envoy.extensions.matching.common_inputs.network.v3."
MOST = 4
"""How many that were replaced are kept of one site: each is as large as one that serves."""

Chosen = Sequence[tuple[Sequence[str], str]]
"""Names of hosts, with ``*.`` before some, or :data:`hosts.ANY`, and the chain that they choose."""


def named(name: str, chain: Json) -> Json:
    """The chain of a site, or of all that a place serves in the clear: another name when something in it differs."""
    return {"name": f"{name}{_MARK}{version(chain)}"} | chain


def site_of(chain: str) -> str:
    """What a chain was named for."""
    return chain.partition(_MARK)[0]


def always(chain: str) -> Json:
    """A matcher that chooses it for everyone."""
    return {"on_no_match": _leads(chain)}


def secure(chosen: Chosen, clear: str) -> Json:
    """A matcher by the name that a client asks for in its handshake; *clear* is for who speaks no TLS.

    The longest name is chosen, as Envoy chooses the sites of a route table.
    """
    return _by("TransportProtocolInput", {"tls": {"matcher": _by_name(chosen)}}, _leads(clear))


def _by_name(chosen: Chosen) -> Json:
    rows = [(name, chain) for names, chain in chosen for name in names]
    others = [chain for name, chain in rows if name == hosts.ANY]
    below = sorted(((n, c) for n, c in rows if n.startswith("*.")), key=lambda row: -len(row[0]))
    exact = {name: _leads(chain) for name, chain in rows if "*" not in name}
    rest: Json = {"on_no_match": _leads(others[0])} if others else {}
    if below:
        rest |= {"matcher_list": {"matchers": [_ends(name, chain) for name, chain in below]}}
    if not exact:
        return rest
    return _by("ServerNameInput", exact, {"matcher": rest} if rest else None)


def _by(kind: str, table: Json, otherwise: Json | None) -> Json:
    found: Json = {"matcher_tree": {"input": _input(kind), "exact_match_map": {"map": table}}}
    return found | ({"on_no_match": otherwise} if otherwise is not None else {})


def _ends(name: str, chain: str) -> Json:
    single = {"input": _input("ServerNameInput"), "value_match": {"suffix": name.removeprefix("*")}}
    return {"predicate": {"single_predicate": single}, "on_match": _leads(chain)}


def _input(kind: str) -> Json:
    return typed(kind, _INPUTS + kind)


def _leads(chain: str) -> Json:
    return {
        "action": {"name": "chain", "typed_config": {"@type": f"{TYPES}google.protobuf.StringValue", "value": chain}}
    }


def kept(before: Iterable[Json], after: Iterable[Json], until: Mapping[str, float], now: float) -> list[Json]:
    """The listeners *after*, with those chains of the ones *before* that were replaced by another of the same site and
    are to be kept beyond *now*: *until* says of some how long, in seconds; of others it is too early to tell."""
    old = {r["name"]: r["filter_chains"] for r in before if r["@type"] == wording.LISTENER}
    return [_with(r, [c for c in old.get(r["name"], ()) if until.get(c["name"], now + 1) > now]) for r in after]


def _with(listener: Json, chains: Sequence[Json]) -> Json:
    serving: list[Any] = listener["filter_chains"]
    known = {c["name"] for c in serving}
    sites = {site_of(n) for n in known}
    found: dict[str, list[Json]] = {}
    for chain in chains:
        if chain["name"] not in known and site_of(chain["name"]) in sites:
            found.setdefault(site_of(chain["name"]), []).append(chain)
    return listener | {"filter_chains": [*serving, *(c for some in found.values() for c in some[:MOST])]}


def replaced(listeners: Iterable[Json]) -> set[str]:
    """The names of chains that are kept: of those of one site the first serves."""
    found: set[str] = set()
    for listener in listeners:
        seen: set[str] = set()
        for name in (c["name"] for c in listener["filter_chains"]):
            if site_of(name) in seen:
                found.add(name)
            seen.add(site_of(name))
    return found
