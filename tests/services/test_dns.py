"""Public zones: what they hold, what is refused, and what their name servers then say."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import dns.dnssec
import dns.name
import pytest

from lazulite.engines.dns.spec import ROOT, ServersSpec
from lazulite.engines.dns.world import World
from lazulite.forwarding.model import InternetHost, NameServer, RecordSet, Zone
from lazulite.services import dns as dns_service
from lazulite.services.dns.model import MAX_ALIASES, MAX_RECORD_SETS, SETS
from lazulite.services.dns.records import domain, mailbox
from lazulite.services.service import Observations
from tests.build import GROUP, Lab, Refused, ref, resource_id
from tests.engines import signed
from tests.names import Said, asked, authoritative, authority, said, world
from tests.services import traffic

ZONE = "contoso.com"
OTHER = GROUP.replace("/rg", "/other")
NAMES = [
    "ns1-01.azure-dns.com.",
    "ns2-01.azure-dns.net.",
    "ns3-01.azure-dns.org.",
    "ns4-01.azure-dns.info.",
]


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    lab.put("dnszones", ZONE, {}, location="global")
    return lab


def record(lab: Lab, rtype: str, name: str, *, zone: str = ZONE, **properties: Any) -> Any:
    kind = f"Microsoft.Network/dnszones/{zone}/{rtype}"
    return lab.put(kind, name, {"TTL": 300} | properties, location=None)


def a(*addresses: str) -> dict[str, Any]:
    return {"ARecords": [{"ipv4Address": x} for x in addresses]}


def id_of(rtype: str, name: str, zone: str = ZONE) -> dict[str, str]:
    return {"id": resource_id(f"Microsoft.Network/dnszones/{zone}/{rtype}", name).text}


def served(lab: Lab, name: str, rtype: str = "A", of: str = "set 1") -> Said:
    return said(world(lab.compile()), name, rtype, of=of)


def refused(lab: Lab, rtype: str, name: str, **properties: Any) -> Refused:
    with pytest.raises(Refused) as found:
        record(lab, rtype, name, **properties)
    return found.value


# What a zone is born with.


def test_a_zone_has_four_name_servers_and_two_record_sets(lab: Lab) -> None:
    zone = lab.get("dnszones", ZONE)
    assert list(zone.properties.name_servers) == NAMES
    assert lab.status(zone) == {"numberOfRecordSets": 2, "maxNumberOfRecordSets": 10_000}


def test_the_apex_sets_are_those_that_azure_makes(lab: Lab) -> None:
    ns, soa = (lab.get(f"Microsoft.Network/dnszones/{ZONE}/{t}", "@").properties for t in ("NS", "SOA"))
    assert (ns.ttl, [r.nsdname for r in ns.records]) == (172800, NAMES)
    record = soa.record
    times = (record.serial_number, record.refresh_time, record.retry_time, record.expire_time, record.minimum_ttl)
    assert (soa.ttl, record.host, record.email, times) == (
        3600,
        NAMES[0],
        "azuredns-hostmaster.microsoft.com",
        (1, 3600, 300, 2419200, 300),
    )


def test_two_zones_of_one_name_never_share_a_set_of_servers(lab: Lab) -> None:
    second = lab.put("dnszones", "CONTOSO.com", {}, location="global", group=OTHER)
    third = lab.put("dnszones", "fabrikam.com", {}, location="global")
    assert second.properties.name_servers[0] == "ns1-02.azure-dns.com."
    assert third.properties.name_servers[0] == "ns1-01.azure-dns.com."


def test_a_zone_keeps_its_servers_when_it_is_written_again(lab: Lab) -> None:
    lab.put("dnszones", ZONE, {}, location="global", group=OTHER)
    again = lab.put("dnszones", ZONE, {"nameServers": ["ns.example."]}, location="global", group=OTHER)
    assert again.properties.servers == 2


@pytest.mark.parametrize(
    ("name", "location", "properties", "code"),
    [
        pytest.param("a.test", "westeurope", {}, "LocationNotAvailableForResourceType", id="a zone is global"),
        pytest.param("a.test", "global", {"zoneType": "Private"}, "FeatureNotSupported", id="private ones are others"),
        pytest.param(
            "a.test",
            "global",
            {"registrationVirtualNetworks": [ref("virtualNetworks", "v")]},
            "FeatureNotSupported",
            id="the old way to link networks is refused by name",
        ),
        pytest.param(".".join(["a" * 60] * 5), "global", {}, "BadRequest", id="names end at 253 characters"),
    ],
)
def test_zones_that_are_refused(name: str, location: str, properties: Any, code: str) -> None:
    with pytest.raises(Refused) as found:
        Lab().put("dnszones", name, properties, location=location)
    assert code in found.value.codes


# Records of every type.

BODIES: list[Any] = [
    pytest.param("A", a("10.0.0.1", "10.0.0.2"), ["10.0.0.1", "10.0.0.2"], id="A"),
    pytest.param("AAAA", {"AAAARecords": [{"ipv6Address": "2001:db8::1"}]}, ["2001:db8::1"], id="AAAA"),
    pytest.param(
        "CAA", {"caaRecords": [{"flags": 0, "tag": "issue", "value": "ca.example"}]}, ['0 issue "ca.example"'], id="CAA"
    ),
    pytest.param(
        "MX", {"MXRecords": [{"preference": 10, "exchange": "mail.contoso.com"}]}, ["10 mail.contoso.com."], id="MX"
    ),
    pytest.param("NS", {"NSRecords": [{"nsdname": "ns.example."}]}, None, id="NS"),
    pytest.param("PTR", {"PTRRecords": [{"ptrdname": "host.example"}]}, ["host.example."], id="PTR"),
    pytest.param(
        "TXT",
        {"TXTRecords": [{"value": ["v=spf1 -all", "more"]}, {"value": ["x"]}]},
        ['"v=spf1 -all" "more"', '"x"'],
        id="TXT",
    ),
    pytest.param(
        "NAPTR",
        {
            "NAPTRRecords": [
                {
                    "order": 1,
                    "preference": 2,
                    "flags": "U",
                    "services": "E2U+sip",
                    "regexp": "!^.*$!sip:a@b!",
                    "replacement": ".",
                }
            ]
        },
        ['1 2 "U" "E2U+sip" "!^.*$!sip:a@b!" .'],
        id="NAPTR",
    ),
    pytest.param(
        "TLSA",
        {"TLSARecords": [{"usage": 3, "selector": 1, "matchingType": 1, "certAssociationData": "ab" * 32}]},
        ["3 1 1 " + "ab" * 32],
        id="TLSA",
    ),
]


@pytest.mark.parametrize(("rtype", "body", "expected"), BODIES)
def test_each_type_is_served_as_it_was_written(lab: Lab, rtype: str, body: Any, expected: list[str] | None) -> None:
    record(lab, rtype, "it", **body)
    if expected is None:
        answer = asked(world(lab.compile()), "it.contoso.com", rtype, of="set 1")
        assert (authoritative(answer), authority(answer)) == (False, ["it.contoso.com. NS"])
    else:
        assert served(lab, "it.contoso.com", rtype) == Said("NOERROR", expected)


def test_a_service_record_names_service_and_protocol(lab: Lab) -> None:
    srv = {"SRVRecords": [{"priority": 1, "weight": 2, "port": 5060, "target": "sip.contoso.com"}]}
    record(lab, "SRV", "_sip._tcp", **srv)
    record(lab, "SRV", "_sip._tcp.emea", **srv)
    assert served(lab, "_sip._tcp.contoso.com", "SRV").answer == ["1 2 5060 sip.contoso.com."]
    assert refused(lab, "SRV", "sip", **srv).codes == ["BadRequest"]


def test_a_ds_set_is_the_parents_and_so_is_the_delegation_beside_it(lab: Lab) -> None:
    digest = {"algorithmType": 2, "value": "cd" * 32}
    record(lab, "NS", "child", NSRecords=[{"nsdname": "ns.example"}])
    record(lab, "DS", "child", DSRecords=[{"keyTag": 7, "algorithm": 13, "digest": digest}])
    assert served(lab, "child.contoso.com", "DS") == Said("NOERROR", ["7 13 2 " + "cd" * 32])
    assert served(lab, "child.contoso.com", "A") == Said("NOERROR", [])


def test_the_start_of_authority_may_be_edited_but_for_its_host(lab: Lab) -> None:
    record(lab, "SOA", "@", SOARecord={"email": "me.example", "serialNumber": 9, "minimumTTL": 60})
    answer = asked(world(lab.compile()), "nothing.contoso.com", of="set 1")
    assert answer.authority[0].ttl == 60
    assert served(lab, ZONE, "SOA").answer == ["ns1-01.azure-dns.com. me.example. 9 3600 300 2419200 60"]
    found = refused(lab, "SOA", "@", SOARecord={"host": "ns.example"})
    assert [v.target for v in found.violations] == ["properties.SOARecord.host"]


def test_the_serial_does_not_count_by_itself(lab: Lab) -> None:
    before = served(lab, ZONE, "SOA")
    record(lab, "A", "www", **a("10.0.0.1"))
    assert served(lab, ZONE, "SOA") == before


def test_further_name_servers_join_those_that_azure_gave(lab: Lab) -> None:
    record(lab, "NS", "@", NSRecords=[{"nsdname": n} for n in (*NAMES, "ns.example")])
    assert served(lab, ZONE, "NS").answer == sorted([*NAMES, "ns.example."])


def test_an_email_with_an_at_sign_is_written_as_zones_do() -> None:
    assert mailbox("first.last@example.com") == "first\\.last.example.com"
    assert mailbox("host.example.com") == "host.example.com"


# What is refused.

LONG = "x" * 256
BAD: list[Any] = [
    pytest.param("A", "www", {"TTL": 0, **a("10.0.0.1")}, "properties.TTL", id="a TTL of nothing"),
    pytest.param("A", "www", {"TTL": 2147483648, **a("10.0.0.1")}, "properties.TTL", id="a TTL beyond 31 bits"),
    pytest.param("A", "www", a("10.0.0.1", "10.0.0.1"), "properties.ARecords[1]", id="the same record twice"),
    pytest.param(
        "A", "www", a(*(f"10.0.0.{i}" for i in range(21))), "properties.ARecords", id="more than twenty records"
    ),
    pytest.param("CNAME", "@", {"CNAMERecord": {"cname": "a.test"}}, "name", id="an alias at the apex"),
    pytest.param("CNAME", "mail", {"CNAMERecord": {"cname": "a.test"}}, "name", id="an alias beside other records"),
    pytest.param("A", "go", a("10.0.0.1"), "name", id="other records beside an alias"),
    pytest.param(
        "CNAME", "new", {"CNAMERecord": {"cname": "a..b"}}, "properties.CNAMERecords[0]", id="an alias to no name"
    ),
    pytest.param(
        "CNAME", "new", {"CNAMERecord": {"cname": "é.test€"}}, "properties.CNAMERecords[0]", id="an alias to no octets"
    ),
    pytest.param("NS", "@", {"NSRecords": [{"nsdname": "ns.example"}]}, "properties.NSRecords", id="own NS removed"),
    pytest.param("NS", "*", {"NSRecords": [{"nsdname": "ns.example"}]}, "name", id="a wildcard of type NS"),
    pytest.param("SOA", "www", {"SOARecord": {}}, "name", id="a start of authority below the apex"),
    pytest.param(
        "MX",
        "www",
        {"MXRecords": [{"preference": 65536, "exchange": "a.test"}]},
        "properties.MXRecords[0]",
        id="a preference of 17 bits",
    ),
    pytest.param(
        "MX",
        "www",
        {"MXRecords": [{"preference": -1, "exchange": "a.test"}]},
        "properties.MXRecords[0]",
        id="a preference below zero",
    ),
    pytest.param("TXT", "www", {"TXTRecords": [{"value": [LONG]}]}, "properties.TXTRecords[0]", id="a string too long"),
    pytest.param("TXT", "www", {"TXTRecords": [{"value": []}]}, "properties.TXTRecords[0]", id="a text of no string"),
    pytest.param(
        "TXT",
        "www",
        {"TXTRecords": [{"value": [str(i).rjust(250, "x")] * 5} for i in range(4)]},
        "properties.TXTRecords",
        id="more than 4096 characters",
    ),
    pytest.param(
        "CAA",
        "www",
        {"caaRecords": [{"flags": 0, "tag": "policy", "value": "x"}]},
        "properties.CAARecords[0]",
        id="a tag of nobody's",
    ),
    pytest.param(
        "CAA",
        "www",
        {"caaRecords": [{"flags": 256, "tag": "issue", "value": "x"}]},
        "properties.CAARecords[0]",
        id="flags of nine bits",
    ),
    pytest.param(
        "DS",
        "www",
        {"DSRecords": [{"keyTag": 1, "algorithm": 8, "digest": {"algorithmType": 2, "value": "xyz"}}]},
        "properties.DSRecords[0]",
        id="a digest that is not hexadecimal",
    ),
    pytest.param(
        "TLSA",
        "www",
        {"TLSARecords": [{"usage": 300, "selector": 0, "matchingType": 0, "certAssociationData": ""}]},
        "properties.TLSARecords[0]",
        id="a usage of nine bits",
    ),
    pytest.param("A", ".".join(["l" * 63] * 4), a("10.0.0.1"), "name", id="a name beyond 255 octets"),
]


@pytest.mark.parametrize(("rtype", "name", "body", "target"), BAD)
def test_record_sets_that_are_refused_as_bad_requests(lab: Lab, rtype: str, name: str, body: Any, target: str) -> None:
    record(lab, "MX", "mail", MXRecords=[{"preference": 1, "exchange": "a.test"}])
    record(lab, "CNAME", "go", CNAMERecord={"cname": "a.test"})
    before = lab.snapshot
    found = refused(lab, rtype, name, **body)
    assert {v.code for v in found.violations} == {"BadRequest"}
    assert target in [v.target for v in found.violations]
    assert lab.snapshot is before


def test_all_that_is_wrong_is_said_at_once(lab: Lab) -> None:
    found = refused(lab, "A", "www", TTL=0, **a(*["10.0.0.1"] * 21))
    targets = {v.target for v in found.violations}
    assert {"properties.TTL", "properties.ARecords", "properties.ARecords[20]"} <= targets


@pytest.mark.parametrize("ttl", [1, 2_147_483_647])
def test_the_ends_of_the_range_of_ttls_are_in_it(lab: Lab, ttl: int) -> None:
    record(lab, "A", "www", TTL=ttl, **a("10.0.0.1"))
    assert asked(world(lab.compile()), "www.contoso.com", of="set 1").answer[0].ttl == ttl


def test_a_set_without_a_ttl_gets_an_hour(lab: Lab) -> None:
    made = lab.put(f"Microsoft.Network/dnszones/{ZONE}/A", "www", a("10.0.0.1"), location=None)
    assert made.properties.ttl == 3600


@pytest.mark.parametrize("rtype", ["NS", "SOA"])
def test_the_apex_sets_cannot_be_deleted(lab: Lab, rtype: str) -> None:
    with pytest.raises(Refused) as found:
        lab.delete(f"Microsoft.Network/dnszones/{ZONE}/{rtype}", "@")
    assert found.value.codes == ["BadRequest"]


def test_a_zone_takes_its_record_sets_along(lab: Lab) -> None:
    record(lab, "A", "www", **a("10.0.0.1"))
    lab.delete("dnszones", ZONE)
    assert [k for k in lab.snapshot.resources if "dnszones" in k] == []
    assert [z for z in lab.compile().all(Zone) if ZONE in z] == []


def test_a_full_zone_takes_no_further_set(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_RECORD_SETS == 10_000
    monkeypatch.setattr("lazulite.services.dns.validate.MAX_RECORD_SETS", 3)
    record(lab, "A", "one", **a("10.0.0.1"))
    assert refused(lab, "A", "two", **a("10.0.0.1")).codes == ["RecordSetCountLimitReached"]
    record(lab, "A", "one", **a("10.0.0.2"))


# Names.


@pytest.mark.parametrize(
    ("asks", "expected"),
    [
        pytest.param("host.apps", Said("NOERROR", ["10.0.0.6"]), id="the name itself wins"),
        pytest.param("x.apps", Said("NOERROR", ["10.0.0.5"]), id="a wildcard stands for what is not there"),
        pytest.param("x.y.apps", Said("NOERROR", ["10.0.0.5"]), id="however deep"),
        pytest.param("apps", Said("NOERROR", []), id="but not for its own parent"),
        pytest.param("x.host.apps", Said("NXDOMAIN", []), id="nor below a name that is there"),
        pytest.param("other", Said("NXDOMAIN", []), id="nor beside"),
    ],
)
def test_wildcards(lab: Lab, asks: str, expected: Said) -> None:
    record(lab, "A", "*.apps", **a("10.0.0.5"))
    record(lab, "A", "host.apps", **a("10.0.0.6"))
    assert served(lab, f"{asks}.contoso.com") == expected


def test_an_empty_set_is_not_on_the_name_servers(lab: Lab) -> None:
    record(lab, "A", "www")
    record(lab, "CNAME", "go")
    assert served(lab, "www.contoso.com") == served(lab, "go.contoso.com") == Said("NXDOMAIN", [])


def test_an_alias_is_followed_within_the_zone(lab: Lab) -> None:
    record(lab, "CNAME", "go", CNAMERecord={"cname": "www.contoso.com"})
    record(lab, "A", "www", **a("10.0.0.1"))
    assert served(lab, "go.contoso.com") == Said("NOERROR", ["-> www.contoso.com.", "10.0.0.1"])


# Delegation.


def test_a_walk_from_the_root_ends_at_the_zone(lab: Lab) -> None:
    record(lab, "A", "www", **a("10.0.0.1"))
    known = world(lab.compile())
    assert authority(asked(known, "www.contoso.com", of="root")) == ["com. NS"]
    registry = asked(known, "www.contoso.com", of="registry")
    assert sorted(str(r) for r in registry.authority[0]) == sorted(NAMES)
    assert said(known, "www.contoso.com", of="set 1").answer == ["10.0.0.1"]
    assert said(known, "www.contoso.com", of="").answer == ["10.0.0.1"]


def test_a_child_zone_is_reached_by_the_ns_records_of_its_parent_alone(lab: Lab) -> None:
    child = lab.put("dnszones", "child.contoso.com", {}, location="global")
    record(lab, "A", "www", zone="child.contoso.com", **a("10.0.0.9"))
    assert served(lab, "www.child.contoso.com", of="") == Said("NXDOMAIN", [])
    servers = [{"nsdname": n} for n in child.properties.name_servers]
    record(lab, "NS", "child", NSRecords=servers)
    assert served(lab, "www.child.contoso.com", of="") == Said("NOERROR", ["10.0.0.9"])
    lab.delete(f"Microsoft.Network/dnszones/{ZONE}/NS", "child")
    assert served(lab, "www.child.contoso.com", of="") == Said("NXDOMAIN", [])


def test_of_two_zones_of_one_name_the_first_is_registered(lab: Lab) -> None:
    lab.put("dnszones", ZONE, {}, location="global", group=OTHER)
    record(lab, "A", "www", **a("10.0.0.1"))
    second = {"ARecords": [{"ipv4Address": "10.0.0.2"}]}
    lab.put(f"Microsoft.Network/dnszones/{ZONE}/A", "www", second, location=None, group=OTHER)
    assert served(lab, "www.contoso.com", of="").answer == ["10.0.0.1"]
    assert served(lab, "www.contoso.com", of="set 2").answer == ["10.0.0.2"]
    assert served(lab, "www.contoso.com", of="set 3").rcode == "REFUSED"


def test_the_name_servers_are_hosts_with_names_of_their_own(lab: Lab) -> None:
    model = lab.compile()
    roles = {s.role for s in model.all(NameServer).values()}
    assert roles == {"root", "registry", "resolver", "authority"}
    held = {a for h in model.all(InternetHost).values() for a in h.addresses}
    assert {x for s in model.all(NameServer).values() for x in s.addresses} == held
    answer = served(lab, "ns3-01.azure-dns.org", of="").answer
    assert answer == ["198.19.252.6"]
    assert served(lab, "a.root-servers.net", "AAAA", of="").answer == ["2001:2:0:ffff:fc00::301"]


# Aliases.


def test_an_alias_follows_the_life_of_a_public_address(lab: Lab) -> None:
    lab.public_ip("p")
    record(lab, "A", "www", targetResource=ref("publicIPAddresses", "p"))
    address = lab.get("publicIPAddresses", "p").properties.held_address
    assert served(lab, "www.contoso.com").answer == [str(address)]
    lab.delete("publicIPAddresses", "p")
    assert served(lab, "www.contoso.com") == Said("NXDOMAIN", [])
    lab.put("publicIPAddresses", "q", {"publicIPAllocationMethod": "Static"}, sku="Standard")
    record(lab, "A", "www", targetResource=ref("publicIPAddresses", "q"))
    assert served(lab, "www.contoso.com").rcode == "NOERROR"


def test_an_alias_to_a_dynamic_address_answers_while_it_is_had(lab: Lab) -> None:
    lab.vnet("v", "10.0.0.0/16", subnets={"a": "10.0.0.0/24"})
    lab.public_ip("p", sku="Basic")
    lab.nic("n", "v/a", publicIPAddress="p")
    record(lab, "A", "@", targetResource=ref("publicIPAddresses", "p"))
    assert served(lab, ZONE) == Said("NOERROR", [])
    lab.vm("m", "n")
    assert len(served(lab, ZONE).answer) == 1
    lab.edit("Microsoft.Compute/virtualMachines", "m", power_state="deallocated")
    assert served(lab, ZONE) == Said("NOERROR", [])


def test_an_alias_of_the_other_version_has_no_answer(lab: Lab) -> None:
    lab.public_ip("p")
    record(lab, "AAAA", "www", targetResource=ref("publicIPAddresses", "p"))
    assert served(lab, "www.contoso.com", "AAAA") == Said("NXDOMAIN", [])


def test_an_alias_to_a_record_set_follows_it(lab: Lab) -> None:
    record(lab, "A", "www", **a("10.0.0.1"))
    record(lab, "A", "@", TTL=60, targetResource=id_of("A", "www"))
    record(lab, "A", "again", targetResource=id_of("A", "@"))
    assert served(lab, ZONE).answer == served(lab, "again.contoso.com").answer == ["10.0.0.1"]
    record(lab, "A", "www", **a("10.0.0.2"))
    assert served(lab, "again.contoso.com").answer == ["10.0.0.2"]
    lab.delete(f"Microsoft.Network/dnszones/{ZONE}/A", "www")
    assert served(lab, ZONE) == Said("NOERROR", [])


@pytest.mark.parametrize(
    ("rtype", "name", "body"),
    [
        pytest.param("MX", "www", {"targetResource": ref("publicIPAddresses", "p")}, id="only addresses and names"),
        pytest.param("CNAME", "new", {"targetResource": ref("publicIPAddresses", "p")}, id="an address is no name"),
        pytest.param(
            "A", "www", {"targetResource": ref("publicIPAddresses", "p"), **a("10.0.0.1")}, id="not both at once"
        ),
        pytest.param("A", "www", {"targetResource": id_of("A", "www")}, id="not itself"),
        pytest.param("AAAA", "www", {"targetResource": id_of("A", "other")}, id="nor another type"),
        pytest.param("A", "www", {"targetResource": id_of("A", "www", "fabrikam.com")}, id="nor another zone"),
        pytest.param("A", "www", {"targetResource": ref("virtualNetworks", "v")}, id="nor what has no address"),
    ],
)
def test_aliases_that_are_refused(lab: Lab, rtype: str, name: str, body: Any) -> None:
    lab.public_ip("p")
    lab.vnet("v", "10.0.0.0/16")
    lab.put("dnszones", "fabrikam.com", {}, location="global")
    record(lab, "A", "www", zone="fabrikam.com", **a("10.0.0.1"))
    record(lab, "A", "other", **a("10.0.0.1"))
    record(lab, "A", "www", **a("10.0.0.1"))
    found = refused(lab, rtype, name, **body)
    assert "BadRequest" in found.codes
    assert {v.target for v in found.violations} == {"properties.targetResource"}


def test_an_address_of_a_profile_is_one_of_its_own_and_stays_so(lab: Lab) -> None:
    traffic.labelled(lab, "web")
    profile = traffic.profile(lab, "p", traffic.azure("web"))
    for rtype in ("A", "AAAA"):
        found = refused(lab, rtype, "@", targetResource={"id": profile.id.text})
        assert [(v.code, v.target) for v in found.violations] == [("BadRequest", "properties.targetResource")]
    record(lab, "CNAME", "go", targetResource={"id": profile.id.text})
    traffic.profile(lab, "p", traffic.external("a", "8.8.8.8"))
    record(lab, "A", "@", targetResource={"id": profile.id.text})
    assert served(lab, ZONE).answer == ["8.8.8.8"]
    with pytest.raises(Refused, match="external endpoints only") as back:
        traffic.profile(lab, "p", traffic.external("a", "8.8.8.8"), traffic.azure("web"))
    assert ("BadRequest", "properties.endpoints") in [(v.code, v.target) for v in back.value.violations]
    lab.delete(f"Microsoft.Network/dnszones/{ZONE}/A", "@")
    traffic.profile(lab, "p", traffic.azure("web"))


def test_twenty_aliases_can_point_to_one_resource(lab: Lab) -> None:
    lab.public_ip("p")
    lab.public_ip("q")
    for i in range(MAX_ALIASES):
        record(lab, ("A", "AAAA")[i % 2], f"n{i}", targetResource=ref("publicIPAddresses", "p"))
    found = refused(lab, "A", "more", targetResource=ref("publicIPAddresses", "p"))
    assert [(v.code, v.target) for v in found.violations] == [("BadRequest", "properties.targetResource")]
    record(lab, "A", "n0", TTL=5, targetResource=ref("publicIPAddresses", "p"))
    record(lab, "A", "other", targetResource=ref("publicIPAddresses", "q"))
    lab.delete(f"Microsoft.Network/dnszones/{ZONE}/A", "n0")
    record(lab, "A", "more", targetResource=ref("publicIPAddresses", "p"))


def test_a_zone_can_be_one_of_addresses(lab: Lab) -> None:
    lab.put("dnszones", "2.0.192.in-addr.arpa", {}, location="global")
    record(lab, "PTR", "7", zone="2.0.192.in-addr.arpa", PTRRecords=[{"ptrdname": "www.contoso.com"}])
    for of in ("set 1", ""):
        assert served(lab, "7.2.0.192.in-addr.arpa", "PTR", of=of).answer == ["www.contoso.com."]
    assert served(lab, "8.2.0.192.in-addr.arpa", "PTR", of="").rcode == "NXDOMAIN"


def test_a_target_that_does_not_exist_is_refused(lab: Lab) -> None:
    found = refused(lab, "A", "www", targetResource=ref("publicIPAddresses", "none"))
    assert found.codes == ["InvalidResourceReference"]


# What a client reads.


def test_a_set_shows_its_full_name_and_an_empty_target(lab: Lab) -> None:
    made = record(lab, "A", "www", **a("10.0.0.1"))
    assert lab.status(made) == {"fqdn": "www.contoso.com.", "targetResource": {}}
    apex = lab.get(f"Microsoft.Network/dnszones/{ZONE}/SOA", "@")
    assert lab.status(apex, Observations()) == {"fqdn": "contoso.com."}


@pytest.mark.parametrize("verb", ["all", "recordsets"])
def test_a_zone_lists_its_sets_apex_first(lab: Lab, verb: str) -> None:
    record(lab, "TXT", "b", TXTRecords=[{"value": ["x"]}])
    record(lab, "A", "b", **a("10.0.0.1"))
    record(lab, "A", "a.b", **a("10.0.0.1"))
    listed = lab.act("dnszones", ZONE, verb)["value"]
    assert [(r["name"], r["type"].rsplit("/", 1)[1]) for r in listed] == [
        ("@", "NS"),
        ("@", "SOA"),
        ("a.b", "A"),
        ("b", "A"),
        ("b", "TXT"),
    ]
    assert listed[2]["properties"]["ARecords"] == [{"ipv4Address": "10.0.0.1"}]
    some = lab.act("dnszones", ZONE, verb, **{"$recordsetnamesuffix": "b"})["value"]
    assert [r["name"] for r in some] == ["a.b", "b", "b"]


def test_whoever_refers_to_a_resource_is_found(lab: Lab) -> None:
    lab.public_ip("p")
    record(lab, "A", "www", targetResource=ref("publicIPAddresses", "p"))
    target = ref("publicIPAddresses", "p")
    from lazulite.services.dns.actions import references

    context = lab.context()
    asked_for = type(context)(
        context.view, context.model, context.lab, context.now, {"properties": {"targetResources": [target]}}
    )
    found = references(asked_for, {})["properties"]["dnsResourceReferences"]
    assert found == [{"dnsResources": [id_of("A", "www")], "targetResource": target}]


def test_every_type_has_its_own_kind_and_a_sound_name() -> None:
    assert len(SETS) == 13
    assert domain("a.b.") == b"\1a\1b\0"
    with pytest.raises(ValueError, match="not a domain name"):
        domain("x" * 64)


# Names of public addresses.


def test_a_label_is_a_name_while_the_address_is_had(lab: Lab) -> None:
    lab.public_ip("p", dnsSettings={"domainNameLabel": "shop"})
    address = str(lab.get("publicIPAddresses", "p").properties.held_address)
    assert served(lab, "shop.westeurope.cloudapp.azure.com", of="").answer == [address]
    assert served(lab, "shop.northeurope.cloudapp.azure.com", of="") == Said("NXDOMAIN", [])
    lab.public_ip("p")
    assert served(lab, "shop.westeurope.cloudapp.azure.com", of="") == Said("NXDOMAIN", [])


def test_an_address_leads_back_to_its_reverse_name(lab: Lab) -> None:
    lab.public_ip("p", dnsSettings={"domainNameLabel": "shop", "reverseFqdn": "www.contoso.com."})
    address = lab.get("publicIPAddresses", "p").properties.held_address
    assert served(lab, address.reverse_pointer, "PTR", of="").answer == ["www.contoso.com."]


def test_a_reverse_name_has_to_be_one(lab: Lab) -> None:
    with pytest.raises(Refused) as found:
        lab.public_ip("p", dnsSettings={"domainNameLabel": "shop", "reverseFqdn": "a..b"})
    assert found.value.codes == ["InvalidReverseFqdn"]


def test_every_entry_of_a_name_says_whose_it_is(lab: Lab) -> None:
    record(lab, "A", "www", **a("10.0.0.1"))
    found = lab.compile().all(RecordSet)[resource_id(f"Microsoft.Network/dnszones/{ZONE}/A", "www").key]
    assert found.origin == resource_id(f"Microsoft.Network/dnszones/{ZONE}/A", "www").text
    assert all(e.origin for e in lab.compile())


# Signed zones.

SIGNING = f"Microsoft.Network/dnszones/{ZONE}/dnssecConfigs"


def sign(lab: Lab) -> Any:
    return lab.put(SIGNING, "default", {}, location=None)


def test_a_zone_is_signed_while_it_has_a_configuration_for_it(lab: Lab) -> None:
    record(lab, "A", "www", **a("10.0.0.1"))
    assert "signingKeys" not in lab.status(lab.get("dnszones", ZONE))
    sign(lab)
    assert list(signed.chain(world(lab.compile()), f"{ZONE}.", 1)) == [".", "com.", f"{ZONE}."]
    lab.delete(SIGNING, "default")
    plain = signed.asked(world(lab.compile()), 1, f"www.{ZONE}", "A")
    assert [r.rdtype for r in plain.answer] == [1]


def test_the_configuration_and_the_zone_show_the_keys_and_what_the_parent_needs(lab: Lab) -> None:
    shown = lab.status(sign(lab))
    assert lab.status(lab.get("dnszones", ZONE)) | shown == lab.status(lab.get("dnszones", ZONE))
    held = list(signed.keys(world(lab.compile()), f"{ZONE}.", 1))
    assert [(k["flags"], k["protocol"], k["securityAlgorithmType"]) for k in shown["signingKeys"]] == [
        (k.flags, k.protocol, k.algorithm) for k in held
    ]
    assert [k["publicKey"] for k in shown["signingKeys"]] == [b64encode(k.key).decode() for k in held]
    assert [k["keyTag"] for k in shown["signingKeys"]] == [dns.dnssec.key_id(k) for k in held]
    (entry,) = (k for k in shown["signingKeys"] if k["delegationSignerInfo"])
    theirs = dns.dnssec.make_ds(dns.name.from_text(ZONE), next(k for k in held if k.flags == 257), "SHA256")
    assert entry["delegationSignerInfo"] == [
        {"digestAlgorithmType": 2, "digestValue": theirs.digest.hex().upper(), "record": str(theirs).upper()}
    ]


def test_a_zone_that_is_signed_anew_has_other_keys(lab: Lab) -> None:
    first = lab.status(sign(lab))
    assert lab.status(sign(lab)) == first, "writing it again changes nothing"
    lab.delete(SIGNING, "default")
    assert lab.status(sign(lab)) != first


def test_a_computed_answer_is_signed_too(lab: Lab) -> None:
    address = lab.put("publicIPAddresses", "p", {"publicIPAllocationMethod": "Static"}, sku="Standard")
    record(lab, "A", "@", targetResource={"id": address.id.text})
    sign(lab)
    known = world(lab.compile())
    by = {dns.name.from_text(ZONE): signed.keys(known, f"{ZONE}.", 1)}
    assert signed.proven(signed.asked(known, 1, ZONE, "A").answer, by) == [f"{ZONE}. A"]


def test_the_trust_anchor_of_every_lab_is_the_one_in_the_book() -> None:
    readme = (Path(dns_service.__file__).parent / "README.md").read_text()
    (anchor,) = re.findall(r"\. IN DS (\S+ 13 2 [0-9A-F]{64})", readme)
    root = World()
    root.put([ServersSpec("r", ROOT, ("a.root.test",), ("192.0.2.1",))])
    assert str(dns.dnssec.make_ds(dns.name.root, signed.keys(root, ".", ROOT)[1], "SHA256")).upper() == anchor


def test_a_configuration_is_called_default_and_has_no_settings(lab: Lab) -> None:
    with pytest.raises(Refused) as found:
        lab.put(SIGNING, "default", {"algorithm": 8}, location=None)
    assert found.value.codes == ["InvalidRequestFormat"]
