"""Traffic analytics sums up who talks to which service."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.telemetry.analytics import MOST_ROWS, Analytics, Sums, flow_type
from lazulite.telemetry.book import State
from lazulite.telemetry.lines import Line, when
from tests.telemetry.test_lines import BEGUN, DENIED, GROUP, line

INTERVAL_S = 600


def summed(*told: object) -> list[dict[str, object]]:
    known = Analytics(INTERVAL_S)
    known.add(told)  # type: ignore[arg-type]
    return known.rows()


def test_a_row_has_the_documented_fields() -> None:
    ended = line(State.ENDED, (8052, 4637952, 1073, 618048), rule="UserRule_telnet")
    (row,) = summed(line(State.BEGUN, rule="UserRule_telnet"), ended)
    assert row == {
        "SubType_s": "FlowLog",
        "FASchemaVersion_s": "2",
        "FlowIntervalStartTime_t": "2017-05-02T22:20:00.0000000Z",
        "FlowIntervalEndTime_t": "2017-05-02T22:30:00.0000000Z",
        "FlowStartTime_t": "2017-05-02T22:25:38.2500000Z",
        "FlowEndTime_t": "2017-05-02T22:25:38.2500000Z",
        "FlowType_s": "ExternalPublic",
        "SrcIP_s": "185.170.185.105",
        "DestIP_s": "10.2.0.4",
        "DestPort_d": 23,
        "L4Protocol_s": "T",
        "FlowDirection_s": "I",
        "FlowStatus_s": "A",
        "NSGList_s": "s/g/fabrikam",
        "NSGRules_s": "0|UserRule_telnet|I|A|1",
        "NSGRule_s": "UserRule_telnet",
        "NSGRuleType_s": "User Defined",
        "MACAddress_s": "000D3AF8801A",
        "AllowedInFlows_d": 1,
        "DeniedInFlows_d": 0,
        "AllowedOutFlows_d": 0,
        "DeniedOutFlows_d": 0,
        "InboundPackets_d": 1073,
        "OutboundPackets_d": 8052,
        "InboundBytes_d": 618048,
        "OutboundBytes_d": 4637952,
    }
    assert GROUP.endswith("fabrikam")


SAME = [
    pytest.param(BEGUN._replace(remote_port=1), 1, id="the source port is dropped"),
    pytest.param(BEGUN._replace(local_port=443), 2, id="another destination port is another row"),
    pytest.param(BEGUN._replace(rule="other"), 2, id="another rule is another row"),
    pytest.param(BEGUN._replace(protocol=17), 2, id="another protocol is another row"),
    pytest.param(BEGUN._replace(at=BEGUN.at + INTERVAL_S), 2, id="another interval is another row"),
    pytest.param(DENIED, 1, id="one rule is one row"),
]


@pytest.mark.parametrize(("other", "rows"), SAME)
def test_what_is_summed_up(other: object, rows: int) -> None:
    assert len(summed(BEGUN, other)) == rows


TYPES = [
    pytest.param("10.0.0.4", "10.1.0.4", "IntraVNet", id="both ends are private"),
    pytest.param("10.0.0.4", "8.8.8.8", "ExternalPublic", id="one end is public"),
    pytest.param("fd00::4", "2001:db8::1", "ExternalPublic", id="one end is public, with version 6"),
    pytest.param("8.8.8.8", "9.9.9.9", "Unknown", id="neither is ours"),
]


@pytest.mark.parametrize(("one", "other", "expected"), TYPES)
def test_the_type_of_a_flow(one: str, other: str, expected: str) -> None:
    assert flow_type(one, other) == expected


@given(st.lists(st.tuples(st.sampled_from(list(State)), st.integers(1, 3), st.integers(0, 99)), max_size=30))
def test_rows_add_up_to_the_lines(drawn: list[tuple[State, int, int]]) -> None:
    told = [line(state, (n, n * 10, 0, 0), rule=f"r{rule}") for state, rule, n in drawn]
    rows = summed(*told)
    assert sum(int(str(r["OutboundPackets_d"])) for r in rows) == sum(n for _, _, n in drawn)
    allowed = sum(state is State.BEGUN for state, _, _ in drawn)
    assert sum(int(str(r["AllowedInFlows_d"])) for r in rows) == allowed


def test_rows_are_bounded() -> None:
    rows = summed(*(BEGUN._replace(local_port=n % 60000, at=BEGUN.at + INTERVAL_S * n) for n in range(MOST_ROWS + 10)))
    assert len(rows) == MOST_ROWS


def outward(state: State, counts: tuple[int, int, int, int] = (0, 0, 0, 0), rule: str = "r") -> Line:
    return line(state, counts, inward=False, rule=rule)


def test_a_flow_that_the_interface_began_is_outbound_with_its_own_address_first() -> None:
    (row,) = summed(outward(State.BEGUN), outward(State.ENDED, (1, 10, 3, 30)))
    assert (row["SrcIP_s"], row["DestIP_s"], row["DestPort_d"]) == ("10.2.0.4", "185.170.185.105", 35370)
    assert (row["FlowDirection_s"], row["NSGRules_s"]) == ("O", "0|r|O|A|1")
    assert (row["OutboundPackets_d"], row["OutboundBytes_d"]) == (1, 10)
    assert (row["InboundPackets_d"], row["InboundBytes_d"]) == (3, 30)


COUNTED = ("AllowedInFlows_d", "DeniedInFlows_d", "AllowedOutFlows_d", "DeniedOutFlows_d")
FLOWS = [
    pytest.param([BEGUN, BEGUN], (2, 0, 0, 0), "A", id="let in"),
    pytest.param([DENIED], (0, 1, 0, 0), "D", id="kept out"),
    pytest.param([outward(State.BEGUN)], (0, 0, 1, 0), "A", id="let out"),
    pytest.param([outward(State.DENIED), outward(State.DENIED)], (0, 0, 0, 2), "D", id="kept in"),
    pytest.param([BEGUN, DENIED], (1, 1, 0, 0), "A", id="both: what was let in once is allowed"),
    pytest.param([line(State.CONTINUES)], (0, 0, 0, 0), "A", id="one that began before the interval"),
    pytest.param([line(State.ENDED)], (0, 0, 0, 0), "A", id="one that only ends in it"),
]


def taken_over(*told: Line, interval_s: int = INTERVAL_S) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The rows of one process that kept what each line changed, and of the next one that read it."""
    one, other, kept = Analytics(INTERVAL_S), Analytics(interval_s), list[bytes]()
    for each in told:
        one.add([each])
        kept.append(msgspec.msgpack.encode(one.changed()))
    for body in kept:
        other.resume(msgspec.msgpack.decode(body, type=Sums))
    return one.rows(), other.rows()


