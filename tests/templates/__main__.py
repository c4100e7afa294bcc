"""``script/templates [PATH…]``: deploys every template there into a lab without packets; prints what became of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lazulite.testing import Lab, lab
from tests.templates.files import AT_HAND, Template, found
from tests.templates.identity import whoever_deploys
from tests.templates.trial import DEPLOYED, DISAGREED, FAILED, OUTSIDE, Outcome, tried


def outcomes(one: Lab, templates: list[Template]) -> Iterator[Outcome]:
    principal = whoever_deploys(one)
    for template in templates:
        yield tried(one.client, template, principal)


def main(words: list[str]) -> int:
    """Exit code 1 when a template of known types failed, 2 for a path that is not there."""
    places = [Path(word) for word in words] or [p for p in AT_HAND if p.exists()]
    absent = [place for place in places if not place.exists()]
    if absent:
        print(f"There is no {absent[0]}.", file=sys.stderr)
        return 2
    with lab(memory=True) as one:
        results = [_shown(o) for o in outcomes(one, [t for p in places for t in found(p)])]
    return _summed(Counter(o.result for o in results))


def _shown(outcome: Outcome) -> Outcome:
    print(f"{outcome.template:<50} {outcome.result:<10} {outcome.reason}".rstrip())
    if outcome.made_up:
        print(f"{'':<50} {'':<10} made up: {', '.join(outcome.made_up)}")
    return outcome


def _summed(counts: Counter[str]) -> int:
    ours = counts[DEPLOYED] + counts[DISAGREED] + counts[FAILED]
    print(
        f"{counts[DEPLOYED]} of {ours} templates whose types the lab has were deployed as what-if foresaw, "
        f"{counts[DISAGREED]} otherwise, {counts[FAILED]} failed; {counts[OUTSIDE]} are of other types."
    )
    return int(counts[FAILED] + counts[DISAGREED] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
