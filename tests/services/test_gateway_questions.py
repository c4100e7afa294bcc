"""What an application gateway answers when asked: a probe on demand, what there is to choose from; and the subnet that
the platform can reach it in."""

from __future__ import annotations

import ast
import json
import shlex
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.resources.model import Child, Violation
from lazulite.services.application_gateway import available, health, infrastructure, on_demand, tls
from lazulite.services.application_gateway.model import ApplicationGateway, SslPolicy
from lazulite.services.network_security_group.model import SecurityRule
from lazulite.services.service import Context, Observations, Reply, Run
from tests.build import Lab, Refused, ref, subnet_ref
from tests.services.gateways import POOLS, PROBES, SETTINGS, child, gateway, network, part, pool, settings

COLLECTIONS = "Microsoft.Network/applicationGatewayAvailable"


@pytest.fixture
def lab() -> Lab:
    return network(Lab())


def context(lab: Lab, body: Any = None) -> Context:
    return Context(lab.view, lab.compile(), lab.configuration, "2026-01-01T00:00:00Z", body, {}, Observations())


def asked(**more: Any) -> dict[str, Any]:
    """The body of a question that is fine as it is."""
    return {"backendAddressPool": part(POOLS, "b"), "backendHttpSettings": part(SETTINGS, "s")} | more


def wishes(lab: Lab, **more: Any) -> list[dict[str, Any]]:
    """What the gateway's namespace is told to connect to, read back out of its script."""
    run = on_demand.probe(lab.get("applicationGateways", "gw"), context(lab, asked(**more)))
    assert isinstance(run, Run), run
    words = shlex.split(run.script.partition("exec ")[2].partition("<<")[0])
    found: list[dict[str, Any]] = json.loads(words[2])
    return found


def test_every_server_of_the_pool_is_asked_as_the_settings_say(lab: Lab) -> None:
    gateway(lab, **{POOLS: [pool("b", "10.0.1.4", "web.test")], SETTINGS: [settings(port=8080)]})
    first, second = wishes(lab)
    assert first == {
        "protocol": "http",
        "host": "10.0.1.4",
        "port": 8080,
        "path": "/",
        "headers": {"Host": "127.0.0.1"},
        "statuses": [[200, 399]],
        "body": "",
        "timeout_s": 30,
    }
    assert second == first | {"host": "web.test"}


@pytest.mark.parametrize(
    ("said", "more", "field", "expected"),
    [
        pytest.param({}, {"host": "shop.test"}, "headers", {"Host": "shop.test"}, id="the host that is asked for"),
        pytest.param({"hostName": "own.test"}, {}, "headers", {"Host": "own.test"}, id="the settings' host"),
        pytest.param(
            {"pickHostNameFromBackendAddress": True}, {}, "headers", {"Host": "10.0.1.4"}, id="the server's own name"
        ),
        pytest.param(
            {"hostName": "own.test"},
            {"pickHostNameFromBackendHttpSettings": True},
            "headers",
            {"Host": "own.test"},
            id="the settings' host, when asked so",
        ),
        pytest.param({}, {"path": "/ready"}, "path", "/ready", id="the path"),
        pytest.param({}, {"timeout": 2}, "timeout_s", 2, id="how long an answer may take"),
        pytest.param({}, {"protocol": "Https"}, "protocol", "https", id="another protocol than that of the settings"),
        pytest.param(
            {}, {"match": {"statusCodes": ["200-299", "404"]}}, "statuses", [[200, 299], [404, 404]], id="statuses"
        ),
        pytest.param({}, {"match": {"body": "ok"}}, "body", "ok", id="a text in the body"),
    ],
)
def test_a_probe_on_demand_says(
    lab: Lab, said: dict[str, Any], more: dict[str, Any], field: str, expected: Any
) -> None:
    gateway(lab, **{SETTINGS: [settings(**said)]})
    assert wishes(lab, **more)[0][field] == expected


