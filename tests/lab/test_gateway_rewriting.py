"""A gateway rewrites what clients ask and servers answer, knows clients by certificates, and proves servers."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from lazulite.testing import Lab
from tests.lab.test_application_gateway import (
    _child,
    address,
    curl,
    front,
    gateway,
    here,  # noqa: F401
    leads,
    listener,
    part,
    rule,
    served,  # noqa: F401
    told,
)
from tests.lab.test_gateway_answers import start
from tests.services.gateways import PASSWORD, opened, pem, pfx
from tests.waiting import until

_ANSWERS = """
import http.server, json, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        asked = getattr(self.connection, "asked", "")
        body = json.dumps({"path": self.path, "headers": dict(self.headers), "sni": asked}).encode()
        self.send_response(200)
        self.send_header("Location", "https://shop.azurewebsites.net/cart")
        self.send_header("Server-Secret", "1.2.3")
        for cookie in ("session=1; Path=/", "theme=dark", "old=2"):
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *said):
        pass
server = http.server.ThreadingHTTPServer(("", AT), Handler)
if SECURE:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/tmp/server.pem")
    context.sni_callback = lambda connection, name, _: setattr(connection, "asked", name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def answering(served: Lab, port: int, *, tls: bool = False) -> None:  # noqa: F811
    start(served, "one", _ANSWERS.replace("AT)", f"{port})").replace("SECURE", str(tls)), port)


def rewriting(served: Lab, *rules: dict[str, Any], **parts: Any) -> None:  # noqa: F811
    """The gateway with one server, and a set of rules on its basic rule."""
    rows = [{"ruleSequence": 10 * (i + 1)} | r for i, r in enumerate(rules)]
    said = {
        "rewriteRuleSets": [_child("set", rewriteRules=rows)],
        "backendAddressPools": [_child("b", backendAddresses=[{"ipAddress": address(served, "one")}])],
        "requestRoutingRules": [rule(served, **leads(served), rewriteRuleSet=part(served, "rewriteRuleSets", "set"))],
    }
    gateway(served, **(said | parts))


def on(variable: str, pattern: str, **more: Any) -> list[dict[str, Any]]:
    return [{"variable": variable, "pattern": pattern} | more]


def header(name: str, value: str = "") -> dict[str, str]:
    return {"headerName": name, "headerValue": value}


@pytest.fixture
def rewritten(served: Lab) -> Iterator[Lab]:  # noqa: F811
    answering(served, 8083)
    shirts = {
        "name": "shirts",
        "conditions": on("var_uri_path", "/(.+)/(.+)"),
        "actionSet": {
            "urlConfiguration": {
                "modifiedPath": "/buy.aspx",
                "modifiedQueryString": "category={var_uri_path_1}&product={var_uri_path_2}",
            }
        },
    }
    bare = {
        "name": "bare",
        "actionSet": {
            "requestHeaderConfigurations": [
                header("X-Forwarded-For", "{var_add_x_forwarded_for_proxy}"),
                header("X-Said", "{http_req_User-Agent} {var_client_ip}"),
                header("Accept"),
            ],
            "responseHeaderConfigurations": [
                header("Server-Secret"),
                header("Strict-Transport-Security", "max-age=1"),
                {**header("Set-Cookie", "session=hidden; Secure"), "headerValueMatcher": {"pattern": "^session="}},
                {**header("Set-Cookie"), "headerValueMatcher": {"pattern": "^OLD=", "ignoreCase": True}},
            ],
        },
    }
    location = {
        "name": "location",
        "conditions": on("http_resp_Location", r"(https?):\/\/.*azurewebsites\.net(.*)$"),
        "actionSet": {
            "responseHeaderConfigurations": [
                header("Location", "{http_resp_Location_1}://contoso.com{http_resp_Location_2}")
            ]
        },
    }
    settings = _child("s", port=8083, protocol="Http", requestTimeout=5)
    rewriting(served, shirts, bare, location, backendHttpSettingsCollection=[settings])
    until(lambda: curl(served, "visitor", f"http://{front(served)}/")[0] == 200)
    yield served
    gateway(served)


def test_requests_and_responses_are_rewritten(rewritten: Lab) -> None:
    """Source: facts/application-gateway.md, "Gold tests"."""
    asked = ["-A", "me", "-D", "/tmp/headers", "-H", "X-Forwarded-For: 192.0.2.1"]
    answer = told(rewritten, "visitor", *asked, f"http://{front(rewritten)}/fashion/shirts")
    assert answer["path"] == "/buy.aspx?category=fashion&product=shirts"
    sent = {k.lower(): v for k, v in answer["headers"].items()}
    first, _, client = sent["x-forwarded-for"].partition(",")
    assert first == "192.0.2.1"
    assert ":" not in client
    assert sent["x-said"] == f"me {client}"
    assert "accept" not in sent
    assert sent["x-original-url"] == "/fashion/shirts"
    back = rewritten.exec("visitor", ["cat", "/tmp/headers"]).stdout.lower()
    assert "location: https://contoso.com/cart" in back
    assert "strict-transport-security: max-age=1" in back
    assert "server-secret" not in back
    assert re.findall("set-cookie: (.*)", back) == ["session=hidden; secure", "theme=dark"]
    assert "lazulite" not in back


def test_what_the_gateway_answers_itself_is_not_rewritten(rewritten: Lab) -> None:
    url = f"http://{front(rewritten)}/"
    status, _ = curl(rewritten, "visitor", "-X", "TRACE", "-D", "/tmp/own", url)
    assert status == 405
    own = rewritten.exec("visitor", ["cat", "/tmp/own"]).stdout.lower()
    assert "strict-transport" not in own
    assert "lazulite" not in own


def test_a_rewritten_path_chooses_its_rule_anew_and_a_loop_is_500(served: Lab) -> None:  # noqa: F811
    """Source: facts/application-gateway.md, "Gold tests": the listing moves to another pool by its query."""

    def to(path: str, pattern: str) -> dict[str, Any]:
        moved = {"urlConfiguration": {"modifiedPath": path, "reroute": True}}
        return {"name": "r", "ruleSequence": 1, "conditions": on("var_query_string", pattern), "actionSet": moved}

    sets = [_child("set", rewriteRules=[to("/listing1", "category=shoes") | {"name": "a"}, to("/listing", "loop")])]
    default = {f"default{k[0].upper()}{k[1:]}": v for k, v in leads(served).items()}
    paths = _child(
        "m",
        pathRules=[_child("one", paths=["/listing1*"], **leads(served, "first"))],
        defaultRewriteRuleSet=part(served, "rewriteRuleSets", "set"),
        **default,
    )
    pools = [
        _child("b", backendAddresses=[{"ipAddress": address(served, "two")}]),
        _child("first", backendAddresses=[{"ipAddress": address(served, "one")}]),
    ]
    gateway(
        served,
        rewriteRuleSets=sets,
        urlPathMaps=[paths],
        backendAddressPools=pools,
        requestRoutingRules=[rule(served, ruleType="PathBasedRouting", urlPathMap=part(served, "urlPathMaps", "m"))],
    )
    url = f"http://{front(served)}/listing?category="
    until(lambda: curl(served, "visitor", f"{url}any")[0] == curl(served, "visitor", f"{url}shoes")[0] == 200)
    moved = told(served, "visitor", f"{url}shoes")
    assert (moved["server"], moved["path"]) == ("one", "/listing1?category=shoes")
    stays = told(served, "visitor", f"{url}any")
    assert (stays["server"], stays["path"]) == ("two", "/listing?category=any")
    assert curl(served, "visitor", f"{url}loop")[0] == 500
    gateway(served)


def secure(served: Lab, **parts: Any) -> str:  # noqa: F811
    """The gateway with one listener on port 443, and its URL."""
    sealed = pfx("shop.test")
    more = parts.pop("listener", {})
    said = {"sslCertificates": [_child("cert", data=sealed, password=PASSWORD)]}
    by = {"protocol": "Https", "sslCertificate": part(served, "sslCertificates", "cert")}
    gateway(served, httpListeners=[listener(served, port=443, **by, **more)], **(said | parts))
    return f"https://{front(served)}/"


def test_a_client_without_its_certificate_is_refused(served: Lab) -> None:  # noqa: F811
    mine, other = pfx("me.test"), pfx("other.test")
    trusted = _child("mine", data=b64encode(pem(mine)).decode())
    profile = _child(
        "p",
        trustedClientCertificates=[part(served, "trustedClientCertificates", "mine")],
        clientAuthConfiguration={"verifyClientAuthMode": "Strict"},
        sslPolicy={"policyType": "CustomV2", "minProtocolVersion": "TLSv1_3"},
    )
    shown = [header("X-Client", "{var_client_certificate_verification} {var_client_certificate_subject}")]
    rule_ = {"name": "r", "ruleSequence": 1, "actionSet": {"requestHeaderConfigurations": shown}}
    url = secure(
        served,
        trustedClientCertificates=[trusted],
        sslProfiles=[profile],
        listener={"sslProfile": part(served, "sslProfiles", "p")},
        rewriteRuleSets=[_child("set", rewriteRules=[rule_])],
        requestRoutingRules=[rule(served, **leads(served), rewriteRuleSet=part(served, "rewriteRuleSets", "set"))],
    )
    for name, sealed in (("mine", mine), ("other", other)):
        served.exec("visitor", ["sh", "-c", f"cat > /tmp/{name}.pem"], stdin="".join(opened(sealed)))
    until(lambda: curl(served, "visitor", "-k", "--cert", "/tmp/mine.pem", url)[0] == 200)
    assert told(served, "visitor", "-k", "--cert", "/tmp/mine.pem", url)["headers"]["x-client"] == "SUCCESS CN=me.test"
    assert curl(served, "visitor", "-k", url)[0] == 0
    assert curl(served, "visitor", "-k", "--cert", "/tmp/other.pem", url)[0] == 0
    assert curl(served, "visitor", "-k", "--tls-max", "1.2", "--cert", "/tmp/mine.pem", url)[0] == 0
    gateway(served)


def test_plain_http_on_a_port_of_tls_is_400(served: Lab) -> None:  # noqa: F811
    """Source: facts/application-gateway.md, "Gateway-made status codes"."""
    secure(served)
    until(lambda: curl(served, "visitor", f"http://{front(served)}:443/")[0] == 400)
    gateway(served)


def test_a_server_over_tls_is_proven_and_asked_for_by_name(served: Lab) -> None:  # noqa: F811
    """A certificate that no well-known authority vouches for is 502, unless its root was given, or proof is off."""
    sealed = pfx("web.test")
    served.exec("one", ["sh", "-c", "cat > /tmp/server.pem"], stdin="".join(opened(sealed)))
    answering(served, 8444, tls=True)
    pools = [_child("b", backendAddresses=[{"ipAddress": address(served, "one")}])]
    roots = [_child("root", data=b64encode(pem(sealed)).decode())]
    probe = {"probe": part(served, "probes", "x")}
    probes = [_child("x", protocol="Https", host="p.test", path="/", interval=1, timeout=20, unhealthyThreshold=20)]
    url = f"http://{front(served)}/"

    def asked(host: str, **more: Any) -> tuple[int, str]:
        settings = _child("s", port=8444, protocol="Https", **probe, **more)
        rows = roots if "trustedRootCertificates" in more else []
        gateway(
            served,
            backendAddressPools=pools,
            probes=probes,
            trustedRootCertificates=rows,
            backendHttpSettingsCollection=[settings],
        )
        return curl(served, "visitor", "-H", f"Host: {host}", url)

    def name(host: str, **more: Any) -> str:
        """The name that the server was asked for; nothing while it is not asked."""
        status, body = asked(host, **more)
        return str(json.loads(body)["sni"]) if status == 200 else ""

    given = {"trustedRootCertificates": [part(served, "trustedRootCertificates", "root")]}
    until(lambda: name("web.test", **given), "web.test".__eq__)
    assert asked("other.test", **given)[0] == 502
    until(lambda: asked("other.test", validateSNI=False, **given)[0] == 200)
    assert asked("web.test", validateSNI=False)[0] == 502
    assert asked("web.test")[0] == 502
    until(lambda: asked("other.test", validateCertChainAndExpiry=False)[0] == 200)
    until(lambda: name("shop.test", hostName="web.test", **given), "web.test".__eq__)
    gateway(served)
