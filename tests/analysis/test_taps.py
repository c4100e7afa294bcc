"""That packets are copied, to whom, and what becomes of a copy."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.analysis import Disposition, Index, Step, StepAction, round_trip, trace
from lazulite.analysis.explain import explain
from lazulite.analysis.tracing import copies, copy, reverse
from lazulite.forwarding import copying
from lazulite.forwarding.model import ForwardingModel, Tap, TapSource
from lazulite.incremental import Delta
from lazulite.values import Flow, Protocol
from tests.analysis.build import (
    PROBE,
    access_list,
    balance,
    flow,
    forward,
    frontend,
    healthy,
    index,
    model,
    peered,
    pool,
    port,
    route,
    table,
    vrf,
)

VIP = "10.0.0.100"
ASK = flow("udp 10.0.0.4:9 > 10.0.0.5:80")
NET, FAR = vrf("net", "10.0.0.0/16"), vrf("far", "10.1.0.0/16")


def tap(address: str = "10.0.0.6", network: str = "net", **fields: Any) -> Tap:
    given: dict[str, Any] = {"port": 4789, "identifier": 7, "origin": "tap"} | fields
    return Tap("tap", "tap", network, ip_address(address), **given)


def lab(*extra: Any, **ports: dict[str, Any]) -> Index:
    """a is tapped, b answers, c collects; *ports* has more of each."""
    made = [port(n, f"10.0.0.{4 + i}/24", **ports.get(n, {})) for i, n in enumerate("abc")]
    return index(NET, table("net", route("10.0.0.0/16 local")), *made, TapSource("s", "a", "tap", "source"), *extra)


def steps(found: Index, asked: Flow = ASK, source: str = "a") -> list[list[Step]]:
    return [list(hop.steps) for hop in trace(found, source, asked).hops]


def test_what_a_port_sends_is_copied_before_any_stage_and_what_it_gets_after_all() -> None:
    trip = round_trip(lab(tap()), "a", ASK)
    sent = trip.forward.hops[0].steps[0]
    assert (sent.stage, sent.action, sent.origin) == ("tap-out", StepAction.COPIED, "source")
    assert sent.detail == "to c (10.0.0.6) port 4789 by tap"
    assert trip.reply is not None
    got = trip.reply.hops[-1].steps[-1]
    assert (got.stage, got.action) == ("tap-in", StepAction.COPIED)
    assert len([s for hop in (*trip.forward.hops, *trip.reply.hops) for s in hop.steps if "tap" in s.stage]) == 2
    assert "    tap-out                    copied       to c (10.0.0.6) port 4789 by tap: source" in explain(
        trip.forward
    )


def test_a_packet_that_may_not_leave_is_copied_and_one_that_may_not_come_in_is_not() -> None:
    shut = access_list("shut", "100 deny udp * > * *")
    found = lab(tap(), shut, a={"egress": ("shut",), "ingress": ("shut",)})
    assert trace(found, "a", ASK).disposition is Disposition.DENIED_OUT
    assert steps(found)[0][0].action is StepAction.COPIED
    back = reverse(ASK)
    assert trace(found, "b", back).disposition is Disposition.DENIED_IN
    assert not any("tap" in s.stage for hop in steps(found, back, "b") for s in hop)


CLOSED = access_list("closed", "100 deny udp * > * 4789", "200 allow * * > * *")
BALANCED = [frontend("front", VIP), balance("rule front web udp 4789")]
ENDS = [
    pytest.param([tap()], Disposition.DELIVERED, "", id="a port of the same network"),
    pytest.param([tap("10.0.0.4")], Disposition.DELIVERED, "", id="the port itself"),
    pytest.param([tap("10.0.0.77")], Disposition.NEIGHBOR_UNREACHABLE, "", id="an address that nothing has"),
    pytest.param([tap(VIP), *BALANCED, pool("web", "10.0.0.6")], Disposition.DELIVERED, "", id="a frontend"),
    pytest.param(
        [tap(VIP), *BALANCED, pool("web", "10.0.0.6", probe=PROBE), healthy("web")],
        Disposition.NO_HEALTHY_BACKEND,
        "rule",
        id="a frontend with no healthy collector",
    ),
    pytest.param(
        [tap(VIP), *BALANCED, pool("web", "10.0.0.4")], Disposition.SENT_TO_ITSELF, "", id="itself behind one"
    ),
    pytest.param([tap(VIP, port=9), *BALANCED, pool("web", "10.0.0.6")], Disposition.NO_RULE, "", id="another port"),
    pytest.param(
        [tap(VIP), frontend("front", VIP), forward("nat front udp 4789>10.0.0.6:4790")],
        Disposition.DELIVERED,
        "",
        id="a forwarded port of a frontend",
    ),
]


@pytest.mark.parametrize(("extra", "end", "origin"), ENDS)
def test_where_a_copy_ends(extra: list[Any], end: Disposition, origin: str) -> None:
    found = copy(lab(*extra), "a", ASK, sent=True)
    assert found is not None
    assert found.disposition is end
    assert not origin or found.origin.startswith(origin)
    assert not any(s.action is StepAction.COPIED for hop in found.hops for s in hop.steps)


def test_the_list_of_the_collector_decides_and_no_list_of_the_source() -> None:
    found = copy(lab(tap(), CLOSED, a={"egress": ("closed",)}), "a", ASK, sent=True)
    assert found is not None
    assert (found.disposition, found.destination) == (Disposition.DELIVERED, "c")
    found = copy(lab(tap(), CLOSED, c={"ingress": ("closed",)}), "a", ASK, sent=True)
    assert found is not None
    assert (found.disposition, found.origin) == (Disposition.DENIED_IN, "rule 100")


def test_a_collector_in_another_network_needs_a_link_that_lets_copies_in() -> None:
    there = [FAR, port("d", "10.1.0.4/24", "far"), tap("10.1.0.4", "far")]
    apart = lab(*there)
    assert copy(apart, "a", ASK, sent=True) is None
    assert (steps(apart)[0][0].action, steps(apart)[0][0].detail) == (
        StepAction.PASSES,
        "not copied: far is not peered",
    )
    linked = copy(lab(*there, *peered(NET, FAR)), "a", ASK, sent=True)
    assert linked is not None
    assert (linked.disposition, linked.destination) == (Disposition.DELIVERED, "d")
    refused = copy(lab(*there, *peered(NET, FAR, far={"access": False})), "a", ASK, sent=True)
    assert refused is not None
    assert refused.disposition is Disposition.PEERING_REFUSED


def test_what_has_no_tap_no_guest_or_no_address_of_version_4_is_not_copied() -> None:
    assert copy(lab(tap()), "b", ASK, sent=True) is None
    assert copy(lab(), "a", ASK, sent=True) is None
    assert steps(lab())[0][0].detail == "not copied: there is no such TAP"
    assert copy(lab(tap(), a={"running": False}), "a", ASK, sent=True) is None
    assert not any("tap" in s.stage for hop in steps(lab(tap(), a={"running": False})) for s in hop)
    assert copy(lab(tap("fd00::6")), "a", ASK, sent=True) is None
    with pytest.raises(LookupError):
        copy(lab(tap()), "nobody", ASK, sent=True)


def test_an_index_that_saw_taps_come_and_go_answers_like_a_new_one() -> None:
    found, another = lab(tap()), TapSource("t", "b", "tap", "other")
    found.update(Delta({another.key: another}, {("TapSource", "s"): TapSource("s", "a", "tap", "source")}))
    assert copy(found, "a", ASK, sent=True) is None
    assert copy(found, "b", ASK, sent=False) is not None


FLOWS = st.builds(
    Flow,
    st.ip_addresses(v=4),
    st.ip_addresses(v=4),
    st.sampled_from([Protocol.TCP, Protocol.UDP, Protocol.ICMP]),
    st.integers(0, 65535),
    st.integers(0, 65535),
)


@given(FLOWS)
def test_copies_of_both_directions_of_a_flow_have_one_source_port(one: Flow) -> None:
    sent, got = copying.source_port(one, sent=True), copying.source_port(reverse(one), sent=False)
    assert sent == got
    assert 49152 <= sent <= 65535


def collecting(*entries: Any) -> set[tuple[str, str]]:
    found: ForwardingModel = model(*entries)
    return {(vrf, str(address)) for vrf, address in copying.collectors(found)}


def test_collectors_are_whom_a_tap_names_and_who_is_behind_a_frontend_that_one_names() -> None:
    behind = [frontend("front", VIP), balance("rule front web udp 4789"), pool("web", "10.0.0.6", "10.0.0.7")]
    forwarded = forward("nat front udp 4790>10.0.0.8:4790")
    assert collecting(*behind, forwarded) == set()
    assert collecting(*behind, tap("10.0.0.9")) == {("net", "10.0.0.9")}
    found = {("net", f"10.0.0.{n}") for n in (6, 7, 8)}
    assert collecting(*behind, forwarded, tap(VIP)) == {("net", VIP), *found}
    assert collecting(*behind[1:], tap(VIP)) == {("net", VIP)}


def test_the_copies_of_a_packet_are_followed_from_every_port_that_makes_one() -> None:
    shut = access_list("shut", "100 deny udp * > * 9000", "200 allow * * > * *")
    both = lab(tap(), tap9000(), TapSource("t", "b", "tap 9000", "other"), shut, c={"ingress": ("shut",)})
    found = [(of, made.disposition, made.origin) for of, made in copies(both, trace(both, "a", ASK))]
    assert found == [("a", Disposition.DELIVERED, found[0][2]), ("b", Disposition.DENIED_IN, "rule 100")]


def tap9000() -> Tap:
    return msgspec.structs.replace(tap(port=9000), name="tap 9000")