def results(lab: Lab, *found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    run = on_demand.probe(lab.get("applicationGateways", "gw"), context(lab, asked()))
    assert isinstance(run, Run)
    answer = run.reply(0, json.dumps(found), "")
    assert answer["backendAddressPool"] == part(POOLS, "b")
    assert answer["backendHealthHttpSettings"]["backendHttpSettings"] == part(SETTINGS, "s")
    rows = answer["backendHealthHttpSettings"]["servers"]
    return [(r["address"], r["health"], r["healthProbeLog"]) for r in rows]


def test_the_answer_tells_of_each_server(lab: Lab) -> None:
    gateway(lab, **{POOLS: [pool("b", "10.0.1.4", "10.0.1.5", "10.0.1.6")]})
    up = {"sent": 1, "failed": 0, "status": 204, "reason": ""}
    down = {"sent": 1, "failed": 1, "status": 500, "reason": "status 500"}
    silent = {"sent": 1, "failed": 1, "status": 0, "reason": "no answer"}
    assert results(lab, up, down, silent) == [
        ("10.0.1.4", "Up", "Success. Received 204 status code"),
        (
            "10.0.1.5",
            "Down",
            "Status code of the backend's HTTP response did not match the probe setting. Received: 500.",
        ),
        ("10.0.1.6", "Down", health.log("no answer in time")),
    ]


def test_a_probe_that_could_not_be_sent_leaves_health_unknown(lab: Lab) -> None:
    gateway(lab)
    run = on_demand.probe(lab.get("applicationGateways", "gw"), context(lab, asked()))
    assert isinstance(run, Run)
    for said in ("", "[]", "Traceback"):
        rows = run.reply(1, said, "")["backendHealthHttpSettings"]["servers"]
        assert [r["health"] for r in rows] == ["Unknown"]


def test_a_name_that_nobody_knows_is_down(lab: Lab) -> None:
    gateway(lab, **{POOLS: [pool("b", "web.test")]})
    nobody = {"sent": 0, "failed": 0, "status": 0, "reason": "cannot resolve web.test"}
    assert results(lab, nobody) == [("web.test", "Down", "cannot resolve web.test")]


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        pytest.param(asked(path="ready"), ["ApplicationGatewayProbePathInvalid"], id="a path without a slash"),
        pytest.param(
            asked(backendAddressPool=part(POOLS, "none")), ["InvalidResourceReference"], id="a pool that is not there"
        ),
        pytest.param(
            asked(backendAddressPool=part(SETTINGS, "s")),
            ["InvalidJsonReferenceWrongType"],
            id="settings in place of a pool",
        ),
        pytest.param(
            asked(backendHttpSettings=part(SETTINGS, "s", "other")),
            ["InvalidResourceReference"],
            id="settings of another gateway",
        ),
        pytest.param({}, ["InvalidParameter", "InvalidParameter"], id="neither a pool nor settings"),
        pytest.param(asked(timeout=0), ["InvalidParameter"], id="no time at all"),
        pytest.param(asked(protocol="Ftp"), ["InvalidRequestFormat"], id="a protocol that is not HTTP"),
        pytest.param("x", ["InvalidRequestFormat"], id="no map"),
    ],
)
def test_a_probe_on_demand_is_refused(lab: Lab, body: Any, codes: list[str]) -> None:
    made = gateway(lab)
    found = on_demand.probe(made, context(lab, body))
    assert not isinstance(found, Run)
    assert [v.code for v in found] == codes


def test_a_stopped_gateway_probes_nobody(lab: Lab) -> None:
    gateway(lab)
    stopped = lab.edit("applicationGateways", "gw", stopped=True)
    found = on_demand.probe(stopped, context(lab, asked()))
    assert not isinstance(found, Run)
    assert [v.code for v in found] == ["ApplicationGatewayIsStopped"]


def test_the_default_probe_is_the_one_on_demand_that_says_nothing(lab: Lab) -> None:
    """What the standing probe asks and what one on demand asks are made of the same parts."""
    gateway(lab, **{PROBES: [child("x", host="h.test", path="/p", protocol="Http", timeout=5)]})
    (row,) = wishes(lab, host="h.test", path="/p", timeout=5)
    assert (row["path"], row["headers"]["Host"], row["timeout_s"]) == ("/p", "h.test", 5)


PLACES = {"subscription": "s"}


def test_policies_that_are_listed_are_those_that_are_accepted(lab: Lab) -> None:
    options = lab.ask(f"{COLLECTIONS}SslOptions/default", PLACES)["properties"]
    listed = lab.ask(f"{COLLECTIONS}SslOptions/default/predefinedPolicies", PLACES)["value"]
    assert [p["id"] for p in options["predefinedPolicies"]] == [p["id"] for p in listed]
    assert options["defaultPolicy"] in {p["name"] for p in listed}
    for each in listed:
        gateway(lab, sslPolicy={"policyType": "Predefined", "policyName": each["name"]})


