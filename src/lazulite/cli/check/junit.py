"""Results as JUnit XML, which CI systems read: an assertion is a test case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lazulite.cli.check.proof import DISAGREES, FAILS, Outcome
from lazulite.cli.check.report import lines

_TAGS = {FAILS: "failure", DISAGREES: "error"}
"""A wrong network is a failure; a model and packets that differ are an error, whatever was asserted."""
_FORBIDDEN = {code: "?" for code in (*range(32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)) if code not in (9, 10, 13)}
"""Characters that XML cannot have."""


def xml(file: str, outcomes: Sequence[Outcome], elapsed_s: float, at: str) -> str:
    """*at* is ISO 8601 without a zone, as readers of JUnit want it."""
    counts = {
        "tests": str(len(outcomes)),
        "failures": str(sum(o.result == FAILS for o in outcomes)),
        "errors": str(sum(o.result == DISAGREES for o in outcomes)),
    }
    root = Element("testsuites", {"name": "lazulite check", **counts, "time": f"{elapsed_s:.3f}"})
    settings = {"name": _clean(file), **counts, "skipped": "0", "time": f"{elapsed_s:.3f}", "timestamp": at}
    suite = SubElement(root, "testsuite", settings)
    for outcome in outcomes:
        _case(suite, file, outcome, elapsed_s / len(outcomes))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _case(suite: Element, file: str, outcome: Outcome, elapsed_s: float) -> None:
    said = outcome.assertion
    name = PurePath(file).name.split(".")[0]
    where = {"classname": _clean(name), "name": _clean(said.title), "file": _clean(file), "line": str(said.line)}
    case = SubElement(suite, "testcase", where | {"time": f"{elapsed_s:.3f}"})
    if outcome.result in _TAGS:
        told = [_clean(line) for line in lines(outcome)]
        SubElement(case, _TAGS[outcome.result], {"message": told[0], "type": outcome.result}).text = "\n".join(told)


def _clean(text: str) -> str:
    return text.translate(_FORBIDDEN)
