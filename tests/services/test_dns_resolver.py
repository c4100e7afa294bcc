"""A private resolver: where its endpoints stand, what is asked of whom, and what is refused."""

from __future__ import annotations

from typing import Any

import dns.message
import pytest

from lazulite.agent.names import items
from lazulite.engines.dns import message
from lazulite.engines.dns.resolution import Forward
from lazulite.engines.dns.service import Service, Waiting
from lazulite.engines.dns.spec import Listener, RulesSpec
from lazulite.forwarding.model import ForwardRuleset, Guest, Port, ResolverEndpoint
from tests.build import GROUP, Lab, Refused, ref, resource_id
from tests.names import CLIENT, Said, said, world

DELEGATED = {"delegations": [{"name": "d", "properties": {"serviceName": "Microsoft.Network/dnsResolvers"}}]}
HUB = resource_id("virtualNetworks", "hub").key
OUTBOUND = resource_id("Microsoft.Network/dnsResolvers/r/outboundEndpoints", "out")
INBOUND = resource_id("Microsoft.Network/dnsResolvers/r/inboundEndpoints", "in")
RULE = {"domainName": "corp.example.", "targetDnsServers": [{"ipAddress": "10.9.0.4"}]}


def subnet(prefix: str, **more: Any) -> dict[str, Any]:
    return {"addressPrefix": prefix} | DELEGATED | more


def hub(lab: Lab, name: str = "hub", location: str = "westeurope") -> None:
    subnets = {
        "in": subnet("10.0.0.0/28"),
        "out": subnet("10.0.0.16/28"),
        "small": subnet("10.0.0.32/29"),
        "plain": "10.0.1.0/24",
    }
    lab.vnet(name, "10.0.0.0/16", subnets=subnets, location=location)


def resolver(lab: Lab, name: str = "r", network: str = "hub", location: str = "westeurope") -> Any:
    return lab.put("dnsResolvers", name, {"virtualNetwork": ref("virtualNetworks", network)}, location=location)


def place(name: str, network: str = "hub") -> dict[str, str]:
    return {"id": resource_id("virtualNetworks", network).child("subnets", name).text}


def inbound(lab: Lab, name: str = "in", where: str = "in", *, location: str = "westeurope", **more: Any) -> Any:
    body = {"ipConfigurations": [{"subnet": place(where)} | more]}
    return lab.put("Microsoft.Network/dnsResolvers/r/inboundEndpoints", name, body, location=location)


def outbound(lab: Lab, name: str = "out", where: str = "out") -> Any:
    kind = "Microsoft.Network/dnsResolvers/r/outboundEndpoints"
    return lab.put(kind, name, {"subnet": place(where)})


def ruleset(lab: Lab, location: str = "westeurope", name: str = "set") -> Any:
    body = {"dnsResolverOutboundEndpoints": [{"id": OUTBOUND.text}]}
    return lab.put("dnsForwardingRulesets", name, body, location=location)


def rule(lab: Lab, name: str, **body: Any) -> Any:
    kind = "Microsoft.Network/dnsForwardingRulesets/set/forwardingRules"
    return lab.put(kind, name, RULE | body, location=None)


def link(lab: Lab, network: str, of: str = "set") -> Any:
    kind = f"Microsoft.Network/dnsForwardingRulesets/{of}/virtualNetworkLinks"
    return lab.put(kind, f"to-{network}", {"virtualNetwork": ref("virtualNetworks", network)}, location=None)


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    hub(lab)
    resolver(lab)
    return lab


@pytest.fixture
def forwarding(lab: Lab) -> Lab:
    """A hub that forwards corp.example, linked."""
    outbound(lab)
    ruleset(lab)
    rule(lab, "corp")
    link(lab, "hub")
    return lab


def first_asked(lab: Lab, name: str, of: str = HUB) -> Forward | None:
    """Whom the resolver of a network would ask, if it has to."""
    query = dns.message.make_query(name, "A").to_wire()
    found = Service(world(lab.compile()), Listener("l", "192.0.2.1", scope=of), b"s").answer(query, CLIENT)
    return found.forward if isinstance(found, Waiting) else None


# Endpoints.


def test_an_endpoint_takes_the_lowest_free_address_and_holds_it(lab: Lab) -> None:
    first = inbound(lab)
    second = inbound(lab, "again")
    assert [str(e.properties.private_ip_address) for e in (first, second)] == ["10.0.0.4", "10.0.0.5"]
    assert inbound(lab).properties.private_ip_address == first.properties.private_ip_address
    with pytest.raises(Refused) as found:
        lab.nic("n", "hub/in", "10.0.0.4")
    assert found.value.codes == ["PrivateIPAddressIsAllocated"]


