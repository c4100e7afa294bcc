"""Rule sets without what is decided before any request comes, which is a fifth of what a request costs and more of the
memory.

The OWASP core rule set asks in each file, for each phase, which paranoia level counts, goes on to the file's end if
that is below its rules, and has defaults for what nobody has set. A policy's text says all that, so these questions are
answered here, and what is not asked at that level is left out, as are rules that the text takes away again. What
remains decides as the whole does; the files themselves are not changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

_INCLUDE, _REMOVE, _FILES = "Include ", "SecRuleRemoveById ", "@pmFromFile "
_NUMBER, _PHASE = re.compile(r"\bid:'?(\d+)"), re.compile(r"\bphase:'?(\w+)")
_CHAIN, _AFTER = re.compile(r'[,"\s]chain\b'), re.compile(r"skipAfter:'?([^,'\"\s]+)")
_LEVEL = re.compile(r'SecRule TX:(?:EXECUTING_)?PARANOIA_LEVEL "@(lt|ge) (\d)" ', re.IGNORECASE)
_CHOSEN = re.compile(r"setvar:'?tx\.paranoia_level=(\d)")
_DEFAULT = re.compile(r'SecRule &TX:(\w+) "@eq 0" ')
_SET, _SET_NAME = re.compile(r"setvar:('[^']*'|[^,\"\s]+)"), re.compile(r"'?tx\.(\w+)=", re.IGNORECASE)
_SETTING = re.compile(r"(?:id|phase|pass|nolog|t|ver|setvar)\b")
_USUAL_PHASE = "2"


class Place(NamedTuple):
    """Where a rule stands: the name of the file without its ending, and the line on which it begins."""

    file: str
    line: int


class _Statement(NamedTuple):
    """A directive. ``number``, ``phase`` and ``chains`` are of rules; ``chains``: the next one is part of it."""

    text: str
    line: int
    rule: bool = False
    number: int = 0
    phase: str = ""
    chains: bool = False


def settled(text: str) -> str:
    """*text* with its files in it, less what cannot matter. Raises ``OSError`` for a file that is not there."""
    chosen = _CHOSEN.search(text)
    if chosen is None:
        return text
    found, removed = list[list[_Statement]](), list[range]()
    for rule in _rules(_expanded(text)):
        if rule[0].text.startswith(_REMOVE):
            first, _, last = rule[0].text.removeprefix(_REMOVE).partition("-")
            removed.append(range(int(first), int(last or first) + 1))
        else:
            found.append(rule)
    kept = (r for r in _of_level(found, int(chosen[1])) if not any(r[0].number in gone for gone in removed))
    return "\n".join(_joined(_defaults(kept))) + "\n"


@cache
def place(number: int, files: Path) -> Place | None:
    """Where in a directory a rule stands, ``None`` where in none: what the library tells of a text is no file's."""
    for path in files.glob(f"REQUEST-{number // 1000}-*.conf"):
        for each in _file(path):
            if each.number == number:
                return Place(path.stem, each.line)
    return None


def read(files: Path) -> None:
    """Have at hand what policies include."""
    for path in files.glob("REQUEST-9[0-4][0-9]-*.conf"):
        _file(path)


def _expanded(text: str) -> Iterator[_Statement]:
    for each in _statements(text):
        if each.text.startswith(_INCLUDE):
            yield from _file(Path(each.text.removeprefix(_INCLUDE)))
        else:
            yield each


@cache
def _file(path: Path) -> tuple[_Statement, ...]:
    """Lists that rules are made of stand beside the file."""
    return tuple(_statements(path.read_text().replace(_FILES, f"{_FILES}{path.parent}/")))


def _statements(text: str) -> Iterator[_Statement]:
    """Lines that go on in the next one taken together."""
    open_: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not open_ and (not line or line.isspace() or line.lstrip().startswith("#")):
            continue
        open_.append(line)
        if not line.endswith("\\"):
            yield _statement("\n".join(open_).strip(), number - len(open_) + 1)
            open_ = []


def _statement(text: str, line: int) -> _Statement:
    if not text.startswith(("SecRule ", "SecAction")):
        return _Statement(text, line)
    number, phase = _NUMBER.search(text), _PHASE.search(text)
    chains = "chain" in text and _CHAIN.search(text) is not None
    return _Statement(text, line, True, int(number[1]) if number else 0, phase[1] if phase else _USUAL_PHASE, chains)


def _rules(statements: Iterable[_Statement]) -> Iterator[list[_Statement]]:
    """Each with what is chained to it."""
    open_: list[_Statement] = []
    for each in statements:
        open_.append(each)
        if not each.chains:
            yield open_
            open_ = []


def _of_level(rules: Iterable[list[_Statement]], level: int) -> Iterator[list[_Statement]]:
    """Without what is skipped at *level*, and without the questions about it."""
    skipping: dict[str, str] = {}
    for rule in rules:
        first = rule[0]
        if first.text.startswith("SecMarker"):
            name = first.text.split()[1].strip('"')
            skipping = {p: m for p, m in skipping.items() if m != name}
        asked = _LEVEL.match(first.text) if len(rule) == 1 else None
        if first.phase in skipping:
            continue
        if asked is None:
            yield rule
        elif asked[1].lower() == "ge":
            yield from [rule] if level >= int(asked[2]) else []
        elif level < int(asked[2]):
            after = _AFTER.search(first.text)
            assert after is not None, first.text
            skipping[first.phase] = after[1]


def _defaults(rules: Iterable[list[_Statement]]) -> Iterator[_Statement]:
    """What is set where nothing was: set at once, or left out."""
    known: set[str] = set()
    for rule in rules:
        first = rule[0]
        asked = _DEFAULT.match(first.text) if len(rule) == 1 else None
        if asked is not None and asked[1].lower() in known:
            continue
        if asked is not None and _only_sets(first):
            first = first._replace(text=_action(first.number, _SET.findall(first.text)))
            rule = [first]
        if first.text.startswith("SecAction"):
            known |= {m[1].lower() for s in _SET.findall(first.text) if (m := _SET_NAME.match(s))}
        yield from rule


def _joined(statements: Iterable[_Statement]) -> Iterator[str]:
    """Their texts; what is set in one action after the other, in the first phase, is set in one."""
    number, sets = 0, list[str]()
    for each in statements:
        if each.text.startswith("SecAction") and each.phase == "1" and not each.chains and _only_sets(each):
            number = number or each.number
            sets += _SET.findall(each.text)
            continue
        if sets:
            yield _action(number, sets)
            number, sets = 0, []
        yield each.text
    if sets:
        yield _action(number, sets)


def _only_sets(rule: _Statement) -> bool:
    """Whether it does nothing but to set variables."""
    rest = _SET.sub("setvar", rule.text.replace("\\\n", "").rstrip('"'))
    words = (w.strip() for w in rest[rest.rfind('"') + 1 :].split(","))
    return all(_SETTING.match(w) for w in words if w)


def _action(number: int, sets: Iterable[str]) -> str:
    return f'SecAction "id:{number},phase:1,pass,nolog,t:none,{",".join(f"setvar:{s}" for s in sets)}"'