@given(st.lists(st.tuples(st.sampled_from(list(State)), st.integers(1, 3), st.integers(0, 2000)), max_size=30))
def test_whoever_takes_over_what_changed_has_the_same_rows(drawn: list[tuple[State, int, int]]) -> None:
    told = [line(state, (n, n * 10, 0, 0), rule=f"r{n}")._replace(at=1200.0 + at) for state, n, at in drawn]
    one, other = taken_over(*told)
    assert other == one


def test_whoever_takes_over_goes_on_adding() -> None:
    one, other = Analytics(INTERVAL_S), Analytics(INTERVAL_S)
    one.add([BEGUN])
    other.resume(msgspec.msgpack.decode(msgspec.msgpack.encode(one.all()), type=Sums))
    for each in (one, other):
        each.add([BEGUN])
    assert other.rows() == one.rows()
    assert other.rows()[0]["AllowedInFlows_d"] == 2


def test_rows_of_another_interval_are_not_taken_over() -> None:
    assert taken_over(BEGUN, interval_s=INTERVAL_S * 6)[1] == []


def test_what_is_taken_over_is_bounded() -> None:
    known, last = Analytics(INTERVAL_S), BEGUN.at
    for _ in range(2):
        more = Analytics(INTERVAL_S)
        more.add(BEGUN._replace(at=(last := last + INTERVAL_S)) for _ in range(MOST_ROWS - 5))
        known.resume(more.all())
    assert len(known.rows()) == MOST_ROWS
    assert known.rows()[-1]["FlowStartTime_t"] == when(last)


