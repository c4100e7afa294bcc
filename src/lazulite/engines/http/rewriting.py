"""Rewrites as a program of Envoy's Lua filter: tables of a site's rules before one text that follows them; pure."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from lazulite.engines.http.wording import TYPES, Json, typed
from lazulite.forwarding.model import Condition, HeaderChange, HttpRule, Rewrite, Site
from lazulite.forwarding.patterns import Program
from lazulite.forwarding.rewriting import Variable, fault, parts

FILTER, MARK = "rewriting", "x-lazulite-served"
"""The mark is on answers of servers, which are rewritten; what the gateway answers itself is not."""
_LUA = "envoy.extensions.filters.http.lua.v3.Lua"


def filtered() -> Json:
    """The filter, which does nothing but where a site says what."""
    return typed(FILTER, _LUA, clear_route_cache=False) | {"disabled": True}


def concerns(site: Site) -> bool:
    return any(rule.rewrites for rule in site.rules)


def settings(site: Site) -> Json:
    """What the filter is told for a site."""
    rules: list[dict[str, Any]] = []
    rewrites: list[dict[str, Any]] = []
    for rule in site.rules:
        rules.append(_rule(rule, rewrites))
    source = f"REWRITES = {lua(rewrites)}\nRULES = {lua(rules)}\n"
    source += "for _, rule in ipairs(RULES) do\n"
    source += "  for index, id in ipairs(rule.rewrites) do rule.rewrites[index] = REWRITES[id] end\nend\n"
    return {"@type": f"{TYPES}{_LUA}PerRoute", "source_code": {"inline_string": source + _program()}}


@cache
def _program() -> str:
    return files("lazulite.engines.http").joinpath("rewriting.lua").read_text()


def _rule(rule: HttpRule, rewrites: list[dict[str, Any]]) -> dict[str, Any]:
    ids = []
    for each in rule.rewrites:
        if not fault(each):
            rewrites.append(_rewrite(each, len(rewrites) + 1))
            ids.append(len(rewrites))
    exact = bool(rule.path) and not rule.path.endswith("*")
    return {"exact": exact, "path": rule.path.rstrip("*").lower() or "/", "rewrites": ids}


def _rewrite(rewrite: Rewrite, number: int) -> dict[str, Any]:
    conditions = [_condition(c) for c in rewrite.conditions]
    response = [_change(c, rewrite.conditions) for c in rewrite.response]
    late = any(Variable(c.variable).late for c in rewrite.conditions)
    needs = [p for c in response for p in c["value"] if isinstance(p, dict) and "kind" in p]
    needs += [{"kind": c["kind"], "name": c["name"]} for c in conditions] if late else []
    needs = [n for n in needs if n["kind"] != "resp" and n["name"] != "http_status"]
    found = {
        "id": number,
        "late": late,
        "again": rewrite.again,
        "conditions": conditions,
        "needs": [dict(n) for n in dict.fromkeys(tuple(sorted(n.items())) for n in needs)],
        "request": [_change(c, rewrite.conditions) for c in rewrite.request],
        "response": response,
    }
    urls = (("path", rewrite.path), ("query", rewrite.query))
    return found | {k: parts(text, rewrite.conditions) for k, text in urls if text is not None}


def _condition(condition: Condition) -> dict[str, Any]:
    program = Program(condition.pattern, ignore_case=condition.ignore_case)
    said = Variable(condition.variable).table
    return said | {"key": condition.variable, "negate": condition.negate, "program": program}


def _change(change: HeaderChange, conditions: tuple[Condition, ...]) -> dict[str, Any]:
    found = {"name": change.name.lower(), "value": parts(change.value, conditions)}
    if change.only is None:
        return found
    program = Program(change.only.pattern, ignore_case=change.only.ignore_case)
    return found | {"only": {"program": program, "negate": change.only.negate}}


def lua(value: Any) -> str:
    """A value as Lua's text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(_sign(b) for b in value.encode()) + '"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, frozenset):
        return "{" + ",".join(f"[{b}]=true" for b in sorted(value)) + "}"
    if isinstance(value, Program):
        rows = ",".join("{" + ",".join(lua(p) for p in row if p is not None) + "}" for row in value.rows)
        return f"{{groups={value.groups},{rows}}}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}={lua(v)}" for k, v in value.items()) + "}"
    return "{" + ",".join(lua(v) for v in value) + "}"


def _sign(byte: int) -> str:
    return chr(byte) if 31 < byte < 127 and byte not in b'"\\' else f"\\{byte:03d}"