def test_a_static_endpoint_has_the_address_it_names(lab: Lab) -> None:
    made = inbound(lab, privateIpAddress="10.0.0.9", privateIpAllocationMethod="Static")
    assert str(made.properties.private_ip_address) == "10.0.0.9"


def test_an_endpoint_is_an_interface_of_its_subnet(lab: Lab) -> None:
    inbound(lab)
    outbound(lab)
    model = lab.compile()
    port = model.all(Port)[INBOUND.key]
    assert (port.vrf, [str(x) for x in port.addresses], port.guest) == (HUB, ["10.0.0.4"], INBOUND.key)
    assert model.all(Guest)[INBOUND.key].platform
    found = model.all(ResolverEndpoint)
    assert {e.name: e.inbound for e in found.values()} == {INBOUND.key: True, OUTBOUND.key: False}


def test_security_groups_and_routes_of_the_subnet_hold_for_it(lab: Lab) -> None:
    lab.put("networkSecurityGroups", "g", {})
    lab.route_table("rt", {"0.0.0.0/0": "None"})
    lab.vnet("hub", "10.0.0.0/16", subnets={"in": subnet("10.0.0.0/28", group="g", table="rt")})
    inbound(lab)
    port = lab.compile().all(Port)[INBOUND.key]
    group = resource_id("networkSecurityGroups", "g").key
    assert port.ingress == (f"{group}|{HUB}/subnets/in|ingress",)
    assert port.routes.endswith(resource_id("routeTables", "rt").key)


def test_an_inbound_endpoint_answers_what_its_network_resolves(lab: Lab) -> None:
    endpoint = inbound(lab)
    lab.put("privateDnsZones", "corp.test", {}, location="global")
    kind = "Microsoft.Network/privateDnsZones/corp.test"
    lab.put(f"{kind}/A", "db", {"ttl": 9, "aRecords": [{"ipv4Address": "10.0.1.9"}]}, location=None)
    lab.put(f"{kind}/virtualNetworkLinks", "l", {"virtualNetwork": ref("virtualNetworks", "hub")}, location="global")
    listener = next(i for e in lab.compile().all(ResolverEndpoint).values() for i in items(e))
    assert isinstance(listener, Listener)
    assert (listener.address, listener.scope) == (str(endpoint.properties.private_ip_address), HUB)
    assert said(world(lab.compile()), "db.corp.test", of=HUB) == Said("NOERROR", ["10.0.1.9"])


# Rules.


def test_a_linked_network_has_the_names_below_a_domain_asked_elsewhere(forwarding: Lab) -> None:
    found = first_asked(forwarding, "www.corp.example")
    assert found is not None
    assert (found.targets, found.recursive) == ((("10.9.0.4", 53),), True)
    assert len(found.via) == 1
    assert first_asked(forwarding, "corp.example") is not None
    assert first_asked(forwarding, "xcorp.example") is None
    assert first_asked(forwarding, "www.corp.example", of="") is None


def test_the_longest_domain_decides(forwarding: Lab) -> None:
    target = [{"ipAddress": "10.9.0.5", "port": 5353}]
    rule(forwarding, "east", domainName="east.corp.example.", targetDnsServers=target)
    rule(forwarding, "rest", domainName=".", targetDnsServers=[{"ipAddress": "10.9.0.6"}])
    found = [first_asked(forwarding, n) for n in ("a.east.corp.example", "a.corp.example", "anything.test")]
    assert [f.targets[0] for f in found if f] == [("10.9.0.5", 5353), ("10.9.0.4", 53), ("10.9.0.6", 53)]


def test_a_disabled_rule_takes_its_domain_out(forwarding: Lab) -> None:
    rule(forwarding, "rest", domainName=".", targetDnsServers=[{"ipAddress": "10.9.0.6"}])
    rule(forwarding, "corp", forwardingRuleState="Disabled")
    assert first_asked(forwarding, "www.corp.example") is None
    assert first_asked(forwarding, "www.example") is not None


def test_a_linked_private_zone_comes_before_the_rules(forwarding: Lab) -> None:
    forwarding.put("privateDnsZones", "corp.example", {}, location="global")
    kind = "Microsoft.Network/privateDnsZones/corp.example/virtualNetworkLinks"
    forwarding.put(kind, "l", {"virtualNetwork": ref("virtualNetworks", "hub")}, location="global")
    assert first_asked(forwarding, "www.corp.example") is None


def test_a_ruleset_names_its_rules_in_what_it_compiles_to(forwarding: Lab) -> None:
    (found,) = forwarding.compile().all(ForwardRuleset).values()
    assert [(r.domain, r.origin.rsplit("/", 1)[1]) for r in found.rules] == [("corp.example", "corp")]
    (spec,) = items(found)
    assert isinstance(spec, RulesSpec)
    assert spec.scopes == (HUB,)


