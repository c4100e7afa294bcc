"""Application gateways: what becomes of one in the model, what it shows, and every refusal."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from lazulite.forwarding.model import (
    Certificate,
    Contents,
    Guest,
    HttpBackend,
    HttpProxy,
    HttpRule,
    Port,
    ProbeProtocol,
    Redirect,
    Site,
    Watch,
)
from lazulite.services.application_gateway import actions, health, tls
from lazulite.services.application_gateway.model import SslPolicy
from lazulite.services.application_gateway.patterns import host_fault, path_fault
from lazulite.services.service import Context, Observations, Reply, Write
from tests.build import Lab, Refused, ref, resource_id, subnet_ref
from tests.services.gateways import (
    CERTIFICATES,
    FRONTENDS,
    LISTENERS,
    MANAGED,
    PATHS,
    POOLS,
    PORTS,
    PROBES,
    REDIRECTS,
    RULES,
    SETTINGS,
    body,
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
    settings,
    to,
)

KEY = resource_id("applicationGateways", "gw").key


@pytest.fixture
def lab() -> Lab:
    return network(Lab())


def proxy(lab: Lab) -> HttpProxy:
    found = lab.compile().get(HttpProxy, KEY)
    assert found is not None
    return found


def sites(lab: Lab) -> list[Site]:
    return list(proxy(lab).sites)


def rules(lab: Lab) -> list[HttpRule]:
    return list(sites(lab)[0].rules)


def backends(lab: Lab) -> list[HttpBackend]:
    return list(lab.compile().all(HttpBackend).values())


def test_it_is_an_interface_in_its_subnet_with_its_public_address(lab: Lab) -> None:
    gateway(lab)
    model = lab.compile()
    entry = model.get(Port, KEY)
    assert entry is not None
    assert [str(a) for a in entry.addresses] == ["10.0.0.4"]
    assert [str(p.public) for p in entry.public] == [str(lab.get("publicIPAddresses", "p").properties.held_address)]
    assert model.get(Guest, entry.guest or "") is not None
    assert proxy(lab).guest == entry.guest


def test_security_groups_and_routes_of_the_subnet_are_asked(lab: Lab) -> None:
    lab.put("networkSecurityGroups", "nsg", {"securityRules": [MANAGED]})
    lab.route_table("rt", {"10.9.0.0/16": "10.0.1.9"})
    subnets = {"gw": {"addressPrefix": "10.0.0.0/24", "table": "rt", "group": "nsg"}, "web": "10.0.1.0/24"}
    lab.vnet("v", "10.0.0.0/16", subnets=subnets)
    gateway(lab)
    entry = lab.compile().get(Port, KEY)
    assert entry is not None
    assert (len(entry.ingress), len(entry.egress)) == (1, 1)
    assert entry.routes.endswith("/rt")


def test_a_basic_rule_leads_every_path_to_its_pool(lab: Lab) -> None:
    gateway(lab)
    (found,) = rules(lab)
    assert (found.path, found.backend) == ("", backends(lab)[0].name)
    assert [(s.port, str(s.address), s.hosts) for s in sites(lab)] == [(80, "10.0.0.4", ())]


def test_path_rules_are_asked_in_order_and_the_default_last(lab: Lab) -> None:
    pools = [pool("b", "10.0.1.4"), pool("images", "10.0.1.5"), pool("video", "10.0.1.6")]
    paths = by_path(images=("/images/*", "/pics/*"), video=("/video/*",))
    gateway(lab, **{POOLS: pools, PATHS: [paths]}, requestRoutingRules=[routed()])
    found = [(r.path, r.backend.split("/")[-1]) for r in rules(lab)]
    assert found == [("/images/*", "images|s"), ("/pics/*", "images|s"), ("/video/*", "video|s"), ("", "b|s")]


def routed(name: str = "r", priority: int = 10) -> dict[str, Any]:
    return rule(name, priority, ruleType="PathBasedRouting", urlPathMap=part(PATHS, "m"))


def test_listeners_are_asked_by_the_priority_of_their_rules(lab: Lab) -> None:
    gateway(
        lab,
        httpListeners=[listener("wild", hostNames=["*.contoso.com"]), listener("shop", hostName="shop.contoso.com")],
        requestRoutingRules=[rule("late", 20, "wild"), rule("early", 10, "shop")],
    )
    assert [(s.name, s.hosts) for s in sites(lab)] == [("shop", ("shop.contoso.com",)), ("wild", ("*.contoso.com",))]


OLD, NEW = "2021-05-01", "2021-08-01"


def unordered(lab: Lab, version: str, *priorities: int | None) -> None:
    """Rules all, wild and shop with these priorities."""
    listened = [
        listener("all"),
        listener("wild", hostNames=["*.contoso.com"]),
        listener("shop", hostName="a.contoso.com"),
    ]
    rules = [rule(n, p, n) for n, p in zip(("all", "wild", "shop"), priorities, strict=True)]
    lab.put("applicationGateways", "gw", body(httpListeners=listened, requestRoutingRules=rules), version=version)


def test_rules_of_older_api_versions_have_no_priority_and_listeners_for_hosts_come_first(lab: Lab) -> None:
    unordered(lab, OLD, None, None, None)
    assert [s.name for s in sites(lab)] == ["wild", "shop", "all"]
    unordered(lab, OLD, None, None, 5)
    assert [s.name for s in sites(lab)] == ["shop", "wild", "all"]


def test_a_rule_that_never_had_a_priority_is_let_be_by_newer_versions_and_no_other(lab: Lab) -> None:
    unordered(lab, OLD, None, None, 5)
    unordered(lab, NEW, None, 10, 5)
    assert [s.name for s in sites(lab)] == ["shop", "wild", "all"]
    with pytest.raises(Refused) as refused:
        unordered(lab, NEW, None, None, None)
    assert refused.value.codes == ["ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty"] * 2
    with pytest.raises(Refused):
        unordered(lab, "2021-08-01-preview", 7, None, 5)


def test_a_private_frontend_has_an_address_of_its_own(lab: Lab) -> None:
    frontends = [child("f", subnet=subnet_ref("v/gw"), privateIPAddress="10.0.0.9", privateIPAllocationMethod="Static")]
    gateway(lab, **{FRONTENDS: frontends})
    entry = lab.compile().get(Port, KEY)
    assert entry is not None
    assert [str(a) for a in entry.addresses] == ["10.0.0.4", "10.0.0.9"]
    assert [str(s.address) for s in sites(lab)] == ["10.0.0.9"]


def test_an_address_stays_when_the_gateway_is_written_again(lab: Lab) -> None:
    lab.nic("first", "v/web")
    made = gateway(lab)
    again = gateway(lab, enableHttp2=True)
    addresses = [g.properties.gateway_ip_configurations[0].properties.private_ip_address for g in (made, again)]
    assert addresses[0] == addresses[1]
    assert proxy(lab).http2


def test_servers_are_addresses_names_and_the_interfaces_of_the_pool(lab: Lab) -> None:
    gateway(lab, **{POOLS: [pool("b", "10.0.1.200", "web.contoso.com")]})
    inside = {"subnet": subnet_ref("v/web"), "applicationGatewayBackendAddressPools": [part(POOLS, "b")]}
    nic = lab.put("networkInterfaces", "n", {"ipConfigurations": [{"name": "i", "properties": inside}]})
    (found,) = backends(lab)
    assert [(s.name, s.host) for s in found.servers] == [
        ("10.0.1.200", ""),
        ("web.contoso.com", "web.contoso.com"),
        (str(nic.properties.ip_configurations[0].properties.private_ip_address), ""),
    ]
    members = lab.status(resource_id("applicationGateways", "gw").child(POOLS, "b"))["backendIPConfigurations"]
    assert members == [{"id": nic.id.child("ipConfigurations", "i").text}]


def test_the_default_probe_asks_127_0_0_1_for_the_root_every_30_seconds(lab: Lab) -> None:
    """Source: facts/application-gateway.md, "Health"."""
    gateway(lab, **{SETTINGS: [settings(port=8080)]})
    (watch,) = lab.compile().all(Watch).values()
    probe = watch.probe
    assert (probe.protocol, probe.port, probe.path) == (ProbeProtocol.HTTP, 8080, "/")
    assert (probe.interval_s, probe.timeout_s, probe.threshold, probe.recovery) == (30, 30, 3, 1)
    assert probe.statuses == ((200, 399),)
    assert [m.headers for m in watch.members] == [(("Host", "127.0.0.1"),)]
    assert watch.sites == (KEY,)


def test_a_probe_of_its_own(lab: Lab) -> None:
    match = {"body": "ready", "statusCodes": ["200-299", "418"]}
    probe = child("x", protocol="Http", host="h.test", path="/health", interval=5, timeout=2, match=match, port=81)
    gateway(lab, probes=[probe], **{SETTINGS: [settings(probe=part(PROBES, "x"))]})
    (watch,) = lab.compile().all(Watch).values()
    assert (watch.probe.port, watch.probe.path, watch.probe.interval_s, watch.probe.timeout_s) == (81, "/health", 5, 2)
    assert (watch.probe.statuses, watch.probe.body) == (((200, 299), (418, 418)), "ready")
    assert [m.headers for m in watch.members] == [(("Host", "h.test"),)]


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        pytest.param({}, {"host": "", "own_host": False, "affinity": "", "timeout_s": 30, "tls": None}, id="plain"),
        pytest.param({"hostName": "a.test"}, {"host": "a.test"}, id="a host of their own"),
        pytest.param({"pickHostNameFromBackendAddress": True}, {"own_host": True}, id="the server's host"),
        pytest.param(
            {"cookieBasedAffinity": "Enabled"}, {"affinity": "ApplicationGatewayAffinity"}, id="the usual cookie"
        ),
        pytest.param(
            {"cookieBasedAffinity": "Enabled", "affinityCookieName": "mine"}, {"affinity": "mine"}, id="another cookie"
        ),
        pytest.param({"requestTimeout": 5, "path": "/x/"}, {"timeout_s": 5, "prefix": "/x/"}, id="time and path"),
        pytest.param(
            {"connectionDraining": {"enabled": True, "drainTimeoutInSec": 60}}, {"drain_s": 60}, id="draining"
        ),
        pytest.param({"connectionDraining": {"enabled": False, "drainTimeoutInSec": 60}}, {"drain_s": 30}, id="none"),
    ],
)
def test_settings(lab: Lab, said: dict[str, Any], fields: dict[str, Any]) -> None:
    gateway(lab, **{SETTINGS: [settings(**said)]})
    (found,) = backends(lab)
    assert {name: getattr(found, name) for name in fields} == fields


def test_servers_that_speak_tls_are_proven_by_the_roots_of_the_settings(lab: Lab) -> None:
    root = child("root", data=b64encode(pem(pfx("back.test"))).decode())
    said = settings(protocol="Https", port=443, hostName="back.test", trustedRootCertificates=[part(ROOTS, "root")])
    gateway(lab, **{ROOTS: [root], SETTINGS: [said]})
    (found,) = backends(lab)
    assert found.tls is not None
    assert (found.tls.name, found.tls.verify) == ("back.test", True)
    held = lab.compile().get(Certificate, found.tls.roots[0])
    assert held is not None
    assert held.chain.startswith("-----BEGIN CERTIFICATE-----")
    assert held.private_key == ""


ROOTS = "trustedRootCertificates"


def secured(**more: Any) -> dict[str, Any]:
    """Parts of a gateway with a listener on port 443."""
    said = listener(number=443, protocol="Https", sslCertificate=part(CERTIFICATES, "cert"), **more)
    return {PORTS: [port(443)], CERTIFICATES: [certificate()], LISTENERS: [said]}


def test_a_certificate_is_opened_and_its_key_never_shown(lab: Lab) -> None:
    made = gateway(lab, **secured())
    (found,) = lab.compile().all(Certificate).values()
    assert found.private_key.startswith("-----BEGIN PRIVATE KEY-----")
    site = sites(lab)[0]
    assert site.tls is not None
    assert site.tls.certificates == (found.name,)
    shown = lab.status(made.id.child(CERTIFICATES, "cert"))
    assert "PRIVATE" not in str(shown)
    assert len(shown["publicCertData"]) > 100


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(None, "1.2", id="none"),
        pytest.param(SslPolicy(policy_type="Predefined", policy_name="AppGwSslPolicy20150501"), "1.0", id="the oldest"),
        pytest.param(SslPolicy(policy_name="AppGwSslPolicy20170401"), "1.1", id="of 2017"),
        pytest.param(SslPolicy(policy_type="CustomV2", min_protocol_version="TLSv1_3"), "1.3", id="custom"),
    ],
)
def test_the_lowest_version_of_a_policy(policy: SslPolicy | None, expected: str) -> None:
    assert tls.bounds(policy)[0] == expected


def test_suites_have_openssl_s_names() -> None:
    suites = ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",)
    policy = SslPolicy(policy_type="Custom", cipher_suites=suites, min_protocol_version="TLSv1_2")
    assert tls.bounds(policy) == ("1.2", ("ECDHE-RSA-AES128-GCM-SHA256",))


def test_a_redirect_to_a_listener_takes_its_scheme_host_and_port(lab: Lab) -> None:
    parts = secured(hostName="a.test")
    parts[PORTS] = [port(), port(443)]
    parts[LISTENERS] = [listener("plain"), *parts[LISTENERS]]
    redirect = child("d", redirectType="Permanent", targetListener=part(LISTENERS, "l"), includePath=True)
    by = rule("to", 20, "plain", redirectConfiguration=part(REDIRECTS, "d"))
    gateway(lab, **parts, redirectConfigurations=[redirect], requestRoutingRules=[rule(), by])
    found = next(s for s in sites(lab) if s.name == "plain")
    assert found.rules[0].redirect == Redirect(301, "https", "a.test", 0, "", True, False)


def test_a_redirect_to_a_url(lab: Lab) -> None:
    redirect = child("d", redirectType="Found", targetUrl="https://b.test:8443/new", includeQueryString=True)
    by = rule(redirectConfiguration=part(REDIRECTS, "d"))
    gateway(lab, redirectConfigurations=[redirect], requestRoutingRules=[by])
    assert rules(lab)[0].redirect == Redirect(302, "https", "b.test", 8443, "/new", False, True)


def context(lab: Lab, **observed: Any) -> Context:
    return Context(
        lab.view, lab.compile(), lab.configuration, "2026-01-01T00:00:00Z", None, {}, Observations(**observed)
    )


def test_a_stopped_gateway_answers_nothing_and_a_started_one_again(lab: Lab) -> None:
    made = gateway(lab)
    assert lab.status(made)["operationalState"] == "Running"
    for verb, state in ((actions.stop, "Stopped"), (actions.start, "Running")):
        done = verb(lab.get("applicationGateways", "gw"), context(lab))
        assert isinstance(done, Write)
        lab.edit("applicationGateways", "gw", stopped=done.resource.properties.stopped)
        assert lab.status(made.id)["operationalState"] == state
        assert bool(lab.compile().all(HttpProxy)) is (state == "Running")


def test_a_write_leaves_a_stopped_gateway_stopped(lab: Lab) -> None:
    gateway(lab)
    lab.edit("applicationGateways", "gw", stopped=True)
    assert gateway(lab, enableHttp2=True).properties.stopped


def test_backend_health_says_of_each_server_how_it_is_and_why(lab: Lab) -> None:
    made = gateway(lab, **{POOLS: [pool("b", "10.0.1.4", "10.0.1.5", "10.0.1.6")]})
    name = backends(lab)[0].name
    observed = {
        "health": {name: Contents(name, ("10.0.1.4",))},
        "reasons": {name: {"10.0.1.5": "status 500", "10.0.1.6": "no answer in time"}},
    }
    answer = health.told(made, context(lab, **observed))
    assert isinstance(answer, Reply)
    (found,) = answer.body["backendAddressPools"]
    (row,) = found["backendHttpSettingsCollection"]
    told = [(s["address"], s["health"], s["healthProbeLog"][:40]) for s in row["servers"]]
    assert told == [
        ("10.0.1.4", "Up", "Success. Received 200 status code"),
        ("10.0.1.5", "Down", "Status code of the backend's HTTP respon"),
        ("10.0.1.6", "Down", "Time taken by the backend to respond to "),
    ]


def test_nobody_has_been_asked_yet(lab: Lab) -> None:
    answer = health.told(gateway(lab), context(lab))
    assert isinstance(answer, Reply)
    (found,) = answer.body["backendAddressPools"]
    assert [s["health"] for s in found["backendHttpSettingsCollection"][0]["servers"]] == ["Unknown"]


def test_parts_tell_who_refers_to_them(lab: Lab) -> None:
    made = gateway(lab)
    assert lab.status(made.id.child(FRONTENDS, "f"))["httpListeners"] == [part(LISTENERS, "l")]
    assert lab.status(made.id.child(POOLS, "b"))["requestRoutingRules"] == [part(RULES, "r")]
    assert lab.status(made.id.child(LISTENERS, "l"))["requestRoutingRules"] == [part(RULES, "r")]


@pytest.mark.parametrize(
    ("host", "sound"),
    [
        ("shop.contoso.com", True),
        ("*.contoso.com", True),
        ("*cont?so*.com", False),
        ("*?.contoso.com", False),
        ("?*.contoso.com", False),
        ("**.contoso.com", False),
        ("*.*.*.com", False),
        ("a*b*.contoso.com", False),
        ("shop?.*.com", True),
        ("?????.com", False),
        ("-a-.com", False),
        ("a..com", False),
    ],
)
def test_host_names_of_listeners(host: str, sound: bool) -> None:
    assert (host_fault(host) == "") is sound


@pytest.mark.parametrize(
    ("path", "sound"),
    [
        ("/images/*", True),
        ("/images*", True),
        ("/images", True),
        ("/images/*.jpg", False),
        ("/*.jpg", False),
        ("/Repos/*/Comments/*", False),
        ("images", False),
        ("/a?b", False),
    ],
)
def test_paths_of_rules(path: str, sound: bool) -> None:
    """Source: facts/application-gateway.md, "Path rules"."""
    assert (path_fault(path) == "") is sound


def made(**parts: Any) -> Callable[[Lab], None]:
    def attempt(lab: Lab) -> None:
        gateway(lab, **parts)

    return attempt


def in_a_used_subnet(lab: Lab) -> None:
    lab.nic("n", "v/gw")
    gateway(lab)


def on_a_basic_address(lab: Lab) -> None:
    lab.public_ip("old", sku="Basic")
    gateway(lab, **{FRONTENDS: [child("f", publicIPAddress=ref("publicIPAddresses", "old"))]})


def on_another_s_address(lab: Lab) -> None:
    lab.nic("n", "v/web", publicIPAddress="p")
    gateway(lab)


def with_parts_of_another(lab: Lab) -> None:
    gateway(lab)
    lab.vnet("w", "10.1.0.0/16", subnets={"gw": "10.1.0.0/24"})
    lab.public_ip("q")
    own = {
        "gatewayIPConfigurations": [child("c", subnet=subnet_ref("w/gw"))],
        FRONTENDS: [child("f", publicIPAddress=ref("publicIPAddresses", "q"))],
        LISTENERS: [listener() | {"properties": {"protocol": "Http", **_mine("f", "p80")}}],
        RULES: [child("r", ruleType="Basic", priority=1, httpListener=part(LISTENERS, "l", "other"), **to())],
    }
    from tests.services.gateways import body

    lab.put("applicationGateways", "other", body(**own))


def _mine(frontend: str, number: str) -> dict[str, Any]:
    return {
        "frontendIPConfiguration": part(FRONTENDS, frontend, "other"),
        "frontendPort": part(PORTS, number, "other"),
    }


PROBE = child("x", protocol="Http", host="h", path="/")
REFUSED = [
    pytest.param(
        in_a_used_subnet, ["ApplicationGatewaySubnetCannotHaveOtherResources"], id="a subnet with other resources"
    ),
    pytest.param(
        made(gatewayIPConfigurations=[]), ["ApplicationGatewayMustHaveOneGatewayIPConfiguration"], id="no subnet"
    ),
    pytest.param(
        made(gatewayIPConfigurations=[child("c")]),
        ["ApplicationGatewayIPConfigurationSubnetRequired"],
        id="an ip configuration without a subnet",
    ),
    pytest.param(on_a_basic_address, ["ApplicationGatewayPublicIPAddressSkuMismatch"], id="a basic public address"),
    pytest.param(on_another_s_address, ["PublicIPAddressInUse"], id="an address that a machine has"),
    pytest.param(
        with_parts_of_another,
        ["InvalidResourceReference"] * 2,
        id="parts of another gateway",
    ),
    pytest.param(
        made(**{FRONTENDS: [child("f")]}), ["ApplicationGatewayFrontendIPConfigurationInvalid"], id="an empty frontend"
    ),
    pytest.param(
        made(**{RULES: [rule(priority=None)]}),
        ["ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty"],
        id="a rule without a priority",
    ),
    pytest.param(
        made(**{LISTENERS: [listener(), listener("m", hostName="a.test")], RULES: [rule(), rule("t", 10, "m")]}),
        ["ApplicationGatewayRequestRoutingRulePriorityMustBeUnique"],
        id="one priority twice",
    ),
    pytest.param(
        made(**{RULES: [rule(), rule("t", 20)]}),
        ["ApplicationGatewayHttpListenerUsedByMoreThanOneRule"],
        id="two rules of one listener",
    ),
    pytest.param(
        made(**{LISTENERS: [listener(), listener("m")], RULES: [rule(), rule("t", 20, "m")]}),
        ["ApplicationGatewayHttpListenersUsingSameFrontendPortAndFrontendIpConfig"],
        id="two listeners at one place",
    ),
    pytest.param(
        made(**{LISTENERS: [listener(hostName="a.test", hostNames=["b.test"])]}),
        ["ApplicationGatewayHttpListenerHostNameAndHostNames"],
        id="one host and several",
    ),
    pytest.param(
        made(**{LISTENERS: [listener(hostNames=[f"{n}.test" for n in range(6)])]}),
        ["ApplicationGatewayHttpListenerTooManyHostNames"],
        id="six hosts",
    ),
    pytest.param(
        made(**{LISTENERS: [listener(hostName="**.test")]}),
        ["ApplicationGatewayHttpListenerInvalidHostName"],
        id="an invalid host",
    ),
    pytest.param(
        made(**{LISTENERS: [listener(protocol="Https")]}),
        ["ApplicationGatewayHttpListenerSslCertificateInvalid"],
        id="TLS without a certificate",
    ),
    pytest.param(
        made(**secured() | {CERTIFICATES: [certificate(password="wrong")]}),
        ["ApplicationGatewaySslCertificateInvalidData"],
        id="a certificate's wrong password",
    ),
    pytest.param(
        made(**secured() | {CERTIFICATES: [certificate(data="bm90IG9uZQ==")]}),
        ["ApplicationGatewaySslCertificateInvalidData"],
        id="what is no certificate",
    ),
    pytest.param(made(sslPolicy={"policyName": "AppGwSslPolicy1999"}), ["InvalidParameter"], id="an unknown policy"),
    pytest.param(
        made(webApplicationFirewallConfiguration={"enabled": True}), ["FeatureNotSupported"], id="a firewall, as yet"
    ),
    pytest.param(
        made(**{PATHS: [by_path(b=("/*.jpg",))], RULES: [routed()]}),
        ["ApplicationGatewayPathRuleInvalidPath"],
        id="an asterisk within a path",
    ),
    pytest.param(
        made(**{PATHS: [child("m")], RULES: [routed()]}),
        ["ApplicationGatewayUrlPathMapInvalid"],
        id="a path map without a default",
    ),
    pytest.param(
        made(**{POOLS: [child("b", backendAddresses=[{"fqdn": "a b"}])]}),
        ["ApplicationGatewayBackendAddressInvalid"],
        id="a server's invalid name",
    ),
    pytest.param(
        made(
            probes=[child("x", protocol="Https", host="h", path="/")], **{SETTINGS: [settings(probe=part(PROBES, "x"))]}
        ),
        ["ApplicationGatewayProbeProtocolMustMatchBackendHttpSettingsProtocol"],
        id="a probe of another protocol",
    ),
    pytest.param(
        made(probes=[child("x", path="/")]), ["ApplicationGatewayProbeHostInvalid"], id="a probe without a host"
    ),
    pytest.param(
        made(probes=[child("x", host="h", path="x")]), ["ApplicationGatewayProbePathInvalid"], id="a probe's path"
    ),
    pytest.param(
        made(probes=[child("x", host="h", path="/", match={"statusCodes": ["399-200", "9"]})]),
        ["ApplicationGatewayProbeStatusCodesInvalid"] * 2,
        id="statuses that are none",
    ),
    pytest.param(
        made(redirectConfigurations=[child("d", targetUrl="ftp://x")]),
        ["ApplicationGatewayRedirectConfigurationInvalid"],
        id="a redirect to another protocol",
    ),
    pytest.param(
        made(
            redirectConfigurations=[child("d", targetListener=part(LISTENERS, "l"))],
            **{LISTENERS: [listener(hostNames=["*.test"])]},
        ),
        ["ApplicationGatewayRedirectTargetListenerInvalid"],
        id="a redirect to a wildcard",
    ),
]


@pytest.mark.parametrize(("attempt", "codes"), REFUSED)
def test_it_refuses(lab: Lab, attempt: Callable[[Lab], None], codes: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        attempt(lab)
    assert [v.code for v in refused.value.violations] == codes
    assert all(v.target for v in refused.value.violations)


def test_a_gateway_of_version_1_needs_no_priorities(lab: Lab) -> None:
    lab.public_ip("old", sku="Basic")
    frontends = [child("f", publicIPAddress=ref("publicIPAddresses", "old"))]
    made = gateway(lab, sku={"name": "Standard_Small"}, **{FRONTENDS: frontends, RULES: [rule(priority=None)]})
    assert made.properties.sku.tier == "Standard"
    assert len(sites(lab)) == 1
