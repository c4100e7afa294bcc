"""Private zones and what a network can resolve: the conformance examples of the fact sheet, and every refusal."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.forwarding.model import PlatformResolver, RecordSet, Zone, ZoneLink
from lazulite.services.private_dns.model import SETS
from lazulite.services.private_dns.sets import automatic
from lazulite.services.private_dns.status import derived
from lazulite.services.virtual_network.model import internal_domain
from tests.build import GROUP, Lab, Refused, ref, resource_id
from tests.names import Said, asked, authority, said, world

ZONE = "contoso.com"
OTHER = GROUP.replace("/rg", "/other")
A, B = (resource_id("virtualNetworks", n).key for n in ("a", "b"))


@pytest.fixture
def lab() -> Lab:
    """Two networks that overlap, with two machines each, and a zone."""
    lab = Lab()
    for name, prefix in (("a", "10.0.0.0/16"), ("b", "10.0.0.0/8")):
        lab.vnet(name, prefix, subnets={"s": "10.0.0.0/24", "t": "10.0.1.0/24"})
        for number in (1, 2):
            machine(lab, f"VNET{name}-VM{number}", f"{name}/s", f"10.0.0.{number + 3 if name == 'a' else number + 13}")
    lab.put("privateDnsZones", ZONE, {}, location="global")
    return lab


def machine(lab: Lab, name: str, subnet: str, address: str | None = None) -> None:
    lab.nic(name, subnet, address)
    lab.vm(name, name)


def link(lab: Lab, network: str, *, zone: str = ZONE, group: str = GROUP, **properties: Any) -> Any:
    kind = f"Microsoft.Network/privateDnsZones/{zone}/virtualNetworkLinks"
    body = {"virtualNetwork": ref("virtualNetworks", network)} | properties
    return lab.put(kind, f"to-{network}", body, location="global", group=group)


def record(lab: Lab, rtype: str, name: str, *, zone: str = ZONE, **properties: Any) -> Any:
    return lab.put(f"Microsoft.Network/privateDnsZones/{zone}/{rtype}", name, {"ttl": 300} | properties, location=None)


def a(*addresses: str) -> dict[str, Any]:
    return {"aRecords": [{"ipv4Address": x} for x in addresses]}


def seen(lab: Lab, name: str, rtype: str = "A", of: str = A) -> Said:
    return said(world(lab.compile()), name, rtype, of=of)


def domain(lab: Lab, network: str) -> str:
    return internal_domain(lab.get("virtualNetworks", network).guid)


REGISTERS = {"registrationEnabled": True}


# The examples of the documentation.


def test_1_machines_of_a_registered_network_find_each_other_and_their_addresses_lead_back(lab: Lab) -> None:
    link(lab, "a", **REGISTERS)
    assert seen(lab, "VNETA-VM2.contoso.com") == Said("NOERROR", ["10.0.0.5"])
    names = sorted([f"vneta-vm1.{ZONE}.", f"vneta-vm1.{domain(lab, 'a')}."])
    assert seen(lab, "4.0.0.10.in-addr.arpa", "PTR") == Said("NOERROR", names)


def test_2_a_resolution_network_sees_the_names_and_only_its_own_addresses(lab: Lab) -> None:
    link(lab, "a", **REGISTERS)
    link(lab, "b")
    assert seen(lab, "VNETA-VM1.contoso.com", of=B) == Said("NOERROR", ["10.0.0.4"])
    assert seen(lab, "14.0.0.10.in-addr.arpa", "PTR", of=B) == Said("NOERROR", [f"vnetb-vm1.{domain(lab, 'b')}."])
    assert seen(lab, "4.0.0.10.in-addr.arpa", "PTR", of=B) == Said("NXDOMAIN", [])


def test_3_the_internet_and_a_linked_network_see_different_zones_of_one_name(lab: Lab) -> None:
    lab.put("dnszones", ZONE, {}, location="global")
    public = {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.1"}]}
    lab.put(f"Microsoft.Network/dnszones/{ZONE}/A", "vneta-vm1", public, location=None)
    assert seen(lab, "vneta-vm1.contoso.com") == Said("NOERROR", ["203.0.113.1"])
    link(lab, "a", **REGISTERS)
    assert seen(lab, "vneta-vm1.contoso.com") == Said("NOERROR", ["10.0.0.4"])
    assert seen(lab, "vneta-vm1.contoso.com", of=B) == Said("NOERROR", ["203.0.113.1"])
    assert seen(lab, "vneta-vm1.contoso.com", of="") == Said("NOERROR", ["203.0.113.1"])


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("Default", Said("NXDOMAIN", [])), ("NxDomainRedirect", Said("NOERROR", ["203.0.113.1"]))],
)
def test_11_a_name_the_zone_lacks_is_asked_of_the_internet_if_the_link_says_so(
    lab: Lab, policy: str, expected: Said
) -> None:
    zone = "privatelink.example.net"
    lab.put("dnszones", zone, {}, location="global")
    public = {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.1"}]}
    lab.put(f"Microsoft.Network/dnszones/{zone}/A", "shop", public, location=None)
    lab.put("privateDnsZones", zone, {}, location="global")
    record(lab, "TXT", "mine", zone=zone, txtRecords=[{"value": ["x"]}])
    link(lab, "a", zone=zone, resolutionPolicy=policy)
    assert seen(lab, f"shop.{zone}") == expected
    assert seen(lab, f"mine.{zone}") == Said("NOERROR", []), "a name without such a record is not one that lacks"


# Zones and links.


def test_a_zone_is_seen_by_linked_networks_alone(lab: Lab) -> None:
    record(lab, "A", "db", **a("10.0.0.9"))
    assert seen(lab, "db.contoso.com") == Said("NXDOMAIN", [])
    link(lab, "a")
    assert seen(lab, "db.contoso.com") == Said("NOERROR", ["10.0.0.9"])
    assert seen(lab, "db.contoso.com", of="") == Said("NXDOMAIN", [])
    lab.delete(f"Microsoft.Network/privateDnsZones/{ZONE}/virtualNetworkLinks", "to-a")
    assert seen(lab, "db.contoso.com") == Said("NXDOMAIN", [])


def test_the_zone_with_the_longest_name_decides_and_does_not_fall_back(lab: Lab) -> None:
    lab.put("privateDnsZones", "east.contoso.com", {}, location="global")
    record(lab, "A", "*", **a("10.0.0.9"))
    link(lab, "a")
    assert seen(lab, "x.east.contoso.com") == Said("NOERROR", ["10.0.0.9"])
    link(lab, "a", zone="east.contoso.com")
    assert seen(lab, "x.east.contoso.com") == Said("NXDOMAIN", [])


def test_an_alias_leads_from_zone_to_zone(lab: Lab) -> None:
    lab.put("privateDnsZones", "internal.test", {}, location="global")
    record(lab, "CNAME", "db", cnameRecord={"cname": "db1.internal.test"})
    record(lab, "A", "db1", zone="internal.test", **a("10.0.0.9"))
    link(lab, "a")
    assert seen(lab, "db.contoso.com") == Said("NXDOMAIN", ["-> db1.internal.test."])
    link(lab, "a", zone="internal.test")
    assert seen(lab, "db.contoso.com") == Said("NOERROR", ["-> db1.internal.test.", "10.0.0.9"])


def test_the_start_of_authority_is_azures_and_bounds_what_is_not_there(lab: Lab) -> None:
    link(lab, "a")
    answer = asked(world(lab.compile()), "nothing.contoso.com", of=A)
    assert (authority(answer), answer.authority[0].ttl) == (["contoso.com. SOA"], 10)
    expected = ["azureprivatedns.net. azureprivatedns-host.microsoft.com. 1 3600 300 2419200 10"]
    assert seen(lab, ZONE, "SOA").answer == expected


def test_a_deleted_and_recreated_network_is_no_longer_linked(lab: Lab) -> None:
    record(lab, "A", "db", **a("10.0.0.9"))
    lab.vnet("c", "10.9.0.0/16", subnets={"s": "10.9.0.0/24"})
    link(lab, "c")
    of = resource_id("virtualNetworks", "c").key
    assert seen(lab, "db.contoso.com", of=of).rcode == "NOERROR"
    lab.delete("virtualNetworks", "c")
    assert not [z for z in lab.compile().all(ZoneLink).values() if z.vrf == of]
    lab.vnet("c", "10.9.0.0/16", subnets={"s": "10.9.0.0/24"})
    assert seen(lab, "db.contoso.com", of=of).rcode == "NXDOMAIN"
    lab.put("privateDnsZones", "late.test", {}, location="global")
    with pytest.raises(Refused) as found:
        link(lab, "c", zone="late.test")
    assert found.value.codes == ["Conflict"]
    assert "already in use" in found.value.violations[0].message


# Registration.


def test_machines_register_and_take_their_name_along(lab: Lab) -> None:
    link(lab, "a", **REGISTERS)
    machine(lab, "late", "a/t")
    assert seen(lab, "late.contoso.com").answer == ["10.0.1.4"]
    lab.edit("Microsoft.Compute/virtualMachines", "late", power_state="deallocated")
    assert seen(lab, "late.contoso.com").answer == ["10.0.1.4"], "a name stands while its machine exists"
    lab.nic("late", "a/t", "10.0.1.77")
    assert seen(lab, "late.contoso.com").answer == ["10.0.1.77"]
    lab.delete("Microsoft.Compute/virtualMachines", "late")
    assert seen(lab, "late.contoso.com") == Said("NXDOMAIN", [])


def test_registered_names_live_for_ten_seconds(lab: Lab) -> None:
    link(lab, "a", **REGISTERS)
    assert asked(world(lab.compile()), "vneta-vm1.contoso.com", of=A).answer[0].ttl == 10


def test_a_name_the_user_wrote_wins(lab: Lab) -> None:
    link(lab, "a", **REGISTERS)
    record(lab, "A", "vneta-vm1", **a("10.0.0.99"))
    assert seen(lab, "vneta-vm1.contoso.com").answer == ["10.0.0.99"]
    lab.delete(f"Microsoft.Network/privateDnsZones/{ZONE}/A", "vneta-vm1")
    assert seen(lab, "vneta-vm1.contoso.com").answer == ["10.0.0.4"]


def test_only_the_primary_interface_gives_a_name(lab: Lab) -> None:
    link(lab, "a", **REGISTERS)
    lab.nic("second", "a/t")
    lab.nic("first", "a/s", "10.0.0.50")
    lab.vm("two", "first", "second")
    assert seen(lab, "two.contoso.com").answer == ["10.0.0.50"]
    assert seen(lab, "4.1.0.10.in-addr.arpa", "PTR") == Said("NXDOMAIN", [])


def test_a_name_that_is_no_label_is_not_registered(lab: Lab) -> None:
    lab.nic("odd", "a/t")
    lab.vm("odd", "odd", osProfile={"computerName": "x" * 64})
    assert seen(lab, f"odd.{domain(lab, 'a')}").rcode == "NXDOMAIN"


def test_what_is_registered_is_shown_as_such(lab: Lab) -> None:
    link(lab, "a", **REGISTERS)
    record(lab, "A", "db", **a("10.0.0.9"))
    listed = lab.act("privateDnsZones", ZONE, "ALL")["value"]
    flags = {(r["name"], r["type"].rsplit("/")[-1]): r["properties"]["isAutoRegistered"] for r in listed}
    machines = {("vneta-vm1", "A"): True, ("vneta-vm2", "A"): True}
    assert flags == {("@", "SOA"): False, ("db", "A"): False} | machines
    zone = lab.get("privateDnsZones", ZONE)
    kind = "Microsoft.Network/privateDnsZones/A"
    assert list(derived(zone.id, kind, lab.view)) == list(automatic(zone, lab.view))
    assert list(derived(zone.id, kind.replace("/A", "/TXT"), lab.view)) == []
    some = lab.act("privateDnsZones", ZONE, "ALL", **{"$recordsetnamesuffix": "vm1"})["value"]
    assert [r["name"] for r in some] == ["vneta-vm1"]


def test_a_zone_counts_its_sets_and_links(lab: Lab) -> None:
    link(lab, "a", **REGISTERS)
    link(lab, "b")
    found = lab.status(lab.get("privateDnsZones", ZONE))
    assert found == {
        "maxNumberOfRecordSets": 25000,
        "numberOfRecordSets": 3,
        "maxNumberOfVirtualNetworkLinks": 1000,
        "numberOfVirtualNetworkLinks": 2,
        "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
        "numberOfVirtualNetworkLinksWithRegistration": 1,
    }
    state = lab.status(lab.get(f"Microsoft.Network/privateDnsZones/{ZONE}/virtualNetworkLinks", "to-a"))
    assert state == {"virtualNetworkLinkState": "Completed"}


# The platform's own names.


def test_a_network_names_its_machines_itself_and_no_others(lab: Lab) -> None:
    assert seen(lab, f"vneta-vm2.{domain(lab, 'a')}") == Said("NOERROR", ["10.0.0.5"])
    assert seen(lab, f"vnetb-vm2.{domain(lab, 'b')}") == Said("NXDOMAIN", [])
    assert seen(lab, f"vneta-vm2.{domain(lab, 'a')}", of=B) == Said("NXDOMAIN", [])
    assert seen(lab, f"vneta-vm2.{domain(lab, 'a')}", of="") == Said("NXDOMAIN", [])


def test_every_network_has_the_resolver_and_is_seen_by_its_outbound_address(lab: Lab) -> None:
    found = lab.compile().all(PlatformResolver)
    assert {n: str(r.address) for n, r in found.items()} == {A: "168.63.129.16", B: "168.63.129.16"}
    assert found[A].seen_as == lab.get("virtualNetworks", "a").properties.default_outbound_address


def test_the_internet_is_asked_for_everything_else(lab: Lab) -> None:
    lab.put("dnszones", "fabrikam.com", {}, location="global")
    public = {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.1"}]}
    lab.put("Microsoft.Network/dnszones/fabrikam.com/A", "www", public, location=None)
    assert seen(lab, "www.fabrikam.com") == Said("NOERROR", ["203.0.113.1"])
    assert seen(lab, "www.fabrikam.com", "AAAA") == Said("NOERROR", [])
    assert seen(lab, "no.fabrikam.com") == Said("NXDOMAIN", [])
    assert seen(lab, "www.no-such-domain.test") == Said("NXDOMAIN", [])


def test_an_ipv6_machine_has_names_and_no_registration(lab: Lab) -> None:
    lab.vnet("six", "10.6.0.0/16", "fd00:6::/64", subnets={"s": {"addressPrefixes": ["10.6.0.0/24", "fd00:6::/64"]}})
    lab.nic("n", "six/s")
    lab.vm("n", "n")
    of = resource_id("virtualNetworks", "six").key
    assert seen(lab, f"n.{domain(lab, 'six')}", of=of) == Said("NOERROR", ["10.6.0.4"])
    assert seen(lab, f"n.{domain(lab, 'six')}", "AAAA", of=of) == Said("NOERROR", [])


# Refusals.


def test_two_zones_of_one_name_cannot_both_be_seen(lab: Lab) -> None:
    link(lab, "a")
    lab.put("privateDnsZones", "Contoso.com", {}, location="global", group=OTHER)
    with pytest.raises(Refused) as found:
        link(lab, "a", zone="Contoso.com", group=OTHER)
    assert found.value.codes == ["BadRequest"]
    assert found.value.violations[0].message == (
        "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link virtual "
        "network with 'Contoso.com' and 'contoso.com' zones."
    )


def test_a_network_registers_in_one_zone(lab: Lab) -> None:
    link(lab, "a", **REGISTERS)
    lab.put("privateDnsZones", "fabrikam.com", {}, location="global")
    link(lab, "a", zone="fabrikam.com")
    with pytest.raises(Refused, match="can only be linked to 1 Private DNS zone") as found:
        link(lab, "a", zone="fabrikam.com", **REGISTERS)
    assert found.value.codes == ["BadRequest"]


def test_a_zone_with_links_is_not_deleted(lab: Lab) -> None:
    link(lab, "a")
    with pytest.raises(Refused) as found:
        lab.delete("privateDnsZones", ZONE)
    assert found.value.codes == ["CannotDeleteResource"]
    lab.delete(f"Microsoft.Network/privateDnsZones/{ZONE}/virtualNetworkLinks", "to-a")
    lab.delete("privateDnsZones", ZONE)
    assert ZONE not in {z.fqdn for z in lab.compile().all(Zone).values()}


def test_a_link_needs_a_network_that_stays(lab: Lab) -> None:
    with pytest.raises(Refused) as found:
        lab.put(f"Microsoft.Network/privateDnsZones/{ZONE}/virtualNetworkLinks", "l", {}, location="global")
    assert found.value.codes == ["BadRequest"]
    link(lab, "a")
    kind = f"Microsoft.Network/privateDnsZones/{ZONE}/virtualNetworkLinks"
    with pytest.raises(Refused) as changed:
        lab.put(kind, "to-a", {"virtualNetwork": ref("virtualNetworks", "b")}, location="global")
    assert "PropertyChangeNotAllowed" in changed.value.codes


@pytest.mark.parametrize("kind", ["privateDnsZones", f"Microsoft.Network/privateDnsZones/{ZONE}/virtualNetworkLinks"])
def test_zones_and_links_are_nowhere(lab: Lab, kind: str) -> None:
    body = {"virtualNetwork": ref("virtualNetworks", "a")} if kind.endswith("Links") else {}
    with pytest.raises(Refused) as found:
        lab.put(kind, "fabrikam.com", body, location="westeurope")
    assert found.value.codes == ["LocationNotAvailableForResourceType"]


@pytest.mark.parametrize(
    ("limit", "value", "code"),
    [
        pytest.param("MAX_LINKS", 1, "VirtualNetworkLinkCountLimitReached", id="links of a zone"),
        pytest.param("MAX_REGISTRATIONS", 1, "VirtualNetworkLinkCountLimitReached", id="registering links of a zone"),
        pytest.param("MAX_ZONES_PER_NETWORK", 0, "BadRequest", id="zones of a network"),
    ],
)
def test_limits_of_links(lab: Lab, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, code: str) -> None:
    link(lab, "a", **REGISTERS)
    monkeypatch.setattr(f"lazulite.services.private_dns.validate.{limit}", value)
    with pytest.raises(Refused) as found:
        link(lab, "b", **REGISTERS)
    assert code in found.value.codes
    if value:
        link(lab, "a", **REGISTERS)  # what is there is not one more


def test_a_full_zone_takes_no_further_set(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lazulite.services.private_dns.validate.MAX_RECORD_SETS", 1)
    with pytest.raises(Refused) as found:
        record(lab, "A", "db", **a("10.0.0.9"))
    assert found.value.codes == ["RecordSetCountLimitReached"]


@pytest.mark.parametrize(
    ("rtype", "name", "body", "target"),
    [
        pytest.param("A", "db", {"ttl": 0, **a("10.0.0.1")}, "properties.TTL", id="a TTL of nothing"),
        pytest.param("CNAME", "@", {"cnameRecord": {"cname": "a.test"}}, "name", id="an alias at the apex"),
        pytest.param("CNAME", "mail", {"cnameRecord": {"cname": "a.test"}}, "name", id="an alias beside records"),
        pytest.param("TXT", "go", {"txtRecords": [{"value": ["x"]}]}, "name", id="records beside an alias"),
        pytest.param("SOA", "x", {"soaRecord": {}}, "name", id="a start of authority below the apex"),
        pytest.param("SOA", "@", {"soaRecord": {"host": "a.test"}}, "properties.soaRecord.host", id="its host"),
        pytest.param(
            "SRV",
            "sip",
            {"srvRecords": [{"priority": 1, "weight": 1, "port": 1, "target": "a.test"}]},
            "name",
            id="a service without a protocol",
        ),
        pytest.param(
            "A", "db", a(*(f"10.0.0.{i}" for i in range(21))), "properties.ARecords", id="more than twenty records"
        ),
    ],
)
def test_record_sets_that_are_refused(lab: Lab, rtype: str, name: str, body: Any, target: str) -> None:
    record(lab, "MX", "mail", mxRecords=[{"preference": 1, "exchange": "a.test"}])
    record(lab, "CNAME", "go", cnameRecord={"cname": "a.test"})
    with pytest.raises(Refused) as found:
        record(lab, rtype, name, **body)
    assert set(found.value.codes) == {"BadRequest"}
    assert target in [v.target for v in found.value.violations]


def test_the_start_of_authority_stays(lab: Lab) -> None:
    with pytest.raises(Refused) as found:
        lab.delete(f"Microsoft.Network/privateDnsZones/{ZONE}/SOA", "@")
    assert found.value.codes == ["BadRequest"]


@pytest.mark.parametrize(
    ("rtype", "body", "expected"),
    [
        pytest.param("AAAA", {"aaaaRecords": [{"ipv6Address": "fd00::1"}]}, ["fd00::1"], id="AAAA"),
        pytest.param("MX", {"mxRecords": [{"preference": 5, "exchange": "m.test"}]}, ["5 m.test."], id="MX"),
        pytest.param("PTR", {"ptrRecords": [{"ptrdname": "h.test"}]}, ["h.test."], id="PTR"),
        pytest.param("TXT", {"txtRecords": [{"value": ["a", "b"]}]}, ['"a" "b"'], id="TXT"),
    ],
)
def test_each_type_is_served_as_it_was_written(lab: Lab, rtype: str, body: Any, expected: list[str]) -> None:
    link(lab, "a")
    record(lab, rtype, "it", **body)
    assert seen(lab, "it.contoso.com", rtype) == Said("NOERROR", expected)
    assert set(SETS) >= {rtype}


def test_a_private_reverse_zone_is_more_specific_than_the_networks_own(lab: Lab) -> None:
    lab.put("privateDnsZones", "0.0.10.in-addr.arpa", {}, location="global")
    record(lab, "PTR", "4", zone="0.0.10.in-addr.arpa", ptrRecords=[{"ptrdname": "mine.test"}])
    link(lab, "a", zone="0.0.10.in-addr.arpa")
    assert seen(lab, "4.0.0.10.in-addr.arpa", "PTR").answer == ["mine.test."]
    assert seen(lab, "5.0.0.10.in-addr.arpa", "PTR") == Said("NXDOMAIN", [])


def test_names_of_the_platform_have_origins(lab: Lab) -> None:
    link(lab, "a", **REGISTERS)
    found = [r for r in lab.compile().all(RecordSet).values() if r.owner == "vneta-vm1"]
    assert {r.origin for r in found} == {resource_id("Microsoft.Compute/virtualMachines", "VNETa-VM1").text}
