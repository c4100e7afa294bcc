"""Requests that are attacks and ordinary ones: the engine judges as libmodsecurity does with the core rule set as it is
installed, and how many attacks it finds."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import libmodsecurity
import pytest

from lazulite.engines.waf import seclang, spec, worker
from lazulite.engines.waf.inspection import Request
from lazulite.forwarding.model import WafManaged, WafPolicy
from lazulite.services.web_application_firewall import rule_sets
from tests.engines.corpus import Sample, attacks, ordinary
from tests.engines.waf import heads, judged

SEEDS = int(os.environ.get("LAZULITE_SEEDS", "100"))
COUNT = 4 * SEEDS
"""Of attacks, and as many ordinary requests."""
GROUPS = tuple(rule_sets.SETS["OWASP", "3.2"].items())
SETUP = Path("/etc/modsecurity/crs/crs-setup.conf")
WITHOUT = ("903", "905", "910", "912", "922", "934")
"""Groups that Azure's set has not."""
BASE = """
SecRuleEngine DetectionOnly
SecRequestBodyAccess On
SecRequestBodyLimit 131072
SecRequestBodyNoFilesLimit 131072
SecRequestBodyLimitAction ProcessPartial
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\\+|/)|text/)xml" \\
    "id:1,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" \\
    "id:2,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecAction "id:4,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level={level}"
SecAction "id:3,phase:1,nolog,pass,t:none,setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT PATCH DELETE'"
"""


class Plain:
    """The library with the rules as they are installed, asked with none of the engine's code."""

    def __init__(self, level: int) -> None:
        self._engine = libmodsecurity.ModSecurity()
        self._engine.set_log_callback(lambda _: None)
        self._rules = libmodsecurity.RulesSet()
        files = [
            p for p in sorted(Path(seclang.RULES).glob("REQUEST-*.conf")) if p.name.split("-")[1][:3] not in WITHOUT
        ]
        included = "".join(f"Include {p}\n" for p in (SETUP, *files))
        assert self._rules.load(BASE.format(level=level) + included) >= 0, self._rules.get_parser_error()

    def matched(self, sample: Sample) -> set[int]:
        asked: Any
        with self._engine.transaction(self._rules) as asked:
            asked.process_connection("192.0.2.1", 12345, "192.0.2.80", 80)
            asked.process_uri(sample.target.encode("latin-1"), sample.method, "1.1")
            for name, value in sample.headers:
                asked.add_request_header(name.encode(), value.encode("latin-1"))
            asked.process_request_headers()
            if sample.body:
                asked.append_request_body(sample.body)
            asked.process_request_body()
            return {m.rule_id for m in asked.get_rule_messages()}


def question(sample: Sample) -> Request:
    """As Envoy asks about it."""
    length = dict(sample.headers).get("Content-Length", "-")
    kept = [(k, v) for k, v in sample.headers if k != "Content-Length"]
    own = [(spec.CLIENT, "192.0.2.1"), (spec.VERSION, "HTTP/1.1"), (spec.LENGTH, length), (spec.FORWARDED, "-")]
    asked = heads([*kept, ("content-length", str(len(sample.body))), *own])
    return worker._read(sample.method, sample.target, list(asked), sample.body)[1]


Found: TypeAlias = list[tuple[Sample, bool, set[int], set[int]]]


def compared(samples: list[Sample], level: int) -> Found:
    """Each sample with whether it is blocked, by which rules, and by which of the plain library's."""
    plain, found = Plain(level), []
    of = WafPolicy("waf", "waf", managed=(WafManaged("OWASP", "3.2", GROUPS, level=level),))
    for sample, verdict in zip(samples, judged(of, *map(question, samples)), strict=True):
        found.append((sample, verdict.status == 403, {int(e.rule) for e in verdict.events}, plain.matched(sample)))
    return found


def agree(found: Found) -> None:
    """Verdicts and numbers of rules. Bodies that cannot be read are the engine's own matter and not the rules'."""
    own = {seclang.UNREADABLE, seclang.UNTIDY}
    assert [(s, ours ^ theirs) for s, _, ours, theirs in found if ours - own != theirs] == []
    assert [s for s, blocked, ours, theirs in found if not ours & own and blocked != (seclang.EXCEEDED in theirs)] == []


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    random = Random(SEEDS)
    return [*attacks(random, COUNT), *ordinary(random, COUNT)]


@pytest.fixture(scope="module")
def found(samples: list[Sample]) -> Found:
    return compared(samples, 1)


def test_the_engine_judges_as_the_library_does(found: Found) -> None:
    agree(found)


def test_the_engine_judges_as_the_library_does_at_the_highest_paranoia_level(samples: list[Sample]) -> None:
    agree(compared(samples[:: len(samples) // SEEDS], rule_sets.MOST))


def test_most_attacks_are_found_and_few_ordinary_requests_taken_for_one(found: Found, capsys: Any) -> None:
    asked, caught = Counter[str](), Counter[str]()
    for sample, blocked, _, _ in found:
        asked[sample.family] += 1
        caught[sample.family] += blocked
    ordinary_blocked, ordinary_asked = caught.pop(""), asked.pop("")
    with capsys.disabled():
        shares = ", ".join(f"{family} {caught[family]}/{count}" for family, count in sorted(asked.items()))
        print(
            f"\nattacks found {caught.total()}/{asked.total()} ({shares}); ordinary {ordinary_blocked}/{ordinary_asked}"
        )
    assert caught.total() > 0.75 * asked.total()
    assert ordinary_blocked < 0.05 * ordinary_asked
    assert min(caught[family] for family in asked) > 0


def test_the_corpus_is_the_same_for_the_same_number_and_has_every_family_and_place(samples: list[Sample]) -> None:
    again = Random(SEEDS)
    assert [*attacks(again, COUNT), *ordinary(again, COUNT)] == samples
    assert len({s.family for s in samples}) == 11
    assert {s.place for s in samples} >= {"query", "form", "json", "multipart", "cookie", "header", "path", "upload"}
    assert all(re.fullmatch(r"[\x21-\xff]+", s.target) for s in samples)
