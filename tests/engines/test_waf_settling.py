"""Rule sets of which only what a request can decide is asked: what is left out, and that nobody can tell."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import libmodsecurity
import pytest

from lazulite.engines.waf import seclang
from lazulite.engines.waf.inspection import Compiler, Request
from lazulite.engines.waf.settling import place, settled
from lazulite.forwarding.model import WafBody, WafManaged, WafPolicy
from lazulite.services.web_application_firewall import rule_sets
from tests.engines.corpus import attacks, ordinary
from tests.engines.test_waf_corpus import question

GROUPS = tuple(rule_sets.SETS["OWASP", "3.2"].items())
CRS = Path(seclang.RULES)
_LEVEL = 'SecAction "id:1,phase:1,setvar:tx.paranoia_level={}"\n'
_FILE = """
SecRule TX:EXECUTING_PARANOIA_LEVEL "@lt 1" "id:11,phase:1,pass,nolog,skipAfter:END"
SecRule TX:EXECUTING_PARANOIA_LEVEL "@lt 1" "id:12,phase:2,pass,nolog,skipAfter:END"
SecRule ARGS "@contains one" \\
    "id:13,phase:2,chain"
    SecRule ARGS "@contains two" "t:none"
SecRule TX:EXECUTING_PARANOIA_LEVEL "@lt 2" "id:14,phase:1,pass,nolog,skipAfter:END"
SecRule ARGS "@contains other" "id:15,phase:2"
SecRule ARGS "@contains early" "id:16,phase:1"
SecRule TX:EXECUTING_PARANOIA_LEVEL "@lt 2" "id:17,phase:2,pass,nolog,skipAfter:END"
SecRule ARGS "@contains three" \\
    "id:18,phase:2,chain"
    SecRule ARGS "@contains four" "t:none"
SecMarker "END"
SecRule ARGS "@contains last" "id:19,phase:1"
"""


def managed(level: int = 1, **more: Any) -> WafPolicy:
    return WafPolicy("waf", "waf", managed=(WafManaged("OWASP", "3.2", GROUPS, level=level, **more),))


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        pytest.param(1, ["13", "two", "15", "19"], id="what a phase skips is left out, for that phase"),
        pytest.param(2, ["13", "two", "15", "16", "18", "four", "19"], id="of a level that counts everything stays"),
    ],
)
def test_questions_about_the_level_are_not_asked(level: int, kept: list[str]) -> None:
    found = settled(_LEVEL.format(level) + _FILE)
    every = [*(f"id:{n}," for n in range(11, 19)), "id:19", "two", "four"]
    names = [n.removeprefix("id:").rstrip(",") for n in every if n in found]
    assert sorted(names) == sorted(kept)
    assert 'SecMarker "END"' in found


def test_rules_that_are_taken_away_go_with_what_is_chained_to_them() -> None:
    found = settled(_LEVEL.format(2) + _FILE + "SecRuleRemoveById 13\nSecRuleRemoveById 16-18\n")
    gone = ("id:13", "two", "id:16", "id:18", "four", "SecRuleRemoveById")
    assert [text for text in gone if text in found] == []
    assert all(text in found for text in ("id:15", "id:19"))


def test_defaults_are_set_where_nothing_was() -> None:
    ask = 'SecRule &TX:{0} "@eq 0" "id:{1},phase:1,pass,nolog,setvar:\'tx.{0}=default, {0}\'"\n'
    text = (
        _LEVEL.format(1) + 'SecAction "id:2,phase:1,pass,setvar:tx.a=mine"\n' + ask.format("a", 3) + ask.format("b", 4)
    )
    assert settled(text) == (
        'SecAction "id:1,phase:1,pass,nolog,t:none,'
        "setvar:tx.paranoia_level=1,setvar:tx.a=mine,setvar:'tx.b=default, b'\"\n"
    )


def test_an_action_that_does_more_than_set_stays_what_it_is() -> None:
    text = _LEVEL.format(1) + 'SecAction "id:2,phase:1,pass,initcol:ip=x,setvar:tx.a=1"\n'
    assert text.splitlines()[1] in settled(text).splitlines()


def test_texts_without_a_level_stay_as_they_are() -> None:
    assert settled(_FILE) == _FILE


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="absent"):
        Compiler().compile(_LEVEL.format(1) + f"Include {tmp_path}/absent.conf\n")


def test_a_rule_stands_where_its_file_has_it() -> None:
    found = place(942100, CRS)
    assert found is not None
    lines = (CRS / f"{found.file}.conf").read_text().splitlines()
    assert lines[found.line - 1].startswith("SecRule ")
    assert "id:942100" in "".join(lines[found.line - 1 : found.line + 2])
    assert place(1000, CRS) is None


def whole(text: str, asked: Request) -> list[int]:
    """What the library says with the text as it is."""
    engine, rules = libmodsecurity.ModSecurity(), libmodsecurity.RulesSet()
    engine.set_log_callback(lambda _: None)
    assert rules.load(text) >= 0, rules.get_parser_error()
    compiler = Compiler()
    compiler._held[text] = rules
    return [m.rule_id for m in compiler.matched(text, asked, asked.body)]


@pytest.mark.parametrize("seed", range(4))
def test_nobody_can_tell_that_a_policy_was_settled(seed: int) -> None:
    """Any level, any rules left out or only told: the same rules match, in the same order."""
    random = Random(seed)
    numbers = [942100, 941100, 930120, 932160, 920350, 913100, 931100, 949110, 942432, 920272]
    some = tuple(sorted(random.sample(numbers, 3)))
    of = managed(random.randint(1, 4), disabled=some[:1], logging=some[1:])
    compiler = Compiler()
    samples = [question(s) for s in (*attacks(random, 12), *ordinary(random, 4))]
    for text in (seclang.managed(of), seclang.told(of)):
        compiler.compile(text)
        for asked in samples:
            assert [m.rule_id for m in compiler.matched(text, asked, asked.body)] == whole(text, asked)


def test_a_policy_that_is_told_how_long_bodies_are_keeps_that() -> None:
    of = WafPolicy("waf", "waf", managed=managed().managed, body=WafBody(inspected=777))
    assert "SecRequestBodyLimit 777\n" in settled(seclang.managed(of))
