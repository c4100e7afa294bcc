"""Policies as SecLang, which libmodsecurity and what embeds it read: pure.

A policy has three texts. In the first each rule of the user's is one that only tells that it matched, so that whoever
asks goes through them in their order, whatever phase or counter decides each. The second are the managed rules, the
same text for all policies that use them alike; the third those of them that are to be told and must not add up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lazulite.forwarding.model import WafCondition, WafExclusion, WafPolicy, WafRule, WafTarget

UNREADABLE, UNTIDY, EXCEEDED = 200002, 200003, 949110
"""Numbers of the rules that say that a body cannot be parsed, that one of parts is not well formed, and that the score
is reached."""
GENERAL = "GENERAL"
"""The group of the first two, which no file has."""
FIRST_RULE = 1000
"""Number of the first rule of a user; the others follow."""
COUNTRY = "x-lazulite-country"
"""The header in which the engine is told where a client is; it is never one of the client's."""
RULES = "/usr/share/modsecurity-crs/rules"
"""Where the package modsecurity-crs has the OWASP core rule set."""
THRESHOLD = 5
"""Source: facts/web-application-firewall.md, W8."""
FORM = "(?i)^(?:application/x-www-form-urlencoded|multipart/form-data)"
URLENCODED = "(?i)^application/x-www-form-urlencoded"
"""Bodies that rules of users see. Source: facts/web-application-firewall.md, W3."""
_FIRST_CONDITION, _CONDITIONS = 100_000, 1000
_TRANSFORMS = {
    "lower": "t:lowercase",
    "upper": "t:uppercase",
    "trim": "t:trim",
    "url-decode": "t:urlDecode",
    "url-encode": "t:urlEncode",
    "remove-nulls": "t:removeNulls",
    "html-decode": "t:htmlEntityDecode",
}
_VARIABLES = {
    "address": "REMOTE_ADDR",
    "method": "REQUEST_METHOD",
    "query": "QUERY_STRING",
    "uri": "REQUEST_URI",
    "post": "ARGS_POST",
    "body": "REQUEST_BODY",
    "header": "REQUEST_HEADERS",
    "cookie": "REQUEST_COOKIES",
}
_REGEX = {
    "equal": "\\A(?:{})\\z",
    "contains": "(?:{})",
    "begins": "\\A(?:{})",
    "ends": "(?:{})\\z",
    "country": "\\A(?:{})\\z",
}
# Without access to bodies no rule of the second phase is asked, whatever it looks at: a policy that does not check
# bodies is given none.
_BASE = """SecRuleEngine {engine}
SecRequestBodyAccess On
SecRequestBodyLimit {limit}
SecRequestBodyNoFilesLimit {limit}
SecRequestBodyLimitAction ProcessPartial
SecResponseBodyAccess Off
SecArgumentSeparator &
SecCookieFormat 0
SecAuditEngine Off
SecDefaultAction "phase:1,log,auditlog,pass"
SecDefaultAction "phase:2,log,auditlog,pass"
"""
# A file's rules tell that they matched only with auditlog said as well as log.
_PROCESSORS = r"""SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" \
    "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" \
    "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" \
    "id:200002,phase:2,t:none,log,auditlog,pass,msg:'Failed to parse request body.'"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" \
    "id:200003,phase:2,t:none,log,auditlog,pass,msg:'Multipart request body failed strict validation.'"
SecAction "id:900000,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level={level}"
SecAction "id:900110,phase:1,nolog,pass,t:none,setvar:tx.inbound_anomaly_score_threshold={threshold}"
SecAction "id:900200,phase:1,nolog,pass,t:none,setvar:'tx.allowed_methods={methods}'"
SecAction "id:900990,phase:1,nolog,pass,t:none,setvar:tx.crs_setup_version=334"
"""
METHODS = "GET HEAD POST OPTIONS PUT PATCH DELETE"


