"""Traffic analytics sums up who talks to which service."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.telemetry.analytics import MOST_ROWS, Analytics, flow_type
from lazulite.telemetry.book import State
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
