"""Azure's line of a request, made of Envoy's."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.http import lines
from lazulite.engines.http.lines import Known, Names, Since

NAMES = Names("/gw", "l", "r", "pool", "settings")
PLACES = {"gw|l|r": (Since("", NAMES),), "gw|": (Since("", Names("/gw")),)}
SERVED = {
    "where": "gw|l|r",
    "time": "20261122140000123456789",
    "clientIP": "203.0.113.7",
    "clientPort": "4711",
    "method": "GET",
    "host": "b.test",
    "path": "/new?x=y",
    "version": "HTTP/1.1",
    "agent": "curl",
    "status": "200",
    "details": "via_upstream",
    "received": "100",
    "sent": "200",
    "milliseconds": "1500",
    "sending": "2",
    "server": "10.0.1.4:8080",
    "serverMilliseconds": "1498",
    "serverPort": "10.0.0.4:33333",
    "type": "text/html",
    "trace": "0" * 8,
    "toldHost": "a.test",
    "toldPath": "/old?a=b",
    "tls": "TLSv1.3",
    "cipher": "TLS_AES_128_GCM_SHA256",
}


def text(**more: str) -> str:
    """Envoy's line."""
    said = SERVED | more
    return "\x1f".join(said.get(name, "") for name in lines.FIELDS)


def told(places: lines.Places = PLACES, **more: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(lines.line(text(**more), places))
    return found


def test_a_line_has_the_fields_of_azure_s() -> None:
    """Source: facts/application-gateway.md, "Logs and metrics"."""
    found = told()
    properties = found.pop("properties")
    assert found == {
        "timeStamp": "2026-11-22T14:00:00.123Z",
        "resourceId": "/gw",
        "listenerName": "l",
        "ruleName": "r",
        "backendPoolName": "pool",
        "backendSettingName": "settings",
        "operationName": "ApplicationGatewayAccess",
        "category": "ApplicationGatewayAccessLog",
    }
    assert properties == {
        "instanceId": "appgw_0",
        "clientIP": "203.0.113.7",
        "clientPort": 4711,
        "httpMethod": "GET",
        "originalRequestUriWithArgs": "/old?a=b",
        "requestUri": "/new",
        "requestQuery": "x=y",
        "userAgent": "curl",
        "httpStatus": 200,
        "httpVersion": "HTTP/1.1",
        "receivedBytes": 100,
        "sentBytes": 200,
        "clientResponseTime": 0.002,
        "timeTaken": 1.5,
        "WAFEvaluationTime": "",
        "WAFMode": "",
        "WAFPolicyID": "",
        "transactionId": "00000000020261122140000123456789",
        "sslEnabled": "on",
        "sslCipher": "TLS_AES_128_GCM_SHA256",
        "sslProtocol": "TLSv1.3",
        "sslClientVerify": "NONE",
        "serverRouted": "10.0.1.4:8080",
        "serverStatus": "200",
        "serverResponseLatency": 1.498,
        "upstreamSourcePort": "33333",
        "originalHost": "a.test",
        "host": "b.test",
        "error_info": "ERRORINFO_NO_ERROR",
        "contentType": "text/html",
    }


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param({"status": "500"}, "NO_ERROR", id="a server's own error is none"),
        pytest.param({"flags": "XX"}, "NO_ERROR", id="a flag that says nothing"),
        pytest.param({"flags": "DC", "status": "0", "details": "x"}, "CLIENT_CLOSED_REQUEST", id="the client has gone"),
        pytest.param({"flags": "UT", "status": "504", "details": "x"}, "UPSTREAM_TIMED_OUT", id="a slow server"),
        pytest.param({"flags": "UH", "status": "502", "details": "x"}, "UPSTREAM_NO_LIVE", id="no server is up"),
        pytest.param({"status": "502", "details": "direct_response"}, "UPSTREAM_NO_LIVE", id="no server at all"),
        pytest.param(
            {"flags": "URX,UC", "status": "502", "details": "x"}, "UPSTREAM_CLOSED_CONNECTION", id="it hung up"
        ),
        pytest.param({"status": "405", "details": "direct_response"}, "INVALID_METHOD_TRACE", id="TRACE"),
        pytest.param({"status": "404", "details": "route_not_found"}, "INVALID_HOST", id="nobody's host"),
        pytest.param({"status": "400", "details": "missing_host_header"}, "HTTP_NO_HOST_HEADER", id="no host"),
        pytest.param(
            {"status": "400", "details": "http1.content_length_and_chunked_not_allowed"},
            "INVALID_CONTENT_LENGTH",
            id="two lengths",
        ),
        pytest.param({"status": "400", "details": "path_normalization_failed"}, "REQUEST_URI_INVALID", id="no path"),
        pytest.param({"status": "400", "details": "http1.codec_error"}, "INVALID_REQUEST", id="nonsense"),
        pytest.param(
            {"status": "400", "details": "direct_response", "where": "gw|clear"}, "HTTP_TO_HTTPS_PORT", id="clear"
        ),
    ],
)
def test_what_was_wrong(raw: dict[str, str], expected: str) -> None:
    assert told(**raw)["properties"]["error_info"] == f"ERRORINFO_{expected}"


