"""Azure's line of a request, made of Envoy's."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.engines.http import access
from lazulite.forwarding.model import HttpBackend, HttpProxy, HttpRule, Site, WafPolicy

RULES = (HttpRule("images/0", "/i/*", "b"), HttpRule("r", "", "b"))
PROXIES = {"gw": HttpProxy("gw", "gw", "gw", (Site("l", ip_address("10.0.0.4"), 80, rules=RULES),), origin="/gw")}
BACKENDS = {"b": HttpBackend("b", "pool/settings", "gw", 80)}
SERVED = {
    "proxy": "gw",
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
    "route": "l|r",
    "server": "10.0.1.4:8080",
    "serverMilliseconds": "1498",
    "serverPort": "10.0.0.4:33333",
    "type": "text/html",
    "trace": "0" * 32,
    "toldHost": "a.test",
    "toldPath": "/old?a=b",
    "tls": "TLSv1.3",
    "cipher": "TLS_AES_128_GCM_SHA256",
}


def told(without: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    raw = {k: v for k, v in (SERVED | more).items() if k not in without}
    return access.Lines(PROXIES, BACKENDS).line(raw)


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
        "transactionId": "0" * 32,
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
            {"status": "400", "details": "direct_response", "route": "clear"}, "HTTP_TO_HTTPS_PORT", id="clear"
        ),
    ],
)
def test_what_was_wrong(raw: dict[str, Any], expected: str) -> None:
    assert told(**raw)["properties"]["error_info"] == f"ERRORINFO_{expected}"


def test_a_client_that_has_gone_is_499_and_no_server_s_status() -> None:
    found = told(flags="DC", status="0", details="downstream_remote_disconnect")["properties"]
    assert (found["httpStatus"], found["serverStatus"]) == (499, "")


def test_a_path_rule_has_the_name_it_was_given() -> None:
    assert told(route="l|images/0")["ruleName"] == "images"


def test_what_is_not_known_any_more_is_empty() -> None:
    found = told(proxy="gone", route="x|y", without=("tls",))
    assert (found["resourceId"], found["listenerName"], found["ruleName"], found["backendPoolName"]) == ("",) * 4
    assert found["properties"]["sslEnabled"] == "off"


def test_envoy_s_line_is_read_by_the_order_in_which_it_was_written() -> None:
    text = access.log(PROXIES["gw"], "/d", secure=True)["typed_config"]["log_format"]["text_format_source"]
    values = text["inline_string"].removesuffix("\n").split("\x1f")
    found = access.fields("\x1f".join(values))
    assert found is not None
    assert (found["proxy"], found["method"], found["tls"]) == ("gw", "%REQ(:METHOD)%", "%DOWNSTREAM_TLS_VERSION%")
    assert list(found.values()) == values


def test_what_says_nothing_is_empty_and_in_the_clear_nothing_is_said_of_tls() -> None:
    text = access.log(PROXIES["gw"], "/d", secure=False)["typed_config"]["log_format"]["text_format_source"]
    count = text["inline_string"].count("\x1f")
    assert {k: v for k, v in (access.fields("gw" + "\x1f-" * count) or {}).items() if v} == {"proxy": "gw"}


def guarded(rule: str = "", listener: str = "", gateway: str = "") -> HttpProxy:
    site = PROXIES["gw"].sites[0]
    rules = tuple(replace(r, policy=rule) for r in site.rules)
    return replace(PROXIES["gw"], sites=(replace(site, rules=rules, policy=listener),), policy=gateway)


POLICIES = {
    "strict": WafPolicy("strict", "strict", origin="/strict"),
    "watching": WafPolicy("watching", "watching", detect=True, origin="/watching"),
    "off": WafPolicy("off", "off", enabled=False, origin="/off"),
}


@pytest.mark.parametrize(
    ("proxy", "looked", "mode", "policy", "seconds"),
    [
        pytest.param(guarded(gateway="strict"), "1234-", "Prevention", "/strict", "0.001", id="the gateway's policy"),
        pytest.param(
            guarded("watching", "strict"), "-2500", "Detection", "/watching", "0.003", id="the rule's before others"
        ),
        pytest.param(guarded(gateway="off"), "--", "", "", "", id="a policy that is off"),
        pytest.param(guarded(gateway="gone"), "--", "", "", "", id="a policy that is not known any more"),
        pytest.param(guarded(), "", "", "", "", id="none"),
    ],
)
def test_what_the_firewall_did_is(proxy: HttpProxy, looked: str, mode: str, policy: str, seconds: str) -> None:
    found = access.Lines({"gw": proxy}, BACKENDS, POLICIES).line(SERVED | {"looked": looked})["properties"]
    assert (found["WAFMode"], found["WAFPolicyID"], found["WAFEvaluationTime"]) == (mode, policy, seconds)


@pytest.mark.parametrize("secure", [True, False])
def test_a_firewall_s_time_stands_in_lines_of_gateways_that_have_one(secure: bool) -> None:
    def written(proxy: HttpProxy) -> list[str]:
        form = access.log(proxy, "/d", secure=secure)["typed_config"]["log_format"]["text_format_source"]
        return list(form["inline_string"].removesuffix("\n").split("\x1f"))

    with_one, without = written(guarded("strict")), written(guarded())
    assert len(with_one) == len(without) + 1
    found = access.fields("\x1f".join(with_one))
    assert found is not None
    assert "waf-closed" in found["looked"]
    assert ("tls" in found) == secure
    assert "looked" not in (access.fields("\x1f".join(without)) or {"looked": ""})


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "\x1f" * 100])
def test_what_is_no_line_has_no_fields(text: str) -> None:
    assert access.fields(text) is None


def test_a_request_that_no_server_was_told_of_has_its_number_and_what_its_client_says_counts_for_nothing() -> None:
    found = told(random="0b7ac8b5", toldHost="evil.test", toldPath="/evil", trace="mine")["properties"]
    assert found["transactionId"] == "0b7ac8b5020261122140000123456789"
    assert (found["originalHost"], found["originalRequestUriWithArgs"]) == ("b.test", "/new?x=y")


def test_what_was_kept_before_a_rewrite_counts() -> None:
    found = told(keptTrace="1" * 32, keptHost="first.test", keptPath="/first")["properties"]
    assert (found["transactionId"], found["originalHost"]) == ("1" * 32, "first.test")
    assert found["originalRequestUriWithArgs"] == "/first"
