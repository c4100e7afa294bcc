"""Zones through the protocol: sets that are born with them, sets that nobody wrote, conditions, groups that go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.arm.client import GROUP, Client, client
from tests.arm.test_every_type import NETWORK, SOUND, Everything

ZONE, PRIVATE = f"{NETWORK}/dnszones/contoso.com", f"{NETWORK}/privateDnsZones/corp.test"
GLOBAL = {"location": "global"}


@pytest.fixture
def arm() -> Iterator[Client]:
    with client(backend_type=Everything) as one:
        one.put(GROUP, {"location": "westeurope"})
        assert one.put(ZONE, GLOBAL).status == 201
        yield one


def a(*addresses: str, **more: Any) -> dict[str, Any]:
    return {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": x} for x in addresses]} | more}


def test_a_zone_is_born_with_its_apex_sets(arm: Client) -> None:
    ns, soa = (arm.get(f"{ZONE}/{t}/@").body for t in ("NS", "SOA"))
    assert ns["type"] == "Microsoft.Network/dnszones/NS"
    assert len(ns["properties"]["NSRecords"]) == 4
    assert soa["properties"]["SOARecord"]["host"] == "ns1-01.azure-dns.com."
    assert [r["name"] for r in arm.get(f"{ZONE}/SOA").body["value"]] == ["@"]
    assert arm.put(ZONE, GLOBAL | {"tags": {"a": "b"}}).status == 200
    assert arm.get(f"{ZONE}/NS/@").body == ns, "once"


def test_they_go_with_it(arm: Client) -> None:
    assert arm.delete(f"{ZONE}/NS/@").outcome == (400, "BadRequest")
    assert arm.delete(ZONE).status == 200
    assert arm.get(f"{ZONE}/NS/@").status == 404
    assert [k for k in arm.backend.store.snapshot.resources if "dnszones" in k] == []


def test_a_group_takes_zones_links_and_sets_along(arm: Client) -> None:
    network = {"location": "westeurope", "properties": SOUND["Microsoft.Network/virtualNetworks"]}
    arm.put(f"{NETWORK}/virtualNetworks/aaa", network)
    arm.put(PRIVATE, GLOBAL)
    linked = {"virtualNetwork": {"id": f"{NETWORK}/virtualNetworks/aaa"}}
    assert arm.put(f"{PRIVATE}/virtualNetworkLinks/l", GLOBAL | {"properties": linked}).status == 201
    assert arm.delete(PRIVATE).status in (400, 409)
    assert arm.delete(GROUP).status == 202
    assert [k for k in arm.backend.store.snapshot.resources if "zones" in k] == []


def test_writes_of_a_set_are_created_then_updated_then_gone(arm: Client) -> None:
    assert arm.put(f"{ZONE}/A/www", a("10.0.0.1")).status == 201
    assert arm.put(f"{ZONE}/A/www", a("10.0.0.2")).status == 200
    assert arm.delete(f"{ZONE}/A/www").status == 200
    assert arm.delete(f"{ZONE}/A/www").status == 204
    assert arm.put(f"{NETWORK}/dnszones/other.com/A/www", a("10.0.0.1")).outcome == (404, "ParentResourceNotFound")


def test_conditions_of_a_set(arm: Client) -> None:
    """Source: facts/dns.md, D6."""
    path = f"{ZONE}/A/www"
    assert arm.put(path, a("10.0.0.1"), {"if-match": "*"}).outcome == (412, "PreconditionFailed")
    first = arm.put(path, a("10.0.0.1"), {"if-none-match": "*"})
    assert first.status == 201
    assert arm.put(path, a("10.0.0.2"), {"if-none-match": "*"}).outcome == (412, "PreconditionFailed")
    assert arm.put(path, a("10.0.0.2"), {"if-match": first.body["etag"]}).status == 200
    assert arm.put(path, a("10.0.0.3"), {"if-match": first.body["etag"]}).outcome == (412, "PreconditionFailed")
    assert arm.delete(path, {"if-match": first.body["etag"]}).outcome == (412, "PreconditionFailed")
    assert arm.put(path, a("10.0.0.4"), {"if-match": "*"}).status == 200


@pytest.mark.parametrize("nothing", [{}, {"id": None}], ids=["empty", "null"])
def test_a_reference_to_nothing_is_none(arm: Client, nothing: Any) -> None:
    answer = arm.put(f"{ZONE}/A/www", a("10.0.0.1", targetResource=nothing))
    assert (answer.status, answer.body["properties"]["targetResource"]) == (201, {})


def test_what_a_set_does_not_have_is_refused_by_name(arm: Client) -> None:
    answer = arm.put(f"{ZONE}/A/www", {"properties": {"TTL": 60, "MXRecords": []}})
    assert answer.outcome == (400, "InvalidRequestFormat")
    assert "MXRecords" in answer.error["message"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param("dnszones", "com", id="a zone of one label"),
        pytest.param("dnszones", "a_b.c d", id="a zone with a blank"),
        pytest.param("dnszones/contoso.com/A", "a..b", id="a set with an empty label"),
        pytest.param("dnszones/contoso.com/A", "a.*", id="a wildcard that does not come first"),
    ],
)
def test_names_that_are_none(arm: Client, kind: str, name: str) -> None:
    answer = arm.put(f"{NETWORK}/{kind}/{name}", GLOBAL if "/" not in kind else a("10.0.0.1"))
    assert answer.outcome == (400, "InvalidResourceName")


def test_sets_that_nobody_wrote_are_shown_until_somebody_does(arm: Client) -> None:
    """The machine of the furnished group registers itself."""
    for kind in ("virtualNetworks", "networkInterfaces"):
        body = {"location": "westeurope", "properties": SOUND[f"Microsoft.Network/{kind}"]}
        assert arm.put(f"{NETWORK}/{kind}/aaa", body).status == 201
    machine = {"location": "westeurope", "properties": SOUND["Microsoft.Compute/virtualMachines"]}
    assert arm.put(f"{GROUP}/providers/Microsoft.Compute/virtualMachines/aaa", machine).status == 201
    arm.put(PRIVATE, GLOBAL)
    linked = {"virtualNetwork": {"id": f"{NETWORK}/virtualNetworks/aaa"}, "registrationEnabled": True}
    arm.put(f"{PRIVATE}/virtualNetworkLinks/l", GLOBAL | {"properties": linked})
    (found,) = arm.get(f"{PRIVATE}/A").body["value"]
    assert found == arm.get(f"{PRIVATE}/A/a").body
    assert found["properties"]["isAutoRegistered"] is True
    assert arm.get(f"{PRIVATE}/A/b").status == 404
    written = {"properties": {"ttl": 5, "aRecords": [{"ipv4Address": "10.9.9.9"}]}}
    assert arm.put(f"{PRIVATE}/A/a", written).status == 201
    (found,) = arm.get(f"{PRIVATE}/A").body["value"]
    assert (found["properties"]["ttl"], found["properties"]["isAutoRegistered"]) == (5, False)
    assert arm.delete(f"{PRIVATE}/A/a").status == 200
    assert arm.get(f"{PRIVATE}/A/a").body["properties"]["isAutoRegistered"] is True
    names = [(r["name"], r["type"].rsplit("/", 1)[1]) for r in arm.get(f"{PRIVATE}/ALL").body["value"]]
    assert names == [("@", "SOA"), ("a", "A")]


def test_lists_of_a_zone_are_found_in_any_case(arm: Client) -> None:
    for path in (f"{ZONE}/recordsets", f"{ZONE}/all", ZONE.replace("dnszones", "dnsZones") + "/recordSets"):
        assert len(arm.get(path).body["value"]) == 2