def test_a_recreated_network_is_no_longer_linked(forwarding: Lab) -> None:
    forwarding.vnet("spoke", "10.1.0.0/16")
    link(forwarding, "spoke")
    forwarding.delete("virtualNetworks", "spoke")
    forwarding.vnet("spoke", "10.1.0.0/16")
    assert first_asked(forwarding, "www.corp.example", of=resource_id("virtualNetworks", "spoke").key) is None


def test_what_somebody_else_answers_is_handed_on(forwarding: Lab) -> None:
    query = dns.message.make_query("www.corp.example", "A")
    service = Service(world(forwarding.compile()), Listener("l", "192.0.2.1", scope=HUB), b"s")
    waiting = service.answer(query.to_wire(), CLIENT)
    assert isinstance(waiting, Waiting)
    record = (waiting.forward.name, 1, 60, bytes((10, 9, 0, 80)))
    with pytest.raises(StopIteration) as done:
        waiting.pending.send(message.Answer(1, 0x8180, b"", [record], []))
    answer = dns.message.from_wire(waiting.finish(done.value.value))
    assert [str(r) for r in answer.answer[0]] == ["10.9.0.80"]


def test_when_nobody_answers_it_is_a_failure(forwarding: Lab) -> None:
    query = dns.message.make_query("www.corp.example", "A")
    service = Service(world(forwarding.compile()), Listener("l", "192.0.2.1", scope=HUB), b"s")
    waiting = service.answer(query.to_wire(), CLIENT)
    assert isinstance(waiting, Waiting)
    with pytest.raises(StopIteration) as done:
        waiting.pending.send(None)
    assert dns.message.from_wire(waiting.finish(done.value.value)).rcode() == dns.rcode.SERVFAIL


def test_a_network_lists_its_resolvers_and_rulesets(forwarding: Lab) -> None:
    found = forwarding.act("virtualNetworks", "hub", "listDnsResolvers")["value"]
    assert found == [ref("dnsResolvers", "r")]
    sets = forwarding.act("virtualNetworks", "hub", "listDnsForwardingRulesets")["value"]
    assert [s["id"] for s in sets] == [ref("dnsForwardingRulesets", "set")["id"]]


def test_read_only_properties(forwarding: Lab) -> None:
    shown = forwarding.status(forwarding.get("dnsResolvers", "r"))
    assert shown == {"resourceGuid": forwarding.get("dnsResolvers", "r").guid, "dnsResolverState": "Connected"}
    assert "resourceGuid" in forwarding.status(forwarding.get("dnsForwardingRulesets", "set"))


# Refusals.


def test_a_network_has_one_resolver(lab: Lab) -> None:
    with pytest.raises(Refused, match="has a DNS resolver already"):
        resolver(lab, "second")


def test_a_resolver_is_in_its_networks_region(lab: Lab) -> None:
    hub(lab, "far", "eastus")
    with pytest.raises(Refused, match="is in eastus"):
        resolver(lab, "second", "far")


@pytest.mark.parametrize(
    ("where", "more", "code", "match"),
    [
        pytest.param("plain", {}, "BadRequest", "must be delegated", id="a subnet that is not delegated"),
        pytest.param("small", {}, "BadRequest", "must be a /28", id="a subnet that is too small"),
        pytest.param(
            "in",
            {"privateIpAddress": "10.0.9.9", "privateIpAllocationMethod": "Static"},
            "PrivateIPAddressNotInSubnet",
            "not one that can be given out",
            id="an address of another subnet",
        ),
        pytest.param(
            "in",
            {"privateIpAddress": "10.0.0.1", "privateIpAllocationMethod": "Static"},
            "PrivateIPAddressNotInSubnet",
            "not one that can be given out",
            id="an address of the platform's",
        ),
        pytest.param(
            "in",
            {"privateIpAddress": "10.0.0.4", "privateIpAllocationMethod": "Static"},
            "PrivateIPAddressIsAllocated",
            "already allocated",
            id="an address that another has",
        ),
        pytest.param("out", {}, "BadRequest", "used by another endpoint", id="the subnet of an outbound endpoint"),
    ],
)
def test_inbound_endpoints_that_are_refused(lab: Lab, where: str, more: Any, code: str, match: str) -> None:
    inbound(lab)
    outbound(lab)
    with pytest.raises(Refused, match=match) as found:
        inbound(lab, "second", where, **more)
    assert code in found.value.codes


