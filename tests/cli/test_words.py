"""What people type, taken apart; what they read, put together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lazulite.cli.api import failure
from lazulite.cli.deploy import parse_parameters, read_json
from lazulite.cli.errors import Failure
from lazulite.cli.lab import directory, home, option
from lazulite.cli.relay import parse_forward
from lazulite.cli.trace import decision, flow_text, parse_destination, short

RULE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/nsg/securityRules/allow-http"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("web", ("web", 0), id="a name"),
        pytest.param("web:80", ("web", 80), id="a name and a port"),
        pytest.param("shop/web:80", ("shop/web", 80), id="a name with its group"),
        pytest.param("10.0.0.4:443", ("10.0.0.4", 443), id="an address and a port"),
        pytest.param("2001:2::5", ("2001:2::5", 0), id="a bare IPv6 address has no port"),
        pytest.param("[2001:2::5]:80", ("2001:2::5", 80), id="brackets tell its port"),
    ],
)
def test_a_destination_is_a_host_and_maybe_a_port(text: str, expected: tuple[str, int]) -> None:
    assert parse_destination(text) == expected


@pytest.mark.parametrize("text", ["web:", "web:http", "web:0", "web:65536"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="is no port"):
        parse_destination(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("8080:web:80", (8080, "web", 80), id="a machine"),
        pytest.param("8080:198.18.0.5:80", (8080, "198.18.0.5", 80), id="an address"),
        pytest.param("8080:[2001:2::5]:80", (8080, "2001:2::5", 80), id="an IPv6 address"),
    ],
)
def test_a_forward_is_local_host_port(text: str, expected: tuple[int, str, int]) -> None:
    assert parse_forward(text) == expected


@pytest.mark.parametrize("text", ["8080", "8080:80", "web:80:80", "8080:web:http", "8080::80"])
def test_a_forward_that_lacks_a_part_names_an_example(text: str) -> None:
    with pytest.raises(Failure) as caught:
        parse_forward(text)
    assert caught.value.hint == "lazulite forward 8080:web:80"


TEMPLATE: dict[str, Any] = {
    "parameters": {"Count": {"type": "int"}, "Flag": {"type": "bool"}, "Tags": {"type": "object"}}
}


def test_words_take_the_type_the_template_declares() -> None:
    given = ("count=3", "flag=true", 'tags={"a": "b"}', "name=x=y")
    assert parse_parameters(given, TEMPLATE) == {
        "count": {"value": 3},
        "flag": {"value": True},
        "tags": {"value": {"a": "b"}},
        "name": {"value": "x=y"},
    }


def test_later_parameters_win_over_those_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "parameters.json"
    file.write_text(json.dumps({"parameters": {"count": {"value": 1}, "other": {"value": 2}}}))
    found = parse_parameters((str(file), "count=5"), TEMPLATE)
    assert found == {"count": {"value": 5}, "other": {"value": 2}}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        pytest.param("count=many", "of type int", id="a word of the wrong type"),
        pytest.param("no-such-file.json", "neither a file nor name=value", id="a file that is not there"),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_sent(word: str, message: str) -> None:
    with pytest.raises(Failure, match=message):
        parse_parameters((word,), TEMPLATE)


def test_a_template_that_is_not_json_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{\n  "a": }\n')
    with pytest.raises(Failure, match="line 2"):
        read_json(file)


def test_an_error_of_arm_keeps_code_target_and_details() -> None:
    error = {
        "code": "A",
        "message": "first",
        "target": "properties.x",
        "details": [{"code": "B", "message": "second"}],
    }
    found = failure(error)
    assert found.message == "(A) first [properties.x]"
    assert found.details == ("(B) second",)
    assert found.hint == ""


def test_a_detail_that_says_the_same_again_is_left_out() -> None:
    same, other = {"code": "A", "message": "first"}, {"code": "A", "message": "second"}
    assert failure(same | {"details": [same]}).details == ()
    assert failure(same | {"details": [same, other]}).details == ("(A) second",)


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        pytest.param(
            "InvalidTemplate",
            "Deployment template validation failed: 'The value for the template parameter 'size' is not provided.'",
            "Give it: -p NAME=VALUE, or -p FILE.",
            id="a parameter without a value",
        ),
        pytest.param("InvalidTemplate", "The template is not valid.", "", id="another fault of the template"),
        pytest.param("Other", "A template parameter is not provided", "", id="another error with these words"),
    ],
)
def test_who_lacks_a_parameter_is_told_how_to_give_it(code: str, message: str, hint: str) -> None:
    assert failure({"code": code, "message": message}).hint == hint


@pytest.mark.parametrize(
    ("decided", "expected"),
    [
        pytest.param({"origin": RULE, "detail": "x", "stage": "y"}, "nsg/allow-http", id="a rule by its own name"),
        pytest.param({"origin": "system route", "detail": "None", "stage": "y"}, "system route: None", id="a default"),
        pytest.param({"origin": "", "detail": "no route", "stage": "route"}, "no route", id="nobody's decision"),
        pytest.param({"origin": "", "detail": "", "stage": "route"}, "route", id="at least the stage"),
        pytest.param(None, "nothing had a say", id="a machine and itself"),
    ],
)
def test_the_decision_is_quoted_in_the_users_words(decided: dict[str, str] | None, expected: str) -> None:
    assert decision({"decided": decided}) == expected


def test_an_origin_that_is_no_id_stays_as_it_is() -> None:
    assert short("system route") == "system route"


def test_only_flows_with_ports_show_one() -> None:
    flow = {"src": "10.0.0.4", "dst": "10.0.0.5", "dst_port": 80}
    assert flow_text(flow | {"protocol": "tcp"}) == "tcp 10.0.0.4 > 10.0.0.5:80"
    assert flow_text(flow | {"protocol": "icmp"}) == "icmp 10.0.0.4 > 10.0.0.5"


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b"])
def test_a_lab_name_never_leaves_its_directory(name: str) -> None:
    with pytest.raises(Failure, match="no name for a lab"):
        directory(name)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({"LAZULITE_HOME": "/h", "XDG_STATE_HOME": "/s"}, "/h", id="our own variable first"),
        pytest.param({"XDG_STATE_HOME": "/s"}, "/s/lazulite", id="then the place for state"),
        pytest.param({"HOME": "/me"}, "/me/.local/state/lazulite", id="then its default"),
    ],
)
def test_where_labs_live(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str) -> None:
    for name in ("LAZULITE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert home() == Path(expected)


def test_suggestions_name_the_lab_unless_it_is_the_default() -> None:
    assert (option("default"), option("other")) == ("", " --lab other")
