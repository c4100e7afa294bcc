"""Scenarios 16 and 45 to 49 with the SDK and az; proven by what clients of several countries resolve."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.dns import models as dns
from azure.mgmt.trafficmanager import models as tm

from lazulite.cli.dig import ask
from lazulite.testing import Lab
from tests.clients.az import Az, AzError
from tests.clients.sdk import Sdk

covers = pytest.mark.covers
PROFILES = "Microsoft.Network/trafficManagerProfiles"
ENDPOINTS = f"{PROFILES}/externalEndpoints"
COUNTRIES = {"de": "DE", "us": "US", "jp": "JP"}


@pytest.fixture
def visitors(lab: Lab, group: str) -> dict[str, str]:
    """A host in each of three countries, and its address."""
    found = {}
    for name, country in COUNTRIES.items():
        path = f"{lab.client.subscription}/resourceGroups/{group}/providers/Lazulite.Lab/clients/{name}"
        found[name] = lab.client.put(path, {"properties": {"country": country}})["properties"]["ipAddress"]
    return found


def seen(lab: Lab, group: str, name: str, rtype: str = "CNAME") -> dict[str, list[str]]:
    """By client, what the name leads to."""

    def data(client: str) -> list[str]:
        wanted = {"name": name, "type": rtype, "server": "", "walk": False}
        step = ask(lab.client, f"{group}/{client}", wanted)["steps"][-1]
        return sorted(r["data"].removesuffix(".example.com.") for r in step["answer"])

    return {client: data(client) for client in COUNTRIES}


def external(name: str, target: str = "", **more: Any) -> Any:
    said = {"target": target or f"{name}.example.com", "always_serve": "Enabled"} | more
    return tm.Endpoint(name=name, type=ENDPOINTS, **said)


def profile(sdk: Sdk, group: str, method: str, *endpoints: Any, **more: Any) -> Any:
    name = f"{group}-{method.lower()}"
    made = tm.Profile(
        location="global",
        traffic_routing_method=method,
        dns_config=tm.DnsConfig(relative_name=name, ttl=0),
        monitor_config=tm.MonitorConfig(protocol="HTTP", port=80, path="/"),
        endpoints=list(endpoints),
        **more,
    )
    return sdk.traffic.profiles.create_or_update(group, name, made)


@covers(PROFILES, "create", "show", "list", "delete", client="sdk")
def test_45_clients_are_led_to_the_nearest_endpoint(lab: Lab, sdk: Sdk, group: str, visitors: dict[str, str]) -> None:
    made = profile(
        sdk,
        group,
        "Performance",
        external("europe", endpoint_location="West Europe"),
        external("america", endpoint_location="East US"),
        external("asia", endpoint_location="Japan East"),
    )
    assert made.dns_config.fqdn == f"{made.name}.trafficmanager.net"
    assert [e.name for e in made.endpoints] == ["europe", "america", "asia"]
    assert made.monitor_config.timeout_in_seconds == 10
    assert seen(lab, group, made.dns_config.fqdn) == {"de": ["europe"], "us": ["america"], "jp": ["asia"]}
    assert [p.name for p in sdk.traffic.profiles.list_by_resource_group(group)] == [made.name]
    assert made.name in [p.name for p in sdk.traffic.profiles.list_by_subscription()]
    sdk.traffic.profiles.delete(group, made.name)
    with pytest.raises(ResourceNotFoundError):
        sdk.traffic.profiles.get(group, made.name)
    assert seen(lab, group, made.dns_config.fqdn) == {"de": [], "us": [], "jp": []}


@covers(PROFILES, "update", client="sdk")
@covers(ENDPOINTS, "create", "show", "update", "delete", client="sdk")
def test_46_the_first_endpoint_in_order_is_named(lab: Lab, sdk: Sdk, group: str, visitors: dict[str, str]) -> None:
    made = profile(sdk, group, "Priority", external("main"))
    second = external("spare")
    put = sdk.traffic.endpoints.create_or_update(group, made.name, "externalEndpoints", "spare", second)
    assert (put.priority, put.endpoint_monitor_status) == (2, "Unmonitored")
    fqdn = made.dns_config.fqdn
    assert seen(lab, group, fqdn)["de"] == ["main"]
    off = tm.Endpoint(endpoint_status="Disabled")
    changed = sdk.traffic.endpoints.update(group, made.name, "externalEndpoints", "main", off)
    assert (changed.endpoint_status, changed.endpoint_monitor_status) == ("Disabled", "Disabled")
    assert seen(lab, group, fqdn)["de"] == ["spare"]
    sdk.traffic.endpoints.delete(group, made.name, "externalEndpoints", "main")
    assert [e.name for e in sdk.traffic.profiles.get(group, made.name).endpoints] == ["spare"]
    shown = sdk.traffic.profiles.update(group, made.name, tm.Profile(profile_status="Disabled"))
    assert (shown.profile_status, shown.monitor_config.profile_monitor_status) == ("Disabled", "Disabled")
    assert seen(lab, group, fqdn)["de"] == []


def test_47_endpoints_share_by_their_weights(lab: Lab, sdk: Sdk, group: str, visitors: dict[str, str]) -> None:
    made = profile(sdk, group, "Weighted", external("a", weight=1), external("b", weight=1))
    found = {seen(lab, group, made.dns_config.fqdn)[c][0] for _ in range(15) for c in COUNTRIES}
    assert found == {"a", "b"}, "missed by one in 2^44"


def test_48_clients_are_led_by_their_regions(lab: Lab, sdk: Sdk, group: str, visitors: dict[str, str]) -> None:
    ends = external("german", geo_mapping=["DE"]), external("others", geo_mapping=["GEO-EU", "GEO-AS"])
    made = profile(sdk, group, "Geographic", *ends)
    assert seen(lab, group, made.dns_config.fqdn) == {"de": ["german"], "us": [], "jp": ["others"]}
    tree = sdk.traffic.geographic_hierarchies.get_default().geographic_hierarchy
    assert (tree.code, len(tree.regions)) == ("WORLD", 8)
    with pytest.raises(HttpResponseError) as refused:
        profile(sdk, group, "Geographic", external("a", geo_mapping=["DE"]), external("b", geo_mapping=["DE"]))
    assert (refused.value.status_code, refused.value.error.code) == (400, "BadRequest")


def test_49_clients_are_led_by_their_subnets_and_told_several(
    lab: Lab, sdk: Sdk, group: str, visitors: dict[str, str]
) -> None:
    own = [tm.EndpointPropertiesSubnetsItem(first=visitors["jp"], last=visitors["jp"])]
    made = profile(sdk, group, "Subnet", external("mine", subnets=own), external("rest"))
    assert seen(lab, group, made.dns_config.fqdn) == {"de": ["rest"], "us": ["rest"], "jp": ["mine"]}
    ends = [external(f"n{i}", f"8.8.8.{i}") for i in range(1, 4)]
    many = profile(sdk, group, "MultiValue", *ends, max_return=2)
    assert {len(v) for v in seen(lab, group, many.dns_config.fqdn, "A").values()} == {2}


def test_16_an_alias_at_the_apex_follows_a_profile(lab: Lab, sdk: Sdk, group: str, visitors: dict[str, str]) -> None:
    made = profile(sdk, group, "Priority", external("a", "8.8.8.8"), external("b", "8.8.4.4"))
    sdk.dns.zones.create_or_update(group, "apex.example", dns.Zone(location="global"))
    target = dns.RecordSet(ttl=60, target_resource=dns.SubResource(id=made.id))
    sdk.dns.record_sets.create_or_update(group, "apex.example", "@", "A", target)
    assert seen(lab, group, "apex.example", "A")["us"] == ["8.8.8.8"]
    off = tm.Endpoint(endpoint_status="Disabled")
    sdk.traffic.endpoints.update(group, made.name, "externalEndpoints", "a", off)
    assert seen(lab, group, "apex.example", "A")["us"] == ["8.8.4.4"]
    sdk.traffic.profiles.delete(group, made.name)
    assert seen(lab, group, "apex.example", "A")["us"] == []
    sdk.dns.zones.begin_delete(group, "apex.example").result()


@covers(PROFILES, "create", "show", "list", "update", "check-dns", "delete", client="az")
@covers(ENDPOINTS, "create", "show", "list", "update", "delete", client="az")
def test_profiles_and_endpoints_with_az(lab: Lab, az: Az, group: str, visitors: dict[str, str]) -> None:
    name = f"{group}-az"
    assert az("network traffic-manager profile check-dns -n {n}", n=name)["nameAvailable"]
    made = "network traffic-manager profile create -g {g} -n p --routing-method Priority --unique-dns-name {n} --ttl 5"
    az(f"{made} --interval 10 --timeout 5 --max-failures 1", g=group, n=name)
    assert not az("network traffic-manager profile check-dns -n {n}", n=name)["nameAvailable"]
    with pytest.raises(AzError, match="already exists"):
        az(made.replace("-n p", "-n q"), g=group, n=name)
    end = "network traffic-manager endpoint {verb} -g {g} --profile-name p --type externalEndpoints -n {e}"
    serve = f"{end} --target {{t}} --always-serve Enabled"
    for each in ("one", "two"):
        az(serve, verb="create", g=group, e=each, t=f"{each}.example.com")
    assert seen(lab, group, f"{name}.trafficmanager.net")["jp"] == ["one"]
    az(f"{end} --endpoint-status Disabled", verb="update", g=group, e="one")
    assert az(end, verb="show", g=group, e="one")["endpointMonitorStatus"] == "Disabled"
    assert seen(lab, group, f"{name}.trafficmanager.net")["jp"] == ["two"]
    az(end, verb="delete", g=group, e="one")
    listed = az("network traffic-manager endpoint list -g {g} --profile-name p", g=group)
    assert [e["name"] for e in listed] == ["two"]
    az("network traffic-manager profile update -g {g} -n p --ttl 7", g=group)
    assert az("network traffic-manager profile show -g {g} -n p", g=group)["dnsConfig"]["ttl"] == 7
    assert az("network traffic-manager endpoint show-geographic-hierarchy")["geographicHierarchy"]["code"] == "WORLD"
    az("network traffic-manager profile delete -g {g} -n p", g=group)
    assert az("network traffic-manager profile list -g {g}", g=group) == []


@covers(f"{PROFILES}/heatMaps", "show", client="sdk")
def test_a_heat_map_with_the_sdk(sdk: Sdk, group: str, visitors: dict[str, str]) -> None:
    here = external("here", endpoint_location="westeurope")
    made = profile(sdk, group, "Performance", here, traffic_view_enrollment_status="Enabled")
    found = sdk.traffic.heat_map.get(group, made.name, "default").properties
    assert [e.resource_id for e in found.endpoints] == [made.endpoints[0].id]
    flows = {f.source_ip: f.query_experiences[0].latency for f in found.traffic_flows}
    assert set(visitors.values()) <= flows.keys()
    assert flows[visitors["de"]] < flows[visitors["us"]] < flows[visitors["jp"]]
    nowhere = sdk.traffic.heat_map.get(group, made.name, "default", top_left=[0, 0], bot_right=[-90, 1])
    assert nowhere.properties.traffic_flows == []
    plain = profile(sdk, group, "Weighted", external("other"))
    with pytest.raises(HttpResponseError, match="Traffic View is not enabled"):
        sdk.traffic.heat_map.get(group, plain.name, "default")


@covers("Microsoft.Network/trafficManagerUserMetricsKeys", "create", "show", "delete", client="sdk")
def test_a_key_of_real_user_measurements_with_the_sdk(sdk: Sdk) -> None:
    keys = sdk.traffic.traffic_manager_user_metrics_keys
    made = keys.create_or_update().properties.key
    assert keys.get().properties.key == made == keys.create_or_update().properties.key
    keys.delete()
    with pytest.raises(ResourceNotFoundError):
        keys.get()
    assert keys.create_or_update().properties.key != made
    keys.delete()