def test_an_endpoint_is_in_its_resolvers_region_and_network(lab: Lab) -> None:
    with pytest.raises(Refused, match="must be in westeurope"):
        inbound(lab, location="eastus")
    hub(lab, "other")
    body = {"ipConfigurations": [{"subnet": place("in", "other")}]}
    with pytest.raises(Refused, match="not in the virtual network of the resolver"):
        lab.put("Microsoft.Network/dnsResolvers/r/inboundEndpoints", "in", body)


def test_an_inbound_endpoint_has_one_configuration(lab: Lab) -> None:
    kind = "Microsoft.Network/dnsResolvers/r/inboundEndpoints"
    with pytest.raises(Refused) as found:
        lab.put(kind, "in", {"ipConfigurations": [{"subnet": place("in")}] * 2})
    assert found.value.codes == ["InvalidParameter"]


@pytest.mark.parametrize(
    ("body", "match"),
    [
        pytest.param({"domainName": "corp.example"}, "must end with a dot", id="a name without its last dot"),
        pytest.param({"domainName": "a..b."}, "is invalid", id="no name"),
        pytest.param({"domainName": "CORP.example."}, "has the domain name", id="a domain that a rule has"),
        pytest.param({"domainName": "x.", "targetDnsServers": []}, "Allowed range 1-6", id="nobody to ask"),
        pytest.param(
            {"domainName": "x.", "targetDnsServers": [{"ipAddress": "10.9.0.4", "port": 0}]}, "1-65535", id="port 0"
        ),
        pytest.param(
            {"domainName": "x.", "targetDnsServers": [{"ipAddress": f"10.9.0.{i}"} for i in range(7)]},
            "Allowed range 1-6",
            id="more than six servers",
        ),
    ],
)
def test_rules_that_are_refused(forwarding: Lab, body: Any, match: str) -> None:
    with pytest.raises(Refused, match=match):
        rule(forwarding, "second", **body)


def test_the_domain_of_a_rule_stays(forwarding: Lab) -> None:
    with pytest.raises(Refused) as found:
        rule(forwarding, "corp", domainName="other.example.")
    assert "PropertyChangeNotAllowed" in found.value.codes


def test_a_network_is_linked_to_one_ruleset_of_its_region(forwarding: Lab) -> None:
    ruleset(forwarding, name="other")
    with pytest.raises(Refused, match="is linked to a ruleset already"):
        link(forwarding, "hub", "other")
    forwarding.vnet("far", "10.8.0.0/16", location="eastus")
    with pytest.raises(Refused, match="is in eastus"):
        link(forwarding, "far")


def test_a_ruleset_is_where_its_endpoints_are(forwarding: Lab) -> None:
    with pytest.raises(Refused, match="is not in eastus"):
        ruleset(forwarding, "eastus", "far")


def test_what_has_parts_is_deleted_after_them(forwarding: Lab) -> None:
    for kind, name in (("dnsResolvers", "r"), ("dnsForwardingRulesets", "set")):
        with pytest.raises(Refused) as found:
            forwarding.delete(kind, name)
        assert found.value.codes[0] == "CannotDeleteResource"
    with pytest.raises(Refused) as used:
        forwarding.delete("Microsoft.Network/dnsResolvers/r/outboundEndpoints", "out")
    assert used.value.codes == ["CannotDeleteResource"]
    forwarding.delete("Microsoft.Network/dnsForwardingRulesets/set/virtualNetworkLinks", "to-hub")
    forwarding.delete("dnsForwardingRulesets", "set")
    forwarding.delete("Microsoft.Network/dnsResolvers/r/outboundEndpoints", "out")
    forwarding.delete("dnsResolvers", "r")
    assert [k for k in forwarding.snapshot.resources if "dnsresolvers" in k] == []


@pytest.mark.parametrize(
    ("limit", "act", "code"),
    [
        pytest.param(
            "MAX_ENDPOINTS", lambda lab: inbound(lab, "b"), "DnsResolverEndpointCountLimitReached", id="endpoints"
        ),
        pytest.param(
            "MAX_RULES",
            lambda lab: rule(lab, "b", domainName="b.example."),
            "ForwardingRuleCountLimitReached",
            id="rules",
        ),
        pytest.param("MAX_LINKS", lambda lab: link(lab, "two"), "VirtualNetworkLinkCountLimitReached", id="links"),
    ],
)
def test_limits(forwarding: Lab, monkeypatch: pytest.MonkeyPatch, limit: str, act: Any, code: str) -> None:
    inbound(forwarding)
    forwarding.vnet("two", "10.7.0.0/16")
    monkeypatch.setattr(f"lazulite.services.dns_resolver.validate.{limit}", 1)
    with pytest.raises(Refused) as found:
        act(forwarding)
    assert found.value.codes == [code]
    assert GROUP