def own(policy: WafPolicy) -> str:
    """The rules of the user's; empty where there are none."""
    if not policy.rules:
        return ""
    lines = [_base(policy)]
    for index, rule in enumerate(policy.rules):
        lines += _rule(index, rule)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def managed(policy: WafPolicy) -> str:
    """The managed rules that add up or block; empty where there are none."""
    groups = {own for m in policy.managed for _, own in m.groups}
    if not groups:
        return ""
    left_out = {n for m in policy.managed for n in (*m.disabled, *m.logging)}
    level = max(m.level for m in policy.managed)
    decision = f"Include {RULES}/REQUEST-949-BLOCKING-EVALUATION.conf"
    removed = (f"SecRuleRemoveById {n}" for n in sorted(left_out))
    return _text([*_managed(policy, groups, level), decision, *removed], policy)


def told(policy: WafPolicy) -> str:
    """Those that are only told, and no others; empty where there are none."""
    wanted = {n for m in policy.managed for n in m.logging}
    groups = {own for m in policy.managed for _, own in m.groups if _series(own) in {n // 1000 for n in wanted}}
    if not groups:
        return ""
    lines = list(_managed(policy, groups, 4))
    for series in sorted({200, *map(_series, groups)}):
        lines += _all_but(series, wanted)
    return _text(lines, policy)


def _managed(policy: WafPolicy, groups: Iterable[str], level: int) -> Iterator[str]:
    yield _base(policy)
    yield _PROCESSORS.format(threshold=THRESHOLD, methods=METHODS, level=level)
    files = sorted(set(groups) - {GENERAL})
    for name in ("REQUEST-901-INITIALIZATION", *files):
        yield f"Include {RULES}/{name}.conf"


def _text(lines: Iterable[str], policy: WafPolicy) -> str:
    """With what is not looked at, which has to come last."""
    excluded = (line for exclusion in policy.exclusions for line in _excluded(exclusion))
    return "".join(f"{line.rstrip()}\n" for line in (*lines, *excluded))


def _series(group: str) -> int:
    """The first three digits of the numbers of its rules."""
    return 200 if group == GENERAL else int(group.split("-")[1])


def _all_but(series: int, wanted: set[int]) -> Iterator[str]:
    """Numbers that begin with *series*, but for *wanted* and those that choose the reader of a body."""
    first = series * 1000 + (2 if series == 200 else 0)
    for number in (*sorted(n for n in wanted if n // 1000 == series), series * 1000 + 1000):
        if first < number:
            yield f"SecRuleRemoveById {first}-{number - 1}"
        first = number + 1


def _base(policy: WafPolicy) -> str:
    engine = "DetectionOnly" if policy.detect else "On"
    return _BASE.format(engine=engine, limit=policy.body.inspected)


def _rule(index: int, rule: WafRule) -> Iterator[str]:
    """Each condition leaves a mark, and the rule asks for the marks: so a negated condition holds of what is absent."""
    marks = []
    for number, condition in enumerate(rule.conditions):
        mark = f"c{index}_{number}"
        first = _FIRST_CONDITION + _CONDITIONS * index + 10 * number
        yield from _condition(first, mark, condition)
        marks.append((mark, condition.negate))
    for number, (mark, negated) in enumerate(marks):
        actions = [f"id:{FIRST_RULE + index},phase:2,pass,log,auditlog,msg:'rule'" if number == 0 else "t:none"]
        actions += ["chain"] if number + 1 < len(marks) else []
        yield f'SecRule &TX:{mark} "@eq {0 if negated else 1}" "{",".join(actions)}"'


def _condition(first: int, mark: str, condition: WafCondition) -> Iterator[str]:
    """One rule for each target, any of which leaves the mark."""
    transforms = ["t:none", *(_TRANSFORMS[t] for t in condition.transforms)]
    transforms += ["t:length"] if condition.operator in ("lt", "le", "gt", "ge") else []
    test = _operator(condition)
    for number, target in enumerate(condition.targets):
        variable = _variable(target, condition)
        begin, does = f"id:{first + number},phase:2,pass,nolog", ",".join([*transforms, f"setvar:tx.{mark}=1"])
        kind = {"post": FORM, "body": URLENCODED}.get(target.part)
        if kind is None:
            yield f'SecRule {variable} "{test}" "{begin},{does}"'
        else:
            yield f'SecRule REQUEST_HEADERS:Content-Type "@rx {kind}" "{begin},t:none,chain"'
            yield f'  SecRule {variable} "{test}" "{does}"'


def _variable(target: WafTarget, condition: WafCondition) -> str:
    if condition.operator == "country":
        return f"REQUEST_HEADERS:{COUNTRY}"
    name = _VARIABLES[target.part]
    if target.selector:
        return f"{name}:/\\A(?i:{literal(target.selector)})\\z/" if target.part == "header" else _exact(name, target)
    return f"{name}|!{name}:{COUNTRY}" if target.part == "header" else name


def _exact(name: str, target: WafTarget) -> str:
    return f"{name}:/\\A(?-i:{literal(target.selector)})\\z/"


def _operator(condition: WafCondition) -> str:
    operator, values = condition.operator, condition.values
    if operator == "any":
        return "@unconditionalMatch"
    if operator == "network":
        return f"@ipMatch {','.join(values)}"
    if operator in ("lt", "le", "gt", "ge"):
        wanted = max if operator in ("lt", "le") else min
        return f"@{operator} {wanted(int(v) for v in values)}"
    if operator == "regex":
        return "@rx " + "|".join(f"(?:{expression(v)})" for v in values)
    return "@rx " + _REGEX[operator].format("|".join(map(literal, values)))


def literal(text: str) -> str:
    """An expression for exactly *text*, of characters that mean nothing to SecLang."""
    return "".join(chr(b) if chr(b).isascii() and chr(b).isalnum() else f"\\x{b:02x}" for b in text.encode())


def expression(text: str) -> str:
    """A regular expression without what SecLang reads as its own: quotes, ``%`` and line ends."""
    return re.sub(r'\\?["%\n\r\x00]', lambda m: f"\\x{ord(m[0][-1]):02x}", text)


_COLLECTIONS = {
    ("args", False): ("ARGS", "ARGS_GET", "ARGS_POST"),
    ("args", True): ("ARGS_NAMES", "ARGS_GET_NAMES", "ARGS_POST_NAMES"),
    ("headers", False): ("REQUEST_HEADERS",),
    ("headers", True): ("REQUEST_HEADERS_NAMES",),
    ("cookies", False): ("REQUEST_COOKIES",),
    ("cookies", True): ("REQUEST_COOKIES_NAMES",),
}
_SPOKEN_OF = ("User-Agent", "Referer", "Content-Type", "Accept", "Accept-Charset", "Range", "Request-Range")
"""Headers that managed rules name one by one, whose content they look for attacks in."""
_PATTERNS = {"equal": "\\A{}(?:{})\\z", "contains": "(?:{1})", "begins": "\\A{}(?:{})", "ends": "(?:{1})\\z"}
_PLAIN = re.compile(r"(?!/.*/\Z)[!-~]+")


def _excluded(exclusion: WafExclusion) -> Iterator[str]:
    where = [f"SecRuleUpdateTargetById {n}" for n in exclusion.rules] or ['SecRuleUpdateTargetByTag "OWASP_CRS"']
    for line in where:
        for target in _targets(exclusion):
            yield f'{line} "!{target}"'


def _targets(exclusion: WafExclusion) -> Iterator[str]:
    """Members of a JSON body are arguments whose names begin with ``json.``.

    Headers are given to the library in lower case. A pattern counts for members of its names in every collection:
    libmodsecurity compares nothing else. So only what cannot be said otherwise is one.
    """
    names, said = _COLLECTIONS[exclusion.part, exclusion.keys], exclusion.selector
    said = said.lower() if exclusion.part == "headers" else said
    plain = _PLAIN.fullmatch(said) and not set(said) & set('|,"%')
    before = "(?:json\\.)?" if exclusion.part == "args" else ""
    for name in names:
        if exclusion.operator == "any":
            yield name
            yield from (f"{name}:{each}" for each in (_SPOKEN_OF if name == "REQUEST_HEADERS" else ()))
        elif exclusion.operator == "equal" and plain:
            yield f"{name}:{said}"
            yield from (f"{name}:json.{said}" for _ in range(exclusion.part == "args"))
        else:
            case = "i" if exclusion.part == "headers" else "-i"
            yield f"{name}:/{_PATTERNS[exclusion.operator].format(before, f'(?{case}:{literal(said)})')}/"
