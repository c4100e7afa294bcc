"""Scenarios 14, 15, 17 and 18 with the SDK, and private names; proven by what machines and visitors resolve."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.mgmt.dns import models as dns
from azure.mgmt.dnsresolver import models as resolver
from azure.mgmt.network import models as network
from azure.mgmt.privatedns import models as private

from lazulite.cli.dig import ROOT, ask
from lazulite.testing import Lab
from tests.clients.sdk import LOCATION, Sdk

covers = pytest.mark.covers
ZONES, SETS = "Microsoft.Network/dnszones", "Microsoft.Network/dnszones/A"
PRIVATE, LINKS = "Microsoft.Network/privateDnsZones", "Microsoft.Network/privateDnsZones/virtualNetworkLinks"
ZONE = "contoso.example"


@pytest.fixture
def visitor(lab: Lab, group: str) -> str:
    """A host on the Internet."""
    path = f"{lab.client.subscription}/resourceGroups/{group}/providers/Lazulite.Lab/clients/visitor"
    lab.client.put(path, {"properties": {"country": "BR"}})
    return f"{group}/visitor"


def found(lab: Lab, source: str, name: str, rtype: str = "A", *, walk: bool = False) -> list[str]:
    """The data of the answer that *source* gets."""
    wanted = {"name": name, "type": rtype, "server": ROOT if walk else "", "walk": walk}
    return sorted(r["data"] for r in ask(lab.client, source, wanted)["steps"][-1]["answer"])


def zone(sdk: Sdk, group: str, name: str = ZONE) -> Any:
    return sdk.dns.zones.create_or_update(group, name, dns.Zone(location="global"))


def a_set(sdk: Sdk, group: str, name: str, *addresses: str, of: str = ZONE, **more: Any) -> Any:
    records = [dns.ARecord(ipv4_address=x) for x in addresses]
    return sdk.dns.record_sets.create_or_update(group, of, name, "A", dns.RecordSet(ttl=60, a_records=records), **more)


@covers(ZONES, "create", "show", "list", "delete", client="sdk")
@covers("Microsoft.Network/dnszones/NS", "create", "show", client="sdk")
def test_14_a_hosted_domain_is_delegated_and_resolves_from_the_internet(
    lab: Lab, sdk: Sdk, group: str, visitor: str
) -> None:
    made = zone(sdk, group)
    assert (made.number_of_record_sets, len(made.name_servers)) == (2, 4)
    assert [z.name for z in sdk.dns.zones.list_by_resource_group(group)] == [ZONE]
    assert made.name in [z.name for z in sdk.dns.zones.list()]
    a_set(sdk, group, "www", "203.0.113.7")
    assert found(lab, visitor, f"www.{ZONE}", walk=True) == ["203.0.113.7"]
    assert found(lab, visitor, ZONE, "NS", walk=True) == sorted(made.name_servers)
    child = zone(sdk, group, f"child.{ZONE}")
    a_set(sdk, group, "@", "203.0.113.8", of=child.name)
    assert found(lab, visitor, child.name) == []
    servers = [dns.NsRecord(nsdname=n) for n in child.name_servers]
    delegation = dns.RecordSet(ttl=3600, ns_records=servers)
    sdk.dns.record_sets.create_or_update(group, ZONE, "child", "NS", delegation)
    assert found(lab, visitor, child.name, walk=True) == found(lab, visitor, child.name) == ["203.0.113.8"]
    sdk.dns.record_sets.delete(group, ZONE, "child", "NS")
    assert found(lab, visitor, child.name) == []
    sdk.dns.zones.begin_delete(group, child.name).result()
    with pytest.raises(ResourceNotFoundError):
        sdk.dns.zones.get(group, child.name)


@covers(SETS, "create", "show", "list", "update", "delete", client="sdk")
@covers("Microsoft.Network/dnszones/CNAME", "create", client="sdk")
@covers("Microsoft.Network/dnszones/TXT", "create", client="sdk")
def test_15_records_for_a_web_app(lab: Lab, sdk: Sdk, group: str, visitor: str) -> None:
    zone(sdk, group)
    sets = sdk.dns.record_sets
    a_set(sdk, group, "@", "203.0.113.20")
    sets.create_or_update(
        group, ZONE, "www", "CNAME", dns.RecordSet(ttl=60, cname_record=dns.CnameRecord(cname=f"shop.{ZONE}"))
    )
    proof = dns.RecordSet(ttl=60, txt_records=[dns.TxtRecord(value=["0123456789ABCDEF"])], metadata={"for": "the app"})
    sets.create_or_update(group, ZONE, "asuid", "TXT", proof)
    a_set(sdk, group, "shop", "203.0.113.21")
    assert found(lab, visitor, ZONE) == ["203.0.113.20"]
    assert found(lab, visitor, f"www.{ZONE}") == ["203.0.113.21", f"shop.{ZONE}."]
    assert found(lab, visitor, f"asuid.{ZONE}", "TXT") == ['"0123456789ABCDEF"']
    listed = {(r.name, r.type.rsplit("/", 1)[1]): r for r in sets.list_by_dns_zone(group, ZONE)}
    assert set(listed) == {("@", "A"), ("@", "NS"), ("@", "SOA"), ("asuid", "TXT"), ("shop", "A"), ("www", "CNAME")}
    assert listed["asuid", "TXT"].metadata == {"for": "the app"}
    assert [r.fqdn for r in sets.list_by_type(group, ZONE, "CNAME")] == [f"www.{ZONE}."]
    sets.update(group, ZONE, "shop", "A", dns.RecordSet(ttl=5))
    shop = sets.get(group, ZONE, "shop", "A")
    assert (shop.ttl, [r.ipv4_address for r in shop.a_records]) == (5, ["203.0.113.21"])
    sets.delete(group, ZONE, "shop", "A")
    assert found(lab, visitor, f"www.{ZONE}") == [f"shop.{ZONE}."]


def test_conditions_hold_or_the_write_does_not(sdk: Sdk, group: str) -> None:
    zone(sdk, group)
    first = a_set(sdk, group, "www", "203.0.113.7")
    with pytest.raises((ResourceExistsError, ResourceModifiedError, HttpResponseError)) as there:
        a_set(sdk, group, "www", "203.0.113.8", if_none_match="*")
    assert there.value.status_code == 412
    a_set(sdk, group, "www", "203.0.113.9", if_match=first.etag)
    with pytest.raises(HttpResponseError) as stale:
        a_set(sdk, group, "www", "203.0.113.10", if_match=first.etag)
    assert stale.value.status_code == 412
    assert sdk.dns.record_sets.get(group, ZONE, "www", "A").a_records[0].ipv4_address == "203.0.113.9"


@pytest.mark.parametrize(
    ("name", "rtype", "body"),
    [
        pytest.param("@", "CNAME", dns.RecordSet(ttl=60, cname_record=dns.CnameRecord(cname="a.test")), id="apex"),
        pytest.param("www", "A", dns.RecordSet(ttl=0, a_records=[dns.ARecord(ipv4_address="10.0.0.1")]), id="TTL 0"),
        pytest.param("www", "A", dns.RecordSet(ttl=1 << 31, a_records=[]), id="a TTL of 32 bits"),
        pytest.param("@", "NS", dns.RecordSet(ttl=60, ns_records=[dns.NsRecord(nsdname="a.test")]), id="own NS"),
    ],
)
def test_what_azure_refuses_is_refused(sdk: Sdk, group: str, name: str, rtype: str, body: Any) -> None:
    zone(sdk, group)
    with pytest.raises(HttpResponseError) as refused:
        sdk.dns.record_sets.create_or_update(group, ZONE, name, rtype, body)
    assert (refused.value.status_code, refused.value.error.code) == (400, "BadRequest")
    with pytest.raises(HttpResponseError):
        sdk.dns.record_sets.delete(group, ZONE, "@", "SOA")


@covers(SETS, "alias", client="sdk")
@covers("Microsoft.Network/dnszones", "getDnsResourceReference", client="sdk")
def test_17_an_alias_follows_a_public_address(lab: Lab, sdk: Sdk, group: str, visitor: str) -> None:
    zone(sdk, group)
    address = sdk.public_address(group, "p")
    target = dns.SubResource(id=address.id)
    sdk.dns.record_sets.create_or_update(group, ZONE, "@", "A", dns.RecordSet(ttl=60, target_resource=target))
    assert found(lab, visitor, ZONE) == [address.ip_address]
    asked = dns.DnsResourceReferenceRequest(target_resources=[target])
    (reference,) = sdk.dns.dns_resource_reference.get_by_target_resources(asked).dns_resource_references
    assert [r.id.rsplit("/", 2)[1:] for r in reference.dns_resources] == [["A", "@"]]
    sdk.network.public_ip_addresses.begin_delete(group, "p").result()
    assert found(lab, visitor, ZONE) == []
    other = sdk.public_address(group, "q")
    again = dns.RecordSet(ttl=60, target_resource=dns.SubResource(id=other.id))
    sdk.dns.record_sets.create_or_update(group, ZONE, "@", "A", again)
    assert found(lab, visitor, ZONE) == [other.ip_address]


def test_18_an_alias_follows_a_record_set_of_its_zone(lab: Lab, sdk: Sdk, group: str, visitor: str) -> None:
    zone(sdk, group)
    shop = a_set(sdk, group, "shop", "203.0.113.30")
    alias = dns.RecordSet(ttl=60, target_resource=dns.SubResource(id=shop.id))
    made = sdk.dns.record_sets.create_or_update(group, ZONE, "@", "A", alias)
    assert (made.target_resource.id, made.a_records) == (shop.id, [])
    assert found(lab, visitor, ZONE) == ["203.0.113.30"]
    a_set(sdk, group, "shop", "203.0.113.31", "203.0.113.32")
    assert found(lab, visitor, ZONE) == ["203.0.113.31", "203.0.113.32"]
    sdk.dns.record_sets.delete(group, ZONE, "shop", "A")
    assert found(lab, visitor, ZONE) == []


@covers(PRIVATE, "create", "show", "list", "delete", client="sdk")
@covers(LINKS, "create", "show", "list", "update", "delete", client="sdk")
@covers("Microsoft.Network/privateDnsZones/A", "create", "list", "delete", client="sdk")
def test_private_names_of_a_network(lab: Lab, sdk: Sdk, group: str) -> None:
    subnets = sdk.virtual_network(group, "net", "10.40.0.0/16", hosts="10.40.0.0/24")
    sdk.machine(group, "one", subnets["hosts"])
    network_id = subnets["hosts"].rsplit("/subnets/", 1)[0]
    zones, links = sdk.private_dns.private_zones, sdk.private_dns.virtual_network_links
    zones.begin_create_or_update(group, "corp.example", private.PrivateZone(location="global")).result()
    linked = private.VirtualNetworkLink(
        location="global", virtual_network=private.SubResource(id=network_id), registration_enabled=True
    )
    made = links.begin_create_or_update(group, "corp.example", "net", linked).result()
    assert (made.virtual_network_link_state, made.registration_enabled) == ("Completed", True)
    record = private.RecordSet(ttl=30, a_records=[private.ARecord(ipv4_address="10.40.0.99")])
    sdk.private_dns.record_sets.create_or_update(group, "corp.example", "A", "db", record)
    source = f"{group}/one"
    assert found(lab, source, "one.corp.example") == ["10.40.0.4"]
    assert found(lab, source, "db.corp.example") == ["10.40.0.99"]
    listed = {r.name: r.is_auto_registered for r in sdk.private_dns.record_sets.list(group, "corp.example")}
    assert listed == {"@": False, "db": False, "one": True}
    assert sdk.private_dns.record_sets.get(group, "corp.example", "A", "one").is_auto_registered
    shown = zones.get(group, "corp.example")
    assert (shown.number_of_record_sets, shown.number_of_virtual_network_links_with_registration) == (3, 1)
    with pytest.raises(HttpResponseError) as held:
        zones.begin_delete(group, "corp.example").result()
    assert held.value.error.code == "CannotDeleteResource"
    links.begin_update(group, "corp.example", "net", private.VirtualNetworkLink(registration_enabled=False)).result()
    assert found(lab, source, "one.corp.example") == []
    links.begin_delete(group, "corp.example", "net").result()
    assert found(lab, source, "db.corp.example") == []
    zones.begin_delete(group, "corp.example").result()
    assert list(zones.list_by_resource_group(group)) == []


def hub(sdk: Sdk, group: str) -> network.VirtualNetwork:
    """A network with a subnet for each kind of endpoint."""
    delegation = network.Delegation(name="d", service_name="Microsoft.Network/dnsResolvers")
    subnets = [
        network.Subnet(name=n, address_prefix=p, delegations=[delegation])
        for n, p in (("in", "10.41.0.0/28"), ("out", "10.41.0.16/28"))
    ]
    described = network.VirtualNetwork(
        location=LOCATION, address_space=network.AddressSpace(address_prefixes=["10.41.0.0/16"]), subnets=subnets
    )
    return sdk.network.virtual_networks.begin_create_or_update(group, "hub", described).result()


@covers("Microsoft.Network/dnsResolvers", "create", "show", "delete", client="sdk")
@covers("Microsoft.Network/dnsResolvers/inboundEndpoints", "create", "list", "delete", client="sdk")
@covers("Microsoft.Network/dnsResolvers/outboundEndpoints", "create", "delete", client="sdk")
@covers("Microsoft.Network/dnsForwardingRulesets", "create", "delete", client="sdk")
@covers("Microsoft.Network/dnsForwardingRulesets/forwardingRules", "create", "list", client="sdk")
@covers("Microsoft.Network/dnsForwardingRulesets/virtualNetworkLinks", "create", "delete", client="sdk")
def test_a_private_resolver_with_the_sdk(sdk: Sdk, group: str) -> None:
    made, client = hub(sdk, group), sdk.resolver
    inside = resolver.SubResource(id=made.id)
    described = resolver.DnsResolver(location=LOCATION, virtual_network=inside)
    client.dns_resolvers.begin_create_or_update(group, "r", described).result()
    assert client.dns_resolvers.get(group, "r").dns_resolver_state == "Connected"
    place = {s.name: resolver.SubResource(id=s.id) for s in made.subnets}
    configuration = resolver.IpConfiguration(subnet=place["in"], private_ip_allocation_method="Dynamic")
    inbound = resolver.InboundEndpoint(location=LOCATION, ip_configurations=[configuration])
    client.inbound_endpoints.begin_create_or_update(group, "r", "in", inbound).result()
    (shown,) = client.inbound_endpoints.list(group, "r")
    assert shown.ip_configurations[0].private_ip_address == "10.41.0.4"
    outbound = resolver.OutboundEndpoint(location=LOCATION, subnet=place["out"])
    end = client.outbound_endpoints.begin_create_or_update(group, "r", "out", outbound).result()
    ruleset = resolver.DnsForwardingRuleset(
        location=LOCATION, dns_resolver_outbound_endpoints=[resolver.SubResource(id=end.id)]
    )
    client.dns_forwarding_rulesets.begin_create_or_update(group, "set", ruleset).result()
    servers = [resolver.TargetDnsServer(ip_address="10.41.0.99")]
    rule = resolver.ForwardingRule(domain_name="corp.example.", target_dns_servers=servers)
    client.forwarding_rules.create_or_update(group, "set", "corp", rule)
    assert [r.domain_name for r in client.forwarding_rules.list(group, "set")] == ["corp.example."]
    link = resolver.VirtualNetworkLink(virtual_network=inside)
    client.virtual_network_links.begin_create_or_update(group, "set", "hub", link).result()
    with pytest.raises(HttpResponseError) as held:
        client.dns_resolvers.begin_delete(group, "r").result()
    assert held.value.error.code == "CannotDeleteResource"
    client.virtual_network_links.begin_delete(group, "set", "hub").result()
    client.dns_forwarding_rulesets.begin_delete(group, "set").result()
    client.outbound_endpoints.begin_delete(group, "r", "out").result()
    client.inbound_endpoints.begin_delete(group, "r", "in").result()
    client.dns_resolvers.begin_delete(group, "r").result()
