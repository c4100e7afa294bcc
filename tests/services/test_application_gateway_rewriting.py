"""Rewrite sets, pages and profiles of a gateway: what they come to, and what is refused."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from lazulite.forwarding.model import Certificate, Condition, HeaderChange, HttpProxy, Site, ValueMatch
from tests.build import Lab, Refused
from tests.services.gateways import (
    CERTIFICATES,
    LISTENERS,
    PATHS,
    POOLS,
    PORTS,
    RULES,
    by_path,
    certificate,
    child,
    gateway,
    listener,
    network,
    part,
    pem,
    pfx,
    pool,
    port,
    rule,
    to,
)

SETS, PROFILES, CLIENTS = "rewriteRuleSets", "sslProfiles", "trustedClientCertificates"


@pytest.fixture
def lab() -> Lab:
    return network(Lab())


def site(lab: Lab) -> Site:
    (proxy,) = lab.compile().all(HttpProxy).values()
    return proxy.sites[0]


def rewrite(name: str = "one", sequence: int = 100, **more: Any) -> dict[str, Any]:
    return {"name": name, "ruleSequence": sequence, **more}


def header(name: str, value: str = "") -> dict[str, str]:
    return {"headerName": name, "headerValue": value}


def set_(*rules: dict[str, Any], name: str = "set") -> dict[str, Any]:
    return child(name, rewriteRules=list(rules))


def rewriting(lab: Lab, *rules: dict[str, Any]) -> None:
    gateway(lab, **{SETS: [set_(*rules)], RULES: [rule(rewriteRuleSet=part(SETS, "set"))]})


def test_rules_of_a_set_are_in_the_order_of_their_sequence(lab: Lab) -> None:
    rewriting(lab, rewrite("late", 200), rewrite("early", 10), rewrite("middle", 100))
    assert [r.name for r in site(lab).rules[0].rewrites] == ["early", "middle", "late"]


def test_a_rule_says_when_and_what(lab: Lab) -> None:
    condition = {"variable": "var_uri_path", "pattern": "/(.+)", "ignoreCase": True, "negate": False}
    actions = {
        "requestHeaderConfigurations": [header("X-A", "{var_uri_path_1}")],
        "responseHeaderConfigurations": [header("Server")],
        "urlConfiguration": {"modifiedPath": "/new", "modifiedQueryString": "a=b"},
    }
    rewriting(lab, rewrite(conditions=[condition], actionSet=actions))
    (found,) = site(lab).rules[0].rewrites
    assert found.conditions == (Condition("var_uri_path", "/(.+)", True, False),)
    assert found.request == (HeaderChange("X-A", "{var_uri_path_1}"),)
    assert found.response == (HeaderChange("Server", ""),)
    assert (found.path, found.query, found.again) == ("/new", "a=b", False)
    assert found.origin.endswith("/rewriteRuleSets/set")


def test_path_rules_and_the_default_have_sets_of_their_own(lab: Lab) -> None:
    paths = child(
        "m",
        pathRules=[child("img", paths=["/i/*"], **to(), rewriteRuleSet=part(SETS, "one"))],
        defaultRewriteRuleSet=part(SETS, "other"),
        **to(default="yes"),
    )
    sets = [set_(rewrite("a"), name="one"), set_(rewrite("b"), name="other")]
    routed = rule(ruleType="PathBasedRouting", urlPathMap=part(PATHS, "m"))
    gateway(lab, **{SETS: sets, PATHS: [paths], RULES: [routed]})
    assert [(r.path, r.rewrites[0].name) for r in site(lab).rules] == [("/i/*", "a"), ("", "b")]


def test_a_set_tells_which_rules_have_it(lab: Lab) -> None:
    rewriting(lab, rewrite())
    made = lab.get("applicationGateways", "gw")
    told = lab.status(made.id.child(SETS, "set"))
    assert [r["id"].rsplit("/", 1)[1] for r in told["requestRoutingRules"]] == ["r"]


def page(status: int, url: str) -> dict[str, str]:
    return {"statusCode": f"HttpStatus{status}", "customErrorPageUrl": url}


def test_a_listener_s_pages_come_before_those_of_the_gateway(lab: Lab) -> None:
    own = listener(customErrorConfigurations=[page(502, "http://a.test/own.html")])
    all_ = [page(502, "http://a.test/all.html"), page(403, "https://a.test/403.HTM")]
    gateway(lab, customErrorConfigurations=all_, **{LISTENERS: [own]})
    assert site(lab).pages == ((403, "https://a.test/403.HTM"), (502, "http://a.test/own.html"))


def secure(lab: Lab, profile: dict[str, Any], *trusted: dict[str, Any], **more: Any) -> None:
    by = {"protocol": "Https", "sslCertificate": part(CERTIFICATES, "cert"), "sslProfile": part(PROFILES, "p")}
    said = {
        CERTIFICATES: [certificate()],
        PORTS: [port(443)],
        LISTENERS: [listener("l", 443, **by)],
        PROFILES: [profile],
        CLIENTS: list(trusted),
    }
    gateway(lab, **(said | more))


def trusted(name: str = "root", data: str = "") -> dict[str, Any]:
    return child(name, data=data or b64encode(pem(pfx("me.test"))).decode())


def test_a_profile_says_whose_clients_are_taken_and_how_old_their_tls_may_be(lab: Lab) -> None:
    policy = {"policyType": "CustomV2", "minProtocolVersion": "TLSv1_3"}
    secure(lab, child("p", trustedClientCertificates=[part(CLIENTS, "root")], sslPolicy=policy), trusted())
    found = site(lab).tls
    assert found is not None
    assert (found.minimum, found.asks) == ("1.3", False)
    (name,) = found.clients
    held = lab.compile().get(Certificate, name)
    assert held is not None
    assert (held.chain, held.private_key) == (pem(pfx("me.test")).decode(), "")


def test_a_chain_of_several_certificates_is_trusted_as_a_whole(lab: Lab) -> None:
    both = pem(pfx("me.test")) + pem(pfx("other.test"))
    secure(lab, child("p", trustedClientCertificates=[part(CLIENTS, "root")]), trusted(data=b64encode(both).decode()))
    found = site(lab).tls
    assert found is not None
    held = lab.compile().get(Certificate, found.clients[0])
    assert held is not None
    assert held.chain == both.decode()


def test_passthrough_asks_and_takes_every_client(lab: Lab) -> None:
    auth = {"verifyClientAuthMode": "Passthrough"}
    secure(lab, child("p", clientAuthConfiguration=auth))
    found = site(lab).tls
    assert found is not None
    assert (found.clients, found.asks) == ((), True)


def by_sets(lab: Lab, **again: bool) -> None:
    """A path map with a rule and a default, either of which may have the map evaluated again."""
    url = {"modifiedPath": "/x"}
    sets = [set_(rewrite(actionSet={"urlConfiguration": url | {"reroute": r}}), name=n) for n, r in again.items()]
    paths = by_path(b=("/b/*",))
    paths["properties"]["pathRules"][0]["properties"]["rewriteRuleSet"] = part(SETS, "rule")
    paths["properties"]["defaultRewriteRuleSet"] = part(SETS, "default")
    routed = rule(ruleType="PathBasedRouting", urlPathMap=part(PATHS, "m"))
    gateway(lab, **{SETS: sets, PATHS: [paths], RULES: [routed], POOLS: [pool("b", "10.0.1.4")]})


def test_one_rule_may_lead_to_the_map_again(lab: Lab) -> None:
    by_sets(lab, rule=False, default=True)
    assert [r.rewrites[0].again for r in site(lab).rules] == [False, True]


INVALID, HEADER = "ApplicationGatewayRewriteRuleInvalid", "ApplicationGatewayRewriteRuleHeaderInvalid"


def only(name: str, pattern: str = "^a=") -> dict[str, Any]:
    return {**header(name, "x"), "headerValueMatcher": {"pattern": pattern}}


def test_cookies_are_changed_one_by_one(lab: Lab) -> None:
    change = only("Set-Cookie") | {"headerValueMatcher": {"pattern": "^a=", "ignoreCase": True, "negate": True}}
    rewriting(lab, rewrite(actionSet={"responseHeaderConfigurations": [change]}))
    (found,) = site(lab).rules[0].rewrites
    assert found.response == (HeaderChange("Set-Cookie", "x", ValueMatch("^a=", True, True)),)


def changing(*changes: dict[str, str], where: str = "request") -> dict[str, Any]:
    return rewrite(actionSet={f"{where}HeaderConfigurations": list(changes)})


@pytest.mark.parametrize(
    ("rule_", "code"),
    [
        pytest.param(
            rewrite(conditions=[{"variable": "var_uri_path", "pattern": "("}]), INVALID, id="an impossible pattern"
        ),
        pytest.param(
            rewrite(conditions=[{"variable": "uri_path", "pattern": "x"}]), INVALID, id="a variable that is none"
        ),
        pytest.param(changing(header("X", "{var_sent_bytes}")), INVALID, id="a variable that is not supported"),
        pytest.param(changing(header("Connection", "close")), HEADER, id="Connection"),
        pytest.param(changing(header("Upgrade", "x"), where="response"), HEADER, id="Upgrade"),
        pytest.param(changing(header("Host")), HEADER, id="Host cannot be removed"),
        pytest.param(changing(header("X Y", "1")), HEADER, id="a name that is none"),
        pytest.param(changing(only("X"), where="response"), HEADER, id="some of a header that is there once"),
        pytest.param(changing(only("Set-Cookie")), HEADER, id="some cookies of a request"),
        pytest.param(changing(only("Set-Cookie", "("), where="response"), INVALID, id="a match that is no pattern"),
        pytest.param(changing(header("X", "a\r\nSet-Cookie: b")), HEADER, id="a value with a line's end"),
        pytest.param(
            rewrite(actionSet={"urlConfiguration": {"modifiedPath": "/a\r\nX: b"}}), INVALID, id="a path with one"
        ),
    ],
)
def test_what_a_set_cannot_say(lab: Lab, rule_: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        rewriting(lab, rule_)
    assert [v.code for v in refused.value.violations] == [code]
    assert all(v.target for v in refused.value.violations)


def test_where_a_map_cannot_be_evaluated_again(lab: Lab) -> None:
    again = rewrite(actionSet={"urlConfiguration": {"modifiedPath": "/x", "reroute": True}})
    with pytest.raises(Refused) as refused:
        rewriting(lab, again)
    assert [v.code for v in refused.value.violations] == ["ApplicationGatewayRewriteRerouteOnBasicRule"]
    with pytest.raises(Refused) as refused:
        by_sets(lab, rule=True, default=True)
    assert [v.code for v in refused.value.violations] == ["ApplicationGatewayRewriteRerouteLoop"]


@pytest.mark.parametrize(
    "url", ["ftp://a.test/e.html", "http:///e.html", "http://a.test/e.txt", "/e.html", "http://a.test/ü.html"]
)
def test_a_page_is_an_html_file_at_a_url(lab: Lab, url: str) -> None:
    with pytest.raises(Refused) as refused:
        gateway(lab, customErrorConfigurations=[page(502, url)])
    assert [v.code for v in refused.value.violations] == ["ApplicationGatewayCustomErrorPageUrlInvalid"]


def test_a_status_has_one_page(lab: Lab) -> None:
    with pytest.raises(Refused) as refused:
        gateway(lab, customErrorConfigurations=[page(502, "http://a.test/1.htm"), page(502, "http://a.test/2.htm")])
    assert [v.code for v in refused.value.violations] == ["ApplicationGatewayCustomErrorDuplicate"]


def test_what_a_profile_cannot_say(lab: Lab) -> None:
    with pytest.raises(Refused) as refused:
        secure(lab, child("p", clientAuthConfiguration={"verifyClientAuthMode": "Strict"}))
    assert refused.value.codes == ["ApplicationGatewaySslProfileTrustedClientCertificateRequired"]
    with pytest.raises(Refused) as refused:
        secure(lab, child("p", sslPolicy={"policyType": "Predefined", "policyName": "None"}))
    assert refused.value.codes == ["InvalidParameter"]
    with pytest.raises(Refused) as refused:
        secure(lab, child("p"), trusted(data="bm9uZQ=="))
    assert refused.value.codes == ["ApplicationGatewayTrustedClientCertificateInvalidData"]


def test_a_listener_without_tls_has_no_profile(lab: Lab) -> None:
    with pytest.raises(Refused) as refused:
        gateway(lab, **{PROFILES: [child("p")], LISTENERS: [listener(sslProfile=part(PROFILES, "p"))]})
    assert refused.value.codes == ["ApplicationGatewayHttpListenerSslProfileInvalid"]