def test_suites_that_are_listed_are_those_that_are_accepted(lab: Lab) -> None:
    options = lab.ask(f"{COLLECTIONS}SslOptions/default", PLACES)["properties"]
    assert tls.unknown_suites(SslPolicy(cipher_suites=tuple(options["availableCipherSuites"]))) == []
    for version in options["availableProtocols"]:
        made = gateway(
            lab,
            sslPolicy={
                "policyType": "CustomV2",
                "minProtocolVersion": version,
                "cipherSuites": options["availableCipherSuites"],
            },
        )
        assert isinstance(made.properties, ApplicationGateway)


@pytest.mark.parametrize("name", list(tls.POLICIES))
def test_a_policy_is_shown_by_its_name_in_any_case(lab: Lab, name: str) -> None:
    pattern = f"{COLLECTIONS}SslOptions/default/predefinedPolicies/{{policy}}"
    shown = lab.ask(pattern, PLACES | {"policy": name.upper()})
    minimum, suites = tls.POLICIES[name]
    assert (shown["name"], shown["properties"]["minProtocolVersion"]) == (name, minimum)
    assert set(suites) <= set(shown["properties"]["cipherSuites"])


def test_a_policy_that_is_not_there_is_not_found(lab: Lab) -> None:
    pattern = f"{COLLECTIONS}SslOptions/default/predefinedPolicies/{{policy}}"
    found = lab.ask(pattern, PLACES | {"policy": "none"})
    assert [v.code for v in found if isinstance(v, Violation)] == ["ResourceNotFound"]


@pytest.mark.parametrize(
    ("kind", "some", "never"),
    [
        pytest.param("ServerVariables", ["client_ip", "uri_path", "ssl_enabled"], "Host", id="server variables"),
        pytest.param("RequestHeaders", ["Accept", "User-Agent", "X-Forwarded-For"], "Connection", id="of requests"),
        pytest.param("ResponseHeaders", ["Location", "Set-Cookie", "ETag"], "Upgrade", id="of answers"),
    ],
)
def test_names_that_rules_may_use_are_listed_once_each(lab: Lab, kind: str, some: list[str], never: str) -> None:
    """``Connection`` and ``Upgrade`` cannot be rewritten. Source: facts/application-gateway.md, "Rewrite"."""
    found = lab.ask(COLLECTIONS + kind, PLACES)
    assert len(found) == len(set(found))
    assert set(some) <= set(found)
    assert never not in found


def test_server_variables_are_names(lab: Lab) -> None:
    assert all(ast.parse(name, mode="eval") and name.islower() for name in available.SERVER_VARIABLES)


def rule(
    access: str = "Allow", ports: str = "65200-65535", source: str = "GatewayManager", priority: int = 100, **more: Any
) -> dict[str, Any]:
    said = {"protocol": "Tcp", "access": access, "direction": "Inbound", "priority": priority}
    sides = {"sourcePortRange": "*", "sourceAddressPrefix": source, "destinationAddressPrefix": "*"}
    return child(f"{access}{priority}", **(said | sides | {"destinationPortRange": ports} | more))


ALLOW = rule(priority=4000)
BEFORE: dict[str, tuple[list[dict[str, Any]], str]] = {
    "nothing at all": ([], "DenyAllInBound"),
    "the ports for the manager": ([rule()], ""),
    "the ports for everybody": ([rule(source="*")], ""),
    "the ports for the Internet": ([rule(source="Internet")], ""),
    "all ports": ([rule(ports="*", source="*")], ""),
    "any protocol": ([rule(protocol="*")], ""),
    "the ports in two halves": ([rule(ports="65200-65400"), rule(ports="65401-65535", priority=101)], ""),
    "the ports in one rule with several ranges": (
        [rule(ports="", destinationPortRanges=["80", "65200-65300", "65301-65535"])],
        "",
    ),
    "to the network": ([rule(destinationAddressPrefix="VirtualNetwork")], ""),
    "to the subnet": ([rule(destinationAddressPrefix="10.0.0.0/24")], ""),
    "to another subnet": ([rule(destinationAddressPrefix="10.0.1.0/24")], "DenyAllInBound"),
    "one port too few": ([rule(ports="65200-65534")], "DenyAllInBound"),
    "UDP alone": ([rule(protocol="Udp")], "DenyAllInBound"),
    "what goes out": ([rule(direction="Outbound")], "DenyAllInBound"),
    "the network's own": ([rule(source="VirtualNetwork")], "DenyAllInBound"),
    "from one port only": ([rule(sourcePortRange="1000")], "DenyAllInBound"),
    "everything but one port": ([rule("Deny", "65300"), ALLOW], "Deny100"),
    "a denial that comes later": ([rule(priority=100), rule("Deny", "*", "*", 200)], ""),
    "a denial of other ports": ([rule("Deny", "0-65199", "*"), ALLOW], ""),
    "a denial of the Internet": ([rule("Deny", "*", "Internet"), ALLOW], "Deny100"),
    "a denial of a region's manager": ([rule("Deny", "*", "GatewayManager.WestEurope"), ALLOW], "Deny100"),
    "a denial of private addresses": ([rule("Deny", "*", "10.0.0.0/8"), ALLOW], ""),
    "a denial to another machine": ([rule("Deny", "*", "*", destinationAddressPrefix="10.0.1.4/32"), ALLOW], ""),
    "a denial of half the Internet": ([rule("Deny", "*", "128.0.0.0/1"), ALLOW], "Deny100"),
}


