"""Which conversations assertions are about, among the machines that run. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from lazulite.cli.check.assertions import INTERNET, Assertion, Document, Who
from lazulite.cli.check.document import DocumentError, Problem
from lazulite.cli.demo.plan import address

MOST_CASES = 50_000
"""Conversations of a file."""
Guest: TypeAlias = Mapping[str, Any]
"""A machine as the lab tells of it: ``name``, ``group``, ``id``, ``kind``, ``addresses``, ``publicAddresses``,
``forwards``; and ``tags``."""


class Case(NamedTuple):
    """One conversation of an assertion."""

    assertion: Assertion
    source: Guest
    target: Guest | str | None
    """A machine, an address, or nobody for assertions about names and pages."""
    port: int = 0
    through: tuple[str, ...] | None = None
    """Names of the appliances that are to be on the way."""

    @property
    def address(self) -> str | None:
        """Where packets are sent to; ``None``: the source has no address of the target."""
        if self.target is None or isinstance(self.target, str):
            return self.target
        return address(dict(self.source), dict(self.target))

    @property
    def told(self) -> str:
        """The target by name."""
        if self.target is None:
            return self.assertion.url or self.assertion.name
        return self.target if isinstance(self.target, str) else str(self.target["name"])


def path(guest: Guest) -> str:
    """The name with its group: other groups may have machines called the same."""
    return f"{guest['group']}/{guest['name']}"


def expand(document: Document, guests: Sequence[Guest]) -> list[Case]:
    """Every conversation. Raises :class:`DocumentError` when the file does not fit the machines, with all reasons."""
    places = _Places(document, guests)
    cases = [case for assertion in document.checks for case in places.cases(assertion)]
    problems = [*places.problems, *_contradictions(cases)]
    if len(cases) > MOST_CASES:
        problems.append(Problem(1, f"These are {len(cases)} conversations; {MOST_CASES} are the most."))
    if problems:
        raise DocumentError(problems)
    return cases


class _Places:
    def __init__(self, document: Document, guests: Sequence[Guest]) -> None:
        self._groups, self._guests = document.groups, guests
        self.problems: list[Problem] = []
        for name, members in document.groups.items():
            self._all(members)  # of a group that no assertion uses, too
            if name.lower() == INTERNET or any(g["name"].lower() == name.lower() for g in guests):
                line = members[0].line if members else 1
                self.problems.append(Problem(line, f"A group cannot be called '{name}': something else is."))

    def cases(self, assertion: Assertion) -> Iterator[Case]:
        for who in self._flat(assertion.source):
            if _is_address(who.name):
                self.problems.append(Problem(who.line, f"'from' is a machine, which sends; {who.name} is an address."))
        sources = self._all(assertion.source)
        if assertion.kind in ("http", "resolve"):
            yield from (Case(assertion, s, None) for s in sources)
            return
        addresses = [who.name for who in self._flat(assertion.target) if _is_address(who.name)]
        targets: list[Guest | str] = [*self._all(assertion.target), *dict.fromkeys(addresses)]
        through = self._through(assertion)
        pairs = [(s, t) for s, t in product(sources, targets) if s is not t]
        if sources and targets and not pairs:
            self.problems.append(Problem(assertion.line, "This is about one machine and itself; nothing is sent."))
        for source, target in pairs:
            yield from (Case(assertion, source, target, port, through) for port in assertion.ports or (0,))

    def _flat(self, named: Sequence[Who]) -> list[Who]:
        """Groups of the file by their members."""
        return [w for who in named for w in (self._groups.get(who.name, (who,)) if who.tag is None else (who,))]

    def _all(self, named: Sequence[Who]) -> list[Guest]:
        """Each machine once, in the order they are named."""
        found = {path(g): g for who in self._flat(named) for g in self._meant(who)}
        return list(found.values())

    def _meant(self, who: Who) -> list[Guest]:
        if who.tag is not None:
            key, value = who.tag
            return self._some([g for g in self._guests if g["tags"].get(key) == value], who, "has the tag")
        if who.name.lower() == INTERNET:
            return self._some(
                [g for g in self._guests if g["kind"] == "client"], who, "is a client on", "Lazulite.Lab/clients"
            )
        if _is_address(who.name):
            return []
        return self._named(who)

    def _named(self, who: Who) -> list[Guest]:
        group, _, name = who.name.lower().rpartition("/")
        wild = "*" in who.name or "?" in who.name
        found = [
            g
            for g in self._guests
            if fnmatchcase(g["name"].lower(), name)
            and fnmatchcase(g["group"].lower(), group or "*")
            and not (wild and g["kind"] == "client")
        ]
        if wild or not found:
            return self._some(found, who, "is called")
        if len(found) > 1:
            choices = ", ".join(path(g) for g in found)
            self.problems.append(Problem(who.line, f"Several machines are called '{who.name}': {choices}."))
        return found[:1]

    def _some(self, found: list[Guest], who: Who, how: str, make: str = "") -> list[Guest]:
        if not found:
            known = ", ".join(sorted(g["name"] for g in self._guests)) or "nothing"
            hint = f"Make one of {make}." if make else f"Running: {known}."
            self.problems.append(Problem(who.line, f"Nobody {how} '{who.name}'. {hint}"))
        return found

    def _through(self, assertion: Assertion) -> tuple[str, ...] | None:
        if assertion.through is None:
            return None
        found = self._all(assertion.through)
        for guest in found:
            if not guest["forwards"]:
                words = f"{guest['name']} is no appliance: IP forwarding is off at its interfaces."
                self.problems.append(Problem(assertion.line, words))
        return tuple(g["name"] for g in found)


def _is_address(text: str) -> bool:
    try:
        return ip_address(text) is not None
    except ValueError:
        return False


def _contradictions(cases: Sequence[Case]) -> Iterator[Problem]:
    """Of conversations that are to pass and not to pass; one word for each pair of assertions."""
    wanted: dict[tuple[Any, ...], Case] = {}
    for case in cases:
        if case.target is None:
            continue
        target = case.target if isinstance(case.target, str) else path(case.target)
        one = wanted.setdefault((path(case.source), target, case.assertion.protocol, case.port), case)
        if one.assertion.passes is not case.assertion.passes:
            what = f"{case.source['name']} > {case.told} {case.assertion.protocol} {case.port or ''}".strip()
            line = case.assertion.line
            yield Problem(line, f"This contradicts line {one.assertion.line}: {what} cannot both pass and not pass.")
