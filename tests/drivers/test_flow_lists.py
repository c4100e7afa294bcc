"""Lists of recorded interfaces decide as the others do, and note the rule that did."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.drivers.linux import acl, flow_tables, names
from lazulite.drivers.linux.acl import Noting
from lazulite.drivers.linux.flow_tables import DENIED, INWARD, rule_number
from lazulite.drivers.linux.realise import Realiser
from lazulite.forwarding.model import Action, FlowLog, FlowLogFormat, Rule, Sink
from lazulite.values import Direction, Flow
from tests.drivers.nft_interpreter import Ruleset
from tests.drivers.test_access_lists import MEMBERS, flows, listed, rules
from tests.drivers.worlds import access_list, port, vrf

_NOTED = re.compile(r"meta priority set (\w+):(\w+) goto fl_(noted|refused)_(in|out)")
notings = st.builds(Noting, st.booleans(), st.booleans())


def noted(text: str, noting: Noting) -> list[tuple[int, str, str]]:
    """Number, verdict and way of each decision that is noted."""
    found = _NOTED.findall(text)
    return [(int(a, 16) << 16 | int(b, 16), verdict, way) for a, b, verdict, way in found]


def plain(text: str) -> str:
    """The same commands with the verdicts of a list that notes nothing."""
    return _NOTED.sub(lambda m: "return" if m[3] == "noted" else "drop", text)


@given(st.lists(rules, max_size=20), notings, flows)
def test_noting_changes_no_verdict(own: list[Rule], noting: Noting, flow: Flow) -> None:
    bodies = [acl.body(listed(own), flow.version, how) for how in (None, noting)]
    sets = {names.address_set(n): m for n, m in MEMBERS.items()} | {names.address_set("absent"): frozenset()}
    one, other = (Ruleset(plain(b.create), sets).verdict(f"{b.name}_0", flow) for b in bodies)
    assert one == other


@given(st.lists(rules, max_size=20), notings)
def test_the_last_list_notes_everything_and_the_first_one_what_it_refuses(own: list[Rule], noting: Noting) -> None:
    text = acl.body(listed(own), 4, noting).create
    ends = re.findall(r"(return|drop)$", text, re.MULTILINE)
    assert set(ends) <= (set() if noting.last else {"return"})
    for number, verdict, way in noted(text, noting):
        assert bool(number & DENIED) is (verdict == "refused")
        assert bool(number & INWARD) is noting.inward is (way == "in")
        assert verdict == "refused" or noting.last


def test_the_number_is_that_of_the_rule() -> None:
    rule = Rule(100, Action.ALLOW, origin="ssh")
    numbers = {number for number, *_ in noted(acl.body([rule], 4, Noting(True, True)).create, Noting(True, True))}
    assert numbers == {rule_number("ssh", denies=False, inward=True)}


@given(st.text(), st.booleans(), st.booleans())
def test_a_number_has_thirty_bits_of_the_origin_and_says_what_is_decided(
    origin: str, denies: bool, inward: bool
) -> None:
    number = rule_number(origin, denies=denies, inward=inward)
    assert 0 <= number < 1 << 32
    assert (bool(number & DENIED), bool(number & INWARD)) == (denies, inward)
    assert number & ~3 == rule_number(origin, denies=not denies, inward=not inward) & ~3


def test_the_removal_takes_away_all_that_was_made() -> None:
    made = re.findall(r"^add (chain|set|counter) ip lz (\w+)", flow_tables.text(4), re.MULTILINE)
    made += [("set", name) for name in flow_tables.FILLED]
    gone = re.findall(r"^delete (chain|set|counter) ip lz (\w+)", flow_tables.removal(4), re.MULTILINE)
    assert sorted(made) == sorted(gone)


def _wanted(*more: object, **of_port: object) -> dict[str, str]:
    """What the verdict maps say of the interface, by map."""
    realiser = Realiser()
    lists = [access_list(d, d, ()) for d in Direction]
    realiser.advance([vrf("/one"), *lists, *port(0, "/one", **of_port), *more], ())
    elements = {key[2]: item.spec for key, item in realiser.wanted.items() if key[1] == "Element"}
    found = {name.split("|")[1]: spec.value for name, spec in elements.items() if name.startswith("ip|")}  # type: ignore[union-attr]
    return {place: value for place, value in found.items() if place.startswith(("egress", "ingress"))}


LOG = FlowLog("log", ("/one/nic0",), (), FlowLogFormat.NETWORK, "", "", Sink("", "", ""))
BOTH = {"egress": ("egress",), "ingress": ("ingress",)}
CASES = [
    pytest.param(BOTH, (), {"egress_subnet": "", "ingress_subnet": ""}, id="nobody records: the plain lists"),
    pytest.param(
        BOTH, (LOG,), {"egress_subnet": "_last", "ingress_subnet": "_last"}, id="one list is the last one as well"
    ),
    pytest.param(
        {"egress": ("egress", "ingress"), "own_list": True},
        (LOG,),
        {"egress_nic": "_first", "egress_subnet": "_last", "ingress_nic": "fl_admitted_in"},
        id="of two lists the second one is the last",
    ),
    pytest.param({}, (LOG,), {"egress_nic": "fl_admitted_out", "ingress_nic": "fl_admitted_in"}, id="no list at all"),
]


@pytest.mark.parametrize(("of_port", "more", "expected"), CASES)
def test_what_an_interface_is_asked(of_port: dict[str, object], more: tuple[object, ...], expected: object) -> None:
    found = {place: re.sub(r"^jump a\w{10}", "", value) for place, value in _wanted(*more, **of_port).items()}
    assert {place: value.removeprefix("jump ") for place, value in found.items()} == expected


def test_two_logs_of_one_port_record_it_until_both_are_gone() -> None:
    realiser = Realiser()
    other = FlowLog("other", LOG.ports, (), LOG.format, "", "", LOG.sink)
    realiser.advance([vrf("/one"), *port(0, "/one"), LOG, other], ())

    def tables() -> int:
        return sum(key[1] == "FlowTables" for key in realiser.wanted)

    assert tables() == 2
    realiser.advance((), [LOG])
    assert tables() == 2
    realiser.advance((), [other])
    assert tables() == 0