def security_group(lab: Lab, rules: list[dict[str, Any]]) -> None:
    lab.put("networkSecurityGroups", "guard", {"securityRules": rules})
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    guarded = child("gw", addressPrefix="10.0.0.0/24", networkSecurityGroup=ref("networkSecurityGroups", "guard"))
    lab.put("virtualNetworks", "v", space | {"subnets": [guarded]})


@pytest.mark.parametrize(("rules", "by"), list(BEFORE.values()), ids=list(BEFORE))
def test_the_platform_must_reach_a_gateway_through_a_security_group_with(
    lab: Lab, rules: list[dict[str, Any]], by: str
) -> None:
    security_group(lab, rules)
    if not by:
        assert gateway(lab).properties.gateway_ip_configurations
        return
    with pytest.raises(Refused) as refusal:
        gateway(lab)
    (violation,) = refusal.value.violations
    assert violation.code == "ApplicationGatewaySubnetInboundTrafficBlockedByNetworkSecurityGroup"
    assert violation.target == "properties.gatewayIPConfigurations[0].properties.subnet"
    assert f"by rule {by}." in violation.message
    assert subnet_ref("v/gw")["id"] in violation.message


def test_a_gateway_of_the_first_generation_has_no_such_ports(lab: Lab) -> None:
    security_group(lab, [])
    lab.public_ip("basic", sku="Basic")
    frontend = child("f", publicIPAddress=ref("publicIPAddresses", "basic"))
    made = gateway(lab, sku={"name": "Standard_Small"}, frontendIPConfigurations=[frontend])
    assert made.properties.sku.tier == "Standard"


def test_order_of_rules_in_the_document_does_not_count() -> None:
    every = SecurityRule(
        "Tcp",
        "Allow",
        "Inbound",
        100,
        source_port_range="*",
        destination_port_range="*",
        source_address_prefix="*",
        destination_address_prefix="*",
    )
    allow, deny = Child("allow", every), Child("deny", replace(every, access="Deny", priority=200))

    def blocked(*rules: Child[SecurityRule]) -> str:
        return infrastructure.blocking(rules, ip_address("10.0.0.4"))

    assert blocked(allow, deny) == blocked(deny, allow) == ""
    assert (blocked(deny), blocked()) == ("deny", "DenyAllInBound")


def test_what_a_probe_found_is_told_in_azures_words() -> None:
    assert health.log("refused") == health.log("connection refused") == health.log("no route")
    assert health.log("status 404").endswith("Received: 404.")
    assert health.log("of its own") == "of its own"


def test_a_server_is_told_with_the_configuration_that_made_it_a_member(lab: Lab) -> None:
    """Source: facts/application-gateway.md, "Health"."""
    gateway(lab, **{POOLS: [pool("b", "10.0.1.200")]})
    inside = {"subnet": subnet_ref("v/web"), "applicationGatewayBackendAddressPools": [part(POOLS, "b")]}
    nic = lab.put("networkInterfaces", "n", {"ipConfigurations": [{"name": "i", "properties": inside}]})
    answer = health.told(lab.get("applicationGateways", "gw"), context(lab))
    assert isinstance(answer, Reply)
    servers = answer.body["backendAddressPools"][0]["backendHttpSettingsCollection"][0]["servers"]
    found = {s["address"]: s.get("ipConfiguration") for s in servers}
    joined = nic.properties.ip_configurations[0].properties.private_ip_address
    assert found.pop(str(joined)) == {"id": nic.id.child("ipConfigurations", "i").text}
    assert [*found.values()] == [None]