def test_a_client_that_has_gone_is_499_and_no_server_s_status() -> None:
    found = told(flags="DC", status="0", details="downstream_remote_disconnect")["properties"]
    assert (found["httpStatus"], found["serverStatus"]) == (499, "")


def test_of_an_unknown_route_the_gateway_is_known() -> None:
    found = told(where="gw|x|y")
    assert (found["resourceId"], found["listenerName"], found["ruleName"]) == ("/gw", "", "")


def test_what_is_not_known_at_all_is_empty() -> None:
    found = told(where="gone|x|y", tls="")
    assert (found["resourceId"], found["listenerName"], found["ruleName"], found["backendPoolName"]) == ("",) * 4
    assert found["properties"]["sslEnabled"] == "off"


@pytest.mark.parametrize(
    ("time", "rule"),
    [
        pytest.param("20261122130000000000000", "first", id="before all"),
        pytest.param("20261122140000000000000", "second", id="just when it changed"),
        pytest.param("20261122145959999999999", "second", id="between two changes"),
        pytest.param("20261122160000000000000", "third", id="after all"),
    ],
)
def test_a_request_has_the_names_of_the_time_when_it_began(time: str, rule: str) -> None:
    rows = [("20261122150000000000000", "third"), ("20261122140000000000000", "second"), ("", "first")]
    places = {"gw|l|r": [Since(since, Names(rule=called)) for since, called in rows]}
    assert told(places, time=time)["ruleName"] == rule


def test_who_began_before_the_first_names_that_are_kept_has_those() -> None:
    assert told({"gw|l|r": [Since("2027", Names(rule="kept"))]})["ruleName"] == "kept"


@pytest.mark.parametrize(
    ("looked", "seconds"),
    [
        pytest.param("1234", "0.001", id="one of the filters says it"),
        pytest.param("-2500", "0.003", id="the other has nothing to say"),
        pytest.param("--", "", id="neither was asked"),
        pytest.param("", "", id="there is none"),
    ],
)
def test_how_long_the_firewall_took(looked: str, seconds: str) -> None:
    places = {"gw|l|r": [Since("", Names(mode="Detection", policy="/p"))]}
    found = told(places, looked=looked)["properties"]
    assert (found["WAFMode"], found["WAFPolicyID"], found["WAFEvaluationTime"]) == ("Detection", "/p", seconds)


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param("", id="nothing"),
        pytest.param("nonsense", id="a word"),
        pytest.param("{}", id="JSON"),
        pytest.param("\x1f" * 100, id="too many fields"),
        pytest.param(text(status="many"), id="a status that is no number"),
        pytest.param(text(looked="long"), id="a time that is no number"),
        pytest.param(text()[20:], id="the end of a line"),
        pytest.param(text()[:-2], id="the beginning of one"),
    ],
)
def test_what_is_no_line_is_passed_over(nonsense: str) -> None:
    found = lines.of([text(method="PUT"), nonsense, text()], Known(True, PLACES))
    assert [made.properties.httpMethod for made in found] == ["PUT", "GET"]


def test_a_request_that_no_server_was_told_of_has_its_number_and_what_its_client_says_counts_for_nothing() -> None:
    found = told(random="0b7ac8b5", toldHost="evil.test", toldPath="/evil", trace="mine")["properties"]
    assert found["transactionId"] == "0b7ac8b5020261122140000123456789"
    assert (found["originalHost"], found["originalRequestUriWithArgs"]) == ("b.test", "/new?x=y")


def test_what_was_kept_before_a_rewrite_counts() -> None:
    found = told(keptTrace="1" * 8, keptHost="first.test", keptPath="/first")["properties"]
    assert (found["transactionId"], found["originalHost"]) == ("1" * 8 + "020261122140000123456789", "first.test")
    assert found["originalRequestUriWithArgs"] == "/first"


values = st.text(st.characters(blacklist_characters="\x1f\n", blacklist_categories=["Cs"]))


@given(agent=values, path=values, host=values)
def test_whatever_a_client_says_its_line_is_one_line_of_json_that_says_it(agent: str, path: str, host: str) -> None:
    raw = text(agent=agent, path=path, host=host)
    made = msgspec.json.Encoder().encode_lines(lines.of([raw], Known(True, PLACES)))
    (row,) = made.splitlines()
    found = json.loads(row)["properties"]
    assert (found["userAgent"], found["host"]) == (agent, host)
    assert found["requestUri"] + "?" * ("?" in path) + found["requestQuery"] == path
