"""Tuples and records as Azure's documentation shows them."""

from __future__ import annotations

import json

import pytest

from lazulite.forwarding.model import FlowLogFormat
from lazulite.telemetry import lines
from lazulite.telemetry.book import NOTHING, Counts, State
from lazulite.telemetry.lines import Form, Line, Subject, encoded, group_id, rule_name, text

GROUP = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/fabrikam"
V1, V2, NET = Form.GROUP_1, Form.GROUP_2, Form.NETWORK


def line(state: State, counts: Counts = NOTHING, *, protocol: int = 6, inward: bool = True, rule: str = "r") -> Line:
    """Between 185.170.185.105:35370 and the interface at 10.2.0.4:23."""
    local, remote = "10.2.0.4", "185.170.185.105"
    return Line(1493763938.25, "000D3AF8801A", GROUP, rule, inward, protocol, local, 23, remote, 35370, state, counts)


BEGUN, DENIED = line(State.BEGUN), line(State.DENIED)
ENDS = "1493763938,185.170.185.105,10.2.0.4,35370,23"
MILLIS = "1493763938250,185.170.185.105,10.2.0.4,35370,23"
INWARD = (8005, 4610880, 1021, 588096)
"""Of the documented C record, as the interface counts: what it sent, what it received."""
CASES = [
    pytest.param(V1, BEGUN, f"{ENDS},T,I,A", id="version 1 tells that a flow was allowed"),
    pytest.param(V1, DENIED, f"{ENDS},T,I,D", id="version 1 tells that a flow was denied"),
    pytest.param(V1, line(State.CONTINUES, INWARD), None, id="version 1 knows no states"),
    pytest.param(V2, BEGUN, f"{ENDS},T,I,A,B,,,,", id="version 2 begins with empty counters"),
    pytest.param(V2, DENIED, f"{ENDS},T,I,D,B,,,,", id="a denied flow only begins"),
    pytest.param(
        V2,
        line(State.CONTINUES, INWARD),
        f"{ENDS},T,I,A,C,1021,588096,8005,4610880",
        id="counters are from source to destination first",
    ),
    pytest.param(
        V2,
        line(State.ENDED, (47, 27072, 52, 29952)),
        f"{ENDS},T,I,A,E,52,29952,47,27072",
        id="the end has what is left",
    ),
    pytest.param(V2, line(State.BEGUN, protocol=17), f"{ENDS},U,I,A,B,,,,", id="U is UDP"),
    pytest.param(V2, line(State.BEGUN, protocol=1), None, id="groups' logs have no letter for ICMP"),
    pytest.param(
        V2,
        line(State.ENDED, (1, 2, 3, 4), inward=False),
        "1493763938,10.2.0.4,185.170.185.105,23,35370,T,O,A,E,1,2,3,4",
        id="outbound, the interface is the source",
    ),
    pytest.param(NET, BEGUN, f"{MILLIS},6,I,B,NX,0,0,0,0", id="networks' logs have milliseconds and protocol numbers"),
    pytest.param(NET, DENIED, f"{MILLIS},6,I,D,NX,0,0,0,0", id="networks' logs have a state for denied"),
    pytest.param(
        NET,
        line(State.ENDED, (1, 2, 3, 4), inward=False),
        "1493763938250,10.2.0.4,185.170.185.105,23,35370,6,O,E,NX,1,2,3,4",
        id="outbound, networks' logs have the interface first too",
    ),
    pytest.param(V1, line(State.ENDED, INWARD), None, id="version 1 knows no ends"),
    pytest.param(
        V1, line(State.DENIED, inward=False), "1493763938,10.2.0.4,185.170.185.105,23,35370,T,O,D", id="O is out"
    ),
    pytest.param(
        NET, line(State.ENDED, INWARD, protocol=1), f"{MILLIS},1,I,E,NX,1021,588096,8005,4610880", id="and know ICMP"
    ),
]


@pytest.mark.parametrize(("form", "one", "expected"), CASES)
def test_a_tuple(form: Form, one: Line, expected: str | None) -> None:
    assert text(form, one) == expected


RULES = [
    pytest.param("/lists/of/somebody/else", "/lists/of/somebody/else", "", id="ids of what is no rule"),
    pytest.param(
        f"{GROUP}/securityRulesOfMine/x", f"{GROUP}/securityRulesOfMine/x", "", id="what only begins like one"
    ),
    pytest.param(f"{GROUP}/securityRules/Port80", "UserRule_Port80", GROUP, id="rules of the user"),
    pytest.param(
        f"{GROUP}/defaultSecurityRules/DenyAllInBound", "DefaultRule_DenyAllInBound", GROUP, id="default rules"
    ),
    pytest.param("Azure platform traffic (DNS)", "Azure platform traffic (DNS)", "", id="what no group decides"),
    pytest.param("", "", "", id="no rule"),
]


