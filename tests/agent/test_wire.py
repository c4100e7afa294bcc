"""Every entry survives the trip."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.agent import protocol
from lazulite.agent.protocol import Change, Load, Observed, PortsHeld, Report
from lazulite.forwarding.model import (
    AnyEntry,
    CaptureFilter,
    Check,
    Choice,
    ClientTls,
    Condition,
    Contents,
    Country,
    ForwardRule,
    GlobalMember,
    HeaderChange,
    HttpRule,
    Member,
    PortBlock,
    Probe,
    PublicAddress,
    Redirect,
    Rewrite,
    Route,
    Rule,
    Server,
    ServerTls,
    Sink,
    Site,
    Tunnel,
    Upstream,
    ValueMatch,
    WafBody,
    WafCondition,
    WafExclusion,
    WafLimit,
    WafManaged,
    WafRule,
    WafScrub,
    WafTarget,
    Watched,
)
from lazulite.values import PortRange

NUMBERS = st.integers(0, 1 << 32)
WITHIN: dict[Any, st.SearchStrategy[Any]] = {
    int: NUMBERS,
    float: st.floats(0, 1e6),
    tuple[float, ...]: st.lists(st.floats(0, 1e6)).map(tuple),
    tuple[int, ...]: st.lists(NUMBERS).map(tuple),
    tuple[tuple[int, int], ...]: st.lists(st.tuples(NUMBERS, NUMBERS)).map(tuple),
    tuple[tuple[int, str], ...]: st.lists(st.tuples(NUMBERS, st.text())).map(tuple),
    tuple[tuple[str, float], ...]: st.lists(st.tuples(st.text(), st.floats(0, 1e6))).map(tuple),
}
"""Types of fields whose values are bounded: what MessagePack can say, and what equals itself."""


def structs(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Values of a struct with every field drawn."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{f.name: WITHIN.get(hints[f.name], ...) for f in msgspec.structs.fields(kind)})


PROXYING = (Site, HttpRule, Rewrite, Condition, HeaderChange, Redirect, Server, ClientTls, ServerTls, ValueMatch)
FIREWALLING = (WafTarget, WafCondition, WafLimit, WafRule, WafManaged, WafExclusion, WafBody, WafScrub)
NESTED = (PublicAddress, PortRange, Rule, Route, Probe, Member, Watched, GlobalMember, PortBlock, Choice, Upstream)
for nested in (*NESTED, Country, ForwardRule, Tunnel, Sink, CaptureFilter, Check, *PROXYING, *FIREWALLING):
    st.register_type_strategy(nested, structs(nested))
entries = st.one_of([structs(kind) for kind in get_args(AnyEntry)])


HOST = {"type": "InternetHost", "name": "", "label": "", "guid": ""}


def body(frame: bytes) -> bytes:
    assert int.from_bytes(frame[:4]) == len(frame) - 4
    return frame[4:]


@given(st.lists(entries, max_size=4))
def test_entries_come_back_equal(sent: list[Any]) -> None:
    found = protocol.request(body(protocol.frame(Load("e", 7, sent))))
    assert found == Load("e", 7, sent)
    assert [type(e) for e in found.entries] == [type(e) for e in sent]


@given(entries)
def test_keys_come_back_as_keys(entry: Any) -> None:
    found = protocol.request(body(protocol.frame(Change(1, 2, [], [entry.key]))))
    assert isinstance(found, Change)
    assert {found.removed[0]: entry} == {entry.key: entry}


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="not MessagePack"),
        pytest.param(msgspec.msgpack.encode({"type": "Reboot"}), id="an unknown message"),
        pytest.param(msgspec.msgpack.encode({"type": "Run", "id": "x"}), id="a field of the wrong type"),
        *(
            pytest.param(msgspec.msgpack.encode({"type": "Load", "epoch": "", "revision": 1, "entries": [e]}), id=name)
            for name, e in {
                "an entry that is none": 3,
                "an entry without a type": {"name": "x"},
                "an entry of an unknown type": {"type": "Switch", "name": "x"},
                "an entry with an unknown field": {"type": "Guest", "name": "x", "label": "x", "hostname": "", "a": 1},
                "an entry without its fields": {"type": "Guest", "name": "x"},
                "an address that is none": HOST | {"addresses": ["x"]},
            }.items()
        ),
    ],
)  # fmt: skip
def test_nonsense_is_a_value_error(sent: bytes) -> None:
    with pytest.raises(ValueError):
        protocol.request(sent)


def test_what_pools_hold_and_why_members_fail_comes_back_equal() -> None:
    filled = {"p": Contents("p", ("a", "b"), "prober", "2026-01-01T00:00:00+00:00"), "gone": None}
    told = Observed(contents=filled, reasons={"p": {"c": "connection refused"}, "gone": None})
    assert protocol.reply(body(protocol.frame(told))) == told
    counted = Report(1, 2, {}, {}, {"p": {"a": (3, 1, "status 503")}})
    assert protocol.reply(body(protocol.frame(counted))) == counted
    held = PortsHeld(1, [("v", "198.18.0.1", "tcp", "10.0.0.4", 7)])
    assert protocol.reply(body(protocol.frame(held))) == held