@pytest.mark.parametrize(("told", "counts", "verdict"), FLOWS)
def test_flows_are_counted_by_way_and_verdict(told: list[Line], counts: tuple[int, ...], verdict: str) -> None:
    (row,) = summed(*told)
    assert tuple(row[name] for name in COUNTED) == counts
    assert row["FlowStatus_s"] == verdict
    assert str(row["NSGRules_s"]).split("|")[3:] == [verdict, str(sum(counts))]


def test_what_passed_is_summed_over_all_lines_of_a_row() -> None:
    (row,) = summed(*(line(state, (1, 10, 3, 30)) for state in (State.CONTINUES, State.CONTINUES, State.ENDED)))
    assert (row["OutboundPackets_d"], row["OutboundBytes_d"]) == (3, 30)
    assert (row["InboundPackets_d"], row["InboundBytes_d"]) == (9, 90)


def test_a_row_says_when_its_first_and_last_line_were_whatever_their_order() -> None:
    (row,) = summed(BEGUN._replace(at=1200.0 + 50), BEGUN._replace(at=1200.0 + 10), BEGUN._replace(at=1200.0 + 30))
    times = [row[f"Flow{what}Time_t"] for what in ("IntervalStart", "Start", "End", "IntervalEnd")]
    minutes = ["00:20:00", "00:20:10", "00:20:50", "00:30:00"]
    assert times == [f"1970-01-01T{minute}.0000000Z" for minute in minutes]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param("DefaultRule_DenyAllInBound", "Default", id="Azure's own"),
        pytest.param("UserRule_DefaultRule_x", "User Defined", id="one that only calls itself so"),
        pytest.param("", "User Defined", id="none"),
    ],
)
def test_rules_are_azures_or_the_users(rule: str, expected: str) -> None:
    assert summed(BEGUN._replace(rule=rule))[0]["NSGRuleType_s"] == expected


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        pytest.param(GROUP, "s/g/fabrikam", id="subscription, resource group and name"),
        pytest.param(GROUP.replace("fabrikam", "Fabrikam"), "s/g/fabrikam", id="in lower case"),
        pytest.param("", "", id="no group, nothing"),
        pytest.param(
            "/subscriptions/s/resourceGroups/G", "/subscriptions/s/resourceGroups/G", id="no group's id, as it is"
        ),
    ],
)
def test_a_group_is_named_in_short(group: str, expected: str) -> None:
    assert summed(BEGUN._replace(group=group))[0]["NSGList_s"] == expected


@pytest.mark.parametrize(
    ("protocol", "expected"), [(6, "T"), (17, "U"), (1, "1"), (50, "50")], ids=["TCP", "UDP", "ICMP", "ESP"]
)
def test_protocols_that_have_a_letter_are_told_by_it(protocol: int, expected: str) -> None:
    assert summed(BEGUN._replace(protocol=protocol))[0]["L4Protocol_s"] == expected


def test_rows_that_are_let_go_are_the_oldest() -> None:
    known = Analytics(INTERVAL_S)
    known.add(BEGUN._replace(at=INTERVAL_S * n) for n in range(MOST_ROWS + 3))
    first, last = known.rows()[0], known.rows()[-1]
    assert (first["FlowIntervalStartTime_t"], last["FlowIntervalStartTime_t"]) == (
        when(INTERVAL_S * 3),
        when(INTERVAL_S * (MOST_ROWS + 2)),
    )