@pytest.mark.parametrize(("origin", "name", "group"), RULES)
def test_a_rule_is_named_as_logs_do(origin: str, name: str, group: str) -> None:
    assert (rule_name(origin), group_id(origin)) == (name, group)


def test_the_forms_are_those_of_the_model() -> None:
    assert [str(f) for f in Form] == [str(f) for f in FlowLogFormat]


def record(subject: Subject, mac: str, at: float, told: list[Line]) -> dict[str, object]:
    said = [(one.group, one.rule, text(subject.form, one) or "") for one in told]
    return lines.record(subject, mac, at, said)


SUBJECT = Subject(V2, GROUP, "2c002c16-72f3-4dc5-b391-3444c3527434", "/logs/one")


def test_a_record_of_a_group_is_as_documented() -> None:
    told = [line(State.DENIED, rule="DefaultRule_DenyAllInBound"), line(State.BEGUN, rule="UserRule_ssh")]
    assert record(SUBJECT, "000D3AF8801A", 1542110435.5, told) == {
        "time": "2018-11-13T12:00:35.5000000Z",
        "systemId": "2c002c16-72f3-4dc5-b391-3444c3527434",
        "macAddress": "000D3AF8801A",
        "category": "NetworkSecurityGroupFlowEvent",
        "resourceId": GROUP.upper(),
        "operationName": "NetworkSecurityGroupFlowEvents",
        "properties": {
            "Version": 2,
            "flows": [
                {
                    "rule": "DefaultRule_DenyAllInBound",
                    "flows": [{"mac": "000D3AF8801A", "flowTuples": [f"{ENDS},T,I,D,B,,,,"]}],
                },
                {
                    "rule": "UserRule_ssh",
                    "flows": [{"mac": "000D3AF8801A", "flowTuples": [f"{ENDS},T,I,A,B,,,,"]}],
                },
            ],
        },
    }


def test_a_record_of_a_network_is_as_documented() -> None:
    told = [line(State.BEGUN, rule="UserRule_ssh"), line(State.ENDED, rule="UserRule_ssh")]
    assert record(SUBJECT._replace(form=NET), "112233445566", 1542110435.5, told) == {
        "time": "2018-11-13T12:00:35.5000000Z",
        "flowLogVersion": 4,
        "flowLogGUID": "2c002c16-72f3-4dc5-b391-3444c3527434",
        "macAddress": "112233445566",
        "category": "FlowLogFlowEvent",
        "flowLogResourceID": "/LOGS/ONE",
        "targetResourceID": GROUP,
        "operationName": "FlowLogFlowEvent",
        "flowRecords": {
            "flows": [
                {
                    "aclID": GROUP,
                    "flowGroups": [
                        {
                            "rule": "UserRule_ssh",
                            "flowTuples": [f"{MILLIS},6,I,B,NX,0,0,0,0", f"{MILLIS},6,I,E,NX,0,0,0,0"],
                        }
                    ],
                }
            ]
        },
    }


def test_what_no_rule_decided_is_unspecified() -> None:
    found = record(SUBJECT._replace(form=NET), "1", 0, [line(State.BEGUN, rule="")._replace(group="")])
    (flows,) = found["flowRecords"]["flows"]  # type: ignore[index]
    assert (flows["aclID"], flows["flowGroups"][0]["rule"]) == ("unspecified", "unspecified")


def test_a_record_is_one_line_of_json() -> None:
    found = record(SUBJECT, "1", 0, [BEGUN])
    assert b"\n" not in encoded(found)
    assert json.loads(encoded(found)) == found


@pytest.mark.parametrize(("form", "version"), [(V1, 1), (V2, 2)])
def test_a_record_of_a_group_says_which_version_it_is(form: Form, version: int) -> None:
    properties = record(SUBJECT._replace(form=form), "M", 0.0, [BEGUN])["properties"]
    assert properties["Version"] == version  # type: ignore[index]


@pytest.mark.parametrize("form", [V1, V2, NET])
def test_what_no_rule_decided_is_unspecified_in_every_form(form: Form) -> None:
    found = lines.record(SUBJECT._replace(form=form), "M", 0.0, [("", "", "tuple")])
    said = json.loads(encoded(found))
    if form is NET:
        [listed] = said["flowRecords"]["flows"]
        assert listed == {"aclID": "unspecified", "flowGroups": [{"rule": "unspecified", "flowTuples": ["tuple"]}]}
    else:
        [listed] = said["properties"]["flows"]
        assert listed["rule"] == "unspecified"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(0.0, "1970-01-01T00:00:00.0000000Z", id="the epoch"),
        pytest.param(1542110435.5, "2018-11-13T12:00:35.5000000Z", id="seven digits of a second"),
        pytest.param(1542110435.123456, "2018-11-13T12:00:35.1234560Z", id="of which six are known"),
    ],
)
def test_times_are_as_azure_writes_them(at: float, expected: str) -> None:
    assert lines.when(at) == expected
